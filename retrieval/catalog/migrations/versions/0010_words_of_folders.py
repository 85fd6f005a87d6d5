"""The names of folders are words, too. Nothing changes but the words, which are cut anew by the code of the day.

Revision ID: 0010
"""

from __future__ import annotations

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """See `migrate`, which writes the words of older catalogs anew."""


def downgrade() -> None:
    """Words of folders harm no older version."""
