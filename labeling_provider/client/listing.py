"""Lists the objects under an S3 prefix in key order, several folders at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Final

from labeling_provider.client.s3_objects import Objects, bucket_and_key

_MAX_FOLDERS: Final = 8


def list_uris(objects: Objects, prefix_uri: str, suffixes: Sequence[str] = ()) -> Iterator[str]:
    """URIs of the objects under a prefix, in key order, without folder placeholders (keys that end with ``/``).

    The folders directly under the prefix are listed in parallel.

    :param objects: access to S3.
    :param prefix_uri: ``s3://bucket/prefix``.
    :param suffixes: list only keys that end with one of these; all keys if empty.
    :raises LabelingError: if the prefix can't be listed.
    """
    bucket, prefix = bucket_and_key(prefix_uri)
    endings = tuple(suffixes)
    for key in _keys(objects, bucket, prefix):
        if not key.endswith("/") and (not endings or key.endswith(endings)):
            yield f"s3://{bucket}/{key}"


def _keys(objects: Objects, bucket: str, prefix: str) -> Iterator[str]:
    with ThreadPoolExecutor(_MAX_FOLDERS) as pool:
        ahead: deque[str | Future[list[str]]] = deque()
        entries = _entries(_pages(objects, bucket, prefix, Delimiter="/"))

        def fill() -> None:
            for key, is_folder in islice(entries, max(4 * _MAX_FOLDERS - len(ahead), 0)):
                ahead.append(pool.submit(_folder, objects, bucket, key) if is_folder else key)

        fill()
        while ahead:
            entry = ahead.popleft()
            if isinstance(entry, str):
                yield entry
            else:
                yield from entry.result()
            fill()


def _entries(pages: Iterable[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    """Keys and folders in key order, each with whether it is a folder."""
    for page in pages:
        folders = [(folder["Prefix"], True) for folder in page.get("CommonPrefixes", ())]
        yield from sorted([*folders, *((key, False) for key in _contents(page))])


def _folder(objects: Objects, bucket: str, prefix: str) -> list[str]:
    return [key for page in _pages(objects, bucket, prefix) for key in _contents(page)]


def _pages(objects: Objects, bucket: str, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
    arguments = {"Bucket": bucket, "Prefix": prefix, **options}
    while True:
        page = objects.list_page(**arguments)
        yield page
        if not page.get("NextContinuationToken"):
            return
        arguments["ContinuationToken"] = page["NextContinuationToken"]


def _contents(page: dict[str, Any]) -> list[str]:
    return [entry["Key"] for entry in page.get("Contents", ())]
