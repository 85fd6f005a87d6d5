"""The models of an open library: each is loaded when first needed, once, and shared by all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.domain import EmbeddingSpace
from retrieval.errors import LibraryCorruptError, UnsupportedError
from retrieval.settings import Precision, Settings

if TYPE_CHECKING:
    from retrieval.catalog.catalog import Catalog
    from retrieval.models.captioner import Florence2Captioner
    from retrieval.models.dual_encoder import OpenClipEncoder
    from retrieval.models.ports import DualEncoder, TextEncoder
    from retrieval.models.presets import ModelKind
    from retrieval.models.reranker import BlipReranker

# `transformers` puts another module in its own place while it is imported: a second thread that waits for that import
# gets the first, empty one, and then "cannot import name 'AutoTokenizer'".
_importing = threading.Lock()


def load_encoder(reference: str, settings: Settings, precision: Precision | None = None) -> OpenClipEncoder:
    """A dual encoder where and as the settings say; ModelUnavailableError when the weights cannot be had."""
    with _importing:
        from retrieval.models.dual_encoder import OpenClipEncoder

    return OpenClipEncoder.load(
        reference,
        device=settings.device,
        precision=precision or settings.precision,
        threads=settings.threads,
        offline=settings.offline,
        hub_timeout=settings.hub_timeout,
    )


def load_reranker(reference: str, settings: Settings) -> BlipReranker:
    """An image-text matching model where and as the settings say; ModelUnavailableError as for encoders."""
    from retrieval.models.presets import ModelKind

    with _importing:
        from retrieval.models.reranker import BlipReranker

    folder = find_folder(reference, ModelKind.RERANKER, settings)
    return BlipReranker(folder, device=settings.device, precision=settings.precision)


def load_captioner(reference: str, settings: Settings) -> Florence2Captioner:
    """A captioner where and as the settings say; ModelUnavailableError as for encoders."""
    from retrieval.models.presets import ModelKind

    with _importing:
        from retrieval.models.captioner import Florence2Captioner

    folder = find_folder(reference, ModelKind.CAPTIONER, settings)
    return Florence2Captioner(folder, device=settings.device, precision=settings.precision)


def find_folder(reference: str, use: ModelKind, settings: Settings) -> Path:
    """The folder of a reranker or captioner, fetched if it has to be."""
    from retrieval.models.hub import HubAccess
    from retrieval.models.sources import locate_folder, resolve

    return locate_folder(resolve(reference, use), HubAccess(settings.offline, settings.hub_timeout))


class LoadedModels:
    """Dual encoders by space, one reranker, one captioner."""

    def __init__(self, catalog: Callable[[], Catalog], settings: Settings, directory: Path) -> None:
        """`directory` holds a folder for each space, with its exported text tower."""
        self._catalog = catalog
        self._settings = settings
        self._directory = directory
        self._encoders: dict[str, DualEncoder] = {}
        self._text_encoders: dict[str, TextEncoder] = {}
        self._whole: dict[str, OpenClipEncoder] = {}
        self._reranker: BlipReranker | None = None
        self._captioner: Florence2Captioner | None = None
        self.long_lived = False  # a service spends more on opening models, to answer each query faster
        self._lock = threading.RLock()

    def use(self, reference: str) -> EmbeddingSpace:
        """Load a dual encoder, and make its space if the library has none yet (with its torch-free text tower).

        The first space becomes the default. Raises ModelUnavailableError when the weights cannot be had.
        """
        from retrieval.models.text_onnx import export_text_tower

        encoder = self._load(reference)
        catalog = self._catalog()
        writable = not self._settings.read_only
        space = catalog.ensure_space(encoder.space) if writable else catalog.space(encoder.space.name)
        if writable and not (self._directory / space.name).exists():
            export_text_tower(encoder, self._directory / space.name)
        with self._lock:
            self._encoders[space.name] = self._optimized(space) or encoder
        if writable and catalog.default_space() is None:
            catalog.set_default_space(space.name)
        return space

    def encoder(self, space: EmbeddingSpace) -> DualEncoder:
        """The space's dual encoder.

        Raises LibraryCorruptError when the model found under the space's reference has other weights by now: its
        vectors would not be comparable.
        """
        with self._lock:
            if space.name not in self._encoders and not space.weights_fingerprint:  # of imported vectors
                encoder = self._load(space.model)
                if encoder.dim != space.dim:
                    raise LibraryCorruptError(
                        f"the imported vectors of {space.name!r} have {space.dim} numbers, those of the model"
                        f" {space.model!r} have {encoder.dim}: import them again with the model that made them"
                    )
                self._encoders[space.name] = encoder
            if space.name not in self._encoders and (optimized := self._optimized(space)) is not None:
                self._encoders[space.name] = optimized
            if space.name not in self._encoders:
                found = self.use(space.model)
                if found.name != space.name:
                    raise _other_weights(space)
            return self._encoders[space.name]

    def whole(self, space: EmbeddingSpace) -> OpenClipEncoder:
        """The space's dual encoder as torch runs it, which can also look at the parts of a picture; see `encoder`."""
        with _importing:
            from retrieval.models.dual_encoder import OpenClipEncoder

        encoder = self.encoder(space)
        if isinstance(encoder, OpenClipEncoder):
            return encoder
        with self._lock:
            if space.name not in self._whole:
                self._whole[space.name] = self._load(space.model)
            return self._whole[space.name]

    def _optimized(self, space: EmbeddingSpace) -> DualEncoder | None:
        """What `vasari models optimize` switched on for the space; a device or precision asked for goes before it."""
        from retrieval.models.image_encoder import EXPORTED, OptimizedEncoder, read_settings

        settings, directory = self._settings, self._directory / space.name
        if settings.precision != "auto" or settings.device not in {"auto", "cpu"}:
            return None
        chosen = read_settings(directory)
        if chosen is None:
            return None
        if chosen["precision"] in EXPORTED:
            return OptimizedEncoder(directory, space, partial(self._texts, space), threads=settings.threads)
        return self._load(space.model, chosen["precision"])

    def _exported_texts(self, space: EmbeddingSpace) -> TextEncoder:
        """The exported text tower; UnsupportedError for a model that has none."""
        from retrieval.models.text_onnx import OnnxTextEncoder

        with self._lock:
            if space.name not in self._text_encoders:
                self._text_encoders[space.name] = OnnxTextEncoder.open(
                    self._directory / space.name,
                    threads=self._settings.threads,
                    long_lived=self.long_lived,
                )
            return self._text_encoders[space.name]

    def _texts(self, space: EmbeddingSpace) -> TextEncoder:
        """The text half beside an exported picture half."""
        try:
            return self._exported_texts(space)
        except UnsupportedError:
            with self._lock:
                self._text_encoders[space.name] = self._load(space.model)
                return self._text_encoders[space.name]

    def export_texts_anew(self, space: EmbeddingSpace) -> None:
        """Make the space's exported text tower again. Raises ModelUnavailableError and LibraryCorruptError."""
        from retrieval.models.text_export import export_anew

        encoder = self._load(space.model)
        if encoder.space.name != space.name:
            raise _other_weights(space)
        export_anew(encoder.towers, self._directory / space.name)
        with self._lock:
            self._text_encoders.pop(space.name, None)

    def _load(self, reference: str, precision: Precision | None = None) -> OpenClipEncoder:
        return load_encoder(reference, self._settings, precision)

    def text_encoder(self, space: EmbeddingSpace) -> TextEncoder:
        """What embeds query texts: the exported tower if there is one, else the whole model."""
        with self._lock:
            if space.name in self._encoders:  # already paid for
                return self._encoders[space.name]
            tower = self._directory / space.name
            if not tower.exists():  # imported vectors, whose model was never loaded here
                return self.encoder(space)
            try:
                return self._exported_texts(space)
            except UnsupportedError:
                return self.encoder(space)

    def reranker(self, encoder: str) -> BlipReranker:
        """The image-text matching model: the settings' one, or the one that suits `encoder`'s pictures."""
        from retrieval.models.presets import ModelKind, companion

        with self._lock:
            if self._reranker is None:
                chosen = self._settings.reranker or companion(encoder, ModelKind.RERANKER)
                self._reranker = load_reranker(chosen, self._settings)
            return self._reranker

    def has_reranker(self, encoder: str) -> bool:
        """Whether `reranker` needs no download: one is loaded, was chosen, or lies here for `encoder`'s pictures."""
        from retrieval.models.presets import ModelKind, companion, find_preset, is_local

        if self._reranker is not None or self._settings.reranker is not None:
            return True
        return is_local(find_preset(companion(encoder, ModelKind.RERANKER)))

    def captioner(self, encoder: str) -> Florence2Captioner:
        """The model that describes and answers: the settings' one, or the one that suits `encoder`'s pictures."""
        from retrieval.models.presets import ModelKind, companion

        with self._lock:
            if self._captioner is None:
                chosen = self._settings.captioner or companion(encoder, ModelKind.CAPTIONER)
                self._captioner = load_captioner(chosen, self._settings)
            return self._captioner


def _other_weights(space: EmbeddingSpace) -> LibraryCorruptError:
    return LibraryCorruptError(
        f"the model {space.model!r} is not the one that made the space {space.name!r}: its weights"
        f" changed; run `vasari index PATH --model {space.model}` to embed the collection with them"
    )
