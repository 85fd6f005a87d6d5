"""Write lease with fencing token: one job writes a library at a time.

The holder's heartbeat keeps it. A holder that is dead or silent loses it to the next who asks; the token, which
grows with each acquisition, then stops the former holder in its next transaction, should it wake up again.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Row, select, update
from sqlalchemy.exc import SQLAlchemyError

from vasari.retrieval.catalog.database import Database, Repository
from vasari.retrieval.catalog.records import LeaseHolder
from vasari.retrieval.catalog.tables import lease
from vasari.retrieval.errors import LibraryLockedError, VasariError
from vasari.retrieval.storage.processes import is_alive, machine, process_started

_LOG = logging.getLogger(__name__)

# Commands that hold it for one write only.
BRIEF = frozenset({"vasari serve", "vasari remove", "vasari (Python)"})
_TURN = 5.0  # seconds that a brief holder is waited for
_PAUSE = 0.02  # seconds between two looks whether it is done


class Lease(Repository):
    """The right to write a library: from its taking on, every writing transaction fails once it is lost."""

    _held: HeldLease | None = None

    def acquire(self, command: str, *, stale_after: float = 30.0) -> HeldLease:
        """Take the lease for `command`; raises LibraryLockedError naming who has it.

        A holder whose process is dead, or that was silent for `stale_after` seconds, loses it to the next who asks.
        One that holds it for a single write (`BRIEF`) is waited for: requests of a service take turns.
        """
        until = time.monotonic() + _TURN
        while True:
            try:
                return self._take(command, stale_after)
            except LibraryLockedError as error:
                if not error.brief or time.monotonic() > until:
                    raise
            time.sleep(_PAUSE)

    def _take(self, command: str, stale_after: float) -> HeldLease:
        with self._database.write() as connection:
            row = connection.execute(select(lease)).one()
            if row.command is not None and not _is_stale(row, stale_after):
                holder = _holder(row)
                raise LibraryLockedError(
                    f"another job is writing this library: {holder}; wait for its end, or stop it",
                    str(holder),
                    brief=holder.command in BRIEF,
                )
            token = int(row.token) + 1
            connection.execute(update(lease).values(_mine(command, token)))
        if row.command is not None:
            _LOG.info("%s is dead or silent and loses its lease", _holder(row))
        _LOG.debug("lease %d is taken for %s", token, command)
        self._held = HeldLease(self._database, token, interval=min(5.0, stale_after / 5))
        return self._held

    def join(self, token: int) -> None:
        """Write under a lease that another process holds: from now on writing fails once that lease is lost."""
        self._database.fence = token

    def holder(self) -> LeaseHolder | None:
        """Who holds the lease, if anyone, alive or not."""
        with self._database.read() as connection:
            row = connection.execute(select(lease)).one()
        return None if row.command is None else _holder(row)

    def release(self) -> None:
        """Give the lease back if it is held here."""
        if self._held is not None:
            self._held.release()


class HeldLease:
    """The lease while it is held; a context manager that releases it."""

    def __init__(self, database: Database, token: int, interval: float) -> None:
        self._database = database
        self._token = token
        self._interval = interval
        self._released = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="vasari-lease", daemon=True)
        database.fence = token
        self._heart.start()

    @property
    def token(self) -> int:
        """What workers in other processes name to write under this lease (`Lease.join`)."""
        return self._token

    def check(self) -> None:
        """Raise LibraryLockedError if another job has taken the lease over."""
        with self._database.read() as connection:
            self._database.check_fence(connection, self._token)

    def release(self) -> None:
        """Give the lease back; a second call does nothing. If the disk is full it goes stale instead."""
        if self._released.is_set():
            return
        self._released.set()
        self._heart.join()
        self._database.fence = None
        _LOG.debug("lease %d is given back", self._token)
        with suppress(VasariError), self._database.write_unchecked() as connection:
            connection.execute(
                update(lease)
                .where(lease.c.token == self._token)
                .values(
                    dict.fromkeys(
                        ("command", "host", "machine", "pid", "process_started", "since", "heartbeat")
                    )
                )
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _beat(self) -> None:
        while not self._released.wait(self._interval):
            try:
                with self._database.write_unchecked() as connection:
                    connection.execute(
                        update(lease).where(lease.c.token == self._token).values(heartbeat=time.time())
                    )
            except (VasariError, SQLAlchemyError) as error:
                _LOG.warning("no heartbeat of lease %d: %s", self._token, error)
                continue  # a full disk or a busy catalog: the next beat may succeed, and each commit checks


def _mine(command: str, token: int) -> dict[str, Any]:
    return {
        "token": token,
        "command": command,
        "host": socket.gethostname(),
        "machine": machine(),
        "pid": os.getpid(),
        "process_started": process_started(os.getpid()),
        "since": datetime.now(UTC),
        "heartbeat": time.time(),
    }


def _is_stale(row: Row[Any], stale_after: float) -> bool:
    # A heartbeat from the future is a clock that was set back: its living holder writes a new one in seconds.
    if abs(time.time() - row.heartbeat) > stale_after:
        return True
    return row.machine == machine() and not is_alive(row.pid, row.process_started)


def _holder(row: Row[Any]) -> LeaseHolder:
    return LeaseHolder(row.command, row.host, row.pid, row.since)
