"""How candidates are reranked in each embedding space: JSON of `domain.TunedRerank`, null where it is as usual.

Revision ID: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("spaces", sa.Column("reranking", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("spaces", "reranking")
