"""Opens pictures from outside, and defines which way up they are. No other module decodes pictures.

Sizes are checked before a picture is read and before it is decoded, only a few formats are accepted, and whatever a
decoder raises on a malformed file becomes a :class:`PictureError`.

Labels refer to the **stored pixels**, in file order. A camera may store a picture rotated and say so in its EXIF data.
Ground Truth shows its workers the stored pixels nevertheless, while most readers rotate them. If a label's
``image_size`` fits only the rotated picture, the label refers to the rotated one.

Sources: developer guide, "CORS requirement for input image data" (why Ground Truth keeps browsers from rotating
pictures), "Input data quotas", "Crowd HTML elements reference" (formats); ITU-T T.81, annex B; PNG specification; "WebP
Container Specification"; TIFF 6.0, section 2 and tag 274.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from io import BytesIO
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.facts import Quota

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_BYTES: Final = Quota.IMAGE_BYTES
MAX_PIXELS: Final = Quota.IMAGE_PIXELS
BEGINNING_BYTES: Final = 1 << 16
"""The first bytes of a file that contain its picture's size and, except for WebP, its orientation."""
_MAX_SCANS: Final = 100
_LARGE_PIXELS: Final = 10_000_000
# A large picture takes hundreds of megabytes, and a page or a report opens many at once.
_LARGE: Final = BoundedSemaphore(2)
_FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP", "BMP")
_BYTE_MODES: Final = frozenset({"P", "L", "1"})
_WIDE_MODES: Final = frozenset({"I;16", "I"})
_SIGNATURES: Final = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"), (b"RIFF", "webp"))
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE: Final = frozenset(range(0xD0, 0xD8)) | {0x01}
_JPEG_APP1, _JPEG_SCAN, _JPEG_END = 0xE1, 0xDA, 0xD9
_EXIF: Final = b"Exif\0\0"
_BYTE_ORDERS: Final = {b"II*\0": "little", b"MM\0*": "big"}
_ORIENTATION: Final = 0x0112
_NUMBER_BYTES: Final = {1: 1, 3: 2, 4: 4}
_XMP: Final = re.compile(rb"tiff:Orientation(?:\s*=\s*[\"']|>)\s*([2-8])")
_QUARTER_TURNS: Final = frozenset({5, 6, 7, 8})


class PictureError(LabelingError, ValueError):
    """A picture can't be opened: it is malformed, in an unsupported format, or too large."""


class MissingPillowError(PictureError):
    """Pillow, which opens pictures, is not installed."""


class Facts(NamedTuple):
    """What a file's headers say about its picture.

    :param kind: png, jpeg or webp.
    :param width: width of the stored picture, in pixels.
    :param height: height of the stored picture, in pixels.
    :param orientation: EXIF orientation: 1 if readers show the stored pixels, 2 to 8 if they rotate or mirror them.
    :param whole: whether the whole file is needed to know the orientation.
    """

    kind: str
    width: int
    height: int
    orientation: int = 1
    whole: bool = False

    @property
    def turned_size(self) -> tuple[int, int]:
        """Width and height as readers show the picture, in pixels."""
        return (self.height, self.width) if self.orientation in _QUARTER_TURNS else (self.width, self.height)

    def is_of_turned(self, size: tuple[int, int] | None) -> bool:
        """Whether a label refers to the rotated picture.

        :param size: width and height according to the label; None if it does not say.
        """
        return size == self.turned_size and size != (self.width, self.height)


class _Mark(NamedTuple):
    """An orientation in a file.

    :param at: its offset.
    :param upright: the bytes to write there so that readers show the stored pixels.
    :param chunk: start and end of the PNG chunk whose checksum then changes.
    """

    at: int
    upright: bytes
    orientation: int
    chunk: tuple[int, int] | None = None


class _Part(NamedTuple):
    """A part of a file that may contain EXIF data or XMP.

    :param chunk: start and end of the PNG chunk, including its type; the checksum follows.
    """

    start: int
    end: int
    is_exif: bool
    chunk: tuple[int, int] | None = None


def kind_of(body: bytes) -> str | None:
    """png, jpeg, gif or webp, by the first bytes of a file; None for anything else."""
    kind = next((kind for start, kind in _SIGNATURES if body.startswith(start)), None)
    return None if kind == "webp" and body[8:12] != b"WEBP" else kind


def facts_of(beginning: bytes) -> Facts | None:
    """The facts about a JPEG, a PNG or a WebP with metadata; None for any other file.

    :param beginning: the file, or its first bytes.
    """
    size = _size(beginning)
    kind = kind_of(beginning)
    if size is None or kind is None:
        return None
    mark = next(_marks(beginning), None)
    # A WebP announces its metadata at the start, but stores it after the pixels.
    whole = kind == "webp" and mark is None
    return Facts(kind, *size, mark.orientation if mark else 1, whole)


def as_stored(body: bytes) -> bytes:
    """The file with its orientation removed, so that readers show the stored pixels."""
    changed = None
    for mark in _marks(body):
        changed = changed or bytearray(body)
        changed[mark.at : mark.at + len(mark.upright)] = mark.upright
        if mark.chunk:
            start, end = mark.chunk
            changed[end : end + 4] = zlib.crc32(changed[start:end]).to_bytes(4)
    return bytes(changed) if changed else body


def as_turned(body: bytes) -> bytes:
    """The picture with its pixels rotated as its orientation says, for readers that ignore the orientation.

    :raises PictureError: if the picture can't be opened or saved, or Pillow is not installed.
    """
    facts = facts_of(body)
    if facts is None or facts.orientation == 1:
        return body
    image = open_picture(body, turn=facts.orientation)
    options = {"quality": 95} if facts.kind != "png" else {}
    turned = BytesIO()
    try:
        image.save(turned, facts.kind.upper(), icc_profile=image.info.get("icc_profile"), exif=b"", **options)
    except Exception as error:  # noqa: BLE001 - encoders raise all kinds of exceptions
        raise PictureError(f"it can't be rotated ({_reason(error)})") from None
    return as_stored(turned.getvalue())


def picture_header(body: bytes) -> tuple[int, int, int]:
    """Width and height of the stored picture in pixels, and its number of channels, without decoding it.

    :raises PictureError: if it is not a picture, or too large.
    """
    image = _opened(body, MAX_PIXELS)
    return image.width, image.height, len(image.getbands())


def open_picture(
    body: bytes,
    mode: str | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
    longest_side: int | None = None,
    turn: int = 1,
) -> Image:
    """Decode a picture, the first if the file has several.

    :param mode: Pillow's mode, such as ``RGB``; None for the file's own.
    :param max_pixels: the largest picture to decode, in pixels.
    :param longest_side: scale the picture down to this many pixels on its longest side.
    :param turn: the EXIF orientation to apply; 1 for the stored pixels.
    :raises PictureError: if it is not a picture, or too large.
    """
    image: Image = _opened(body, max_pixels)
    if body.count(b"\xff\xda") > _MAX_SCANS and kind_of(body) == "jpeg":
        raise PictureError("it can't be read as a picture (it has too many scans)")
    try:
        with _LARGE if image.width * image.height > _LARGE_PIXELS else nullcontext():
            if mode is not None and image.mode.startswith("I"):
                image = _eight_bits(image)
            if longest_side is not None:
                image.thumbnail((longest_side, longest_side))
            image.load()
            if turn != 1:
                image = image.transpose(_transpositions()[turn])
            return image if mode is None or image.mode == mode else image.convert(mode)
    except Exception as error:  # noqa: BLE001 - decoders raise all kinds of exceptions
        raise PictureError(f"it can't be read as a picture ({_reason(error)})") from None


def open_mask(body: bytes, *, only_bytes: bool = False) -> Image:
    """Decode a mask: a picture whose pixels are numbers, not colors.

    :param only_bytes: refuse one whose numbers may exceed 255.
    :raises PictureError: if it is not a picture, or too large, or neither palette-based nor grayscale.
    """
    image = open_picture(body)
    if image.mode not in _BYTE_MODES and (only_bytes or image.mode not in _WIDE_MODES):
        raise PictureError("a mask must be a palette or grayscale PNG")
    return image


def _opened(body: bytes, max_pixels: int) -> Any:
    """A picture with only its header read."""
    if len(body) > MAX_BYTES:
        raise PictureError(f"it has {len(body):,} bytes; at most {MAX_BYTES:,} are allowed")
    try:
        from PIL import Image
    except ImportError:
        raise MissingPillowError("opening pictures needs Pillow; install airflow-provider-labeling[local]") from None
    try:
        image = Image.open(BytesIO(body), formats=_FORMATS)
        width, height = image.size
    except Exception as error:  # noqa: BLE001 - decoders raise all kinds of exceptions
        raise PictureError(f"it can't be read as a picture ({_reason(error)})") from None
    if width * height > max_pixels:
        raise PictureError(f"it has {width:,} × {height:,} pixels; at most {max_pixels:,} in total are allowed")
    return image


def _eight_bits(image: Image) -> Image:
    """A picture of 16 bits as browsers show it; Pillow would turn nearly all of it white."""
    return image.convert("I").point(lambda value: value / 256).convert("L")


def _reason(error: Exception) -> str:
    # For an unknown format Pillow's message contains only the address of an object.
    return type(error).__name__ if "BytesIO" in str(error) else f"{type(error).__name__}: {str(error)[:200]}"


def _transpositions() -> dict[int, Any]:
    from PIL.Image import Transpose

    return {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }


def _size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG, a PNG or an extended WebP, in pixels; None for any other file."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR" and len(data) >= 24:
        return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if _is_extended_webp(data):
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    for marker, start, end in _jpeg_segments(data):
        if marker in _JPEG_FRAMES and end - start >= 5 and len(data) >= start + 5:
            return int.from_bytes(data[start + 3 : start + 5]), int.from_bytes(data[start + 1 : start + 3])
    return None


def _marks(data: bytes) -> Iterator[_Mark]:
    """Every orientation in a file that makes some reader rotate the picture, in order of precedence: EXIF, then XMP."""
    for part in sorted(_parts(data), key=lambda part: not part.is_exif):
        if part.is_exif:
            yield from _exif_marks(data, part)
        else:
            for orientation in _XMP.finditer(data, part.start, part.end):
                yield _Mark(orientation.start(1), b"1", int(orientation[1]), part.chunk)


def _exif_marks(data: bytes, part: _Part) -> Iterator[_Mark]:
    start = part.start + len(_EXIF) if data.startswith(_EXIF, part.start) else part.start
    order: Any = _BYTE_ORDERS.get(data[start : start + 4])
    if order is None:
        return
    directory = start + int.from_bytes(data[start + 4 : start + 8], order)
    entries = int.from_bytes(data[directory : directory + 2], order)
    for at in range(directory + 2, min(directory + 2 + 12 * entries, part.end - 11), 12):
        if int.from_bytes(data[at : at + 2], order) != _ORIENTATION:
            continue
        width = _NUMBER_BYTES.get(int.from_bytes(data[at + 2 : at + 4], order), 0)
        orientation = int.from_bytes(data[at + 8 : at + 8 + width], order)
        if width and 2 <= orientation <= 8:
            yield _Mark(at + 8, (1).to_bytes(width, order), orientation, part.chunk)


def _parts(data: bytes) -> Iterator[_Part]:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        at = 8
        while at + 12 <= len(data):
            end = at + 8 + int.from_bytes(data[at : at + 4])
            kind = data[at + 4 : at + 8]
            if end + 4 <= len(data) and kind in {b"eXIf", b"iTXt"}:
                yield _Part(at + 8, end, kind == b"eXIf", (at + 4, end))
            at = end + 4
    elif _is_extended_webp(data):
        at = 12
        while at + 8 <= len(data):
            end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
            if end <= len(data) and data[at : at + 4] in {b"EXIF", b"XMP "}:
                yield _Part(at + 8, end, data[at : at + 4] == b"EXIF")
            at = end + end % 2
    for marker, start, end in _jpeg_segments(data):
        if marker == _JPEG_APP1:
            yield _Part(start, min(end, len(data)), data.startswith(_EXIF, start))


def _is_extended_webp(data: bytes) -> bool:
    """Whether a file is a WebP whose header announces EXIF data or XMP."""
    is_extended = data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X" and len(data) >= 30
    return is_extended and bool(data[20] & 0b1100)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of each segment before the pixels of a JPEG."""
    if not data.startswith(b"\xff\xd8"):
        return
    at = 2
    # Like decoders, skip anything between two segments.
    while 0 <= (at := data.find(b"\xff", at)) <= len(data) - 4:
        marker = data[at + 1]
        if marker in {_JPEG_SCAN, _JPEG_END}:
            return
        if marker in {0x00, 0xFF} or marker in _JPEG_BARE:
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        yield marker, at + 4, end
        at = max(end, at + 2)
