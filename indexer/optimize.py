"""Model optimisation (export and quantisation): made, compared on the user's pictures, switched on.

Nothing is switched before the comparison, and nothing whose vectors are too far off unless it is forced: the vectors
that are in the library already stay, and new ones are compared with them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import EmbeddingSpace, Modality, UnitVectors
from vasari.retrieval.errors import ImageError, NotFoundError, UnsupportedError, UsageError
from vasari.retrieval.images.decode import decode
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.exported.image import (
    EXPORTED,
    FILES,
    SETTINGS_FILE,
    EncodePrepared,
    Engine,
    open_tower,
    write_settings,
)
from vasari.retrieval.models.exported.session import note_files
from vasari.retrieval.models.ports import DualEncoder
from vasari.retrieval.search.relevance import BACKGROUND
from vasari.retrieval.storage.local_files import IMAGE_SUFFIXES, read_file

if TYPE_CHECKING:
    from vasari.retrieval.models.clip.encoder import OpenClipEncoder

OptimizedPrecision = Literal["int8", "float32", "bfloat16"]

_EVERY_FILE = (SETTINGS_FILE, *(name for names in FILES.values() for name in names))
_FEWEST = 8  # pictures: fewer say nothing
_BATCH = 16
_QUERIES = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """How far off the vectors may be: least cosines with the model's own, and least recall of what those find."""

    cosine_mean: float = 0.999
    cosine_min: float = 0.995
    recall: float = 0.9


@dataclass(frozen=True, slots=True)
class OptimizeReport:
    """What the faster form is worth, and what it costs."""

    space: str
    model: str
    precision: str
    engine: str  # what computes it: onednn, onnx, or torch for the model itself
    pictures: int
    cosine_mean: float  # of its vectors with those of the model in float32 on fully decoded pictures
    cosine_min: float
    recall_at: int
    text_recall: float  # share of the pictures found for texts by the model's own vectors that it finds too
    image_recall: float  # the same for pictures as queries
    texts: str  # what the texts were
    images_per_second: float
    images_per_second_before: float
    switched: bool = False

    too_far: str | None = None  # why it should not be switched on

    def as_json(self) -> dict[str, Any]:
        """The fields, rounded."""
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(self).items()}

    def judged(self, limits: Limits) -> OptimizeReport:
        """With the reason against it, where there is one."""
        checks = (
            ("mean cosine", self.cosine_mean, limits.cosine_mean),
            ("least cosine", self.cosine_min, limits.cosine_min),
            (f"recall@{self.recall_at} of texts", self.text_recall, limits.recall),
        )
        words = (f"{name} {value:.4f} is below {least}" for name, value, least in checks if value < least)
        return replace(self, too_far=next(words, None))


def optimize(
    library: Library,
    space: EmbeddingSpace,
    pictures: Sequence[bytes],
    *,
    precision: OptimizedPrecision = "int8",
    force: bool = False,
    dry_run: bool = False,
    limits: Limits | None = None,
) -> OptimizeReport:
    """Make the faster form of a space's model, compare on `pictures` (encoded), and switch it on where it is near.

    Of the engines that can compute it here, it takes the fastest whose vectors are near enough.
    Raises UsageError when it is too far off and not forced, or where there are too few pictures; UnsupportedError for
    a model or a device that has no such form; LibraryLockedError while a job writes the library.
    """
    from vasari.retrieval.models.clip.encoder import OpenClipEncoder

    if len(pictures) < _FEWEST:
        raise UsageError(
            f"only {len(pictures)} pictures to measure with: give a folder with --photos (at least {_FEWEST})"
        )
    settings = library.settings
    own = OpenClipEncoder.load(space.model, device=settings.device, threads=settings.threads)
    if own.device != "cpu":
        raise UnsupportedError(
            f"this is for CPUs: on {own.device} the model runs in {own.precision} as it is"
        )
    full = own if own.precision == "float32" else _loaded(library, space, "float32")
    if full.space.name != space.name:
        raise NotFoundError(
            f"the model {space.model!r} has other weights than those of the space {space.name!r}"
        )
    with _scratch(library.models_directory(space)) as scratch:
        for engine in _engines(full, precision):
            encode = _made(library, space, full, precision, engine, pictures, scratch)
            found = _compared(library, space, full, own, encode, pictures, (precision, engine))
            found = found.judged(limits or Limits())
            if not found.too_far:
                break
        if found.too_far and not (force or dry_run):
            raise UsageError(f"not switched: {found.too_far} (--force switches all the same)")
        if dry_run:
            return found
        report = replace(found, switched=True)
        write_settings(scratch, precision, engine, full.towers.image, report.as_json())
        with library.catalog.lease.acquire("vasari models optimize"):
            _switch(scratch, library.models_directory(space), engine)
    return report


def switch_off(library: Library, space: EmbeddingSpace) -> bool:
    """Go back to the model as it is; says whether a faster form was switched on."""
    directory = library.models_directory(space)
    was_on = (directory / SETTINGS_FILE).is_file()
    with library.catalog.lease.acquire("vasari models optimize"):
        _clear(directory)
    return was_on


def own_pictures(library: Library, count: int) -> list[bytes]:
    """Up to `count` pictures of the library, evenly spread; those that cannot be read any more are passed over."""
    known = [file.id for file in library.catalog.items.known_files(Modality.IMAGE)]
    chosen = [
        known[i] for i in np.unique(np.linspace(0, max(len(known) - 1, 0), min(count, len(known)), dtype=int))
    ]
    found = []
    for item in library.items(chosen).values():
        with suppress(ImageError):
            found.append(library.original_of(item))
    return found


def pictures_below(folder: Path, count: int, limits: ImageLimits) -> list[bytes]:
    """Up to `count` pictures of a folder, evenly spread."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise NotFoundError(f"there are no pictures in {folder}")
    return [read_file(p, limits) for p in paths[:: max(len(paths) // count, 1)][:count]]


def _loaded(library: Library, space: EmbeddingSpace, precision: Any) -> Any:
    from vasari.retrieval.models.clip.encoder import OpenClipEncoder

    return OpenClipEncoder.load(
        space.model, device="cpu", precision=precision, threads=library.settings.threads
    )


def _engines(full: OpenClipEncoder, precision: OptimizedPrecision) -> list[Engine | None]:
    """What can compute the model in this precision here, the fastest first; None is the model itself."""
    if precision not in EXPORTED:
        return [None]
    from vasari.retrieval.models.export.image_graph import can_write
    from vasari.retrieval.models.exported.image_int8 import can_run

    static = precision == "int8" and can_run() and can_write(full.towers.model.visual)
    return [Engine.ONEDNN, Engine.ONNX] if static else [Engine.ONNX]


def _made(
    library: Library,
    space: EmbeddingSpace,
    full: OpenClipEncoder,
    precision: OptimizedPrecision,
    engine: Engine | None,
    pictures: Sequence[bytes],
    scratch: Path,
) -> EncodePrepared:
    """The faster form; where it needs to know the ranges of activations, every second picture shows them."""
    if engine is None:
        encode: EncodePrepared = _loaded(library, space, precision).embed_images
        return encode
    from vasari.retrieval.models.export.image import export_calibrated, export_image_tower

    if engine is Engine.ONEDNN:
        export_calibrated(
            full, scratch, _prepared(full, pictures[::2], library.image_limits, full.image_size)
        )
    else:
        export_image_tower(full, scratch, int8=precision == "int8")
    return open_tower(scratch, engine, library.settings.threads)


def _compared(
    library: Library,
    space: EmbeddingSpace,
    full: DualEncoder,
    own: DualEncoder,
    encode: EncodePrepared,
    pictures: Sequence[bytes],
    form: tuple[str, Engine | None],
) -> OptimizeReport:
    limits = library.image_limits
    whole = _prepared(full, pictures, limits, None)
    reduced = _prepared(full, pictures, limits, full.image_size)
    expected, _ = _encoded(full.embed_images, whole)
    vectors, speed = _encoded(encode, reduced)
    _, before = _encoded(own.embed_images, reduced)
    texts, described = _texts(library)
    queries = library.embed_texts(texts, space)
    k = min(10, max(1, len(pictures) // 4))
    cosines = (vectors * expected).sum(axis=1)
    return OptimizeReport(
        space=space.name,
        model=space.model,
        precision=form[0],
        engine=form[1] or "torch",
        pictures=len(pictures),
        cosine_mean=float(cosines.mean()),
        cosine_min=float(cosines.min()),
        recall_at=k,
        text_recall=_agreement(queries @ expected.T, queries @ vectors.T, k),
        image_recall=_agreement(expected @ expected.T, expected @ vectors.T, k),
        texts=described,
        images_per_second=speed,
        images_per_second_before=before,
    )


def _prepared(
    encoder: DualEncoder, pictures: Sequence[bytes], limits: ImageLimits, target: int | None
) -> NDArray[np.uint8]:
    return np.stack([encoder.prepare(decode(data, limits, target=target).picture) for data in pictures])


def _encoded(encode: Any, prepared: NDArray[np.uint8]) -> tuple[UnitVectors, float]:
    """Vectors (n, dim), and pictures a second after a first batch that warms up."""
    encode(prepared[:2])
    started = perf_counter()
    rows = [encode(prepared[i : i + _BATCH]) for i in range(0, len(prepared), _BATCH)]
    return UnitVectors(np.concatenate(rows)), len(prepared) / (perf_counter() - started)


def _texts(library: Library) -> tuple[list[str], str]:
    """Captions of the library's pictures where there are enough, else everyday phrases."""
    files = list(library.catalog.items.known_files(Modality.IMAGE))
    chosen = [file.id for file in files[:: max(len(files) // _QUERIES, 1)][:_QUERIES]]
    said = [caption.text for item in library.items(chosen).values() for caption in item.captions[:1]]
    if len(said) >= _FEWEST:
        return said, f"{len(said)} captions of the library"
    return list(BACKGROUND), f"{len(BACKGROUND)} everyday phrases"


def _agreement(expected: NDArray[np.float32], found: NDArray[np.float32], k: int) -> float:
    """Top-k overlap: of the k best columns of each row of `expected`, the share that is among those of `found`."""
    best, mine = (np.argsort(-scores, axis=1, kind="stable")[:, :k] for scores in (expected, found))
    return float((best[:, :, None] == mine[:, None, :]).any(axis=2).mean())


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    """A folder beside the files of the space, gone in the end."""
    scratch = directory / f".optimizing-{os.getpid()}"
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _switch(scratch: Path, directory: Path, engine: Engine | None) -> None:
    """Move the files in place; the settings go first and come last, for they are what is looked at."""
    _clear(directory)
    for name in (*(FILES[engine] if engine else ()), SETTINGS_FILE):
        (scratch / name).replace(directory / name)
    note_files(directory, _EVERY_FILE)


def _clear(directory: Path) -> None:
    for name in _EVERY_FILE:
        (directory / name).unlink(missing_ok=True)
    if directory.is_dir():
        note_files(directory, _EVERY_FILE)
