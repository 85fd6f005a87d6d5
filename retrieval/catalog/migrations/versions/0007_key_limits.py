"""Keys that see a part of the library, expire, and may ask for so much a day; when each was last used.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
LIMITS = ("requests_a_day", "upload_bytes_a_day", "upload_pictures_a_day")


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("filter", sa.Text()))
    for name in ("expires_at", "last_used_at"):
        op.add_column("api_keys", sa.Column(name, MOMENT))
    for name in LIMITS:
        op.add_column("api_keys", sa.Column(name, sa.BigInteger()))
    op.create_table(
        "key_usage",
        sa.Column("key_id", ROW_ID, autoincrement=False, nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("upload_bytes", sa.BigInteger(), nullable=False),
        sa.Column("upload_pictures", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_key_usage_key_id")),
        sa.PrimaryKeyConstraint("key_id", "day", name=op.f("pk_key_usage")),
    )


def downgrade() -> None:
    op.drop_table("key_usage")
    for name in ("filter", "expires_at", "last_used_at", *LIMITS):
        op.drop_column("api_keys", name)
