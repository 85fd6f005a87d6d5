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
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vasari.retrieval.catalog.sqlite_reader import SqliteReader
from vasari.retrieval.domain import (
    EmbeddingSpace,
    Item,
    ItemId,
    Modality,
    SearchRequest,
    SearchResponse,
    Term,
    TermKind,
    UnitVectors,
)
from vasari.retrieval.errors import (
    DeadlineError,
    ImageError,
    LibraryCorruptError,
    NotFoundError,
    StorageError,
    UsageError,
)
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library.galleries import OpenGalleries
from vasari.retrieval.library.loading import STILL_LOADING, in_background
from vasari.retrieval.library.models import LoadedModels
from vasari.retrieval.search import engine
from vasari.retrieval.search.query import parse_query
from vasari.retrieval.settings import Settings, physical_memory
from vasari.retrieval.storage.file_names import on_disk
from vasari.retrieval.storage.local_files import read_file
from vasari.retrieval.vectors.gallery import Gallery, GallerySnapshot

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from vasari.retrieval.catalog.catalog import Catalog
    from vasari.retrieval.images.decode import Picture
    from vasari.retrieval.library.spaces import SpaceState
    from vasari.retrieval.library.upload import NewPicture
    from vasari.retrieval.models.ports import Captioner, Detail, DualEncoder
    from vasari.retrieval.search.relevance import Calibration
    from vasari.retrieval.search.reranking import RerankStage


_LARGEST_LOOK = 1024  # pixels of the shorter side; captioners take 768
_LEAST_DECODE_BYTES = 1024 * 1024 * 1024


class Library:
    """One collection on disk, open for searching; jobs take its write lease on top."""

    def __init__(self, root: Path, settings: Settings, catalog: Catalog | SqliteReader) -> None:
        self.root = root
        self.settings = settings
        if settings.private_addresses:
            from vasari.retrieval.storage.network_addresses import (
                allow_private,  # a plain search reads no URL
            )

            allow_private(True)
        self._glance = catalog if isinstance(catalog, SqliteReader) else None
        self._catalog = None if isinstance(catalog, SqliteReader) else catalog
        self.models = LoadedModels(lambda: self.catalog, settings, root / "models")
        self._galleries = OpenGalleries(lambda: self._reader, self._open_gallery)
        self.read_original: Callable[[Item], bytes] = (
            self.original_of
        )  # a service has its own: inside its roots
        self._rerank_stage: RerankStage | None = None
        self.only_readable = False  # this user may not write it, though nobody asked for a replica
        self._rerank_lock = threading.Lock()
        self._opening: Future[RerankStage] | None = None
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
        settings = settings or (Settings() if root is None else Settings(library=Path(root)))
        given = Path(root) if root is not None else settings.library
        # Path has made one slash of two; a folder that is there may be called anything.
        if re.match(r"[a-z][a-z0-9+.-]+:/", str(given)) and not given.exists():
            raise UsageError(
                f"a library is a folder, and {given} is a URL: mount the bucket, "
                "or keep the pictures there and the library on a disk (`vasari index s3://…`)"
            )
        directory = Path(on_disk(os.path.expanduser(given))).absolute()  # noqa: PTH111 (takes ~name as it is, where there is no such user)
        database = directory / "catalog.sqlite3"
        only_readable = not create and settings.database_url is None and _is_protected(database)
        if only_readable:  # another's library, or a mount that takes nothing: it can be searched all the same
            settings = replace(settings, read_only=True)
        if settings.read_only:
            if settings.database_url is None and not database.is_file():
                raise NotFoundError(f"no library in {directory} to be read")
            opened = cls(directory, settings, _open_catalog(directory, settings))
            opened.only_readable = only_readable
            return opened
        if directory.is_file():
            raise UsageError(f"a library is a folder, and {directory} is a file")
        if not create and settings.database_url is None and not database.is_file():
            raise NotFoundError(f"no library in {directory}: make one with `vasari index PATH`")
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make a library in {directory}: {error.strerror}") from error
        if settings.database_url is None:
            _check_not_lost(directory, database)
        glance = SqliteReader.open(database) if settings.database_url is None else None
        return cls(directory, settings, glance or _open_catalog(directory, settings))

    def close(self) -> None:
        """Close the catalog; readers in flight must have ended."""
        for part in (self._glance, self._catalog):
            if part is not None:
                part.close()

    @property
    def catalog(self) -> Catalog:
        """All that is known of the library but the vectors."""
        with self._lock:
            if self._catalog is None:
                self._catalog = _open_catalog(self.root, self.settings)
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
        """Load a dual encoder and make its space if there is none yet; the first space becomes the default."""
        return self.models.use(reference)

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
        """The dual encoder of a space (default: the default one), loaded once."""
        return self.models.encoder(space or self.space())

    @property
    def devices(self) -> Sequence[str]:
        """Where jobs embed pictures; see `encoder_on`."""
        return self.models.devices

    def encoder_on(self, device: str, space: EmbeddingSpace) -> DualEncoder:
        """The dual encoder of a space on one of `devices`, loaded once."""
        return self.encoder(space) if len(self.devices) == 1 else self.models.encoder_on(device, space)

    # What a search asks for beside the catalog (retrieval.search.engine.Collection).

    def embed_texts(self, texts: Sequence[str], space: EmbeddingSpace) -> UnitVectors:
        """Unit vectors (n, dim) of texts."""
        return self.models.text_encoder(space).embed_texts(texts)

    def embed_pictures(self, pictures: Sequence[bytes | Path], space: EmbeddingSpace) -> UnitVectors:
        """Unit vectors (n, dim) of encoded pictures or files; ImageError for the first that is no picture."""
        import numpy as np

        from vasari.retrieval.images.decode import decoding

        encoder = self.models.picture_encoder(space) or self.encoder(space)
        limits = self.image_limits
        prepared = []
        for picture in pictures:
            with _naming(picture):
                data = picture if isinstance(picture, bytes) else read_file(picture, limits)
                with decoding(data, limits, target=encoder.image_size) as decoded:
                    prepared.append(encoder.prepare(decoded.picture))
        return encoder.embed_images(np.stack(prepared))

    def vectors_of(self, items: Sequence[ItemId], space: EmbeddingSpace) -> UnitVectors:
        """Stored vectors (n, dim) of items of any modality."""
        import numpy as np

        found: list[UnitVectors] = []
        known = self.items(items)
        for item in items:
            if item not in known:
                raise NotFoundError(f"no item {item} in this library")
            found.append(self.gallery(known[item].modality, space).vectors_of([item]))
        return UnitVectors(np.concatenate(found))

    def embed_query(self, terms: Sequence[Term], space: EmbeddingSpace) -> UnitVectors:
        """The terms blended to one unit vector (1, dim); those of one kind are embedded in one call."""
        texts = [term.text or "" for term in terms if term.kind is TermKind.TEXT]
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

    def items(self, ids: Sequence[ItemId]) -> Mapping[ItemId, Item]:
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

    def calibration(self, modality: Modality, space: EmbeddingSpace) -> Calibration:
        """What unrelated queries score on this collection; measured once for each state of it."""
        gallery = self.gallery(modality, space)
        return self._galleries.calibration(
            gallery, modality, space, lambda texts: self.embed_texts(texts, space)
        )

    # Changing what is in it.

    def add(self, *pictures: str | Path | bytes | NewPicture) -> list[ItemId]:
        """Add pictures, or update those that are there; their ids, in order. For folders there is `indexer`.

        A file's uri is its path. Bytes are stored in the library, unless a `NewPicture` names where they lie. The
        first that is no picture raises ImageError, and none is added; LibraryLockedError while a job writes.
        """
        from vasari.retrieval.library import upload

        return upload.add(self, [upload.new_picture(picture) for picture in pictures])

    def remove(self, *what: str | Path | ItemId) -> int:
        """Take items out, named by id, uri, file or folder; says how many.

        Files stay, but those that the library stored. LibraryLockedError while a job writes.
        """
        from vasari.retrieval.library import remove

        return remove.remove(self, what).removed

    def open_picture(self, picture: bytes | Path) -> Picture:
        """Decode a picture as large as any model looks at it, which is smaller than a large one; raises ImageError."""
        from vasari.retrieval.images.decode import decode

        limits = self.image_limits
        with _naming(picture):
            data = picture if isinstance(picture, bytes) else read_file(picture, limits)
            return decode(data, limits, target=_LARGEST_LOOK).picture

    def rerank_stage(self, within_ms: float | None = None) -> RerankStage:
        """The reranker with its cache; raises ModelUnavailableError.

        A model that is not loaded `within_ms` is loaded on in the background, for the next who asks: DeadlineError.
        """
        if self._rerank_stage is not None:
            return self._rerank_stage
        if within_ms is None:
            return self._open_rerank_stage()
        with self._lock:
            if self._opening is None or self._opening.done():  # however many ask, one thread loads
                self._opening = in_background(self._open_rerank_stage)
            opening = self._opening
        try:
            return opening.result(within_ms / 1000)
        except TimeoutError:
            raise DeadlineError(STILL_LOADING) from None

    def _open_rerank_stage(self) -> RerankStage:
        from vasari.retrieval.search.reranking import FeatureCache, RerankStage

        with self._rerank_lock:  # not the lock that every search takes: loading lasts seconds
            if self._rerank_stage is None:
                cache = FeatureCache(self.settings.reranker_cache_bytes)
                self._rerank_stage = RerankStage(self.models.reranker(self._model), cache, self.picture_of)
            return self._rerank_stage

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

    # What a picture shows.

    def match(self, pictures: Iterable[bytes | Path], text: str) -> list[float]:
        """Probability, for each picture, that `text` describes it; pictures are taken one by one."""
        from vasari.retrieval.library import understanding

        opened = (self.open_picture(picture) for picture in pictures)
        found: list[float] = understanding.match(self.models.reranker(self._model), opened, text).tolist()
        return found

    def classify(
        self, picture: bytes | Path, labels: Sequence[str], templates: Sequence[str] | None = None
    ) -> list[tuple[str, float]]:
        """Zero-shot classification: labels with their probabilities, likeliest first."""
        from vasari.retrieval.library import understanding

        space = self.space()
        classes = understanding.class_vectors(
            labels,
            lambda texts: self.embed_texts(texts, space),
            templates or understanding.templates_of(space.model),
        )
        return understanding.best_labels(labels, self.embed_pictures([picture], space), classes)

    def captioner(self) -> Captioner:
        """The model that describes pictures."""
        return self.models.captioner(self._model)

    def caption(self, pictures: Sequence[bytes | Path], detail: Detail = "short") -> list[str]:
        """A description of each picture."""
        opened = [self.open_picture(picture) for picture in pictures]
        return self.captioner().caption(opened, detail)

    def ask(self, picture: bytes | Path, question: str) -> str:
        """A short answer to a question about a picture."""
        return self.models.answerer(self._model).answer(self.open_picture(picture), question)

    def why(self, what: ItemId | bytes | Path, text: str) -> NDArray[np.float32]:
        """Where in a picture, or an item's picture, the words are seen: (rows, columns), summing to 1.

        The reranker's cross-attention; where none is on this machine, how like the words the dual encoder's patches
        are. Raises UnsupportedError where its tower keeps no patches.
        """
        from vasari.retrieval.library import understanding

        picture = self._picture(what)
        if self.models.has_reranker(self._model):
            return understanding.heat_map(self.models.reranker(self._model), picture, text)
        space = self.space()
        encoder = self.models.whole(space)
        patches = encoder.embed_patches(encoder.prepare(picture)[None])[0]
        vectors = self.embed_texts([text, *understanding.NOTHING], space)
        return understanding.patch_map(patches, UnitVectors(vectors[:1]), UnitVectors(vectors[1:]))

    def why_png(self, what: ItemId | bytes | Path, text: str) -> bytes:
        """The picture with that heat map over it, as PNG."""
        from vasari.retrieval.images import heat_map

        return heat_map.heat_overlay(self._picture(what), self.why(what, text))

    def _picture(self, what: ItemId | bytes | Path) -> Picture:
        return self.picture_of(self._known(what) if isinstance(what, int) else what)

    def _known(self, item: ItemId) -> Item:
        found = self.items([item]).get(item)
        if found is None:
            raise NotFoundError(f"no item {item} in this library")
        return found

    def search(self, request: SearchRequest | str, query: UnitVectors | None = None) -> SearchResponse:
        """Search by a request, or by a query string as on the command line; by `query` (1, dim) if it is embedded."""
        if isinstance(request, str):
            request = SearchRequest(parse_query(request, files=True))
        return engine.search(self, request, query)


def _check_not_lost(directory: Path, database: Path) -> None:
    """Begin no new catalog beside vectors: the next job would delete them, as belonging to nothing."""
    if (database.is_file() and database.stat().st_size) or not any(directory.glob("segments/*/*/*.npy")):
        return
    raise LibraryCorruptError(
        f"{database} is empty or missing, though there are vectors: restore it from a backup, or move"
        f" {directory / 'segments'} away to begin anew"
    )


def _is_protected(database: Path) -> bool:
    """Whether there is a catalog that this user may not write: SQLite needs its folder too."""
    return database.is_file() and not (os.access(database, os.W_OK) and os.access(database.parent, os.W_OK))


def _open_catalog(root: Path, settings: Settings) -> Catalog:
    from vasari.retrieval.catalog.catalog import Catalog  # SQLAlchemy takes longer than a whole search

    location = settings.database_url or root / "catalog.sqlite3"
    return Catalog.open(location, read_only=settings.read_only)


@contextlib.contextmanager
def _naming(picture: bytes | Path) -> Iterator[None]:
    """Say of which file an ImageError is, where there are several and a person named them."""
    try:
        yield
    except ImageError as error:
        if isinstance(picture, bytes) or str(picture) in str(error):
            raise
        raise ImageError(f"{picture}: {error}", error.stage) from error
