"""Schema migrations (Alembic): brings a catalog to the newest form of its tables."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, inspect, select, text

from vasari.retrieval.catalog.database import Database
from vasari.retrieval.catalog.full_text import refresh_all
from vasari.retrieval.catalog.tables import HEAD, items
from vasari.retrieval.errors import UnsupportedError

if TYPE_CHECKING:
    from alembic.config import Config

_LOG = logging.getLogger(__name__)
MIGRATIONS = Path(__file__).parent / "migrations"
# "vasari": two processes that open a new database migrate one after the other.
_POSTGRES_LOCK = 0x7661_7361_7269

# Older catalogs have no words to be searched, none of folders, or those of models among those of people; words are cut
# by today's rules, not by a migration.
_WORDS_SINCE = "0016"
_MANY = 10_000  # items whose words take half a second or more, 5 s for 100,000: somebody wonders


def migrate(database: Database) -> None:
    """Create or upgrade the tables; one query if they are up to date.

    Raises UnsupportedError for a catalog written by a newer version.
    """
    with database.read() as connection:
        version = _version(connection)
    if version == HEAD:
        return
    if database.read_only:
        _refuse_newer(version)
        raise UnsupportedError(
            f"this library has the form of an older Vasari (catalog {version}): `vasari status`, or any other command"
            " that may write it, brings it up to date"
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


def _config(connection: Connection | None = None) -> Config:
    from alembic.config import Config  # Alembic takes 0.2 s that an up-to-date catalog does not spend

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _refuse_newer(version: str | None) -> None:
    """Raise UnsupportedError for a version that this program has no migration of."""
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if version is not None and version not in known:
        raise UnsupportedError(
            f"this library was written by a newer Vasari (catalog {version}): upgrade Vasari"
        )


def _upgrade(connection: Connection) -> None:
    from alembic import command

    version = _version(connection)
    _refuse_newer(version)
    config = _config(connection)
    command.upgrade(config, "head")
    if version is not None and version < _WORDS_SINCE:
        if (count := connection.execute(select(func.count()).select_from(items)).scalar_one()) >= _MANY:
            _LOG.warning("writing the words of %s items anew, once after an upgrade of Vasari", f"{count:,}")
        refresh_all(connection)
