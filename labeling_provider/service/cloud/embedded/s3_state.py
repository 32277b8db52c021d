"""Converts the state of moto's buckets and object versions, without the bytes, to JSON and back."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from inspect import Parameter, signature
from types import SimpleNamespace
from typing import IO, Any, Final

log = logging.getLogger(__name__)

BUCKET_FIELDS: Final = (
    "region_name",
    "bucket_namespace",
    "creation_date",
    "versioning_status",
    "object_lock_enabled",
    "default_lock_mode",
    "default_lock_days",
    "default_lock_years",
    "acl",
    "ownership_rule",
    "public_access_block",
    "policy",
    "encryption",
    "cors",
    "rules",
    "website_configuration",
    "logging",
    "notification_configuration",
    "accelerate_configuration",
    "payer",
    "inventory_configs",
    "replication",
)
VERSION_FIELDS: Final = (
    "last_modified",
    "_etag",
    "_metadata",
    "_storage_class",
    "_is_versioned",
    "acl",
    "website_redirect_location",
    "checksum_algorithm",
    "checksum_value",
    "checksum_type",
    "checksum_parts",
    "encryption",
    "kms_key_id",
    "bucket_key_enabled",
    "lock_mode",
    "lock_legal_status",
    "lock_until",
    "_expiry",
    "_status",
)
# The classes in moto.s3.models that settings are made of.
_PARTS: Final = frozenset(
    {
        "CorsRule",
        "FakeAcl",
        "FakeBucketInventoryConfiguration",
        "FakeGrant",
        "FakeGrantee",
        "LifeCycleNoncurrentVersionTransition",
        "LifecycleAndFilter",
        "LifecycleFilter",
        "LifecycleRule",
        "LifecycleTransition",
        "Notification",
        "NotificationConfiguration",
        "PublicAccessBlock",
    }
)
# This key holds the type of a value that JSON has no form for.
_KIND: Final = "$"


def describe_bucket(bucket: Any, tagger: Any) -> str:
    """A bucket's settings and tags, as JSON."""
    return _described(bucket, BUCKET_FIELDS, tagger)


def describe_version(version: Any, tagger: Any) -> str:
    """The state of an object version or delete marker, without the bytes, as JSON."""
    if is_marker(version):
        # Deleting a marker that follows another marker gives a different response.
        return json.dumps({"last_modified": _plain(version.last_modified), "again": is_marker(version.key)})
    _ = version.etag  # makes moto compute it
    if version._expiry is not None:
        _ = version.status  # makes moto end the restoration and tell of it, once
    return _described(version, VERSION_FIELDS, tagger)


def plain_state(body: bytes | IO[bytes], content_type: str) -> str:
    """The state of a new object about which nothing else is known, as :func:`describe_version` gives it."""
    from moto.core.utils import utcnow

    if isinstance(body, bytes):
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
    else:
        body.seek(0)
        # Not hashlib.file_digest: it does not take what may be in memory.
        digest = hashlib.md5(usedforsecurity=False)
        while part := body.read(1 << 20):
            digest.update(part)
        etag = digest.hexdigest()
    return json.dumps({**_usual(content_type), "last_modified": _plain(utcnow()), "_etag": etag})


@lru_cache(100)
def _usual(content_type: str) -> dict[str, Any]:
    from moto.s3.models import FakeKey

    version = FakeKey("usual", b"", "", "us-east-1", version_id="null")
    version.set_metadata({"Content-Type": content_type})
    described: dict[str, Any] = json.loads(describe_version(version, SimpleNamespace(tags={})))
    version.dispose()
    return described


def apply_bucket(bucket: Any, state: str, tagger: Any) -> None:
    """Set a bucket's settings and tags. What can't be restored is logged and skipped."""
    _apply(bucket, BUCKET_FIELDS, state, tagger)


def apply_version(version: Any, state: str, tagger: Any) -> None:
    """Set the state of an object version or delete marker. What can't be restored is logged and skipped."""
    if is_marker(version):
        version.last_modified = _live(json.loads(state)["last_modified"])
    else:
        _apply(version, VERSION_FIELDS, state, tagger)


def make_marker(name: str, version_id: str, state: str) -> Any:
    """Create a delete marker from its state."""
    from moto.s3.models import FakeDeleteMarker

    before: Any = SimpleNamespace(name=name)
    marker = FakeDeleteMarker(FakeDeleteMarker(before) if json.loads(state)["again"] else before)
    marker._version_id = version_id
    apply_version(marker, state, None)
    return marker


def is_marker(version: Any) -> bool:
    """Whether a version is a delete marker."""
    from moto.s3.models import FakeDeleteMarker

    return isinstance(version, FakeDeleteMarker)


def is_marker_state(state: str) -> bool:
    """Whether this is the state of a delete marker."""
    return "again" in json.loads(state)


def _described(resource: Any, fields: tuple[str, ...], tagger: Any) -> str:
    state = {name: _plain(value) for name in fields if (value := getattr(resource, name, None)) is not None}
    return json.dumps({**state, "tags": tagger.tags.get(resource.arn)})


def _apply(resource: Any, fields: tuple[str, ...], text: str, tagger: Any) -> None:
    state = json.loads(text)
    for name in fields:
        if name not in state and not hasattr(resource, name):
            continue
        try:
            setattr(resource, name, _live(state.get(name)))
        except Exception:
            log.exception("%s: %s could not be restored", resource.arn, name.strip("_"))
    tagger.tags.pop(resource.arn, None)
    if state["tags"] is not None:
        tagger.tags[resource.arn] = state["tags"]


def _plain(value: Any) -> Any:
    """A moto value as JSON.

    :raises TypeError: if its type is not supported.
    """
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, bytes):
        return {_KIND: "bytes", "base64": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {_KIND: "time", "iso": value.isoformat()}
    if isinstance(value, Mapping):
        # Pairs, because a key is user input and could be _KIND.
        return {_KIND: type(value).__name__, "items": [[key, _plain(part)] for key, part in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    kind = type(value).__name__
    if kind not in _PARTS:
        raise TypeError(f"moto's {kind} can't be kept")
    return {_KIND: kind, "fields": {name: _plain(part) for name, part in vars(value).items()}}


def _live(value: Any) -> Any:
    """The moto value for the JSON of :func:`_plain`.

    :raises ValueError: if its type is not supported.
    """
    if isinstance(value, list):
        return [_live(part) for part in value]
    if not isinstance(value, dict):
        return value
    kind = value[_KIND]
    if kind == "bytes":
        return base64.b64decode(value["base64"])
    if kind == "time":
        return datetime.fromisoformat(value["iso"])
    if "items" in value:
        return _mapping(kind)((key, _live(part)) for key, part in value["items"])
    if kind not in _PARTS:
        raise ValueError(f"{kind!r} is not a part of a bucket's settings")
    return _part(kind, {name: _live(part) for name, part in value["fields"].items()})


def _mapping(kind: str) -> Any:
    from moto.s3.utils import CaseInsensitiveDict
    from moto.utilities.utils import LowercaseDict

    return {"LowercaseDict": LowercaseDict, "CaseInsensitiveDict": CaseInsensitiveDict}.get(kind, dict)


def _part(kind: str, fields: dict[str, Any]) -> Any:
    """Create a moto object. Fields that a newer moto has added get their default."""
    from moto.s3 import models

    cls = getattr(models, kind)
    part = cls(**{name: fields[name] for name in _required(cls)})
    vars(part).update(fields)
    return part


@lru_cache
def _required(cls: Any) -> tuple[str, ...]:
    parameters = signature(cls).parameters.items()
    return tuple(name for name, parameter in parameters if parameter.default is Parameter.empty)
