"""Alembic's entry: runs the migrations on the connection that `Database.migrate` holds."""

from __future__ import annotations

from alembic import context

from muster.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
