"""``labeling database``: prepares the database of a service, backs it up and restores it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from labeling_provider.errors import LabelingError


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="labeling database",
        description="Prepare the database of a service for this version, back it up and restore it. Objects in a real "
        "S3 are not part of it: back up their buckets as well, after the database.",
    )
    options.add_argument(
        "--database-url",
        default=os.environ.get("LABELING_LOCAL_DATABASE_URL"),
        help="SQLAlchemy URL of the database (default: LABELING_LOCAL_DATABASE_URL)",
    )
    options.add_argument("--data-dir", type=Path, help="data directory of labeling local, to use its database instead")
    moves = options.add_subparsers(dest="move", required=True, metavar="upgrade|backup|restore")
    moves.add_parser(
        "upgrade",
        help="create the tables, or migrate those of an earlier version. Services may keep running if the new version "
        "only adds to them; otherwise this says that they have to be stopped",
    )
    backup = moves.add_parser("backup", help="write all of it to a new file; services may keep running")
    restore = moves.add_parser("restore", help="read such a file into an empty database; services must not be running")
    for move in (backup, restore):
        move.add_argument("file", type=Path)
    return options


def main(arguments: Sequence[str]) -> int:
    """Run ``labeling database``.

    :return: the exit status.
    """
    from labeling_provider.service.database import upkeep

    options = parser()
    chosen = options.parse_args(arguments)
    url = f"sqlite:///{chosen.data_dir / 'labeling.sqlite'}" if chosen.data_dir else chosen.database_url
    if not url:
        options.error("--database-url or --data-dir is missing")
    try:
        if chosen.move == "upgrade":
            print(upkeep.upgrade(url))
        elif chosen.move == "backup":
            upkeep.back_up(url, chosen.file)
        else:
            upkeep.restore(url, chosen.file)
    except LabelingError as error:
        print(f"labeling database: {error}", file=sys.stderr)
        return 1
    return 0
