"""Stores the state of moto's S3 in the database: buckets with their settings, and every version of every object.

moto has the buckets in memory, but only those objects that a request looks up in its dictionaries, which read them
from the database. A request may change anything that it looks up, so that is described before and after, and the
differences are stored. This works for any request. Not stored are unfinished multipart uploads, and where the parts of
finished ones began.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO, Any, Final, NamedTuple

from labeling_provider.service.cloud.embedded import s3_state
from labeling_provider.service.cloud.embedded.restoring import restoring
from labeling_provider.service.cloud.embedded.s3_lists import name_of, page_of_objects, page_of_versions
from labeling_provider.service.cloud.embedded.s3_stored import TagsOfRequest, stored_version
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.recorded_objects import (
    KeptVersion,
    StoredVersion,
    VersionPlace,
    all_versions,
    body_of,
    copy_body,
    count_keys,
    delete_bucket,
    keep_bucket,
    keep_versions,
    kept_buckets,
    latest_versions,
    versions_of,
)

MAX_KEY_BYTES: Final = 1024
_UNSAYABLE: Final = re.compile("[\0-\x08\n-\x1f\ufffe\uffff]")

_MORE_TO_DO: Final = ("versioning_status", "notification_configuration", "encryption", "object_lock_enabled")
"""Settings of a bucket that say what else happens when an object is put into it."""
_MAX_IN_MEMORY: Final = 1 << 20
_ONLY_VERSION: Final = "null"
"""The version of an object in a bucket that keeps no versions."""


class _Bucket(NamedTuple):
    """A bucket before a request: the bucket itself, None if it did not exist, and its settings."""

    bucket: Any
    state: str


class _Versions(NamedTuple):
    """The versions of one key, oldest first, and the state of each."""

    versions: list[Any]
    states: list[str]


class _Key(NamedTuple):
    """A key that a request has looked up.

    :param before: how it was.
    :param versions: moto's list of its versions, which it may change.
    """

    before: _Versions
    versions: list[Any]


class _Changes:
    """Everything that one request may have changed, as it was before.

    :param stack: closed at the end of the request.
    """

    def __init__(self, stack: ExitStack) -> None:
        self.stack, self.is_alone = stack, False
        self.buckets: dict[str, _Bucket] = {}
        self.keys: dict[tuple[str, str], _Key] = {}
        self.uploads: dict[str, tuple[Any, Any]] = {}
        self.events: list[Callable[[], None]] = []


class _Request(threading.local):
    """What a thread's current request does with S3.

    :ivar changes: None if it changes nothing.
    :ivar looked_up: the versions of the keys that it has looked up to read.
    """

    changes: _Changes | None = None

    def __init__(self) -> None:
        self.looked_up: dict[tuple[str, str], list[Any]] = {}


class S3Record:
    """moto's S3, written through to the database.

    :param account: the account that owns everything.
    :param region: the region of buckets in old databases that do not have it.
    :ivar backend: moto's S3.
    """

    def __init__(self, database: Database, account: str, region: str) -> None:
        from moto.s3 import models, notifications
        from moto.utilities.utils import PARTITION_NAMES

        self._database, self._account, self._region = database, account, region
        self._models: Any = models
        self._request = _Request()
        self.backend: Any = models.s3_backends[account]["aws"]
        self.backend.buckets = _watched_buckets(self)
        self.backend.tagger.tags = TagsOfRequest()
        for listing in (self.list_objects, self.list_objects_v2, self.list_object_versions):
            setattr(self.backend, listing.__name__, listing)
        # In moto, an object from a multipart upload has no access control list, which its responses can't handle.
        for name in ("get_object_acl", "get_bucket_acl"):
            setattr(self.backend, name, _or_private(getattr(self.backend, name)))
        for name in PARTITION_NAMES:
            # There is one S3, whatever partition a client names.
            models.s3_backends[account][name] = self.backend
        notifications._get_s3_event = _with_sequencer(notifications._get_s3_event)
        for name in ("send_event", "send_test_event"):
            setattr(notifications, name, self._later(getattr(notifications, name)))

    # Detecting changes

    @contextmanager
    def changes(self) -> Iterator[None]:
        """Store what the block changes; undo it in moto if the block or the database fails.

        :raises DatabaseError: if the changes can't be stored.
        """
        if self._under_way is not None:
            yield
            return
        with ExitStack() as stack:
            changes = _Changes(stack)
            try:
                with self._at(changes):
                    yield
                    self._keep(changes)
            except BaseException:
                self._undo(changes)
                raise
        # Events are sent only for stored changes, and after the lock is released.
        for send in changes.events:
            send()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let the block, which changes nothing, see each key as it was when it first looked it up."""
        with self._at(None):
            yield

    @contextmanager
    def _at(self, changes: _Changes | None) -> Iterator[None]:
        """Begin a request in this thread, and forget what it has read when it ends."""
        self._request.changes = changes
        self._forget()
        try:
            yield
        finally:
            self._request.changes = None
            self._forget()

    def _forget(self) -> None:
        self._request.looked_up.clear()
        self.backend.tagger.tags.forget()

    def put_plain(self, bucket: str, objects: Mapping[str, tuple[bytes | IO[bytes], str]]) -> bool:
        """Put objects into a bucket without going through moto, if nothing else has to happen.

        :param objects: bytes and content type by key.
        :return: whether it was done; if not, moto has to do it.
        :raises DatabaseError: if the objects can't be stored.
        """
        with self._database.alone():
            held = dict.get(self.backend.buckets, bucket)
            if held is None or any(getattr(held, name) for name in _MORE_TO_DO) or not all(map(_is_key, objects)):
                return False
            new = [
                KeptVersion(VersionPlace(bucket, key, _ONLY_VERSION), s3_state.plain_state(body, content_type), body)
                for key, (body, content_type) in objects.items()
            ]
            with self._database.write() as connection:
                keep_versions(connection, gone=[version.place for version in new], new=new, changed=[])
        return True

    def forget_events(self) -> None:
        """Drop the events for the changes so far."""
        if self._under_way is not None:
            self._under_way.events.clear()

    @property
    def _under_way(self) -> _Changes | None:
        return self._request.changes

    def begin(self) -> None:
        """Lock out other threads from the request's first look-up of a bucket until it ends."""
        changes = self._under_way
        if changes is not None and not changes.is_alone:
            changes.stack.enter_context(self._database.alone())
            changes.is_alone = True

    def see_bucket(self, name: str, bucket: Any) -> None:
        """Note a bucket's state before moto may change it."""
        changes = self._under_way
        if changes is not None and name not in changes.buckets:
            state = "" if bucket is None else s3_state.describe_bucket(bucket, self.backend.tagger)
            changes.buckets[name] = _Bucket(bucket, state)

    def versions(self, bucket: str, key: str) -> list[Any]:
        """moto's list of a key's versions, oldest first; the same one until the request ends."""
        changes, looked_up, place = self._under_way, self._request.looked_up, (bucket, key)
        if changes is None:
            if place not in looked_up:
                looked_up[place] = self._look_up(bucket, key)
            return looked_up[place]
        self.begin()
        if place not in changes.keys:
            versions = self._look_up(bucket, key)
            changes.keys[place] = _Key(_Versions(list(versions), self._states(versions)), versions)
        return changes.keys[place].versions

    def _look_up(self, bucket: str, key: str) -> list[Any]:
        with self._database.read() as connection:
            return [self._moto_version(bucket, stored) for stored in versions_of(connection, bucket, key)]

    def _moto_version(self, bucket: str, stored: StoredVersion) -> Any:
        return stored_version(
            stored,
            bucket,
            self._account,
            self.backend.region_name,
            self.backend.tagger,
            read=self._read_body,
            # A request that changes nothing only sends them.
            copy=self._copy_body if self._under_way is None else None,
        )

    def _read_body(self, stored: StoredVersion) -> bytes | None:
        with self._database.read() as connection:
            return body_of(connection, stored)

    def _copy_body(self, stored: StoredVersion, begin: int, end: int, file: IO[bytes]) -> bool:
        with self._database.read() as connection:
            return copy_body(connection, stored, begin, end, file)

    def count_keys(self, bucket: str) -> int:
        """How many keys a bucket has, apart from what the request is changing."""
        with self._database.read() as connection:
            return count_keys(connection, bucket)

    def see_upload(self, uploads: Any, name: str) -> None:
        """Note a multipart upload before it is removed."""
        changes = self._under_way
        if changes is not None:
            changes.uploads[name] = (uploads, uploads[name])

    def _states(self, versions: list[Any]) -> list[str]:
        return [s3_state.describe_version(version, self.backend.tagger) for version in versions]

    def _later(self, send: Callable[..., None]) -> Callable[..., None]:
        """moto's function to send an event, delayed until the change is stored."""

        def send_later(*arguments: Any, **more: Any) -> None:
            changes = self._under_way
            if changes is None:
                send(*arguments, **more)
            else:
                changes.events.append(partial(send, *arguments, **more))

        return send_later

    # Storing and undoing changes

    def _keep(self, changes: _Changes) -> None:
        tagger = self.backend.tagger
        buckets = [
            name
            for name, before in list(changes.buckets.items())
            if _differs(self.backend.buckets.get(name), before, tagger)
        ]
        differing = []
        for (bucket, key), (before, versions) in list(changes.keys.items()):
            now = _Versions(versions, self._states(versions))
            if not _same(before, now):
                differing.append((bucket, key, before, now))
        if not buckets and not differing:
            return
        gone, new, changed = _differences(differing)
        with self._database.write() as connection:
            for name in buckets:
                bucket = self.backend.buckets.get(name)
                if bucket is None:
                    delete_bucket(connection, name)
                else:
                    keep_bucket(connection, name, s3_state.describe_bucket(bucket, self.backend.tagger))
            keep_versions(connection, gone=gone, new=new, changed=changed)
        for _, _, _, now in differing:
            for version in now.versions:
                # moto warns of objects that are dropped without being disposed of.
                version.disposed = True

    def _undo(self, changes: _Changes) -> None:
        """Reset moto to the state before the changes."""
        for name, (bucket, state) in changes.buckets.items():
            self.backend.buckets.put_back(name, bucket)
            if bucket is not None:
                s3_state.apply_bucket(bucket, state, self.backend.tagger)
        for name, (uploads, upload) in changes.uploads.items():
            uploads[name] = upload

    # Restoring

    def restore(self) -> None:
        """Load the buckets into moto, without what is in them. What can't be restored is logged and skipped."""
        with self._database.read() as connection:
            for name, state in kept_buckets(connection):
                with restoring(f"bucket {name}"):
                    bucket = self._models.FakeBucket(name, self._account, self._region)
                    s3_state.apply_bucket(bucket, state, self.backend.tagger)
                    self.backend.buckets.put_back(name, bucket)

    # Lists, in place of moto's

    def list_objects(
        self, bucket: Any, prefix: str | None, delimiter: str | None, marker: str | None, max_keys: int
    ) -> tuple[list[Any], list[str], bool, str | None]:
        """A page of objects and of common prefixes, whether there are more, and the marker of the next page."""
        after = (name_of(marker) or marker) if marker else ""
        keys, folders, token = self._page(bucket.name, prefix, delimiter, after, max_keys)
        return keys, folders, token is not None, token

    def list_objects_v2(
        self,
        bucket: Any,
        prefix: str | None,
        delimiter: str | None,
        continuation_token: str | None,
        start_after: str | None,
        max_keys: int,
    ) -> tuple[list[Any], bool, str | None]:
        """A page of objects and common prefixes, whether there are more, and the token of the next page."""
        from moto.s3.exceptions import InvalidContinuationToken

        after: str | None = start_after or ""
        if continuation_token:
            after = name_of(continuation_token)
            if after is None:
                raise InvalidContinuationToken
        keys, folders, token = self._page(bucket.name, prefix, delimiter, after or "", max_keys)
        return [*keys, *folders], token is not None, token

    def _page(
        self, bucket: str, prefix: str | None, delimiter: str | None, after: str, max_entries: int
    ) -> tuple[list[Any], list[str], str | None]:
        with self._database.read() as connection:
            fetch = partial(latest_versions, connection, bucket)
            entries, token = page_of_objects(fetch, prefix or "", delimiter or "", after, max_entries)
        keys = [self._moto_version(bucket, entry) for entry in entries if not isinstance(entry, str)]
        return keys, [entry for entry in entries if isinstance(entry, str)], token

    def list_object_versions(
        self,
        bucket_name: str,
        delimiter: str | None = None,
        key_marker: str | None = None,
        max_keys: int = 1000,
        prefix: str = "",
        version_id_marker: str | None = None,
    ) -> tuple[list[Any], list[str], list[Any], str | None, str | None]:
        """A page of an object listing with its versions.

        :return: moto's objects for versions, common prefixes, moto's objects for delete markers, and the key and the
            version id after which the next page begins; None if there is none.
        """
        name = self.backend.get_bucket(bucket_name).name
        with self._database.read() as connection:
            fetch = partial(all_versions, connection, name)
            page = page_of_versions(fetch, prefix, delimiter or "", key_marker or "", version_id_marker or "", max_keys)
        versions: list[Any] = []
        markers: list[Any] = []
        for stored, is_latest in page.versions:
            version = self._moto_version(name, stored)
            version.is_latest = is_latest
            (markers if s3_state.is_marker(version) else versions).append(version)
        return versions, page.prefixes, markers, page.next_key, page.next_version


def _is_key(name: str) -> bool:
    # PostgreSQL can't store U+0000, and XML, which lists use, can't contain any of them.
    return bool(name) and len(name.encode()) <= MAX_KEY_BYTES and not _UNSAYABLE.search(name)


def _differences(
    differing: list[tuple[str, str, _Versions, _Versions]],
) -> tuple[list[VersionPlace], list[KeptVersion], list[tuple[VersionPlace, str]]]:
    """Which versions are gone, new and changed.

    :param differing: bucket, key, the key's versions before, and its versions now.
    """
    gone: list[VersionPlace] = []
    new: list[KeptVersion] = []
    changed: list[tuple[VersionPlace, str]] = []
    for bucket, key, before, now in differing:
        states = {id(version): state for version, state in zip(before.versions, before.states, strict=True)}
        present = {id(version) for version in now.versions}
        gone += [
            VersionPlace(bucket, key, version.version_id) for version in before.versions if id(version) not in present
        ]
        for version, state in zip(now.versions, now.states, strict=True):
            place = VersionPlace(bucket, key, version.version_id)
            if id(version) not in states:
                new.append(KeptVersion(place, state, b"" if s3_state.is_marker(version) else _bytes_of(version)))
            elif states[id(version)] != state:
                changed.append((place, state))
    return gone, new, changed


def _bytes_of(version: Any) -> bytes | IO[bytes]:
    """The bytes of a new version; a file with them if they are many."""
    body: bytes | IO[bytes] = version.value if version.size <= _MAX_IN_MEMORY else version._value_buffer
    return body


def _same(before: _Versions, now: _Versions) -> bool:
    return before.states == now.states and all(a is b for a, b in zip(before.versions, now.versions, strict=True))


def _with_sequencer(make: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Add a sequencer to moto's event notifications, which distinguishes events of the same object."""

    def make_with_sequencer(*arguments: Any) -> dict[str, Any]:
        event = make(*arguments)
        for record in event["Records"]:
            record["s3"]["object"]["sequencer"] = f"{time.time_ns():016X}"
        return event

    return make_with_sequencer


def _differs(bucket: Any, before: _Bucket, tagger: Any) -> bool:
    """Whether a bucket of moto, or None, is not what it was."""
    if bucket is not before.bucket:
        return True
    return bucket is not None and s3_state.describe_bucket(bucket, tagger) != before.state


def _or_private(get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make moto's getter return a private access control list where none is set."""
    from moto.s3.models import get_canned_acl

    return lambda resource: get(resource) or get_canned_acl("private")


def _watched_keys(record: S3Record) -> Any:
    """A replacement for moto's class of the objects in a bucket, which reads and changes them in the record."""
    from moto.s3.exceptions import S3ClientError
    from moto.s3.utils import _VersionedKeyStore

    class Keys(_VersionedKeyStore):  # type: ignore[misc]
        """The versions of the objects in one bucket, which are in the database and not here.

        moto reads each list of them with ``__sgetitem__``.
        """

        def __init__(self, bucket: str) -> None:
            super().__init__()
            self.bucket = bucket

        def __sgetitem__(self, name: str) -> list[Any]:
            versions = record.versions(self.bucket, name)
            if not versions:
                raise KeyError(name)
            return versions

        def __contains__(self, name: object) -> bool:
            return bool(record.versions(self.bucket, str(name)))

        def __len__(self) -> int:
            return record.count_keys(self.bucket)

        item_size = __len__

        def __setitem__(self, name: str, value: Any) -> None:
            with record.changes():
                record.versions(self.bucket, name).append(value)

        def setlist(self, name: str, versions: list[Any]) -> None:
            if len(name.encode()) > MAX_KEY_BYTES:
                raise S3ClientError("KeyTooLongError", "Your key is too long")
            if not _is_key(name):
                raise S3ClientError("InvalidArgument", "A key must not be empty or contain control characters.")
            with record.changes():
                record.versions(self.bucket, name)[:] = versions

        def pop(self, name: str) -> None:
            with record.changes():
                for version in self.__sgetitem__(name):
                    record.backend.tagger.tags.pop(getattr(version, "arn", None), None)
                record.versions(self.bucket, name).clear()

    return Keys


def _watched_uploads(record: S3Record) -> Any:
    """A replacement for moto's class of the multipart uploads of a bucket, which reports their end to the record."""
    from moto.s3.models import MultipartDict

    class Uploads(MultipartDict):  # type: ignore[misc]
        """The multipart uploads of one bucket."""

        def __delitem__(self, name: str) -> None:
            if name in self:
                record.see_upload(self, name)
            dict.__delitem__(self, name)

    return Uploads


def _watched_buckets(record: S3Record) -> Any:
    """A replacement for moto's dictionary of buckets, which reports look-ups and changes to the record."""
    from moto.s3.models import s3_backends

    keys, uploads = _watched_keys(record), _watched_uploads(record)

    class Buckets(dict[str, Any]):
        def put_back(self, name: str, bucket: Any) -> None:
            if bucket is None:
                dict.pop(self, name, None)
                s3_backends.bucket_accounts.pop(name, None)
                return
            if not isinstance(bucket.keys, keys):
                bucket.keys, bucket.multiparts = keys(name), uploads()
            dict.__setitem__(self, name, bucket)
            s3_backends.bucket_accounts[name] = (bucket.partition, bucket.account_id)

        def __contains__(self, name: object) -> bool:
            record.begin()
            return super().__contains__(name)

        def __getitem__(self, name: str) -> Any:
            record.begin()
            bucket = super().__getitem__(name)
            record.see_bucket(name, bucket)
            return bucket

        def __setitem__(self, name: str, bucket: Any) -> None:
            with record.changes():
                record.begin()
                record.see_bucket(name, dict.get(self, name))
                self.put_back(name, bucket)

        def pop(self, name: str) -> Any:  # type: ignore[override]
            with record.changes():
                bucket = self[name]
                record.backend.tagger.tags.pop(bucket.arn, None)
                self.put_back(name, None)
            return bucket

    return Buckets()
