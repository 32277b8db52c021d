"""Lists what is under an S3 prefix, several folders at once, in the order of the keys."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.client.retries import persist
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.uris import split_s3_uri

if TYPE_CHECKING:
    from labeling_provider.hooks.labeling import LabelingHook

_FOLDERS_AT_ONCE: Final = 8


def list_uris(hook: LabelingHook, prefix_uri: str, suffixes: Sequence[str] = ()) -> Iterator[str]:
    """URIs of the objects under a prefix, in the order of their keys.

    The folders right under it are listed at the same time. A folder's placeholder (a key that ends with ``/``) is none.

    :param prefix_uri: ``s3://bucket/prefix``.
    :param suffixes: how wanted keys end; any if there are none.
    :raises LabelingError: if the prefix can't be listed.
    """
    try:
        bucket, prefix = split_s3_uri(prefix_uri)
    except ValueError as error:
        raise LabelingError(str(error)) from None
    endings = tuple(suffixes)
    for key in _keys(hook, bucket, prefix):
        if not key.endswith("/") and (not endings or key.endswith(endings)):
            yield f"s3://{bucket}/{key}"


def list_page(hook: LabelingHook, **arguments: Any) -> dict[str, Any]:
    """One answer of ListObjectsV2.

    :raises LabelingError: if there is none.
    """
    what = f"Listing s3://{arguments['Bucket']}/{arguments.get('Prefix', '')}"
    try:
        answer: dict[str, Any] = persist(lambda: hook.s3.list_objects_v2(**arguments), what, outage=hook.outage)
    except (BotoCoreError, ClientError) as error:
        raise LabelingError(f"{what}: {error}") from error
    return answer


def _keys(hook: LabelingHook, bucket: str, prefix: str) -> Iterator[str]:
    with ThreadPoolExecutor(_FOLDERS_AT_ONCE) as pool:
        ahead: deque[str | Future[list[str]]] = deque()
        entries = _entries(_pages(hook, bucket, prefix, Delimiter="/"))

        def fill() -> None:
            for key, is_folder in islice(entries, max(4 * _FOLDERS_AT_ONCE - len(ahead), 0)):
                ahead.append(pool.submit(_folder, hook, bucket, key) if is_folder else key)

        fill()
        while ahead:
            one = ahead.popleft()
            if isinstance(one, str):
                yield one
            else:
                yield from one.result()
            fill()


def _entries(pages: Iterable[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    """Keys and folders in the order of the keys, and which is a folder."""
    for page in pages:
        folders = [(one["Prefix"], True) for one in page.get("CommonPrefixes", ())]
        yield from sorted([*folders, *((key, False) for key in _contents(page))])


def _folder(hook: LabelingHook, bucket: str, prefix: str) -> list[str]:
    return [key for page in _pages(hook, bucket, prefix) for key in _contents(page)]


def _pages(hook: LabelingHook, bucket: str, prefix: str, **options: str) -> Iterator[dict[str, Any]]:
    arguments = {"Bucket": bucket, "Prefix": prefix, **options}
    while True:
        page = list_page(hook, **arguments)
        yield page
        if not page.get("NextContinuationToken"):
            return
        arguments["ContinuationToken"] = page["NextContinuationToken"]


def _contents(page: dict[str, Any]) -> list[str]:
    return [one["Key"] for one in page.get("Contents", ())]
