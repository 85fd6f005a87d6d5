"""What filters and full-text search rest on.

Revision ID: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The name of the file, and the EXIF facts that filters ask for most, read out of the JSON by the database itself.
# Texts of absurd length are no facts, and PostgreSQL could not index them.
TEXTS = ("taken", "camera", "lens")
NUMBERS = ("latitude", "longitude")
LONGEST = 512

# A narrow copy of the table in order of its key: filters on it read 200 bytes a row instead of a kilobyte, and never
# parse JSON (100,000 rows: 30 ms instead of 300).
FACTS = (
    "modality, id, uri, name, format, width, height, bytes, mtime_ns, added_at, updated_at, "
    "taken, camera, lens, latitude, longitude"
)


def upgrade() -> None:
    (_upgrade_sqlite if op.get_bind().dialect.name == "sqlite" else _upgrade_postgres)()


def _upgrade_sqlite() -> None:
    op.execute(
        "ALTER TABLE items ADD COLUMN name TEXT GENERATED ALWAYS AS"
        " (substr(uri, length(rtrim(uri, replace(uri, '/', ''))) + 1)) VIRTUAL"
    )
    for name in TEXTS:
        op.execute(
            f"ALTER TABLE items ADD COLUMN {name} TEXT GENERATED ALWAYS AS ("
            f"CASE WHEN json_type(attributes, '$.\"{name}\"') = 'text'"
            f" AND length(json_extract(attributes, '$.\"{name}\"')) <= {LONGEST}"
            f" THEN json_extract(attributes, '$.\"{name}\"') END) VIRTUAL"
        )
    for name in NUMBERS:
        op.execute(
            f"ALTER TABLE items ADD COLUMN {name} REAL GENERATED ALWAYS AS ("
            f"CASE WHEN json_type(attributes, '$.\"{name}\"') IN ('integer', 'real')"
            f" AND json_extract(attributes, '$.\"{name}\"') BETWEEN -180 AND 180"
            f" THEN json_extract(attributes, '$.\"{name}\"') END) VIRTUAL"
        )
    op.execute(f"CREATE INDEX ix_items_facts ON items ({FACTS}) WHERE deleted_at IS NULL")
    # The words come cut and folded: the tokenizer has only to part them at spaces.
    op.execute("CREATE VIRTUAL TABLE words USING fts5(said, name, tokenize = 'ascii')")


def _upgrade_postgres() -> None:
    op.execute(
        "ALTER TABLE items ADD COLUMN name text GENERATED ALWAYS AS (substring(uri FROM '[^/]*$')) STORED"
    )
    for name in TEXTS:
        op.execute(
            f"ALTER TABLE items ADD COLUMN {name} text GENERATED ALWAYS AS ("
            f"CASE WHEN jsonb_typeof(attributes -> '{name}') = 'string'"
            f" AND length(attributes ->> '{name}') <= {LONGEST}"
            f" THEN attributes ->> '{name}' END) STORED"
        )
    for name in NUMBERS:
        op.execute(
            f"ALTER TABLE items ADD COLUMN {name} double precision GENERATED ALWAYS AS ("
            f"CASE WHEN jsonb_typeof(attributes -> '{name}') = 'number'"
            f" AND CAST(attributes ->> '{name}' AS numeric) BETWEEN -180 AND 180"
            f" THEN CAST(attributes ->> '{name}' AS double precision) END) STORED"
        )
    op.execute('CREATE INDEX ix_items_taken ON items (taken COLLATE "C") WHERE deleted_at IS NULL')
    op.execute("CREATE INDEX ix_items_place ON items (latitude, longitude) WHERE deleted_at IS NULL")
    # Numbers, truths and the presence of attributes, whatever their names.
    op.execute("CREATE INDEX ix_items_attributes ON items USING gin (attributes) WHERE deleted_at IS NULL")
    op.execute("CREATE TABLE words (item_id bigint PRIMARY KEY, vector tsvector NOT NULL)")
    op.execute("CREATE INDEX ix_words_vector ON words USING gin (vector)")


def downgrade() -> None:
    op.execute("DROP TABLE words")
    for index in ("facts", "taken", "place", "attributes"):
        op.execute(f"DROP INDEX IF EXISTS ix_items_{index}")
    for name in ("name", *TEXTS, *NUMBERS):
        op.execute(f"ALTER TABLE items DROP COLUMN {name}")
