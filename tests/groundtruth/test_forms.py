"""Tests of the parts of a worker's form."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from labeling_provider.groundtruth.forms import FormColor, FormImage, FormPoint, FormSize


@pytest.mark.parametrize(
    ("written", "part"),
    [
        ({"width": 640, "height": 480}, FormSize(640, 480)),
        ({"x": 3, "y": 4.5, "label": "nose"}, FormPoint(3.0, 4.5)),
        ({"color": "#1f77b4"}, FormColor("#1f77b4")),
        ({"pngImageData": "iVBORw0KGgo="}, FormImage("iVBORw0KGgo=")),
    ],
)
def test_a_part_is_read_as_amazon_writes_it(written: dict[str, Any], part: msgspec.Struct) -> None:
    assert msgspec.convert(written, type(part)) == part


@pytest.mark.parametrize(
    ("written", "part"),
    [
        ({"width": 640}, FormSize),
        ({"x": "3", "y": 4}, FormPoint),
        ({"color": None}, FormColor),
        ({"png_image_data": "iVBORw0KGgo="}, FormImage),
    ],
)
def test_a_part_in_another_form_is_refused(written: dict[str, Any], part: type[msgspec.Struct]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(written, part)
