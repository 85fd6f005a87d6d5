"""Functions in processes of their own that may die: copies of one that has imported what they need.

Starting one takes 20 ms of processor time, and a second where each imports everything anew.
"""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.faults.dying", "tests.faults.dying_import"])


def exit_code(function: Callable[..., object], *arguments: Any) -> int | None:
    """Of a process that calls this function, once it has ended; of a signal it is the negative number."""
    process = _CONTEXT.Process(target=function, args=arguments)
    process.start()
    process.join()
    return process.exitcode
