"""How large a picture is, read from the beginning of its file."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labeling_provider.inspection import picture_size

SIDES = st.integers(1, 300)


@given(SIDES, SIDES, st.sampled_from(["JPEG", "PNG"]), st.booleans(), st.binary(max_size=2_000), st.booleans())
def test_the_size_is_what_pillow_says(
    width: int, height: int, kind: str, progressive: bool, more: bytes, gray: bool
) -> None:
    file = io.BytesIO()
    options = {"progressive": progressive, "exif": b"Exif\0\0" + more, "icc_profile": more} if kind == "JPEG" else {}
    Image.new("L" if gray else "RGB", (width, height)).save(file, kind, **options)
    assert picture_size(file.getvalue()) == (width, height)


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
)
def test_anything_else_has_a_size_or_none(more: bytes, start: bytes) -> None:
    found = picture_size(start + more)
    assert found is None or min(found) >= 0


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_file_that_is_cut_off_has_its_size_or_none(kind: str) -> None:
    file = io.BytesIO()
    options = {"exif": b"Exif\0\0" + b"x" * 300} if kind == "JPEG" else {}
    Image.new("RGB", (310, 270)).save(file, kind, **options)
    found = {picture_size(file.getvalue()[:length]) for length in range(600)}
    assert found == {None, (310, 270)}


def test_other_bytes_between_markers_are_no_size() -> None:
    assert picture_size(b"\xff\xd8" + b"\0" * 40) is None
    assert picture_size(b"\xff\xd8\xff\xff\xff\xc0\0\x11\x08\0\x05\0\x07\x03") == (7, 5)


def test_tables_may_come_before_the_frame() -> None:
    tables = b"".join(bytes([0xFF, marker]) + b"\0\x0a" + b"\x01" * 8 for marker in (0xC4, 0xCC, 0xC8, 0xDB))
    assert picture_size(b"\xff\xd8" + tables + b"\xff\xc2\0\x11\x08\0\x05\0\x07\x03") == (7, 5)
