"""What alembic runs: migrations over a connection that is open and in a transaction of the caller's."""

from __future__ import annotations

from alembic import context

from labeling_provider.service.database.migrations import OPTIONS
from labeling_provider.service.database.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, **OPTIONS)
context.run_migrations()
