"""The stages before the commit, side by side: threads that read and decode, and one encoder worker a device.

    tasks ──► groups ──► read + decode, into slabs ──► batches ──► encoder workers ──► groups, in listing order

No stage waits for another while there is room: groups with pixels are bounded, and so are embedded ones that nobody has
taken yet. A batch is what is to be embedded of one group, or of several small ones; the next free device takes it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from math import inf
from time import perf_counter

from vasari.indexer.decode import Loaded
from vasari.indexer.embed import Begun, Encoding
from vasari.indexer.plan import Task
from vasari.indexer.progress import Stopwatch
from vasari.indexer.slabs import Group, Slabs, contents, ready

_AHEAD = 2  # batches of a device (double buffering): one is computed, and the next one is on its way
_MERGED = 3  # small groups that become one batch, at most
_LOOK = 0.1  # seconds between looks at whether the job is to stop

Load = Callable[[Sequence[Task], Group, int], Sequence[Loaded]]
"""Reads and decodes tasks that lie side by side in a group, the first of them at a place."""


class Stages:
    """One run of tasks through reading, decoding and encoding.

    with Stages(tasks, loaders, encoders, size=32, backlog=4096, stop=stop, watch=watch) as stages:
        for group in stages.finished():
            ...
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        loaders: Sequence[Load],
        encoders: Sequence[Encoding],
        *,
        size: int,
        at_once: int = 1,
        backlog: int,
        stop: threading.Event,
        watch: Stopwatch,
        slabs: Slabs | None = None,
    ) -> None:
        """A thread for each of `loaders` and of `encoders`.

        Args:
            tasks: in listing order.
            loaders: what a thread does with the tasks that it takes.
            encoders: one a device.
            size: pictures of a batch, at most.
            at_once: tasks that a loader is given together.
            backlog: embedded files that may wait to be taken.
            stop: when it is set, nothing more is begun.
            watch: told where the time goes.
            slabs: of `size` rows; default: in ordinary memory.
        """
        self._tasks = iter(tasks)
        self._slabs = slabs or Slabs(size)
        self._size, self._at_once = size, at_once
        self._most_loaded = _AHEAD * len(encoders) + _MERGED  # groups that are not embedded yet
        self._most_embedded = max(1, backlog // size)
        self._stop, self._watch = stop, watch
        self._lock = threading.Lock()
        self._room, self._batched, self._done = (threading.Condition(self._lock) for _ in range(3))
        self._order: deque[Group] = deque()  # all that nobody has taken from `finished`
        self._filling: Group | None = None  # some of its tasks nobody has taken
        self._loading: deque[Group] = deque()  # in no batch yet
        self._small: list[Group] = []  # loaded, and waiting for the next to fill the batch
        self._batches: deque[list[Group]] = deque()
        self._encoding = 0  # batches in the hands of encoder workers
        self._embedded = 0  # groups of `_order`
        self._ended = False  # there are no more tasks
        self._may_begin: float = inf  # batches
        self._error: BaseException | None = None
        self._loaders = [self._thread("decode", partial(self._load, load)) for load in loaders]
        self._encoders = [self._thread("encode", partial(self._encode, encoder)) for encoder in encoders]

    def __enter__(self) -> Stages:
        for thread in (*self._loaders, *self._encoders):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Begin nothing more. What a device has begun is waited for; a file that is being read is not."""
        with self._lock:
            self._halt(0)
        for thread in self._encoders:
            thread.join()

    def finished(self) -> Iterator[Group]:
        """The groups in listing order, each as soon as all of its tasks are dealt with.

        What went wrong in a thread is raised here.
        """
        while (group := self._next_finished()) is not None:
            yield group

    def _next_finished(self) -> Group | None:
        with self._lock:
            while self._error is None:
                if self._order and self._order[0].embedded:
                    self._embedded -= 1
                    self._room.notify_all()
                    return self._order.popleft()
                self._heed()
                if self._is_over():
                    return None
                self._done.wait(_LOOK)
            raise self._error

    def _is_over(self) -> bool:
        """Whether the first group of `_order` will never be embedded, or there is none and will be none."""
        if self._encoding or not self._ended:
            return False
        return not self._order or not self._may_begin or not (self._batches or self._loading)

    def _heed(self) -> None:
        """When the job is to stop: what devices have begun is finished; if there is none, the next batch."""
        if self._stop.is_set() and self._may_begin == inf:
            self._halt(0 if self._encoding else 1)

    def _halt(self, may_begin: int) -> None:
        """Take no more tasks, and begin so many batches of what is loaded."""
        self._may_begin = may_begin
        self._tasks = iter(())
        if self._filling is not None:
            self._filling.cut()
            self._filling = None
        self._end()

    def _end(self) -> None:
        self._ended = True
        self._batch()
        for condition in (self._room, self._batched, self._done):
            condition.notify_all()

    def _thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # raised again where the groups are taken
                with self._lock:
                    self._error = self._error or error
                    self._halt(0)

        return threading.Thread(target=run, name=name)

    # Reading and decoding.

    def _load(self, load: Load) -> None:
        while (part := self._take()) is not None:
            group, place, tasks = part
            outcomes = load(tasks, group, place)
            with self._lock:
                group.put(place, outcomes)
                if not group.left:
                    self._batch()

    def _take(self) -> tuple[Group, int, Sequence[Task]] | None:
        """Some tasks, and where in their group they lie; None at the end."""
        with self._lock:
            while self._filling is None and not self._ended:
                if not self._has_room():
                    self._room.wait()
                elif following := list(islice(self._tasks, self._size)):
                    self._filling = Group(following, self._slabs)
                    self._loading.append(self._filling)
                    self._order.append(self._filling)
                else:
                    self._end()
            if self._filling is None:
                return None
            group = self._filling
            place, tasks = group.take(self._at_once)
            if group.is_taken:
                self._filling = None
            return group, place, tasks

    def _has_room(self) -> bool:
        loaded = len(self._order) - self._embedded
        return loaded < self._most_loaded and self._embedded < self._most_embedded

    def _batch(self) -> None:
        """Make batches of the first groups, as far as they are loaded."""
        while self._loading and not self._loading[0].left:
            group = self._loading.popleft()
            if sum(each.ready for each in self._small) + group.ready > self._size:
                self._flush()
            self._small.append(group)
            if sum(each.ready for each in self._small) in (0, self._size) or len(self._small) == _MERGED:
                self._flush()
        if self._ended and not self._loading:
            self._flush()
            self._batched.notify_all()

    def _flush(self) -> None:
        if self._small:
            self._batches.append(self._small)
            self._small = []
            self._batched.notify()

    # Encoding.

    def _encode(self, encoding: Encoding) -> None:
        """Keep a device busy: the next batch is handed over before the vectors of the last one are waited for."""
        begun: deque[tuple[list[Group], Begun]] = deque()
        while True:
            batch = self._next_batch(wait=not begun)
            started = perf_counter()
            if batch is not None:
                begun.append((batch, encoding.begin(ready(batch), contents(batch))))
            elif not begun:
                return
            if batch is None or len(begun) == _AHEAD or not begun[0][1].under_way:
                groups, vectors = begun.popleft()
                embedded = iter(vectors.finish())
                for group in groups:
                    group.settle(embedded)
                self._hand_on(groups)
            with self._lock:
                self._watch.encode += perf_counter() - started

    def _next_batch(self, *, wait: bool) -> list[Group] | None:
        """The next batch; None if there will be none, or there is none now and nobody waits for it."""
        with self._lock:
            started = perf_counter()
            while wait and not self._batches and self._may_begin and not (self._ended and not self._loading):
                self._batched.wait()
            self._watch.waiting += perf_counter() - started
            if not self._batches or not self._may_begin:
                return None
            self._may_begin -= 1
            self._encoding += 1
            return self._batches.popleft()

    def _hand_on(self, groups: Sequence[Group]) -> None:
        with self._lock:
            self._heed()
            self._encoding -= 1
            self._embedded += len(groups)
            for group in groups:
                group.embedded = True
            self._room.notify_all()
            self._done.notify()
