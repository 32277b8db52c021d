"""Stores the state of moto's S3 in the database: buckets with their settings, and every version of every object.

Changes are detected in moto's own dictionaries of buckets and object versions. A request may change anything that it
looks up there, so that is described before and after, and the differences are stored. This works for any request. Not
stored are unfinished multipart uploads, and where the parts of finished ones began.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Final, NamedTuple

from labeling_provider.service.cloud.embedded import s3_state
from labeling_provider.service.cloud.embedded.restoring import restoring
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.recorded_objects import (
    KeptVersion,
    VersionPlace,
    delete_bucket,
    keep_bucket,
    keep_versions,
    kept_buckets,
    kept_versions,
)

MAX_KEY_BYTES: Final = 1024
_UNSAYABLE: Final = re.compile("[\0-\x08\n-\x1f\ufffe\uffff]")


class _Bucket(NamedTuple):
    """A bucket before a request: the bucket itself, None if it did not exist, and its settings."""

    bucket: Any
    state: str


class _Versions(NamedTuple):
    """The versions of one key, oldest first, and the state of each."""

    versions: list[Any]
    states: list[str]


class _Changes:
    """Everything that one request may have changed, as it was before.

    :param stack: closed at the end of the request.
    """

    def __init__(self, stack: ExitStack) -> None:
        self.stack, self.is_alone = stack, False
        self.buckets: dict[str, _Bucket] = {}
        self.keys: dict[tuple[str, str], tuple[Any, _Versions]] = {}
        self.uploads: dict[str, tuple[Any, Any]] = {}
        self.events: list[Callable[[], None]] = []


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
        self._current = threading.local()
        self.backend: Any = models.s3_backends[account]["aws"]
        self.backend.buckets = _watched_buckets(self)
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
                self._current.changes = changes
                try:
                    yield
                finally:
                    self._current.changes = None
                self._keep(changes)
            except BaseException:
                self._undo(changes)
                raise
        # Events are sent only for stored changes, and after the lock is released.
        for send in changes.events:
            send()

    def forget_events(self) -> None:
        """Drop the events for the changes so far."""
        if self._under_way is not None:
            self._under_way.events.clear()

    @property
    def _under_way(self) -> _Changes | None:
        return getattr(self._current, "changes", None)

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

    def see_key(self, keys: Any, name: str, versions: list[Any]) -> None:
        """Note the versions of a key before moto may change them."""
        changes = self._under_way
        if changes is not None and (keys.bucket, name) not in changes.keys:
            changes.keys[keys.bucket, name] = (keys, _Versions(list(versions), self._states(versions)))

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
        buckets = [name for name, before in changes.buckets.items() if self._bucket_differs(name, before)]
        differing = []
        for (bucket, key), (keys, before) in changes.keys.items():
            now = _Versions(keys.versions(key), self._states(keys.versions(key)))
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

    def _bucket_differs(self, name: str, before: _Bucket) -> bool:
        bucket = self.backend.buckets.get(name)
        if bucket is not before.bucket:
            return True
        return bucket is not None and s3_state.describe_bucket(bucket, self.backend.tagger) != before.state

    def _undo(self, changes: _Changes) -> None:
        """Reset moto to the state before the changes."""
        for (_, name), (keys, before) in changes.keys.items():
            keys.put_back(name, before.versions)
            for version, state in zip(before.versions, before.states, strict=True):
                s3_state.apply_version(version, state, self.backend.tagger)
        for name, (bucket, state) in changes.buckets.items():
            self.backend.buckets.put_back(name, bucket)
            if bucket is not None:
                s3_state.apply_bucket(bucket, state, self.backend.tagger)
        for name, (uploads, upload) in changes.uploads.items():
            uploads[name] = upload

    # Restoring

    def restore(self) -> None:
        """Load everything into moto. What can't be restored is logged and skipped."""
        with self._database.read() as connection:
            for name, state in kept_buckets(connection):
                with restoring(f"bucket {name}"):
                    bucket = self._models.FakeBucket(name, self._account, self._region)
                    s3_state.apply_bucket(bucket, state, self.backend.tagger)
                    self.backend.buckets.put_back(name, bucket)
            for version in kept_versions(connection):
                with restoring(f"s3://{version.place.bucket}/{version.place.key}"):
                    self._restore_version(version)

    def _restore_version(self, kept: KeptVersion) -> None:
        bucket, key, version_id = kept.place
        keys = self.backend.buckets[bucket].keys
        if s3_state.is_marker_state(kept.state):
            version = s3_state.make_marker(key, version_id, kept.state)
        else:
            version = self._models.FakeKey(
                key, kept.body, self._account, self.backend.region_name, version_id=version_id, bucket_name=bucket
            )
            s3_state.apply_version(version, kept.state, self.backend.tagger)
        keys.put_back(key, [*keys.versions(key), version])


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
                new.append(KeptVersion(place, state, b"" if s3_state.is_marker(version) else version.value))
            elif states[id(version)] != state:
                changed.append((place, state))
    return gone, new, changed


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


def _or_private(get: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make moto's getter return a private access control list where none is set."""
    from moto.s3.models import get_canned_acl

    return lambda resource: get(resource) or get_canned_acl("private")


def _watched_buckets(record: S3Record) -> Any:
    """A replacement for moto's dictionary of buckets, which reports look-ups and changes to the record."""
    from moto.s3.exceptions import S3ClientError
    from moto.s3.models import MultipartDict, s3_backends
    from moto.s3.utils import _VersionedKeyStore

    class Keys(_VersionedKeyStore):  # type: ignore[misc]
        """The versions of the objects in one bucket. moto reads each list of them with ``__sgetitem__``."""

        def __init__(self, bucket: str) -> None:
            super().__init__()
            self.bucket = bucket

        def versions(self, name: str) -> list[Any]:
            return list(dict.get(self, name, ()))

        def put_back(self, name: str, versions: list[Any]) -> None:
            if versions:
                dict.__setitem__(self, name, list(versions))
            else:
                dict.pop(self, name, None)

        def __sgetitem__(self, name: str) -> list[Any]:
            record.begin()
            record.see_key(self, name, dict.get(self, name, []))
            return super().__sgetitem__(name)  # type: ignore[no-any-return]

        def __setitem__(self, name: str, value: Any) -> None:
            with record.changes():
                super().__setitem__(name, value)

        def setlist(self, name: str, versions: list[Any]) -> None:
            if len(name.encode()) > MAX_KEY_BYTES:
                raise S3ClientError("KeyTooLongError", "Your key is too long")
            if not name or _UNSAYABLE.search(name):
                # PostgreSQL can't store U+0000, and XML, which lists use, can't contain any of them.
                raise S3ClientError("InvalidArgument", "A key must not be empty or contain control characters.")
            with record.changes():
                self.getlist(name)
                # moto would close the files of replaced versions, but they may be restored or still being read.
                dict.__setitem__(self, name, versions)

        def pop(self, name: str) -> None:
            with record.changes():
                for version in self.getlist(name, []):
                    record.backend.tagger.tags.pop(getattr(version, "arn", None), None)
                dict.pop(self, name)

    class Uploads(MultipartDict):  # type: ignore[misc]
        """The multipart uploads of one bucket."""

        def __delitem__(self, name: str) -> None:
            if name in self:
                record.see_upload(self, name)
            dict.__delitem__(self, name)

    class Buckets(dict[str, Any]):
        def put_back(self, name: str, bucket: Any) -> None:
            if bucket is None:
                dict.pop(self, name, None)
                s3_backends.bucket_accounts.pop(name, None)
                return
            if not isinstance(bucket.keys, Keys):
                bucket.keys, bucket.multiparts = Keys(name), Uploads()
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
