"""The progress bar of bulk jobs: tqdm on stderr, with images a second, failures and the current bottleneck."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Never, Self

from vasari.api.cli import output
from vasari.indexer.progress import ProgressEvent

if TYPE_CHECKING:
    from tqdm import tqdm


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
        if self._bar is not None:
            _show(self._bar, event)
        if event.told is not None:
            self._close()
            output.note(event.told)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _show(bar: tqdm[Never], event: ProgressEvent) -> None:
    bar.total = event.total or None
    facts = {"failed": str(event.failed)} if event.failed else {}
    if event.images_per_second:
        facts["images/s"] = f"{event.images_per_second:.0f}"
    if event.bottleneck:
        facts["waits for"] = event.bottleneck
    bar.set_postfix(facts, refresh=False)
    bar.update(event.done - bar.n)


def _drawn_bar(name: str, total: int | None) -> tqdm[Never] | None:
    """A bar as wide as the terminal; none where stderr is closed, no terminal, or a dumb one."""
    output.no_longer_waiting()
    if sys.stderr is None or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return None
    from tqdm import tqdm  # 40 ms, for which a job with nothing to draw would wait

    return tqdm(desc=name, total=total, unit=" files", file=sys.stderr, leave=False, dynamic_ncols=True)


def stage(name: str, total: int) -> Callable[[int], None]:
    """A bar for one stage of so many steps; the returned function is told of the steps done."""
    bar = _drawn_bar(name, total)

    def report(done: int) -> None:
        if bar is not None:
            bar.update(done)
            if bar.n >= total:
                bar.close()

    return report
