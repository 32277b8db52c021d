"""How large a picture is, read from the beginning of its file."""

from __future__ import annotations

import io

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


@given(st.integers(0, 600))
def test_a_file_that_is_cut_off_has_its_size_or_none(length: int) -> None:
    file = io.BytesIO()
    Image.new("RGB", (31, 17)).save(file, "JPEG", exif=b"Exif\0\0" + b"x" * 300)
    assert picture_size(file.getvalue()[:length]) in {None, (31, 17)}


def test_other_bytes_between_markers_are_no_size() -> None:
    assert picture_size(b"\xff\xd8" + b"\0" * 40) is None
    assert picture_size(b"\xff\xd8\xff\xff\xff\xc0\0\x11\x08\0\x05\0\x07\x03") == (7, 5)
