"""Whoever has the address of a template reads it there, and nobody else does."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from labeling_provider.service.database import human_task_ui_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.web.template_links import TEMPLATES_PATH, TemplateLinks

TEMPLATE = "<crowd-form>ümläut</crowd-form>"


def test_a_template_is_at_its_address_only(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.write() as connection:
        human_task_ui_rows.insert(connection, "birds", "arn-birds", TEMPLATE)
        row = human_task_ui_rows.find(connection, "birds")
    assert row is not None
    links, others = TemplateLinks(database, "secret"), TemplateLinks(database, "other secret")
    browser = TestClient(Starlette(routes=[Mount(TEMPLATES_PATH, links)]))
    path = links.path(row)
    answer = browser.get(path)
    assert (answer.status_code, answer.text) == (200, TEMPLATE)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-security-policy"] == "sandbox"
    for wrong in (path[:-1], others.path(row), path.replace("birds", "other"), path.replace("birds", "b\u00efrds")):
        assert browser.get(wrong).status_code == 404
    refused = browser.post(path)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")

    def away() -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(database, "read", away)
    assert browser.get(path).status_code == 503
