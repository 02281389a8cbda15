"""How Alembic reaches the database: through the connection that `migrate` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
with context.begin_transaction():
    context.run_migrations(dialect=context.config.attributes["dialect"])
