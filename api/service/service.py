"""Service layer, without HTTP: what routes call, put together in one place.

Nothing that blocks runs on the event loop: what embeds is called by batchers, all else by bounded pools of threads.
There are three, so that slow work only waits for its like: `run` for searches and the catalog, `look` for reading and
decoding pictures, `think` for what takes seconds (second stages, classes, captions, answers, heat maps).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, ParamSpec, TypeVar

import anyio
import anyio.to_thread
import numpy as np

from vasari.api.service.problems import ProblemError
from vasari.api.service.runtime.abilities import abilities
from vasari.api.service.runtime.batching import Batcher, Batchers
from vasari.api.service.runtime.deadlines import within_deadline
from vasari.api.service.runtime.embedding import Embedder, check_pictures
from vasari.api.service.runtime.embedding_cache import Vector
from vasari.api.service.runtime.files import Originals
from vasari.api.service.runtime.jobs import Jobs
from vasari.api.service.runtime.metrics import Metrics
from vasari.api.service.runtime.pools import Pool
from vasari.api.service.runtime.shared_scan import SharedScans
from vasari.api.service.runtime.single_flight import SingleFlight
from vasari.api.service.runtime.summaries import Summaries
from vasari.api.service.runtime.tracing import TracedStages
from vasari.api.service.runtime.uploads import Uploads
from vasari.api.service.security.auth import Authenticator
from vasari.api.service.security.key_quotas import KeyQuotas
from vasari.api.service.security.path_guard import Jail
from vasari.api.service.security.quotas import UploadQuotas
from vasari.api.service.security.rate_limit import RateLimiter
from vasari.api.service.security.url_fetcher import Fetcher
from vasari.api.service.settings import ServiceSettings
from vasari.retrieval.allocator import give_back_memory
from vasari.retrieval.catalog.lease import HeldLease
from vasari.retrieval.catalog.records import JobRecord
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
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.library.library import Library
from vasari.retrieval.library.remove import remove
from vasari.retrieval.library.upload import Addition, Notes
from vasari.retrieval.search import engine
from vasari.retrieval.search.understood import Understood, needs_understanding
from vasari.retrieval.storage.layout import UPLOADS

_LOG = logging.getLogger("vasari.service")
P = ParamSpec("P")
T = TypeVar("T")
Sent = tuple[Addition, Notes, Vector]
_NOT_AGAIN: Vector = np.empty(0, dtype=np.float32)  # in place of the vector of what is committed already
_HEALTH_A_SECOND = 10  # questions of one address whether the service is ready
_LOOKED_AFTER = 30.0  # seconds between looks for idle models
_TOLD_EVERY = 5.0  # seconds between notes of what keys have asked for
_READERS = 2  # threads that parse bodies, which hold the interpreter's lock


class Service:
    """One open library and everything around it. Made inside the event loop by `running`."""

    def __init__(self, library: Library, settings: ServiceSettings, metrics: Metrics) -> None:
        self.library = library
        self.settings = settings
        self.metrics = metrics
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
        self.quotas = UploadQuotas(library.root / UPLOADS, settings)
        self.jobs = Jobs(library, settings)
        self.fetcher = Fetcher(settings, max_bytes=settings.max_upload_bytes)
        self.key_quotas = KeyQuotas(library.catalog.keys)
        self.doorkeeper = Authenticator(settings, lambda: self.run(library.catalog.keys.all), self.key_quotas)
        self._searches = Pool("threads", settings.search_threads, settings.waiting)
        self._looking = Pool("pictures", settings.picture_threads, settings.waiting)
        self._thinking = Pool("models", settings.model_threads, settings.waiting)
        self._reading = Pool("bodies", _READERS, settings.waiting)
        self.summaries = Summaries(library, self._searches)
        self.health_asked = RateLimiter(_HEALTH_A_SECOND, 2 * _HEALTH_A_SECOND)  # by address
        self.checking: SingleFlight[str, dict[str, dict[str, Any]]] = SingleFlight()
        self.streams = 0  # of events, that are open
        self._watched: SingleFlight[int, JobRecord] = SingleFlight()
        self.batchers = Batchers(
            size=settings.batch_size,
            wait=settings.batch_wait_ms / 1000,
            limit=settings.waiting,
            observer=metrics,
        )
        self.embedder = Embedder(
            library, limits, self.batchers, metrics, settings.cached_embeddings, self._looking
        )
        self.uploads = Uploads(library, limits, self.embedder.picture_encoder, self.writing)

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
            stack.push_async_callback(service.batchers.close)
            stack.push_async_callback(anyio.to_thread.run_sync, service.jobs.close, settings.stop_timeout)
            stack.callback(service.key_quotas.tell)
            telling = asyncio.create_task(service._tell_of_keys())
            stack.callback(telling.cancel)
            idle = asyncio.create_task(service._give_back_models())
            stack.callback(idle.cancel)
            stack.callback(service.summaries.close)
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
        return {pool.name: pool.depth for pool in self._pools} | self.batchers.depths

    @property
    def _pools(self) -> tuple[Pool, ...]:
        return self._searches, self._looking, self._thinking, self._reading

    def _close_pools(self) -> None:
        for pool in self._pools:
            pool.close()

    # What routes ask

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
            vectors[TermKind.TEXT] = await self.embedder.texts(texts, space)
        if pictures:
            vectors[TermKind.IMAGE] = await self.embedder.pictures(pictures, space)
        if items:
            vectors[TermKind.ITEM] = await self.run(self.library.vectors_of, items, space)
        return engine.blend_terms(terms, vectors)

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

        classes = understanding.class_vectors(
            labels,
            lambda texts: self.embedder.texts_now(texts, space),
            templates or understanding.templates_of(space.model),
        )
        return understanding.best_labels(labels, self.embedder.picture_now(data, space), classes)

    def _read_original(self, item: Item) -> bytes:
        """The bytes behind an item, read as carefully as what is sent to callers."""
        try:
            return self.originals.read(item)
        except ProblemError as error:
            raise ImageError(error.args[0], "read") from None

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
            return await self.item(await self._commit(upload, notes, _NOT_AGAIN, space)), False
        await self.run(self.quotas.take, upload.picture.bytes)
        try:
            vector = await self.embedder.stored(upload.picture.content, space)
            item = await self._commit(upload, notes, vector, space)
        except BaseException:
            # Cancelled, too: what was committed all the same is found when it is measured again.
            self.quotas.give_back(upload.picture.bytes)
            raise
        return await self.item(item), True

    async def _commit(self, upload: Addition, notes: Notes, vector: Vector, space: EmbeddingSpace) -> ItemId:
        """Commit an upload in one transaction with those of other requests."""
        batcher: Batcher[Sent, ItemId] = self.batchers.of(
            ("uploads", space.name), "upload", lambda sent: self.uploads.commit(space, sent)
        )
        (item,) = await batcher.submit([(upload, notes, vector)])
        return item

    async def job(self, job: int) -> JobRecord:
        """A job as it is now; all who watch it share the look."""
        return await self._watched.run(job, lambda: self.run(self.jobs.job, job))

    async def remove(self, item: ItemId) -> None:
        """Delete an item; the file of an uploaded one too."""
        done = await self.run(remove, self.library, [item], self.writing)
        if not done.removed:
            raise NotFoundError(f"no item {item} in this library")
        self.quotas.give_back(done.freed)

    def check_pictures(self, pictures: Sequence[bytes]) -> None:
        """Hold the pictures of one request against the limits for what is sent; raises ImageError."""
        check_pictures(pictures, self.image_limits)

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
    def writing(self) -> Iterator[HeldLease | None]:
        """The library's lease, or None where one of this service's jobs has it: every transaction checks its fence."""
        with self.jobs.shared_lease() as shared:
            if shared:
                yield None
                return
            with self.library.catalog.lease.acquire("vasari serve") as lease:
                yield lease
