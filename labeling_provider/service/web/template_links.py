"""The addresses of worker templates, which DescribeHumanTaskUi returns, and what is answered there."""

from __future__ import annotations

import hmac
import json
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from labeling_provider.service.database import human_task_ui_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.human_task_ui_rows import HumanTaskUiRow
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.web.requests import STATIC_PATH
from labeling_provider.service.web.responses import DATABASE_AWAY

TEMPLATES_PATH: Final = f"{STATIC_PATH}/template"


class TemplateLinks:
    """An ASGI application for templates. Whoever has the address of one may read it, as on Amazon.

    :param secret: what makes the addresses hard to guess.
    """

    def __init__(self, database: Database, secret: str) -> None:
        self._database, self._key = database, secret.encode()

    def path(self, row: HumanTaskUiRow) -> str:
        """The path of a template's address."""
        return f"{TEMPLATES_PATH}/{row.name}/{self._token(row)}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for a template."""
        name, _, token = scope["path"].removeprefix(TEMPLATES_PATH).removeprefix("/").partition("/")
        response: Response
        try:
            if scope["method"] in {"GET", "HEAD"}:
                response = await run_in_threadpool(self._answer, name, token)
            else:
                response = PlainTextResponse("405 Templates can only be read.\n", 405, {"allow": "GET, HEAD"})
        except DatabaseError:
            response = PlainTextResponse(f"503 {DATABASE_AWAY}\n", 503)
        await response(scope, receive, send)

    def _answer(self, name: str, token: str) -> Response:
        with self._database.read() as connection:
            row = human_task_ui_rows.find(connection, name)
        headers = {
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
            "content-security-policy": "sandbox",
        }
        if row is None or not hmac.compare_digest(self._token(row).encode(), token.encode()):
            return PlainTextResponse("404 There is no such template.\n", 404, headers)
        return Response(row.template.encode("utf-8", "replace"), 200, headers, "text/plain; charset=utf-8")

    def _token(self, row: HumanTaskUiRow) -> str:
        """The part that makes a template's address hard to guess."""
        return hmac.digest(self._key, json.dumps([row.name, row.created]).encode(), "sha256").hex()
