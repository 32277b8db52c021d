"""Boxes in pictures that belong to the objects of cuboids: answers, labels, simulated workers and audits."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.service.kinds.kind import AnswerError, Kind
from tests.service.in_process import InProcess
from tests.service.kinds.some_clouds import NAMES, SEQUENCE_LINE, URI, WEATHER, cloud_objects, tracks_label
from tests.service.kinds.some_jobs import LABELS, former_cloud, label_of, make_kind
from tests.service.kinds.some_sequences import ATTRIBUTES
from tests.service.kinds.test_cloud_cuboids import TRACKING, box, content_of, frame

LINKED = [{"type": "BoundingBox"}, {"type": "Cuboid"}]
PLACE = {"left": 40, "top": 12, "width": 90, "height": 44}


def linked_kind(**categories: Any) -> Kind:
    return make_kind(TRACKING, annotationType=LINKED, **categories)


def drawn(label: str = "cow", name: str = "cow:1", object_id: str = "id-1", **more: Any) -> dict[str, Any]:
    """A box in a worker's answer."""
    about = {"label": label, "objectName": name, "objectId": object_id}
    return {**about, "labelCategoryAttributes": {}, **PLACE, **more}


def seen(*boxes: dict[str, Any], camera: Any = 0) -> dict[str, Any]:
    """A picture in a worker's answer."""
    return {"cameraNumber": camera, "boundingBoxes": list(boxes)}


def linked_label(chance: Random) -> dict[str, Any]:
    """The content of a ``SeqLabel.json``: tracks, and a box for some of what is in the first frame."""
    lidar = tracks_label(chance, LABELS)
    cuboids = [cuboid for cuboid in lidar["tracking-annotations"][0]["annotations"] if chance.random() < 0.7]
    boxes = [
        {
            **PLACE,
            "left": 100 * place,
            **{key: cuboid[key] for key in ("class-id", "object-id", "object-name")},
            "label-category-attributes": {},
        }
        for place, cuboid in enumerate(cuboids)
    ]
    return {
        "lidar": lidar,
        "camera-0": {"tracking-annotations": [{"frame-no": 0, "frame": "0.jpg", "annotations": boxes}]},
    }


def test_boxes_stand_beside_the_cuboids_of_the_same_objects() -> None:
    """Source: developer guide, "3D-2D Object Tracking Output"."""
    kind = linked_kind(frameAttributes=WEATHER, categoryGlobalAttributes=ATTRIBUTES)
    cloud = {**frame(0, box("cow", "cow:1", 3, "id-1", parked="no"), weather="wet"), "cameras": [seen(drawn())]}
    label = label_of(kind, {kind.key: {"frames": [cloud]}}, SEQUENCE_LINE)
    document = content_of(label)
    assert list(document) == ["lidar", "camera-0"]
    clouds = document["lidar"]["tracking-annotations"]
    assert [cloud["frame-name"] for cloud in clouds] == NAMES
    (picture,) = document["camera-0"]["tracking-annotations"]
    assert (picture["frame-no"], picture["frame"]) == (0, "0.jpg")
    (box_written,) = picture["annotations"]
    ids = {"object-id": "id-1", "object-name": "cow:1", "class-id": 2}
    assert box_written == {**PLACE, "label-category-attributes": {}, **ids}
    assert ids.items() <= clouds[0]["annotations"][0].items()
    assert len(label.metadata["objects"]) == len(NAMES), "one for each cloud"


def test_without_links_the_label_is_as_before() -> None:
    kind = make_kind(TRACKING)
    label = label_of(kind, {kind.key: {"frames": [frame(0, box("cow", "cow:1", 3, "id-1"))]}}, SEQUENCE_LINE)
    assert list(content_of(label)) == ["tracking-annotations"]


@pytest.mark.parametrize(
    ("cameras", "words"),
    [
        ({}, r"frames\[0\].cameras is not a list"),
        ([3], r"cameras\[0\].cameraNumber is not the number of a picture of it"),
        ([seen(camera=1)], r"cameras\[0\].cameraNumber is not the number"),
        ([seen(camera="0")], r"cameras\[0\].cameraNumber is not the number"),
        ([seen(), seen()], r"cameras\[1\].cameraNumber is 0, which another one has"),
        ([seen(drawn(width=0))], r"cameras\[0\].boundingBoxes\[0\].width is 0; a box has"),
        ([seen(drawn(), drawn())], "camera-0/0: an object is in it twice"),
        ([seen(drawn(name="cow:2"))], "an object has one objectId and one objectName"),
        ([seen(drawn(object_id="id-2"))], "an object has one objectId and one objectName"),
        ([seen(drawn(label="gnu"))], r"boundingBoxes\[0\].label is 'gnu'"),
    ],
)
def test_what_is_wrong_in_a_picture_is_told(cameras: Any, words: str) -> None:
    kind = linked_kind()
    cloud = {**frame(0, box("cow", "cow:1", 3, "id-1")), "cameras": cameras}
    with pytest.raises(AnswerError, match=words):
        kind.check_answer({kind.key: {"frames": [cloud]}}, SEQUENCE_LINE)


@given(seed=st.integers(0, 10**6))
def test_what_is_right_comes_out_as_it_went_in(seed: int) -> None:
    kind, truth = linked_kind(frameAttributes=[{**WEATHER[0], "isRequired": True}]), linked_label(Random(seed))
    for entry in truth["lidar"]["tracking-annotations"]:
        entry["frame-attributes"] = {"weather": "wet"}
    content = kind.simulate(SEQUENCE_LINE, truth, True, Random(seed))
    assert content is not None
    assert content_of(label_of(kind, json.loads(json.dumps(content)), SEQUENCE_LINE)) == truth


def test_a_careless_worker_also_draws_boxes_that_are_beside_their_place() -> None:
    kind, truth = linked_kind(), linked_label(Random(4))
    truth["lidar"]["tracking-annotations"] = []
    right = kind.simulate(SEQUENCE_LINE, truth, True, Random(1))
    assert len(truth["camera-0"]["tracking-annotations"][0]["annotations"]) > 0
    for seed in range(4):
        wrong = kind.simulate(SEQUENCE_LINE, truth, False, Random(seed))
        assert wrong != right
        kind.check_answer(wrong, SEQUENCE_LINE)


@given(seed=st.integers(0, 10**6))
def test_an_audit_begins_with_the_boxes_and_keeps_them(seed: int) -> None:
    name = f"adjustment-{TRACKING}"
    kind = make_kind(name, auditLabelAttributeName="before-ref", annotationType=LINKED)
    truth = linked_label(Random(seed))
    line = {**SEQUENCE_LINE, **former_cloud(kind, truth)}
    label = label_of(kind, kind.simulate(line, truth, True, Random(seed)) or {}, line)
    assert label.metadata["adjustment-status"] == "unadjusted"
    assert content_of(label) == truth


def test_an_audit_locks_boxes_and_corrects_those_that_are_off() -> None:
    name, truth = f"adjustment-{TRACKING}", linked_label(Random(4))
    before = json.loads(json.dumps(truth))
    boxes = before["camera-0"]["tracking-annotations"][0]["annotations"]
    boxes[0]["left"] += 300
    audit = {"auditLabelAttributeName": "before-ref", "annotationType": LINKED}
    kind = make_kind(name, **audit)
    line = {**SEQUENCE_LINE, **former_cloud(kind, before)}
    label = label_of(kind, kind.simulate(line, truth, True, Random(1)) or {}, line)
    assert label.metadata["adjustment-status"] == "adjusted"
    assert content_of(label) == truth
    kind = make_kind(name, **audit, labels=[{"label": label, "editsAllowed": "none"} for label in LABELS])
    line = {**SEQUENCE_LINE, **former_cloud(kind, before)}
    initial = kind.own_input(line)["initial"]
    kind.check_answer({kind.key: initial}, line)
    initial["frames"][0]["cameras"][0]["boundingBoxes"][0]["left"] += 1
    with pytest.raises(AnswerError, match="camera-0/0: shapes that the category file locks were changed"):
        kind.check_answer({kind.key: initial}, line)


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        ({}, "camera-0: tracking-annotations is missing"),
        ({"tracking-annotations": [{"frame-no": 0, "keypoints": [{"class-id": 0, "x": 1, "y": 1, "object-id": "a"}]}]},
         "camera-0: it has shapes other than boxes"),
    ],
)  # fmt: skip
def test_a_label_with_pictures_that_can_not_be_read_is_told(camera: Any, words: str) -> None:
    kind = make_kind(f"adjustment-{TRACKING}", auditLabelAttributeName="before-ref", annotationType=LINKED)
    truth = {"lidar": tracks_label(Random(4), LABELS), "camera-0": camera}
    assert words in str(kind.obstacle({**SEQUENCE_LINE, **former_cloud(kind, truth)}))


def test_a_sequence_without_pictures_is_an_obstacle() -> None:
    kind = linked_kind()
    bare = json.loads(cloud_objects()[URI])
    del bare["frames"][0]["images"]
    kind.job.object_store.write({"s3://lab/street/bare.json": (json.dumps(bare).encode(), "")})
    assert "has images" in str(kind.obstacle({"source-ref": "s3://lab/street/bare.json"}))
    assert kind.obstacle(SEQUENCE_LINE) is None


def test_a_whole_job_links_boxes_to_cuboids(tmp_path: Path) -> None:
    service = InProcess(tmp_path)
    truth = linked_label(Random(4))
    categories = {"labels": [{"label": label} for label in LABELS], "annotationType": LINKED}
    wrong = {**categories, "annotationType": [{"type": "Cuboid"}]}
    service.storage.objects |= cloud_objects() | {
        "s3://lab/linked.json": json.dumps(categories).encode(),
        "s3://lab/wrong.json": json.dumps(wrong).encode(),
    }
    given: dict[str, Any] = {"labels": None, "instructions": None, "task_type": TRACKING}
    given |= {"label_attribute_name": "track-ref", "workers_per_object": 1}
    manifest = json.dumps({**SEQUENCE_LINE, "truth": truth}).encode()
    try:
        _, (line,) = service.run(manifest, category_uri="s3://lab/linked.json", **given)
        refused, _ = service.run(manifest, name="wrong", category_uri="s3://lab/wrong.json", **given)
        objects = dict(service.storage.objects)
    finally:
        service.close()
    assert json.loads(objects[line["track-ref"]]) == truth
    assert "not of one BoundingBox and one Cuboid" in refused["FailureReason"]
    (first,) = [body for uri, body in objects.items() if "/worker-response/" in uri and uri.endswith("/0.json")]
    (cloud,) = json.loads(first)["trackingAnnotations"]
    assert len(cloud["cameras"][0]["boundingBoxes"]) > 0
