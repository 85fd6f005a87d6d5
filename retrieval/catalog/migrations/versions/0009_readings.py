"""Text that was read in pictures, and a trigram index of it.

Revision ID: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "readings",
        sa.Column("item_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("lines", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("letters", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_readings_item_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_readings")),
    )
    (_index_sqlite if op.get_bind().dialect.name == "sqlite" else _index_postgres)()


def _index_sqlite() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE readings_trigrams"
        " USING fts5(letters, content = '', tokenize = 'trigram case_sensitive 1')"
    )
    # Without the ends of lines: a text may go on in the next one.
    op.execute(
        "CREATE TRIGGER readings_added AFTER INSERT ON readings BEGIN"
        " INSERT INTO readings_trigrams (rowid, letters)"
        " VALUES (new.item_id, replace(new.letters, char(10), ''));"
        " END"
    )
    op.execute(
        "CREATE TRIGGER readings_removed AFTER DELETE ON readings BEGIN"
        " INSERT INTO readings_trigrams (readings_trigrams, rowid, letters)"
        " VALUES ('delete', old.item_id, replace(old.letters, char(10), ''));"
        " END"
    )


def _index_postgres() -> None:
    # pg_trgm is an extension that not every server has; the trigrams are cut by `trigrams` and are words here.
    op.execute("ALTER TABLE readings ADD COLUMN trigrams tsvector")
    op.execute("CREATE INDEX ix_readings_trigrams ON readings USING gin (trigrams)")


def downgrade() -> None:
    op.drop_table("readings")
    op.execute("DROP TABLE IF EXISTS readings_trigrams")
