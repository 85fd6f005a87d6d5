"""The progress bar of bulk jobs: tqdm on stderr, with images a second, failures and the current bottleneck."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Never, Self

from tqdm import tqdm

from vasari.api.cli import output
from vasari.indexer.progress import ProgressEvent


class Bar:
    """Shows a job's pulses; silent when stderr is no terminal that can draw.

    `at_work` is called once, when the first picture is dealt with.
    """

    def __init__(self, at_work: Callable[[], None] | None = None) -> None:
        self._bar: tqdm[Never] | None = None
        self._phase = ""
        self._at_work = at_work

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def update(self, event: ProgressEvent) -> None:
        """Show one event; a new phase begins a new bar."""
        if event.phase == "indexing" and self._at_work is not None:
            self._close()
            self._at_work()
            self._at_work = None
        if event.phase != self._phase or self._bar is None:
            self._close()
            self._phase = event.phase
            self._bar = _drawn_bar(event.phase, event.total or None)
        self._bar.total = event.total or None
        facts = {"failed": str(event.failed)} if event.failed else {}
        if event.images_per_second:
            facts["images/s"] = f"{event.images_per_second:.0f}"
        if event.bottleneck:
            facts["waits for"] = event.bottleneck
        self._bar.set_postfix(facts, refresh=False)
        self._bar.update(event.done - self._bar.n)
        if event.told is not None:
            self._close()
            output.note(event.told)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _drawn_bar(name: str, total: int | None) -> tqdm[Never]:
    """A bar as wide as the terminal; none where stderr is closed, no terminal, or a dumb one."""
    output.no_longer_waiting()
    silent = sys.stderr is None or os.environ.get("TERM") == "dumb"
    stream = io.StringIO() if sys.stderr is None else sys.stderr
    return tqdm(
        desc=name,
        total=total,
        unit=" files",
        file=stream,
        disable=silent or None,
        leave=False,
        dynamic_ncols=True,
    )


def stage(name: str, total: int) -> Callable[[int], None]:
    """A bar for one stage of so many steps; the returned function is told of the steps done."""
    bar = _drawn_bar(name, total)

    def report(done: int) -> None:
        bar.update(done)
        if bar.n >= total:
            bar.close()

    return report
