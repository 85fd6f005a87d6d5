"""Loading a model where and as the settings say, and which one they mean."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vasari.retrieval.errors import (
    ModelUnavailableError,
    NotFoundError,
    Sentence,
    UnsupportedError,
    UsageError,
)
from vasari.retrieval.models.ports import ModelKind, Task
from vasari.retrieval.settings import Precision, Settings
from vasari.retrieval.storage.layout import SECOND_LOOKS

if TYPE_CHECKING:
    from vasari.retrieval.models.clip.encoder import OpenClipEncoder
    from vasari.retrieval.models.ports import Reranker, TextReader

T = TypeVar("T")

# `transformers` puts another module in its own place while it is imported: a second thread that waits for that import
# gets the first, empty one, and then "cannot import name 'AutoTokenizer'".
importing = threading.Lock()


def load_encoder(
    reference: str, settings: Settings, precision: Precision | None = None, *, mapped: bool = False
) -> OpenClipEncoder:
    """A dual encoder where and as the settings say; ModelUnavailableError when the weights cannot be had."""
    with importing:
        from vasari.retrieval.models.clip.encoder import OpenClipEncoder

    return OpenClipEncoder.load(
        reference,
        device=settings.device,
        precision=precision or of_torch(settings),
        threads=settings.threads,
        offline=settings.offline,
        hub_timeout=settings.hub_timeout,
        mapped=mapped,
    )


def of_torch(settings: Settings) -> Precision:
    """The precision that was asked for; int8 is a form that a library's model has, beside the model itself."""
    return "auto" if settings.precision == "int8" else settings.precision


def load_reranker(encoder: str, settings: Settings, forms: Path | None = None) -> Reranker:
    """The reranker beside the dual encoder `encoder`, as the settings say; ModelUnavailableError as for encoders.

    In int8 it is made once, and kept in the folder `forms` (by default, this user's cache). UnsupportedError where it
    has no such form.
    """
    from vasari.retrieval.models.registry.configurations import class_of_folder

    folder = find_folder(ModelKind.RERANKER, encoder, settings)  # before imports that take seconds
    found, device = class_of_folder(folder), settings.device
    precision = settings.reranker_precision or of_torch(settings)
    if precision == "int8":
        return _in_int8(folder, found, settings, forms)
    with importing:  # only what is needed: each takes seconds
        if found == "Blip2ForImageTextRetrieval":
            from vasari.retrieval.models.blip2_reranker import Blip2Reranker

            return Blip2Reranker(folder, device=device, precision=precision)
        if found == "Qwen3VLForConditionalGeneration":
            from vasari.retrieval.models.qwen_reranker import QwenReranker

            return QwenReranker(folder, device=device, precision=precision)
        from vasari.retrieval.models.reranker import BlipReranker

    return BlipReranker(folder, device=device, precision=precision)


def _in_int8(folder: Path, found: str | None, settings: Settings, forms: Path | None) -> Reranker:
    if found != "BlipForImageTextRetrieval" or settings.device not in {"auto", "cpu"}:
        raise UnsupportedError(
            f"VASARI_RERANKER_PRECISION=int8 is for BLIP (BlipForImageTextRetrieval) on CPUs, and {folder} is {found},"
            f" the device {settings.device}"
        )
    from vasari.retrieval.images.samples import sample_pictures
    from vasari.retrieval.models.registry.fingerprints import folder_digest
    from vasari.retrieval.storage.caches import user_cache

    with importing:
        from vasari.retrieval.models.int8_reranker import Int8Reranker

    form = (forms or user_cache() / SECOND_LOOKS) / f"{folder_digest(folder)[:16]}-int8"
    return Int8Reranker(folder, form, sample_pictures(), threads=settings.threads)


def load_text_reader() -> TextReader:
    """What reads the text in pictures; MissingExtraError without its package."""
    from vasari.retrieval.models.text_reader import RapidOcrReader

    return RapidOcrReader()


def find_folder(use: ModelKind, encoder: str, settings: Settings) -> Path:
    """The folder of a reranker or captioner, fetched if it has to be."""
    from vasari.retrieval.models.registry.files import locate_folder
    from vasari.retrieval.models.registry.hub import HubAccess
    from vasari.retrieval.models.registry.resolve import resolve

    source = resolve(chosen_model(use, encoder, settings), use)
    return locate_folder(source, HubAccess(settings.offline, settings.hub_timeout))


def chosen_model(use: ModelKind, encoder: str, settings: Settings) -> str:
    """The model for a use beside (or as) the dual encoder `encoder`: the settings' one, or what suits its pictures."""
    from vasari.retrieval.models.registry.presets import companion
    from vasari.retrieval.models.registry.tasks import known_tasks

    captions = settings.captioner
    answers = captions is not None and Task.ANSWER in (known_tasks(captions) or Task)
    named = {
        ModelKind.RERANKER: settings.reranker,
        ModelKind.CAPTIONER: captions,
        ModelKind.ANSWERER: settings.answerer or (captions if answers else None),
    }
    return encoder if use is ModelKind.DUAL_ENCODER else named[use] or companion(encoder, use)


@contextmanager
def chosen_before() -> Iterator[None]:
    """A model that settings or a library name, and that cannot be found: whoever asks now has not named it."""
    try:
        yield
    except (NotFoundError, UsageError) as error:
        raise ModelUnavailableError(str(error)) from error


STILL_LOADING = Sentence("the model that this needs is being loaded; ask again in a moment")


def in_background(load: Callable[[], T]) -> Future[T]:
    """Load something in a daemon thread, which the end of the program does not wait for."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(load())
        except BaseException as error:  # it is raised where the result is asked for
            done.set_exception(error)

    threading.Thread(target=run, name="load a model", daemon=True).start()
    return done
