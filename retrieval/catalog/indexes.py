"""Indexes over some of the rows, for migrations and those who compare them with the tables.

They stand apart from `tables.py`, as naming PostgreSQL's conditions loads its whole dialect, a sixth of the time
that importing the catalog takes; at run time nobody needs these objects, only the indexes in the database.
"""

from __future__ import annotations

from sqlalchemy import Index, text

from vasari.retrieval.catalog.tables import fingerprints, generations, items

# One live item per uri; the same index answers counts and lists of live ids without touching the wide rows.
# The modality comes second: as first column it would lure SQLite away from the key when paging by id.
Index(
    "ix_items_live",
    items.c.uri_key,
    items.c.modality,
    unique=True,
    sqlite_where=text("deleted_at IS NULL"),
    postgresql_where=text("deleted_at IS NULL"),
)
# At most one active generation per space and modality.
Index(
    "ix_generations_active",
    generations.c.space_id,
    generations.c.modality,
    unique=True,
    sqlite_where=text("active = 1"),
    postgresql_where=text("active = 1"),
)
# The hashes that were not compared with all others yet: few, among millions.
Index(
    "ix_fingerprints_new",
    fingerprints.c.item_id,
    sqlite_where=text("compared = 0"),
    postgresql_where=text("compared = 0"),
)
