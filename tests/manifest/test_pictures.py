"""Pictures that others made: opened in one place, whatever they are, and which way up they are."""

from __future__ import annotations

import io
import random
import struct
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from labeling_provider.errors import LabelingError
from labeling_provider.manifest import Files, pictures, read_label
from labeling_provider.manifest.pictures import (
    PictureError,
    as_stored,
    as_turned,
    facts_of,
    open_mask,
    open_picture,
    picture_header,
)
from labeling_provider.rendering.drawing import size_of, small_picture
from labeling_provider.service.kinds.masks import SegmentationMasks, mask_of
from labeling_provider.service.kinds.stored_data import image_size
from tests.memory import MemoryStore

SIDES = st.integers(1, 300)
EPS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 30 20\n%%EndComments\n"
    b"(/tmp/written-by-a-picture) (w) file closefile showpage\n%%EOF\n"
)


def picture(kind: str, size: tuple[int, int] = (40, 20), orientation: int = 1, **options: Any) -> bytes:
    """A picture whose upper left quarter is red and whose rest is white."""
    image = Image.new("RGB", size, "white")
    image.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    if orientation != 1:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif.tobytes()
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def size_told(beginning: bytes) -> tuple[int, int] | None:
    facts = facts_of(beginning)
    return (facts.width, facts.height) if facts else None


def is_red(image: Any, place: tuple[float, float]) -> bool:
    red, green, _ = image.convert("RGB").getpixel((int(place[0] * image.width), int(place[1] * image.height)))
    return red > 200 > 100 > green


@given(SIDES, SIDES, st.sampled_from(["JPEG", "PNG"]), st.booleans(), st.binary(max_size=2_000), st.booleans())
def test_the_size_is_what_pillow_says(
    width: int, height: int, kind: str, progressive: bool, more: bytes, gray: bool
) -> None:
    file = io.BytesIO()
    options = {"progressive": progressive, "exif": b"Exif\0\0" + more, "icc_profile": more} if kind == "JPEG" else {}
    Image.new("L" if gray else "RGB", (width, height)).save(file, kind, **options)
    assert size_told(file.getvalue()) == (width, height)


@given(
    st.binary(max_size=200),
    st.sampled_from(
        [b"", b"\xff\xd8", b"\xff\xd8\xff\xe1", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x0c"]
    ),
)
def test_anything_else_has_a_size_or_none(more: bytes, start: bytes) -> None:
    size = size_told(start + more)
    assert size is None or min(size) >= 0
    assert len(as_stored(start + more)) == len(start + more)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_file_that_is_cut_off_has_its_size_or_none(kind: str) -> None:
    file = io.BytesIO()
    options = {"exif": b"Exif\0\0" + b"x" * 300} if kind == "JPEG" else {}
    Image.new("RGB", (310, 270)).save(file, kind, **options)
    sizes = {size_told(file.getvalue()[:length]) for length in range(600)}
    assert sizes == {None, (310, 270)}


def test_other_bytes_between_markers_are_no_size() -> None:
    assert size_told(b"\xff\xd8" + b"\0" * 40) is None
    assert size_told(b"\xff\xd8\xff\xff\xff\xc0\0\x11\x08\0\x05\0\x07\x03") == (7, 5)


def test_tables_may_come_before_the_frame() -> None:
    tables = b"".join(bytes([0xFF, marker]) + b"\0\x0a" + b"\x01" * 8 for marker in (0xC4, 0xCC, 0xC8, 0xDB))
    assert size_told(b"\xff\xd8" + tables + b"\xff\xc2\0\x11\x08\0\x05\0\x07\x03") == (7, 5)


class Store:
    """A storage of the local service with one object."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def beginning(self, uri: str, max_bytes: int) -> bytes:
        return self.body[:max_bytes]


def everywhere(body: bytes) -> list[bool]:
    """Open a picture in every way that this package has; whether each has taken it."""
    store = MemoryStore()
    store.objects["s3://marsh/1.png"] = body
    taken = [small_picture(Files(store), "s3://marsh/1.png") is not None]
    job: Any = SimpleNamespace(object_store=Store(body))
    taken.append(SegmentationMasks(job).answer_in("s3://marsh/1.png") is not None)
    ways: list[Any] = [
        lambda: image_size(Store(body), "s3://marsh/1.png"),  # type: ignore[arg-type]
        lambda: mask_of(body),
        lambda: open_picture(body, "RGB", longest_side=8),
        lambda: as_turned(body),
    ]
    for way in ways:
        try:
            way()
            taken.append(True)
        except ValueError:
            taken.append(False)
    return taken


@pytest.mark.parametrize("kind", ["EPS", "TIFF", "PDF", "ICO", "PPM", "TGA", "PCX", "ICNS"])
def test_only_formats_of_the_list_are_opened(kind: str) -> None:
    body = EPS
    if kind != "EPS":
        file = io.BytesIO()
        Image.new("RGB", (32, 32)).save(file, kind)
        body = file.getvalue()
    assert everywhere(body)[:-1] == [False] * 5
    with pytest.raises(PictureError, match="can't be read as a picture"):
        picture_header(body)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_pictures_of_the_list_are_opened(kind: str) -> None:
    body = picture(kind)
    assert picture_header(body)[:2] == (40, 20)
    assert open_picture(body, "RGB").size == (40, 20)
    taken = everywhere(body)
    assert taken[0]
    assert taken[2]


@pytest.mark.parametrize("longest_side", [None, 20])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_picture_of_16_bits_is_as_light_as_browsers_show_it(mode: str, longest_side: int | None) -> None:
    values, file = np.full((40, 60), 40_000, dtype=np.uint16), io.BytesIO()
    values[:, :30] = 9_000
    Image.fromarray(values).save(file, "PNG")
    read = np.asarray(open_picture(file.getvalue(), mode, longest_side=longest_side))
    assert (int(read[0, 0].max()), int(read[-1, -1].max())) == (35, 156)
    assert np.asarray(open_picture(file.getvalue())).max() == 40_000, "a mask keeps its numbers"


@pytest.mark.parametrize(
    ("mode", "only_bytes", "is_mask"),
    [
        *((mode, True, True) for mode in ("P", "L", "1")),
        ("I;16", False, True),
        ("I;16", True, False),
        ("RGB", False, False),
        ("LA", True, False),
    ],
)
def test_a_mask_is_a_picture_of_numbers(mode: str, only_bytes: bool, is_mask: bool) -> None:
    file = io.BytesIO()
    Image.new(mode, (4, 4)).save(file, "PNG")
    if is_mask:
        assert open_mask(file.getvalue(), only_bytes=only_bytes).size == (4, 4)
    else:
        with pytest.raises(PictureError, match="palette or grayscale"):
            open_mask(file.getvalue(), only_bytes=only_bytes)


def png(width: int, height: int) -> bytes:
    """A PNG that says that it is so large and has hardly any pixels."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    )
    written = [
        struct.pack(">I", len(body)) + kind + body + zlib.crc32(kind + body).to_bytes(4) for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


@pytest.mark.parametrize("size", [(200_000, 200_000), (2**31 - 1, 2**31 - 1), (14_000, 14_000), (0, 5)])
def test_a_picture_that_says_it_is_huge_is_not_decoded(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageFile

    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("it was decoded"))
    assert everywhere(png(*size))[:-1] == [False] * 5


def test_a_file_is_read_no_further_than_a_picture_may_be() -> None:
    class Endless:
        chunks = 0

        def read_chunks(self, uri: str) -> Any:
            while True:
                self.chunks += 1
                yield b"\x89PNG" * 1_000_000

        def writer(self, uri: str) -> Any: ...

    endless = Endless()
    assert small_picture(Files(endless), "s3://marsh/1.png") is None
    assert endless.chunks <= 11
    with pytest.raises(PictureError, match="40,000,001 bytes"):
        picture_header(bytes(40_000_001))


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    body = picture("JPEG", progressive=True)
    scan = body.rindex(b"\xff\xda")
    with pytest.raises(PictureError, match="scans"):
        open_picture(body[:scan] + body[scan:-2] * 200 + body[-2:])


def test_few_large_pictures_are_decoded_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageFile

    three = threading.Barrier(3)

    def load(self: Any) -> None:
        # Broken once for all when the time is over without three of them.
        with suppress(threading.BrokenBarrierError):
            three.wait(0.5)

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(open_picture, [png(5_000, 5_000)] * 6))
    assert three.broken


@cache
def seeds() -> list[bytes]:
    """A picture in each way that files have."""
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "navy", "white")]
    pictures = [picture(kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")]
    pictures += [picture("JPEG", orientation=6, progressive=True), picture("PNG", orientation=3)]
    pictures += [picture("WEBP", orientation=8, lossless=True)]
    for kind in ("GIF", "PNG", "WEBP"):
        file = io.BytesIO()
        frames[0].save(file, kind, save_all=True, append_images=frames[1:])
        pictures.append(file.getvalue())
    for mode, more in (("P", {}), ("LA", {}), ("I;16", {}), ("1", {}), ("P", {"transparency": 0, "interlace": 1})):
        file = io.BytesIO()
        Image.new(mode, (9, 9)).save(file, "PNG", **more)
        pictures.append(file.getvalue())
    return pictures


@given(st.integers(0, 16), st.randoms(use_true_random=False), st.integers(1, 8), st.integers(0, 3))
def test_a_crooked_picture_is_none_and_never_another_error(
    seed: int, chance: random.Random, changes: int, way: int
) -> None:
    body = bytearray(seeds()[seed])
    for _ in range(changes):
        at = chance.randrange(len(body))
        if way == 0:
            body[at] = chance.randrange(256)
        elif way == 1:
            body[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1"])
        elif way == 2:
            del body[at : at + chance.randrange(9)]
        else:
            body = body[:at] + body[chance.randrange(len(body)) :] or bytearray(b"\0")
    everywhere(bytes(body))


@pytest.mark.parametrize(
    "error", [SyntaxError, RuntimeError, KeyError, struct.error, OverflowError, MemoryError, EOFError]
)
def test_whatever_a_decoder_raises_means_no_picture(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageFile

    def fail(self: Any) -> None:
        raise error("deep in a decoder")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(PictureError, match="deep in a decoder") as caught:
        open_picture(picture("PNG"))
    assert isinstance(caught.value, LabelingError)
    assert everywhere(picture("PNG", (600, 600)))[0] is False


def turned(kind: str, orientation: int, order: str = "big") -> bytes:
    """A picture that is stored turned."""
    body = picture(kind, (60, 40), orientation)
    if order == "little":
        entry = struct.pack("<HHII", 0x0112, 3, 1, orientation)
        exif = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
        body = picture(kind, (60, 40), exif=b"Exif\0\0" + exif if kind == "JPEG" else exif)
    return body


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_picture_is_shown_as_it_is_stored(kind: str, orientation: int, order: str) -> None:
    body = turned(kind, orientation, order)
    assert Image.open(io.BytesIO(body)).getexif()[0x0112] == orientation
    facts = facts_of(body)
    assert facts is not None
    assert (facts.width, facts.height, facts.orientation) == (60, 40, orientation)
    stored = Image.open(io.BytesIO(as_stored(body)))
    stored.load()
    read = ImageOps.exif_transpose(stored)
    assert read.size == (60, 40)
    assert is_red(read, (0.1, 0.1))
    assert len(as_stored(body)) == len(body)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(body)))
    again = ImageOps.exif_transpose(Image.open(io.BytesIO(as_turned(body))))
    assert again.size == upright.size == facts.turned_size
    for corner in ((0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)):
        assert is_red(again, corner) == is_red(upright, corner)


def test_xmp_turns_pictures_for_some_readers_too() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
    file = io.BytesIO()
    segment = b"http://ns.adobe.com/xap/1.0/\0" + xmp
    plain = picture("JPEG", (60, 40))
    file.write(plain[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2) + segment + plain[2:])
    assert Image.open(file).getexif()[0x0112] == 6
    assert Image.open(io.BytesIO(as_stored(file.getvalue()))).getexif()[0x0112] == 1


def boxes(width: int, height: int) -> Any:
    box = {"class_id": 0, "left": 0, "top": 0, "width": 5, "height": 5}
    about = {"type": "groundtruth/object-detection", "class-map": {"0": "heron"}}
    value = {"image_size": [{"width": width, "height": height, "depth": 3}], "annotations": [box]}
    return read_label({"source-ref": "s3://b/1.jpg", "x": value, "x-metadata": about}, "x")


@pytest.mark.parametrize("scale", [1, 20])
@pytest.mark.parametrize(("label_size", "shown"), [((60, 40), (60, 40)), ((40, 60), (40, 60)), (None, (60, 40))])
def test_small_and_large_pictures_are_shown_the_same_way_up_as_their_label(
    scale: int, label_size: tuple[int, int] | None, shown: tuple[int, int]
) -> None:
    store = MemoryStore()
    store.objects["s3://b/1.jpg"] = picture("JPEG", (60 * scale, 40 * scale), 6)
    label = boxes(label_size[0] * scale, label_size[1] * scale) if label_size else None
    small = small_picture(Files(store), "s3://b/1.jpg", size_of(label))
    assert small is not None
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(small.body)))
    assert (image.width > image.height) == (shown[0] > shown[1])
    assert is_red(image, (0.1, 0.1)) == (shown == (60, 40))


def test_without_pillow_pictures_are_shown_as_they_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    body = picture("JPEG", (60, 40), 6)
    monkeypatch.setitem(sys.modules, "PIL", None)
    store = MemoryStore()
    store.objects.update({"s3://b/1.jpg": body, "s3://b/2.jpg": b"RIFF\0\0\0\0WAVEfmt ", "s3://b/3.jpg": EPS})
    shown = [small_picture(Files(store), f"s3://b/{number}.jpg") for number in (1, 2, 3)]
    assert [picture_shown and picture_shown.kind for picture_shown in shown] == ["jpeg", None, None]
    assert shown[0] is not None
    facts = facts_of(shown[0].body)
    assert facts is not None
    assert facts.orientation == 1
    with pytest.raises(PictureError, match=r"install airflow-provider-labeling\[local\]"):
        as_turned(body)


def test_the_service_labels_the_stored_pixels() -> None:
    body = picture("JPEG", (60, 40), 6)
    assert image_size(Store(body), "s3://b/1.jpg") == (60, 40, 3)  # type: ignore[arg-type]
    assert pictures.open_picture(body).size == (60, 40)
