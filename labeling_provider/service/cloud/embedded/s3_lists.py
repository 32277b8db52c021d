"""Lists what is in a bucket, page by page, in place of moto, which would go through all of it for each page.

Source: S3's API reference, ListObjects, ListObjectsV2 and ListObjectVersions.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Iterator
from itertools import groupby, islice
from typing import Any, Final, NamedTuple, Protocol

from labeling_provider.service.cloud.embedded import s3_state
from labeling_provider.service.database.recorded_objects import StoredVersion

_FEW: Final = 16
_MANY: Final = 1_000


class Fetch(Protocol):
    """Reads versions of some keys of a bucket, in order.

    :param first: the first key.
    :param limit: most keys to read.
    :param after: begin after the first key, not with it.
    """

    def __call__(self, first: str, limit: int, *, after: bool) -> list[StoredVersion]: ...


class ListPage(NamedTuple):
    """A page of a list.

    :param entries: objects, and the common prefixes of others as strings, in one order.
    :param token: the token of the next page; None if this is the last.
    """

    entries: list[StoredVersion | str]
    token: str | None


class VersionsPage(NamedTuple):
    """A page of a list of versions.

    :param versions: each with whether it is its key's latest.
    :param next_key: the next page's key marker; None if this is the last.
    :param next_version: the next page's version marker.
    """

    versions: list[tuple[StoredVersion, bool]]
    prefixes: list[str]
    next_key: str | None
    next_version: str | None


def page_of_objects(fetch: Fetch, prefix: str, delimiter: str, after: str, max_entries: int) -> ListPage:
    """A page of the objects that are there.

    :param fetch: reads latest versions.
    :param after: the name after which the page begins; empty for the first page.
    :param max_entries: most entries on the page.
    """
    groups = _groups(fetch, prefix, delimiter, after, markers=False)
    entries = list(islice((folder or group[0] for folder, group in groups), max_entries + 1)) if max_entries > 0 else []
    if len(entries) <= max_entries:
        return ListPage(entries, None)
    last = entries[max_entries - 1]
    return ListPage(entries[:max_entries], token_of(last if isinstance(last, str) else last.key))


def page_of_versions(
    fetch: Fetch, prefix: str, delimiter: str, key_marker: str, version_marker: str, max_entries: int
) -> VersionsPage:
    """A page of all versions, newest first for each key.

    :param fetch: reads all versions.
    :param key_marker: the last page's last key; empty for the first page.
    :param version_marker: the last page's last version; empty to begin after the key.
    """
    versions: list[tuple[StoredVersion, bool]] = []
    prefixes: list[str] = []
    last: tuple[str, str | None] | None = None
    groups = _groups(fetch, prefix, delimiter, key_marker, markers=True, again=bool(version_marker))
    for folder, group in groups:
        rows: list[StoredVersion | str] = [folder] if folder else list(group)
        latest: Any = rows[0]
        if group and not folder and group[0].key == key_marker:
            passed = [place for place, row in enumerate(group) if row.version == version_marker]
            rows = rows[passed[0] + 1 :] if passed else []
        for row in rows:
            if len(versions) + len(prefixes) >= max_entries:
                return VersionsPage(versions, prefixes, *(last or (None, None)))
            if isinstance(row, str):
                prefixes.append(row)
                last = (row, None)
            else:
                versions.append((row, row is latest))
                last = (row.key, row.version)
    return VersionsPage(versions, prefixes, None, None)


def token_of(name: str) -> str:
    """A string for the place after a name in a list. It looks the same in XML and in an address."""
    return f"{base64.urlsafe_b64encode(name.encode()).decode().rstrip('=')}.{_sum(name)}"


def name_of(token: str) -> str | None:
    """The name that a token was made of; None if this is not one."""
    text, _, checked = token.rpartition(".")
    try:
        name = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return None
    return name if checked == _sum(name) else None


def _sum(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _groups(
    fetch: Fetch, prefix: str, delimiter: str, after: str, *, markers: bool, again: bool = False
) -> Iterator[tuple[str, list[StoredVersion]]]:
    """Common prefixes, each without versions; and between them the versions of each key, without a common prefix.

    :param after: the name after which to begin.
    :param markers: whether keys count whose latest version is a delete marker.
    :param again: whether to begin with that name, not after it.
    """
    first, is_after, limit = max(prefix, after), bool(after) and after >= prefix and not again, _FEW
    while True:
        rows = fetch(first, limit, after=is_after)
        keys = [(key, list(group)) for key, group in groupby(rows, key=lambda row: row.key)]
        folder = ""
        for key, group in keys:
            if not key.startswith(prefix):
                return
            if not markers and s3_state.is_marker_state(group[0].state):
                continue
            folder = _folder(key, prefix, delimiter)
            if folder and folder > after:
                yield folder, []
            if folder:
                break
            yield "", group
        if folder:
            first, is_after, limit = _behind(folder), False, _FEW
        elif keys and len(keys) == limit:
            first, is_after, limit = keys[-1][0], True, min(2 * limit, _MANY)
        else:
            first = ""
        if not first:
            return


def _folder(key: str, prefix: str, delimiter: str) -> str:
    """The common prefix that a key is listed as; empty if there is none."""
    end = key.find(delimiter, len(prefix)) if delimiter else -1
    return key[: end + len(delimiter)] if end >= 0 else ""


def _behind(folder: str) -> str:
    """The first string after all those that begin with a prefix; empty if there is none."""
    folder = folder.rstrip(chr(sys.maxunicode))
    if not folder:
        return ""
    last = ord(folder[-1])
    # Surrogates are not characters.
    return folder[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
