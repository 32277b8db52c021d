"""``labeling keys``: manages the API keys of a running service."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, Final

from labeling_provider.cli.asking import AskError, ask, endpoint_option, parsed, say, time_of

_RIGHTS: Final = ("create", "read", "stop")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="labeling keys",
        description="API keys for the requesters of a running service, who each have their own labeling jobs. Set "
        "LABELING_LOCAL_ACCESS_KEY_ID and LABELING_LOCAL_SECRET_ACCESS_KEY to the service's own.",
    )
    endpoint_option(options)
    moves = options.add_subparsers(dest="move", required=True, metavar="add|list|rotate|remove")
    add = moves.add_parser("add", help="create a key and print it; the secret is shown only once")
    add.add_argument("requester", help="the requester's name; keys with the same name share their jobs")
    add.add_argument("--right", action="append", choices=_RIGHTS, help="what the key may do (default: everything)")
    add.add_argument("--team", action="append", metavar="WORKTEAM", help="only for jobs of this workteam")
    add.add_argument("--tag", action="append", metavar="KEY=VALUE", help="only for jobs with this tag")
    add.add_argument("--bucket", action="append", metavar="NAME", help="another requester's bucket that it may use")
    moves.add_parser("list", help="show all keys, what they may do and when they were last used")
    rotate = moves.add_parser("rotate", help="create a key with the same rights; the old one is valid for one more day")
    remove = moves.add_parser("remove", help="make a key invalid, at once")
    for move in (rotate, remove):
        move.add_argument("key", help="its access key id")
    return options


def main(arguments: Sequence[str]) -> int:
    """Run ``labeling keys``.

    :return: the exit status.
    """
    options = parser()
    chosen = parsed(options, arguments)
    body: dict[str, Any] | None = None
    if chosen.move == "add":
        pairs = [tag.partition("=") for tag in chosen.tag or ()]
        if any(not sign for _, sign, _ in pairs):
            options.error("--tag must be KEY=VALUE")
        tags = {name: value for name, _, value in pairs}
        scope = {"rights": chosen.right, "teams": chosen.team, "tags": tags, "buckets": chosen.bucket}
        body = {"requester": chosen.requester, "scope": scope}
    elif chosen.move != "list":
        body = {"key": chosen.key}
    try:
        answer = ask(chosen.endpoint_url, "/keys" if body is None else f"/keys/{chosen.move}", body)
    except AskError as error:
        print(f"labeling keys: {error}", file=sys.stderr)
        return 1
    if body is None:
        for key in answer:
            say(_line(key))
    elif answer:
        print(f"AWS_ACCESS_KEY_ID={answer['access_key_id']}\nAWS_SECRET_ACCESS_KEY={answer['secret_access_key']}")
    return 0


def _line(key: dict[str, Any]) -> str:
    """A key in a list."""
    limits = [f"team {team}" for team in key["teams"]]
    limits += [f"tag {name}={value}" for name, value in key["tags"].items()]
    limits += [f"bucket {bucket}" for bucket in key["buckets"]]
    rights = "everything" if key.get("is_administrator") else ", ".join(key["rights"])
    used = f"used {time_of(key['last_used'])}" if key["last_used"] else "never used"
    ends = f"until {time_of(key['expires'])}" if key["expires"] else ""
    parts = [key["access_key_id"], key["requester"], rights, ", ".join(limits), used, ends]
    return "  ".join(filter(None, parts))
