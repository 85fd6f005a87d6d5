"""The pipeline: order, bounded look-ahead, failures, memory, stopping. The encoder and the sink are fakes."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vasari.indexer.decode import Loader
from vasari.indexer.embed import Begin, Contents, at_once
from vasari.indexer.identity import Puzzle, Verdict, resolve
from vasari.indexer.pipeline import Pipeline, in_threads
from vasari.indexer.plan import Plan, Task
from vasari.indexer.progress import ProgressEvent, Silent
from vasari.indexer.sources.source import Candidate
from vasari.retrieval.catalog.records import KnownFile, NewItem
from vasari.retrieval.domain import Modality, Picture, Skipped, UnitVectors, unit_vectors
from vasari.retrieval.errors import VasariError
from vasari.retrieval.images.limits import ImageLimits
from vasari.retrieval.models.ports import OutOfMemory
from vasari.retrieval.storage.local_files import content_hash


def picture(shade: int) -> bytes:
    """A small PNG of one grey value."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(buffer, "PNG")
    return buffer.getvalue()


class MemorySource:
    """Files in a dict."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self.reads: list[str] = []
        self.modality = Modality.IMAGE
        self.roots = ["/"]
        self.places = ["/"]
        self.left_out: dict[str, int] = {}

    def candidates(self) -> Iterator[Candidate | Skipped]:
        for uri, data in self.files.items():
            yield Candidate(uri, len(data), 1)

    def covers(self, uri: str) -> bool:
        return True

    def read(self, candidate: Candidate) -> bytes:
        self.reads.append(candidate.uri)
        if candidate.uri not in self.files:
            raise FileNotFoundError(2, "No such file or directory")
        return self.files[candidate.uri]


class GreyEncoder:
    """Embeds a picture as its mean grey; fails as told."""

    image_size = 4

    def __init__(self, most: int = 1000, broken: frozenset[int] = frozenset()) -> None:
        self.most = most  # pictures that fit into memory at once
        self.broken = broken  # greys that it cannot embed
        self.batches: list[int] = []

    def prepare(self, picture: Picture) -> NDArray[np.uint8]:
        return np.asarray(picture.resize((4, 4)), dtype=np.uint8)

    def embed_images(self, batch: NDArray[np.uint8]) -> UnitVectors:
        if len(batch) > self.most:
            raise OutOfMemory("out of memory: try a smaller batch")
        greys = batch[:, 0, 0, 0]
        if self.broken & set(greys.tolist()):
            raise RuntimeError("bad picture\nwith details")
        self.batches.append(len(batch))
        return unit_vectors(np.stack([greys.astype(np.float32) + 1, np.full(len(batch), 100.0)], axis=1))


@dataclass
class ListSink:
    """Remembers what it was told."""

    added: list[tuple[Task, NewItem]] = field(default_factory=list)
    moved: list[tuple[KnownFile, Candidate]] = field(default_factory=list)
    touched: list[tuple[KnownFile, Candidate]] = field(default_factory=list)
    failed: list[Skipped] = field(default_factory=list)
    committed: int = 0
    on_add: Callable[[], None] = lambda: None

    def add(self, task: Task, item: NewItem) -> None:
        self.added.append((task, item))
        self.on_add()

    def move(self, known: KnownFile, candidate: Candidate) -> None:
        self.moved.append((known, candidate))

    def touch(self, known: KnownFile, candidate: Candidate) -> None:
        self.touched.append((known, candidate))

    def fail(self, skipped: Skipped) -> None:
        self.failed.append(skipped)

    def commit_if_due(self) -> None:
        pass

    def commit(self) -> None:
        self.committed = len(self.added)


def pipeline(
    source: MemorySource,
    encoder: GreyEncoder,
    sink: ListSink,
    plan: Plan,
    *,
    batch_size: int = 4,
    devices: Sequence[Begin] | None = None,
    backlog: int | None = None,
    stop: threading.Event | None = None,
) -> Pipeline:
    held = {file.content_hash for file in plan.gone.values()}
    return Pipeline(
        in_threads(Loader(source.read, lambda: encoder, ImageLimits(), held), 2),
        devices or [at_once(encoder.embed_images)],
        sink,
        batch_size=batch_size,
        progress=Silent(),
        stop=stop or threading.Event(),
        backlog=backlog or batch_size,
    )


def new_files(source: MemorySource) -> Plan:
    return Plan(tasks=[Task(entry) for entry in source.candidates() if isinstance(entry, Candidate)])


def nothing_known(puzzles: Sequence[Puzzle]) -> Verdict:
    """The answer of an empty library: every file is its own."""
    return resolve(puzzles, Plan(), lambda _: [], lambda _: True)


def by_content(plan: Plan) -> Callable[[Sequence[Puzzle]], Verdict]:
    """The answer of a library that holds what is gone."""
    held = list(plan.gone.values())
    return lambda puzzles: resolve(
        puzzles, plan, lambda hashes: [k for k in held if k.content_hash in set(hashes)], lambda _: True
    )


def uris(sink: ListSink) -> list[str]:
    return [item.uri for _, item in sink.added]


def greys(count: int) -> dict[str, bytes]:
    return {f"/{number:03}.png": picture(number) for number in range(count)}


def test_every_picture_is_embedded_once_in_listing_order() -> None:
    """The outcome does not depend on which thread is faster, and the last batch may be small."""
    source, encoder, sink = MemorySource(greys(10)), GreyEncoder(), ListSink()
    tally = pipeline(source, encoder, sink, new_files(source)).run(new_files(source), nothing_known)
    assert uris(sink) == list(source.files)
    assert encoder.batches == [4, 4, 2]
    assert (tally.added, tally.done, sink.committed) == (10, 10, 10)


def test_each_vector_stays_with_its_picture() -> None:
    """What the sink gets beside a vector are the facts of the same file."""
    source, encoder, sink = MemorySource(greys(9)), GreyEncoder(), ListSink()
    pipeline(source, encoder, sink, new_files(source)).run(new_files(source), nothing_known)
    for _, item in sink.added:
        grey = int(item.uri[1:4])
        assert item.content_hash == content_hash(source.files[item.uri])
        assert (item.width, item.height, item.format) == (8, 8, "png")
        np.testing.assert_allclose(item.vector[0] / item.vector[1], (grey + 1) / 100, rtol=1e-5)


def test_bad_files_become_values() -> None:
    """Bytes that are no picture and files that vanished are reported with stage and reason; the rest goes on."""
    source = MemorySource({**greys(3), "/bad.png": b"no picture"})
    plan = new_files(source)
    plan.tasks.insert(1, Task(Candidate("/gone.png", 1, 1)))
    sink = ListSink()
    tally = pipeline(source, GreyEncoder(), sink, plan).run(plan, by_content(plan))
    assert [(skipped.uri, skipped.stage) for skipped in sink.failed] == [
        ("/gone.png", "read"),
        ("/bad.png", "decode"),
    ]
    assert all(skipped.reason and "\n" not in skipped.reason for skipped in sink.failed)
    assert (tally.added, tally.failed) == (3, 2)


def test_reading_stays_a_bounded_way_ahead() -> None:
    """However many files there are, only some batches are read before their vectors were taken."""
    source, encoder, sink = MemorySource(greys(100)), GreyEncoder(), ListSink()
    ahead: list[int] = []
    sink.on_add = lambda: ahead.append(len(source.reads) - len(sink.added))
    pipeline(source, encoder, sink, new_files(source)).run(new_files(source), nothing_known)
    assert len(sink.added) == 100
    assert max(ahead) <= (5 + 1 + 1) * 4  # not embedded, embedded and not taken, and the batch itself


def test_out_of_memory_halves_the_batch_and_goes_on() -> None:
    """Nothing is lost, and the smaller size is kept for the rest of the run."""
    source, encoder, sink = MemorySource(greys(20)), GreyEncoder(most=3), ListSink()
    tally = pipeline(source, encoder, sink, new_files(source), batch_size=8).run(
        new_files(source), nothing_known
    )
    assert uris(sink) == list(source.files)
    assert set(encoder.batches) == {2}
    assert (tally.added, tally.failed) == (20, 0)


def test_out_of_memory_for_a_single_picture_is_raised() -> None:
    """There is no smaller batch than one: the model does not fit, and the caller is told."""
    source, sink = MemorySource(greys(2)), ListSink()
    with pytest.raises(OutOfMemory):
        pipeline(source, GreyEncoder(most=0), sink, new_files(source)).run(new_files(source), nothing_known)


def test_a_picture_that_breaks_its_batch_is_singled_out() -> None:
    """Its neighbours are embedded one by one, and only the guilty one is reported."""
    source, sink = MemorySource(greys(8)), ListSink()
    tally = pipeline(source, GreyEncoder(broken=frozenset({5})), sink, new_files(source)).run(
        new_files(source), nothing_known
    )
    assert [(skipped.uri, skipped.stage) for skipped in sink.failed] == [("/005.png", "encode")]
    assert sink.failed[0].reason == "the model failed on it: RuntimeError: bad picture"
    assert (tally.added, tally.failed) == (7, 1)


def test_an_encoder_that_fails_on_everything_ends_the_job() -> None:
    """A broken device must not fill the ledger with a hundred thousand good pictures."""
    source, sink = MemorySource(greys(8)), ListSink()
    encoder = GreyEncoder(broken=frozenset(range(8)))
    with pytest.raises(VasariError, match="fails on everything"):
        pipeline(source, encoder, sink, new_files(source)).run(new_files(source), nothing_known)
    assert sink.failed == []


def test_stopping_finishes_the_batch_and_commits() -> None:
    """Ctrl-C costs nothing that was embedded, and of what is left only what a device has begun is finished."""
    source, encoder, sink, stop = MemorySource(greys(100)), GreyEncoder(), ListSink(), threading.Event()
    sink.on_add = stop.set
    pipeline(source, encoder, sink, new_files(source), stop=stop).run(new_files(source), nothing_known)
    assert uris(sink) == list(source.files)[: len(sink.added)]
    assert sink.committed == len(sink.added) == sum(encoder.batches) < 100


def known(uri: str, data: bytes, number: int = 7) -> KnownFile:
    return KnownFile(number, uri, len(data), 0, content_hash(data))


def test_a_touched_file_is_neither_decoded_nor_embedded() -> None:
    """The same content under a new modification time costs a read and a hash."""
    source, encoder, sink = MemorySource(greys(1)), GreyEncoder(), ListSink()
    before = known("/000.png", source.files["/000.png"])
    plan = Plan(tasks=[Task(Candidate("/000.png", 1, 9), before)])
    tally = pipeline(source, encoder, sink, plan).run(plan, by_content(plan))
    assert sink.touched == [(before, Candidate("/000.png", 1, 9))]
    assert (encoder.batches, tally.touched, tally.updated) == ([], 1, 0)


def test_a_moved_file_keeps_its_item() -> None:
    """Content of a vanished file under a new path is that item; a second copy is a new one."""
    data = picture(3)
    source, encoder, sink = MemorySource({"/a.png": data, "/b.png": data}), GreyEncoder(), ListSink()
    plan = new_files(source)
    before = known("/old.png", data)
    plan.gone = {before.id: before}
    tally = pipeline(source, encoder, sink, plan).run(plan, by_content(plan))
    assert [(item.id, candidate.uri) for item, candidate in sink.moved] == [(7, "/a.png")]
    assert uris(sink) == ["/b.png"]
    assert (tally.moved, tally.added, plan.gone) == (1, 1, {})


def test_a_moved_file_without_a_vector_is_embedded_on_the_way() -> None:
    """Its item gets the new path and its missing vector at once."""
    source, sink = MemorySource({"/a.png": picture(3)}), ListSink()
    plan = new_files(source)
    before = known("/old.png", picture(3))
    plan.gone = {7: before}

    def embed_it(puzzles: Sequence[Puzzle]) -> Verdict:
        return Verdict(tasks=[replace(puzzle.task, known=before, settled=True) for puzzle in puzzles])

    pipeline(source, GreyEncoder(), sink, plan).run(plan, embed_it)
    assert [(item.id, item.uri) for _, item in sink.added] == [(before.id, "/a.png")]


def test_an_edited_file_updates_its_item() -> None:
    """Other content under a known path is embedded for the item that is there."""
    source, sink = MemorySource(greys(1)), ListSink()
    before = known("/000.png", b"something else")
    plan = Plan(tasks=[Task(Candidate("/000.png", 1, 9), before)])
    tally = pipeline(source, GreyEncoder(), sink, plan).run(plan, by_content(plan))
    assert [item.id for _, item in sink.added] == [before.id]
    assert (tally.added, tally.updated) == (0, 1)


def test_no_model_is_asked_for_when_nothing_needs_one() -> None:
    """A run of moves and touches loads no model, which takes seconds."""
    data = picture(1)
    source, sink = MemorySource({"/a.png": data}), ListSink()
    plan = new_files(source)
    plan.gone = {7: known("/old.png", data)}

    def no_model() -> GreyEncoder:
        raise AssertionError("the model was loaded")

    run = Pipeline(
        in_threads(Loader(source.read, no_model, ImageLimits(), {content_hash(data)}), 1),
        [at_once(lambda pictures: no_model().embed_images(pictures))],
        sink,
        batch_size=4,
        progress=Silent(),
        stop=threading.Event(),
    )
    assert run.run(plan, by_content(plan)).moved == 1


def test_progress_tells_how_far_it_is_and_what_holds_it_up() -> None:
    """The last pulse counts every file, and names the slowest stage."""
    pulses: list[ProgressEvent] = []

    class Listening:
        def update(self, pulse: ProgressEvent) -> None:
            pulses.append(pulse)

    source, encoder, sink = MemorySource({**greys(9), "/x.png": b"bad"}), GreyEncoder(), ListSink()
    plan = new_files(source)
    run = Pipeline(
        in_threads(Loader(source.read, lambda: encoder, ImageLimits()), 1),
        [at_once(encoder.embed_images)],
        sink,
        batch_size=4,
        progress=Listening(),
        stop=threading.Event(),
    )
    run.run(plan, by_content(plan))
    assert [(pulse.phase, pulse.total) for pulse in pulses] == [("indexing", 10)] * len(pulses)
    assert (pulses[-1].done, pulses[-1].failed) == (10, 1)
    assert [pulse.done for pulse in pulses] == sorted(pulse.done for pulse in pulses)
    assert pulses[-1].bottleneck in ("read", "decode", "encode", "commit")


def test_several_devices_keep_the_order_of_the_listing() -> None:
    """A device that is slow with the first batch keeps nobody from going on, and nothing is taken before it."""
    source, sink, encoder = MemorySource(greys(20)), ListSink(), GreyEncoder()
    last = threading.Event()

    def slow(pixels: NDArray[np.uint8]) -> UnitVectors:
        if pixels[0, 0, 0, 0] == 0:
            assert last.wait(60)
        return fast(pixels)

    def fast(pixels: NDArray[np.uint8]) -> UnitVectors:
        if pixels[0, 0, 0, 0] == 16:
            last.set()
        return encoder.embed_images(pixels)

    run = pipeline(
        source, encoder, sink, new_files(source), devices=[at_once(slow), at_once(slow)], backlog=20
    )
    assert run.run(new_files(source), nothing_known).added == 20
    assert uris(sink) == list(source.files)
    assert encoder.batches == [4] * 5


def test_a_device_gets_its_next_batch_before_the_last_one_is_done() -> None:
    """Handing over and waiting are two steps, and never more than two batches are with a device."""
    source, sink, encoder = MemorySource(greys(20)), ListSink(), GreyEncoder()
    with_it, most = [0], [0]

    def begin(pixels: Contents) -> Callable[[], UnitVectors]:
        with_it[0] += 1
        most[0] = max(most[0], with_it[0])
        assert isinstance(pixels, np.ndarray)
        kept = pixels.copy()

        def wait() -> UnitVectors:
            with_it[0] -= 1
            np.testing.assert_array_equal(pixels, kept)  # nobody has written there meanwhile
            return encoder.embed_images(pixels)

        return wait

    pipeline(source, encoder, sink, new_files(source), devices=[begin]).run(new_files(source), nothing_known)
    assert uris(sink) == list(source.files)
    assert most == [2]


def test_places_without_pixels_are_closed_up() -> None:
    """Batches hold what is to be embedded of so many files in listing order, and small ones become one."""
    bad = {f"/{number:03}.png": b"no picture" for number in (1, 2, 4, 5, 6, 13)}
    source, encoder, sink = MemorySource(greys(20) | bad), GreyEncoder(), ListSink()
    tally = pipeline(source, encoder, sink, new_files(source)).run(new_files(source), nothing_known)
    assert uris(sink) == [uri for uri in source.files if uri not in bad]
    assert [skipped.uri for skipped in sink.failed] == sorted(bad)
    assert encoder.batches == [3, 4, 3, 4]  # 2 + 1, then those that have no room beside each other
    assert (tally.added, tally.failed) == (14, 6)
    for _, item in sink.added:
        np.testing.assert_allclose(item.vector[0] / item.vector[1], (int(item.uri[1:4]) + 1) / 100, rtol=1e-5)
