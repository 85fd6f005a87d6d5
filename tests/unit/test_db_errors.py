"""What goes wrong with disks and servers is told in one line."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.conftest import postgres_database
from tests.unit.catalogs import add
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.domain import Modality
from vasari.retrieval.errors import LibraryCorruptError, NotFoundError, StorageError, UsageError, VasariError


def test_a_full_disk_is_told_in_one_line_and_loses_nothing(tmp_path: Path) -> None:
    """When the disk is full the commit fails whole, and what was committed before is there."""
    with Catalog.open(tmp_path / "catalog.sqlite3") as catalog:
        [kept] = add(catalog, "/a.jpg")
        with catalog.database.write() as connection:  # the pool hands the same connection to the next
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
        with pytest.raises(StorageError, match="full") as told:
            add(catalog, *(f"/long/{'x' * 300}/{number}.jpg" for number in range(300)))
        assert "\n" not in str(told.value)
        assert str(tmp_path / "catalog.sqlite3") in str(told.value)
        assert catalog.items.live_ids(catalog.items.get([kept])[kept].modality).tolist() == [kept]


def test_a_disk_that_is_full_to_the_last_byte_is_called_full(tmp_path: Path) -> None:
    """To read is not possible there either: SQLite wants 32 KiB beside its file."""
    path = tmp_path / "catalog.sqlite3"
    Catalog.open(path).close()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(StorageError) as told:
            Catalog.open(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "is full: free some space" in str(told.value)


def test_a_file_that_is_no_catalog_is_not_touched(tmp_path: Path) -> None:
    """Something else under the catalog's name is reported and stays as it is."""
    path = tmp_path / "catalog.sqlite3"
    path.write_bytes(b"my holiday diary " * 500)
    with pytest.raises(LibraryCorruptError, match="no Vasari catalog"):
        Catalog.open(path)
    assert path.read_bytes() == b"my holiday diary " * 500


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A catalog in a folder that is not there cannot be opened, and the error says where it looked."""
    with pytest.raises(StorageError, match="nowhere"):
        Catalog.open(tmp_path / "nowhere" / "catalog.sqlite3")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://localhost/x", "mysql"),
        ("sqlite://", "needs a file"),
        ("nonsense", "no database URL"),
    ],
)
def test_a_url_of_another_kind_is_refused(url: str, words: str) -> None:
    """Only SQLite files and PostgreSQL are catalogs."""
    with pytest.raises(UsageError, match=words):
        Catalog.open(url)


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    """The error tells where the server was looked for, and keeps the secret."""
    with pytest.raises(VasariError, match=r"127\.0\.0\.1") as told:
        Catalog.open("postgresql://someone:hush@127.0.0.1:1/vasari")
    assert isinstance(told.value, StorageError)
    assert "hush" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_name_that_no_database_can_hold_names_nothing(catalog: Catalog) -> None:
    """A NUL, which PostgreSQL refuses in any text, is a wrong name and not a failure of the catalog."""
    with pytest.raises((NotFoundError, UsageError)):
        catalog.spaces.get("a\0b")


def test_a_server_that_is_started_anew_is_told_in_one_line(
    postgres_server: str, postgres_template: str
) -> None:
    """A connection that ends in a transaction is an error in words; nothing of it happened, and then all is well."""
    with (
        postgres_database(postgres_server, postgres_template) as url,
        Catalog.open(url) as catalog,
        Catalog.open(url) as other,
    ):
        [kept] = add(catalog, "/a.jpg")
        with pytest.raises(StorageError, match="cannot be used: terminating connection") as told:
            _cut_off(catalog, other)
        assert "\n" not in str(told.value)
        assert catalog.items.live_ids(Modality.IMAGE).tolist() == [kept]
        assert add(catalog, "/b.jpg") != [kept]


def _cut_off(catalog: Catalog, other: Catalog) -> None:
    """Delete all in a transaction whose connection the server ends."""
    with catalog.database.write() as connection:
        own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        connection.exec_driver_sql("UPDATE items SET deleted_at = added_at")
        with other.database.read() as elsewhere:
            elsewhere.execute(text("SELECT pg_terminate_backend(:pid, 60000)"), {"pid": own})
        connection.exec_driver_sql("DELETE FROM tags")
