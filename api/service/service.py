"""Service layer, without HTTP: what routes call, put together in one place.

Nothing that blocks runs on the event loop: what embeds is called by batchers, all else by bounded pools of threads.
There are three, so that slow work only waits for its like: `run` for searches and the catalog, `look` for reading and
decoding pictures, `think` for what takes seconds (second stages, classes, captions, answers, heat maps).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from vasari.api.service.problems import ProblemError
from vasari.api.service.runtime.abilities import abilities
from vasari.api.service.runtime.allocator import give_back_memory
from vasari.api.service.runtime.batching import Batcher
from vasari.api.service.runtime.deadlines import within_deadline
from vasari.api.service.runtime.embedding_cache import EmbeddingCache, Key, Vector, picture_key, text_key
from vasari.api.service.runtime.files import Originals
from vasari.api.service.runtime.jobs import Jobs
from vasari.api.service.runtime.metrics import Metrics
from vasari.api.service.runtime.pools import Pool
from vasari.api.service.runtime.shared_scan import SharedScans
from vasari.api.service.runtime.single_flight import SingleFlight
from vasari.api.service.runtime.tracing import TracedStages
from vasari.api.service.runtime.uploads import Uploads
from vasari.api.service.security.auth import Authenticator
from vasari.api.service.security.key_quotas import KeyQuotas
from vasari.api.service.security.path_guard import Jail
from vasari.api.service.security.quotas import UploadQuotas
from vasari.api.service.security.rate_limit import RateLimiter
from vasari.api.service.security.url_fetcher import Fetcher
from vasari.api.service.settings import ServiceSettings
from vasari.retrieval import cancellation
from vasari.retrieval.catalog.facets import Facets
from vasari.retrieval.catalog.geo_clusters import Places
from vasari.retrieval.catalog.records import JobRecord
from vasari.retrieval.catalog.suggestions import Suggester
from vasari.retrieval.catalog.timeline import Timeline
from vasari.retrieval.domain import (
    EmbeddingSpace,
    Item,
    ItemId,
    Modality,
    SearchRequest,
    SearchResponse,
    Term,
    TermKind,
    Understanding,
    UnitVectors,
)
from vasari.retrieval.errors import ImageError, NotFoundError, VasariError
from vasari.retrieval.images.limits import ImageLimits, check_together
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.remove import remove
from vasari.retrieval.library.upload import Addition, Notes
from vasari.retrieval.models.ports import PictureEncoder
from vasari.retrieval.search import engine
from vasari.retrieval.search.understood import Understood, needs_understanding
from vasari.retrieval.storage.layout import UPLOADS

_LOG = logging.getLogger("vasari.service")
P = ParamSpec("P")
T = TypeVar("T")
In = TypeVar("In")
Out = TypeVar("Out")
Prepared = NDArray[np.uint8]  # (H, W, 3)
Sent = tuple[Addition, Notes, Vector]
_NOT_AGAIN: Vector = np.empty(0, dtype=np.float32)  # in place of the vector of what is committed already
_HEALTH_A_SECOND = 10  # questions of one address whether the service is ready
_GPU = Path("/dev/nvidiactl")  # asking torch for one takes 300 MB
_LOOKED_AFTER = 30.0  # seconds between looks for idle models
_TOLD_EVERY = 5.0  # seconds between notes of what keys have asked for
_SUGGESTED_FOR = 30.0  # seconds
_READERS = 2  # threads that parse bodies, which hold the interpreter's lock


class Service:
    """One open library and everything around it. Made inside the event loop by `running`."""

    def __init__(self, library: Library, settings: ServiceSettings, metrics: Metrics) -> None:
        self.library = library
        self.settings = settings
        self.metrics = metrics
        self.cache = EmbeddingCache(settings.cached_embeddings)
        self.stopping = anyio.Event()  # no stream goes on after this
        limits = ImageLimits(
            settings.max_upload_bytes, settings.max_upload_pixels, library.image_limits.decode_bytes
        )
        self.image_limits = limits
        web = Fetcher(settings, max_bytes=library.image_limits.max_bytes, any_host=True)
        shared = Jail(settings.shared_roots) if settings.shared_roots else None
        self.originals = Originals(library, shared, web if settings.remote_originals else None)
        library.models.serve(settings.text_precision)
        library.read_original = self._read_original
        self._scans = SharedScans()
        self.uploads = Uploads(library, limits, self.writing)
        self.quotas = UploadQuotas(library.root / UPLOADS, settings)
        self.jobs = Jobs(library, settings)
        self.fetcher = Fetcher(settings, max_bytes=settings.max_upload_bytes)
        self.key_quotas = KeyQuotas(library.catalog.keys)
        self.doorkeeper = Authenticator(settings, lambda: self.run(library.catalog.keys.all), self.key_quotas)
        self._searches = Pool("threads", settings.search_threads, settings.waiting)
        self._looking = Pool("pictures", settings.picture_threads, settings.waiting)
        self._thinking = Pool("models", settings.model_threads, settings.waiting)
        self._reading = Pool("bodies", _READERS, settings.waiting)
        self._facets: dict[Modality, tuple[int, Facets]] = {}
        self._timelines: dict[Modality, tuple[int, Timeline]] = {}
        self._places: dict[Modality, tuple[int, Places]] = {}
        self._suggester: tuple[float, Facets, Suggester] | None = None  # and when it was made
        self._renewing: asyncio.Task[None] | None = None  # of the suggester
        self.health_asked = RateLimiter(_HEALTH_A_SECOND, 2 * _HEALTH_A_SECOND)  # by address
        self.checking: SingleFlight[str, dict[str, dict[str, Any]]] = SingleFlight()
        self.streams = 0  # of events, that are open
        self._watched: SingleFlight[int, JobRecord] = SingleFlight()
        self._preparing: SingleFlight[Key, Prepared] = SingleFlight()
        self._batchers: list[Batcher[Any, Any]] = []
        self._texts: dict[str, Batcher[str, Vector]] = {}
        self._pictures: dict[str, Batcher[Prepared, Vector]] = {}
        self._query_pictures: dict[str, Batcher[Prepared, Vector]] = {}
        self._commits: dict[str, Batcher[Sent, ItemId]] = {}

    @classmethod
    @asynccontextmanager
    async def running(
        cls, library: Library, settings: ServiceSettings, metrics: Metrics
    ) -> AsyncIterator[Service]:
        """A service at work; on the way out it finishes what it accepted, and leaves jobs to be resumed."""
        service = cls(library, settings, metrics)
        async with AsyncExitStack() as stack:
            stack.callback(library.close)
            stack.callback(service._close_pools)
            stack.push_async_callback(service._close_batchers)
            stack.push_async_callback(anyio.to_thread.run_sync, service.jobs.close, settings.stop_timeout)
            stack.callback(service.key_quotas.tell)
            telling = asyncio.create_task(service._tell_of_keys())
            stack.callback(telling.cancel)
            idle = asyncio.create_task(service._give_back_models())
            stack.callback(idle.cancel)
            stack.callback(service._stop_renewing)
            service.jobs.start()
            yield service

    async def _give_back_models(self) -> None:
        """Let models that nobody asks for leave memory, as long as the service runs."""
        if not self.settings.idle_seconds:
            return
        while True:
            await anyio.sleep(min(self.settings.idle_seconds / 4, _LOOKED_AFTER))
            await self.run(self.give_back_models)

    def give_back_models(self) -> None:
        """Let go of idle models now, unless a job is at work, which has them in use all the time."""
        if not self.jobs.busy and (given := self.library.give_back_models(self.settings.idle_seconds)):
            give_back_memory()
            _LOG.info(
                "out of memory after %g s without use: %s", self.settings.idle_seconds, ", ".join(given)
            )

    async def _tell_of_keys(self) -> None:
        """Note what keys have asked for, as long as the service runs."""
        while True:
            await anyio.sleep(_TOLD_EVERY)
            await self.run(self.key_quotas.tell)

    # Work in threads

    async def run(self, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Search or ask the catalog, in a thread; OverloadedError when too many wait for one."""
        return await self._searches.run(partial(function, *arguments, **options))

    async def look(self, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Read or decode pictures, in a thread of those for pictures; OverloadedError as `run`."""
        return await self._looking.run(partial(function, *arguments, **options))

    async def think(self, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Let a model work for seconds, in one of the few threads for that; OverloadedError as `run`."""
        return await self._thinking.run(partial(function, *arguments, **options))

    async def read(self, function: Callable[[], T]) -> T:
        """Parse a large body in a thread."""
        return await self._reading.run(function)

    @property
    def depths(self) -> dict[str, int]:
        """Queue depths, by queue."""
        depths = {pool.name: pool.depth for pool in self._pools}
        for batcher in self._batchers:
            depths[batcher.name] = depths.get(batcher.name, 0) + batcher.depth
        return depths

    @property
    def _pools(self) -> tuple[Pool, ...]:
        return self._searches, self._looking, self._thinking, self._reading

    def _close_pools(self) -> None:
        for pool in self._pools:
            pool.close()

    # Embedding

    async def space(self, name: str | None = None) -> EmbeddingSpace:
        """The named space, or the default one."""
        return await self.run(self.library.space, name)

    async def embed_query(self, terms: Sequence[Term], space: EmbeddingSpace) -> UnitVectors:
        """The terms blended to one unit vector (1, dim); they are embedded with those of other requests."""
        texts = [term.heard for term in terms if term.kind is TermKind.TEXT]
        pictures = [term.image for term in terms if isinstance(term.image, bytes)]
        items = [term.item for term in terms if term.item is not None]
        vectors: dict[TermKind, UnitVectors] = {}
        if texts:
            vectors[TermKind.TEXT] = await self.embed_texts(texts, space)
        if pictures:
            vectors[TermKind.IMAGE] = await self.embed_pictures(pictures, space)
        if items:
            vectors[TermKind.ITEM] = await self.run(self.library.vectors_of, items, space)
        return engine.blend_terms(terms, vectors)

    async def embed_texts(self, texts: Sequence[str], space: EmbeddingSpace) -> UnitVectors:
        """Unit vectors (n, dim), shared with requests of the same moment."""
        keys = {text_key(space, text): text for text in texts}
        found = self._known(keys)
        if absent := [key for key in keys if key not in found]:
            vectors = await self._text_batcher(space).submit([keys[key] for key in absent])
            found |= self.cache.keep(absent, vectors)
        return UnitVectors(np.stack([found[text_key(space, text)] for text in texts]))

    async def embed_pictures(self, pictures: Sequence[bytes], space: EmbeddingSpace) -> UnitVectors:
        """Unit vectors (n, dim) of encoded pictures; ImageError for one that is none."""
        keys = await self.look(lambda: [picture_key(space, data) for data in pictures])
        distinct = dict(zip(keys, pictures, strict=True))  # equal ones are decoded once
        found = self._known(distinct)
        if absent := [key for key in distinct if key not in found]:
            encoder = await self.look(self._picture_encoder, space)
            await self.look(self.check_pictures, [distinct[key] for key in absent], encoder.image_size)
            prepared = [await self._prepared(key, distinct[key], space) for key in absent]
            found |= self.cache.keep(absent, await self._query_picture_batcher(space).submit(prepared))
        return UnitVectors(np.stack([found[key] for key in keys]))

    async def _prepared(self, key: Key, data: bytes, space: EmbeddingSpace) -> Prepared:
        """A preprocessed picture; concurrent requests that bring the same one decode it once."""
        return await self._preparing.run(key, lambda: self.look(self._prepare, data, space))

    def _known(self, keys: Collection[Key]) -> dict[Key, Vector]:
        """The vectors that are cached, which is counted."""
        found = self.cache.known(keys)
        self.metrics.cache.labels("hit").inc(len(found))
        self.metrics.cache.labels("miss").inc(len(keys) - len(found))
        return found

    def _prepare(self, data: bytes, space: EmbeddingSpace) -> Prepared:
        from vasari.retrieval.images.decode import decoding

        encoder = self._picture_encoder(space)
        with decoding(data, self.image_limits, target=encoder.image_size) as decoded:
            return encoder.prepare(decoded.picture)

    def _text_batcher(self, space: EmbeddingSpace) -> Batcher[str, Vector]:
        if space.name not in self._texts:
            # The encoder is asked at each call: a search must not wait for a model that a job is loading.
            self._texts[space.name] = self._batcher(
                "text",
                lambda texts: list(self.library.models.text_encoder(space).embed_texts(texts)),
                order=len,
            )
        return self._texts[space.name]

    def _picture_encoder(self, space: EmbeddingSpace) -> PictureEncoder:
        """What embeds pictures that are asked about: the exported tower, which needs no torch and so can be let go of.

        Beside a GPU, and where no tower was exported, the model itself; uploads always get the vectors that it makes.
        """
        exported = None if _GPU.exists() else self.library.models.picture_encoder(space)
        return exported or self.library.encoder(space)

    def _query_picture_batcher(self, space: EmbeddingSpace) -> Batcher[Prepared, Vector]:
        if space.name not in self._query_pictures:
            self._query_pictures[space.name] = self._batcher(
                "image", lambda batch: list(self._picture_encoder(space).embed_images(np.stack(batch)))
            )
        return self._query_pictures[space.name]

    def _picture_batcher(self, space: EmbeddingSpace) -> Batcher[Prepared, Vector]:
        if space.name not in self._pictures:
            self._pictures[space.name] = self._batcher(
                "image", lambda batch: list(self.library.encoder(space).embed_images(np.stack(batch)))
            )
        return self._pictures[space.name]

    def _commit_batcher(self, space: EmbeddingSpace) -> Batcher[Sent, ItemId]:
        if space.name not in self._commits:
            self._commits[space.name] = self._batcher("upload", lambda sent: self.uploads.commit(space, sent))
        return self._commits[space.name]

    def _batcher(
        self,
        name: str,
        compute: Callable[[list[In]], Sequence[Out]],
        order: Callable[[In], int] | None = None,
    ) -> Batcher[In, Out]:
        settings = self.settings
        batcher = Batcher(
            name,
            compute,
            size=settings.batch_size,
            wait=settings.batch_wait_ms / 1000,
            limit=settings.waiting,
            order=order,
            observer=self.metrics,
        )
        batcher.start()
        self._batchers.append(batcher)
        return batcher

    async def _close_batchers(self) -> None:
        for batcher in self._batchers:
            await batcher.close()

    @property
    def batchers_alive(self) -> bool:
        """Whether every worker that was started still works."""
        return all(batcher.alive for batcher in self._batchers)

    # What routes ask

    async def search(
        self, request: SearchRequest, query: UnitVectors | None = None, within: str | None = None
    ) -> SearchResponse:
        """Answer one request: its terms are embedded with those of other requests, the rest runs in a thread.

        `query` (1, dim) takes the place of terms. `within` is the filter of a key that sees a part.
        """
        if (log := self.library.query_log) is None:
            return await self._searched(request, query, within)
        return await self.run(log.noted, request, await self._searched(log.asking(request), query, within))

    async def _searched(
        self, request: SearchRequest, query: UnitVectors | None, within: str | None
    ) -> SearchResponse:
        watch = TracedStages()
        space = await self.space(request.space)
        read = Understood(request, Understanding(request.terms))
        if query is None and needs_understanding(request):
            with watch.stage("understand"):
                read = await self.run(self.library.understood, request, within)
        asked = read.request
        if query is None:
            with watch.stage("embed"):
                query = await self.embed_query(asked.terms, space)
        asked = replace(within_deadline(asked), space=space.name, explain=True)
        call = self.run if request.rerank is None else self.think
        scan = self._scans.search
        response = await call(
            engine.search, self.library, asked, query, watch=watch, scan=scan, within=within
        )
        if response.explain is not None:
            self.metrics.stages(response.explain.stages_ms)
        response = read.told(response)
        return response if request.explain else replace(response, explain=None)

    async def classify(
        self, data: bytes, labels: Sequence[str], templates: Sequence[str] | None
    ) -> list[tuple[str, float]]:
        """Labels with their probabilities, likeliest first; what was embedded before is remembered."""
        space = await self.space()
        return await self.think(self._classify, data, labels, templates, space)

    def _classify(
        self, data: bytes, labels: Sequence[str], templates: Sequence[str] | None, space: EmbeddingSpace
    ) -> list[tuple[str, float]]:
        from vasari.retrieval.library import understanding

        def embed(texts: Sequence[str]) -> UnitVectors:
            keys = {text_key(space, text): text for text in texts}
            found = self._remembered(keys, lambda absent: self.library.embed_texts(absent, space))
            return UnitVectors(np.stack([found[text_key(space, text)] for text in texts]))

        classes = understanding.class_vectors(
            labels, embed, templates or understanding.templates_of(space.model)
        )
        key = picture_key(space, data)
        (vector,) = self._remembered(
            {key: data}, lambda absent: self.library.embed_pictures(absent, space)
        ).values()
        return understanding.best_labels(labels, UnitVectors(vector[None]), classes)

    def _remembered(
        self, inputs: Mapping[Key, In], embed: Callable[[list[In]], UnitVectors]
    ) -> dict[Key, Vector]:
        """Cached vectors of all inputs; `embed` makes those that are missing."""
        found = self._known(inputs)
        if absent := [key for key in inputs if key not in found]:
            found |= self.cache.keep(absent, embed([inputs[key] for key in absent]))
        return found

    def _read_original(self, item: Item) -> bytes:
        """The bytes behind an item, read as carefully as what is sent to callers."""
        try:
            return self.originals.read(item)
        except ProblemError as error:
            raise ImageError(str(error), "read") from None

    async def item(self, item: ItemId) -> Item:
        """The item; NotFoundError if there is none, or it was deleted."""
        found = (await self.run(self.library.items, [item])).get(item)
        if found is None:
            raise NotFoundError(f"no item {item} in this library")
        return found

    async def add(self, data: bytes, notes: Notes, key: int | None = None) -> tuple[Item, bool]:
        """Make a picture an item of the library; False if the same picture was sent before.

        Raises OverloadedError beyond what `key` may send in a day, ProblemError 507 beyond what all may store.
        """
        self.quotas.admit(key, len(data))
        self.doorkeeper.admit_upload(key, len(data))
        space = await self.space()
        upload = await self.look(self.uploads.check, data, space)
        known = await self.run(self.uploads.known, upload, space)
        if known is not None:
            (item,) = await self._commit_batcher(space).submit([(upload, notes, _NOT_AGAIN)])
            return await self.item(item), False
        await self.run(self.quotas.take, upload.picture.bytes)
        try:
            (vector,) = await self._picture_batcher(space).submit([upload.picture.content])
            (item,) = await self._commit_batcher(space).submit([(upload, notes, vector)])
        except (
            BaseException
        ):  # cancelled, too: what was committed all the same is found when it is measured again
            self.quotas.give_back(upload.picture.bytes)
            raise
        return await self.item(item), True

    async def job(self, job: int) -> JobRecord:
        """A job as it is now; all who watch it share the look."""
        return await self._watched.run(job, lambda: self.run(self.jobs.job, job))

    async def remove(self, item: ItemId) -> None:
        """Delete an item; the file of an uploaded one too."""
        done = await self.run(remove, self.library, [item], self.writing)
        if not done.removed:
            raise NotFoundError(f"no item {item} in this library")
        self.quotas.give_back(done.freed)

    def facets(self, modality: Modality) -> Facets:
        """Values to filter by; read once for each state of the catalog."""
        revision = self.library.catalog.revision()
        held = self._facets.get(modality)
        if held is None or held[0] != revision:
            held = self._facets[modality] = (revision, self.library.catalog.facets.read(modality))
        return held[1]

    def timeline(self, modality: Modality) -> Timeline:
        """All items by when they were taken; read once for each state of the catalog."""
        revision = self.library.catalog.revision()
        held = self._timelines.get(modality)
        if held is None or held[0] != revision:
            held = self._timelines[modality] = (revision, self.library.catalog.timeline.read(modality))
        return held[1]

    def places(self, modality: Modality) -> Places:
        """Where items were taken; read once for each state of the catalog."""
        revision = self.library.catalog.revision()
        held = self._places.get(modality)
        if held is None or held[0] != revision:
            held = self._places[modality] = (revision, self.library.catalog.places.read(modality))
        return held[1]

    async def suggester(self) -> Suggester:
        """What the search box suggests: it is asked at each key, so an old one answers while the next is made."""
        held = self._suggester
        if held is None:
            return await self.run(self._new_suggester)
        made, _, suggester = held
        idle = self._renewing is None or self._renewing.done()
        if idle and time.monotonic() - made > _SUGGESTED_FOR:
            self._renewing = asyncio.create_task(self._renew_suggester())
        return suggester

    def _new_suggester(self) -> Suggester:
        found, held = self.facets(Modality.IMAGE), self._suggester
        suggester = held[2] if held is not None and held[1] is found else Suggester(found)
        self._suggester = (time.monotonic(), found, suggester)
        return suggester

    async def _renew_suggester(self) -> None:
        try:
            await self.run(self._new_suggester)
        except VasariError as error:  # the next key tries again
            _LOG.warning("suggestions stay as they were: %s", error)

    def _stop_renewing(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()

    def check_picture(self, data: bytes) -> None:
        """Hold a picture's headers against the limits for what is sent; raises ImageError."""
        self.check_pictures([data])

    def check_pictures(self, pictures: Sequence[bytes], target: int | None = None) -> None:
        """Hold the pictures of one request against the limits, each and all; raises ImageError."""
        from vasari.retrieval.images.decode import weigh

        weight = 0
        for data in pictures:
            cancellation.check()
            weight += weigh(data, self.image_limits, target=target)
            check_together(weight, self.image_limits)

    async def preload(self) -> None:
        """Warm up: load models before a request needs them, as far as the settings say and the library has any."""
        if self.settings.preload == "none" or self.library.catalog.spaces.default() is None:
            return
        try:
            space = await self.space()
            await self.run(self.library.models.text_encoder, space)
            if self.settings.preload == "all":
                await self.run(self.library.encoder, space)
            # What a first visit asks for: a search's own modules and pages of the index, and whose model lies where.
            first = SearchRequest((Term(TermKind.TEXT, text="a picture"),), limit=1, relevance=True)
            await self._searched(first, None, None)
            await self.run(abilities, self.library)
        except VasariError as error:  # /readyz tells; searching by item needs no model
            _LOG.warning("the model is not ready: %s", error)

    async def refresh_gauges(self) -> None:
        """Update the gauges among the metrics, which are read and not counted."""
        for queue, depth in self.depths.items():
            self.metrics.queue_depth.labels(queue).set(depth)
        await self.run(self._count_rows)

    def _count_rows(self) -> None:
        catalog = self.library.catalog
        for space in catalog.spaces.all():
            for modality in Modality:
                generation = catalog.segments.active_generation(space.name, modality)
                labels = (space.name, modality.value)
                self.metrics.index_rows.labels(*labels).set(len(self.library.gallery(modality, space)))
                self.metrics.index_generation.labels(*labels).set(generation.number if generation else 0)

    @contextmanager
    def writing(self) -> Iterator[Callable[[], None]]:
        """The library's lease: that of this service's own job if one runs, else one of its own."""
        with self.jobs.shared_lease() as shared:
            if shared:
                yield lambda: None  # every transaction checks the job's fence
                return
            with self.library.catalog.lease.acquire("vasari serve") as lease:
                yield lease.check
