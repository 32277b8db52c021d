"""``labeling jobs``: deletes labeling jobs of a running service."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from labeling_provider.cli.asking import AskError, ask, endpoint_option, parsed

_SECONDS: Final = 3_600.0
"""A large job has millions of rows and files."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="labeling jobs",
        description="Delete labeling jobs of a running service. Set LABELING_LOCAL_ACCESS_KEY_ID and "
        "LABELING_LOCAL_SECRET_ACCESS_KEY to the service's own.",
    )
    endpoint_option(options)
    moves = options.add_subparsers(dest="move", required=True, metavar="delete")
    delete = moves.add_parser(
        "delete",
        help="delete a job that has ended, with everything that belongs to it: tasks, answers, remarks, log, queue",
    )
    delete.add_argument("name", help="the job's name")
    delete.add_argument("--with-output", action="store_true", help="also delete its folder in S3, with the labels")
    return options


def main(arguments: Sequence[str]) -> int:
    """Run ``labeling jobs``.

    :return: the exit status.
    """
    chosen = parsed(parser(), arguments)
    try:
        body = {"job": chosen.name, "with_output": chosen.with_output}
        deleted = ask(chosen.endpoint_url, "/deletions", body, _SECONDS)
    except AskError as error:
        print(f"labeling jobs: {error}", file=sys.stderr)
        return 1
    print(f"{chosen.name} is deleted, and {deleted['objects']} objects in S3")
    return 0
