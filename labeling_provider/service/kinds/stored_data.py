"""Reads stored pictures and other files of data objects."""

from __future__ import annotations

from labeling_provider.manifest.pictures import PictureError, picture_header
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore


def image_size(object_store: ObjectStore, uri: str) -> tuple[int, int, int]:
    """An image's width and height in pixels, and its number of channels.

    :raises ValueError: if it is missing or not an image.
    """
    try:
        return picture_header(stored(object_store, uri))
    except PictureError as error:
        raise ValueError(f"{uri}: {error}") from None


def stored(object_store: ObjectStore, uri: str) -> bytes:
    """An object's bytes.

    :raises ValueError: if it does not exist.
    """
    try:
        return object_store.read(uri)
    except MissingObject:
        raise ValueError(f"there is no object at {uri}") from None
