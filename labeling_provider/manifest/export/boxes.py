"""Exports what is where in pictures as COCO, YOLO and Pascal VOC: boxes, polygons, masks and keypoints.

What lies beyond the edge of its picture is cut off or left out, and counted.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, cast
from xml.etree import ElementTree

from labeling_provider.manifest.export.format import Example, Format, csv_row, json_bytes, stem_of
from labeling_provider.manifest.export.shown import Shown, ShownShape, keypoints, shown
from labeling_provider.manifest.files import Sink
from labeling_provider.manifest.pictures import MAX_PIXELS
from labeling_provider.manifest.rasters import covered, joined, outlines, run_text, runs
from labeling_provider.manifest.typed_labels import (
    BoxesLabel,
    InstancesLabel,
    KeypointsLabel,
    Label,
    LabelError,
    MaskLabel,
    PolygonsLabel,
)

if TYPE_CHECKING:
    from labeling_provider.manifest.rasters import Points

_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_VOC: Final = 254
_POINTS_OF: Final = "object"
"""The category of the object that keypoints belong to; a picture has one such object."""


class _Points(NamedTuple):
    """A picture's keypoints by class id, and the number of changes by kind."""

    points: dict[int, tuple[float, float]]
    notes: Counter[str]


class PlacesFormat(Format[Any]):
    """Base of the formats for what is where in pictures. An export has one kind of label."""

    takes: ClassVar[tuple[type[Label], ...]] = (BoxesLabel, PolygonsLabel, InstancesLabel, MaskLabel)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._kind: type[Label] | None = None

    def picture_folder(self, set_name: str) -> str:
        """The folder for a set's pictures."""
        return f"images/{set_name}"

    def mask_uri(self, example: Example) -> str | None:
        """URI of the PNG with the pixels of a mask."""
        return example.label.mask_uri

    def read(self, example: Example) -> Any:
        """What a picture shows; for a mask, which is read later, only the export's class ids."""
        label, kind = example.label, type(example.label)
        if kind is not (self._kind or kind):
            raise LabelError(f"{label.attribute}: an export has one kind of label, and this one differs from the first")
        numbers = self.classes.numbers(label)
        content = self._content(label, numbers)
        self._kind = kind
        return content

    def _content(self, label: Label, numbers: dict[int, int]) -> Any:
        return numbers if label.mask_uri else shown(label, numbers, b"")

    def write(self, example: Example, content: Any) -> None:
        """Write what a picture shows and count the changes."""
        if not isinstance(content, Shown):
            content = shown(example.label, content, example.mask)
        self._write(example, content)
        self.notes.update(content.notes)

    @abstractmethod
    def _write(self, example: Example, content: Shown) -> None: ...


class PointsFormat(PlacesFormat):
    """Base of the formats that also have keypoints."""

    takes = (*PlacesFormat.takes, KeypointsLabel)

    def _content(self, label: Label, numbers: dict[int, int]) -> Any:
        if isinstance(label, KeypointsLabel):
            return _Points(*keypoints(label, numbers))
        return super()._content(label, numbers)

    def write(self, example: Example, content: Any) -> None:
        """Write what a picture shows and count the changes."""
        if not isinstance(content, _Points):
            super().write(example, content)
            return
        self._write_points(example, content.points)
        self.notes.update(content.notes)

    @abstractmethod
    def _write_points(self, example: Example, points: Mapping[int, tuple[float, float]]) -> None: ...


class Coco(PointsFormat):
    """COCO: ``SET.json`` for each set. A category's ``id`` is the class id plus 1, because COCO's ids start at 1.

    All sets have the same categories, in the same order; they are written last, when all are known. Polygons are lists
    of coordinates, masks are run-length encoded. Keypoints have one category, the object that they belong to, whose
    keypoints are the classes.

    Format: cocodataset.org, "Data format", object detection and keypoint detection.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._sets: list[tuple[Sink, IO[bytes]]] = []

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the set's file."""
        self._images = self._annotations = 0
        self._sink = self.folder.sink(stack, f"{set_name}.json")
        # Images and annotations grow together but can't both be last in one file.
        self._rest: IO[bytes] = stack.enter_context(TemporaryFile())  # noqa: SIM115 - the stack closes it
        self._sink.write(b'{"images": [')
        self._sets.append((self._sink, self._rest))

    def _write(self, example: Example, content: Shown) -> None:
        size = content.size.width, content.size.height
        annotations = []
        for shape in content.shapes:
            annotation: dict[str, Any] = {
                "category_id": shape.number + 1,
                "bbox": [shape.left, shape.top, shape.width, shape.height],
                "area": shape.area,
                **segmentation(shape, *size),
            }
            if shape.confidence is not None:
                annotation["confidence"] = shape.confidence
            annotations.append(annotation)
        self._add(example, size, annotations)

    def _write_points(self, example: Example, points: Mapping[int, tuple[float, float]]) -> None:
        size = cast(KeypointsLabel, example.label).size
        annotation: dict[str, Any] = {}
        if points:
            left, top, width, height = _around(points, size.width, size.height)
            # The number of keypoints is only known at the end.
            annotation = {
                "category_id": 1,
                "bbox": [left, top, width, height],
                "area": width * height,
                "num_keypoints": len(points),
                "keypoints": list(points.items()),
            }
        self._add(example, (size.width, size.height), [annotation] if points else [])

    def _add(self, example: Example, size: tuple[int, int], annotations: list[dict[str, Any]]) -> None:
        self._images += 1
        image = {
            "id": self._images,
            "file_name": example.file_name,
            "width": size[0],
            "height": size[1],
            "coco_url": example.uri,
        }
        self._sink.write((b",\n" if self._images > 1 else b"\n") + json_bytes(image))
        for annotation in annotations:
            self._annotations += 1
            whole = {"id": self._annotations, "image_id": self._images, **annotation, "iscrowd": 0}
            self._rest.write(json_bytes(whole) + b"\n")

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """Write the annotations and categories of all sets."""
        names = self.classes.names
        categories: list[dict[str, Any]] = [
            {"id": number + 1, "name": name} for number, name in self.classes.used.items()
        ]
        if self._kind is KeypointsLabel:
            categories = [{"id": 1, "name": _POINTS_OF, "keypoints": names, "skeleton": []}]
        for sink, rest in self._sets:
            sink.write(b'],\n"annotations": [')
            rest.seek(0)
            for number, line in enumerate(rest):
                whole = line[:-1]
                if self._kind is KeypointsLabel:
                    annotation = json.loads(whole)
                    points = [[0, 0, 0] for _ in names]
                    for place, (x, y) in annotation["keypoints"]:
                        points[place] = [x, y, 2]
                    annotation["keypoints"] = [value for point in points for value in point]
                    whole = json_bytes(annotation)
                sink.write((b",\n" if number else b"\n") + whole)
            sink.write(b'],\n"categories": ' + json_bytes(categories) + b"}\n")
        return {}


class Yolo(PointsFormat):
    """YOLO: ``labels/SET/NAME.txt`` for each picture ``images/SET/NAME``, and ``data.yaml``.

    ``SET.csv`` maps file names to objects. A line of a text file is a class id, and the box's center and size, relative
    to the picture's size. For polygons and masks the points of the outline follow the class id instead. For keypoints
    there is one class, the object that they belong to, and each point follows the box: x, y, and 2 if it is there.

    Formats: docs.ultralytics.com, "Object detection datasets", "Instance segmentation datasets" and "Pose estimation
    datasets".
    """

    # The other keys of data.yaml can't be set names.
    set_name = re.compile(
        r"(?!(?:channels|download|flip_idx|kpt_names|kpt_shape|names|nc|path)\Z)\w[\w.-]{0,99}", re.IGNORECASE
    )
    set_name_rule = "letters, digits, '_', '-' and '.', but not another key of data.yaml, such as 'names'"
    endings = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._poses: list[IO[bytes]] = []

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the list of the set's pictures."""
        self._sink = self.folder.sink(stack, f"{set_name}.csv")
        self._sink.write(csv_row(["file_name", "object"]))
        # The number of keypoints is only known at the end.
        self._poses.append(stack.enter_context(TemporaryFile()))  # noqa: SIM115 - the stack closes it

    def _write(self, example: Example, content: Shown) -> None:
        width, height = content.size.width, content.size.height
        lines = []
        for shape in content.shapes:
            outline = self._outline(example, shape)
            if outline is None:
                center = shape.left + shape.width / 2, shape.top + shape.height / 2
                numbers = [*center, shape.width, shape.height]
            else:
                numbers = outline.ravel().tolist()
            relative = (f"{value / (height if at % 2 else width):.6f}" for at, value in enumerate(numbers))
            lines.append(" ".join((str(shape.number), *relative)) + "\n")
        self._put(example.set_name, example.file_name, example.uri, lines)

    def _outline(self, example: Example, shape: ShownShape) -> Points | None:
        if shape.pixels is None:
            return shape.outline
        try:
            parts = outlines(shape.pixels)
        except ValueError as error:
            raise LabelError(f"{example.label.attribute}: a mask of {shape.name[:80]!r}: {error}") from None
        self.notes["parts_joined"] += len(parts) - 1
        return joined(parts) + [shape.left, shape.top]  # noqa: RUF005 - these are arrays

    def _put(self, set_name: str, file_name: str, uri: str, lines: list[str]) -> None:
        self.folder.put(f"labels/{set_name}/{stem_of(file_name)}.txt", "".join(lines).encode())
        self._sink.write(csv_row([file_name, uri]))

    def _write_points(self, example: Example, points: Mapping[int, tuple[float, float]]) -> None:
        size = cast(KeypointsLabel, example.label).size
        width, height = size.width, size.height
        name = f"labels/{example.set_name}/{stem_of(example.file_name)}.txt"
        box = _around(points, width, height) if points else ()
        self._poses[-1].write(json_bytes([name, width, height, list(box), list(points.items())]) + b"\n")
        self._sink.write(csv_row([example.file_name, example.uri]))

    def _pose(self, width: int, height: int, box: list[float], points: list[Any]) -> str:
        """The line of a picture's keypoints; empty if it has none."""
        if not points:
            return ""
        left, top, wide, high = box
        center = (left + wide / 2) / width, (top + high / 2) / height
        numbers = [f"{value:.6f}" for value in (*center, wide / width, high / height)]
        keypoints = ["0.000000 0.000000 0"] * len(self.classes.names)
        for number, (x, y) in points:
            keypoints[number] = f"{x / width:.6f} {y / height:.6f} 2"
        return " ".join(("0", *numbers, *keypoints)) + "\n"

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """Write ``data.yaml``, and the text files of keypoints."""
        import yaml

        # Ultralytics expects a set named val.
        sets = {name if "val" in objects or name != "validation" else "val": f"images/{name}" for name in objects}
        names = self.classes.names
        about: dict[str, Any] = {"names": dict(enumerate(names))}
        if self._kind is KeypointsLabel:
            about = {"kpt_shape": [len(names), 3], "names": {0: _POINTS_OF}, "kpt_names": {0: names}}
        for poses in self._poses:
            poses.seek(0)
            for line in poses:
                name, *pose = json.loads(line)
                self.folder.put(name, self._pose(*pose).encode())
        self.folder.put("data.yaml", yaml.safe_dump({**sets, **about}, sort_keys=False).encode())
        return {}


class Voc(PlacesFormat):
    """Pascal VOC: ``annotations/SET/NAME.xml`` for each picture, with corners in whole pixels, counted from 1.

    Polygons and masks also have ``SegmentationClass/SET/NAME.png``, whose pixels are the class id plus 1, and
    ``SegmentationObject/SET/NAME.png``, whose pixels are the position in the XML, from 1; 0 is the background.
    ``classes.txt`` names the classes in this order.

    Format: the development kit of the PASCAL Visual Object Classes Challenge 2012, sections "Annotation" and
    "Segmentation".
    """

    def read(self, example: Example) -> Any:
        """What a picture shows.

        :raises LabelError: if XML does not allow the name of a class.
        """
        for name in example.label.named_classes.values():
            if _NOT_IN_XML.search(name):
                raise LabelError(f"{example.label.attribute}: XML does not allow the class name {name[:80]!r}")
        return super().read(example)

    def _write(self, example: Example, content: Shown) -> None:
        name = f"{example.set_name}/{stem_of(example.file_name)}"
        if self._kind is not BoxesLabel:
            self._write_masks(example, content, name)
        root = ElementTree.Element("annotation")
        _add(root, folder=self.picture_folder(example.set_name), filename=example.file_name)
        _add(root, path=_NOT_IN_XML.sub("\ufffd", example.uri))
        size = ElementTree.SubElement(root, "size")
        _add(size, width=content.size.width, height=content.size.height, depth=content.size.depth)
        _add(root, segmented=int(self._kind is not BoxesLabel))
        for shape in content.shapes:
            element = ElementTree.SubElement(root, "object")
            _add(element, name=shape.name, pose="Unspecified", truncated=0, difficult=0)
            left, top = int(shape.left) + 1, int(shape.top) + 1
            corners = ElementTree.SubElement(element, "bndbox")
            _add(corners, xmin=left, ymin=top)
            right, bottom = round(shape.left + shape.width), round(shape.top + shape.height)
            _add(corners, xmax=max(right, left), ymax=max(bottom, top))
        ElementTree.indent(root)
        self.folder.put(f"annotations/{name}.xml", ElementTree.tostring(root, "utf-8") + b"\n")

    def _write_masks(self, example: Example, content: Shown, name: str) -> None:
        import numpy as np
        from PIL import Image

        width, height, shapes = content.size.width, content.size.height, content.shapes
        if width * height > MAX_PIXELS:
            raise LabelError(f"{example.label.attribute}.image_size: at most {MAX_PIXELS:,} pixels can be masks")
        if len(shapes) > _MAX_VOC or any(shape.number >= _MAX_VOC for shape in shapes):
            raise LabelError(f"{example.label.attribute}: a mask has at most {_MAX_VOC} classes and instances")
        masks = [np.zeros((height, width), dtype=np.uint8) for _ in range(2)]
        for position, shape in enumerate(shapes, 1):
            left, top, pixels = int(shape.left), int(shape.top), shape.pixels
            if shape.outline is not None:
                corner = np.array([left, top])
                columns, rows = (np.ceil(shape.outline.max(axis=0)) - corner).astype(int).tolist()
                pixels = covered(shape.outline, corner, np.ones(2), columns, rows)
            if pixels is None:
                continue
            place = slice(top, top + pixels.shape[0]), slice(left, left + pixels.shape[1])
            for mask, value in zip(masks, (shape.number + 1, position), strict=True):
                mask[place][pixels] = value
        for mask, folder in zip(masks, ("SegmentationClass", "SegmentationObject"), strict=True):
            image, body = Image.fromarray(mask), BytesIO()
            image.putpalette(_voc_palette())
            image.save(body, "PNG")
            self.folder.put(f"{folder}/{name}.png", body.getvalue())

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """Write the names of the classes of masks."""
        if self._kind not in {None, BoxesLabel}:
            names = ["background", *(name.replace("\n", " ") for name in self.classes.names)]
            self.folder.put("classes.txt", "".join(f"{name}\n" for name in names).encode(errors="backslashreplace"))
        return {}


def segmentation(shape: ShownShape, width: int, height: int) -> dict[str, Any]:
    """The pixels of an annotation in COCO, by key; none for a box."""
    if shape.outline is not None:
        return {"segmentation": [shape.outline.ravel().round(2).tolist()]}
    if shape.pixels is None:
        return {}
    lengths = runs(shape.pixels, int(shape.left), int(shape.top), width, height)
    return {"segmentation": {"size": [height, width], "counts": run_text(lengths)}}


def _around(points: Mapping[int, tuple[float, float]], width: int, height: int) -> tuple[float, float, float, float]:
    """The box around keypoints, at least a pixel wide and high: left, top, width, height."""
    across, down = ([point[axis] for point in points.values()] for axis in (0, 1))
    left, top = min(*across, width - 1), min(*down, height - 1)
    return left, top, max(max(across) - left, 1), max(max(down) - top, 1)


def _voc_palette() -> list[int]:
    """The colors of VOC's masks: the bits of a number are dealt to red, green and blue, the highest ones first."""
    colors = []
    for number in range(256):
        for channel in range(3):
            bits = [(number >> (3 * step + channel) & 1) << (7 - step) for step in range(3)]
            colors.append(sum(bits))
    return colors


def _add(parent: ElementTree.Element, **values: object) -> None:
    for name, value in values.items():
        ElementTree.SubElement(parent, name).text = str(value)
