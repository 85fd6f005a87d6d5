"""Backfill of file facts: items that were indexed before all metadata of a file was read (migration 0013).

What an item's file says is added below what was known of it: what a person, a source or the file said before stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from vasari.retrieval.catalog.annotations import add_facts
from vasari.retrieval.catalog.database import Repository
from vasari.retrieval.catalog.full_text import refresh
from vasari.retrieval.catalog.tables import unread_facts
from vasari.retrieval.domain import ItemId


class UnreadFacts(Repository):
    """The items whose files are still to be asked; each leaves the list when it was."""

    def ids(self) -> frozenset[ItemId]:
        """Live and missing ones; none in a library that was begun by this version."""
        with self._database.read() as connection:
            return frozenset(connection.execute(select(unread_facts.c.item_id)).scalars())

    def fill(self, facts: Mapping[ItemId, Mapping[str, Any]]) -> None:
        """Add what the files of items say, and strike these off the list, in one transaction."""
        if facts:
            with self._database.change() as connection:
                add_facts(connection, facts)
                refresh(connection, list(facts))
