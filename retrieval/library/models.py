"""The models of an open library: each is loaded when first needed, once, and shared by all threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, cast

from vasari.retrieval.domain import EmbeddingSpace
from vasari.retrieval.errors import (
    LibraryCorruptError,
    StorageError,
    UnsupportedError,
    UsageError,
)
from vasari.retrieval.library.last_uses import LastUses, LoadedKind
from vasari.retrieval.library.loading import (
    chosen_before,
    chosen_model,
    importing,
    load_encoder,
    load_reranker,
)
from vasari.retrieval.library.model_spaces import ModelSpaces
from vasari.retrieval.models.ports import ModelKind, Task
from vasari.retrieval.settings import Precision, Settings
from vasari.retrieval.storage.layout import SECOND_LOOKS

if TYPE_CHECKING:
    from vasari.retrieval.catalog.catalog import Catalog
    from vasari.retrieval.models.clip.encoder import OpenClipEncoder
    from vasari.retrieval.models.exported.compiled import SinglePictureTower
    from vasari.retrieval.models.exported.single_image import OnnxPictureEncoder
    from vasari.retrieval.models.ports import (
        Answerer,
        Captioner,
        DualEncoder,
        Locator,
        PictureModel,
        Reranker,
        TextEncoder,
        TextReader,
    )
    from vasari.retrieval.models.preprocessing import ImagePreprocessing

TextPrecision = Literal["float32", "int8"]
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Presence:
    """A model by its reference, and whether its files are on this machine."""

    model: str
    here: bool


class LoadedModels:
    """Dual encoders by space, one reranker, and models that write about pictures (captioner, answerer)."""

    def __init__(self, catalog: Callable[[], Catalog], settings: Settings, directory: Path) -> None:
        """`directory` holds a folder for each space, with its exported text tower."""
        self._settings = settings
        self._directory = directory
        self._spaces = ModelSpaces(catalog, settings, directory)
        self.uses = LastUses()
        self._encoders: dict[str, DualEncoder] = {}
        self._text_encoders: dict[str, TextEncoder] = {}
        self._picture_encoders: dict[str, OnnxPictureEncoder] = {}
        self._candidate_encoders: dict[str, SinglePictureTower] = {}
        self._damaged_pictures: set[str] = set()  # spaces
        self._whole: dict[str, OpenClipEncoder] = {}
        self._on_devices: dict[tuple[str, str], OpenClipEncoder] = {}  # by space and device, beside the first
        self._without_space: dict[str, OpenClipEncoder] = {}  # by reference, until `use`
        self._reranker: Reranker | None = None
        self._picture_models: dict[str, PictureModel] = {}  # by reference
        self._under_way: set[object] = set()
        # Of a service: always the exported text tower, even once the full model is loaded: it does not pad.
        self._query_encoders: dict[str, TextEncoder] = {}
        self._text_precision: TextPrecision | None = None
        self._lock = threading.RLock()

    def serve(self, text_precision: TextPrecision) -> None:
        """From now on answer strangers, for days: nothing they ask for is downloaded, only what a job needs.

        More is spent on opening text towers, to answer each query faster; with "int8" they are the faster form, where
        a model has it.
        """
        self._text_precision = text_precision

    @property
    def _serves(self) -> bool:
        return self._text_precision is not None

    def use(self, reference: str) -> EmbeddingSpace:
        """The space of a model; it is made if the library has none yet (with its torch-free text tower).

        The first space becomes the default. Raises ModelUnavailableError when the weights cannot be had. A model whose
        files are those that made a space is not loaded to find that out.
        """
        spaces = self._spaces
        return spaces.known(reference) or spaces.written(reference) or self._use(reference, self._settings)

    def space_of(self, reference: str) -> EmbeddingSpace:
        """The space of a model, which the library need not have yet; ModelUnavailableError as for `use`."""
        found = self._spaces.known(reference) or self._spaces.described(reference)
        if found is not None:
            return found
        with self._lock:
            if reference not in self._without_space:
                self._without_space[reference] = self._load(reference)
            return self._without_space[reference].space

    def _use(self, reference: str, settings: Settings) -> EmbeddingSpace:
        """Load a dual encoder, and make its space."""
        encoder = self._without_space.pop(reference, None) or self._load(reference, settings=settings)
        space = self._spaces.of_loaded(encoder)
        with self._lock:
            self._encoders[space.name] = self._optimized(space) or encoder
        return space

    def encoder(self, space: EmbeddingSpace) -> DualEncoder:
        """The space's dual encoder.

        Raises LibraryCorruptError when the model found under the space's reference has other weights by now: its
        vectors would not be comparable.
        """
        self.uses.note(LoadedKind.ENCODER)
        with self._lock:
            if space.name not in self._encoders:
                self._encoders[space.name] = self._opened(space)
            return self._encoders[space.name]

    def _opened(self, space: EmbeddingSpace) -> DualEncoder:
        if not space.weights_fingerprint:
            return self._of_imported(space)
        if (optimized := self._optimized(space)) is not None:
            return optimized
        if self._settings.precision == "int8":
            raise UsageError(f"{space.name} has no int8 form: `vasari models optimize` makes it")
        with chosen_before():
            found = self._use(_reference(space), self._asked)
        if found.name != space.name:
            raise _other_weights(space)
        return self._encoders[space.name]

    def _of_imported(self, space: EmbeddingSpace) -> DualEncoder:
        """The model that imported vectors are said to be of: nothing but their length can be compared."""
        with chosen_before():
            encoder = self._load(space.model, settings=self._asked)
        if encoder.dim != space.dim:
            raise LibraryCorruptError(
                f"the imported vectors of {space.name!r} have {space.dim} numbers, those of the model"
                f" {space.model!r} have {encoder.dim}: import them again with the model that made them"
            )
        return encoder

    @property
    def devices(self) -> Sequence[str]:
        """Where jobs embed pictures: one device, or several."""
        name = self._settings.device
        if name != "all" and "," not in name:
            return [name]
        from vasari.retrieval.models.hardware import device_names

        return device_names(name)

    def encoder_on(self, device: str, space: EmbeddingSpace) -> DualEncoder:
        """The space's dual encoder on one of `devices`; the first of them is where everything else is computed, too."""
        if device == self.devices[0]:
            return self.encoder(space)
        with self._lock:
            if (space.name, device) not in self._on_devices:
                found = self._load(_reference(space), settings=replace(self._asked, device=device))
                if space.weights_fingerprint and found.space.name != space.name:
                    raise _other_weights(space)
                self._on_devices[space.name, device] = found
            return self._on_devices[space.name, device]

    def picture_encoder(self, space: EmbeddingSpace) -> OnnxPictureEncoder | None:
        """What embeds single pictures without the model: its exported vision tower, if there is one to be used.

        None where the model is loaded already (but not in a service: one picture takes the tower 25 ms of processor
        time with `starter`, the form for batches 102, and torch more), where a device or a form in fewer bits was
        chosen, and where the tower was not exported yet, or is damaged: the model answers then, and the next job that
        loads it, or a repair, makes the tower anew.
        """
        from vasari.retrieval.models.exported import image
        from vasari.retrieval.models.exported.single_image import OnnxPictureEncoder

        settings, directory = self._settings, self._directory / space.name
        self.uses.note(LoadedKind.PICTURE)
        with self._lock:
            if space.name in self._picture_encoders:
                return self._picture_encoders[space.name]
            chosen = settings.precision not in {"auto", "float32"} or settings.device not in {"auto", "cpu"}
            form = image.read_settings(directory)
            alike = form is None or (image.is_compiled(form) and form["precision"] == "float32")
            paid_for = space.name in self._encoders and not self._serves
            if chosen or paid_for or not alike:
                return None
            try:
                opened = OnnxPictureEncoder.open(directory, threads=settings.threads)
            except UnsupportedError:
                return None
            except LibraryCorruptError:
                self._damaged_pictures.add(space.name)
                return None
            self._picture_encoders[space.name] = opened
            return opened

    def candidate_encoder(self, space: EmbeddingSpace) -> SinglePictureTower | None:
        """In a service, what embeds a picture to find candidates that are then looked at, of nearly the same vectors.

        The exported vision tower compiled for this processor: in bfloat16 where it computes in that (the cosine to the
        vectors of `starter` is 0.999), else in float32. None where a device or a precision was chosen, and where no
        tower was exported, or it is damaged.
        """
        from vasari.retrieval.models.exported import single_image

        settings, folder = self._settings, self._directory / space.name / single_image.FOLDER
        if not self._serves or settings.precision != "auto" or settings.device not in {"auto", "cpu"}:
            return None
        self.uses.note(LoadedKind.PICTURE)
        with self._lock:
            if space.name in self._candidate_encoders:
                return self._candidate_encoders[space.name]
            exported = single_image.read_settings(folder.parent)
            if exported is None or exported.reason is not None:
                return None
            from vasari.retrieval.models.exported.compiled import SinglePictureTower, runs_in
            from vasari.retrieval.models.exported.session import check_lengths

            precision = "bfloat16" if runs_in("bfloat16") else "float32"
            try:
                check_lengths(folder, single_image.FILES)
                graph = folder / single_image.GRAPH_FILE
                opened = SinglePictureTower(graph, exported.image, precision, settings.threads)
            except (LibraryCorruptError, StorageError, RuntimeError) as error:
                # OpenVINO's own is a RuntimeError.
                _LOG.warning("the exported vision tower of %s cannot be used: %s", space.name, error)
                return None
            self._candidate_encoders[space.name] = opened
            return opened

    def lacks_export(self, space: EmbeddingSpace) -> bool:
        """Whether the model was loaded for single pictures only as its vision tower is not exported (yet)."""
        from vasari.retrieval.models.exported import text
        from vasari.retrieval.models.exported.single_image import read_settings

        directory = self._directory / space.name
        loaded = space.name in self._encoders and not self._settings.read_only
        return loaded and (directory / text.SETTINGS_FILE).is_file() and read_settings(directory) is None

    def preprocessing(self, space: EmbeddingSpace) -> ImagePreprocessing | None:
        """How the space's model wants pictures, where that is known without loading it."""
        from vasari.retrieval.models.exported.single_image import read_settings

        settings = read_settings(self._directory / space.name)
        return settings.image if settings else None

    def release(self, space: EmbeddingSpace) -> None:
        """Forget the space's loaded model: whoever asks next gets the form that its folder holds now."""
        with self._lock:
            self._encoders.pop(space.name, None)
            self._picture_encoders.pop(space.name, None)
            self._candidate_encoders.pop(space.name, None)

    def export_pictures(self, space: EmbeddingSpace, *, anew: bool = False, needed: bool = False) -> None:
        """Write the vision tower for `picture_encoder`, if it is not there or damaged and the model is loaded anyway.

        Where it is `needed`, the model is loaded if there is no sound tower; with `anew` it is loaded in any case. A
        service leaves it to others: for some seconds it takes three times the memory of the model.
        """
        from vasari.retrieval.models.exported import text
        from vasari.retrieval.models.exported.single_image import read_settings

        directory = self._directory / space.name
        if self._settings.read_only or not (directory / text.SETTINGS_FILE).is_file():
            return
        if self._serves and not (anew or needed):
            return
        if read_settings(directory) is not None and not (anew or space.name in self._damaged_pictures):
            return
        own = self._encoders.get(space.name)
        if anew or needed:
            with chosen_before():
                own = self._exact(space, None)
            if own.space.name != space.name:
                raise _other_weights(space)
        if own is None:
            return
        from vasari.retrieval.images.samples import sample_pictures
        from vasari.retrieval.models.export.single_image import export_picture_tower  # torch

        _LOG.info("exporting the vision tower of %s", space.name)
        # Without the lock: searches go on meanwhile.
        export_picture_tower(self._exact(space, own), sample_pictures(), directory)
        self._damaged_pictures.discard(space.name)

    def _exact(self, space: EmbeddingSpace, own: DualEncoder | None) -> OpenClipEncoder:
        """The model in float32 on the CPU: `own`, if it is that."""
        with importing:
            from vasari.retrieval.models.clip.encoder import OpenClipEncoder

        if isinstance(own, OpenClipEncoder) and (own.device, own.precision) == ("cpu", "float32"):
            return own
        return load_encoder(_reference(space), replace(self._settings, device="cpu"), "float32", mapped=True)

    def whole(self, space: EmbeddingSpace) -> OpenClipEncoder:
        """The space's dual encoder as torch runs it, which can also look at the parts of a picture; see `encoder`."""
        with importing:
            from vasari.retrieval.models.clip.encoder import OpenClipEncoder

        encoder = self.encoder(space)
        if isinstance(encoder, OpenClipEncoder):
            return encoder
        with self._lock:
            if space.name not in self._whole:
                self._whole[space.name] = self._load(_reference(space), settings=self._asked)
            return self._whole[space.name]

    def _optimized(self, space: EmbeddingSpace) -> DualEncoder | None:
        """What `vasari models optimize` switched on for the space; a device or precision asked for goes before it."""
        from vasari.retrieval.models.exported.image import OptimizedEncoder, is_compiled, read_settings

        settings, directory = self._settings, self._directory / space.name
        if settings.device not in {"auto", "cpu"}:
            return None
        chosen = read_settings(directory)
        if chosen is None or settings.precision not in {"auto", chosen["precision"]}:
            return None
        if is_compiled(chosen):
            return OptimizedEncoder(directory, space, partial(self._texts, space), threads=settings.threads)
        return self._load(_reference(space), chosen["precision"], self._asked)

    def _exported_texts(self, space: EmbeddingSpace) -> TextEncoder:
        """The exported text tower; UnsupportedError for a model that has none."""
        from vasari.retrieval.models.exported.text import OnnxTextEncoder

        with self._lock:
            if space.name not in self._text_encoders:
                self._text_encoders[space.name] = OnnxTextEncoder.open(
                    self._directory / space.name,
                    threads=self._settings.threads,
                    long_lived=self._serves,
                )
            return self._text_encoders[space.name]

    def _texts(self, space: EmbeddingSpace) -> TextEncoder:
        """The text half beside an exported picture half."""
        try:
            return self._exported_texts(space)
        except UnsupportedError:
            with self._lock:
                self._text_encoders[space.name] = self._load(_reference(space), settings=self._asked)
                return self._text_encoders[space.name]

    def export_texts_anew(self, space: EmbeddingSpace) -> None:
        """Make the space's exported text tower again. Raises ModelUnavailableError and LibraryCorruptError."""
        from vasari.retrieval.models.export.text import export_anew

        encoder = self._load(_reference(space))
        if encoder.space.name != space.name:
            raise _other_weights(space)
        export_anew(encoder.towers, self._directory / space.name)
        with self._lock:
            self._text_encoders.pop(space.name, None)
            self._query_encoders.pop(space.name, None)

    def _load(
        self, reference: str, precision: Precision | None = None, settings: Settings | None = None
    ) -> OpenClipEncoder:
        with self._noted(reference):
            return load_encoder(reference, settings or self._settings, precision)

    @contextmanager
    def _noted(self, reference: str) -> Iterator[None]:
        note, began = object(), perf_counter()
        self._under_way.add(note)
        try:
            yield
        finally:
            self._under_way.discard(note)
        _LOG.info("loaded %s in %.1f s", reference, perf_counter() - began)

    @property
    def loading(self) -> bool:
        """Whether a model is being loaded at this moment: whoever waits for it waits for seconds."""
        return bool(self._under_way)

    def loaded(self) -> list[LoadedKind]:
        """What of the models is in memory."""
        with self._lock:
            return [kind for kind, held in self._held().items() if any(held)]

    def give_back(self, idle: float) -> list[LoadedKind]:
        """Let go of what nobody has asked for in `idle` seconds; it is loaded again for the next who does.

        Whoever works with one goes on. Says what was given back.
        """
        with self._lock:
            resting = [
                kind for kind, held in self._held().items() if any(held) and self.uses.idle(kind) >= idle
            ]
            for kind in resting:
                for held in self._held()[kind]:
                    held.clear()
                self.uses.rest(kind)
            if LoadedKind.RERANKER in resting:
                self._reranker = None
        return resting

    def _held(self) -> dict[LoadedKind, list[dict[Any, Any]]]:
        """Where models of each kind are kept."""
        return {
            LoadedKind.TEXT: [self._query_encoders, self._text_encoders],
            LoadedKind.PICTURE: [self._picture_encoders, self._candidate_encoders],
            LoadedKind.ENCODER: [self._encoders, self._whole, self._on_devices, self._without_space],
            LoadedKind.RERANKER: [{"": self._reranker} if self._reranker is not None else {}],
            LoadedKind.DESCRIBER: [self._picture_models],
        }

    @property
    def _asked(self) -> Settings:
        """The settings under which a model is loaded because somebody asked something."""
        return replace(self._settings, offline=True) if self._serves else self._settings

    def text_encoder(self, space: EmbeddingSpace) -> TextEncoder:
        """What embeds query texts: the exported tower if there is one, else the whole model.

        A model that is loaded already answers instead, but not in a service: the tower reads only as many tokens as
        there are. Once open there, it is given without the lock that a job holds while it loads a model.
        """
        self.uses.note(LoadedKind.TEXT)
        if (held := self._query_encoders.get(space.name)) is not None:
            return held
        with self._lock:
            if space.name in self._encoders and not self._serves:  # already paid for
                return self._encoders[space.name]
            found = self._tower_or_model(space)
            if self._serves:
                found = self._query_encoders[space.name] = self._in_int8(space, found) or found
            return found

    def _tower_or_model(self, space: EmbeddingSpace) -> TextEncoder:
        if not (self._directory / space.name).exists():  # imported vectors, whose model was never loaded here
            return self.encoder(space)
        try:
            return self._exported_texts(space)
        except UnsupportedError:
            return self.encoder(space)

    def _in_int8(self, space: EmbeddingSpace, exact: TextEncoder) -> TextEncoder | None:
        """The faster form of the text tower, where it was asked for and can be had."""
        if self._text_precision != "int8":
            return None
        from vasari.retrieval.models.export.text_int8 import open_in_int8
        from vasari.retrieval.search.relevance import BACKGROUND

        try:
            return open_in_int8(
                self._directory / space.name, exact, BACKGROUND, threads=self._settings.threads
            )
        except UnsupportedError as error:
            _LOG.warning("query texts stay in float32: %s", error)
            return None

    def reranker(self, encoder: str) -> Reranker:
        """The image-text matching model: the settings' one, or the one that suits `encoder`'s pictures."""
        self.uses.note(LoadedKind.RERANKER)
        with self._lock:
            if self._reranker is None:
                with self._noted("the reranker"), chosen_before():
                    forms = None if self._settings.read_only else self._directory.parent / SECOND_LOOKS
                    self._reranker = load_reranker(encoder, self._asked, forms)
            return self._reranker

    def reranker_digest(self, encoder: str) -> str:
        """A short fingerprint of that model's files, which need not be loaded."""
        from vasari.retrieval.library.loading import find_folder
        from vasari.retrieval.models.registry.fingerprints import folder_digest

        with chosen_before():
            return folder_digest(find_folder(ModelKind.RERANKER, encoder, self._asked))[:16]

    def has_reranker(self, encoder: str) -> bool:
        """Whether `reranker` needs no download: one is loaded, or lies here for `encoder`'s pictures."""
        return self.presence(ModelKind.RERANKER, encoder).here

    def presence(self, use: ModelKind, encoder: str) -> Presence:
        """The model for this use beside (or as) the dual encoder `encoder`, and whether it is on this machine."""
        from vasari.retrieval.models.registry.files import is_here

        reference = chosen_model(use, encoder, self._settings)
        loaded = {
            ModelKind.DUAL_ENCODER: bool(self._encoders),
            ModelKind.RERANKER: self._reranker is not None,
        }.get(use, reference in self._picture_models)
        return Presence(reference, loaded or is_here(reference, use))

    def captioner(self, encoder: str, task: Task = Task.CAPTION) -> Captioner:
        """What describes pictures: the settings' one, or the one that suits `encoder`'s pictures.

        UnsupportedError where it has not the task, as below.
        """
        return cast("Captioner", self._picture_model(ModelKind.CAPTIONER, encoder, task))

    def locator(self, encoder: str, task: Task = Task.LOCATE) -> Locator:
        """What says where things are in pictures: the captioner, if it can."""
        return cast("Locator", self._picture_model(ModelKind.CAPTIONER, encoder, task))

    def reading_captioner(self, encoder: str) -> TextReader:
        """What writes down the text in pictures: the captioner, if it can."""
        return cast("TextReader", self._picture_model(ModelKind.CAPTIONER, encoder, Task.READ))

    def answerer(self, encoder: str) -> Answerer:
        """What answers questions, chosen alike; the captioner, where that was taught to."""
        return cast("Answerer", self._picture_model(ModelKind.ANSWERER, encoder, Task.ANSWER))

    def _picture_model(self, use: ModelKind, encoder: str, task: Task) -> PictureModel:
        from vasari.retrieval.library import picture_models
        from vasari.retrieval.models.registry.tasks import require

        picture_models.check_known(use, task, encoder, self._settings)
        reference = chosen_model(use, encoder, self._settings)
        self.uses.note(LoadedKind.DESCRIBER)
        with self._lock:
            if reference not in self._picture_models:
                with self._noted(f"the {use}"), chosen_before():
                    loaded = picture_models.load_picture_model(use, encoder, self._asked)
                self._picture_models[reference] = loaded
            model = self._picture_models[reference]
        require(task, reference, model.tasks)
        return model


def _reference(space: EmbeddingSpace) -> str:
    from vasari.retrieval.models.registry.presets import reference_of

    return reference_of(space)


def _other_weights(space: EmbeddingSpace) -> LibraryCorruptError:
    return LibraryCorruptError(
        f"the model {space.model!r} is not the one that made the space {space.name!r}: its weights"
        f" changed; run `vasari index PATH --model {space.model}` to embed the collection with them"
    )
