"""Pictures in the service's storage."""

from __future__ import annotations

from typing import Any

from labeling_provider.manifest.pictures import PictureError, open_picture, picture_header
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore


def image_size(object_store: ObjectStore, uri: str) -> tuple[int, int, int]:
    """Width and height of the stored pixels and number of channels of an image.

    :raises ValueError: if it is missing or no image.
    """
    try:
        return picture_header(stored(object_store, uri))
    except PictureError as error:
        raise ValueError(f"{uri}: {error}") from None


def mask_of(body: bytes) -> Any:
    """A mask as an array of height × width: 0 background, n the n-th label.

    :raises PictureError: if it is no picture, or one of other colours than a palette's or grays.
    """
    import numpy as np

    image = open_picture(body)
    if image.mode not in {"P", "L", "1"}:
        raise PictureError("a mask is a PNG with a palette or in grays")
    return np.asarray(image, dtype=np.uint8)


def stored(object_store: ObjectStore, uri: str) -> bytes:
    """What is in the storage.

    :raises ValueError: if there is nothing.
    """
    try:
        return object_store.read(uri)
    except MissingObject:
        raise ValueError(f"there is no object at {uri}") from None
