"""How a new space is encoded on a CPU: forms of its model are tried on the first pictures, before the first commit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, get_args

from vasari.indexer import optimize
from vasari.indexer.batch_size import may_overlap
from vasari.indexer.optimize import OptimizedPrecision, OptimizeReport, choose
from vasari.indexer.plan import Task
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.domain import EmbeddingSpace, Modality
from vasari.retrieval.errors import ImageError, UsageError
from vasari.retrieval.images.decode import decode
from vasari.retrieval.models.clip.encoder import OpenClipEncoder
from vasari.retrieval.models.exported import single_image
from vasari.retrieval.models.exported.image import read_settings
from vasari.retrieval.models.ports import DualEncoder

if TYPE_CHECKING:
    from vasari.retrieval.library.library import Library

FEWEST = 300  # pictures of a job that tries int8, too: fewer are done before it pays
_TRIED = 48  # pictures
_TRIED_OF_FEW = 16  # 1.2 s of one processor's time with `starter`, 4.5 s with ViT-B-32

Read = Callable[[Candidate], bytes]


def choose_form(
    library: Library, space: EmbeddingSpace, read: Read, tasks: Sequence[Task], begin: Callable[[], None]
) -> str | None:
    """Choose what encodes a space that has no vectors yet; what was chosen, in a line, or None where nothing was.

    Forms are tried for the many pictures of a job without a wish, after `begin` was called, and for few bfloat16 alone,
    without a word; a precision that was asked for is made the space's own. Raises UsageError for int8 with too few
    pictures, and UnsupportedError for what this model or this processor has not.
    """
    wanted = library.settings.precision
    forms = get_args(OptimizedPrecision)
    if not tasks or wanted not in {"auto", *forms}:
        return None
    if read_settings(library.models_directory(space)) is not None or _has_vectors(library, space):
        return None
    if wanted == "auto" and len(tasks) < FEWEST:
        if _is_written(library, space):
            optimize.choose_for_few(library, space, _pictures(library, read, tasks, _TRIED_OF_FEW))
        return None
    if wanted != "int8" and not _is_written(library, space) and not _is_on_cpu(library.encoder(space)):
        return None
    begin()
    pictures = list(_pictures(library, read, tasks, _TRIED))
    if len(pictures) < optimize.FEWEST:
        if wanted == "int8":
            raise UsageError(
                f"int8 wants {optimize.FEWEST} pictures to measure with, and here are {len(pictures)}"
            )
        return None
    library.models.release(space)
    found = choose(library, space, pictures, None if wanted == "auto" else wanted)  # type: ignore[arg-type]
    return None if found is None else _told(found)


def _is_written(library: Library, space: EmbeddingSpace) -> bool:
    """Whether the vision tower is exported, and a CPU is all there is: then the model need not be loaded at all."""
    device = library.settings.device
    cpu = device == "cpu" or (device == "auto" and sys.platform != "darwin" and not may_overlap(library))
    picture = single_image.read_settings(library.models_directory(space))
    return cpu and picture is not None and picture.reason is None


def _is_on_cpu(encoder: DualEncoder) -> bool:
    """Whether it is a model that could have other forms."""
    return isinstance(encoder, OpenClipEncoder) and encoder.device == "cpu"


def _has_vectors(library: Library, space: EmbeddingSpace) -> bool:
    return bool(library.catalog.segments.all(space.name, Modality.IMAGE))


def _pictures(library: Library, read: Read, tasks: Sequence[Task], count: int) -> Iterator[bytes]:
    """Up to `count` pictures that can be decoded, evenly spread over the job's."""
    for task in tasks[:: max(len(tasks) // count, 1)][:count]:
        try:
            data = read(task.candidate)
            decode(data, library.image_limits, target=64)
        except (ImageError, OSError):
            continue  # the job itself will say why
        yield data


def _told(found: OptimizeReport) -> str:
    speed = f"{found.images_per_second:.0f} images/s"
    if found.images_per_second > found.images_per_second_before:
        speed += f" where the slowest form tried has {found.images_per_second_before:.0f}"
    return (
        f"this space is encoded in {found.precision}: {speed}, mean cosine to float32 {found.cosine_mean:.4f}"
        " (`vasari models optimize` changes that)"
    )
