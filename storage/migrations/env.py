"""Alembic's entry: runs on the connection, and in the transaction, that ``climb`` was given."""

from alembic import context

from storage.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
