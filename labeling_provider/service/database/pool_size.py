"""How many connections a process may have. The command's help names them, so that importing them loads no library."""

from __future__ import annotations

from typing import Final

DATABASE_CONNECTIONS: Final = 15
"""A process's connections to PostgreSQL. Those of six fit into the 97 that a server has for them by default."""
MIN_DATABASE_CONNECTIONS: Final = 5
