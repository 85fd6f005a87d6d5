"""The progress bar of bulk jobs: tqdm on stderr, with images a second, failures and the current bottleneck."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Never, Self

from tqdm import tqdm

from indexer.progress import Pulse


class Bar:
    """Shows a job's pulses; silent when stderr is no terminal."""

    def __init__(self) -> None:
        self._bar: tqdm[Never] | None = None
        self._phase = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def update(self, pulse: Pulse) -> None:
        """Show one pulse; a new phase begins a new bar."""
        if pulse.phase != self._phase:
            self._close()
            self._phase = pulse.phase
            total = pulse.total or None
            self._bar = tqdm(
                desc=pulse.phase, total=total, unit=" files", file=sys.stderr, disable=None, leave=False
            )
        if self._bar is None:
            return
        self._bar.total = pulse.total or None
        facts = {"failed": str(pulse.failed)} if pulse.failed else {}
        if pulse.images_per_second:
            facts["images/s"] = f"{pulse.images_per_second:.0f}"
        if pulse.bottleneck:
            facts["waits for"] = pulse.bottleneck
        self._bar.set_postfix(facts, refresh=False)
        self._bar.update(pulse.done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def stage(name: str, total: int) -> Callable[[int], None]:
    """A bar for one stage of so many steps; the returned function is told of the steps done."""
    bar = tqdm(desc=name, total=total, file=sys.stderr, disable=None, leave=False)

    def report(done: int) -> None:
        bar.update(done)
        if bar.n >= total:
            bar.close()

    return report
