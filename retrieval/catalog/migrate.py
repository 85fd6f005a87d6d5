"""Schema migrations (Alembic): brings a catalog to the newest form of its tables."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from vasari.retrieval.catalog.database import Database
from vasari.retrieval.catalog.full_text import refresh_all
from vasari.retrieval.catalog.tables import HEAD
from vasari.retrieval.errors import UnsupportedError

MIGRATIONS = Path(__file__).parent / "migrations"
_POSTGRES_LOCK = (
    0x7661_7361_7269  # "vasari": two processes that open a new database migrate one after the other
)

_WORDS_SINCE = (
    "0002"  # older catalogs have no words to be searched; they are cut by today's rules, not by a migration
)


def migrate(database: Database) -> None:
    """Create or upgrade the tables; one query if they are up to date.

    Raises UnsupportedError for a catalog written by a newer version.
    """
    with database.read() as connection:
        if _version(connection) == HEAD:
            return
    if database.read_only:
        raise UnsupportedError(
            "this library has another form than this Vasari's: open it where it is written first"
        )
    with database.write_unchecked() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
        if _version(connection) != HEAD:
            _upgrade(connection)


def _version(connection: Connection) -> str | None:
    """The catalog's migration; None if it has no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    from alembic import command  # 0.2 s that an up-to-date catalog does not spend
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    version = _version(connection)
    if version is not None and version not in known:
        raise UnsupportedError(
            f"this library was written by a newer Vasari (catalog {version}): upgrade Vasari"
        )
    command.upgrade(config, "head")
    if version is not None and version < _WORDS_SINCE:
        refresh_all(connection)
