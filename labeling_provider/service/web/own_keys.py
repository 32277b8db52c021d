"""The page of a person's own API keys: list, create, replace and remove them.

Only a session opens it. A key does not: whoever has one with few rights could create one with all rights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from labeling_provider.service.database.states import Role
from labeling_provider.service.web.cookies import REQUESTER_COOKIE, page_token
from labeling_provider.service.web.pages import page, person_of_page, write_down
from labeling_provider.service.web.requests import form_fields
from labeling_provider.service.web.rights import OWN_KEYS
from labeling_provider.service.web.visitors import check_move
from labeling_provider.service.work.audit_trail import OK, AuditTrail
from labeling_provider.service.work.people import Person
from labeling_provider.service.work.requesters import MAX_OWN_KEYS, ApiKeys, GroupRoles, KeysError, Right

_MAX_CHARACTERS: Final = 2_000


class OwnKeys:
    """The page, and its actions.

    :param roles: says how long a key is valid.
    """

    def __init__(self, keys: ApiKeys, audit: AuditTrail, roles: GroupRoles) -> None:
        self._keys, self._audit, self._roles = keys, audit, roles

    @property
    def routes(self) -> list[Route]:
        """The routes, below ``/_labeling``."""
        return [
            Route(OWN_KEYS, self.show, methods=["GET"]),
            Route(f"{OWN_KEYS}/{{move}}", self.change, methods=["POST"]),
        ]

    def show(self, request: Request) -> Response:
        """The keys of whoever is signed in."""
        return self._page(request)

    async def change(self, request: Request) -> Response:
        """``add`` a key, or ``rotate`` or ``remove`` one of the person's own."""
        form = form_fields(await request.body())
        check_move(request, form)
        return await run_in_threadpool(self._change, request, form)

    def _change(self, request: Request, form: Mapping[str, list[str]]) -> Response:
        person, move = _signed_in(request), request.path_params["move"]
        key = form.get("key", [""])[0][:_MAX_CHARACTERS]
        moves: dict[str, Callable[[], dict[str, str] | None]] = {
            "add": lambda: self._keys.add_own(person.worker_id, person.role, _scope(form)),
            "rotate": partial(self._keys.rotate, key, person.worker_id),
            "remove": partial(self._keys.remove, key, person.worker_id),
        }
        if move not in moves:
            raise HTTPException(404)
        new_key: dict[str, str] = {}
        trouble, outcome = "", OK
        try:
            new_key = moves[move]() or {}
        except KeysError as error:
            trouble, outcome = str(error), "refused"
        target = " ".join(filter(None, (key, new_key.get("access_key_id", ""))))
        write_down(self._audit, request, f"own-keys {move}", target, outcome)
        return self._page(request, new_key, trouble)

    def _page(self, request: Request, new_key: Mapping[str, str] | None = None, trouble: str = "") -> Response:
        person = _signed_in(request)
        return page(
            request,
            "own_keys.html",
            status=400 if trouble else 200,
            has_form=True,
            title="API keys",
            keys=self._keys.list(person.worker_id),
            new_key=new_key,
            trouble=trouble,
            rights=list(Right),
            may_all=person.role is Role.ADMINISTRATOR,
            max_keys=MAX_OWN_KEYS,
            days=self._roles.key_seconds / 86_400,
            token=page_token(request, REQUESTER_COOKIE),
        )


def _signed_in(request: Request) -> Person:
    """The person who is signed in.

    :raises HTTPException: if the request was made with a key.
    """
    person = person_of_page(request)
    if person is None:
        raise HTTPException(404)
    return person


def _scope(form: Mapping[str, list[str]]) -> dict[str, Any]:
    """What a key may do, as entered in the form.

    :raises KeysError: if it can't be read.
    """
    teams, tags = (form.get(name, [""])[0] for name in ("teams", "tags"))
    if max(len(teams), len(tags)) > _MAX_CHARACTERS:
        raise KeysError(f"Workteams and tags may have up to {_MAX_CHARACTERS:,} characters.")
    pairs = [tag.partition("=") for tag in _words(tags)]
    if any(not sign or not name for name, sign, _ in pairs):
        raise KeysError("Write each tag as NAME=VALUE, with commas between them.")
    if "right" not in form and "everything" not in form:
        raise KeysError("Choose what the key may do.")
    return {
        "rights": form.get("right"),
        "teams": _words(teams),
        "tags": {name.strip(): value.strip() for name, _, value in pairs},
        "is_administrator": "everything" in form,
    }


def _words(text: str) -> list[str]:
    """The words between commas."""
    return [word for word in (part.strip() for part in text.split(",")) if word]
