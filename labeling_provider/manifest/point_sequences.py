"""Frames and sequences of point clouds, as input manifests and sequence files describe them.

All coordinates are in meters. A pose leads from the coordinates of a sensor to those of the world: ``heading`` turns,
then ``position`` moves.

Sources: developer guide, "Create a Point Cloud Frame Input Manifest File", "Create a Point Cloud Sequence Input
Manifest" and "Understand Coordinate Systems and Sensor Fusion".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeGuard

from labeling_provider.groundtruth.documents import is_unicode
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.media import IMAGE_ENDINGS
from labeling_provider.groundtruth.point_formats import (
    CAMERA_MODELS,
    POINT_FORMATS,
    RADIAL,
    TANGENTIAL,
    PointFormat,
    format_of_file,
)
from labeling_provider.groundtruth.uris import as_s3_uri, split_s3_uri
from labeling_provider.manifest.sequences import (
    SHOWN,
    SequenceError,
    first_problems,
    header_problems,
    is_number,
    is_time,
    is_whole,
    kind_of,
    prefix_problems,
    read_document,
    shown_value,
)

_OTHERS: Final = (".json", ".las", ".laz", ".manifest", ".npy", ".pcd", ".ply")
"""Endings of files that hold something other than one of the formats."""
_SLACK: Final = 0.01
"""How far the length of a quaternion may be from 1, because written numbers are rounded."""
MAX_METERS: Final = 1e9
"""Largest distance from the origin, in meters, and largest number of a camera."""
_POSITION: Final = ("x", "y", "z")
_HEADING: Final = ("qx", "qy", "qz", "qw")


class Pose(NamedTuple):
    """Where a sensor is in the world, and how it is turned.

    :param position: x, y and z in meters.
    :param heading: a quaternion of length 1: x, y, z, w.
    """

    position: tuple[float, float, float]
    heading: tuple[float, float, float, float]


class CameraImage(NamedTuple):
    """A picture that a camera took of the scene. The camera's x points right, y down, and z into the picture.

    :param uri: S3 URI of the picture.
    :param timestamp: Unix time, in seconds.
    :param model: ``pinhole`` or ``fisheye``.
    :param focal: focal lengths across and down, in pixels.
    :param center: the principal point, in pixels.
    :param skew: deviation of the picture's axes from a right angle, in pixels.
    :param radial: k1, k2, k3 and k4.
    :param tangential: p1 and p2.
    """

    uri: str
    timestamp: float
    model: str
    focal: tuple[float, float]
    center: tuple[float, float]
    skew: float
    radial: tuple[float, float, float, float]
    tangential: tuple[float, float]
    pose: Pose


class PointFrame(NamedTuple):
    """One point cloud, with the pictures that belong to it.

    :param name: the file's path below the sequence's prefix; its URI if it is in no sequence.
    :param uri: S3 URI of the file.
    :param timestamp: Unix time, in seconds.
    :param number: ``frame-no``; None if there is none.
    :param pose: the vehicle's pose; None if unknown.
    :param images: its pictures, at most eight.
    """

    name: str
    uri: str
    format: PointFormat
    timestamp: float
    number: int | None
    pose: Pose | None
    images: tuple[CameraImage, ...]


class PointSequence(NamedTuple):
    """A sequence of point clouds, in the order of its file.

    :param prefix: the S3 folder of the frames, with a slash at its end.
    """

    number: int
    prefix: str
    frames: tuple[PointFrame, ...]


def read_point_frame(line: Mapping[str, Any], where: str) -> PointFrame:
    """The point cloud that a line of an input manifest describes.

    :param line: the line, parsed.
    :param where: the manifest and the line, for errors.
    :raises SequenceError: naming the key of everything that is wrong.
    """
    reference, about = line.get("source-ref"), line.get("source-ref-metadata")
    uri = as_s3_uri(reference) if isinstance(reference, str) else ""
    if not _is_file(uri):
        raise SequenceError(
            where, [f"source-ref is {shown_value(line, 'source-ref')}; write the S3 URI of a point cloud"]
        )
    key = "source-ref-metadata"
    if not isinstance(about, dict):
        example = '{"unix-timestamp": …, "format": "binary/xyzi"}'
        raise SequenceError(where, [f"{key} is {shown_value(line, key)}; write an object such as {example}"])
    problems = first_problems(_frame_problems(about, uri, "source-ref", f"{key}.", needs_prefix=True))
    if problems:
        raise SequenceError(where, problems)
    return _frame(about, uri, uri, "")


def read_point_sequence(body: bytes | str, where: str) -> PointSequence:
    """Parse a sequence file.

    :param where: its URI, for errors.
    :raises SequenceError: naming the line or key of everything that is wrong.
    """
    document = read_document(body, where, Quota.POINT_SEQUENCE_FILE_BYTES)
    problems = first_problems(_problems(document, where))
    if problems:
        raise SequenceError(where, problems)
    prefix = document["prefix"]
    frames = tuple(_frame(frame, frame["frame"], prefix + frame["frame"], prefix) for frame in document["frames"])
    return PointSequence(document["seq-no"], prefix, frames)


def point_frame_line(frame: PointFrame) -> dict[str, Any]:
    """The line of an input manifest for one point cloud.

    :raises ValueError: if its pictures are not in one S3 folder, or below it.
    """
    return {"source-ref": frame.uri, "source-ref-metadata": frame_document(frame, _folder(frame))}


def point_sequence_document(number: int, prefix: str, frames: Sequence[PointFrame]) -> dict[str, Any]:
    """The content of a sequence file.

    :param number: the sequence's number.
    :param prefix: S3 URI of the folder with the frames, with a slash at its end; ``name`` of a frame is below it.
    :raises ValueError: if the pictures of a frame are not in one S3 folder, or below it.
    """
    documents = []
    for place, frame in enumerate(frames):
        own = frame.number if frame.number is not None else place
        inside = all(image.uri.startswith(prefix) for image in frame.images)
        about = frame_document(frame, prefix if inside else _folder(frame))
        documents.append({"frame-no": own, "frame": frame.name, **about})
    return {"seq-no": number, "prefix": prefix, "number-of-frames": len(documents), "frames": documents}


def _folder(frame: PointFrame) -> str:
    """The deepest folder that all pictures of a frame are in; empty if there are none.

    :raises ValueError: if there is none.
    """
    if not frame.images:
        return ""
    # A beginning that the first and the last in order share is shared by all.
    first, last = (choose(image.uri for image in frame.images) for choose in (min, max))
    same = next((place for place, pair in enumerate(zip(first, last, strict=False)) if len(set(pair)) > 1), len(first))
    folder = first[: first.rfind("/", 0, same) + 1]
    if folder.count("/") < 4:
        raise ValueError(f"the pictures of {frame.uri} are not in one S3 folder")
    return folder


def frame_document(frame: PointFrame, folder: str) -> dict[str, Any]:
    """What a sequence file says of a frame, besides its file and number.

    :param folder: S3 folder of its pictures.
    """
    about: dict[str, Any] = {"unix-timestamp": frame.timestamp, "format": frame.format.name}
    if frame.pose is not None:
        about["ego-vehicle-pose"] = _pose_document(frame.pose)
    if frame.images:
        about["prefix"] = folder
        about["images"] = [image_document(image, folder) for image in frame.images]
    return about


def image_document(image: CameraImage, folder: str) -> dict[str, Any]:
    """What a sequence file says of a picture.

    :param folder: the picture's S3 folder.
    """
    inside = dict(zip(("fx", "fy", "cx", "cy"), (*image.focal, *image.center), strict=True))
    distortion = dict(zip((*RADIAL, *TANGENTIAL), (*image.radial, *image.tangential), strict=True))
    return {
        "image-path": image.uri.removeprefix(folder),
        "unix-timestamp": image.timestamp,
        "camera-model": image.model,
        **inside,
        **{key: distortion[key] for key in CAMERA_MODELS[image.model]},
        "skew": image.skew,
        **_pose_document(image.pose),
    }


def _pose_document(pose: Pose) -> dict[str, Any]:
    return {
        "position": dict(zip(_POSITION, pose.position, strict=True)),
        "heading": dict(zip(_HEADING, pose.heading, strict=True)),
    }


# What is wrong


def _problems(document: dict[str, Any], where: str) -> Iterator[str]:
    yield from header_problems(document, Quota.POINT_SEQUENCE_FRAMES, '{"frame": "…", "unix-timestamp": …}')
    frames = document.get("frames")
    if isinstance(frames, list):
        yield from _frames_problems(frames[: Quota.POINT_SEQUENCE_FRAMES + 1], document.get("prefix"), where)


def _frames_problems(frames: Sequence[Any], prefix: Any, sequence_uri: str) -> Iterator[str]:
    names, before = dict[str, int](), -math.inf
    for place, frame in enumerate(frames):
        where = f"frames[{place}]"
        if not isinstance(frame, dict):
            yield f"{where} is {kind_of(frame)}; write an object"
            continue
        name = frame.get("frame")
        if not _is_path(name):
            yield f"{where}.frame is {shown_value(frame, 'frame')}; write the path of a point cloud below the prefix"
        elif f"{prefix}{name}" == sequence_uri:
            yield f"{where}.frame is {name[:SHOWN]!r}, the sequence file itself"
        elif (first := names.setdefault(name, place)) != place:
            yield f"{where}.frame is {name[:SHOWN]!r}, as in frames[{first}]"
        else:
            yield from _frame_problems(frame, name, f"{where}.frame", f"{where}.")
        if frame.get("frame-no") is not None and not is_whole(frame["frame-no"]):
            yield f"{where}.frame-no is {shown_value(frame, 'frame-no')}; write a whole number"
        timestamp = frame.get("unix-timestamp")
        if is_time(timestamp):
            if timestamp <= before:
                yield f"{where}.unix-timestamp is {timestamp}, not later than that of the frame before it, {before}"
            before = timestamp


def _frame_problems(
    frame: dict[str, Any], name: str, name_key: str, where: str, *, needs_prefix: bool = False
) -> Iterator[str]:
    """What is wrong with a frame's keys.

    :param name: the name of its file.
    :param where: the beginning of the keys, with a dot.
    :param needs_prefix: whether the frame must name its pictures' folder because nothing else does.
    """
    given = frame.get("format")
    if name.lower().endswith(_OTHERS):
        formats = "a text (.txt) or 4-byte floats (.bin)"
        yield f"{name_key} is {name[-SHOWN:]!r}; write the points as {formats}, the formats of Ground Truth"
    elif given is None and format_of_file(name) is None:
        yield f"{where}format is missing, and {name[-SHOWN:]!r} does not end with .bin or .txt"
    if given is not None and not (isinstance(given, str) and given in POINT_FORMATS):
        yield f"{where}format is {shown_value(frame, 'format')}; use one of {', '.join(POINT_FORMATS)}"
    if not is_time(frame.get("unix-timestamp")):
        yield f"{where}unix-timestamp is {shown_value(frame, 'unix-timestamp')}; write a number of seconds"
    if frame.get("ego-vehicle-pose") is not None:
        pose = frame["ego-vehicle-pose"]
        if isinstance(pose, dict):
            yield from _pose_problems(pose, f"{where}ego-vehicle-pose.")
        else:
            yield f"{where}ego-vehicle-pose is {kind_of(pose)}; write position and heading"
    if frame.get("prefix") is not None:
        yield from (f"{where}{problem}" for problem in prefix_problems(frame))
    images = frame.get("images")
    if images is None:
        return
    if not isinstance(images, list) or len(images) > Quota.CAMERA_IMAGES:
        count = f"{len(images):,} images" if isinstance(images, list) else kind_of(images)
        yield f"{where}images is {count}; write a list of at most {Quota.CAMERA_IMAGES}"
        return
    if images and needs_prefix and frame.get("prefix") is None:
        yield f"{where}prefix is missing; it is the S3 folder of the images"
    for place, image in enumerate(images):
        if isinstance(image, dict):
            yield from _image_problems(image, f"{where}images[{place}].")
        else:
            yield f"{where}images[{place}] is {kind_of(image)}; write an object"


def _image_problems(image: dict[str, Any], where: str) -> Iterator[str]:
    path, model = image.get("image-path"), image.get("camera-model", "pinhole")
    if not _is_path(path) or not path.lower().endswith(IMAGE_ENDINGS):
        endings = " or ".join(IMAGE_ENDINGS)
        yield f"{where}image-path is {shown_value(image, 'image-path')}; write a path that ends with {endings}"
    for key in ("unix-timestamp", "fx", "fy", "cx", "cy"):
        if not (is_time(image.get(key)) if key == "unix-timestamp" else _is_moderate(image.get(key))):
            yield f"{where}{key} is {shown_value(image, key)}; write a number"
        elif key in {"fx", "fy"} and image[key] <= 0:
            yield f"{where}{key} is {image[key]}; a focal length is above 0"
    if not isinstance(model, str) or model not in CAMERA_MODELS:
        yield f"{where}camera-model is {shown_value(image, 'camera-model')}; use {' or '.join(CAMERA_MODELS)}"
        model = "pinhole"
    for key in (*RADIAL, *TANGENTIAL, "skew"):
        value = image.get(key, 0)
        if not _is_moderate(value):
            yield f"{where}{key} is {shown_value(image, key)}; write a number"
        elif value and key != "skew" and key not in CAMERA_MODELS[model]:
            yield f"{where}{key} is {value}, but a {model} camera has only {', '.join(CAMERA_MODELS[model])}"
    yield from _pose_problems(image, where)


def _pose_problems(pose: dict[str, Any], where: str) -> Iterator[str]:
    for key, parts in (("position", _POSITION), ("heading", _HEADING)):
        given = pose.get(key)
        if not isinstance(given, dict):
            yield f"{where}{key} is {shown_value(pose, key)}; write an object with {', '.join(parts)}"
            continue
        wrong = [part for part in parts if not _is_moderate(given.get(part))]
        yield from (f"{where}{key}.{part} is {shown_value(given, part)}; write a number" for part in wrong)
        if key == "heading" and not wrong and abs(length := math.hypot(*(given[part] for part in parts)) - 1) > _SLACK:
            yield f"{where}heading has the length {length + 1:.3g}; a quaternion of a heading has the length 1"


def _is_moderate(value: Any) -> bool:
    """Whether a JSON value is a number small enough for meters or pixels."""
    return is_number(value) and abs(value) <= MAX_METERS


def _is_file(uri: str) -> bool:
    if not uri.startswith("s3://"):
        return False
    try:
        return _is_path(split_s3_uri(uri)[1])
    except ValueError:
        return False


def _is_path(value: Any) -> TypeGuard[str]:
    """Whether a value is the path of a file below a folder."""
    return (
        isinstance(value, str) and is_unicode(value) and not any(part in {"", ".", ".."} for part in value.split("/"))
    )


# What is right


def _frame(frame: dict[str, Any], name: str, uri: str, prefix: str) -> PointFrame:
    form = POINT_FORMATS[frame["format"]] if frame.get("format") else format_of_file(name)
    assert form is not None  # noqa: S101 - the problems say so otherwise
    pose, folder = frame.get("ego-vehicle-pose"), frame.get("prefix") or prefix
    return PointFrame(
        name,
        uri,
        form,
        frame["unix-timestamp"],
        frame.get("frame-no"),
        _pose(pose) if pose is not None else None,
        tuple(_image(image, folder) for image in frame.get("images") or ()),
    )


def _image(image: dict[str, Any], folder: str) -> CameraImage:
    k1, k2, k3, k4, p1, p2 = (image.get(key, 0) for key in (*RADIAL, *TANGENTIAL))
    return CameraImage(
        folder + image["image-path"],
        image["unix-timestamp"],
        image.get("camera-model", "pinhole"),
        (image["fx"], image["fy"]),
        (image["cx"], image["cy"]),
        image.get("skew", 0),
        (k1, k2, k3, k4),
        (p1, p2),
        _pose(image),
    )


def _pose(pose: dict[str, Any]) -> Pose:
    x, y, z = (pose["position"][part] for part in _POSITION)
    heading = [pose["heading"][part] for part in _HEADING]
    length = math.hypot(*heading)
    qx, qy, qz, qw = (part / length for part in heading)
    return Pose((x, y, z), (qx, qy, qz, qw))
