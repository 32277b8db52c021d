"""Reads and writes the files of point clouds, and says at which line or byte something is wrong.

Reading needs NumPy: ``pip install 'airflow-provider-labeling[local]'``. Checking the beginning of a file needs nothing.

Sources: developer guide, "Accepted Raw 3D Data Formats" and "3D Point Cloud Semantic Segmentation Output".
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.point_formats import POINT_FORMATS, PointFormat

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats32 = npt.NDArray[np.float32]
    Bytes = npt.NDArray[np.uint8]

MAX_POINTS: Final = 10_000_000
"""Most points of a cloud. Ground Truth advises 500,000, and says that browsers may fail at more than a million."""
MAX_TEXT_BYTES: Final = 1_000_000_000
"""Largest text file of points, in bytes: 100 per point."""
MAX_PACKED_BYTES: Final = 2 * MAX_POINTS
"""Largest file with the classes of points, in bytes: zlib never needs more."""
BEGINNING_BYTES: Final = 1 << 16
"""How much of a file is enough to tell whether it is in its format, in bytes."""
_NUMBER: Final = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_MAX_FLOAT: Final = 3.4028234e38
_SHOWN: Final = 40
_BLANKS: Final = b" \t\r\n"


class PointCloudError(LabelingError):
    """A file that is not a point cloud in its format."""


class PointCloud(NamedTuple):
    """The points of a cloud, in the order of the file.

    :param positions: an array of n × 3 in meters: x, y, z.
    :param intensity: an array of n; None if the format has none.
    :param colors: an array of n × 3: red, green, blue; None if the format has none.
    """

    positions: Floats32
    intensity: Floats32 | None
    colors: Bytes | None


def size_problem(size: int, form: PointFormat) -> str:
    """Why a file of this size can't be read; empty if it can.

    :param size: the file's size, in bytes.
    """
    if not size:
        return "it is empty"
    if not form.is_binary:
        return f"it has {size:,} bytes; at most {MAX_TEXT_BYTES:,} are allowed" if size > MAX_TEXT_BYTES else ""
    points, rest = divmod(size, form.record)
    if points > MAX_POINTS:
        return f"it has {points:,} points; at most {MAX_POINTS:,} are allowed"
    if rest:
        return f"it has {size:,} bytes, which is not a multiple of {form.record}, the size of a point in {form.name}"
    return ""


def beginning_problem(body: bytes, form: PointFormat, size: int) -> str:
    """What is wrong in the beginning of a file, with its line or byte; empty if nothing is.

    :param body: the first :data:`BEGINNING_BYTES` of the file, or the whole of it.
    :param size: the size of the whole file, in bytes.
    """
    if problem := size_problem(size, form):
        return problem
    if len(body) < size:
        # The last line or point may be incomplete.
        end = len(body) // form.record * form.record if form.is_binary else body.rfind(b"\n") + 1
        if not end:
            return f"line 1 is longer than {len(body):,} bytes"
        body = body[:end]
    return next(_problems(body, form), "")


def read_point_cloud(body: bytes, form: PointFormat, where: str) -> PointCloud:
    """Read the file of a point cloud.

    :param where: its URI, for errors.
    :raises PointCloudError: naming the first line or byte that is wrong.
    """
    if problem := size_problem(len(body), form):
        raise PointCloudError(f"{where}: {problem}")
    try:
        import numpy as np
    except ImportError:
        raise PointCloudError(f"{where}: needs NumPy: pip install 'airflow-provider-labeling[local]'") from None
    values = np.frombuffer(body, "<f4").reshape(-1, len(form.fields)) if form.is_binary else _text_values(body, form)
    if values is None or not _are_right(values, form):
        # The fast way does not say where it failed.
        raise PointCloudError(f"{where}: {next(_problems(body, form), f'it is not {form.name}')}")
    columns = {field: place for place, field in enumerate(form.fields)}
    intensity = values[:, columns["i"]].astype(np.float32) if "i" in columns else None
    colors = values[:, columns["r"] : columns["r"] + 3].round().astype(np.uint8) if "r" in columns else None
    return PointCloud(values[:, :3].astype(np.float32), intensity, colors)


def binary_point_cloud(cloud: PointCloud) -> tuple[bytes, PointFormat]:
    """A point cloud as a binary file, and the format that says what it holds.

    :raises PointCloudError: if the cloud has no points or too many, or not one intensity and color for each, or if a
        number is not finite.
    """
    import numpy as np

    columns: list[npt.NDArray[Any]] = [cloud.positions]
    columns += [] if cloud.intensity is None else [cloud.intensity[:, None]]
    columns += [] if cloud.colors is None else [cloud.colors]
    fields = f"xyz{'' if cloud.intensity is None else 'i'}{'' if cloud.colors is None else 'rgb'}"
    form = POINT_FORMATS[f"binary/{fields}"]
    try:
        values = np.hstack(columns).astype("<f4")
    except ValueError as error:
        raise PointCloudError(f"the parts of the point cloud have different numbers of points: {error}") from None
    if values.ndim != 2 or values.shape[1] != len(fields):
        raise PointCloudError(
            f"the point cloud has {values.shape[-1]} numbers for each point, but {fields} is expected"
        )
    body = values.tobytes()
    problem = size_problem(len(body), form) or ("" if _are_right(values, form) else next(_problems(body, form)))
    if problem:
        raise PointCloudError(f"the point cloud can't be written: {problem}")
    return body, form


def read_point_classes(body: bytes, where: str) -> bytes:
    """Read the label of a segmented point cloud: a zlib file with a byte for each point, the number of its class.

    :param where: its URI, for errors.
    :raises PointCloudError: if it is not such a file, or has too many points.
    """
    unpacker = zlib.decompressobj()
    try:
        numbers = unpacker.decompress(body, MAX_POINTS + 1)
    except zlib.error as error:
        raise PointCloudError(f"{where} is not a zlib file: {error}") from None
    if len(numbers) > MAX_POINTS:
        raise PointCloudError(f"{where} has more than {MAX_POINTS:,} points")
    if not unpacker.eof:
        raise PointCloudError(f"{where} breaks off after {len(numbers):,} points")
    return numbers


def _text_values(body: bytes, form: PointFormat) -> npt.NDArray[np.float64] | None:
    """The numbers of a text, a row for each point; None if it is not a table of numbers."""
    import numpy as np

    if not body.strip(_BLANKS) or not body.isascii() or body.count(b"\n") > MAX_POINTS:
        return None
    try:
        values = np.loadtxt(BytesIO(body), comments=None, ndmin=2, encoding="ascii")
    except ValueError:
        return None
    return values if values.shape[1] == len(form.fields) else None


def _are_right(values: npt.NDArray[np.floating], form: PointFormat) -> bool:
    import numpy as np

    colors = values[:, form.fields.index("r") :] if "r" in form.fields else values[:0]
    # NaN is not below the largest number, either.
    return bool(np.all(np.abs(values) <= _MAX_FLOAT) and np.all((colors >= 0) & (colors <= 255)))


def _problems(body: bytes, form: PointFormat) -> Iterator[str]:
    """What is wrong in a file, point by point."""
    return _binary_problems(body, form) if form.is_binary else _text_problems(body, form)


def _binary_problems(body: bytes, form: PointFormat) -> Iterator[str]:
    for number, point in enumerate(struct.iter_unpack(f"<{len(form.fields)}f", body)):
        for place, (field, value) in enumerate(zip(form.fields, point, strict=True)):
            if problem := _value_problem(field, value):
                yield f"byte {number * form.record + 4 * place} (point {number + 1:,}): {problem}"


def _text_problems(body: bytes, form: PointFormat) -> Iterator[str]:
    points = 0
    for line_number, line in enumerate(body.split(b"\n"), 1):
        numbers = line.split()
        if not numbers:
            continue
        points += 1
        if points > MAX_POINTS:
            yield f"line {line_number:,}: it has more than {MAX_POINTS:,} points"
        if len(numbers) != len(form.fields):
            expected = f"{form.name} has {len(form.fields)}: {' '.join(form.fields)}"
            yield f"line {line_number:,} has {len(numbers)} numbers; {expected}"
            continue
        for field, text in zip(form.fields, numbers, strict=True):
            value = float(text) if _NUMBER.fullmatch(text) else math.nan
            problem = _value_problem(field, value, text[:_SHOWN].decode(errors="backslashreplace"))
            if problem:
                yield f"line {line_number:,}: {problem}"
    if not points:
        yield "it has no points"


def _value_problem(field: str, value: float, text: str = "") -> str:
    if not abs(value) <= _MAX_FLOAT:
        return f"{field} is {text or value}, which is not a number of 4 bytes"
    if field in "rgb" and not 0 <= value <= 255:
        return f"{field} is {text or value}; a color is from 0 to 255"
    return ""
