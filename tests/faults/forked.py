"""A job in a copy of this process: it begins with everything imported, which is most of what starting one takes.

Copies are made of a process that has no threads and computed nothing with torch (`tests.faults.kill`), never of pytest.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

Job = Callable[[Path], None]  # indexes the collection into the library that lies there


class Run:
    """One run of a job, from its start."""

    def __init__(self, job: Job, library: Path) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the run has ended
        self._code: int | None = None
        self.seconds = 0.0  # of processor time that it used, once it has ended by itself
        self.pid = os.fork()
        if self.pid == 0:
            _work(job, library, self._errors.fileno())

    def has_ended(self) -> bool:
        """Whether it came to its end; RuntimeError with what it said where that was no good one."""
        if self._code is None:
            pid, status, used = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.seconds = used.ru_utime + used.ru_stime
                self._end(status)
        return self._code is not None

    @property
    def code(self) -> int | None:
        """Its exit code, once it has ended."""
        return self._code

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self._errors.close()

    def finish(self) -> None:
        """Wait for its end; RuntimeError as above."""
        self._end(os.waitpid(self.pid, 0)[1])

    def _end(self, status: int) -> None:
        self._code = os.waitstatus_to_exitcode(status)
        with self._errors as errors:
            errors.seek(0)
            if self._code:
                raise RuntimeError(f"the job failed by itself ({self._code}): {errors.read().decode()}")


def _work(job: Job, library: Path, errors: int) -> NoReturn:
    """What the copy does: nothing of the process it was copied from is left to be done."""
    code: object = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(errors, 2)
        job(library)
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
