"""Objects at a real S3 endpoint: many are written at once, and what comes last comes last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from dev.far_s3 import FarS3, far_s3
from labeling_provider.service.cloud.object_store import MissingObject
from labeling_provider.service.cloud.s3_endpoint import MAX_WRITES_AT_ONCE, EndpointObjectStore

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
    return {f"s3://lab/{name}/{one}": (f"{name} {one}".encode(), TEXT) for one in range(number)}


def test_many_objects_are_written_at_once_and_all_of_them(far: FarS3, store: EndpointObjectStore) -> None:
    given = batch(3 * MAX_WRITES_AT_ONCE, "many")
    store.write(given)
    assert {uri: (store.read(uri), TEXT) for uri in given} == given
    assert 4 < far.most_at_once() <= MAX_WRITES_AT_ONCE


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


def test_the_beginning_of_an_object_is_read(store: EndpointObjectStore) -> None:
    store.write({"s3://lab/long": (b"0123456789", TEXT)})
    assert store.beginning("s3://lab/long", 4) == b"0123"
    assert list(store.lines("s3://lab/long")) == [b"0123456789"]
