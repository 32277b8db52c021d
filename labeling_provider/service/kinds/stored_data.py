"""What is in the object store, above all pictures."""

from __future__ import annotations

from labeling_provider.manifest.pictures import PictureError, picture_header
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore


def image_size(object_store: ObjectStore, uri: str) -> tuple[int, int, int]:
    """Width and height of the stored pixels and number of channels of an image.

    :raises ValueError: if it is missing or no image.
    """
    try:
        return picture_header(stored(object_store, uri))
    except PictureError as error:
        raise ValueError(f"{uri}: {error}") from None


def stored(object_store: ObjectStore, uri: str) -> bytes:
    """What is in the storage.

    :raises ValueError: if there is nothing.
    """
    try:
        return object_store.read(uri)
    except MissingObject:
        raise ValueError(f"there is no object at {uri}") from None
