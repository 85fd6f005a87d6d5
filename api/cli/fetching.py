"""A library that began with the built-in model: the one that takes over is fetched beside the jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vasari.api.cli import output
from vasari.retrieval import cancellation
from vasari.retrieval.errors import AbandonedError, VasariError
from vasari.retrieval.settings import Settings

if TYPE_CHECKING:
    from vasari.retrieval.library.library import Library  # `vasari index -h` would wait for it

_GRACE = 1.0  # seconds that a download is waited for after the job, and again for it to note what it has


@contextmanager
def fetched_beside(library: Library) -> Iterator[None]:
    """Download the model that is to take over while the block works; given up with it, and gone on with later."""
    model = library.successor()
    if model is None or library.settings.offline or is_here(model):
        yield
        return
    download = _Download(model, library.settings)
    download.start()
    try:
        yield
    finally:
        download.end()


class _Download(threading.Thread):
    """A model's download that shows nothing and ends when it is asked to."""

    def __init__(self, model: str, settings: Settings) -> None:
        super().__init__(name="download", daemon=True)
        self._model, self._settings = model, settings
        self._given_up = threading.Event()
        self._error: VasariError | None = None

    def run(self) -> None:
        """Fetch; an error is kept for `end`."""
        from huggingface_hub.utils.tqdm import disable_progress_bars

        from vasari.api.cli.pulling import fetch_model

        disable_progress_bars()  # the job has one
        try:
            with cancellation.watching(self._given_up):
                fetch_model(self._model, self._settings)
        except AbandonedError:
            pass
        except VasariError as error:
            self._error = error

    def end(self) -> None:
        """Give it up if it is not done, and say what went wrong with it."""
        from huggingface_hub.utils.tqdm import enable_progress_bars

        self.join(_GRACE)
        self._given_up.set()
        self.join(_GRACE)
        enable_progress_bars()
        if self._error is not None:
            reason = self._error.__cause__ or self._error  # without what else there is
            output.note(f"{self._model} could not be fetched yet: {reason}")


def tell_beginning(library: Library) -> None:
    """Say that a new library begins with `starter`, and which languages its model knows if these are few."""
    model = library.successor()
    if model is not None:
        meanwhile = "" if library.settings.offline else "; it is fetched meanwhile"
        output.note(
            f"{model}, the model for new libraries, is not on this machine{meanwhile}. Searching starts with"
            f" `{library.space().model}`, which comes with Vasari and knows a thousand kinds of things"
        )
    _tell_language(model or library.space().model)


def _tell_language(model: str) -> None:
    from vasari.retrieval.models.registry.presets import PRESETS

    preset = PRESETS.get(model)
    if preset is not None and preset.languages == "English":
        output.note(
            f"{model} knows English: `vasari models recommend --language CODE` finds models for other languages"
        )


def is_here(model: str) -> bool:
    """Whether the files of a dual encoder are on this machine."""
    from vasari.retrieval.models.ports import ModelKind
    from vasari.retrieval.models.registry.files import is_here as has_files

    return has_files(model, ModelKind.DUAL_ENCODER)
