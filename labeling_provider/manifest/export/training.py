"""Exports labels for training frameworks: a folder for Hugging Face ``datasets``, and SageMaker channels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from functools import singledispatch
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

from labeling_provider.groundtruth.objects import METADATA
from labeling_provider.manifest.export.format import Example, Format, json_bytes, stem_of
from labeling_provider.manifest.export.shown import shown
from labeling_provider.manifest.export.text import span_dicts, spans_in
from labeling_provider.manifest.files import Sink
from labeling_provider.manifest.typed_labels import (
    BoxesLabel,
    ClassesLabel,
    ClassLabel,
    EntitiesLabel,
    InstancesLabel,
    KeypointsLabel,
    Label,
    LabelError,
    MaskLabel,
    PathsLabel,
    PolygonsLabel,
)

_BOX_NUMBERS: Final = 5
_HEADER: Final = 2
_TRAINING: Final = ("train", "training")


class _Row(NamedTuple):
    """A row without its text or picture, and the number of changes by kind."""

    values: dict[str, Any]
    notes: Mapping[str, int] = MappingProxyType({})


@singledispatch
def _row(label: Label, numbers: Mapping[int, int]) -> _Row:
    """The row of a label. The classes that have a reader below are those that a dataset can store.

    :param numbers: the export's class ids by the labeling job's.
    """
    raise LabelError(f"{label.attribute}: a dataset can't store such a label")


@_row.register
def _class(label: ClassLabel, numbers: Mapping[int, int]) -> _Row:
    return _Row({"label": numbers[label.class_id]})


@_row.register
def _classes(label: ClassesLabel, numbers: Mapping[int, int]) -> _Row:
    return _Row({"labels": list(numbers.values())})


@_row.register
def _entities(label: EntitiesLabel, numbers: Mapping[int, int]) -> _Row:
    # The spans are found when the text is there.
    return _Row({"entities": []})


@_row.register
def _boxes(label: BoxesLabel, numbers: Mapping[int, int]) -> _Row:
    content = shown(label, numbers, b"")
    # Always floats: datasets can't load sets with different number types together.
    sides = [[float(side) for side in (shape.left, shape.top, shape.width, shape.height)] for shape in content.shapes]
    return _objects("bbox", sides, [shape.number for shape in content.shapes], content.notes)


@_row.register
def _polygons(label: PolygonsLabel, numbers: Mapping[int, int]) -> _Row:
    content = shown(label, numbers, b"")
    outlines = [shape.outline.tolist() for shape in content.shapes if shape.outline is not None]
    return _objects("vertices", outlines, [shape.number for shape in content.shapes], content.notes)


@_row.register
def _paths(label: PathsLabel, numbers: Mapping[int, int]) -> _Row:
    vertices = [[[float(point.x), float(point.y)] for point in path.vertices] for path in label.shapes]
    return _objects("vertices", vertices, [numbers[path.class_id] for path in label.shapes])


@_row.register
def _keypoints(label: KeypointsLabel, numbers: Mapping[int, int]) -> _Row:
    points = [[float(point.x), float(point.y)] for point in label.shapes]
    return _objects("point", points, [numbers[point.class_id] for point in label.shapes])


@_row.register
def _instances(label: InstancesLabel, numbers: Mapping[int, int]) -> _Row:
    values = [value for _, value in label.named_values]
    return _objects("pixel_value", values, [numbers[instance.class_id] for instance in label.shapes])


@_row.register
def _mask(label: MaskLabel, numbers: Mapping[int, int]) -> _Row:
    return _objects("pixel_value", list(numbers), list(numbers.values()))


def _objects(
    column: str, places: list[Any], categories: list[int], notes: Mapping[str, int] = MappingProxyType({})
) -> _Row:
    """The row of a picture with shapes.

    :param column: a key of :data:`_PLACES`.
    """
    return _Row({"objects": {column: places, "category": categories}}, notes)


_PLACES: Final[dict[str, Any]] = {
    "bbox": {"list": "float64"},
    "vertices": {"list": {"list": "float64"}},
    "point": {"list": "float64"},
    "pixel_value": "int64",
}
"""The type of the column that says where the shapes of a picture are, by its name."""


class HuggingFace(Format[_Row]):
    """A folder for ``datasets.load_dataset(FOLDER)``.

    Pictures are in ``SET/`` next to their ``metadata.jsonl``, texts in ``SET.jsonl``. ``README.md`` lists the sets and
    the names of the classes. An export contains one kind of label. Masks are copied next to the pictures, as they are,
    and become the column ``mask``.

    Formats: huggingface.co/docs/datasets, "Create an image dataset" and "Manual configuration" of the Hub.
    """

    takes = tuple(kind for kind in _row.registry if kind is not object)
    # The split names that datasets accepts.
    set_name = re.compile(r"(?!all\Z|README\.md\Z)\w+(\.\w+)*", re.IGNORECASE)
    set_name_rule = "letters, digits and '_', with '.' between them, but not 'all'"
    endings = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._kind: tuple[type[Label], bool] | None = None
        self._columns: dict[str, Any] = {}
        self._boxes: Counter[str] = Counter()

    def picture_folder(self, set_name: str) -> str:
        """The folder for a set's pictures."""
        return set_name

    def copies(self, example: Example) -> bool:
        """True for pictures: rows refer to their files."""
        return not self._is_text(example.label)

    def needs_text(self, example: Example) -> bool:
        """True for texts."""
        return self._is_text(example.label)

    @staticmethod
    def _is_text(label: Label) -> bool:
        return "/text-" in str((label.metadata or {}).get("type")).lower()

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start a set; its file is opened for the first object, whose kind decides on the path."""
        self._stack = stack
        self._rows: Sink | None = None
        # No picture may overwrite the rows, or be taken for rows in another format.
        self.folder.hold(set_name, "metadata")

    def read(self, example: Example) -> _Row:
        """The row of an object, without its data."""
        label = example.label
        # A subclass, such as a verification, counts as its base.
        base: type[Label] = next(kind for kind in self.takes if isinstance(label, kind))
        base = type(label) if base is PathsLabel else base
        kind = (base, self._is_text(label))
        if kind != (self._kind or kind):
            raise LabelError(f"{label.attribute}: a dataset has one kind of label, and this one differs from the first")
        row = _row(label, self.classes.numbers(label))
        self._kind, self._columns = kind, row.values
        return row

    def mask_uri(self, example: Example) -> str | None:
        """URI of the PNG with the pixels of a mask."""
        return example.label.mask_uri

    def write(self, example: Example, content: _Row) -> None:
        """Write the row."""
        values = content.values
        if self._is_text(example.label):
            if "entities" in values:
                spans = spans_in(example)
                self.classes.add(example.label, [span.label for span in spans])
                values = {"entities": span_dicts(spans)}
            row, name = {"text": example.text, **values}, f"{example.set_name}.jsonl"
        else:
            row, name = {"file_name": example.file_name, **values}, f"{example.set_name}/metadata.jsonl"
            if example.mask:
                row["mask_file_name"] = self.folder.free_name(
                    example.set_name, f"{stem_of(example.file_name)}-mask.png"
                )
                self.folder.put(f"{example.set_name}/{row['mask_file_name']}", example.mask)
        if self._rows is None:
            self._rows = self.folder.sink(self._stack, name)
        self._rows.write(json_bytes(row) + b"\n")
        self._boxes[example.set_name] += len(values.get("objects", {}).get("category", ()))
        self.notes.update(content.notes)

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """Write ``README.md``, and count sets without a box, which ``datasets`` can't load together with others."""
        import yaml

        if self._kind is None:
            return {}
        _, is_text = self._kind
        sets = [name for name, count in objects.items() if count]
        empty = [name for name in sets if not self._boxes[name]]
        if "objects" in self._columns and len(empty) < len(sets):
            self.notes["sets_without_boxes"] += len(empty)
        files = [{"split": name, "path": f"{name}.jsonl" if is_text else f"{name}/**"} for name in sets]
        names = {"class_label": {"names": {str(number): name for number, name in enumerate(self.classes.names)}}}
        span = [{"name": "start", "dtype": "int64"}, {"name": "end", "dtype": "int64"}]
        parts = self._columns.get("objects", ())
        types: dict[str, Any] = {
            "label": {"dtype": names},
            "labels": {"list": names},
            "entities": {"list": [*span, {"name": "label", "dtype": "string"}]},
            "objects": {"struct": [{"name": part, "list": _PLACES.get(part, names)} for part in parts]},
        }
        features = [{"name": column, **types[column]} for column in self._columns]
        if "pixel_value" in parts:
            features.append({"name": "mask", "dtype": "image"})
        data = {"name": "text", "dtype": "string"} if is_text else {"name": "image", "dtype": "image"}
        # datasets reads pictures by the features of the configuration, not by those of dataset_info.
        card = {"configs": [{"config_name": "default", "data_files": files, "features": [data, *features]}]}
        body = f"---\n{yaml.safe_dump(card, sort_keys=False, allow_unicode=True)}---\n"
        self.folder.put("README.md", body.encode())
        return {}


class _PipeLine(NamedTuple):
    """A line of a channel.

    :param boxes: number of boxes; -1 for other labels.
    :param numbers: the export's class ids by the labeling job's.
    """

    boxes: int
    numbers: Mapping[int, int]


class SageMakerPipe(Format[_PipeLine]):
    """``SET.manifest`` for each set, and the channels of a SageMaker training job in Pipe mode.

    Training fails on a line without its attributes, so the manifests contain labeled lines only. With given classes the
    lines use their ids. For semantic segmentation the ids are those of the mask's pixels, where 0 is the background,
    which the algorithm counts as a class.

    Source: developer guide, "Provide dataset metadata to training jobs with an augmented manifest file", "Object
    detection hyperparameters" (``label_width``), "Semantic segmentation algorithm", "Semantic segmentation
    hyperparameters" (``num_classes``, ``num_training_samples``).
    """

    takes = (BoxesLabel, ClassLabel, ClassesLabel, MaskLabel)
    set_name = re.compile(r"[A-Za-z0-9.\-_]{1,64}")
    set_name_rule = "at most 64 of A to Z, a to z, 0 to 9, '_', '-' and '.'"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._attributes: list[str] = []
        self._fullest = -1

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the set's manifest."""
        self._sink = self.folder.sink(stack, f"{set_name}.manifest")

    def read(self, example: Example) -> _PipeLine:
        """The number of boxes and the class ids."""
        label = example.label
        attributes = ["source-ref" if example.uri else "source", label.attribute]
        if attributes != (self._attributes or attributes):
            raise LabelError(
                f"{label.attribute}: all lines of a channel have the same keys; this one has {attributes[0]!r}, the "
                f"first has {self._attributes[0]!r}"
            )
        if isinstance(label, BoxesLabel):
            line = _PipeLine(len(label.boxes), self.classes.numbers(label))
        elif isinstance(label, MaskLabel):
            line = _PipeLine(-1, self._mask_numbers(label))
        else:
            line = _PipeLine(-1, self.classes.numbers(label))
        self._attributes = attributes
        return line

    def _mask_numbers(self, label: MaskLabel) -> dict[int, int]:
        numbers = self.classes.numbers(label, {number: color.class_name for number, color in label.colors.items()})
        for number, other in numbers.items():
            if number != other:
                name = label.colors[number].class_name
                raise LabelError(
                    f"{label.attribute}: {name[:80]!r} is {number} in the mask and {other} in classes; masks are not "
                    "changed, so pass the classes in the mask's order, including BACKGROUND"
                )
        return numbers

    def write(self, example: Example, content: _PipeLine) -> None:
        """Write the line, byte for byte unless its class ids change."""
        self._fullest = max(self._fullest, content.boxes)
        if all(number == other for number, other in content.numbers.items()):
            self._sink.write(example.raw)
            return
        self._sink.write(json_bytes({**example.line, **_renumbered(example.label, content.numbers)}) + b"\n")

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """The channels, and the hyperparameters that depend on the data, as strings, which SageMaker requires."""
        channels = [
            {
                "ChannelName": name,
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "AugmentedManifestFile",
                        "S3Uri": self.folder.place(f"{name}.manifest"),
                        "S3DataDistributionType": "FullyReplicated",
                        "AttributeNames": self._attributes,
                    }
                },
                "ContentType": "application/x-recordio",
                "RecordWrapperType": "RecordIO",
                "CompressionType": "None",
                "InputMode": "Pipe",
            }
            for name, count in objects.items()
            if count
        ]
        hyperparameters = {}
        training = [count for name, count in objects.items() if name.lower() in _TRAINING or len(objects) == 1]
        if training:
            hyperparameters["num_training_samples"] = str(training[0])
        if self.classes.names:
            hyperparameters["num_classes"] = str(len(self.classes.names))
        if self._fullest >= 0:
            hyperparameters["label_width"] = str(_BOX_NUMBERS * self._fullest + _HEADER)
        return {"channels": channels, "hyperparameters": hyperparameters}


def _renumbered(label: Label, numbers: Mapping[int, int]) -> dict[str, Any]:
    """The keys of a line's classification or boxes with other class ids."""
    metadata = dict(label.metadata or {})
    for key in ("class-map", "confidence-map"):
        if isinstance(by_class := metadata.get(key), Mapping):
            metadata[key] = {str(numbers[int(old)]): value for old, value in by_class.items() if int(old) in numbers}
    value: Any
    if isinstance(label, BoxesLabel):
        boxes = [{**box, "class_id": numbers[box["class_id"]]} for box in label.value["annotations"]]
        value = {**label.value, "annotations": boxes}
    elif isinstance(label, ClassesLabel):
        value = [numbers[class_id] for class_id in label.class_ids]
    else:
        # Some of Amazon's examples write the class id as a string.
        value = type(label.value)(numbers[cast(ClassLabel, label).class_id])
    return {label.attribute: value, **({} if label.metadata is None else {f"{label.attribute}{METADATA}": metadata})}
