"""Stacks: pictures that are shown as one.

Revision ID: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "stack_items",
        sa.Column("item_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("stack_id", sa.BigInteger(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_stack_items_item_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_stack_items")),
    )
    op.create_index("ix_stack_items_stack_id", "stack_items", ["stack_id"])


def downgrade() -> None:
    op.drop_table("stack_items")
