"""Alembic's entry: runs on the connection that `services.database.migrate` hands in."""

from alembic import context

from services.database.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
