"""Pictures as the labeling jobs look at them: anybody's, so none is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final

from labeling_provider.local.storage import MissingObject, Storage

MAX_PIXELS: Final = 100_000_000
_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP")


@contextmanager
def opened_picture(body: bytes, what: str) -> Iterator[Any]:
    """A Pillow image, open while it is used.

    :param what: what to call it.
    :raises ValueError: if it is none that can be read, also while it is used.
    """
    from PIL import Image

    try:
        with Image.open(BytesIO(body), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width:,} × {image.height:,} pixels, at most {MAX_PIXELS:,} in all are taken")
            yield image
    except Exception as error:  # noqa: BLE001 - a crooked picture can raise anything
        raise ValueError(f"{what} is not a picture that can be read: {error}") from None


def image_size(storage: Storage, uri: str) -> tuple[int, int, int]:
    """Width and height in pixels and number of channels of an image.

    :raises ValueError: if it is missing or no image.
    """
    with opened_picture(stored(storage, uri), uri) as image:
        return image.width, image.height, len(image.getbands())


def stored(storage: Storage, uri: str) -> bytes:
    """What is in the storage.

    :raises ValueError: if there is nothing.
    """
    try:
        return storage.read(uri)
    except MissingObject:
        raise ValueError(f"there is no object at {uri}") from None
