"""The HTTP side of a process that runs labeling jobs and has no API: health checks and metrics."""

from __future__ import annotations

import base64
import hmac
from http import HTTPStatus

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.monitoring import Monitoring
from labeling_provider.service.web.origins import is_local_name
from labeling_provider.service.web.requests import METRICS_PATH, RequestHead
from labeling_provider.service.web.signatures import Credentials


class Probes:
    """The ASGI application.

    :param credentials: the administrator's; if set, metrics require them or the token for metrics.
    """

    def __init__(self, monitoring: Monitoring, credentials: Credentials | None) -> None:
        self._monitoring, self._credentials = monitoring, credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer any request."""
        response: Response
        try:
            response = await self._answer(RequestHead.of(scope))
        except ApiError as error:
            headers = {"www-authenticate": "Basic"} if error.status == HTTPStatus.UNAUTHORIZED else None
            response = JSONResponse({"message": error.message}, error.status, headers)
        # A body is not read, so whatever follows it on this connection must not be read, either.
        response.headers["connection"] = "close"
        await response(scope, receive, send)

    async def _answer(self, request: RequestHead) -> Response:
        """
        :raises ApiError: if the request is for anything else, or from somebody who may not ask.
        """
        if self._credentials is None and not is_local_name(request.host_name):
            raise ApiError("AccessDenied", f"There is nothing here for {request.host!r}.", HTTPStatus.FORBIDDEN)
        if not request.is_monitoring:
            message = "This process works on labeling jobs. The API and the pages are where `labeling serve` runs."
            raise ApiError("NotFound", message, HTTPStatus.NOT_FOUND)
        if request.path == METRICS_PATH and not self._may_read(request.headers.get("authorization", "")):
            message = "Sign in with an access key and its secret key."
            raise ApiError("Unauthorized", message, HTTPStatus.UNAUTHORIZED)
        return await self._monitoring.answer(request.path)

    def _may_read(self, authorization: str) -> bool:
        if self._credentials is None or self._monitoring.has_token(authorization):
            return True
        own = f"{self._credentials.access_key_id}:{self._credentials.secret_access_key}"
        expected = f"Basic {base64.b64encode(own.encode()).decode()}"
        return hmac.compare_digest(authorization.encode(), expected.encode())
