"""Boxes in pictures as COCO, YOLO and Pascal VOC have them.

A box is cut at the edge of its picture; one that has no area in it is left out. Both are counted.
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

from labeling_provider.manifest.export.base import Example, Format, as_json, csv_row, stem_of
from labeling_provider.manifest.files import Sink
from labeling_provider.manifest.labels import BoxesLabel, ImageSize, LabelError

MAX_SIDE: Final = 1_000_000_000
"""Longest side of a picture or box, pixels."""
_CHUNK: Final = 1 << 16
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class ShownBox(NamedTuple):
    """The part of a box that is in the picture, in pixels."""

    number: int
    name: str
    left: float
    top: float
    width: float
    height: float
    confidence: float | None


class Shown(NamedTuple):
    """The boxes of a picture, its size, and what had to be changed."""

    size: ImageSize
    boxes: list[ShownBox]
    notes: Counter[str]


class BoxesFormat(Format[Shown]):
    """What the formats of boxes share."""

    takes = (BoxesLabel,)

    def picture_folder(self, set_name: str) -> str:
        """Where the pictures of a set belong."""
        return f"images/{set_name}"

    def read(self, example: Example) -> Shown:
        """The boxes of a picture."""
        label = cast(BoxesLabel, example.label)
        return shown(label, self.classes.numbers(label, box_classes(label)))

    def write(self, example: Example, content: Shown) -> None:
        """Write them and count what had to be changed."""
        self.notes.update(content.notes)
        self._write(example, content)

    @abstractmethod
    def _write(self, example: Example, content: Shown) -> None: ...


def box_classes(label: BoxesLabel) -> dict[int, str]:
    """Names by number of the classes that a label's boxes have; its class map may tell of others.

    :raises LabelError: if one has no name.
    """
    found = {}
    for position, box in enumerate(label.boxes):
        if box.class_id not in label.class_names:
            where = f"{label.attribute}.annotations[{position}]"
            raise LabelError(f"{where}: class {box.class_id} has no name in {label.attribute}-metadata.class-map")
        found[box.class_id] = label.class_names[box.class_id]
    return found


def shown(label: BoxesLabel, numbers: Mapping[int, int]) -> Shown:
    """The part of a label that its picture shows.

    :param numbers: the export's number for each of the label's classes.
    :raises LabelError: if the picture has no size, or a number is beyond all pictures.
    """
    size = label.size
    if not (0 < size.width <= MAX_SIDE and 0 < size.height <= MAX_SIDE):
        raise LabelError(f"{label.attribute}.image_size: a picture has 1 to {MAX_SIDE:,} pixels a side")
    boxes, notes = [], Counter[str]()
    for position, box in enumerate(label.boxes):
        if any(abs(one) > MAX_SIDE for one in (box.left, box.top, box.width, box.height)):
            raise LabelError(f"{label.attribute}.annotations[{position}]: a box has at most {MAX_SIDE:,} pixels a side")
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
    """COCO: ``SET.json`` for each set. A category's ``id`` is the number of its class plus 1, as COCO's own begin at 1.

    All sets have the categories of the whole export, in one order: they are written when all are known.

    Format: cocodataset.org, "Data format", object detection.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._sets: list[tuple[Sink, IO[bytes]]] = []

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the set's file."""
        self._images = self._annotations = 0
        self._sink = self.folder.sink(stack, f"{set_name}.json")
        # Two lists grow at the same time and can't both be last in one file.
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
        self._sink.write((b",\n" if self._images > 1 else b"\n") + as_json(image))
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
            self._rest.write((b",\n" if self._annotations > 1 else b"\n") + as_json(annotation))

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """End the files of all sets."""
        categories = [{"id": number + 1, "name": name} for number, name in self.classes.used.items()]
        for sink, rest in self._sets:
            sink.write(b'],\n"annotations": [')
            rest.seek(0)
            while chunk := rest.read(_CHUNK):
                sink.write(chunk)
            sink.write(b'],\n"categories": ' + as_json(categories) + b"}\n")
        return {}


class Yolo(BoxesFormat):
    """YOLO: ``labels/SET/NAME.txt`` for each picture ``images/SET/NAME``, and ``data.yaml``.

    ``SET.csv`` says which object each file name stands for. A line of a text file is a class number, and the box's
    centre and size as shares of the picture's.

    Format: docs.ultralytics.com, "Object detection datasets".
    """

    # What else data.yaml says is no set.
    set_name = re.compile(r"(?!(?:channels|download|flip_idx|kpt_shape|names|nc|path)\Z)\w[\w.-]{0,99}", re.IGNORECASE)
    set_name_told = "letters, digits, '_', '-' and '.', but no key that data.yaml has anyway, such as 'names'"
    endings = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the list of the set's pictures."""
        self._sink = self.folder.sink(stack, f"{set_name}.csv")
        self._sink.write(csv_row(["file_name", "object"]))

    def _write(self, example: Example, content: Shown) -> None:
        across, down = content.size.width, content.size.height
        lines = [
            f"{box.number} {(box.left + box.width / 2) / across:.6f} {(box.top + box.height / 2) / down:.6f} "
            f"{box.width / across:.6f} {box.height / down:.6f}\n"
            for box in content.boxes
        ]
        self.folder.put(f"labels/{example.set_name}/{stem_of(example.file_name)}.txt", "".join(lines).encode())
        self._sink.write(csv_row([example.file_name, example.uri]))

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """Write ``data.yaml``."""
        import yaml

        # Ultralytics asks for a set named val.
        sets = {name if "val" in objects or name != "validation" else "val": f"images/{name}" for name in objects}
        body = yaml.safe_dump({**sets, "names": dict(enumerate(self.classes.names))}, sort_keys=False)
        self.folder.put("data.yaml", body.encode())
        return {}


class Voc(BoxesFormat):
    """Pascal VOC: ``annotations/SET/NAME.xml`` for each picture; corners in whole pixels, the first one is 1.

    Format: the development kit of the PASCAL Visual Object Classes Challenge 2012, section "Annotation".
    """

    def read(self, example: Example) -> Shown:
        """The boxes of a picture; their classes' names must fit into XML."""
        for name in box_classes(cast(BoxesLabel, example.label)).values():
            if _NOT_IN_XML.search(name):
                raise LabelError(f"{example.label.attribute}: XML can't hold the class name {name[:80]!r}")
        return super().read(example)

    def _write(self, example: Example, content: Shown) -> None:
        root = ElementTree.Element("annotation")
        _add(root, folder=self.picture_folder(example.set_name), filename=example.file_name)
        _add(root, path=_NOT_IN_XML.sub("\ufffd", example.uri))
        size = ElementTree.SubElement(root, "size")
        _add(size, width=content.size.width, height=content.size.height, depth=content.size.depth)
        _add(root, segmented=0)
        for box in content.boxes:
            one = ElementTree.SubElement(root, "object")
            _add(one, name=box.name, pose="Unspecified", truncated=0, difficult=0)
            left, top = int(box.left) + 1, int(box.top) + 1
            corners = ElementTree.SubElement(one, "bndbox")
            _add(corners, xmin=left, ymin=top)
            _add(corners, xmax=max(round(box.left + box.width), left), ymax=max(round(box.top + box.height), top))
        ElementTree.indent(root)
        name = f"annotations/{example.set_name}/{stem_of(example.file_name)}.xml"
        self.folder.put(name, ElementTree.tostring(root, "utf-8") + b"\n")


def _add(parent: ElementTree.Element, **values: object) -> None:
    for name, value in values.items():
        ElementTree.SubElement(parent, name).text = str(value)
