"""How a label is shown to people: a text with its spans marked, a picture with its boxes drawn over it.

Everything that came from outside is escaped; what is no picture is not shown as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from io import BytesIO
from typing import Final, NamedTuple

import msgspec

from labeling_provider.errors import LabelingError
from labeling_provider.manifest import BoxesLabel, EntitiesLabel, Files, Label
from labeling_provider.manifest.pictures import (
    MAX_BYTES,
    MissingPillowError,
    PictureError,
    as_stored,
    facts_of,
    kind_of,
    open_picture,
    picture_header,
)

_MOST_TEXT: Final = 600
_MOST_PARTS: Final = 100
_MOST_POINTS: Final = 1_000
_MOST_PICTURE_BYTES: Final = 200 << 10
_MOST_PIXELS: Final = 50_000_000
_SIDE: Final = 480
_COLORS: Final = ("#0b62c4", "#c2410c", "#15803d", "#a21caf", "#b45309", "#0e7490", "#be123c", "#4d7c0f")


class Picture(NamedTuple):
    """A picture, small enough to be shown among others.

    :param kind: png, jpeg, gif or webp.
    """

    kind: str
    body: bytes


def small_picture(files: Files, uri: str, size: tuple[int, int] | None = None) -> Picture | None:
    """A picture; None if it can't be read, is none, or is too large to be made small.

    :param size: width and height of the picture that the label is about, pixels; which way up it is shown.
    """
    body = bytearray()
    try:
        for chunk in files.chunks(uri):
            body += chunk
            if len(body) > MAX_BYTES:
                return None
    except (LabelingError, ValueError):
        return None
    small = _small(bytes(body), size)
    return Picture(*small) if small is not None and len(small[1]) <= _MOST_PICTURE_BYTES else None


def size_of(label: Label | None) -> tuple[int, int] | None:
    """Width and height that a label says of its picture, pixels; None if it says none."""
    if isinstance(label, BoxesLabel):
        return label.size.width, label.size.height
    polygons = _polygons(label)
    return polygons[:2] if polygons is not None else None


def said(label: Label | None) -> str:
    """The classes of a label, as HTML."""
    names = label.classes if label is not None else ()
    return ", ".join(f"<bdi>{escape(name[:100])}</bdi>" for name in names[:_MOST_PARTS])


def marked_text(text: str, label: Label | None) -> str:
    """A text with its entities marked, as HTML; a long one is cut."""
    entities = sorted(label.entities, key=lambda one: one.start) if isinstance(label, EntitiesLabel) else []
    parts, position = [], 0
    for one in entities[:_MOST_PARTS]:
        if one.start < position or one.end > _MOST_TEXT:
            continue
        parts.append(escape(text[position : one.start]))
        marked = f"<bdi>{escape(text[one.start : one.end])}</bdi>"
        parts.append(f'<mark title="{escape(one.label)}">{marked}</mark>')
        position = one.end
    rest = escape(text[position:_MOST_TEXT]) + ("…" if len(text) > _MOST_TEXT else "")
    return f"<bdi>{''.join(parts)}{rest}</bdi>"


def drawn_picture(address: str, label: Label | None, mask: str | None = None) -> str:
    """A picture with its boxes, or its mask, drawn over it, as HTML.

    :param address: where a browser gets the picture.
    :param mask: where it gets the mask.
    """
    href = escape(address)
    if (polygons := _polygons(label)) is not None:
        width, height, shapes = polygons
        picture = f'<image href="{href}" width="{width}" height="{height}"/>'
        return f'<svg viewBox="0 0 {width} {height}">{picture}{"".join(shapes)}</svg>'
    if not isinstance(label, BoxesLabel) or min(label.size.width, label.size.height) <= 0:
        over = f'<image class="mask" href="{escape(mask)}" width="100" height="75"/>' if mask else ""
        return f'<svg viewBox="0 0 100 75"><image href="{href}" width="100" height="75"/>{over}</svg>'
    width, height = label.size.width, label.size.height
    colors = {number: _COLORS[place % len(_COLORS)] for place, number in enumerate(label.class_names)}
    return (
        f'<svg viewBox="0 0 {width} {height}"><image href="{href}" width="{width}" height="{height}"/>'
        f"{''.join(_outlines(label, colors))}</svg>"
    )


class _Point(msgspec.Struct):
    x: float
    y: float


class _Polygon(msgspec.Struct):
    vertices: list[_Point]
    label: str = ""


class _Size(msgspec.Struct):
    width: int
    height: int


class _Polygons(msgspec.Struct, rename="camel"):
    """What ``crowd-polygon`` submits (developer guide, "Crowd HTML elements reference")."""

    polygons: list[_Polygon]
    input_image_properties: _Size


def _polygons(label: Label | None) -> tuple[int, int, list[str]] | None:
    """Size of the picture and the polygons of a custom label that holds what its workers drew; None if it does not."""
    try:
        found = msgspec.convert(label.value if label else None, _Polygons)
    except msgspec.ValidationError:
        return None
    size, names = found.input_image_properties, list(dict.fromkeys(one.label for one in found.polygons))
    if min(size.width, size.height) <= 0:
        return None
    shapes = []
    for one in found.polygons[:_MOST_PARTS]:
        points = " ".join(f"{point.x},{point.y}" for point in one.vertices[:_MOST_POINTS])
        shapes.append(_shape(f'polygon points="{points}"', _COLORS[names.index(one.label) % len(_COLORS)], one.label))
    return size.width, size.height, shapes


def _shape(element: str, color: str, name: str) -> str:
    look = f'fill="none" stroke="{color}" stroke-width="2" vector-effect="non-scaling-stroke"'
    return f"<{element} {look}><title>{escape(name)}</title></{element.split()[0]}>"


def _outlines(label: BoxesLabel, colors: dict[int, str]) -> Iterator[str]:
    for box in label.boxes[:_MOST_PARTS]:
        name = label.class_names.get(box.class_id, str(box.class_id))
        place = f'x="{box.left}" y="{box.top}" width="{max(box.width, 0)}" height="{max(box.height, 0)}"'
        yield _shape(f"rect {place}", colors.get(box.class_id, _COLORS[0]), name)


def _small(body: bytes, size: tuple[int, int] | None) -> tuple[str, bytes] | None:
    """Kind and file of a picture made smaller, where Pillow is there to do it."""
    facts = facts_of(body)
    is_turned = facts is not None and facts.is_of_turned(size)
    kind = kind_of(body)
    try:
        width, height, _ = picture_header(body)
        if kind is not None and len(body) <= _MOST_PICTURE_BYTES and max(width, height) <= _SIDE:
            return kind, body if is_turned else as_stored(body)
        turn = facts.orientation if facts is not None and is_turned else 1
        image = open_picture(body, "RGB", max_pixels=_MOST_PIXELS, longest_side=_SIDE, turn=turn)
        smaller = BytesIO()
        image.save(smaller, "JPEG", quality=80)
    except MissingPillowError:
        return (kind, body if is_turned else as_stored(body)) if kind is not None else None
    except PictureError:
        return None
    return "jpeg", smaller.getvalue()
