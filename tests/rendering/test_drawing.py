"""Labels drawn for people; tests/quality and tests/e2e show them in pages."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.groundtruth.ready_functions import drawing_type
from labeling_provider.manifest import read_label
from labeling_provider.rendering.drawing import class_names, drawn_picture, size_of


def label(value: Any, **metadata: Any) -> Any:
    return read_label({"source-ref": "s3://b/1.png", "x": value, "x-metadata": metadata}, "x")


def polygons(*shapes: Any, width: int = 640) -> dict[str, Any]:
    return {"polygons": list(shapes), "inputImageProperties": {"width": width, "height": 480}}


def test_polygons_of_a_custom_label_are_drawn() -> None:
    triangle = {"label": "<b>roof</b>", "vertices": [{"x": 1, "y": 2}, {"x": 30.5, "y": 2}, {"x": 1, "y": 40}]}
    drawn = drawn_picture("picture?a=1&b=2", label(polygons(triangle)))
    assert 'viewBox="0 0 640 480"' in drawn
    assert 'href="picture?a=1&amp;b=2"' in drawn
    assert 'points="1.0,2.0 30.5,2.0 1.0,40.0"' in drawn
    assert "<title>&lt;b&gt;roof&lt;/b&gt;</title></polygon>" in drawn


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        None,
        polygons({"label": "a", "vertices": [{"x": '1"/><script>', "y": 2}]}),
        polygons(width=0),
        {"polygons": 1},
        polygons({"\ud800": 1}),
    ],
)
def test_what_is_no_polygon_is_not_drawn(value: Any) -> None:
    drawn = drawn_picture("p", label(value))
    assert "polygon" not in drawn
    assert "<image " in drawn


VERTICES = [{"x": 1, "y": 2}, {"x": 30, "y": 40}, {"x": 5, "y": 60}]
SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "polygons": ({"vertices": VERTICES}, '<polygon points="1.0,2.0 30.0,40.0 5.0,60.0" '),
    "polylines": ({"vertices": VERTICES}, '<polyline points="1.0,2.0 30.0,40.0 5.0,60.0" '),
    "lines": ({"vertices": VERTICES[:2]}, '<polyline points="1.0,2.0 30.0,40.0" '),
    "keypoints": ({"x": 1, "y": 2}, '<circle cx="1.0" cy="2.0" r="8.0" '),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_shapes_are_drawn_as_labels_and_as_answers_have_them(kind: str) -> None:
    shape, tag = SHAPES[kind]
    about = {"type": drawing_type(kind), "class-map": {"0": "<b>roof</b>"}}
    consolidated = label({"image_size": [{"width": 640, "height": 480}], kind: [{"class_id": 0, **shape}]}, **about)
    size = {"width": 640, "height": 480}
    answer = label({kind: [{"label": "<b>roof</b>", **shape}], "inputImageProperties": size}, type="groundtruth/custom")
    for shown in (consolidated, answer):
        assert size_of(shown) == (640, 480)
        drawn = drawn_picture("p", shown)
        assert 'viewBox="0 0 640 480"' in drawn
        assert tag in drawn
        assert "<title>&lt;b&gt;roof&lt;/b&gt;</title></" in drawn


def test_instances_are_laid_over_their_picture() -> None:
    about = {"type": drawing_type("instances"), "class-map": {"0": "roof"}}
    value = {"image_size": [{"width": 640, "height": 480}], "mask": "s3://b/m.png"}
    instances = label({**value, "instances": [{"class_id": 0, "pixel_value": 1}]}, **about)
    drawn = drawn_picture("p", instances, "m&n")
    assert 'viewBox="0 0 640 480"' in drawn
    assert '<image class="mask" href="m&amp;n" width="640" height="480"/>' in drawn
    nothing = label({**value, "image_size": [{"width": 0, "height": 0}], "instances": []}, **about)
    assert 'viewBox="0 0 100 75"' in drawn_picture("p", nothing, "m")


def test_a_mask_is_laid_over_its_picture() -> None:
    mask = label(
        "s3://b/mask.png",
        **{
            "type": "groundtruth/semantic-segmentation",
            "internal-color-map": {"0": {"class-name": "BACKGROUND"}, "1": {"class-name": "<road>"}},
        },
    )
    assert drawn_picture("p", mask, "m&n").count("<image ") == 2
    assert 'class="mask" href="m&amp;n"' in drawn_picture("p", mask, "m&n")
    assert class_names(mask) == "<bdi>&lt;road&gt;</bdi>", "the background is no class"
