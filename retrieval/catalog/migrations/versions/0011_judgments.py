"""Judgments: which items people found right and wrong for which queries.

Revision ID: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "judgments",
        sa.Column("query_key", sa.LargeBinary(16), nullable=False),
        sa.Column("item_id", ROW_ID, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("filter", sa.Text(), nullable=True),
        sa.Column("grade", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_judgments_item_id")),
        sa.PrimaryKeyConstraint("query_key", "item_id", "who", name=op.f("pk_judgments")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_judgments_item_id", "judgments", ["item_id"])


def downgrade() -> None:
    op.drop_table("judgments")
