"""Drawings of several people: how far they differ, in answers and in labels, and how far people agree."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from labeling_provider.groundtruth.ready_functions import drawing_type
from labeling_provider.manifest import Files, read_label
from labeling_provider.quality import (
    Agreement,
    AnsweredJob,
    Judgement,
    Measure,
    judgement_of_answer,
    judgement_of_label,
)
from tests.memory import MemoryStore
from tests.quality.adjusted import mask, mask_answer, picture
from tests.quality.labeled import answered, put
from tests.quality.said import drew, said

SIZE = {"width": 100, "height": 80}
RED, BLUE = "#ff0000", "#0000ff"
SQUARE, RIGHT = [(0, 0), (10, 0), (10, 10), (0, 10)], [(5, 0), (15, 0), (15, 10), (5, 10)]


def form(kind: str, *shapes: tuple[str, Any]) -> dict[str, Any]:
    """What an element sends: for keypoints a point each, else a list of them."""

    def places(points: Any) -> dict[str, Any]:
        if kind == "keypoints":
            return dict(zip("xy", points, strict=True))
        return {"vertices": [dict(zip("xy", point, strict=True)) for point in points]}

    return {kind: [{"label": name, **places(points)} for name, points in shapes], "inputImageProperties": SIZE}


def shapes(kind: str, *drawn: tuple[str, Any]) -> Judgement:
    return said(form(kind, *drawn))


def instances(body: bytes, *drawn: tuple[str, str]) -> dict[str, Any]:
    given = mask_answer("w", body, {})["answerContent"]["crowd-semantic-segmentation"]
    return {"labeledImage": given["labeledImage"], "instances": [{"label": n, "color": c} for n, c in drawn]}


def painted(body: bytes, **colors: str) -> Judgement:
    return said(mask_answer("w", body, colors)["answerContent"]["crowd-semantic-segmentation"])


HALF = picture((RED, 0, 0, 5, 10), mode="RGB")
WHOLE = picture((RED, 0, 0, 10, 10), mode="RGB")
BOTH = picture((RED, 0, 0, 5, 10), (BLUE, 5, 0, 10, 10), mode="RGB")


@pytest.mark.parametrize(
    ("first", "another", "distance"),
    [
        (shapes("polygons", ("a", SQUARE)), shapes("polygons", ("a", SQUARE)), 0),
        (shapes("polygons", ("a", SQUARE)), shapes("polygons", ("a", RIGHT)), 2 / 3),
        (shapes("polygons", ("a", SQUARE)), shapes("polygons", ("b", SQUARE)), 1),
        (shapes("polygons", ("a", SQUARE), ("a", RIGHT)), shapes("polygons", ("a", RIGHT)), 1 / 2),
        (shapes("polygons"), shapes("polygons"), 0),
        (shapes("polygons"), shapes("polylines"), 1),
        (shapes("polygons", ("a", SQUARE)), drew(("a", 0, 0, 10, 10)), 1),
        # The diagonal has 128 pixels: paths may be 3.8 apart, and ends 6.4, or a quarter of their length.
        (shapes("polylines", ("a", [(0, 0), (80, 0)])), shapes("polylines", ("a", [(80, 1), (0, 1)])), 1 / 3.84),
        (shapes("lines", ("a", [(0, 0), (80, 0)])), shapes("lines", ("a", [(80, 2), (0, 2)])), 2 / 6.4),
        (shapes("lines", ("a", [(0, 0), (80, 0)])), shapes("lines", ("a", [(0, 20), (80, 20)])), 1),
        (shapes("keypoints", ("a", (10, 10))), shapes("keypoints", ("a", (10, 12))), 2 / 3.84),
        (shapes("keypoints", ("a", (10, 10))), shapes("keypoints", ("a", (90, 10)), ("a", (10, 10))), 1 / 2),
        (painted(HALF, a=RED), painted(HALF, a=RED), 0),
        (painted(HALF, a=RED), painted(WHOLE, a=RED), 1 / 2),
        (painted(HALF, a=RED), painted(HALF, b=RED), 1),
        (painted(BOTH, a=RED, b=BLUE), painted(BOTH, b=BLUE, a=RED), 0),
        (painted(BOTH, a=RED, b=BLUE), painted(WHOLE, a=RED, b=BLUE), (1 + 1 / 2) / 2),
        (painted(picture(mode="RGB"), a=RED), painted(picture(mode="RGB")), 0),
        (said(instances(BOTH, ("a", RED), ("a", BLUE))), said(instances(BOTH, ("a", BLUE), ("a", RED))), 0),
        (said(instances(BOTH, ("a", RED), ("a", BLUE))), said(instances(HALF, ("a", RED))), 1 / 2),
        (said(instances(HALF, ("a", RED), ("a", BLUE))), said(instances(HALF, ("a", RED))), 0),
        (said(instances(HALF, ("a", RED))), painted(HALF, a=RED), 1),
    ],
)
def test_how_far_two_drawings_differ(first: Judgement, another: Judgement, distance: float) -> None:
    assert first.distance(another) == pytest.approx(distance, abs=0.02)
    assert another.distance(first) == pytest.approx(distance, abs=0.02)


@pytest.mark.parametrize(
    "content",
    [
        {"polygons": []},
        {**form("polygons"), "inputImageProperties": {"width": 0, "height": 9}},
        form("polygons", ("a", SQUARE[:2])),
        form("lines", ("a", SQUARE)),
        form("keypoints", ("a", (1e300, 1))),
        form("keypoints", *[("a", (1, 1))] * 301),
        form("polylines", *[("a", [(1, 1)] * 11_000)] * 2),
        form("polygons", ("a", [("0", 1)] * 3)),
        {"labeledImage": {"pngImageData": "AAAA"}, "labelMappings": {}},
        {"labeledImage": {"pngImageData": "?"}, "instances": []},
        instances(HALF, ("a", "red")),
        instances(HALF, *[("a", RED)] * 301),
    ],
)
def test_what_can_not_be_compared_is_no_judgement(content: Any) -> None:
    assert judgement_of_answer({"element": content}) is None


def label_of(kind: str, value: dict[str, Any], **names: str) -> Any:
    about = {"type": drawing_type(kind), "class-map": names or {"0": "a"}, "objects": []}
    whole = {"image_size": [SIZE], **value}
    return read_label({"source-ref": "s3://marsh/1.png", "x": whole, "x-metadata": about}, "x")


def test_labels_and_answers_are_of_one_kind() -> None:
    for kind in ("polygons", "polylines", "lines"):
        points = SQUARE if kind == "polygons" else SQUARE[:2]
        drawn = form(kind, ("a", points))
        label = label_of(kind, {kind: [{"class_id": 0, "vertices": drawn[kind][0]["vertices"]}]})
        assert judgement_of_label(label) == said(drawn)
    point = label_of("keypoints", {"keypoints": [{"class_id": 0, "x": 3, "y": 4}]})
    assert judgement_of_label(point) == shapes("keypoints", ("a", (3, 4)))
    # A custom label may be what the element has sent.
    custom = read_label({"source-ref": "s3://marsh/1.png", "x": form("polygons", ("a", SQUARE))}, "x")
    assert custom is not None
    assert judgement_of_label(custom) == shapes("polygons", ("a", SQUARE))


def test_masks_of_labels_are_read_from_their_files() -> None:
    bucket = MemoryStore()
    numbers = picture((7, 0, 0, 5, 10))
    names = {0: "BACKGROUND", 7: "a"}
    semantic = read_label(mask(bucket, "x", numbers, names), "x")
    assert semantic is not None
    judged = judgement_of_label(semantic, Files(bucket))
    assert judged is not None
    assert judged.distance(painted(HALF, a=RED)) == 0
    assert judgement_of_label(semantic) is None, "nothing reads its file"
    bucket.objects["s3://marsh/i.png"] = numbers
    label = label_of("instances", {"mask": "s3://marsh/i.png", "instances": [{"class_id": 0, "pixel_value": 7}]})
    judged = judgement_of_label(label, Files(bucket))
    assert judged is not None
    assert judged.distance(said(instances(HALF, ("a", RED)))) == 0


def test_a_large_mask_is_compared_on_a_grid() -> None:
    def disc(left: int) -> Judgement:
        rows, columns = np.indices((1200, 1600))
        inside = (columns - left) ** 2 + (rows - 600) ** 2 < 300**2
        return painted(picture_of(np.where(inside[..., None], [255, 0, 0], [0, 0, 0])), a=RED)

    # Two circles of radius 300 whose middles are 150 apart: their Jaccard index is 0.521.
    assert disc(700).distance(disc(850)) == pytest.approx(1 - 0.521, abs=0.01)


def picture_of(pixels: Any) -> bytes:
    from io import BytesIO

    body = BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(body, "PNG", compress_level=1)
    return body.getvalue()


@pytest.mark.parametrize("kind", ["polygons", "keypoints", "masks"])
def test_alpha_tells_people_who_agree_from_chance(kind: str) -> None:
    chance = random.Random(1)

    def drawn(left: float, top: float) -> Judgement:
        if kind == "keypoints":
            return shapes(kind, ("a", (left, top)))
        if kind == "polygons":
            return shapes(kind, ("a", [(left + x, top + y) for x, y in SQUARE]))
        return painted(
            picture((RED, int(left), int(top), int(left) + 10, int(top) + 10), mode="RGB", size=(100, 80)), a=RED
        )

    near, far = Agreement(), Agreement()
    # More than are compared with each other.
    for _ in range(55):
        middle = chance.uniform(0, 85), chance.uniform(0, 65)
        near.add([drawn(middle[0] + chance.uniform(-1, 1), middle[1]) for _ in range(2)])
        far.add([drawn(chance.uniform(0, 85), chance.uniform(0, 65)) for _ in range(2)])
    assert 0.7 < (near.alpha or 0) < 1
    assert abs(far.alpha or 1) < 0.15


POINTS = st.tuples(st.floats(-100, 200, allow_nan=False), st.floats(-80, 160, allow_nan=False))


@settings(max_examples=30)
@given(st.data())
def test_a_distance_is_between_0_and_1_and_the_same_both_ways(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["polygons", "polylines", "lines", "keypoints"]))
    min_points, max_points = {"polygons": (3, 6), "polylines": (2, 6), "lines": (2, 2), "keypoints": (1, 1)}[kind]
    points: Any = POINTS if kind == "keypoints" else st.lists(POINTS, min_size=min_points, max_size=max_points)
    drawn = st.lists(st.tuples(st.sampled_from("ab"), points), max_size=3)
    first, another = shapes(kind, *data.draw(drawn)), shapes(kind, *data.draw(drawn))
    distance = first.distance(another)
    assert 0 <= distance <= 1
    assert another.distance(first) == pytest.approx(distance, abs=0.02)


def test_workers_who_draw_are_compared_with_the_label_and_with_each_other() -> None:
    bucket = MemoryStore()
    lines = [
        {"source-ref": f"s3://marsh/{number}.png", **label_of("polygons", drawn_label(left)).keys}
        for number, left in enumerate((0, 50))
    ]
    measure = Measure(Files(bucket), "x")
    golden = put(bucket, "g", lines)
    measure.add_golden(golden, "x")
    measure.labels(put(bucket, "m", lines))
    files = [
        answered(bucket, number, *(answer(worker, left + moved) for worker, moved in (("good", 0), ("poor", 5))))
        for number, left in enumerate((0, 50))
    ]
    measure.answers([AnsweredJob("s3://marsh/m", files, 2)])
    quality = measure.quality
    assert (quality.golden, quality.golden_accuracy) == (2, pytest.approx(1))
    good, poor = quality.workers
    assert (good.accuracy, poor.accuracy) == (pytest.approx(1), pytest.approx(1 / 3, abs=0.02))
    assert quality.agreement is not None
    assert 0 < quality.agreement < 0.6


def drawn_label(left: float) -> dict[str, Any]:
    return {"polygons": [{"class_id": 0, "vertices": [{"x": left + x, "y": y} for x, y in SQUARE]}]}


def answer(worker: str, left: float) -> dict[str, Any]:
    return {
        "workerId": worker,
        "answerContent": {"crowd-polygon": form("polygons", ("a", [(left + x, y) for x, y in SQUARE]))},
    }


def test_workers_who_paint_are_compared_even_if_the_label_can_not_be_read() -> None:
    bucket = MemoryStore()
    lines = [
        {"source-ref": f"s3://marsh/{number}.png", **mask(bucket, "x", picture((1, 0, 0, 5, 10)), {1: "a"})}
        for number in range(2)
    ]
    bucket.objects[lines[1]["x"]] = b"no picture"
    measure = Measure(Files(bucket), "x")
    measure.labels(put(bucket, "m", lines))
    painters = [mask_answer("half", HALF, {"a": RED}), mask_answer("whole", WHOLE, {"a": RED})]
    measure.answers([AnsweredJob("s3://marsh/m", [answered(bucket, number, *painters) for number in range(2)], 2)])
    quality = measure.quality
    half, whole = quality.workers
    assert (half.answers, half.accuracy, whole.accuracy) == (2, pytest.approx(1), pytest.approx(1 / 2))
    assert quality.agreement is not None
    assert "can't be read as a picture" in quality.problems[0]
