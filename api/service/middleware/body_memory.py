"""Memory budget of request bodies: the bytes of all that are being read or answered, and when there are too many.

A body is held several times over while it is parsed, and sixty of thirty megabytes at once took 3.6 GB. Small ones are
always taken: a flood of pictures must not keep searches out.
"""

from __future__ import annotations

from vasari.retrieval.errors import OverloadedError

_SMALL = 64 * 1024  # bytes of a body that are not counted


class HeldBodies:
    """At most `most` bytes in all. Used by one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.held = 0

    def take(self, came: int, so_far: int) -> int:
        """Take up what came of a body that had `so_far` bytes: how much is to be given back; or OverloadedError."""
        if so_far + came <= _SMALL:
            return 0
        size = came if so_far > _SMALL else so_far + came
        if self.held + size > self._most:
            raise OverloadedError(
                "the service reads other large requests already; try again in a moment", 2.0
            )
        self.held += size
        return size

    def give_back(self, size: int) -> None:
        """Forget bytes that were taken up."""
        self.held -= size
