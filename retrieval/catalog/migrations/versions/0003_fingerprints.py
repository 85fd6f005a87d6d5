"""Perceptual hashes and groups of near-duplicates; `vasari dedupe` fills them for the items that are there.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "fingerprints",
        sa.Column("item_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("compared", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_fingerprints_item_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_fingerprints")),
    )
    op.create_index(
        "ix_fingerprints_new",
        "fingerprints",
        ["item_id"],
        sqlite_where=sa.text("compared = 0"),
        postgresql_where=sa.text("compared = 0"),
    )


def downgrade() -> None:
    op.drop_table("fingerprints")
