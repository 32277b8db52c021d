"""The ready functions themselves: they read the answers of a batch from S3, and make the labels of its objects.

A label is ``{"image_size": [{"width", "height"}], "polygons": [{"class_id", "vertices": [{"x", "y"}]}]}``, likewise for
polylines and lines; keypoints have ``x`` and ``y`` themselves. Instances have a ``pixel_value`` in the PNG whose URI is
``mask``. The metadata is that of bounding boxes.
"""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final

from labeling_provider.groundtruth import layout
from labeling_provider.groundtruth.objects import METADATA
from labeling_provider.groundtruth.ready_functions import drawing_type
from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.manifest.pictures import open_picture
from labeling_provider.service.kinds.drawings.extreme_points import mask_of
from labeling_provider.service.kinds.drawings.instances import consolidate_masks, png_of, read_masks
from labeling_provider.service.kinds.drawings.paths import PATHS
from labeling_provider.service.kinds.kind import AnswerError

_MAX_RATE: Final = 0.95
"""The highest confidence: even workers who all agree may be wrong."""


def read_drawing(name: str, content: Mapping[str, Any], labels: Mapping[str, int]) -> Any:
    """What a worker drew: a :class:`~.paths.Drawing`, or for instances :class:`~.instances.Masks`.

    :param name: one of the ready functions.
    :param content: what the form submitted.
    :param labels: the position of each of the job's labels.
    :raises AnswerError: if the answer can't be used.
    """
    return read_masks(content, labels) if name == "instances" else PATHS[name].read(content, labels)


def consolidated(name: str, event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The result of a ready function.

    :param name: one of the ready functions.
    :param event: the input of a consolidation function.
    :return: its output; objects without a usable answer are left out, and the log says why.
    :raises ValueError: if the job has no labels.
    """
    import boto3

    if not event.get("labelCategories"):
        raise ValueError("the job has no label categories, so its classes have no numbers; give it labels")
    s3 = boto3.client("s3")
    payload_uri = event["payload"]["s3Uri"]
    bucket, key = split_s3_uri(payload_uri)
    batch = _Batch(name, event, time.time())
    result = []
    for item in json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()):
        object_id = str(item["datasetObjectId"])
        # Named after the batch, so a repeated call writes the same file again.
        stamp = key.rpartition("/")[2].removesuffix(".json")
        mask_uri = layout.label_file_uri(layout.output_of(payload_uri), f"{object_id}_{stamp}.png")
        content, png = batch.label(object_id, item["annotations"], mask_uri)
        if content is None:
            continue
        if png is not None:
            place = split_s3_uri(mask_uri)
            s3.put_object(Bucket=place[0], Key=place[1], Body=png, ContentType="image/png")
        result.append({"datasetObjectId": object_id, "consolidatedAnnotation": {"content": content}})
    return result


def mask_answer(event: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the ready mask function.

    :raises ValueError: if it is asked for anything but extreme points or a box.
    """
    import boto3
    import numpy as np
    from PIL import Image

    if "extreme_points" in event:
        points = np.array([[point["x"], point["y"]] for point in event["extreme_points"]], dtype=np.float64)
    elif "box" in event:
        left, top, width, height = (event["box"][side] for side in ("left", "top", "width", "height"))
        middle = left + width / 2, top + height / 2
        points = np.array([[left, middle[1]], [middle[0], top], [left + width, middle[1]], [middle[0], top + height]])
    else:
        raise ValueError("the ready mask function needs extreme points or a box; single points need a model")
    bucket, key = split_s3_uri(event["dataObject"]["s3Uri"])
    picture = open_picture(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    body = BytesIO()
    Image.fromarray(mask_of(picture, points)).save(body, "PNG")
    return {"pngImageData": base64.b64encode(body.getvalue()).decode()}


class _Batch:
    """A batch of a job.

    :param now: the time in the labels' metadata, in epoch seconds.
    """

    def __init__(self, name: str, event: Mapping[str, Any], now: float) -> None:
        self._name, self._now = name, now
        self._labels: list[str] = event["labelCategories"]
        self._positions = {label: position for position, label in enumerate(self._labels)}
        self._attribute: str = event["labelAttributeName"]
        self._job: str = event["labelingJobArn"].rpartition("/")[2]
        self._workers: int | None = event.get("maxHumanWorkersPerDataObject")

    def label(
        self, object_id: str, annotations: Sequence[Any], mask_uri: str
    ) -> tuple[dict[str, Any] | None, bytes | None]:
        """An object's keys in the output, and the PNG that they name.

        :param annotations: its answers, as in the payload of a consolidation function.
        :param mask_uri: the URI for the PNG.
        """
        drawings = self._usable(object_id, annotations)
        if not drawings:
            return None, None
        width, height = drawings[0].size
        value: dict[str, Any] = {"image_size": [{"width": width, "height": height}]}
        png = None
        if self._name == "instances":
            masks, rated = consolidate_masks(drawings)
            classes, png = masks.labels, png_of(masks)
            value["mask"] = mask_uri
            places = [{"pixel_value": number} for number in range(1, len(classes) + 1)]
        else:
            paths = PATHS[self._name]
            common = paths.consolidate(drawings)
            classes = [agreed.shape.label for agreed in common]
            rated = [agreed.confidence for agreed in common]
            places = [paths.annotation(agreed.shape.points) for agreed in common]
        value[self._name] = [{"class_id": label, **place} for label, place in zip(classes, places, strict=True)]
        is_single = (self._workers or len(annotations)) == 1
        metadata = {
            "objects": [{"confidence": 0.0 if is_single else round(min(rate, _MAX_RATE), 2)} for rate in rated],
            "class-map": {str(label): self._labels[label] for label in sorted(set(classes))},
        }
        about = layout.label_metadata(metadata, drawing_type(self._name), self._job, self._now)
        return {self._attribute: value, f"{self._attribute}{METADATA}": about}, png

    def _usable(self, object_id: str, annotations: Sequence[Any]) -> list[Any]:
        """What the workers drew on the picture of the size that most of them saw."""
        usable = []
        for annotation in annotations:
            try:
                content = json.loads(annotation["annotationData"]["content"])
                if not isinstance(content, dict):
                    raise AnswerError("The answer is not a JSON object.")
                usable.append((annotation["workerId"], read_drawing(self._name, content, self._positions)))
            except (AnswerError, ValueError) as error:
                print(f"Object {object_id}: the answer of {annotation['workerId']} can't be used: {error}")
        if not usable:
            return []
        ((size, _),) = Counter(drawing.size for _, drawing in usable).most_common(1)
        for worker, drawing in usable:
            if drawing.size != size:
                other = f"its picture is not {size[0]} × {size[1]} pixels"
                print(f"Object {object_id}: the answer of {worker} can't be used: {other}")
        return [drawing for _, drawing in usable if drawing.size == size]
