"""Sends an administrator's requests to a running service, signed with the service's own keys."""

from __future__ import annotations

import argparse
import base64
import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Final

from labeling_provider.errors import LabelingError, printable
from labeling_provider.groundtruth.uris import is_web_address

_PATH: Final = "/_labeling"
KEYS: Final = ("LABELING_LOCAL_ACCESS_KEY_ID", "LABELING_LOCAL_SECRET_ACCESS_KEY")
"""Environment variables with the keys that sign requests to a service of one's own."""
_SECONDS: Final = 30
_WRONG: Final = "this is not a self-hosted Ground Truth: correct --endpoint-url or AWS_ENDPOINT_URL"


class AskError(LabelingError):
    """The service did not do what it was asked to; the text says why."""


def endpoint_option(options: argparse.ArgumentParser) -> None:
    """Add the option that says where the service is."""
    options.add_argument(
        "--endpoint-url",
        default=os.environ.get("AWS_ENDPOINT_URL"),
        help="where the service is, http://host:port (default: AWS_ENDPOINT_URL)",
    )


def parsed(options: argparse.ArgumentParser, arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments. Without the service's address, print the usage and exit."""
    chosen = options.parse_args(arguments)
    if not chosen.endpoint_url:
        options.error("--endpoint-url is missing, and AWS_ENDPOINT_URL is not set")
    return chosen


def ask(endpoint_url: str, path: str, body: dict[str, Any] | None = None, seconds: float = _SECONDS) -> Any:
    """Ask the service.

    :param path: below ``/_labeling``.
    :param body: what to send; None to read.
    :param seconds: longest time to wait for the answer.
    :raises AskError: if it refuses or does not answer.
    """
    if not is_web_address(endpoint_url):
        raise AskError(f"{endpoint_url!r} is not an address such as http://127.0.0.1:8080")
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
        endpoint_url.rstrip("/") + _PATH + path, None if body is None else json.dumps(body).encode()
    )
    keys = [os.environ.get(name) for name in KEYS]
    if all(keys):
        request.add_header("Authorization", "Basic " + base64.b64encode(":".join(map(str, keys)).encode()).decode())
    try:
        trust = _trust() if request.type == "https" else None
        with urllib.request.urlopen(request, timeout=seconds, context=trust) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        try:
            message = json.load(error)["message"]
        except (ValueError, KeyError, TypeError):
            message = f"{endpoint_url} answered {error.code} {error.reason}"
            if error.code == HTTPStatus.NOT_FOUND:
                message += f"; {_WRONG}"
        if error.code == HTTPStatus.UNAUTHORIZED:
            message += f"; {' and '.join(KEYS)} must be the service's own keys, or an administrator's"
        raise AskError(message) from None
    except (ValueError, HTTPException):
        raise AskError(f"{endpoint_url} answered with something other than JSON; {_WRONG}") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise AskError(
                f"the certificate of {endpoint_url} is not trusted ({reason.verify_message}); name the file of your "
                "authority in AWS_CA_BUNDLE"
            ) from None
        raise AskError(
            f"{endpoint_url} does not answer: {reason}; start the service with `labeling local`, or correct "
            "--endpoint-url or AWS_ENDPOINT_URL"
        ) from None


def _trust() -> ssl.SSLContext:
    """Trusts what the system trusts, and AWS_CA_BUNDLE as boto3 does.

    :raises AskError: if that names no certificates.
    """
    context = ssl.create_default_context()
    if bundle := os.environ.get("AWS_CA_BUNDLE"):
        try:
            context.load_verify_locations(bundle)
        except OSError as error:
            raise AskError(f"AWS_CA_BUNDLE names {bundle}, which is no file of certificates: {error}") from None
    return context


def say(text: str) -> None:
    """Print a string that may contain data from outside, safely for terminals and in any encoding."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(printable(text).encode(encoding, "backslashreplace").decode(encoding))


def time_of(at: float) -> str:
    """A time in epoch seconds, as people read it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
