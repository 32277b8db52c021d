"""``labeling workers``: who labels in the portal of a running service, and for which workteam."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from labeling_provider.cli.asking import AskError, ask, endpoint_option, parsed, say
from labeling_provider.errors import counted

_SECONDS: Final = 30.0
_ERASE_SECONDS: Final = 3_600.0
"""A person may have answered about a million objects, each of which has a file."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="labeling workers",
        description="Manage the people who label in the portal of a running service. If it demands credentials, "
        "set LABELING_LOCAL_ACCESS_KEY_ID and LABELING_LOCAL_SECRET_ACCESS_KEY.",
    )
    endpoint_option(options)
    moves = options.add_subparsers(dest="move", required=True, metavar="new-team|add|list|remove|erase|sign-out|invite")
    texts = {
        "new-team": "create a workteam of people, and print its ARN for labeling jobs",
        "add": "add a person, or put a known one into a workteam",
        "list": "show everybody, or the members of a workteam",
        "remove": "take a person out of a workteam, or forget the person altogether; what was answered stays",
        "erase": "forget a person, even one who was removed; a pseudonym takes the place in answers, records and files",
        "sign-out": "end all sessions of a person, who can sign in again unless removed",
        "invite": "print a link for choosing a password; it works once, within a week",
    }
    for name, text in texts.items():
        move = moves.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name != "list":
            whose = "the workteam's name" if name == "new-team" else "the person's name, or worker id"
            move.add_argument("name", help=whose)
        if name not in {"new-team", "erase", "invite", "sign-out"}:
            move.add_argument("--team", metavar="WORKTEAM", help="name of a workteam")
    return options


def main(arguments: Sequence[str]) -> int:
    """Run ``labeling workers``.

    :return: the exit status.
    """
    chosen = parsed(parser(), arguments)
    try:
        if chosen.move == "list":
            query = f"?{urlencode({'team': chosen.team})}" if chosen.team else ""
            for person in ask(chosen.endpoint_url, f"/workers{query}"):
                has = "" if person["has_password"] else "  (no password)"
                has = f"  ({person['issuer']})" if person["issuer"] else has
                role = "" if person["role"] == "worker" else f"  {person['role']}"
                teams = ", ".join(person["workteams"]) or "–"
                print(f"{person['name']}  {person['worker_id']}  {teams}{role}{has}")
            return 0
        given = {"name": chosen.name, "team": getattr(chosen, "team", None)}
        seconds = _ERASE_SECONDS if chosen.move == "erase" else _SECONDS
        answer = ask(chosen.endpoint_url, f"/workers/{chosen.move}", given, seconds)
    except AskError as error:
        print(f"labeling workers: {error}", file=sys.stderr)
        return 1
    if chosen.move == "new-team":
        print(answer["arn"])
    elif chosen.move == "invite":
        say(f"{chosen.name}  {chosen.endpoint_url.rstrip('/')}{answer['path']}")
    elif chosen.move == "erase":
        print(f"{counted(answer['files'], 'file')} in S3 changed")
        print(f"in the service's records, this person is now {answer['worker_id']}")
        not_reached = "files of jobs that were deleted before, backups, logs, and the identity provider"
        print(f"not reached: {not_reached}", file=sys.stderr)
    elif chosen.move == "sign-out":
        print(f"{answer['sessions']} sessions ended")
    return 0
