"""Stored pictures are measured by their first bytes, and none is read that is too large."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.manifest.pictures import BEGINNING_BYTES
from labeling_provider.service.kinds.stored_data import image_size, stored
from tests.service.in_process import Memory

URI = "s3://bucket/picture"


class Counting(Memory):
    """Objects in memory, and how many bytes of them were asked for."""

    asked = 0

    def beginning(self, uri: str, max_bytes: int) -> bytes:
        self.asked = max_bytes
        return super().beginning(uri, max_bytes)


def saved(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def noise(kind: str) -> bytes:
    return saved(Image.effect_noise((700, 500), 80), kind)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
def test_the_first_bytes_tell_the_size(kind: str) -> None:
    body = noise(kind)
    assert len(body) > BEGINNING_BYTES
    store = Counting({URI: body})
    assert image_size(store, URI) == (700, 500, 1)
    assert store.asked == BEGINNING_BYTES


def test_where_they_do_not_the_whole_file_does() -> None:
    comment = b"\xff\xfe\xff\xff" + bytes(0xFFFF - 2)
    body = noise("JPEG")
    store = Counting({URI: body[:2] + comment + comment + body[2:]})
    assert image_size(store, URI) == (700, 500, 1)
    assert store.asked > BEGINNING_BYTES


def test_what_is_too_large_is_refused_with_its_size() -> None:
    with pytest.raises(ValueError, match=r"^s3://bucket/picture: it has 12,000 × 10,000 pixels; at most 100,000,000"):
        image_size(Memory({URI: saved(Image.new("1", (12_000, 10_000)), "PNG")}), URI)
    large = Memory({URI: bytes(Quota.IMAGE_BYTES + 1)})
    for read in (image_size, stored):
        with pytest.raises(ValueError, match=r"^s3://bucket/picture has more than 40,000,000 bytes"):
            read(large, URI)
    with pytest.raises(ValueError, match="there is no object at s3://bucket/picture"):
        image_size(Memory(), URI)
