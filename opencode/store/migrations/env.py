"""How Alembic reaches the database: through the connection that `migrate` hands over."""

from alembic import context

from opencode.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
