"""Draws labels as HTML: a text with its spans marked, a picture with what was drawn on it.

Everything from outside is escaped, and only files that are pictures are shown as pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any, Final, NamedTuple

import msgspec
from markupsafe import Markup, escape

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.forms import FormPoint, FormSize
from labeling_provider.groundtruth.structures import make_ready
from labeling_provider.manifest import (
    BoxesLabel,
    EntitiesLabel,
    Files,
    InstancesLabel,
    KeypointsLabel,
    Label,
    PathsLabel,
)
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

MAX_TEXT: Final = 600
MAX_PARTS: Final = 100
MAX_POINTS: Final = 1_000
MAX_PICTURE_BYTES: Final = 200 << 10
MAX_PIXELS: Final = 50_000_000
MAX_SIDE: Final = 480
_NO_SIZE: Final = (100, 75)
"""The size of a picture whose label does not say."""
_POINTS_ACROSS: Final = 80
"""The longer side of a picture, in radii of a keypoint."""
COLORS: Final = ("#0b62c4", "#c2410c", "#15803d", "#a21caf", "#b45309", "#0e7490", "#be123c", "#4d7c0f")
"""The colors of classes, in order."""


class SmallPicture(NamedTuple):
    """A picture small enough to show next to others.

    :param kind: png, jpeg, gif or webp.
    :param body: the file.
    """

    kind: str
    body: bytes


def small_picture(files: Files, uri: str, size: tuple[int, int] | None = None) -> SmallPicture | None:
    """A picture, scaled down; None if it can't be read, is not a picture, or is too large.

    :param size: the picture's width and height according to its label, in pixels; they decide which way up it is shown.
    """
    try:
        body = files.whole(uri, MAX_BYTES)
    except (LabelingError, ValueError):
        return None
    small = _small(body, size)
    return SmallPicture(*small) if small is not None and len(small[1]) <= MAX_PICTURE_BYTES else None


def size_of(label: Label | None) -> tuple[int, int] | None:
    """A picture's width and height according to its label, in pixels; None if the label does not say."""
    if isinstance(label, BoxesLabel | InstancesLabel):
        return label.size.width, label.size.height
    drawn = _drawn(label)
    return (drawn.width, drawn.height) if drawn is not None else None


def class_names(label: Label | None) -> Markup:
    """The classes of a label, as HTML."""
    names = label.classes if label is not None else ()
    return Markup(", ").join(Markup("<bdi>{}</bdi>").format(name[:100]) for name in names[:MAX_PARTS])


def marked_text(text: str, label: Label | None) -> Markup:
    """A text with its entities marked, as HTML; a long text is cut."""
    entities = sorted(label.entities, key=lambda entity: entity.start) if isinstance(label, EntitiesLabel) else []
    parts, position = [], 0
    for entity in entities[:MAX_PARTS]:
        if entity.start < position or entity.end > MAX_TEXT:
            continue
        marked = Markup('<mark title="{}"><bdi>{}</bdi></mark>')
        parts += [escape(text[position : entity.start])]
        parts += [marked.format(entity.label, text[entity.start : entity.end])]
        position = entity.end
    rest = text[position:MAX_TEXT] + ("…" if len(text) > MAX_TEXT else "")
    return Markup("<bdi>{}{}</bdi>").format(Markup("").join(parts), rest)


def drawn_picture(address: str, label: Label | None, mask: str | None = None) -> Markup:
    """A picture with its boxes, shapes or mask drawn on top, as HTML.

    :param address: the picture's URL.
    :param mask: the mask's URL.
    """
    if (drawn := _drawn(label)) is not None:
        return svg(drawn.width, drawn.height, address, _shapes(drawn))
    if isinstance(label, BoxesLabel) and min(label.size.width, label.size.height) > 0:
        return svg(label.size.width, label.size.height, address, _outlines(label))
    width, height = size_of(label) or _NO_SIZE
    if min(width, height) <= 0:
        width, height = _NO_SIZE
    over = Markup('<image class="mask" href="{}" width="{}" height="{}"/>').format(mask, width, height)
    return svg(width, height, address, [over] if mask else [])


def svg(width: int, height: int, address: str, shapes: Iterable[Markup]) -> Markup:
    """A picture with shapes over it, as HTML.

    :param width: width of the picture, in pixels.
    :param height: height of the picture, in pixels.
    :param address: the picture's URL.
    """
    return Markup(
        '<svg viewBox="0 0 {width} {height}"><image href="{address}" width="{width}" height="{height}"/>{shapes}</svg>'
    ).format(width=width, height=height, address=address, shapes=Markup("").join(shapes))


class _DrawnPath(msgspec.Struct):
    vertices: list[FormPoint]
    label: str = ""

    @property
    def points(self) -> list[FormPoint]:
        return self.vertices[:MAX_POINTS]


class _DrawnKeypoint(FormPoint):
    label: str = ""

    @property
    def points(self) -> list[FormPoint]:
        return [self]


class _Drawn(NamedTuple):
    """What was drawn on a picture.

    :param kind: a key of :data:`_KINDS`.
    :param width: width of the picture, in pixels.
    :param height: height of the picture, in pixels.
    """

    kind: str
    width: int
    height: int
    shapes: Sequence[_DrawnPath | _DrawnKeypoint]


_KINDS: Final[dict[str, type[_DrawnPath | _DrawnKeypoint]]] = {
    "polygons": _DrawnPath,
    "polylines": _DrawnPath,
    "lines": _DrawnPath,
    "keypoints": _DrawnKeypoint,
}
"""What a shape looks like, by the key of the list of shapes (developer guide, "Crowd HTML elements reference")."""


def _drawn(label: Label | None) -> _Drawn | None:
    """The shapes of a label, or of a custom label that is an element's answer; None for any other label."""
    try:
        if isinstance(label, PathsLabel | KeypointsLabel):
            kind, given, size = label.noun, label.plain, FormSize(label.size.width, label.size.height)
        elif label is not None and isinstance(label.value, dict) and (kinds := _KINDS.keys() & label.value.keys()):
            kind = min(kinds)
            given, size = label.value[kind], msgspec.convert(label.value.get("inputImageProperties"), FormSize)
        else:
            return None
        # A raw answer is what somebody has sent.
        shapes = [msgspec.convert(shape, _KINDS[kind]) for shape in msgspec.convert(given, list[Any])]
    except (msgspec.ValidationError, UnicodeEncodeError):
        return None
    return _Drawn(kind, size.width, size.height, shapes) if min(size.width, size.height) > 0 else None


def _shapes(drawn: _Drawn) -> Iterator[Markup]:
    names = list(dict.fromkeys(shape.label for shape in drawn.shapes))
    for shape in drawn.shapes[:MAX_PARTS]:
        look = look_of(names.index(shape.label), shape.label)
        if drawn.kind == "keypoints":
            (point,) = shape.points
            radius = max(drawn.width, drawn.height) / _POINTS_ACROSS
            yield Markup('<circle cx="{}" cy="{}" r="{}" {}</circle>').format(point.x, point.y, radius, look)
            continue
        points = " ".join(f"{point.x},{point.y}" for point in shape.points)
        tag = "polygon" if drawn.kind == "polygons" else "polyline"
        yield Markup('<{tag} points="{points}" {look}</{tag}>').format(tag=tag, points=points, look=look)


def _outlines(label: BoxesLabel) -> Iterator[Markup]:
    places = {number: place for place, number in enumerate(label.class_names)}
    outline = Markup('<rect x="{}" y="{}" width="{}" height="{}" {}</rect>')
    for name, box in label.named_shapes[:MAX_PARTS]:
        look = look_of(places.get(box.class_id, 0), name)
        yield outline.format(box.left, box.top, max(box.width, 0), max(box.height, 0), look)


def look_of(place: int, name: str) -> Markup:
    """The remaining attributes of a shape, and its class as a tooltip.

    :param place: position of the class among all classes, which decides on the color.
    """
    return Markup(
        'fill="none" stroke="{}" stroke-width="2" vector-effect="non-scaling-stroke"><title>{}</title>'
    ).format(COLORS[place % len(COLORS)], name)


def _small(body: bytes, size: tuple[int, int] | None) -> tuple[str, bytes] | None:
    """Kind and bytes of a picture, scaled down if Pillow is installed."""
    facts = facts_of(body)
    is_turned = facts is not None and facts.is_of_turned(size)
    kind = kind_of(body)
    try:
        width, height, _ = picture_header(body)
        if kind is not None and len(body) <= MAX_PICTURE_BYTES and max(width, height) <= MAX_SIDE:
            return kind, body if is_turned else as_stored(body)
        turn = facts.orientation if facts is not None and is_turned else 1
        image = open_picture(body, "RGB", max_pixels=MAX_PIXELS, longest_side=MAX_SIDE, turn=turn)
        smaller = BytesIO()
        image.save(smaller, "JPEG", quality=80)
    except MissingPillowError:
        return (kind, body if is_turned else as_stored(body)) if kind is not None else None
    except PictureError:
        return None
    return "jpeg", smaller.getvalue()


make_ready(__name__)
