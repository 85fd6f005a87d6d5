"""How each embedding space ranks fairly: JSON of `domain.FairRanking`, null where it does not.

Revision ID: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("spaces", sa.Column("fair_ranking", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("spaces", "fair_ranking")
