"""Small jobs of every kind that has simulated workers, without a service around them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from io import BytesIO
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.service.kinds.kind import KINDS, Answered, JobFacts, Kind, ObjectLabel, WorkerAnswer
from tests.service.in_process import Memory
from tests.service.kinds import some_clouds, some_sequences

LABELS = ["ant", "bee", "cow", "dog"]
BOX = "BoundingBox"
STAMP = "2026-01-02T03:04:05.000006"
WIDTH, HEIGHT = 40, 30
TEXT = "Die „Aurora“ verließ Bergen am 3. Mai 🚢, und niemand weiß, wohin sie fuhr."


def make_kind(task_type: str, workers: int = 3, **categories: Any) -> Kind:
    """A kind at work in a job whose objects are in memory: ``s3://lab/picture`` and the masks that truths name.

    :param categories: further keys of the category document.
    """
    store = Memory()
    store.objects |= some_sequences.sequence_objects() | some_clouds.cloud_objects()
    store.objects["s3://lab/picture"] = _png(np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8))
    job = JobFacts(
        name="job",
        arn="arn:aws:sagemaker:us-east-1:123456789012:labeling-job/job",
        attribute="label",
        task_type=TASK_TYPES[task_type],
        labels=list(LABELS),
        categories={"labels": [{"label": label} for label in LABELS], **categories},
        workers_per_object=workers,
        output="s3://lab/out/job",
        request=JobRequest({"HumanTaskConfig": {"TaskTitle": "What is it?", "UiConfig": {}}}),
        object_store=store,
    )
    return KINDS[task_type](job)


def label_of(kind: Kind, content: dict[str, Any], line: dict[str, Any]) -> ObjectLabel:
    """What becomes of one worker's answer, which is a good one."""
    kind.check_answer(content, line)
    consolidated = kind.consolidate([Answered(7, line, [WorkerAnswer("private.a", content)])], STAMP)
    assert consolidated is not None
    assert consolidated.failed == {}
    return consolidated.labels[7]


def make_line(kind: Kind, chance: Random) -> dict[str, Any]:
    """A data object with its truth, which has the form that its kind asks for."""
    task_type = kind.job.task_type
    line: dict[str, Any] = (
        {"source": TEXT} if task_type.media in {"text", "any"} else {"source-ref": "s3://lab/picture"}
    )
    if task_type.media == "frames":
        line = {"source-ref": some_sequences.URI}
    elif task_type.media == "points":
        line = dict(some_clouds.SEQUENCE_LINE if task_type.has_sequence_files else some_clouds.LINE)
    if task_type.audits:
        line |= _former_label(kind, chance)
    if task_type.media == "any":
        truth: Any = {"form": {"number": chance.randrange(9)}}
    elif task_type.media == "frames":
        truth = _sequence_label(kind, chance)
    elif task_type.media == "points":
        truth = cloud_truth(kind, chance)
    elif task_type.name.startswith("verification-"):
        truth = {"label": chance.choice(LABELS), "comment": chance.choice(("", "Too wide."))}
    elif task_type.name.endswith("-multilabel"):
        truth = chance.sample(LABELS, chance.randrange(len(LABELS)))
    elif task_type.name.endswith("-classification"):
        truth = chance.choice(LABELS)
    elif task_type.metadata_type == "groundtruth/object-detection":
        truth = [_box(chance) for _ in range(chance.randrange(4))]
    elif task_type.name == "named-entity-recognition":
        truth = [_span(chance) for _ in range(chance.randrange(4))]
    else:
        truth = _stored_mask(kind, chance)
    return {**line, "truth": truth}


def _former_label(kind: Kind, chance: Random) -> dict[str, Any]:
    """What an earlier job has made of the object, without looking."""
    wanted = kind.job.task_type.audited_type
    if kind.job.task_type.media == "frames":
        return former_sequence(kind, _sequence_label(kind, chance))
    if kind.job.task_type.media == "points":
        return former_cloud(kind, cloud_truth(kind, chance))
    if wanted == "groundtruth/object-detection":
        boxes = [_box(chance) for _ in range(chance.randrange(4))]
        return former_boxes(boxes)
    return _of_mask(_stored_mask(kind, chance), dict(enumerate(LABELS, 1)))


def mask_line(kind: Kind, mask: Any, names: dict[int, str]) -> dict[str, Any]:
    """A picture with a mask as its label ``before-ref``.

    :param names: what the mask's numbers are.
    """
    uri = f"s3://lab/mask-{mask.sum()}-{len(names)}"
    kind.job.object_store.write({uri: (_png(mask), "image/png")})
    return {"source-ref": "s3://lab/picture", **_of_mask(uri, names)}


def _of_mask(uri: str, names: dict[int, str]) -> dict[str, Any]:
    colors = {str(number): {"class-name": name, "hex-color": f"#00000{number}"} for number, name in names.items()}
    color_map = {"0": {"class-name": "BACKGROUND"}, **colors}
    metadata = {"type": "groundtruth/semantic-segmentation", "internal-color-map": color_map}
    return {"before-ref": uri, "before-ref-metadata": metadata}


def _sequence_label(kind: Kind, chance: Random) -> dict[str, Any]:
    return some_sequences.sequence_label(kind.key, chance, LABELS, kind.job.categories.get("annotationType", BOX))


def former_sequence(kind: Kind, label: dict[str, Any]) -> dict[str, Any]:
    """The labels of a sequence as the label ``before-ref`` of a manifest line.

    :param label: the content of ``SeqLabel.json``.
    """
    body = json.dumps(label).encode()
    uri = f"s3://lab/{hash(body)}/SeqLabel.json"
    kind.job.object_store.write({uri: (body, "application/json")})
    class_map = {str(number): name for number, name in enumerate(LABELS)}
    return {"before-ref": uri, "before-ref-metadata": {"type": kind.job.task_type.audited_type, "class-map": class_map}}


def cloud_truth(kind: Kind, chance: Random) -> Any:
    """The truth about a point cloud, or about a sequence of them."""
    made = {
        "boundingCuboids": some_clouds.cuboids_label,
        "trackingAnnotations": some_clouds.tracks_label,
        "segmentedPoints": some_clouds.classes,
    }
    return made[kind.key](chance, LABELS)


def former_cloud(kind: Kind, truth: Any, **metadata: Any) -> dict[str, Any]:
    """Such a truth as the label ``before`` or ``before-ref`` of a manifest line."""
    about = {"type": kind.job.task_type.audited_type, **metadata}
    class_map = {str(number): name for number, name in enumerate(LABELS)}
    if kind.key == "boundingCuboids":
        return {"before": truth, "before-metadata": {"class_map": class_map, **about}}
    if kind.key == "trackingAnnotations":
        return former_sequence(kind, truth)
    body = some_clouds.packed(truth)
    uri = f"s3://lab/{hash(body)}.zlib"
    kind.job.object_store.write({uri: (body, "")})
    names = {0: "Background", **dict(enumerate(LABELS, 1))}
    colors = {str(number): {"class-name": name, "hex-color": f"#00000{number}"} for number, name in names.items()}
    return {"before-ref": uri, "before-ref-metadata": {"color-map": colors, **about}}


def former_boxes(boxes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Boxes as the label ``before`` of a manifest line."""
    sides = ("left", "top", "width", "height")
    annotations = [{"class_id": LABELS.index(box["label"]), **{side: box[side] for side in sides}} for box in boxes]
    value = {"image_size": [{"width": WIDTH, "height": HEIGHT, "depth": 3}], "annotations": annotations}
    class_map = {str(number): name for number, name in enumerate(LABELS)}
    return {"before": value, "before-metadata": {"type": "groundtruth/object-detection", "class-map": class_map}}


def _stored_mask(kind: Kind, chance: Random) -> str:
    """The URI of a mask with some of the labels."""
    uri = f"s3://lab/mask-{chance.randrange(10**9)}"
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for number in range(1, chance.randrange(len(LABELS) + 1) + 1):
        left, top = chance.randrange(WIDTH - 8), chance.randrange(HEIGHT - 8)
        mask[top : top + 8, left : left + 8] = number
    kind.job.object_store.write({uri: (_png(mask), "image/png")})
    return uri


def answered_objects(kind: Kind, seed: int, count: int = 12, right: float = 0.7) -> list[Answered]:
    """Objects with the answers that simulated workers of some care give to them."""
    chance = Random(seed)
    batch = []
    for object_id in range(count):
        line = make_line(kind, chance)
        answers = []
        for worker in chance.sample(range(6), kind.job.workers_per_object):
            content = kind.simulate(line, line["truth"], chance.random() < right, chance)
            assert content is not None
            answers.append(WorkerAnswer(f"private.{worker}", json.loads(json.dumps(content))))
        batch.append(Answered(object_id, line, answers))
    return batch


def labels_as_told(kind: Kind, batches: Sequence[Sequence[Answered]]) -> Any:
    """What becomes of objects that are consolidated one batch after the other; of a mask its pixels, not its file."""
    results = []
    for batch in batches:
        consolidated = kind.consolidate(batch, "2026-01-02T03:04:05.000006")
        for object_id, label in sorted(consolidated.labels.items()):
            pixels = [_content(body, kind) for body, kind in label.files.values()]
            results.append([object_id, label.value, label.metadata, pixels])
        results.append(consolidated.failed)
    return results


def _content(body: bytes, kind: str) -> Any:
    if kind == "application/octet-stream":
        return list(zlib.decompress(body))
    return json.loads(body) if kind == "application/json" else np.asarray(Image.open(BytesIO(body))).tolist()


def _png(pixels: Any) -> bytes:
    body = BytesIO()
    Image.fromarray(pixels).save(body, "PNG")
    return body.getvalue()


def _box(chance: Random) -> dict[str, Any]:
    left, top = chance.randrange(WIDTH - 10), chance.randrange(HEIGHT - 10)
    width, height = chance.randint(4, 10), chance.randint(4, 10)
    return {"label": chance.choice(LABELS), "left": left, "top": top, "width": width, "height": height}


def _span(chance: Random) -> dict[str, Any]:
    start = chance.randrange(len(TEXT) - 8)
    return {"label": chance.choice(LABELS), "startOffset": start, "endOffset": start + chance.randint(1, 8)}
