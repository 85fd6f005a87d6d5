"""An index of the items whose files brought keywords, by which `tag:` finds them.

Revision ID: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# PostgreSQL has its index of all attributes.
KEYED = "json_type(attributes, '$.\"keywords\"') IS NOT NULL"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE INDEX ix_items_keywords ON items (id) WHERE {KEYED}")


def downgrade() -> None:
    op.execute("DROP INDEX IF EXISTS ix_items_keywords")
