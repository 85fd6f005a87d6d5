"""Who may write a library, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.patience import until
from tests.unit.catalogs import add
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.database import Database
from vasari.retrieval.catalog.tables import lease
from vasari.retrieval.errors import LibraryLockedError
from vasari.retrieval.storage.processes import is_alive, process_started

HOLD = """
import sys, time
from vasari.retrieval.catalog.catalog import Catalog
lease = Catalog.open(sys.argv[1]).lease.acquire("vasari index /photos")
print("held", flush=True)
time.sleep(600)
"""


def pretend(url: str, **values: object) -> None:
    """Write into the lease's row what another machine or a clock might have written."""
    database = Database(url)
    with database.write() as connection:
        connection.execute(update(lease).values(**values))
    database.close()


def heartbeat(url: str) -> float | None:
    """What the lease's row says."""
    database = Database(url)
    with database.read() as connection:
        beat = connection.execute(select(lease.c.heartbeat)).scalar_one()
    database.close()
    return beat


def test_single_writes_take_turns(catalog_url: str) -> None:
    """Who finds the lease in use for one write waits for it, in one process or two."""
    with Catalog.open(catalog_url) as one, Catalog.open(catalog_url) as two:

        def write(catalog: Catalog) -> int:
            with catalog.lease.acquire("vasari serve") as held:
                time.sleep(0.01)  # the write
                held.check()
                return held.token

        with ThreadPoolExecutor(6) as threads:
            tokens = list(threads.map(write, [one, two] * 6))
        assert len(set(tokens)) == 12
        with one.lease.acquire("vasari index /photos"), pytest.raises(LibraryLockedError):
            write(two)


def test_a_second_job_is_told_who_holds_the_lease(catalog_url: str) -> None:
    """The error names command, process and host of the holder; after release the lease is free."""
    with Catalog.open(catalog_url) as one, Catalog.open(catalog_url) as two:
        assert one.lease.holder() is None
        with one.lease.acquire("vasari index /photos"):
            with pytest.raises(LibraryLockedError) as told:
                two.lease.acquire("vasari remove")
            for fact in ("vasari index /photos", str(os.getpid()), socket.gethostname()):
                assert fact in str(told.value)
                assert fact in told.value.holder
            holder = two.lease.holder()
            assert holder is not None
            assert (holder.command, holder.pid) == ("vasari index /photos", os.getpid())
        assert two.lease.holder() is None
        with two.lease.acquire("vasari remove") as held:
            held.check()


def test_closing_a_catalog_gives_its_lease_back(catalog_url: str) -> None:
    """A lease that nobody released ends with the catalog that holds it."""
    with Catalog.open(catalog_url) as one:
        one.lease.acquire("vasari index /photos")
    with Catalog.open(catalog_url) as two:
        assert two.lease.holder() is None


def test_a_killed_job_loses_its_lease_at_once(catalog_url: str) -> None:
    """While the other process lives it holds the lease; once it is killed the lease is free, stale or not."""
    with subprocess.Popen([sys.executable, "-c", HOLD, catalog_url], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with Catalog.open(catalog_url) as catalog:
            with pytest.raises(LibraryLockedError, match=str(other.pid)):
                catalog.lease.acquire("mine")
            other.send_signal(signal.SIGKILL)
            until(
                lambda: not process_started(other.pid) or not is_alive(other.pid, process_started(other.pid))
            )
            # Not reaped yet: a zombie holds nothing.
            with catalog.lease.acquire("mine", stale_after=3600) as mine:
                mine.check()


def test_a_silent_holder_elsewhere_is_taken_over_and_stopped(catalog_url: str) -> None:
    """A heartbeat older than `stale_after` loses the lease, and its holder can write nothing more."""
    with Catalog.open(catalog_url) as sleeper, Catalog.open(catalog_url) as successor:
        [item] = add(sleeper, "/a.jpg")
        held = sleeper.lease.acquire("vasari index /photos", stale_after=3600)
        pretend(catalog_url, machine="another machine", heartbeat=time.time() - 20)
        with pytest.raises(LibraryLockedError):
            successor.lease.acquire("next", stale_after=3600)
        with successor.lease.acquire("next", stale_after=10) as taken:
            for attempt in (held.check, lambda: sleeper.items.delete([item]), lambda: add(sleeper, "/b.jpg")):
                with pytest.raises(LibraryLockedError, match="next"):
                    attempt()
            held.release()  # gives back nothing that is another's
            taken.check()
            assert successor.items.delete([item]) == 1


def test_the_heartbeat_keeps_the_lease(catalog_url: str) -> None:
    """A holder's beat mends an old heartbeat, so that a long job keeps its lease."""
    with (
        Catalog.open(catalog_url) as one,
        Catalog.open(catalog_url) as two,
        one.lease.acquire("long job", stale_after=0.5),
    ):
        pretend(catalog_url, heartbeat=1.0)
        until(lambda: heartbeat(catalog_url) != 1.0, 0.02)
        with pytest.raises(LibraryLockedError):
            two.lease.acquire("hasty", stale_after=30)


def test_the_number_of_a_process_alone_proves_nothing(catalog_url: str) -> None:
    """A holder's process number that was given to a younger process does not hold the lease."""
    with Catalog.open(catalog_url) as one, Catalog.open(catalog_url) as two:
        one.lease.acquire("vasari index /photos", stale_after=3600)
        pretend(catalog_url, process_started="long ago")
        two.lease.acquire("next", stale_after=3600).release()


def test_a_clock_that_was_set_back_does_not_lock_a_library(catalog_url: str) -> None:
    """A dead holder's heartbeat from the future is stale too."""
    with Catalog.open(catalog_url) as one, Catalog.open(catalog_url) as two:
        one.lease.acquire("vasari index /photos", stale_after=3600)
        pretend(catalog_url, machine="another machine", heartbeat=time.time() + 1000)
        two.lease.acquire("next", stale_after=30).release()


def test_this_process_is_alive_and_a_missing_one_is_not(tmp_path: Path) -> None:
    """A process is known by number and start; an unknown start is given the benefit of the doubt."""
    started = process_started(os.getpid())
    assert started
    assert is_alive(os.getpid(), started)
    assert not is_alive(os.getpid(), "long ago")
    assert not is_alive(2**22 + 1, started)
    assert is_alive(2**22 + 1, None)
