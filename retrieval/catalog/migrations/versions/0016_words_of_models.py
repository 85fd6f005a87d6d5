"""Words of captions by models stand apart, for they count less. `migrate` writes the words of older catalogs anew.

Revision ID: 0016
"""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """PostgreSQL needs no column: there they are words of another weight."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE words")
        op.execute("CREATE VIRTUAL TABLE words USING fts5(said, name, guessed, tokenize = 'ascii')")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE earlier USING fts5(said, name, tokenize = 'ascii')")
        op.execute(
            "INSERT INTO earlier (rowid, said, name) SELECT rowid, said || ' ' || guessed, name FROM words"
        )
        op.execute("DROP TABLE words")
        op.execute("ALTER TABLE earlier RENAME TO words")
