"""Reads stored pictures and other files of data objects."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.manifest.pictures import BEGINNING_BYTES, PictureError, picture_header
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore


def image_size(object_store: ObjectStore, uri: str) -> tuple[int, int, int]:
    """An image's width and height in pixels, and its number of channels. Usually its first bytes suffice.

    :raises ValueError: if it is missing, not an image, or too large.
    """
    try:
        beginning = _first(object_store, uri, BEGINNING_BYTES)
        try:
            return picture_header(beginning)
        except PictureError:
            if len(beginning) < BEGINNING_BYTES:
                raise
        return picture_header(stored(object_store, uri))
    except PictureError as error:
        raise ValueError(f"{uri}: {error}") from None


def stored(object_store: ObjectStore, uri: str) -> bytes:
    """The bytes of an object that may be as large as an image.

    :raises ValueError: if it does not exist, or is too large.
    """
    body = _first(object_store, uri, Quota.IMAGE_BYTES + 1)
    if len(body) > Quota.IMAGE_BYTES:
        raise ValueError(f"{uri} has more than {Quota.IMAGE_BYTES:,} bytes")
    return body


def _first(object_store: ObjectStore, uri: str, max_bytes: int) -> bytes:
    try:
        return object_store.beginning(uri, max_bytes)
    except MissingObject:
        raise ValueError(f"there is no object at {uri}") from None


Kept = TypeVar("Kept")


class Recent(Generic[Kept]):
    """A cache of values computed from the latest files.

    :param max_values: most values to keep.
    """

    def __init__(self, max_values: int) -> None:
        self._max_values = max_values
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def of(self, key: str, make: Callable[[], Kept]) -> Kept:
        """The value for a file.

        :param key: identifies the file.
        :param make: computes the value if it is not cached. Exceptions are not cached.
        """
        if key not in self._kept:
            self._kept[key] = make()
            if len(self._kept) > self._max_values:
                self._kept.popitem(last=False)
        return self._kept[key]
