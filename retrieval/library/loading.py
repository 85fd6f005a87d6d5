"""Loading a model where and as the settings say, and which one they mean."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vasari.retrieval.errors import ModelUnavailableError, NotFoundError, UnsupportedError, UsageError
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.settings import Precision, Settings

if TYPE_CHECKING:
    from vasari.retrieval.models.captioner import Florence2Captioner
    from vasari.retrieval.models.clip.encoder import OpenClipEncoder
    from vasari.retrieval.models.ports import Answerer
    from vasari.retrieval.models.reranker import BlipReranker

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
        precision=precision or _of_torch(settings),
        threads=settings.threads,
        offline=settings.offline,
        hub_timeout=settings.hub_timeout,
        mapped=mapped,
    )


def _of_torch(settings: Settings) -> Precision:
    """The precision that was asked for; int8 is a form that a library's model has, beside the model itself."""
    return "auto" if settings.precision == "int8" else settings.precision


def load_reranker(encoder: str, settings: Settings) -> BlipReranker:
    """The reranker beside the dual encoder `encoder`, as the settings say; ModelUnavailableError as for encoders."""
    folder = find_folder(ModelKind.RERANKER, encoder, settings)  # before imports that take seconds
    with importing:
        from vasari.retrieval.models.reranker import BlipReranker

    return BlipReranker(folder, device=settings.device, precision=_of_torch(settings))


def load_captioner(encoder: str, settings: Settings) -> Florence2Captioner:
    """The captioner beside the dual encoder `encoder`, as the settings say; ModelUnavailableError as for encoders."""
    folder = find_folder(ModelKind.CAPTIONER, encoder, settings)
    with importing:
        from vasari.retrieval.models.captioner import Florence2Captioner

    return Florence2Captioner(folder, device=settings.device, precision=_of_torch(settings))


def load_answerer(encoder: str, settings: Settings) -> Answerer:
    """What answers questions beside the dual encoder `encoder`; ModelUnavailableError as for encoders."""
    from vasari.retrieval.models.registry.configurations import class_of_folder

    refuse_released(settings.answerer)
    folder = find_folder(ModelKind.ANSWERER, encoder, settings)
    with importing:
        from vasari.retrieval.models.answerer import BlipAnswerer
        from vasari.retrieval.models.captioner import Florence2Captioner

    florence = class_of_folder(folder) == "Florence2ForConditionalGeneration"
    kind = Florence2Captioner if florence else BlipAnswerer
    return kind(folder, device=settings.device, precision=settings.precision)


def refuse_released(answerer: str | None) -> None:
    """UnsupportedError for a model that was set to answer questions and was not taught to."""
    if _RELEASED.search(answerer or ""):
        raise UnsupportedError(
            f"{answerer} answers no questions, as it was released without that task: `vasari models pull"
            " blip-vqa-base` gets a model that does"
        )


def find_folder(use: ModelKind, encoder: str, settings: Settings) -> Path:
    """The folder of a reranker or captioner, fetched if it has to be."""
    from vasari.retrieval.models.registry.files import locate_folder
    from vasari.retrieval.models.registry.hub import HubAccess
    from vasari.retrieval.models.registry.resolve import resolve

    source = resolve(chosen_model(use, encoder, settings), use)
    return locate_folder(source, HubAccess(settings.offline, settings.hub_timeout))


# Florence-2 as it was released has no visual question answering, its makers say; those that others tuned for it do.
_RELEASED = re.compile(r"florence-2-(base|large)(-ft)?/?$", re.IGNORECASE)


def chosen_model(use: ModelKind, encoder: str, settings: Settings) -> str:
    """The model for a use beside (or as) the dual encoder `encoder`: the settings' one, or what suits its pictures."""
    from vasari.retrieval.models.registry.presets import companion

    captions = settings.captioner
    named = {
        ModelKind.RERANKER: settings.reranker,
        ModelKind.CAPTIONER: captions,
        ModelKind.ANSWERER: settings.answerer
        or (captions if captions and not _RELEASED.search(captions) else None),
    }
    return encoder if use is ModelKind.DUAL_ENCODER else named[use] or companion(encoder, use)


@contextmanager
def chosen_before() -> Iterator[None]:
    """A model that settings or a library name, and that cannot be found: whoever asks now has not named it."""
    try:
        yield
    except (NotFoundError, UsageError) as error:
        raise ModelUnavailableError(str(error)) from error


STILL_LOADING = "the model that this needs is being loaded; ask again in a moment"


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
