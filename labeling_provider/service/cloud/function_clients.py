"""The boto3 clients that a user's function makes, in its own process: which keys they sign with, and what they met.

The service says where the API and S3 are in ``AWS_ENDPOINT_URL`` and ``AWS_ENDPOINT_URL_S3``. botocore has such a
setting for each of Amazon's services, but only one pair of keys for all of them; with an S3 of its own, a team has two.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

_API: Final = "AWS_ENDPOINT_URL"
_KEYS_OF_API: Final = {
    "aws_access_key_id": "LABELING_LOCAL_ACCESS_KEY_ID",
    "aws_secret_access_key": "LABELING_LOCAL_SECRET_ACCESS_KEY",
}
_PLACES: Final = (_API, "LABELING_LOCAL_S3_ENDPOINT", "LABELING_LOCAL_S3_PUBLIC_ENDPOINT")
"""How variables begin that say where S3 and the API are."""


def sign_by_place() -> None:
    """Let each client sign with keys of the place that it asks, unless the function's code has chosen others.

    Clients of the API sign with the service's own keys. All others find theirs as usual, which are S3's. The keys of a
    role that the API has given are known to neither: a client that is to use them signs as if it had none, so that
    functions which first take on the role of their job find its files.
    """
    keys = {name: os.environ.get(variable) for name, variable in _KEYS_OF_API.items()}
    if not all(keys.values()):
        keys = {}
    if _API not in os.environ or not (keys or f"{_API}_S3" in os.environ):
        # All is in one place, which takes any keys: nothing needs to be imported.
        return
    from botocore.session import Session, get_session

    api, create = os.environ[_API], Session.create_client
    signature, of_roles = inspect.signature(create), set[str]()

    def remember(parsed: dict[str, Any], **_: Any) -> None:
        if "Credentials" in parsed:
            of_roles.add(parsed["Credentials"]["AccessKeyId"])

    def create_client(*arguments: Any, **named: Any) -> Any:
        asked = signature.bind(*arguments, **named)
        client = create(*asked.args, **asked.kwargs)
        chosen = asked.arguments.get("aws_access_key_id") or _chosen(asked.arguments["self"])
        asks_api = _same_place(client.meta.endpoint_url, api)
        if chosen is None or chosen in of_roles:
            better = keys if asks_api else _usual(get_session()) if chosen else {}
            if better:
                asked.arguments |= {"aws_session_token": None, **better}
                client = create(*asked.args, **asked.kwargs)
        if asks_api and client.meta.service_model.service_name == "sts":
            client.meta.events.register("after-call.sts", remember)
        return client

    Session.create_client = create_client


def _chosen(session: Any) -> str | None:
    """The access key that a function's code has chosen for a session; None if its keys come from the surroundings."""
    credentials = session.get_credentials()
    is_chosen = credentials and (credentials.method == "explicit" or "profile" in session.instance_variables())
    return str(credentials.access_key) if is_chosen else None


def _usual(session: Any) -> dict[str, str | None]:
    """The keys of the surroundings, as arguments for a client."""
    credentials = session.get_credentials()
    if credentials is None:
        return {}
    frozen = credentials.get_frozen_credentials()
    return {
        "aws_access_key_id": frozen.access_key,
        "aws_secret_access_key": frozen.secret_key,
        "aws_session_token": frozen.token,
    }


def met_outage(error: BaseException) -> bool:
    """Whether a function or a model has failed because S3 or the service's API is away or ill.

    If an error says that the function has asked another place, it is the function's own matter. The exceptions that led
    to this one count as well, because few people write ``raise … from``.
    """
    if "botocore.exceptions" not in sys.modules:
        # No client of boto3 has raised anything here. To import botocore now would take time that the function has.
        return False
    from labeling_provider.service.failures import is_outage_of_server

    try:
        return any(is_outage_of_server(cause) and _is_about_us(cause) for cause in _causes(error))
    except Exception:  # noqa: BLE001 - whoever raises an error that can't be read has made it
        return False


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those that led to it, each once."""
    seen = set[int]()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _is_about_us(error: BaseException) -> bool:
    """Whether a client's error may be about S3 or the API. It says whom the client has asked if there was no answer."""
    asked = getattr(error, "kwargs", {}).get("endpoint_url")
    return asked is None or any(_same_place(asked, url) for name, url in os.environ.items() if name.startswith(_PLACES))


def _same_place(url: str, place: str) -> bool:
    """Whether a URL leads to a place. The name of a bucket may come before that of its host."""
    host, wanted = urlsplit(url).netloc, urlsplit(place).netloc
    return host == wanted or host.endswith(f".{wanted}")
