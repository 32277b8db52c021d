"""Links to objects for the pages of workers: they read that one object, for a while, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from labeling_provider.service.cloud.s3_endpoint import EndpointObjectStore
from labeling_provider.service.web.object_links import Links, Signer, make_link_credentials, object_place
from labeling_provider.service.web.signatures import Credentials, presigned
from tests.service.in_process import Memory
from tests.service.inside import LINKS, REGION, Inside

BASE = "http://localhost:8099"
FOREIGN = {"origin": "null", "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
KEYS = ("a.png", "folder/it's & more+é?#%20.png", "a b//c", "…/~")


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    inside = Inside(tmp_path_factory.mktemp("links"))
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="lab")
    for key in KEYS:
        s3.put_object(Bucket="lab", Key=key, Body=key.encode())
    yield inside
    inside.stop()


def links(seconds: float = 60) -> Links:
    return Signer(Memory(), LINKS, REGION).links(BASE, seconds)


def test_processes_of_a_service_have_the_same_keys_and_nobody_else_has() -> None:
    keys = make_link_credentials("secret")
    assert keys == make_link_credentials("secret")
    assert "secret" not in keys.secret_access_key
    assert (
        len({keys.secret_access_key, *(make_link_credentials(other).secret_access_key for other in ("x", None, None))})
        == 4
    )


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://lab/a/b c.png", ("lab", "a/b c.png")),
        ("s3://lab/a?b#c", ("lab", "a?b#c")),
        ("http://s3.amazonaws.com/lab/a/b.png", ("lab", "a/b.png")),
        ("https://s3.amazonaws.com/lab/a%20b.png", ("lab", "a b.png")),
        ("https://s3.eu-west-1.amazonaws.com/lab/a.png", ("lab", "a.png")),
        ("https://s3-eu-west-1.amazonaws.com/lab/a.png", ("lab", "a.png")),
        ("https://lab.s3.amazonaws.com/a.png", ("lab", "a.png")),
        ("https://the.lab.s3.eu-west-1.amazonaws.com/a.png", ("the.lab", "a.png")),
        ("https://lab.s3.amazonaws.com/a.png?X-Amz-Signature=1", None),
        ("https://example.com/a.png", None),
        ("https://s3.amazonaws.com.example.com/lab/a.png", None),
        ("https://[broken/lab", None),
        ("https://s3.amazonaws.com/", None),
        ("s3://lab", None),
        ("s3://lab/", None),
        ("s3://lab/../other/a.png", None),
        ("s3://lab/./a", None),
        ("s3://l<ab/a", None),
        ("s3:///a", None),
        ("S3://lab/a", None),
        ("a text", None),
        ("s3://lab/" + "a" * 10_000, None),
        ("", None),
    ],
)
def test_what_is_the_address_of_an_object(text: str, place: tuple[str, str] | None) -> None:
    assert object_place(text) == place
    if place is None:
        page = links()
        assert page.grant(text) == text
        assert not page.given


@pytest.mark.parametrize("key", KEYS)
def test_a_link_reads_its_object(inside: Inside, key: str) -> None:
    link = links().grant(f"s3://lab/{key}")
    assert link.startswith(f"{BASE}/lab/")
    status, headers, body = inside.send("GET", link)
    assert (status, body) == (200, key.encode())
    assert "max-age" in headers["cache-control"]
    assert inside.send("GET", link, {"range": "bytes=0-1"})[2] == key.encode()[:2]


def test_a_page_of_no_site_may_read_it(inside: Inside) -> None:
    link = links().grant("s3://lab/a.png")
    status, headers, body = inside.send("GET", link, FOREIGN)
    assert (status, headers["access-control-allow-origin"], body) == (200, "*", b"a.png")
    # As long as everybody knows the keys, what they sign is not a secret between two.
    known = Signer(Memory(), Credentials("local", "local"), REGION).links(BASE, 60).grant("s3://lab/a.png")
    assert inside.send("GET", known)[0] == 200
    assert inside.send("GET", known, FOREIGN)[0] == 403


def test_a_link_does_nothing_else(inside: Inside) -> None:
    link = links().grant("s3://lab/a.png")
    for method in ("HEAD", "PUT", "DELETE", "POST"):
        status, _, body = inside.send(method, link, body=b"x")
        assert status in {403, 405}, body
    wrong = (
        link.replace("/a.png", "/a%20b//c"),
        link.replace("X-Amz-Expires=", "X-Amz-Expires=1"),
        link[:-1] + ("0" if link[-1] != "0" else "1"),
        link + "&response-content-type=text%2Fhtml",
        link.replace(":8099", ":8098"),
        link.replace("worker-portal", "local"),
    )
    for url in wrong:
        assert url != link
        assert inside.send("GET", url, FOREIGN)[0] == 403, url
    assert inside.send("GET", links().grant("s3://lab/missing"))[0] == 404


def test_the_key_of_links_signs_no_other_request(inside: Inside) -> None:
    import boto3
    from botocore.config import Config

    request: dict[str, Any] = {}

    def seen(request_: Any, **_: Any) -> Any:
        request.update(url=request_.url, headers={name: str(value) for name, value in request_.headers.items()})
        raise InterruptedError

    client = boto3.client(
        "s3",
        endpoint_url="http://localhost",
        region_name=REGION,
        aws_access_key_id=LINKS.access_key_id,
        aws_secret_access_key=LINKS.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}),
    )
    client.meta.events.register("before-send", lambda request, **_: seen(request))
    with pytest.raises(InterruptedError):
        client.get_object(Bucket="lab", Key="a.png")
    headers = {name: re.sub(r"^b'(.*)'$", r"\1", value) for name, value in request["headers"].items()}
    assert inside.send("GET", request["url"], headers)[0] == 403


def test_links_are_the_same_for_a_while_and_hold_for_longer() -> None:
    first, second = links(100).grant("s3://lab/a.png"), links(100).grant("s3://lab/a.png")
    signed = re.search(r"X-Amz-Date=\d{8}T\d{2}0000Z&X-Amz-Expires=7300&", first)
    assert signed, first
    assert first == second or first[-64:] != second[-64:], "an hour has begun between them"


def test_a_fresh_link_is_one_that_the_page_has() -> None:
    page = links()
    link = page.grant("s3://lab/a.png")
    assert page.fresh(link.partition("?")[0] + "?X-Amz-Signature=old") == link
    assert page.fresh(f"{BASE}/lab/b.png") is None


@pytest.mark.parametrize("public", [None, "https://pictures.example.com:8443"])
@pytest.mark.parametrize("key", KEYS)
def test_with_a_real_s3_the_link_leads_there(monkeypatch: pytest.MonkeyPatch, public: str | None, key: str) -> None:
    """botocore signs it: as S3, and so we, would."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    store = EndpointObjectStore("https://s3.example.com", REGION, public)
    page = Signer(store, LINKS, REGION).links(BASE, 30 * 24 * 3600)
    link = page.grant(f"s3://lab/{key}")
    base = public or "https://s3.example.com"
    stamp = re.search(r"X-Amz-Date=(\d{8}T\d{2}0000Z)&", link)
    assert stamp, "it is the same for an hour"
    signed_at = datetime.strptime(stamp[1], "%Y%m%dT%H%M%SZ")
    keys, week = Credentials("key", "secret"), 7 * 24 * 3600
    assert link == base + presigned(urlsplit(base).netloc, "lab", key, keys, REGION, signed_at, week)
    assert list(page.given) == [link]


def test_a_link_of_temporary_credentials_carries_their_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.setenv(f"AWS_{name}", f"the+{name}")
    link = EndpointObjectStore("https://s3.example.com", REGION).link("lab", "a", datetime(2026, 1, 1), 60)
    assert "&X-Amz-Security-Token=the%2BSESSION_TOKEN&X-Amz-Signature=" in link
