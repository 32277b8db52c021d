"""Alembic's entry point: runs migrations on the caller's connection, within its transaction."""

from __future__ import annotations

from alembic import context

from labeling_provider.service.database.migrations import OPTIONS
from labeling_provider.service.database.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, **OPTIONS)
context.run_migrations()
