"""An S3 that is away or hangs costs people's pages little time, and threads that must not wait none."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from labeling_provider.service.cloud import impatient, s3_endpoint
from labeling_provider.service.cloud.impatient import ImpatientObjects, WouldWait, never_wait
from labeling_provider.service.cloud.object_store import MissingObject, ObjectsAway, ObjectStore
from labeling_provider.service.cloud.s3_endpoint import EndpointObjectStore
from labeling_provider.service.failures import is_outage
from tests.service.cloud.subscribers import silent
from tests.service.in_process import Memory

URI = "s3://lab/a"
GONE = EndpointConnectionError(endpoint_url="http://s3")
DENIED = ClientError({"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "GetObject")


@pytest.fixture
def store() -> Memory:
    return Memory({URI: b"object"})


@pytest.fixture
def objects(store: Memory) -> ImpatientObjects:
    return ImpatientObjects(store, lambda error: type(error).__name__)


def test_while_s3_is_known_to_be_away_nobody_asks_it(
    store: Memory, objects: ImpatientObjects, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (objects.read(URI), objects.size(URI), objects.beginning(URI, 2)) == (b"object", 6, b"ob")
    store.down = GONE
    with pytest.raises(ObjectsAway, match="EndpointConnectionError") as caught:
        objects.read(URI)
    assert is_outage(caught.value)
    store.down = None
    with pytest.raises(ObjectsAway, match="EndpointConnectionError"):
        objects.read(URI)
    monkeypatch.setattr(impatient, "AGAIN_SECONDS", 0.0)
    store.down = GONE
    with pytest.raises(ObjectsAway):
        objects.check()
    store.down = None
    assert objects.read(URI) == b"object"


def test_a_check_that_is_answered_ends_the_wait(store: Memory, objects: ImpatientObjects) -> None:
    store.down = GONE
    with pytest.raises(ObjectsAway):
        objects.version(URI)
        objects.read(URI)
    store.down = None
    objects.check()
    assert objects.read(URI) == b"object"


def test_a_refusal_of_one_object_keeps_nobody_from_others(store: Memory, objects: ImpatientObjects) -> None:
    store.down = DENIED
    with pytest.raises(ObjectsAway, match="ClientError"):
        objects.read(URI)
    store.down = None
    with pytest.raises(MissingObject):
        objects.read("s3://lab/none")
    with pytest.raises(ValueError, match="not an S3 URI"):
        objects.read("none")
    assert objects.read(URI) == b"object"


def test_a_thread_that_must_not_wait_is_told_at_once(store: Memory, objects: ImpatientObjects) -> None:
    raised: list[type[BaseException]] = []

    def hurry() -> None:
        never_wait()
        for _ in range(2):
            try:
                objects.read(URI)
            except (WouldWait, ObjectsAway) as error:
                raised.append(type(error))
            store.down = GONE
            with pytest.raises(ObjectsAway):
                objects.check()

    thread = threading.Thread(target=hurry)
    thread.start()
    thread.join()
    assert raised == [WouldWait, ObjectsAway]
    # Other threads may wait.
    store.down = None
    objects.check()
    assert objects.read(URI) == b"object"


def test_links_are_made_while_s3_is_away_but_not_without_credentials(store: Memory, objects: ImpatientObjects) -> None:
    class Unsigned(Memory):
        def link(self, *_: object) -> str | None:
            raise NoCredentialsError

    place = ("lab", "a", datetime(2026, 1, 1, tzinfo=UTC), 60)
    store.down = GONE
    with pytest.raises(ObjectsAway):
        objects.read(URI)
    assert objects.link(*place) is None
    with pytest.raises(ObjectsAway, match="NoCredentialsError"):
        ImpatientObjects(Unsigned(), lambda error: type(error).__name__).link(*place)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    short = {"connect_timeout": 0.1, "read_timeout": 0.1}
    assert s3_endpoint._IMPATIENCE.keys() > short.keys()
    monkeypatch.setattr(s3_endpoint, "_IMPATIENCE", s3_endpoint._IMPATIENCE | short)
    with silent() as url:
        yield EndpointObjectStore(url.removesuffix("/hook"), "us-east-1").impatient


def test_an_s3_that_hangs_is_waited_for_briefly(hanging: ObjectStore) -> None:
    began = time.monotonic()
    with pytest.raises(ObjectsAway, match=r"S3 at 127\.0\.0\.1:\d+ does not respond \(ReadTimeoutError\)"):
        hanging.read(URI)
    # Twice, with a pause of at most a second; botocore's own limit is a minute, five times.
    assert time.monotonic() - began < 10
    with pytest.raises(ObjectsAway):
        hanging.check()
