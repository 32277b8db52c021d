"""Each page of the service and of the portal says which methods it has."""

from __future__ import annotations

import inspect
from typing import Any
from unittest.mock import MagicMock

import pytest
from starlette.routing import Route

from labeling_provider.service import wiring
from labeling_provider.service.web.asgi import Application
from labeling_provider.service.web.requests import PAGES_PATH, PORTAL_PATH, STATIC_PATH
from tests.service.web.wire import ask_inside

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"})


@pytest.fixture(scope="module")
def application() -> Application:
    """The service's application as it is wired, with nothing behind its pages: who is refused needs nothing."""
    settings = MagicMock(region="us-east-1", template_assets=None, s3_public_endpoint=None, s3_endpoint=None)
    names = inspect.signature(wiring.make_application).parameters
    parts = {name: MagicMock() for name in names} | {"settings": settings, "credentials": None}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wiring, "Workforces", MagicMock())
        return wiring.make_application(**parts)


def answered(application: Application, method: str, path: str) -> tuple[int, set[str]]:
    """Status of an answer, and the methods that it says are allowed."""
    status, headers = ask_inside(application, method, path)
    return status, {method.strip() for method in headers.get("allow", "").split(",") if method}


@pytest.mark.parametrize("below", [PAGES_PATH, PORTAL_PATH])
def test_a_page_refuses_methods_that_it_does_not_have(application: Application, below: str) -> None:
    inner: Any = application._pages if below == PAGES_PATH else application._portal
    assert all(isinstance(route, Route) for route in inner.routes)
    assert len(inner.routes) > 15
    for route in inner.routes:
        path = below + route.path_format.format(**dict.fromkeys(route.param_convertors, 1))
        assert route.methods, f"{path} would answer to any method"
        for method in METHODS - route.methods:
            assert answered(application, method, path) == (405, route.methods), f"{method} {path}"


@pytest.mark.parametrize("path", [f"{STATIC_PATH}/portal.css", f"{STATIC_PATH}/template/name/token"])
def test_files_of_pages_can_only_be_read(application: Application, path: str) -> None:
    for method in METHODS - {"GET", "HEAD"}:
        assert answered(application, method, path) == (405, {"GET", "HEAD"}), method
