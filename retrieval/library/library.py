"""A library: a directory that holds one collection. The one place where the parts are put together.

    with Library.open("~/Pictures/.vasari") as library:
        for hit in library.search("a red boat at sunset").hits:
            print(hit.score, hit.item.uri)
        library.add("boat.jpg", "harbour.jpg")
        library.remove("boat.jpg")

Parts are made when first needed: opening a library imports neither torch nor faiss, and searching one that lies in
SQLite not even SQLAlchemy.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, SupportsIndex

from vasari.retrieval.catalog.sqlite_reader import SqliteReader
from vasari.retrieval.domain import (
    USUAL_TOP,
    EmbeddingSpace,
    FairTrial,
    Item,
    ItemId,
    Modality,
    Region,
    Rerank,
    SearchRequest,
    SearchResponse,
    Term,
    TermKind,
    Understanding,
    UnitVectors,
)
from vasari.retrieval.errors import (
    ImageError,
    NotFoundError,
)
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library import opening
from vasari.retrieval.library.calibrations import Calibrations
from vasari.retrieval.library.galleries import OpenGalleries
from vasari.retrieval.library.last_uses import LoadedKind
from vasari.retrieval.library.loading import chosen_model
from vasari.retrieval.library.models import LoadedModels
from vasari.retrieval.library.rerank_stage import OpenRerankStage
from vasari.retrieval.models.ports import ModelKind
from vasari.retrieval.search import engine
from vasari.retrieval.search.hybrid import SeenText
from vasari.retrieval.search.query import parse_query
from vasari.retrieval.search.stage_timer import StageTimer
from vasari.retrieval.settings import Settings, physical_memory
from vasari.retrieval.storage.local_files import read_file
from vasari.retrieval.vectors.gallery import Gallery, GallerySnapshot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vasari.retrieval.catalog.catalog import Catalog
    from vasari.retrieval.catalog.word_index import WordIndex
    from vasari.retrieval.images.decode import DecodedImage, Picture
    from vasari.retrieval.library.duplicates import Duplicate
    from vasari.retrieval.library.query_log import QueryLog
    from vasari.retrieval.library.spaces import SpaceState
    from vasari.retrieval.library.upload import NewPicture
    from vasari.retrieval.library.vocabulary import LibraryVocabulary
    from vasari.retrieval.models.ports import (
        Captioner,
        Detail,
        DualEncoder,
        PictureEncoder,
        Reranker,
        TextReader,
    )
    from vasari.retrieval.search.feature_store import FeatureStore
    from vasari.retrieval.search.lexicon import Lexicon
    from vasari.retrieval.search.relevance import Calibration
    from vasari.retrieval.search.reranking import RerankStage
    from vasari.retrieval.search.understood import Understood


_SIDE_OF_MOST_MODELS = 512  # pixels, at most
_LARGEST_LOOK = 1024  # pixels of the shorter side; captioners take 768
_LEAST_DECODE_BYTES = 1024 * 1024 * 1024


class Library:
    """One collection on disk, open for searching; jobs take its write lease on top."""

    def __init__(self, root: Path, settings: Settings, catalog: Catalog | SqliteReader) -> None:
        self.root = root
        self.settings = settings
        if settings.private_addresses:
            # A plain search reads no URL.
            from vasari.retrieval.storage.network_addresses import allow_private

            allow_private(True)
        self._glance = catalog if isinstance(catalog, SqliteReader) else None
        self._catalog = None if isinstance(catalog, SqliteReader) else catalog
        self.models = LoadedModels(lambda: self.catalog, settings, root / "models")
        self._galleries = OpenGalleries(lambda: self._reader, self._open_gallery)
        self._calibrations = Calibrations(self.models_directory, read_only=settings.read_only)
        # A service has its own: inside its roots.
        self.read_original: Callable[[Item], bytes] = self.original_of
        self._rerank_stage = OpenRerankStage(self._new_rerank_stage)
        self._vocabulary: tuple[int, LibraryVocabulary] | None = None  # and the catalog's revision
        self.only_readable = False  # this user may not write it, though nobody asked for a replica
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls, root: str | Path | None = None, settings: Settings | None = None, *, create: bool = False
    ) -> Self:
        """Open the library in `root` (default: `settings.library`).

        One that this user may not write is opened to be read, unless `create`.

        Raises NotFoundError when there is none and `create` is off, StorageError when it can't be made, UsageError for
        a URL.
        """
        place = opening.place_of(root, settings, create=create)
        opened = cls(place.directory, place.settings, place.reader())
        opened.only_readable = place.only_readable
        return opened

    def close(self) -> None:
        """Close the catalog; readers in flight must have ended. Whatever is asked afterwards opens it anew."""
        for part in (self._glance, self._catalog):
            if part is not None:
                part.close()
        self._glance = None  # a closed file answers nothing, where a closed catalog opens its database again

    @property
    def catalog(self) -> Catalog:
        """All that is known of the library but the vectors."""
        with self._lock:
            if self._catalog is None:
                self._catalog = opening.open_catalog(self.root, self.settings)
            return self._catalog

    @property
    def glance(self) -> SqliteReader | None:
        """The catalog as it is read without SQLAlchemy; None where it cannot be, or is open anyway."""
        return self._glance if self._catalog is None else None

    @property
    def _reader(self) -> Catalog | SqliteReader:
        """What answers the questions of a plain search."""
        return self._catalog or self._glance or self.catalog

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Where things lie.

    def segments_directory(self, space: EmbeddingSpace, modality: Modality) -> Path:
        """The folder of the segments of one space and modality."""
        return self.root / "segments" / space.name / modality

    def generations_directory(self, space: EmbeddingSpace, modality: Modality) -> Path:
        """The folder of the generations of one space and modality."""
        return self.root / "generations" / space.name / modality

    def models_directory(self, space: EmbeddingSpace) -> Path:
        """The folder of the space's exported text tower."""
        return self.root / "models" / space.name

    @property
    def image_limits(self) -> ImageLimits:
        """What a picture may weigh and measure, and what all that are decoded at once may hold."""
        settings = self.settings
        memory = settings.decode_bytes or max(_LEAST_DECODE_BYTES, physical_memory() // 4)
        return ImageLimits(settings.max_image_bytes, settings.max_image_pixels, memory)

    # Spaces and their models.

    def default_space(self) -> EmbeddingSpace | None:
        """The space that is searched; None in a library that has none yet."""
        return self._reader.spaces.default()

    def space(self, name: str | None = None) -> EmbeddingSpace:
        """The named space, or the default one; NotFoundError when there is none."""
        if name is not None:
            return self._reader.spaces.get(name)
        default = self.default_space()
        if default is None:
            if any(self.catalog.items.count(modality) for modality in Modality):
                raise NotFoundError(
                    "nothing in this library has a vector: `vasari index --all --model MODEL` embeds it"
                )
            raise NotFoundError("this library is empty: fill it with `vasari index PATH`")
        return default

    def use_model(self, reference: str) -> EmbeddingSpace:
        """Load a dual encoder and make its space if there is none yet; the first space becomes the default.

        Raises UsageError or NotFoundError for what names no model, ModelUnavailableError where weights cannot be had.
        """
        return self.models.use(reference)

    def begin(self) -> EmbeddingSpace:
        """The default space; a new library gets its first: by the settings' model, or see `instant_start`."""
        from vasari.retrieval.library.instant_start import begin

        return self.default_space() or begin(self)

    def successor(self) -> str | None:
        """The model that is to take over from the built-in one that the library began with; mostly None."""
        from vasari.retrieval.library.instant_start import successor

        return successor(self.root, self.default_space())

    def space_of(self, reference: str) -> EmbeddingSpace:
        """The space of a dual encoder, which the library need not have yet."""
        return self.models.space_of(reference)

    def spaces(self) -> list[SpaceState]:
        """All spaces, oldest first: how many items have a vector in each, how many have none, what each takes."""
        from vasari.retrieval.library import spaces

        return spaces.states(self)

    def use_space(self, name: str) -> EmbeddingSpace:
        """Make a space, named by itself or by its model, the default, complete or not. Raises NotFoundError."""
        from vasari.retrieval.library import spaces

        return spaces.use(self, name)

    def drop_space(self, name: str, *, force: bool = False) -> EmbeddingSpace:
        """Forget a space with its vectors and files; the default one with `force` only (else UsageError).

        Raises NotFoundError, and LibraryLockedError while a job writes.
        """
        from vasari.retrieval.library import spaces

        return spaces.drop(self, name, force=force)

    def encoder(self, space: EmbeddingSpace | None = None) -> DualEncoder:
        """The dual encoder of a space (default: the default one), loaded once; raises ModelUnavailableError."""
        return self.models.encoder(space or self.space())

    def picture_encoder(self, space: EmbeddingSpace) -> PictureEncoder:
        """What embeds some pictures: the exported tower, without torch, where it gives the space's vectors."""
        return self.models.picture_encoder(space) or self.encoder(space)

    @property
    def devices(self) -> Sequence[str]:
        """Where jobs embed pictures; see `encoder_on`."""
        return self.models.devices

    def encoder_on(self, device: str, space: EmbeddingSpace) -> DualEncoder:
        """The dual encoder of a space on one of `devices`, loaded once."""
        return self.encoder(space) if len(self.devices) == 1 else self.models.encoder_on(device, space)

    # What a search asks for beside the catalog (retrieval.search.ports.Collection).

    def embed_texts(self, texts: Sequence[str], space: EmbeddingSpace) -> UnitVectors:
        """Unit vectors (n, dim) of texts, float32; ModelUnavailableError where the space's model is not here."""
        return self.models.text_encoder(space).embed_texts(texts)

    def embed_pictures(self, pictures: Sequence[bytes | Path], space: EmbeddingSpace) -> UnitVectors:
        """Unit vectors (n, dim) of encoded pictures or files; ImageError for the first that is no picture."""
        import numpy as np

        from vasari.retrieval.images.decode import decoding

        encoder = self.picture_encoder(space)
        limits = self.image_limits
        prepared = []
        for picture in pictures:
            with _naming(picture):
                data = picture if isinstance(picture, bytes) else read_file(picture, limits)
                with decoding(data, limits, target=encoder.image_size) as decoded:
                    prepared.append(encoder.prepare(decoded.picture))
        return encoder.embed_images(np.stack(prepared))

    def candidate_side(self, space: EmbeddingSpace) -> int:
        """Pixels of the shorter side from which `embed_candidate` loses nothing; no model is loaded to tell."""
        known = self.models.preprocessing(space)
        return _SIDE_OF_MOST_MODELS if known is None else known.image_size

    def embed_candidate(self, picture: Picture, space: EmbeddingSpace) -> UnitVectors:
        """The unit vector (1, dim) of a decoded picture, by what is fastest: it may differ in the third decimal."""
        encoder = self.models.candidate_encoder(space) or self.picture_encoder(space)
        return encoder.embed_images(encoder.prepare(picture)[None])

    def vectors_of(self, items: Sequence[ItemId], space: EmbeddingSpace) -> UnitVectors:
        """Stored vectors (n, dim) of items of any modality, in the order asked; NotFoundError for one without."""
        import numpy as np

        known = self.items(items)
        places: dict[Modality, list[int]] = {}
        for place, item in enumerate(items):
            if item not in known:
                raise NotFoundError(f"no item {item} in this library")
            places.setdefault(known[item].modality, []).append(place)
        found = np.empty((len(items), space.dim), np.float32)
        for modality, those in places.items():
            found[those] = self.gallery(modality, space).vectors_of([items[place] for place in those])
        return UnitVectors(found)

    def embed_query(self, terms: Sequence[Term], space: EmbeddingSpace) -> UnitVectors:
        """The terms blended to one unit vector (1, dim); those of one kind are embedded in one call."""
        texts = [term.heard for term in terms if term.kind is TermKind.TEXT]
        pictures = [term.image for term in terms if term.image is not None]
        items = [term.item for term in terms if term.item is not None]
        vectors: dict[TermKind, UnitVectors] = {}
        if texts:
            vectors[TermKind.TEXT] = self.embed_texts(texts, space)
        if pictures:
            vectors[TermKind.IMAGE] = self.embed_pictures(pictures, space)
        if items:
            vectors[TermKind.ITEM] = self.vectors_of(items, space)
        return engine.blend_terms(terms, vectors)

    @property
    def full_text(self) -> WordIndex:
        """What is said of the items."""
        return self._reader.full_text

    def items(self, ids: Sequence[ItemId] | NDArray[np.int64]) -> Mapping[ItemId, Item]:
        """The items that still exist among `ids`."""
        return self._reader.items.get(ids)

    def gallery(self, modality: Modality, space: EmbeddingSpace | None = None) -> Gallery:
        """All live vectors of a modality as the catalog has them now; unchanged parts are shared between calls."""
        return self._galleries.gallery(modality, space or self.space())

    def _open_gallery(self, modality: Modality, space: EmbeddingSpace, snapshot: GallerySnapshot) -> Gallery:
        return Gallery.open(
            self.segments_directory(space, modality),
            self.generations_directory(space, modality),
            snapshot,
            threads=self.settings.threads,
            store=self.settings.vectors,
        )

    def absent(self, gallery: Gallery, modality: Modality, space: EmbeddingSpace) -> int:
        """How many items of the library have no vector in the gallery: those a search does not find."""
        return self._galleries.absent(gallery, modality, space)

    def calibration(
        self,
        modality: Modality,
        space: EmbeddingSpace,
        seen: NDArray[np.int64] | None = None,
        *,
        fair: FairTrial | bool = False,
    ) -> Calibration:
        """What unrelated queries score on this collection, or on the items `seen`; measured when much has changed.

        With `fair` they are ranked as the space ranks fairly, or as is tried.
        """
        gallery = self.gallery(modality, space)
        if isinstance(fair, FairTrial):
            gallery = gallery.tried(fair)
        embed = partial(self.embed_texts, space=space)
        return self._calibrations.of(gallery, modality, space, embed, seen, fair=fair is not False)

    # Changing what is in it.

    def add(self, *pictures: str | Path | bytes | NewPicture) -> list[ItemId]:
        """Add pictures, or update those that are there; their ids, in order. For folders there is `indexer`.

        A file's uri is its path. Bytes are stored in the library, unless a `NewPicture` names where they lie. The
        first that is no picture raises ImageError, and none is added; LibraryLockedError while a job writes.
        """
        from vasari.retrieval.library import upload

        return upload.add(self, [upload.new_picture(picture) for picture in pictures])

    def remove(self, *what: str | Path | SupportsIndex) -> int:
        """Take items out, named by id, uri, file or folder, or as a hit or an `Item`; says how many.

        Files stay, but those that the library stored. LibraryLockedError while a job writes.
        """
        from vasari.retrieval.library import remove

        return remove.remove(self, what).removed

    def open_picture(self, picture: bytes | Path) -> Picture:
        """Decode a picture as large as any model looks at it, which is smaller than a large one; raises ImageError."""
        return self._decoded(picture).picture

    def _decoded(self, picture: bytes | Path) -> DecodedImage:
        from vasari.retrieval.images.decode import decode

        limits = self.image_limits
        with _naming(picture):
            data = picture if isinstance(picture, bytes) else read_file(picture, limits)
            return decode(data, limits, target=_LARGEST_LOOK)

    def rerank_stage(self, within_ms: float | None = None) -> RerankStage:
        """The reranker with its cache; raises ModelUnavailableError.

        A model not loaded well `within_ms` is loaded on in the background, for the next who asks: DeadlineError.
        """
        if (held := self._rerank_stage.held()) is not None:
            self.models.uses.note(LoadedKind.RERANKER)
            return held
        return self._rerank_stage.get(within_ms)

    def give_back_models(self, idle: float) -> list[LoadedKind]:
        """Let go of the models that nobody has asked for in `idle` seconds; says which."""
        given = self.models.give_back(idle)
        if LoadedKind.RERANKER in given:
            self._rerank_stage.close()
        return given

    def _new_rerank_stage(self) -> RerankStage:
        from vasari.retrieval.search.feature_cache import FeatureCache
        from vasari.retrieval.search.reranking import RerankStage

        cache = FeatureCache(self.settings.reranker_cache_bytes, self.feature_store().get)
        return RerankStage(self.models.reranker(self._model), cache, self.picture_of)

    def reranker(self) -> Reranker:
        """The model that reranks; ModelUnavailableError where there is none."""
        return self.models.reranker(self._model)

    def reranker_name(self) -> str:
        """The reference of that model, wherever it is."""
        return chosen_model(ModelKind.RERANKER, self._model, self.settings)

    def feature_store(self) -> FeatureStore:
        """What the reranker made of pictures, on disk; ModelUnavailableError where there is no reranker."""
        from vasari.retrieval.search.feature_store import FeatureStore

        return FeatureStore(self.root, self.models.reranker_digest(self._model))

    def picture_of(self, what: Item | bytes | Path) -> Picture:
        """An item's picture, wherever its original lies, or a given one; ImageError when it is gone or broken."""
        return self.open_picture(self.read_original(what) if isinstance(what, Item) else what)

    def original_of(self, item: Item) -> bytes:
        """The bytes behind an item: a file, a member of an archive or a URL; raises ImageError."""
        from vasari.retrieval.storage.reader import open_original

        return open_original(item.uri, self.image_limits, remote=self.settings.remote_originals is not False)

    @property
    def _model(self) -> str:
        """Model of the default space, or of a new library: it selects the preset of reranker and captioner."""
        space = self.default_space()
        return space.model if space else self.settings.model

    def duplicates_of(self, picture: bytes | Path) -> list[Duplicate]:
        """The items that a picture is a copy of: same bytes, re-encoded, cropped, bordered or edited; surest first."""
        from vasari.retrieval.library.duplicates import duplicates_of

        with _naming(picture):
            data = picture if isinstance(picture, bytes) else read_file(picture, self.image_limits)
            return duplicates_of(self, data)

    # What a picture shows.

    def match(self, pictures: Iterable[bytes | Path], text: str) -> list[float]:
        """Probability in [0, 1], for each picture, that `text` describes it; pictures are taken one by one.

        Raises ModelUnavailableError without a reranker, and ImageError for the first that is no picture.
        """
        from vasari.retrieval.library import understanding

        opened = (self.open_picture(picture) for picture in pictures)
        found: list[float] = understanding.match(self.models.reranker(self._model), opened, text).tolist()
        return found

    def classify(
        self, picture: bytes | Path, labels: Sequence[str], templates: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """Zero-shot classification: labels with their probabilities (in [0, 1], summing to 1), likeliest first.

        Each template, such as "a photo of a {}", has `{}` for the label. Raises UsageError for no
        or too many labels, and ImageError.
        """
        from vasari.retrieval.library import understanding

        space = self.space()
        classes = understanding.class_vectors(
            labels,
            lambda texts: self.embed_texts(texts, space),
            templates or understanding.templates_of(space.model),
        )
        return understanding.best_labels(labels, self.embed_pictures([picture], space), classes)

    def text_reader(self, by: Literal["ocr", "captioner"] = "ocr") -> TextReader:
        """What reads the text in pictures: MissingExtraError without its package, UnsupportedError for a captioner."""
        from vasari.retrieval.library.loading import load_text_reader

        return load_text_reader() if by == "ocr" else self.models.reading_captioner(self._model)

    def captioner(self, detail: Detail = "short") -> Captioner:
        """The model that describes pictures; UnsupportedError where it does not in such detail."""
        from vasari.retrieval.models.ports import Task

        return self.models.captioner(self._model, Task.PARAGRAPH if detail == "more" else Task.CAPTION)

    def caption(self, pictures: Sequence[bytes | Path], detail: Detail = "short") -> list[str]:
        """A description of each picture: a sentence, with `detailed` all there is to see, with `more` at length."""
        opened = [self.open_picture(picture) for picture in pictures]
        return self.captioner(detail).caption(opened, detail)

    def locate(self, picture: bytes | Path, phrase: str) -> list[Region]:
        """Where a phrase is to be seen, in pixels of the upright picture; empty if nowhere (phrase grounding)."""
        from vasari.retrieval.library import locating

        decoded = self._decoded(picture)
        return locating.locate(self.models.locator(self._model), decoded, phrase)

    def detect(self, picture: bytes | Path, *, describe: bool = False) -> list[Region]:
        """The things in a picture, alike: by name, or with `describe` by what they look like."""
        from vasari.retrieval.library import locating

        decoded = self._decoded(picture)
        model = self.models.locator(self._model, locating.detection(describe))
        return locating.detect(model, decoded, describe=describe)

    def ask(self, picture: bytes | Path, question: str) -> str:
        """A short answer to a question about a picture; UnsupportedError where the model was not taught to answer."""
        return self.models.answerer(self._model).answer(self.open_picture(picture), question)

    def regions_png(self, picture: bytes | Path, regions: Sequence[Region]) -> bytes:
        """The picture with boxes over it, as PNG."""
        from vasari.retrieval.images import boxes

        return boxes.boxes_overlay(self._decoded(picture), regions)

    def why(self, what: SupportsIndex | bytes | Path, text: str) -> NDArray[np.float32]:
        """Where in a picture, or an item's picture, the words are seen: (rows, columns), summing to 1.

        The reranker's cross-attention; where none that has it is on this machine, how like the words the dual encoder's
        patches are. Raises UnsupportedError where its tower keeps no patches.
        """
        from vasari.retrieval.library import understanding
        from vasari.retrieval.models.ports import PointingReranker

        picture = self._picture(what)
        reranker = self.models.reranker(self._model) if self.models.has_reranker(self._model) else None
        if isinstance(reranker, PointingReranker):
            return understanding.heat_map(reranker, picture, text)
        space = self.space()
        encoder = self.models.whole(space)
        patches = encoder.embed_patches(encoder.prepare(picture)[None])[0]
        vectors = self.embed_texts([text, *understanding.NOTHING], space)
        return understanding.patch_map(patches, UnitVectors(vectors[:1]), UnitVectors(vectors[1:]))

    def why_png(self, what: SupportsIndex | bytes | Path, text: str) -> bytes:
        """The picture with that heat map over it, as PNG."""
        from vasari.retrieval.images import heat_map

        return heat_map.heat_overlay(self._picture(what), self.why(what, text))

    def _picture(self, what: SupportsIndex | bytes | Path) -> Picture:
        return self.picture_of(self._known(int(what)) if isinstance(what, SupportsIndex) else what)

    def _known(self, item: ItemId) -> Item:
        found = self.items([item]).get(item)
        if found is None:
            raise NotFoundError(f"no item {item} in this library")
        return found

    def vocabulary(self, *, world: bool = False) -> LibraryVocabulary:
        """The people, places and cameras that items name, for reading typed sentences."""
        from vasari.retrieval.library.vocabulary import LibraryVocabulary

        names, revision = self._reader.names, self._reader.revision()
        if world:
            return LibraryVocabulary(names, world=True)
        if self._vocabulary is None or self._vocabulary[0] != revision:
            self._vocabulary = revision, LibraryVocabulary(names)
        return self._vocabulary[1]

    def understand(
        self, query: str | Sequence[Term], today: date | None = None, within: str | None = None
    ) -> Understanding:
        """What a typed query asks for: terms, words that must occur, filters, errors put right; nothing is searched.

        `today` is what "last summer" is told from; by default this machine's day. To whoever sees only what the filter
        `within` accepts, no names are known. Raises QueryError.
        """
        from vasari.retrieval.search.intent import understand
        from vasari.retrieval.search.understood import heard

        terms = parse_query(query, files=True) if isinstance(query, str) else query
        vocabulary = None if within is not None else self.vocabulary(world=True)
        found = understand(terms, today or date.today(), vocabulary)
        if (lexicon := self._lexicon()) is None:
            return found
        terms, corrections, _notes = heard(found.terms, lexicon, self._is_said(Modality.IMAGE, within))
        return replace(found, terms=terms, corrections=corrections)

    def search(self, request: SearchRequest | str, query: UnitVectors | None = None) -> SearchResponse:
        """Search by a request, or by a query string as on the command line; by `query` (1, dim) if it is embedded.

        Raises QueryError for a query or filter that cannot be read, NotFoundError for a space or an item that is not
        there and for an empty library, and ModelUnavailableError.
        """
        if isinstance(request, str):
            request = SearchRequest(parse_query(request, files=True))
        if (log := self.query_log) is None:
            return self.searched(request, query)
        return log.noted(request, self.searched(log.asking(request), query))

    def searched(
        self,
        request: SearchRequest,
        query: UnitVectors | None = None,
        fair: FairTrial | Literal[False] | None = None,
    ) -> SearchResponse:
        """As `search`, but noted in no log: nobody looks for anything. `fair` is as of `engine.search`."""
        from vasari.retrieval.search.understood import needs_understanding  # not for jobs, as below

        if request.rerank is not None:
            request = replace(request, rerank=self._filled(request.rerank, request.space))
        if query is not None or not needs_understanding(request):
            return engine.search(self, request, query, fair=fair)
        watch = StageTimer()
        with watch.stage("understand"):
            asked = self.understood(request)
        return asked.told(engine.search(self, asked.request, watch=watch, fair=fair))

    def _filled(self, asked: Rerank, space: str | None) -> Rerank:
        """With what settings say in place of None, else what was measured by this reranker, else what is usual."""
        from vasari.retrieval.models.registry.presets import rerank_weight

        asked = asked.filled(self.settings.rerank_top, self.settings.rerank_weight)
        if asked.top is None or asked.weight is None:
            tuned = self.catalog.spaces.reranking(self.space(space).name)
            if tuned is not None and tuned.model == self.reranker_name():
                asked = asked.filled(tuned.top, tuned.weight)
        return asked.filled(USUAL_TOP, rerank_weight(self.reranker_name()))

    @cached_property
    def query_log(self) -> QueryLog | None:
        """What is searched for here, where that is to be kept."""
        if not self.settings.query_log or self.settings.read_only:
            return None
        from vasari.retrieval.library.query_log import QueryLog  # next to nobody asks for it

        return QueryLog(self.root)

    def understood(self, request: SearchRequest, within: str | None = None) -> Understood:
        """The request with its sentences understood, as `search` asks it.

        To whoever sees only what the filter `within` accepts, no names are known.
        """
        from vasari.retrieval.search.understood import understood
        from vasari.retrieval.search.vocabulary import NoVocabulary

        def accepts_any(text: str) -> bool:
            return len(self.catalog.filters.matching(text, request.modality, within)) > 0

        vocabulary = self.vocabulary() if within is None else NoVocabulary()
        lexicon, said = self._lexicon(request.space), self._is_said(request.modality, within)
        return understood(request, date.today(), vocabulary, accepts_any, lexicon, said)

    def _lexicon(self, space: str | None = None) -> Lexicon | None:
        """The words that a space's model was taught, where that is known."""
        from vasari.retrieval.library.lexicons import lexicon_of

        with contextlib.suppress(NotFoundError):  # a search says what is missing
            return lexicon_of(self.space(space).model)
        return None

    def _is_said(self, modality: Modality, within: str | None) -> Callable[[str], bool]:
        """Tells of a word whether it is said of any item, of those alone that the filter `within` accepts."""
        from vasari.retrieval.library.lexicons import is_said

        if within is None:
            return partial(is_said, self.full_text)
        seen = self.catalog.filters.matching(None, modality, within)
        return partial(is_said, SeenText(self.full_text, seen))


@contextlib.contextmanager
def _naming(picture: bytes | Path) -> Iterator[None]:
    """Say of which file an ImageError is, where there are several and a person named them."""
    try:
        yield
    except ImageError as error:
        if isinstance(picture, bytes) or str(picture) in str(error):
            raise
        raise ImageError(f"{picture}: {error}", error.stage) from error
