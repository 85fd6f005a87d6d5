"""Contents that items had before they were edited.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "former_contents",
        sa.Column("item_id", ROW_ID, nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_former_contents_item_id")),
        sa.PrimaryKeyConstraint("item_id", "content_hash", name=op.f("pk_former_contents")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_former_contents_content_hash", "former_contents", ["content_hash"])


def downgrade() -> None:
    op.drop_table("former_contents")
