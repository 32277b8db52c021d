"""Runs moto's services in this process, as one WSGI application per service."""

from __future__ import annotations

import logging
import os
import re
import threading
import zlib
from collections.abc import Iterable
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any, Final
from urllib.parse import unquote_to_bytes
from xml.parsers.expat import ExpatError

from labeling_provider.service.cloud.embedded.s3_stored import write_value
from labeling_provider.service.cloud.offered import Call, Service, ServiceResponse
from labeling_provider.service.failures import ApiError

log = logging.getLogger(__name__)

_USER_METADATA: Final = "x-amz-meta-"
# Errors that moto raises for malformed requests.
_TRIPPED: Final = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    *(EOFError, ExpatError, zlib.error),
)
_MAX_IN_MEMORY: Final = 1 << 20
_STATUS: Final = re.compile("[2-5][0-9][0-9] ")
_CONTROL: Final = re.compile("[^\t\x20-\x7e\x80-\xff]")
# Headers about the connection and the body's encoding: moto gets the decoded body.
# moto would look for a region in User-Agent.
_LEFT_OUT: Final = frozenset(
    {
        *("authorization", "connection", "content-length", "expect", "host", "transfer-encoding"),
        *("user-agent", "x-amz-trailer"),
    }
)
_MOTOS_OWN: Final = "x-moto-"
# Without a query, moto would look for the operation and its parameters in a text of the JSON body, and in headers.
_NO_PARAMETERS: Final = "_="
# A fixed access key: with one that moto issued for a role of another account, it would use that account.
_KEY: Final = "LOCALLOCALLOCALLOCAL"


class Moto:
    """moto's applications, one for each service.

    :param region: the region for unsigned requests.
    """

    def __init__(self, region: str) -> None:
        # By default, moto allows all origins everything, which would expose users' data.
        os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
        # By default, moto has parts of objects in memory if they are smaller than 16 MB.
        os.environ.setdefault("MOTO_S3_DEFAULT_KEY_BUFFER_SIZE", str(_MAX_IN_MEMORY))
        from moto.core.common_models import BaseModel
        from moto.core.responses import BaseResponse
        from moto.moto_server.werkzeug_app import create_backend_app
        from moto.s3 import responses as s3_responses

        # moto would hold on to everything that it has ever made, for its own tests.
        BaseModel.__new__ = _untracked
        # moto would first search the whole URL for a region, which can take very long, before using the signature's.
        BaseResponse.region_regex = re.compile("(?!)")
        s3_responses.parse_region_from_url = _no_region
        self._region = region
        self._making = threading.Lock()
        self._make: Any = create_backend_app
        self._applications: dict[Service, Any] = {}

    def serve(self, service: Service, call: Call) -> ServiceResponse:
        """Answer a request.

        :raises ApiError: if moto does not offer the operation, or can't handle the request.
        """
        with self._making:
            application = self._applications.get(service) or self._make(str(service))
            self._applications[service] = application
        from botocore.model import OperationNotFoundError

        seen: list[tuple[str, list[tuple[str, str]]]] = []
        requests: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            seen.append((status, headers))
            # Flask takes it out at the end.
            requests.append(environ["werkzeug.request"])

        environ = _environ(service, call, self._region)
        try:
            parts: Iterable[bytes] = application(environ, start)
            body = SpooledTemporaryFile(max_size=_MAX_IN_MEMORY)  # noqa: SIM115 - the sender closes it
            for part in parts:
                write_value(part, body)
        except (NotImplementedError, OperationNotFoundError) as error:
            # moto's way of saying that it does not support an operation.
            raise ApiError("InvalidAction", f"This operation is not offered: {str(error)[:200]}") from None
        except _TRIPPED as error:
            log.warning("%s: moto can't handle a request: %s %s: %r", service, call.method, call.path[:200], error)
            log.debug("traceback", exc_info=True)
            message = f"moto, which answers for {service} here, can't handle this request."
            raise ApiError("InvalidRequest", message) from None
        finally:
            # moto's request is part of cycles: its body would stay until the garbage collector comes.
            for request in requests:
                vars(request).clear()
        status, headers = seen[-1]
        if not _STATUS.match(status):
            raise ApiError("InvalidArgument", f"The response would have the invalid status {status[:20]!r}.")
        if any(_CONTROL.search(value) for _, value in headers):
            raise ApiError("InvalidArgument", "The response would have an invalid header.")
        length = body.tell()
        body.seek(0)
        return ServiceResponse(int(status[:3]), headers, body, length)


def _untracked(cls: type, *_: Any, **__: Any) -> Any:
    return object.__new__(cls)


def _no_region(url: str, use_default_region: bool = True) -> str | None:
    return "us-east-1" if use_default_region else None


def _environ(service: Service, call: Call, region: str) -> dict[str, Any]:
    """The WSGI environment of a request."""
    headers = {
        name: value for name, value in call.headers.items() if name not in _LEFT_OUT and not name.startswith(_MOTOS_OWN)
    }
    if headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
        del headers["x-amz-content-sha256"]
        headers.pop("x-amz-decoded-content-length", None)
        encodings = [name for name in headers.get("content-encoding", "").split(",") if name.strip() != "aws-chunked"]
        headers["content-encoding"] = ",".join(encodings).strip()
    if not headers.get("content-encoding"):
        headers.pop("content-encoding", None)
    # Without a scope, moto would use a different region, and refuse operations that only the owner may do.
    scope = f"{_KEY}/{call.scope or f'20000101/{region}/{service}/aws4_request'}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    if "HTTP_CONTENT_TYPE" in environ:
        environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE")
    host, colon, port = call.host.rpartition(":")
    if not port.isdigit():
        host, colon, port = call.host, "", "80"
    if service == Service.S3:
        # moto would look for a bucket in any other host name.
        host = "localhost"
    query = call.query if service == Service.S3 else _NO_PARAMETERS
    return {
        **environ,
        "REQUEST_METHOD": call.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(call.path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": call.path + (f"?{query}" if query else ""),
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": f"{host}:{port}" if colon else host,
        "CONTENT_LENGTH": str(call.length),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": call.body,
        "wsgi.errors": BytesIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        # WSGI does not distinguish "_" from "-", but names of user metadata do.
        "moto.preserved_header_names": {
            f"HTTP_{name.upper().replace('-', '_')}": name
            for name in headers
            if name.startswith(_USER_METADATA) and "_" in name
        },
    }
