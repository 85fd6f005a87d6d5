"""Model optimisation (export and quantisation): the form that fills a space on a CPU, tried and compared before.

Nothing is switched before the comparison: nothing whose vectors are too far from the model's own in float32, nor
anything slower than the model as it is or than the form that is on, unless it is forced. Vectors that are in the
library stay, and new ones are compared with them; so a job chooses before the first commit to a space (`choose`), and
people afterwards (`optimize`).
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vasari.retrieval.domain import EmbeddingSpace, Modality, UnitVectors, unit_vectors
from vasari.retrieval.errors import (
    ImageError,
    LibraryCorruptError,
    NotFoundError,
    UnsupportedError,
    UsageError,
)
from vasari.retrieval.images.decode import decode
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library.library import Library
from vasari.retrieval.models.drift import centred_cosines
from vasari.retrieval.models.exported import single_image
from vasari.retrieval.models.exported.compiled import runs_in
from vasari.retrieval.models.exported.image import (
    ENGINE,
    FILES,
    INT8_FILES,
    INT8_GRAPH,
    SETTINGS_FILE,
    EncodePrepared,
    is_compiled,
    open_tower,
    read_settings,
    write_settings,
)
from vasari.retrieval.models.exported.session import note_files
from vasari.retrieval.models.exported.text import OnnxTextEncoder
from vasari.retrieval.models.ports import TextEncoder
from vasari.retrieval.models.preprocessing import ImagePreprocessing
from vasari.retrieval.models.registry.presets import reference_of
from vasari.retrieval.search.relevance import BACKGROUND
from vasari.retrieval.storage.local_files import IMAGE_SUFFIXES, read_file

_log = logging.getLogger(__name__)

OptimizedPrecision = Literal["int8", "float32", "bfloat16"]

FEWEST = 8  # pictures: fewer say nothing
_BATCH = 16
_QUERIES = 200
_ROUNDS = 2  # batches by which speed is measured, at least
_SURE = 3  # times the speed of float32: int8 on units of its own, which multiply twice as many numbers as of 16 bits


@dataclass(frozen=True, slots=True)
class Limits:
    """How far off the vectors may be: least cosines with the model's own, and least recall of what those find.

    Pictures lie in a narrow cone, where all cosines are high: centred ones are those of what tells pictures apart.
    """

    cosine_mean: float = 0.999
    cosine_min: float = 0.995
    cosine_centred: float = 0.99
    recall: float = 0.9


@dataclass(frozen=True, slots=True)
class OptimizeReport:
    """What the faster form is worth, and what it costs."""

    space: str
    model: str
    precision: str
    engine: str  # what computes it
    pictures: int
    cosine_mean: float  # of its vectors with those of the model in float32 on fully decoded pictures
    cosine_min: float
    cosine_centred: float  # mean, without the vector that all pictures share
    recall_at: int
    text_recall: float  # share of the pictures found for texts by the model's own vectors that it finds too
    image_recall: float  # the same for pictures as queries
    texts: str  # what the texts were
    images_per_second: float
    images_per_second_before: float  # of the model as it is; in a job's trial, of the slowest form
    on: str | None = None  # the precision of the form that was switched on before
    images_per_second_on: float | None = None  # of that form
    cosine_on: float | None = None  # mean, with that form's vectors: those that the library may have
    switched: bool = False
    too_far: str | None = None  # why it should not be switched on: too far off, or no faster

    def as_json(self) -> dict[str, Any]:
        """The fields, rounded."""
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(self).items()}

    def judged(self, limits: Limits) -> OptimizeReport:
        """With the reason against it, where there is one."""
        rivals = [("the model as it is", self.images_per_second_before)]
        if self.images_per_second_on is not None and self.on != self.precision:  # else it is only made anew
            rivals.append((f"the {self.on} form that is on", self.images_per_second_on))
        name, speed = max(rivals, key=lambda rival: rival[1])
        slow = f"it encodes {self.images_per_second:.1f} images/s, {name} {speed:.1f}"
        return replace(self, too_far=self.off(limits) or (slow if self.images_per_second <= speed else None))

    def off(self, limits: Limits) -> str | None:
        """Which limit the vectors are beyond."""
        checks = (
            ("mean cosine", self.cosine_mean, limits.cosine_mean),
            ("least cosine", self.cosine_min, limits.cosine_min),
            ("mean centred cosine", self.cosine_centred, limits.cosine_centred),
            (f"recall@{self.recall_at} of texts", self.text_recall, limits.recall),
        )
        words = (f"{name} {value:.4f} is below {least}" for name, value, least in checks if value < least)
        return next(words, None)


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
    """Make the form of a space's model in this precision, compare on `pictures` (encoded), and switch it on.

    Raises UsageError when it is too far off or no faster and not forced, or where there are too few pictures;
    UnsupportedError for a model, a device or a processor that has no such form; LibraryLockedError while a job writes
    the library.
    """
    from vasari.retrieval.models.clip.encoder import OpenClipEncoder

    if len(pictures) < FEWEST:
        raise UsageError(
            f"only {len(pictures)} pictures to measure with: give a folder with --photos (at least {FEWEST})"
        )
    settings = library.settings
    own = OpenClipEncoder.load(reference_of(space), device=settings.device, threads=settings.threads)
    if own.device != "cpu":
        raise UnsupportedError(
            f"this is for CPUs: on {own.device} the model runs in {own.precision} as it is"
        )
    if own.space.name != space.name:
        raise NotFoundError(
            f"the model {space.model!r} has other weights than those of the space {space.name!r}"
        )
    with _scratch(library.models_directory(space)) as scratch:
        trial = _Trial(library, space, pictures, scratch)
        before, _ = _measured(own.embed_images, trial.pixels[: _ROUNDS * _BATCH])
        del own
        on = trial.switched_on()
        form = trial.measure(precision)
        found = trial.report(form, form.images_per_second, before, on).judged(limits or Limits())
        if dry_run:
            return found
        if found.too_far and not force:
            raise UsageError(f"not switched: {found.too_far} (--force switches all the same)")
        with library.catalog.lease.acquire("vasari models optimize"):
            return trial.switch(found)


def choose(
    library: Library, space: EmbeddingSpace, pictures: Sequence[bytes], wanted: OptimizedPrecision | None
) -> OptimizeReport | None:
    """Switch on the fastest form for a space without vectors, of those that are near enough on `pictures` (encoded).

    The library's lease is the caller's. With `wanted` it is that one, however far off. None where no form can be made,
    or none is near enough: the model fills the space as it is.
    """
    try:
        with _scratch(library.models_directory(space)) as scratch:
            trial = _Trial(library, space, pictures, scratch)
            tried = [wanted] if wanted else [form for form in get_args(OptimizedPrecision) if runs_in(form)]
            forms: dict[str, _Form] = {}
            speeds: dict[OptimizedPrecision, float] = {}
            for precision in tried:
                if precision == "float32":
                    speeds[precision] = trial.exact_speed
                elif precision != "bfloat16" or not trial.is_settled_by(forms.get("int8")):
                    forms[precision] = trial.measure(precision)
                    speeds[precision] = forms[precision].images_per_second
            for precision in sorted(speeds, key=lambda precision: -speeds[precision]):
                form = forms.get(precision) or trial.measure(precision)
                found = trial.report(form, speeds[precision], min(speeds.values()))
                too_far = found.off(Limits())
                if wanted or not too_far:
                    return trial.switch(found)
                _log.info("%s in %s: %s", space.model, precision, too_far)
    except UnsupportedError as error:
        if wanted:
            raise
        _log.info("%s runs as it is: %s", space.model, error)
    return None


def choose_for_few(library: Library, space: EmbeddingSpace, pictures: Iterable[bytes]) -> None:
    """Let the exported tower fill a space without vectors, where few pictures come: it needs no torch (1 GB).

    In bfloat16 where the processor computes in it and its vectors of `pictures` (encoded) are near enough; in float32
    elsewhere, and where there are too few to tell. int8 takes longer to make than few pictures to be encoded.
    """
    directory = library.models_directory(space)
    with _scratch(directory) as scratch:
        tried = list(pictures) if runs_in("bfloat16") else []
        if len(tried) >= FEWEST:
            trial = _Trial(library, space, tried, scratch, with_int8=False)
            form = trial.measure("bfloat16")
            found = trial.report(form, form.images_per_second, trial.exact_speed).judged(Limits())
            if found.too_far is None:
                trial.switch(found)
                return
            _log.info("%s in bfloat16: %s", space.model, found.too_far)
        settings = single_image.read_settings(directory)
        assert settings is not None
        write_settings(scratch, "float32", settings.image, {})
        (scratch / SETTINGS_FILE).replace(directory / SETTINGS_FILE)
    note_files(directory, FILES)
    library.models.release(space)


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


@dataclass(frozen=True, slots=True)
class _Form:
    """A form that was run."""

    precision: str
    images_per_second: float
    vectors: UnitVectors  # (n, dim) of the trial's pictures


class _Trial:
    """Forms of a space's model, one at a time, and what they are compared with: the model in float32."""

    def __init__(
        self,
        library: Library,
        space: EmbeddingSpace,
        pictures: Sequence[bytes],
        scratch: Path,
        *,
        with_int8: bool = True,
    ) -> None:
        """Without int8 all float32 vectors are made at once; else those of every second picture when int8 is made."""
        self._library, self._space, self._scratch = library, space, scratch
        self._directory = library.models_directory(space)
        library.models.export_pictures(space, needed=True)
        settings = single_image.read_settings(self._directory)
        if settings is None or settings.reason is not None:
            reason = settings.reason if settings else "it was not exported"
            raise UnsupportedError(f"this model has no torch-free vision tower: {reason}")
        self._image, self._threads = settings.image, library.settings.threads
        self._queries, self._texts = _queries(library, space)
        limits = library.image_limits
        self.pixels = _prepared(self._image, pictures, limits, self._image.image_size)
        self._whole = _prepared(self._image, pictures, limits, None)
        self._seen: UnitVectors | None = None  # what float32 makes of every second of these
        exact = open_tower(self._directory, "float32", self._threads)
        started = perf_counter()
        self._others = exact(self._whole[1::2])
        took = max(perf_counter() - started, 1e-9)
        self.exact_speed = len(self._others) / took  # of float32, images a second
        if not with_int8:
            self._seen = exact(self._whole[::2])

    @cached_property
    def _expected(self) -> UnitVectors:
        """The vectors of the model in float32 on fully decoded pictures (n, dim)."""
        seen = self._seen
        if seen is None:
            seen = open_tower(self._directory, "float32", self._threads)(self._whole[::2])
        both = np.empty((len(self._whole), seen.shape[1]), np.float32)
        both[::2], both[1::2] = seen, self._others
        return UnitVectors(both)

    def measure(self, precision: OptimizedPrecision) -> _Form:
        """Make a form and run it, once: to compile it takes as long as 20 pictures, and it need not stay in memory.

        Raises UnsupportedError where this processor does not compute in it.
        """
        if precision == "int8":
            self._quantize()
        encode = open_tower(self._directory, precision, self._threads, int8=self._scratch)
        return _Form(precision, *_measured(encode, self.pixels))

    def report(self, form: _Form, speed: float, before: float, on: _Form | None = None) -> OptimizeReport:
        """Compare a form with the model in float32, and with the form that is `on`; `speed` is what is told of it."""
        vectors, expected = form.vectors, self._expected
        queries = self._queries
        k = min(10, max(1, len(vectors) // 4))
        cosines = (vectors * expected).sum(axis=1)
        return OptimizeReport(
            space=self._space.name,
            model=self._space.model,
            precision=form.precision,
            engine=ENGINE,
            pictures=len(vectors),
            cosine_mean=float(cosines.mean()),
            cosine_min=float(cosines.min()),
            cosine_centred=float(centred_cosines(vectors, expected).mean()),
            recall_at=k,
            text_recall=_agreement(queries @ expected.T, queries @ vectors.T, k),
            image_recall=_agreement(expected @ expected.T, expected @ vectors.T, k),
            texts=self._texts,
            images_per_second=speed,
            images_per_second_before=before,
            on=None if on is None else on.precision,
            images_per_second_on=None if on is None else on.images_per_second,
            cosine_on=None if on is None else float((vectors * on.vectors).sum(axis=1).mean()),
        )

    def is_settled_by(self, int8: _Form | None) -> bool:
        """Whether bfloat16 need not be tried: int8 is near enough, and so fast that bfloat16 cannot be faster."""
        if int8 is None or int8.images_per_second < _SURE * self.exact_speed:
            return False
        return self.report(int8, int8.images_per_second, self.exact_speed).off(Limits()) is None

    def switched_on(self) -> _Form | None:
        """Measure the form that fills the space now; None where there is none, or none that can be run here."""
        try:
            content = read_settings(self._directory)
            if content is None or not is_compiled(content):
                return None
            precision = str(content["precision"])
            encode = open_tower(self._directory, precision, self._threads)
            return _Form(precision, *_measured(encode, self.pixels))
        except (UnsupportedError, LibraryCorruptError, RuntimeError) as error:  # the last: of OpenVINO
            _log.info("not compared with the form that is on, which cannot be run: %s", error)
            return None

    def _quantize(self) -> None:
        """Write the form in 8 bits; every second picture shows the ranges of activations, and its float32 vector."""
        from vasari.retrieval.models.export.int8 import quantize

        shown = self._whole[::2]
        batches = [shown[start : start + _BATCH] for start in range(0, len(shown), _BATCH)]
        graph = self._directory / single_image.FOLDER / single_image.GRAPH_FILE
        self._seen = unit_vectors(quantize(graph, self._scratch / INT8_GRAPH, batches, self._threads))

    def switch(self, found: OptimizeReport) -> OptimizeReport:
        """Let the form fill the space; the settings go first and come last, for they are what is looked at."""
        report, directory = replace(found, switched=True), self._directory
        write_settings(self._scratch, report.precision, self._image, report.as_json())
        _clear(directory)
        for name in (*(INT8_FILES if report.precision == "int8" else ()), SETTINGS_FILE):
            (self._scratch / name).replace(directory / name)
        note_files(directory, FILES)
        self._library.models.release(self._space)
        return report


def _prepared(
    image: ImagePreprocessing, pictures: Sequence[bytes], limits: ImageLimits, target: int | None
) -> NDArray[np.uint8]:
    return np.stack([image.prepare(decode(data, limits, target=target).picture) for data in pictures])


def _measured(encode: EncodePrepared, pixels: NDArray[np.uint8]) -> tuple[float, UnitVectors]:
    """Pictures a second after a first batch that warms up, and the vectors (n, dim) of all.

    The fastest batch counts, of two at least, as others may be using the machine.
    """
    encode(pixels[:FEWEST])
    vectors, speeds = [], []
    batches = [pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH)]
    for batch in batches + batches[: max(_ROUNDS - len(batches), 0)]:
        started = perf_counter()
        vectors.append(encode(batch))
        speeds.append(len(batch) / max(perf_counter() - started, 1e-9))
    return max(speeds), UnitVectors(np.concatenate(vectors[: len(batches)]))


def _queries(library: Library, space: EmbeddingSpace) -> tuple[UnitVectors, str]:
    """Vectors of texts to look for pictures by, and what the texts were.

    The exported text tower is forgotten before those of pictures are opened: they need not lie in memory together.
    """
    texts, described = _texts(library)
    try:
        tower: TextEncoder = OnnxTextEncoder.open(
            library.models_directory(space), threads=library.settings.threads
        )
    except UnsupportedError:
        return library.embed_texts(texts, space), described
    return tower.embed_texts(texts), described


def _texts(library: Library) -> tuple[list[str], str]:
    """Captions of the library's pictures where there are enough, else everyday phrases."""
    files = list(library.catalog.items.known_files(Modality.IMAGE))
    chosen = [file.id for file in files[:: max(len(files) // _QUERIES, 1)][:_QUERIES]]
    said = [caption.text for item in library.items(chosen).values() for caption in item.captions[:1]]
    if len(said) >= FEWEST:
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


def _clear(directory: Path) -> None:
    for name in FILES:
        (directory / name).unlink(missing_ok=True)
    if directory.is_dir():
        note_files(directory, FILES)
