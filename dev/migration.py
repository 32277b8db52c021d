"""Writes the migration that leads from the tables of the last one to those of ``schema.py``.

``python -m dev.migration "Jobs have a lease"`` makes ``versions/rNNNN_….py``: read it, tell why in its docstring, and
run ``tests/service/database``.
"""

from __future__ import annotations

import re
import sys

import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from labeling_provider.service.database.migrations import config


def main() -> None:
    """Write it."""
    configuration = config()
    (message,) = sys.argv[1:]
    number = len(list(ScriptDirectory.from_config(configuration).walk_revisions())) + 1
    slug = "_".join(re.findall("[a-z0-9]+", message.lower()))
    configuration.set_main_option("file_template", f"r%%(rev)s_{slug}")
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")
        command.revision(configuration, message, autogenerate=True, rev_id=f"{number:04}")


if __name__ == "__main__":
    main()
