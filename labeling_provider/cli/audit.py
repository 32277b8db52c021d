"""``labeling audit``: who did what on a running service."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from labeling_provider.cli.asking import AskError, ask, endpoint_option, parsed, say, time_of

_DAY: Final = 86_400.0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="labeling audit", description="Show who did what on a running service, newest first."
    )
    endpoint_option(options)
    options.add_argument("--limit", type=int, default=100, help="largest number of lines (default %(default)s)")
    options.add_argument("--who", help="only what this requester or worker id has done")
    options.add_argument("--days", type=float, help="only the last so many days")
    return options


def main(arguments: Sequence[str]) -> int:
    """Run ``labeling audit``.

    :return: the exit status.
    """
    chosen = parsed(parser(), arguments)
    query: dict[str, Any] = {"limit": chosen.limit}
    if chosen.who is not None:
        query["who"] = chosen.who
    if chosen.days is not None:
        query["since"] = time.time() - chosen.days * _DAY
    try:
        rows = ask(chosen.endpoint_url, f"/audit?{urlencode(query)}")
    except AskError as error:
        print(f"labeling audit: {error}", file=sys.stderr)
        return 1
    for row in rows:
        who = f"{row['role']} {row['who']}".strip()
        say("  ".join((time_of(row["at"]), who, row["address"], row["what"], row["target"] or "–", row["outcome"])))
    return 0
