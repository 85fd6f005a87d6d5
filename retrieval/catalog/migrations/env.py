"""Runs migrations on the connection that `vasari.retrieval.catalog.migrate` hands over, inside its transaction."""

from alembic import context

import vasari.retrieval.catalog.indexes  # noqa: F401  (adds its indexes to the metadata)
from vasari.retrieval.catalog.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
