"""Typed labels: every shape that the guide shows, written as it was read, and only our error for other shapes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest import (
    Box,
    BoxesLabel,
    ClassesLabel,
    ClassLabel,
    CuboidsLabel,
    EntitiesLabel,
    Entity,
    ImageSize,
    InstancesLabel,
    KeypointsLabel,
    Label,
    LabelError,
    MaskLabel,
    PointMaskLabel,
    PolylinesLabel,
    SequenceLabel,
    ShapesLabel,
    VerdictLabel,
    parse_line,
    read_label,
)
from labeling_provider.manifest.typed_labels import by_structure

COMMON = {
    "job-name": "labeling-job/marsh",
    "human-annotated": "yes",
    "creation-date": "2024-05-03T09:14:02.318240",
}

SIZE = {"width": 1280, "height": 720, "depth": 3}

BOX = {"class_id": 0, "left": 212.4, "top": 96.2, "width": 140.0, "height": 301.6}


def line(kind: str, value: Any, name: str = "marsh", **metadata: Any) -> dict[str, Any]:
    """A labeled line, as it comes out of a manifest."""
    beside = {**metadata, "type": f"groundtruth/{kind}", **COMMON}
    raw = json.dumps({"source": "The Aurora left Bergen.", name: value, f"{name}-metadata": beside})
    return parse_line(raw.encode())


def label_of(kind: str, value: Any, **metadata: Any) -> Any:
    """The same line's label."""
    return read_label(line(kind, value, **metadata), "marsh")


@pytest.mark.parametrize("kind", ["image-classification", "text-classification", "video-classification"])
@pytest.mark.parametrize("value", [1, "1"])
def test_one_class(kind: str, value: int | str) -> None:
    label = label_of(kind, value, **{"class-name": "stork", "confidence": 0.95})
    assert type(label) is ClassLabel
    assert (label.class_id, label.class_name, label.about.confidence) == (1, "stork", 0.95)
    assert label.about.human_annotated == "yes"


def test_several_classes() -> None:
    names, sure = {"0": "delay", "3": "praise"}, {"0": 0.95, "3": 0.61}
    label = label_of("text-classification-multilabel", [0, 3], **{"class-map": names, "confidence-map": sure})
    assert type(label) is ClassesLabel
    assert label.class_ids == [0, 3]
    assert label.class_names == {0: "delay", 3: "praise"}
    assert label.confidences == {0: 0.95, 3: 0.61}


def test_boxes_and_those_outside_the_image() -> None:
    outside = [{**BOX, "left": -1}, {**BOX, "width": 1068}, {**BOX, "top": 500}, {**BOX, "height": 0}]
    value = {"image_size": [SIZE], "annotations": [BOX, *outside]}
    label = label_of("object-detection", value, objects=[{"confidence": 0.93}] * 5, **{"class-map": {"0": "heron"}})
    assert type(label) is BoxesLabel
    assert label.boxes[0] == Box(0, 212.4, 96.2, 140.0, 301.6)
    assert (label.size, label.class_names, label.confidences) == (ImageSize(1280, 720, 3), {0: "heron"}, [0.93] * 5)
    assert label.outside == [1, 2, 3, 4]
    whole = {"image_size": [SIZE], "annotations": [{**BOX, "left": 0, "top": 0, "width": 1280, "height": 720}]}
    assert label_of("object-detection", whole).outside == []


def test_labels_in_plain_words() -> None:
    assert label_of("text-classification", 1, **{"class-name": "stork"}).plain == "stork"
    assert label_of("text-classification", "1").plain == "1"
    assert label_of("label-verification", 0, **{"class-name": "good"}).plain == "good"
    several = label_of("image-classification-multilabel", [0, 3], **{"class-map": {"3": "praise"}})
    assert several.plain == ["0", "praise"]
    boxes = {"image_size": [SIZE], "annotations": [BOX, {**BOX, "class_id": 1}]}
    place = {key: BOX[key] for key in ("left", "top", "width", "height")}
    label = label_of("object-detection", boxes, **{"class-map": {"0": "heron"}})
    assert label.plain == [{"label": "heron", **place}, {"label": "1", **place}]
    spans = [{"label": "Vessel", "startOffset": 4, "endOffset": 10}]
    assert label_of("text-span", {"annotations": {"entities": spans, "labels": []}}).plain == spans
    assert label_of("custom", {"any": ["value"]}).plain == {"any": ["value"]}
    assert (
        label_of("semantic-segmentation", "s3://marsh/1.png", **{"internal-color-map": {}}).plain == "s3://marsh/1.png"
    )


def test_an_image_without_boxes() -> None:
    label = label_of("object-detection", {"image_size": [SIZE], "annotations": []}, objects=[])
    assert (label.boxes, label.confidences, label.outside) == ([], [], [])


def test_entities() -> None:
    spans = [
        {"label": "Vessel", "startOffset": 4, "endOffset": 10},
        {"label": "Port", "startOffset": 16, "endOffset": 22},
    ]
    labels = [{"label": "Vessel", "shortDisplayName": "VES"}, {"label": "Port"}]
    given_line = line(
        "text-span", {"annotations": {"labels": labels, "entities": spans}}, entities=[{"confidence": 0}] * 2
    )
    label = read_label(given_line, "marsh")
    assert isinstance(label, EntitiesLabel)
    assert label.entities == [Entity("Vessel", 4, 10), Entity("Port", 16, 22)]
    assert [given_line["source"][entity.start : entity.end] for entity in label.entities] == ["Aurora", "Bergen"]
    assert [(entry.label, entry.short_display_name) for entry in label.labels] == [("Vessel", "VES"), ("Port", None)]


@pytest.mark.parametrize(
    ("kind", "key", "shape"),
    [
        ("semantic-segmentation", "internal-color-map", MaskLabel),
        ("point_cloud_single_frame_semantic_segmentation", "color-map", PointMaskLabel),
    ],
)
def test_masks(kind: str, key: str, shape: type[MaskLabel]) -> None:
    colors = {"1": {"class-name": "water", "hex-color": "#2ca02c", "confidence": 0.88}}
    label = label_of(kind, "s3://out/7.png", **{key: colors})
    assert type(label) is shape
    assert label.uri == "s3://out/7.png"
    assert (label.colors[1].class_name, label.colors[1].hex_color, label.colors[1].confidence) == (
        "water",
        "#2ca02c",
        0.88,
    )


@pytest.mark.parametrize("kind", ["video-object-detection", "video-object-tracking", "point_cloud_object_tracking"])
def test_sequences(kind: str) -> None:
    label = label_of(kind, "s3://out/0/SeqLabel.json", **{"class-map": {"0": "van"}})
    assert type(label) is SequenceLabel
    assert (label.uri, label.class_names) == ("s3://out/0/SeqLabel.json", {0: "van"})


@pytest.mark.parametrize("key", ["class_map", "class-map"])
def test_cuboids(key: str) -> None:
    cuboid = {"class-id": 0, "object-name": "car:1", "center-x": 1, "center-y": 2.5, "center-z": 0}
    cuboid |= {
        "length": 4,
        "width": 2,
        "height": 1.5,
        "roll": 0,
        "pitch": 0,
        "yaw": 1.57,
        "label-category-attributes": {},
    }
    label = label_of("point_cloud_object_detection", {"annotations": [cuboid]}, objects=[], **{key: {"0": "car"}})
    assert type(label) is CuboidsLabel
    (placed,) = label.cuboids
    assert (placed.object_name, placed.center_y, placed.yaw, label.class_names) == ("car:1", 2.5, 1.57, {0: "car"})


def test_a_verdict_with_comments() -> None:
    remarks = [{"comment": "Box misses the beak."}]
    label = label_of("label-verification", 1, **{"class-name": "reject", "worker-feedback": remarks})
    assert type(label) is VerdictLabel
    assert (label.class_name, label.comments) == ("reject", ["Box misses the beak."])


def test_an_adjusted_label_is_typed_as_the_first_was() -> None:
    value = {"image_size": [SIZE], "annotations": [BOX]}
    assert type(label_of("object-detection", value, **{"adjustment-status": "adjusted"})) is BoxesLabel


@pytest.mark.parametrize("kind", ["custom", "something-new"])
def test_other_labels_are_what_they_are(kind: str) -> None:
    label = label_of(kind, {"anything": [1, {"x": None}]})
    assert type(label) is Label
    assert label.value == {"anything": [1, {"x": None}]}


def test_a_label_of_ones_own_without_metadata_keeps_being_without() -> None:
    label = read_label({"source": "a", "mine": 3}, "mine")
    assert label is not None
    assert label.keys == {"mine": 3}


def test_lines_that_wait_or_have_failed_have_no_label() -> None:
    assert read_label({"source": "a"}, "marsh") is None
    assert read_label({"source": "a", "marsh-metadata": {"failure-reason": "Nobody came."}}, "marsh") is None


def test_a_label_is_written_as_it_was_read_unknown_keys_and_all() -> None:
    value = {"image_size": [SIZE], "annotations": [{**BOX, "note": "é"}], "later": {"than": "us"}}
    given_line = line("object-detection", value, objects=[{"confidence": 0.5, "by": 3}], newer=["key"])
    label = read_label(given_line, "marsh")
    assert label is not None
    assert {"source": given_line["source"], **label.keys} == given_line


@pytest.mark.parametrize(
    ("given_line", "words"),
    [
        (line("image-classification", "one"), ["marsh", "'one'"]),
        (line("image-classification", "1" * 5000), ["marsh", "'1111"]),
        (line("image-classification", [1]), ["marsh", "int"]),
        (line("text-classification-multilabel", [0, "x"]), ["marsh", "$[1]"]),
        (
            line("text-classification-multilabel", [0], **{"class-map": {"zero": "a"}}),
            ["marsh-metadata.class-map", "zero"],
        ),
        (line("object-detection", {"annotations": []}), ["marsh", "image_size"]),
        (line("object-detection", {"annotations": [], "image_size": []}), ["marsh", "image_size"]),
        (
            line("object-detection", {"annotations": [{"left": 1}], "image_size": [SIZE]}),
            ["annotations[0]", "class_id"],
        ),
        (
            line("object-detection", {"annotations": [BOX], "image_size": [SIZE]}, objects=[{"confidence": 1}] * 2),
            ["2", "1 boxes"],
        ),
        (
            line("text-span", {"annotations": {"entities": [{"label": "a", "startOffset": 5, "endOffset": 4}]}}),
            ["[0]", "5 to 4"],
        ),
        (line("semantic-segmentation", 7), ["marsh", "str"]),
        (
            {"marsh": {"\ud800": 1}, "marsh-metadata": {"type": "groundtruth/object-detection"}},
            ["marsh: a key is not valid Unicode"],
        ),
        ({"source": "a", "marsh": 1, "marsh-metadata": []}, ["marsh-metadata", "object"]),
        (line("image-classification", 1, confidence="high"), ["marsh-metadata", "confidence"]),
    ],
)
def test_a_label_of_another_shape_is_named(given_line: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(LabelError) as error:
        read_label(given_line, "marsh")
    assert [word for word in words if word not in str(error.value)] == []


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["annotations", "image_size", "entities", "class_id", "left", "confidence", "0", "x"]),
            inner,
        )
    ),
    max_leaves=12,
)

KINDS = [
    "image-classification",
    "label-verification",
    "text-classification-multilabel",
    "object-detection",
    "text-span",
    "semantic-segmentation",
    "video-object-tracking",
    "point_cloud_object_detection",
]

KEYS = ["objects", "class-map", "confidence-map", "internal-color-map", "worker-feedback", "confidence", "class_map"]


@given(st.sampled_from(KINDS), ANYTHING, st.dictionaries(st.sampled_from(KEYS), ANYTHING))
def test_whatever_stands_there_is_a_label_written_as_it_was_or_our_error(
    kind: str, value: Any, metadata: dict[str, Any]
) -> None:
    given_line = {"source": "a", "marsh": value, "marsh-metadata": {**metadata, "type": f"groundtruth/{kind}"}}
    try:
        label = read_label(given_line, "marsh")
    except LabelError:
        return
    assert label is None or {"source": "a", **label.keys} == given_line


PATHS = [{"class_id": 1, "vertices": [{"x": 1, "y": 2.5}, {"x": 3, "y": 4}]}]
DRAWN: list[tuple[str, dict[str, Any], Any]] = [
    *(
        (kind, {kind: PATHS}, [{"label": "b", "vertices": PATHS[0]["vertices"]}])
        for kind in ("polygons", "polylines", "lines")
    ),
    ("keypoints", {"keypoints": [{"class_id": 1, "x": 1, "y": 2}]}, [{"label": "b", "x": 1, "y": 2}]),
]


@pytest.mark.parametrize(("kind", "value", "plain"), DRAWN)
def test_drawings_are_read(kind: str, value: dict[str, Any], plain: Any) -> None:
    about = {"type": f"labeling/{kind}", "class-map": {"1": "b", "2": "c"}, "objects": [{"confidence": 0.5}]}
    line = {"label": {**value, "image_size": [{"width": 9, "height": 8}]}, "label-metadata": about}
    label = read_label(line, "label")
    assert isinstance(label, ShapesLabel)
    assert (label.size.width, label.size.height, label.confidences) == (9, 8, [0.5])
    assert (label.plain, label.classes, label.named_classes) == (plain, ("b",), {1: "b"})
    assert label.named_shapes == [("b", label.shapes[0])]
    assert label.about.lowest_confidence_of(label.value) == 0.5
    for wrong in ({**line["label"], kind: [{"class_id": 1}]}, {kind: value[kind]}, 5):
        with pytest.raises(LabelError, match="label"):
            read_label({**line, "label": wrong}, "label")
    with pytest.raises(LabelError, match=f"1 confidences for 0 {kind}"):
        read_label({**line, "label": {**line["label"], kind: []}}, "label")


def test_instances_name_their_pixels() -> None:
    instances = [{"class_id": 1, "pixel_value": 3}]
    value = {"mask": "s3://a/b.png", "image_size": [{"width": 9, "height": 8}], "instances": instances}
    line = {"label": value, "label-metadata": {"type": "labeling/instances", "class-map": {"1": "b"}}}
    label = read_label(line, "label")
    assert isinstance(label, InstancesLabel)
    assert (label.mask_uri, label.named_values) == ("s3://a/b.png", [("b", 3)])
    assert (label.confidences, label.plain) == ([], value)
    instances[0]["pixel_value"] = 0
    with pytest.raises(LabelError, match="pixel_value"):
        read_label(line, "label")


STRUCTURES: list[tuple[type[Label], Any, dict[str, Any]]] = [
    (ClassLabel, "1", {"class-name": "b"}),
    (ClassesLabel, [1], {"class-map": {"1": "b"}}),
    (BoxesLabel, {"image_size": [SIZE], "annotations": [BOX]}, {"class-map": {"0": "a"}}),
    (PolylinesLabel, {"image_size": [SIZE], "polylines": PATHS}, {"class-map": {}}),
    (KeypointsLabel, {"image_size": [SIZE], "keypoints": []}, {"class-map": {}}),
    (InstancesLabel, {"image_size": [SIZE], "instances": [], "mask": "s3://a/b"}, {"class-map": {}}),
    (EntitiesLabel, {"annotations": {"entities": []}}, {"entities": []}),
    (MaskLabel, "s3://a/b.png", {"internal-color-map": {}}),
    (PointMaskLabel, "s3://a/b.zlib", {"color-map": {}}),
    (CuboidsLabel, {"annotations": []}, {"class-map": {}}),
    (Label, "s3://a/SeqLabel.json", {"class-map": {"1": "b"}, "": 1}),
    (Label, [1], {}),
]


@pytest.mark.parametrize(("label_class", "value", "metadata"), STRUCTURES)
def test_a_label_without_a_type_is_known_by_its_structure(
    label_class: type[Label], value: Any, metadata: dict[str, Any]
) -> None:
    label = read_label({"a": value, "a-metadata": metadata}, "a")
    assert label is not None
    assert (type(label), type(by_structure(label))) == (Label, label_class)
    custom = Label("a", value, {"type": "groundtruth/custom", **metadata})
    assert by_structure(custom) is custom


def test_every_label_names_its_classes_by_the_ids_that_it_has() -> None:
    names = {"class-map": {"1": "b", "2": "c"}}
    assert label_of("text-classification-multilabel", [2], **names).named_classes == {2: "c"}
    with pytest.raises(LabelError, match="marsh: class 3 has no name in marsh-metadata"):
        _ = label_of("text-classification-multilabel", [5, 2, 3], **names).named_classes
    with pytest.raises(LabelError, match="marsh: class 1 has no name"):
        _ = label_of("text-classification", 1).named_classes
    colors = {"0": {"class-name": "BACKGROUND"}, "7": {"class-name": "water"}}
    mask = label_of("semantic-segmentation", "s3://out/7.png", **{"internal-color-map": colors})
    assert (mask.named_classes, mask.named_values, mask.mask_uri) == ({7: "water"}, [("water", 7)], "s3://out/7.png")
