"""Pictures that are already here when metadata is read in full: their files are looked into by the next job.

Until now a file told what EXIF says; IPTC, XMP and the places of positions wait until the file changes.

Revision ID: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "unread_facts",
        sa.Column("item_id", ROW_ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["items.id"], name=op.f("fk_unread_facts_item_id")),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_unread_facts")),
    )
    op.execute(
        "INSERT INTO unread_facts (item_id) SELECT id FROM items WHERE modality = 'image'"
        " AND (deleted_at IS NULL OR missing_since IS NOT NULL)"
    )


def downgrade() -> None:
    op.drop_table("unread_facts")
