"""Finds the jobs with a tag by an index, for keys that see no others."""

from __future__ import annotations

from typing import Final

from alembic import op

revision: Final = "0017"
down_revision: Final = "0016"
ONLY_ADDS: Final = True


def upgrade() -> None:
    """Build the index."""
    op.create_index("tags_by_value", "tags", ["key", "value", "arn"])
