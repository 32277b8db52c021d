"""``labeling workers``: who labels in the portal of a running service, and for which workteam."""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from labeling_provider.errors import LabelingError

_PATH: Final = "/_labeling/workers"
_SECONDS: Final = 30


class WorkersError(LabelingError):
    """The service did not do what it was asked to; the text says why."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="labeling workers",
        description="Say who labels in the worker portal of a running service. Where the service demands credentials, "
        "set LABELING_LOCAL_ACCESS_KEY_ID and LABELING_LOCAL_SECRET_ACCESS_KEY.",
    )
    options.add_argument(
        "--endpoint-url",
        default=os.environ.get("AWS_ENDPOINT_URL"),
        help="where the service is, http://host:port (default: AWS_ENDPOINT_URL)",
    )
    moves = options.add_subparsers(dest="move", required=True, metavar="add|list|remove|sign-out|invite")
    texts = {
        "add": "make a person known, or put one who is known into a workteam",
        "list": "show everybody, or the members of a workteam",
        "remove": "take a person out of a workteam, or forget the person altogether; what was answered stays",
        "sign-out": "end all sessions of a person, who may sign in again unless it is removed",
        "invite": "print a link with which a person chooses a password, valid for a week and once",
    }
    for name, text in texts.items():
        move = moves.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name != "list":
            move.add_argument("name", help="the person's name, or worker id")
        if name not in {"invite", "sign-out"}:
            move.add_argument("--team", metavar="WORKTEAM", help="name of a workteam")
    return options


def main(arguments: Sequence[str]) -> int:
    """Run one move.

    :return: the exit status.
    """
    options = parser()
    chosen = options.parse_args(arguments)
    if not chosen.endpoint_url:
        options.error("--endpoint-url is missing")
    try:
        if chosen.move == "list":
            query = f"?{urlencode({'team': chosen.team})}" if chosen.team else ""
            for person in _ask(chosen.endpoint_url, query):
                has = "" if person["has_password"] else "  (no password)"
                has = f"  ({person['issuer']})" if person["issuer"] else has
                print(f"{person['name']}  {person['worker_id']}  {', '.join(person['workteams']) or '–'}{has}")
            return 0
        given = {"name": chosen.name, "team": getattr(chosen, "team", None)}
        told = _ask(chosen.endpoint_url, f"/{chosen.move}", given)
    except WorkersError as error:
        print(f"labeling workers: {error}", file=sys.stderr)
        return 1
    if chosen.move == "invite":
        print(f"{chosen.endpoint_url.rstrip('/')}{told['path']}")
    elif chosen.move == "sign-out":
        print(f"{told['sessions']} sessions ended")
    return 0


def _ask(endpoint_url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the service.

    :raises WorkersError: if it says no, or nothing.
    """
    parts = urlsplit(endpoint_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise WorkersError(f"{endpoint_url!r} is no address such as http://127.0.0.1:8080")
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        endpoint_url.rstrip("/") + _PATH + path, None if body is None else json.dumps(body).encode()
    )
    keys = [os.environ.get(f"LABELING_LOCAL_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
    if all(keys):
        request.add_header("Authorization", "Basic " + base64.b64encode(":".join(map(str, keys)).encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        try:
            message = json.load(error)["message"]
        except (ValueError, KeyError, TypeError):
            message = f"the service answered {error.code} {error.reason}"
        raise WorkersError(message) from None
    except (OSError, ValueError) as error:
        raise WorkersError(f"{endpoint_url} does not answer: {error}") from None
