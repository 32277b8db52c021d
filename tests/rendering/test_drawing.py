"""Labels drawn for people; tests/quality and tests/e2e show them in pages."""

from __future__ import annotations

from typing import Any

import pytest

from labeling_provider.manifest import read_label
from labeling_provider.rendering.drawing import class_names, drawn_picture


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
    ],
)
def test_what_is_no_polygon_is_not_drawn(value: Any) -> None:
    drawn = drawn_picture("p", label(value))
    assert "polygon" not in drawn
    assert "<image " in drawn


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
