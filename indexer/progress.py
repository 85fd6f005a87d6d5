"""Progress events and report of a job. The core reports; who called it decides what to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol

from vasari.indexer.aliases import Alias
from vasari.indexer.removal import Withheld

Stage = Literal["list", "read", "decode", "encode", "commit"]


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """A moment of a job."""

    # "listing", "trying" (forms of the model), "indexing", "reading metadata", "removing", "comparing", "building"
    phase: str
    done: int = 0  # files of `total` that were dealt with
    total: int = 0
    failed: int = 0
    images_per_second: float = 0.0  # embedded, over the last seconds
    bottleneck: Stage | None = None  # the stage that the others wait for
    told: str | None = None  # a sentence for people, to be shown when it comes


class Progress(Protocol):
    """Hears of every batch and phase; must return quickly, since the encoder waits for it."""

    def update(self, event: ProgressEvent) -> None:
        """Called from the job's own thread, some times a second."""
        ...


class Silent:
    """Shows nothing."""

    def update(self, event: ProgressEvent) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a job did, in files. `failed` counts all that cannot be used, also those not tried again.

    `removed` are hidden until their content is seen again; `withheld` tells of places that lost so much that nothing
    was removed.
    """

    added: int = 0
    updated: int = 0  # content changed, or embedded by a new model
    moved: int = 0
    restored: int = 0  # missing ones that are back
    removed: int = 0
    described: int = 0  # the same pictures, of which a sidecar or a table says something else
    unchanged: int = 0
    failed: int = 0
    seconds: float = 0.0
    images_per_second: float = 0.0  # embedded ones, over the whole job
    bottleneck: Stage | None = None
    interrupted: bool = False
    withheld: tuple[Withheld, ...] = ()
    aliases: tuple[Alias, ...] = ()  # folders that the library has under another path already
    # Files that were taken for no pictures, by `LeftOut`.
    skipped: Mapping[str, int] = field(default_factory=dict)
    form: str | None = None  # what was chosen to encode a new space, in a sentence
    facts: int = 0  # pictures of an older library whose files were asked for all their metadata

    @property
    def changed(self) -> int:
        """Items that are another than before."""
        return self.added + self.updated + self.moved + self.restored + self.removed

    @property
    def found_nothing(self) -> bool:
        """Whether the source has no pictures, and had none; those that the library has by another path are some."""
        seen = self.changed or self.described or self.unchanged or self.failed or self.aliases
        return not (seen or self.withheld or self.interrupted)

    def with_texts(self, texts: IndexReport) -> IndexReport:
        """This job over pictures and one over texts as one."""
        seconds = self.seconds + texts.seconds
        embedded = self.images_per_second * self.seconds + texts.images_per_second * texts.seconds
        return replace(
            self,
            updated=self.updated + texts.updated,
            failed=self.failed + texts.failed,
            seconds=seconds,
            images_per_second=embedded / seconds if seconds else 0.0,
            interrupted=texts.interrupted,
        )

    def as_json(self) -> dict[str, Any]:
        """The fields, with figures rounded for people."""
        rounded = {"seconds": round(self.seconds, 3), "images_per_second": round(self.images_per_second, 2)}
        return {**asdict(self), **rounded, "notes": self.notes}

    @property
    def notes(self) -> list[str]:
        """A sentence each: what encodes a new space, folders that the library has already, doubted removals."""
        own = [note for note in (self.form, self.facts_note) if note]
        return [*own, *map(str, self.aliases), *map(str, self.withheld)]

    @property
    def facts_note(self) -> str | None:
        """What was done about pictures that were indexed before their metadata was read in full."""
        if not self.facts:
            return None
        were = "picture was" if self.facts == 1 else "pictures were"
        return f"{self.facts:,} {were} indexed before IPTC, XMP and places were read: what their files say is known now"


@dataclass(slots=True)
class Stopwatch:
    """Where the time of a job goes, in seconds; `read` and `decode` are added up over threads."""

    listing: float = 0.0
    read: float = 0.0
    decode: float = 0.0
    encode: float = 0.0
    commit: float = 0.0
    waiting: float = 0.0  # the encoder's side had nothing to do

    @property
    def bottleneck(self) -> Stage | None:
        """What took most of the job's own thread; waiting for pixels is the fault of reading or decoding."""
        shares: dict[Stage, float] = {
            "list": self.listing,
            "decode" if self.decode >= self.read else "read": self.waiting,
            "encode": self.encode,
            "commit": self.commit,
        }
        stage = max(shares, key=lambda stage: shares[stage])
        return stage if shares[stage] > 0 else None
