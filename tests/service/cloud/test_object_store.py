"""A store that can read and write whole objects can do the rest as well."""

from __future__ import annotations

from io import BytesIO

import pytest

from labeling_provider.service.cloud.object_store import MissingObject
from tests.service.in_process import Memory

URI = "s3://lab/a"


def test_an_object_is_read_in_every_way() -> None:
    store = Memory({URI: b"one\ntwo"})
    assert store.beginning(URI, 2) == b"on"
    assert store.beginning(URI, 99) == b"one\ntwo"
    assert store.size(URI) == 7
    assert list(store.lines(URI)) == [b"one\n", b"two"]
    file = BytesIO(b"before ")
    file.seek(0, 2)
    store.copy_to(URI, file)
    assert file.getvalue() == b"before one\ntwo"


def test_what_is_missing_is_so_in_every_way() -> None:
    store = Memory()
    store.check()
    for read in (
        store.size,
        store.lines,
        lambda uri: store.beginning(uri, 1),
        lambda uri: store.copy_to(uri, BytesIO()),
    ):
        with pytest.raises(MissingObject, match=URI):
            read(URI)


def test_a_long_object_is_written_whole_and_a_check_does_what_reading_does() -> None:
    store = Memory()
    store.write_long(URI, BytesIO(b"long"), "text/plain")
    assert store.impatient.read(URI) == b"long"
    store.down = OSError("away")
    with pytest.raises(OSError, match="away"):
        store.check()
