"""The endpoints of ``labeling keys``, ``audit`` and ``jobs``, in JSON, for the administrator."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from labeling_provider.service.engine.deletion import Deletion, DeletionError
from labeling_provider.service.web.pages import reads_objects, write_down
from labeling_provider.service.work.audit_trail import OK, AuditTrail
from labeling_provider.service.work.requesters import ApiKeys, KeysError

log = logging.getLogger(__name__)

_MAX_CHARACTERS: Final = 200


class Administration:
    """The keys of requesters, the audit trail, and the deletion of jobs."""

    def __init__(self, keys: ApiKeys, audit: AuditTrail, deletion: Deletion) -> None:
        self._keys, self._audit, self._deletion = keys, audit, deletion
        self._delete_output = reads_objects(self._delete)

    @property
    def routes(self) -> list[Route]:
        """The routes, below ``/_labeling``."""
        return [
            Route("/keys", self.list, methods=["GET"]),
            Route("/keys/{move}", self.change, methods=["POST"]),
            Route("/audit", self.audit, methods=["GET"]),
            Route("/deletions", self.delete, methods=["POST"]),
        ]

    def list(self, request: Request) -> Response:
        """All keys, without their secrets."""
        return _answer(self._keys.list())

    async def change(self, request: Request) -> Response:
        """``add``, ``rotate`` or ``remove`` the key in ``{"requester": …, "key": …, "scope": {…}}``."""
        try:
            given = json.loads(await request.body())
            requester, key, scope = given.get("requester", ""), given.get("key", ""), given.get("scope", {})
        except (ValueError, AttributeError, RecursionError):
            return _answer({"message": "The body must be a JSON object."}, 400)
        texts = all(isinstance(text, str) and len(text) <= _MAX_CHARACTERS for text in (requester, key))
        if not texts or not isinstance(scope, dict):
            return _answer({"message": "requester and key must be strings, and scope an object."}, 400)
        return await run_in_threadpool(self._change, request, requester, key, scope)

    def _change(self, request: Request, requester: str, key: str, scope: dict[str, Any]) -> Response:
        moves: dict[str, Callable[[], Any]] = {
            "add": lambda: self._keys.add(requester, scope),
            "rotate": lambda: self._keys.rotate(key),
            "remove": lambda: self._keys.remove(key),
        }
        name = request.path_params["move"]
        if name not in moves:
            return _answer({"message": "There is no such action."}, 404)
        answer: dict[str, str] = {}
        outcome = OK
        try:
            answer = moves[name]() or {}
        except KeysError as error:
            outcome = "refused"
            return _answer({"message": str(error)}, 400)
        finally:
            new_key = answer.get("access_key_id", "")
            write_down(self._audit, request, f"keys {name}", " ".join(filter(None, (requester, key, new_key))), outcome)
        return _answer(answer)

    async def delete(self, request: Request) -> Response:
        """Delete the job in ``{"job": …, "with_output": false}``."""
        try:
            given = json.loads(await request.body())
            name, with_output = given["job"], given.get("with_output", False)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return _answer({"message": "The body must be a JSON object with the name of a job."}, 400)
        if not isinstance(name, str) or not isinstance(with_output, bool):
            return _answer({"message": "job must be a string, and with_output true or false."}, 400)
        if with_output:
            return await self._delete_output(request, name, with_output)
        return await run_in_threadpool(self._delete, request, name, with_output)

    def _delete(self, request: Request, name: str, with_output: bool) -> Response:
        from botocore.exceptions import BotoCoreError, ClientError

        outcome = "refused"
        try:
            deleted = self._deletion.delete(name, with_output=with_output)
            outcome = OK
        except DeletionError as error:
            return _answer({"message": str(error)}, 400)
        except (BotoCoreError, ClientError) as error:
            log.error("the output of %s could not be deleted: %s", name, error)
            message = "The object store does not let the service delete the output; the job is still there. Try again."
            return _answer({"message": message}, 503)
        finally:
            target = f"{name} with its output" if with_output else name
            write_down(self._audit, request, "jobs delete", target, outcome)
        return _answer({"objects": deleted})

    def audit(self, request: Request) -> Response:
        """The latest rows of the audit trail: ``?limit=``, ``?who=`` and ``?since=`` (epoch seconds)."""
        given = request.query_params
        try:
            limit, since = int(given.get("limit", "100")), float(given.get("since", "0"))
        except ValueError:
            return _answer({"message": "limit and since must be numbers."}, 400)
        return _answer(self._audit.latest(max(limit, 1), given.get("who"), since))


def _answer(content: object, status: int = 200) -> Response:
    return JSONResponse(content, status, {"cache-control": "no-store"})
