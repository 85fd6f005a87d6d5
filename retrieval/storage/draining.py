"""Draining sink: a file to write to whose bytes are taken away while it is made, so that it can be sent (streamed)."""

from __future__ import annotations

import io


class Sink(io.RawIOBase):
    """What was written and not been taken yet; it has no beginning to go back to."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: object) -> int:
        """Hold the bytes of `data`; how many they are."""
        piece = bytes(data)  # type: ignore[call-overload]
        self._held += piece
        return len(piece)

    def taken(self) -> bytes:
        """What is held, which is held no more."""
        piece = bytes(self._held)
        self._held.clear()
        return piece
