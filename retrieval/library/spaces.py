"""The embedding spaces of a library: how complete each is, which one is searched, and taking one away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vasari.retrieval.domain import EmbeddingSpace, FairRanking, Modality, TunedRerank
from vasari.retrieval.errors import NotFoundError, UsageError
from vasari.retrieval.models.exported.image import chosen_precision
from vasari.retrieval.vectors.generation import remove_generations

if TYPE_CHECKING:
    from vasari.retrieval.library.ports import Contents

_FOLDERS = ("segments", "generations", "models")


@dataclass(frozen=True, slots=True)
class SpaceState:
    """What a space holds."""

    space: EmbeddingSpace
    default: bool
    vectors: Mapping[Modality, int]  # live items with a vector
    absent: Mapping[Modality, int]  # live items without one
    bytes: int  # on disk: vectors, indexes and exported models
    precision: str | None = None  # of the form that encodes its pictures on CPUs, where one was chosen
    fair: FairRanking | None = None  # how answers to words are ranked
    reranking: TunedRerank | None = None  # where it is not as usual

    @property
    def complete(self) -> bool:
        """Whether all items have a vector."""
        return not any(self.absent.values())


def states(library: Contents) -> list[SpaceState]:
    """All spaces, oldest first."""
    catalog = library.catalog
    default = catalog.spaces.default()
    counts = {modality: catalog.items.count(modality) for modality in Modality}
    return [_state(library, space, space == default, counts) for space in catalog.spaces.all()]


def find(library: Contents, name: str) -> EmbeddingSpace:
    """The space of this name, or of the model with this reference; NotFoundError tells which there are."""
    known = library.catalog.spaces.all()
    found = [space for space in known if name == space.name] or [
        space for space in known if name == space.model
    ]
    if not found:
        names = ", ".join(space.name for space in known) or "none"
        raise NotFoundError(f"this library has no space {name!r}, it has: {names}")
    if len(found) > 1:
        names = ", ".join(space.name for space in found)
        raise UsageError(f"several spaces were made by the model {name!r}: name one of {names}")
    return found[0]


def use(library: Contents, name: str) -> EmbeddingSpace:
    """Make a space the default."""
    space = find(library, name)
    library.catalog.spaces.set_default(space.name)
    return space


def drop(library: Contents, name: str, *, force: bool = False) -> EmbeddingSpace:
    """Forget a space with its vectors and files.

    One transaction forgets it, then its files go: killed in between, it leaves files that belong to nothing, which
    `sweep` removes. Searches under way finish on the files that they have open. With `force` the default can go too:
    the fullest of the others takes its place.
    """
    space = find(library, name)
    catalog = library.catalog
    if space == catalog.spaces.default() and not force:
        raise UsageError(
            f"{space.name} is what searches use: switch to another by `vasari spaces use`, or drop it by --force"
        )
    with catalog.lease.acquire("vasari spaces drop"):
        catalog.spaces.drop(space.name)
        sweep(library)
        others = [state for state in states(library) if state.space != space]
        if catalog.spaces.default() is None and others:
            fullest = max(others, key=lambda state: sum(state.vectors.values()))
            catalog.spaces.set_default(fullest.space.name)
    return space


def sweep(library: Contents) -> None:
    """Remove what spaces that are dropped left on disk. Only for the holder of the library's lease.

    A space is entered in the catalog before its first file is written: a folder of another name belongs to nothing.
    """
    known = {space.name for space in library.catalog.spaces.all()}
    for name in _FOLDERS:
        for path in _folders(library.root / name):
            if path.name not in known and not path.name.startswith("."):
                if name == "generations":  # some lie in a vector store
                    for modality in _folders(path):
                        remove_generations(modality, keep=[])
                shutil.rmtree(path)


def _state(
    library: Contents, space: EmbeddingSpace, default: bool, counts: Mapping[Modality, int]
) -> SpaceState:
    vectors = {modality: len(library.gallery(modality, space)) for modality in Modality}
    absent = {modality: max(counts[modality] - vectors[modality], 0) for modality in Modality}
    size = sum(_size(library.root / name / space.name) for name in _FOLDERS)
    precision = chosen_precision(library.root / "models" / space.name)
    fair = library.catalog.spaces.fair_ranking(space.name)
    reranking = library.catalog.spaces.reranking(space.name)
    return SpaceState(space, default, vectors, absent, size, precision, fair, reranking)


def _folders(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        yield from (path for path in sorted(directory.iterdir()) if path.is_dir() and not path.is_symlink())


def _size(directory: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
