"""Missing items, what sources say of items, and what failed files looked like.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
OBJECT = sa.JSON().with_variant(JSONB(), "postgresql")

# An item of before has no change time. What is kept in its place is the moment it was indexed, below zero: a file that
# was last changed well before is the same, any other is read once.
INDEXED_AT = {
    "sqlite": "UPDATE items SET ctime_ns = -CAST(strftime('%s', added_at) AS INTEGER) * 1000000000"
    " WHERE modality = 'image'",
    "postgresql": "UPDATE items SET ctime_ns = -CAST(floor(extract(epoch FROM added_at)) AS bigint) * 1000000000"
    " WHERE modality = 'image'",
}


def upgrade() -> None:
    op.add_column("items", sa.Column("ctime_ns", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("items", sa.Column("missing_since", MOMENT, nullable=True))
    op.create_index("ix_items_content_hash", "items", ["content_hash"])
    op.execute(INDEXED_AT[op.get_bind().dialect.name])
    for name in ("bytes", "mtime_ns", "ctime_ns"):
        op.add_column("failures", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "descriptions",
        sa.Column("item_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("teller", sa.Text(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("attributes", OBJECT, nullable=False),
        sa.Column("facts", OBJECT, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_descriptions_item_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_descriptions")),
    )


def downgrade() -> None:
    op.drop_table("descriptions")
    for name in ("bytes", "mtime_ns", "ctime_ns"):
        op.drop_column("failures", name)
    op.drop_index("ix_items_content_hash", "items")
    op.drop_column("items", "missing_since")
    op.drop_column("items", "ctime_ns")
