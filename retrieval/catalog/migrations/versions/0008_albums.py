"""Albums, and which items are in them.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "albums",
        sa.Column("id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=True),
        sa.Column("filter", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_albums")),
    )
    op.create_table(
        "album_items",
        sa.Column("album_id", ROW_ID, nullable=False),
        sa.Column("item_id", ROW_ID, nullable=False),
        sa.ForeignKeyConstraint(["album_id"], ["albums.id"], name=op.f("fk_album_items_album_id")),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_album_items_item_id")),
        sa.PrimaryKeyConstraint("album_id", "item_id", name=op.f("pk_album_items")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_album_items_item_id", "album_items", ["item_id"])


def downgrade() -> None:
    op.drop_table("album_items")
    op.drop_table("albums")
