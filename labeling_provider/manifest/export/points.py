"""Exports the segmentation of point clouds as NumPy arrays."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

from labeling_provider.groundtruth.point_formats import format_of_file
from labeling_provider.manifest.export.format import Example, Format, csv_row, json_bytes, stem_of
from labeling_provider.manifest.point_clouds import (
    MAX_PACKED_BYTES,
    MAX_POINTS,
    MAX_TEXT_BYTES,
    PointCloud,
    read_point_classes,
    read_point_cloud,
)
from labeling_provider.manifest.point_sequences import read_point_frame
from labeling_provider.manifest.typed_labels import LabelError, PointMaskLabel

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class NumpyPoints(Format[dict[int, int]]):
    """NumPy: ``SET/NAME.npz`` for each cloud, and ``classes.json`` with the names of the classes by id.

    A file has ``positions`` (n × 3, in meters), ``labels`` (n, the class ids) and, where the cloud has them,
    ``intensity`` (n) and ``colors`` (n × 3). ``SET.csv`` maps file names to objects. Needs NumPy, the extra ``local``.
    """

    takes = (PointMaskLabel,)
    batch = 4

    def begin(self, set_name: str, stack: ExitStack) -> None:
        """Start the list of the set's clouds."""
        self._sink = self.folder.sink(stack, f"{set_name}.csv")
        self._sink.write(csv_row(["file_name", "object"]))

    def read(self, example: Example) -> dict[int, int]:
        """The export's class ids, by the numbers in the label's file.

        :raises LabelError: if there are more classes than fit in a byte.
        """
        label = cast(PointMaskLabel, example.label)
        if not example.uri:
            raise LabelError('has no "source-ref", but this format is for point clouds')
        numbers = self.classes.numbers(label, {number: color.class_name for number, color in label.colors.items()})
        if too_large := [number for number in (*numbers, *numbers.values()) if number > 255]:
            raise LabelError(f"{label.attribute}: the class id {too_large[0]} is above 255, the largest in a byte")
        return numbers

    def fetch(self, example: Example) -> tuple[PointCloud, bytes]:
        """Read the cloud, and the number of each of its points."""
        label, files = cast(PointMaskLabel, example.label), self.folder.files
        form = format_of_file(example.uri)
        if form is None or example.line.get("source-ref-metadata") is not None:
            form = read_point_frame(example.line, example.uri).format
        max_bytes = MAX_POINTS * form.record if form.is_binary else MAX_TEXT_BYTES
        cloud = read_point_cloud(files.whole(example.uri, max_bytes), form, example.uri)
        numbers = read_point_classes(files.whole(label.uri, MAX_PACKED_BYTES), label.uri)
        if len(numbers) != len(cloud.positions):
            count = f"{len(numbers):,} points, but {example.uri} has {len(cloud.positions):,}"
            raise LabelError(f"{label.uri} has labels of {count}")
        return cloud, numbers

    def write(self, example: Example, content: dict[int, int]) -> None:
        """Write a cloud with its labels."""
        import numpy as np

        cloud, numbers = example.fetched
        label = cast(PointMaskLabel, example.label)
        arrays: dict[str, npt.NDArray[Any]] = {
            "positions": cloud.positions,
            "labels": _numbered(np.frombuffer(numbers, np.uint8), content, label.uri),
        }
        arrays |= {key: value for key in ("intensity", "colors") if (value := getattr(cloud, key)) is not None}
        name, body = f"{stem_of(self.folder.free_name(example.set_name, example.uri))}.npz", io.BytesIO()
        np.savez(body, **arrays)  # type: ignore[arg-type]
        self.folder.put(f"{example.set_name}/{name}", body.getvalue())
        self._sink.write(csv_row([name, example.uri]))

    def finish(self, objects: Mapping[str, int]) -> dict[str, Any]:
        """Write the names of the classes."""
        names = {str(number): name for number, name in self.classes.used.items()}
        self.folder.put("classes.json", json_bytes(names) + b"\n")
        return {}


def _numbered(numbers: npt.NDArray[np.uint8], content: Mapping[int, int], where: str) -> npt.NDArray[np.uint8]:
    """The export's class id of each point.

    :raises LabelError: if a point has a number that is not in the color map.
    """
    import numpy as np

    counts = np.bincount(numbers, minlength=256)
    if unknown := [number for number in np.flatnonzero(counts).tolist() if number not in content]:
        first = int(np.argmax(numbers == unknown[0])) + 1
        raise LabelError(f"{where}: point {first:,} has the number {unknown[0]}, which the color map does not name")
    table = np.zeros(256, dtype=np.uint8)
    for number, own in content.items():
        table[number] = own
    return table[numbers]
