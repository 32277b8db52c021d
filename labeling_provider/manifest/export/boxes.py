"""Exports boxes as COCO, YOLO and Pascal VOC.

A box is cut at the edge of its picture, and left out if it has no area inside. Both are counted.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO, Any, Final, NamedTuple, cast
from xml.etree import ElementTree

from labeling_provider.manifest.export.base import Example, Format, csv_row, json_bytes, stem_of
from labeling_provider.manifest.files import Sink
from labeling_provider.manifest.labels import BoxesLabel, ImageSize, LabelError

MAX_SIDE: Final = 1_000_000_000
"""Longest side of a picture or box, in pixels."""
_CHUNK: Final = 1 << 16
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class ShownBox(NamedTuple):
    """The part of a box inside its picture, in pixels."""

    number: int
    name: str
    left: float
    top: float
    width: float
    height: float
    confidence: float | None


class Shown(NamedTuple):
    """A picture's boxes and size, and the number of changes by kind."""

    size: ImageSize
    boxes: list[ShownBox]
    notes: Counter[str]


class BoxesFormat(Format[Shown]):
    """Base of the formats for boxes."""

    takes = (BoxesLabel,)

    def picture_folder(self, set_name: str) -> str:
        """The folder for a set's pictures."""
        return f"images/{set_name}"

    def read(self, example: Example) -> Shown:
        """The boxes of a picture."""
        label = cast(BoxesLabel, example.label)
        return shown(label, self.classes.numbers(label, box_classes(label)))

    def write(self, example: Example, content: Shown) -> None:
        """Write the boxes of a picture and count the changes."""
        self.notes.update(content.notes)
        self._write(example, content)

    @abstractmethod
    def _write(self, example: Example, content: Shown) -> None: ...


def box_classes(label: BoxesLabel) -> dict[int, str]:
    """Names by id of the classes of a label's boxes; the class map may list more.

    :raises LabelError: if a class has no name.
    """
    names = {}
    for position, box in enumerate(label.boxes):
        if box.class_id not in label.class_names:
            where = f"{label.attribute}.annotations[{position}]"
            raise LabelError(f"{where}: class {box.class_id} has no name in {label.attribute}-metadata.class-map")
        names[box.class_id] = label.class_names[box.class_id]
    return names


def shown(label: BoxesLabel, numbers: Mapping[int, int]) -> Shown:
    """The part of a label inside its picture.

    :param numbers: the export's class ids by the labeling job's.
    :raises LabelError: if the picture's size is not positive, or a size or position is out of range.
    """
    size = label.size
    if not (0 < size.width <= MAX_SIDE and 0 < size.height <= MAX_SIDE):
        raise LabelError(f"{label.attribute}.image_size: each side must be 1 to {MAX_SIDE:,} pixels")
    boxes, notes = [], Counter[str]()
    for position, box in enumerate(label.boxes):
        if any(abs(number) > MAX_SIDE for number in (box.left, box.top, box.width, box.height)):
            raise LabelError(f"{label.attribute}.annotations[{position}]: no number may exceed {MAX_SIDE:,} pixels")
        left, top = max(box.left, 0), max(box.top, 0)
        width = min(box.left + box.width, size.width) - left
        height = min(box.top + box.height, size.height) - top
        if width <= 0 or height <= 0:
            notes["boxes_left_out"] += 1
            continue
        notes["boxes_cut"] += not box.is_in(size)
        confidence = label.confidences[position] if label.confidences else None
        name = label.class_names[box.class_id]
        boxes.append(ShownBox(numbers[box.class_id], name, left, top, width, height, confidence))
    return Shown(size, boxes, notes)


class Coco(BoxesFormat):
    """COCO: ``SET.json`` for each set. A category's ``id`` is the class id plus 1, because COCO's ids start at 1.

    All sets have the same categories, in the same order; they are written last, when all are known.

    Format: cocodataset.org, "Data format", object detection.
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
        self._images += 1
        image = {
            "id": self._images,
            "file_name": example.file_name,
            "width": content.size.width,
            "height": content.size.height,
            "coco_url": example.uri,
        }
        self._sink.write((b",\n" if self._images > 1 else b"\n") + json_bytes(image))
        for box in content.boxes:
            self._annotations += 1
            annotation: dict[str, Any] = {
                "id": self._annotations,
                "image_id": self._images,
                "category_id": box.number + 1,
                "bbox": [box.left, box.top, box.width, box.height],
                "area": box.width * box.height,
                "iscrowd": 0,
            }
            if box.confidence is not None:
                annotation["confidence"] = box.confidence
            self._rest.write((b",\n" if self._annotations > 1 else b"\n") + json_bytes(annotation))

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """Write the annotations and categories of all sets."""
        categories = [{"id": number + 1, "name": name} for number, name in self.classes.used.items()]
        for sink, rest in self._sets:
            sink.write(b'],\n"annotations": [')
            rest.seek(0)
            while chunk := rest.read(_CHUNK):
                sink.write(chunk)
            sink.write(b'],\n"categories": ' + json_bytes(categories) + b"}\n")
        return {}


class Yolo(BoxesFormat):
    """YOLO: ``labels/SET/NAME.txt`` for each picture ``images/SET/NAME``, and ``data.yaml``.

    ``SET.csv`` maps file names to objects. A line of a text file is a class id, and the box's center and size relative
    to the picture's size.

    Format: docs.ultralytics.com, "Object detection datasets".
    """

    # The other keys of data.yaml can't be set names.
    set_name = re.compile(r"(?!(?:channels|download|flip_idx|kpt_shape|names|nc|path)\Z)\w[\w.-]{0,99}", re.IGNORECASE)
    set_name_rule = "letters, digits, '_', '-' and '.', but not another key of data.yaml, such as 'names'"
    endings = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the list of the set's pictures."""
        self._sink = self.folder.sink(stack, f"{set_name}.csv")
        self._sink.write(csv_row(["file_name", "object"]))

    def _write(self, example: Example, content: Shown) -> None:
        width, height = content.size.width, content.size.height
        lines = [
            f"{box.number} {(box.left + box.width / 2) / width:.6f} {(box.top + box.height / 2) / height:.6f} "
            f"{box.width / width:.6f} {box.height / height:.6f}\n"
            for box in content.boxes
        ]
        self.folder.put(f"labels/{example.set_name}/{stem_of(example.file_name)}.txt", "".join(lines).encode())
        self._sink.write(csv_row([example.file_name, example.uri]))

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """Write ``data.yaml``."""
        import yaml

        # Ultralytics expects a set named val.
        sets = {name if "val" in objects or name != "validation" else "val": f"images/{name}" for name in objects}
        body = yaml.safe_dump({**sets, "names": dict(enumerate(self.classes.names))}, sort_keys=False)
        self.folder.put("data.yaml", body.encode())
        return {}


class Voc(BoxesFormat):
    """Pascal VOC: ``annotations/SET/NAME.xml`` for each picture, with corners in whole pixels, counted from 1.

    Format: the development kit of the PASCAL Visual Object Classes Challenge 2012, section "Annotation".
    """

    def read(self, example: Example) -> Shown:
        """The boxes of a picture.

        :raises LabelError: if XML does not allow the name of a class.
        """
        for name in box_classes(cast(BoxesLabel, example.label)).values():
            if _NOT_IN_XML.search(name):
                raise LabelError(f"{example.label.attribute}: XML does not allow the class name {name[:80]!r}")
        return super().read(example)

    def _write(self, example: Example, content: Shown) -> None:
        root = ElementTree.Element("annotation")
        _add(root, folder=self.picture_folder(example.set_name), filename=example.file_name)
        _add(root, path=_NOT_IN_XML.sub("\ufffd", example.uri))
        size = ElementTree.SubElement(root, "size")
        _add(size, width=content.size.width, height=content.size.height, depth=content.size.depth)
        _add(root, segmented=0)
        for box in content.boxes:
            element = ElementTree.SubElement(root, "object")
            _add(element, name=box.name, pose="Unspecified", truncated=0, difficult=0)
            left, top = int(box.left) + 1, int(box.top) + 1
            corners = ElementTree.SubElement(element, "bndbox")
            _add(corners, xmin=left, ymin=top)
            _add(corners, xmax=max(round(box.left + box.width), left), ymax=max(round(box.top + box.height), top))
        ElementTree.indent(root)
        name = f"annotations/{example.set_name}/{stem_of(example.file_name)}.xml"
        self.folder.put(name, ElementTree.tostring(root, "utf-8") + b"\n")


def _add(parent: ElementTree.Element, **values: object) -> None:
    for name, value in values.items():
        ElementTree.SubElement(parent, name).text = str(value)
