"""The files that workers' pages load."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from labeling_provider.service.failures import StartError
from labeling_provider.service.web.assets import Assets, read_outside
from tests.service.inside import Inside
from tests.service.web.conftest import JQUERY


def get(assets: Assets, path: str, method: str = "GET", encoding: str = "") -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [(b"accept-encoding", encoding.encode())]}
    asyncio.run(assets(scope, None, send))  # type: ignore[arg-type]
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


def test_files_are_kept_by_browsers(assets: Assets) -> None:
    address = assets.address("crowd-html-elements.js")
    status, headers, body = get(assets, address, encoding="br, gzip")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == b"'elements';" * 100
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in headers["cache-control"]
    assert headers["access-control-allow-origin"] == "*"
    assert get(assets, address)[2] == b"'elements';" * 100
    assert get(assets, assets.address("more/picture.png"))[1]["content-type"] == "image/png"
    for other in ("/portal/static/crowd-html-elements.js", "/portal/static/0123/crowd-html-elements.js"):
        status, headers, _ = get(assets, other)
        assert (status, headers["cache-control"]) == (200, "no-cache")
    assert get(assets, address, "POST")[0] == 405


@pytest.mark.parametrize(
    "path", ["", "/", "/x", "/../assets.py", "/a/../../assets.py", "//etc/passwd", "/a//etc/passwd"]
)
def test_no_other_file_is_served(assets: Assets, path: str) -> None:
    assert get(assets, f"/portal/static{path}")[0] == 404


def test_the_files_are_for_pages_of_every_site(tmp_path: Path) -> None:
    inside = Inside(tmp_path)
    foreign = {
        "origin": "null",
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "no-cors",
        "sec-fetch-dest": "script",
    }
    status, _, body = inside.send("GET", "http://localhost/portal/static/crowd-html-elements.js", foreign)
    assert (status, b"not built" in body or b"missing" in body) == (404, True)
    assert inside.send("GET", "http://evil.example.com/portal/static/x", foreign)[0] == 403
    assert inside.send("PUT", "http://localhost/portal/static/x", foreign)[0] == 405
    inside.stop()


def test_an_operator_puts_files_in_place_of_others(tmp_path: Path) -> None:
    (tmp_path / "jquery.js").write_text("'jquery'")
    listing = tmp_path / "assets.json"
    listing.write_text(json.dumps({JQUERY: "jquery.js"}))
    assert read_outside(listing) == {JQUERY: b"'jquery'"}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("[", "cannot be read as JSON"),
        ("[]", "must be an object"),
        ('{"ftp://a/b": "c"}', "ftp://a/b"),
        ('{"https://a/b": 1}', "https://a/b"),
        ('{"https://a/b": "missing.js"}', "No such file"),
    ],
)
def test_a_wrong_list_of_files_is_told(tmp_path: Path, content: str, what: str) -> None:
    listing = tmp_path / "assets.json"
    listing.write_text(content)
    with pytest.raises(StartError, match=what):
        read_outside(listing)
