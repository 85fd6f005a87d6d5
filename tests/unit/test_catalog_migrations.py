"""Migrations make the tables that the code expects."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import vasari.retrieval.catalog.indexes  # noqa: F401  (adds its indexes to the metadata)
from tests.unit.catalogs import add, found_by
from vasari.api.cli import logs
from vasari.retrieval.catalog.analyzer import Phrase
from vasari.retrieval.catalog.catalog import Catalog
from vasari.retrieval.catalog.database import Database
from vasari.retrieval.catalog.encoding import uri_key
from vasari.retrieval.catalog.migrate import MIGRATIONS, migrate
from vasari.retrieval.catalog.tables import HEAD, metadata
from vasari.retrieval.catalog.word_index import GUESSED
from vasari.retrieval.domain import Caption, CaptionSource
from vasari.retrieval.errors import UnsupportedError


def _is_in_schema(_thing: object, name: str | None, kind: str, reflected: bool, like: object) -> bool:
    """Leaves out what the database derives from the tables of `schema`: words, derived columns and their indexes."""
    derived = kind in ("column", "index") or (
        kind == "table" and str(name).startswith(("words", "readings_"))
    )
    return not (reflected and like is None and derived)


def test_migrations_and_tables_agree(empty_url: str) -> None:
    """After all migrations nothing is left that an automatic migration would change."""
    database = Database(empty_url)
    migrate(database)
    with database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": _is_in_schema}
        )
        assert compare_metadata(context, metadata) == []
    database.close()


def test_the_newest_migration_is_the_one_the_code_expects() -> None:
    """There is one line of migrations, and `HEAD` is its end."""
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_an_older_catalog_can_be_searched_by_words_once_it_is_upgraded(empty_url: str) -> None:
    """A catalog made before there was full-text search gets the words of what it holds."""
    database = Database(empty_url)
    with database.write_unchecked() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "INSERT INTO items (id, modality, uri, uri_key, content_hash, bytes, mtime_ns, attributes,"
                " user_attributes, added_at, updated_at) VALUES (1, 'image', '/a/boat.jpg', :key, 'x', 1, 1,"
                " '{}', '{}', :now, :now)"
            ),
            {"key": uri_key("/a/boat.jpg"), "now": datetime.now(UTC).replace(tzinfo=None)},
        )
    database.close()
    with Catalog.open(empty_url) as catalog:
        assert found_by(catalog.full_text, "boat") == [1]


def test_an_older_catalog_is_searched_by_folders_once_it_is_upgraded(empty_url: str) -> None:
    """A catalog whose words had no folders gets them."""
    with Catalog.open(empty_url) as catalog:
        [item] = add(catalog, "/lisbon/boat.jpg")
    database = Database(empty_url)
    with database.write_unchecked() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.downgrade(config, "0009")
        connection.execute(text("DELETE FROM words"))
    database.close()
    with Catalog.open(empty_url) as catalog:
        assert found_by(catalog.full_text, "lisbon") == [item]


def test_an_older_catalog_tells_words_of_models_apart_once_it_is_upgraded(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A caption by a model counted as one by a person; its words are found all along, and a long wait is told."""
    monkeypatch.setattr("vasari.retrieval.catalog.migrate._MANY", 2)
    monkeypatch.delenv("VASARI_LOG_LEVEL", raising=False)
    logs.show(debug=False)
    with Catalog.open(empty_url) as catalog:
        guessed, said = add(catalog, "/a.jpg", "/b.jpg")
        catalog.annotations.set_captions(guessed, [Caption("a boat")], CaptionSource.MODEL)
        catalog.annotations.set_captions(said, [Caption("a boat")], CaptionSource.USER)
    database = Database(empty_url)
    with database.write_unchecked() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.downgrade(config, "0015")
        if database.dialect == "sqlite":
            found = connection.execute(text("SELECT rowid FROM words WHERE words MATCH 'boat'")).scalars()
            assert sorted(found) == [guessed, said]
    database.close()
    with Catalog.open(empty_url) as catalog:
        held = catalog.full_text.held([guessed, said], [Phrase(("boat",))])
        assert held[:, 0].tolist() == pytest.approx([GUESSED, 1])
    told = capsys.readouterr().err
    assert told == "vasari: writing the words of 2 items anew, once after an upgrade of Vasari\n"


def test_a_catalog_of_a_newer_version_is_left_alone(empty_url: str) -> None:
    """An older program says that it must be upgraded, and changes nothing."""
    Catalog.open(empty_url).close()
    database = Database(empty_url)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(UnsupportedError, match="upgrade Vasari"):
        Catalog.open(empty_url)


def test_many_may_create_a_catalog_at_once(empty_url: str) -> None:
    """Of several that open a new catalog at the same moment, one makes the tables and all can use them."""
    trouble: list[BaseException] = []

    def open_and_add(name: int) -> None:
        try:
            with Catalog.open(empty_url) as catalog:
                add(catalog, f"/{name}.jpg")
        except BaseException as error:
            trouble.append(error)
            raise

    threads = [threading.Thread(target=open_and_add, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []


def test_an_up_to_date_catalog_opens_without_migration_tools(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Opening costs neither Alembic nor SQLAlchemy's ORM nor the other database's driver."""
    path = tmp_path_factory.mktemp("catalog") / "catalog.sqlite3"
    Catalog.open(path).close()
    program = (
        "import sys; from pathlib import Path; from vasari.retrieval.catalog.catalog import Catalog; "
        "Catalog.open(Path(sys.argv[1])).revision(); "
        "print([name for name in ('alembic', 'sqlalchemy.orm', 'sqlalchemy.dialects.postgresql', 'psycopg')"
        " if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


def test_migrations_import_nothing_of_the_application() -> None:
    """A migration stays what it was when it was written, whatever becomes of the code."""
    for script in (MIGRATIONS / "versions").glob("*.py"):
        assert not re.search(
            r"^\s*(from|import) (vasari|retrieval)", script.read_text("utf-8"), re.MULTILINE
        ), script
