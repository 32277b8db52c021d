"""Objects at a real S3 endpoint: many are written at once, and what comes last comes last."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from dev.far_s3 import FarS3, far_s3
from dev.identity_provider import make_certificate
from labeling_provider.service.cloud.object_store import MissingObject, ObjectsAway
from labeling_provider.service.cloud.s3_endpoint import MAX_WRITES_AT_ONCE, EndpointObjectStore
from labeling_provider.service.failures import is_outage, may_pass
from tests.conftest import Lab

TEXT = "text/plain"


@pytest.fixture(scope="module")
def far() -> Iterator[FarS3]:
    with far_s3(0.02) as endpoint:
        yield endpoint


@pytest.fixture
def store(far: FarS3, monkeypatch: pytest.MonkeyPatch) -> EndpointObjectStore:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "far")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "far")
    return EndpointObjectStore(far.endpoint_url, "us-east-1")


def batch(number: int, name: str) -> dict[str, tuple[bytes, str]]:
    return {f"s3://lab/{name}/{index}": (f"{name} {index}".encode(), TEXT) for index in range(number)}


def test_many_objects_are_written_at_once_and_all_of_them(far: FarS3, store: EndpointObjectStore) -> None:
    given = batch(3 * MAX_WRITES_AT_ONCE, "many")
    store.write(given)
    assert {uri: (store.read(uri), TEXT) for uri in given} == given
    assert 4 < far.most_at_once() <= MAX_WRITES_AT_ONCE


@pytest.mark.parametrize("key", ["plain", "ä b+c%2F~(1)='/&?#"])
def test_an_object_is_written_without_a_client_under_its_name(
    lab: Lab, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service, as S3, checks the signature."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    store = EndpointObjectStore(lab.s3.meta.endpoint_url, "us-east-1")
    monkeypatch.setattr(store, "_put", lambda *_: pytest.fail("a client has to do it"))
    store.write({f"s3://lab/short/{key}": (b"body", TEXT)})
    answer = lab.s3.get_object(Bucket="lab", Key=f"short/{key}")
    assert (answer["Body"].read(), answer["ContentType"]) == (b"body", TEXT)


def test_what_may_be_long_is_copied(store: EndpointObjectStore, tmp_path: Path) -> None:
    store.write_long("s3://lab/from/file", BytesIO(b"long" * 1_000), TEXT)
    with (tmp_path / "copy").open("w+b") as file:
        store.copy_to("s3://lab/from/file", file)
        file.seek(0)
        assert file.read() == b"long" * 1_000
        with pytest.raises(MissingObject, match="s3://lab/none"):
            store.copy_to("s3://lab/none", file)
    with pytest.raises(MissingObject, match="s3://gone/x"):
        store.write_long("s3://gone/x", BytesIO(b""), TEXT)


def test_nothing_to_write_is_written_at_once(store: EndpointObjectStore) -> None:
    store.write({})


def test_a_bucket_that_is_gone_is_named(store: EndpointObjectStore) -> None:
    with pytest.raises(MissingObject, match="s3://gone/x"):
        store.write({**batch(5, "beside"), "s3://gone/x": (b"", TEXT)})


def test_a_write_that_fails_leaves_nothing_on_its_way(store: EndpointObjectStore) -> None:
    """What is written after it is never overtaken by what came before."""
    with pytest.raises(ClientError, match="AccessDenied"):
        store.write({"s3://lab/order/late": (b"", TEXT), "s3://lab/order/denied": (b"", TEXT)})
    assert store.version("s3://lab/order/late") is not None


def test_a_missing_object_is_told(store: EndpointObjectStore) -> None:
    assert store.version("s3://lab/none") is None
    assert store.version("s3://gone/none") is None
    with pytest.raises(MissingObject, match="s3://lab/none"):
        store.read("s3://lab/none")
    with pytest.raises(MissingObject, match="s3://lab/none"):
        store.size("s3://lab/none")


def test_the_beginning_of_an_object_is_read(store: EndpointObjectStore) -> None:
    store.write({"s3://lab/long": (b"0123456789", TEXT)})
    assert store.beginning("s3://lab/long", 4) == b"0123"
    assert store.size("s3://lab/long") == 10
    assert list(store.lines("s3://lab/long")) == [b"0123456789"]


def test_what_breaks_in_the_middle_may_pass(store: EndpointObjectStore) -> None:
    """A job waits for what may pass; by anything else it ends."""
    store.write({"s3://lab/cut": (b"0123456789", TEXT)})
    for ask in (
        lambda: store.read("s3://lab/cut"),
        lambda: store.copy_to("s3://lab/cut", BytesIO()),
        lambda: list(store.lines("s3://lab/cut")),
        lambda: store.delete_below("s3://page/below/"),
    ):
        with pytest.raises(Exception, match=r".") as caught:
            ask()
        assert may_pass(caught.value), repr(caught.value)
        assert is_outage(caught.value), repr(caught.value)


@pytest.mark.parametrize(
    ("has_tls", "words"),
    [(True, "certificate that is not trusted; name the file"), (False, r"does not respond \(SSLError\)")],
)
@pytest.mark.usefixtures("store")
def test_a_certificate_is_to_blame_only_if_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_tls: bool, words: str
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    make_certificate(tmp_path / "own.pem", tmp_path / "key.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "own.pem", tmp_path / "key.pem")
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        if has_tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        own = EndpointObjectStore(f"https://127.0.0.1:{server.server_port}", "us-east-1")
        with pytest.raises(ObjectsAway, match=words):
            own.impatient.check()
        server.shutdown()
