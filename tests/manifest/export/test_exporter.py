"""Exports, read back by the libraries that trainings use wherever there is one."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labeling_provider.manifest import Manifests
from labeling_provider.manifest.export import FORMATS
from tests.manifest.exports import (
    FAILED,
    WAITING,
    Exporting,
    boxed,
    classed,
    load,
    metadata,
    raw,
    reasons,
    several,
    spanned,
)


def test_coco_is_read_by_its_own_library(export: Exporting) -> None:
    from pycocotools.coco import COCO

    lines = [boxed("a.jpg", (0, 10, 20, 30, 40), (2, 0, 0, 50, 10.5)), FAILED, boxed("b.jpg"), WAITING]
    found = export("coco", *lines)
    assert (found.objects, found.failed, found.unlabeled, found.left_out) == ({"train": 2}, 1, 1, 0)
    assert found.classes == ["heron", "unused-1", "stork"]
    read = COCO(str(export.folder / "out/train.json"))
    assert {one["id"]: one["name"] for one in read.loadCats(read.getCatIds())} == {1: "heron", 3: "stork"}
    first, second = read.loadImgs(read.getImgIds())
    assert (first["file_name"], first["width"], first["height"]) == ("a.jpg", 200, 100)
    assert second["coco_url"] == "s3://marsh/b.jpg"
    boxes = read.loadAnns(read.getAnnIds(imgIds=[first["id"]]))
    assert [(one["category_id"], one["bbox"], one["area"]) for one in boxes] == [
        (1, [10, 20, 30, 40], 1200),
        (3, [0, 0, 50, 10.5], 525),
    ]
    assert read.getAnnIds(imgIds=[second["id"]]) == []


def test_each_set_has_its_file_and_all_have_the_same_numbers(export: Exporting) -> None:
    sets = {"train": [boxed("a.jpg", (0, 1, 1, 5, 5))], "test": [boxed("a.jpg", (2, 1, 1, 5, 5))], "none": []}
    found = export("coco", sets=sets)
    assert found.objects == {"train": 1, "test": 1, "none": 0}
    (box,) = json.loads(export.read("test.json"))["annotations"]
    assert box["category_id"] == 3
    assert json.loads(export.read("none.json"))["annotations"] == []


def test_boxes_are_cut_at_the_edge_and_told(export: Exporting) -> None:
    beyond = [(0, 190, 90, 40, 40), (0, -5, -5, 10, 10), (0, 200, 0, 9, 9), (0, 5, 5, 0, 9), (0, 0, 0, 200, 100)]
    found = export("coco", boxed("a.jpg", *beyond))
    assert found.notes == {"boxes_cut": 2, "boxes_left_out": 2}
    boxes = [one["bbox"] for one in json.loads(export.read("train.json"))["annotations"]]
    assert boxes == [[190, 90, 10, 10], [0, 0, 5, 5], [0, 0, 200, 100]]


def test_yolo(export: Exporting) -> None:
    for name in ("x/a.png", "y/a.png"):
        export.picture(name)
    lines = [boxed("x/a.png", (2, 50, 25, 100, 50)), boxed("y/a.png")]
    found = export("yolo", sets={"train": lines, "validation": []}, copy_pictures=True)
    assert found.objects == {"train": 2, "validation": 0}
    assert export.read("labels/train/a.txt") == "2 0.500000 0.500000 0.500000 0.500000\n"
    assert export.read("labels/train/a-2.txt") == ""
    assert Image.open(export.folder / "out/images/train/a-2.png").size == (200, 100)
    assert export.rows("train.csv")[1] == {"file_name": "a-2.png", "object": "s3://marsh/y/a.png"}
    assert yaml.safe_load(export.read("data.yaml")) == {
        "train": "images/train",
        "val": "images/validation",
        "names": {0: "unused-0", 1: "unused-1", 2: "stork"},
    }


def test_pascal_voc(export: Exporting) -> None:
    export("pascal-voc", boxed("a&b<c.jpg", (0, 10, 20, 30, 40), (2, 199.2, 0, 0.2, 0.2)))
    root = ElementTree.fromstring(export.read("annotations/train/a_b_c.xml"))
    assert (root.findtext("filename"), root.findtext("path")) == ("a_b_c.jpg", "s3://marsh/a&b<c.jpg")
    assert [root.findtext(f"size/{side}") for side in ("width", "height", "depth")] == ["200", "100", "3"]
    corners = [
        [box.findtext(f"bndbox/{one}") for one in ("xmin", "ymin", "xmax", "ymax")] for box in root.iter("object")
    ]
    assert corners == [["11", "21", "40", "60"], ["200", "1", "200", "1"]]
    assert [box.findtext("name") for box in root.iter("object")] == ["heron", "stork"]


def test_a_name_that_xml_can_not_hold_is_told(export: Exporting) -> None:
    found = export("pascal-voc", boxed("a.jpg", (0, 1, 1, 5, 5), names={"0": "he\x00ron"}))
    assert (found.objects, found.left_out) == ({"train": 0}, 1)
    assert "XML does not allow the class name" in reasons(found)[0][1]


def test_csv_and_parquet_have_a_row_for_each_class(export: Exporting) -> None:
    from pyarrow import parquet

    machine = classed("s3://marsh/a.jpg", 0, "heron", "image-classification")
    machine["bird-metadata"]["human-annotated"] = "no"
    lines = [
        classed('a "text",\nin two lines', 1, "stork"),
        machine,
        several("both", {"0": "heron", "1": "stork"}),
        several("none", {}),
    ]
    found = export("csv", *lines)
    assert (found.objects, found.classes) == ({"train": 4}, ["heron", "stork"])
    with (export.folder / "out/train.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["object"], row["class_name"], row["class_id"], row["confidence"]) for row in rows] == [
        ('a "text",\nin two lines', "stork", "1", "0.9"),
        ("s3://marsh/a.jpg", "heron", "0", "0.9"),
        ("both", "heron", "0", "0.8"),
        ("both", "stork", "1", "0.8"),
        ("none", "", "", ""),
    ]
    assert [row["by_people"] for row in rows] == ["True", "False", "True", "True", "True"]
    assert rows[0]["job"] == "labeling-job/marsh"
    export("parquet", *lines)
    table = parquet.read_table(export.folder / "out/train.parquet").to_pylist()
    assert [(row["object"], row["class_id"], row["by_people"]) for row in table] == [
        (row["object"], int(row["class_id"]) if row["class_id"] else None, row["by_people"] == "True") for row in rows
    ]


def test_parquet_of_many_rows_is_whole(export: Exporting) -> None:
    from pyarrow import parquet

    assert (
        export("parquet", *[classed(f"text {number}", 0, "heron") for number in range(10_003)]).objects["train"]
        == 10_003
    )
    column = parquet.read_table(export.folder / "out/train.parquet")["object"].to_pylist()
    assert column == [f"text {number}" for number in range(10_003)]


def test_entities_as_json_lines_and_as_columns(export: Exporting) -> None:
    text = "The Aurora left Tromsø, early."
    line = spanned(text, (16, 22, "a port"), (4, 10, "ship"), (11, 13, "part"))
    found = export("jsonl", line, spanned("nothing here"))
    assert found.classes == ["ship", "part", "a port"]
    first, second = export.lines("train.jsonl")
    assert first["text"] == text
    assert [(text[one["start"] : one["end"]], one["label"]) for one in first["spans"]] == [
        ("Aurora", "ship"),
        ("le", "part"),
        ("Tromsø", "a port"),
    ]
    assert second["spans"] == []
    export("conll", line, spanned("two words", (0, 9, "both")))
    assert export.read("train.conll") == (
        "The O\nAurora B-ship\nle B-part\nft O\nTromsø B-a_port\n, O\nearly O\n. O\n\ntwo B-both\nwords I-both\n\n"
    )


def test_spans_that_do_not_fit_are_told(export: Exporting) -> None:
    beyond, twice = spanned("short", (0, 6, "all")), spanned("twice in it", (0, 8, "a"), (6, 11, "b"))
    found = export("conll", beyond, twice, spanned("fine", (0, 4, "all")))
    assert (found.objects, found.left_out) == ({"train": 1}, 2)
    assert reasons(found) == [
        (1, "bird.annotations.entities[0]: ends at character 6, but the text has 5"),
        (2, "bird: characters 6 to 11 overlap another span, which CoNLL does not allow; export as jsonl"),
    ]
    assert export("jsonl", beyond, twice).objects == {"train": 1}


def test_texts_are_read_where_a_line_only_names_them(export: Exporting) -> None:
    export.bucket.objects["s3://marsh/a.txt"] = "größer".encode()
    export.bucket.objects["s3://marsh/b.txt"] = b"\xff"
    export.bucket.objects["s3://marsh/d.txt"] = b"a" * 400_001
    lines = [spanned("", (0, 6, "all")), *[spanned("", (0, 1, "all")) for _ in range(3)]]
    for name, line in zip("abcd", lines, strict=True):
        del line["source"]
        line["source-ref"] = f"s3://marsh/{name}.txt"
    found = export("jsonl", *lines)
    assert [one["text"] for one in export.lines("train.jsonl")] == ["größer"]
    assert [line for line, _ in reasons(found)] == [2, 3, 4]
    assert "is not UTF-8" in reasons(found)[0][1]
    assert "can't be read" in reasons(found)[1][1]
    assert "longer than 400,000 bytes" in reasons(found)[2][1]


def test_hugging_face_reads_classes_of_texts(export: Exporting) -> None:
    sets = {"train": [classed("good", 2, "stork"), classed("bad", 0, "heron")], "test": [classed("so so", 0, "heron")]}
    export("huggingface", sets=sets)
    read = load(export.folder)
    assert {name: part.num_rows for name, part in read.items()} == {"train": 2, "test": 1}
    assert read["train"].features["label"].names == ["heron", "unused-1", "stork"]
    assert list(read["train"]["text"]) == ["good", "bad"]
    assert list(read["train"]["label"]) == [2, 0]


def test_hugging_face_reads_pictures_with_boxes(export: Exporting) -> None:
    for name in ("1.png", "2.png"):
        export.picture(name)
    found = export("huggingface", boxed("1.png", (2, 190, 90, 40, 40)), boxed("2.png"), boxed("gone.png"))
    assert (found.objects, found.left_out, found.notes) == ({"train": 2}, 1, {"boxes_cut": 1})
    read = load(export.folder)["train"]
    assert read[0]["image"].size == (200, 100)
    assert read[0]["objects"] == {"bbox": [[190, 90, 10, 10]], "category": [2]}
    assert read[1]["objects"] == {"bbox": [], "category": []}
    assert read.features["objects"]["category"].feature.names == ["unused-0", "unused-1", "stork"]


def test_hugging_face_reads_classes_of_pictures_and_entities(export: Exporting, tmp_path: Path) -> None:
    export.picture("1.png")
    export("huggingface", classed("s3://marsh/1.png", 1, "stork", "image-classification"))
    (row,) = load(export.folder)["train"]
    assert (row["image"].size, row["label"]) == ((200, 100), 1)
    texts = Exporting(tmp_path / "texts")
    texts.folder.mkdir()
    texts("huggingface", spanned("The Aurora left.", (4, 10, "ship")), several("two kinds", {"0": "a"}))
    (row,) = load(texts.folder)["train"]
    assert row == {"text": "The Aurora left.", "entities": [{"start": 4, "end": 10, "label": "ship"}]}
    many = Exporting(tmp_path / "many")
    many.folder.mkdir()
    many("huggingface", several("both", {"0": "heron", "1": "stork"}), several("none", {}))
    assert list(load(many.folder)["train"]["labels"]) == [[0, 1], []]


def test_channels_of_a_training(export: Exporting) -> None:
    lines = [boxed("a.jpg", (0, 1, 1, 5, 5), (0, 9, 9, 5, 5), (2, 1, 1, 5, 5)), FAILED, WAITING, boxed("b.jpg")]
    found = export("sagemaker-pipe", sets={"train": lines, "validation": [boxed("c.jpg", (0, 1, 1, 5, 5))], "none": []})
    train, validation = found.training["channels"]
    assert train["DataSource"]["S3DataSource"]["AttributeNames"] == ["source-ref", "bird"]
    assert validation["DataSource"]["S3DataSource"]["S3Uri"] == str(export.folder / "out/validation.manifest")
    assert found.training["hyperparameters"] == {"label_width": "17", "num_classes": "3", "num_training_samples": "2"}
    assert [line["source-ref"] for line in export.lines("train.manifest")] == ["s3://marsh/a.jpg", "s3://marsh/b.jpg"]
    assert export.read("train.manifest").splitlines()[0].encode() + b"\n" == raw(lines[0])
    import botocore.session
    from botocore.validate import ParamValidator

    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateTrainingJob").input_shape.members["InputDataConfig"]
    assert not ParamValidator().validate(found.training["channels"], shape).has_errors()


def test_classes_of_texts_as_channels(export: Exporting) -> None:
    found = export("sagemaker-pipe", classed("good", 1, "praise"), classed("s3://marsh/a.txt", 0, "blame"))
    assert found.left_out == 1
    assert found.training["channels"][0]["DataSource"]["S3DataSource"]["AttributeNames"] == ["source", "bird"]
    assert found.training["hyperparameters"] == {"num_classes": "2", "num_training_samples": "1"}


def test_classes_that_disagree_are_told_or_numbered_anew(export: Exporting) -> None:
    lines = [classed("a", 0, "heron"), classed("b", 0, "stork"), classed("c", 1, "heron"), classed("d", 2, "stork")]
    found = export("csv", *lines)
    assert (found.objects, found.left_out) == ({"train": 2}, 2)
    assert reasons(found) == [
        (2, "bird: class 0 is 'stork' here, but class 0 is 'heron' elsewhere; pass the classes in order"),
        (3, "bird: class 1 is 'heron' here, but 'heron' is class 0 elsewhere; pass the classes in order"),
    ]
    found = export("csv", *lines, classes=["stork", "heron"])
    assert [(row["class_name"], row["class_id"]) for row in export.rows("train.csv")] == [
        ("heron", "1"),
        ("stork", "0"),
        ("heron", "1"),
        ("stork", "0"),
    ]
    found = export("csv", *lines, classes=["heron"])
    assert (found.objects, found.left_out) == ({"train": 2}, 2)
    assert reasons(found)[0] == (2, "bird: 'stork' is not one of the given classes")


def test_labels_of_other_jobs_are_left_alone(export: Exporting) -> None:
    others = {
        "season": 1,
        "season-metadata": {"class-name": "heron", **metadata("image-classification")},
        "odd": {"annotations": "none"},
        "odd-metadata": {**metadata("object-detection"), "confidence": "high", "class-map": []},
        "failed-metadata": {"failure-reason": "another job's"},
    }
    found = export("coco", {**others, **boxed("a.jpg", (2, 1, 1, 5, 5))}, {**others, "source-ref": "s3://marsh/b.jpg"})
    assert (found.objects, found.unlabeled, found.failed, found.left_out) == ({"train": 1}, 1, 0, 0)
    assert found.classes == ["unused-0", "unused-1", "stork"]
    kept = export("sagemaker-pipe", {**others, **boxed("a.jpg")})
    assert (kept.objects, export.lines("train.manifest")[0]["odd"]) == ({"train": 1}, others["odd"])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{\n", "not JSON"),
        (b'{"source-ref": "s3://b/k", "bird": null}\n', "null is not a label"),
        (classed("a", 0, "heron"), "coco can't store labels of groundtruth/text-classification"),
        ({"source-ref": "s3://b/k", "bird": 1}, "coco can't store labels of unknown type"),
        (
            {"source": "a", **{key: boxed("a.jpg")[key] for key in ("bird", "bird-metadata")}},
            'has no "source-ref", but this format is for pictures',
        ),
        (boxed("a.jpg", (1, 1, 1, 5, 5)), "class 1 has no name in bird-metadata.class-map"),
        (
            boxed("a.jpg", (10_000, 1, 1, 5, 5), names={"10000": "far"}),
            "the class id 10000 is not below 10,000",
        ),
        (
            boxed("a.jpg", (3, 1, 1, 5, 5), (4, 1, 1, 5, 5), names={"3": "a", "4": "a"}),
            "class 4 is 'a' here, but 'a' is class 3 elsewhere",
        ),
    ],
)
def test_what_can_not_be_exported_is_counted_and_told(export: Exporting, line: Any, words: str) -> None:
    good = boxed("good.jpg", (0, 1, 1, 5, 5), (2, 1, 1, 5, 5))
    found = export("coco", good, line, good)
    assert (found.objects, found.left_out, found.more_problems) == ({"train": 2}, 1, 0)
    ((number, message),) = reasons(found)
    assert number == 2
    assert words in message
    assert found.classes == ["heron", "unused-1", "stork"]


def test_more_problems_than_are_told_are_counted(export: Exporting) -> None:
    found = export("csv", *[b"{\n"] * 25, *[classed("a", 0, "heron")], *[boxed("b")] * 15)
    assert (found.objects, found.left_out, len(found.problems), found.more_problems) == ({"train": 1}, 40, 20, 20)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("..", "object"),
        (".hidden", "hidden"),
        ("a/b\\..\\c.jpg", "b_.._c.jpg"),
        ("a\x00\n\u202eb.jpg", "a_b.jpg"),
        ("ü" * 400 + ".jpg", "ü" * 73 + ".jpg"),
        ("folder/", "folder"),
        ("-rf.jpg", "rf.jpg"),
    ],
)
def test_names_of_files_stay_in_the_folder(export: Exporting, key: str, name: str) -> None:
    export.bucket.objects[f"s3://marsh/{key}"] = b"picture"
    found = export("coco", boxed(key), copy_pictures=True)
    assert found.objects == {"train": 1}
    assert [one for one in export.names if one.startswith("images/")] == [f"images/train/{name}"]


def test_annotations_of_pictures_with_one_stem_stay_apart(export: Exporting) -> None:
    export("yolo", boxed("a.jpg", (0, 1, 1, 5, 5)), boxed("a.png"), boxed("A.png"))
    assert [one for one in export.names if one.startswith("labels/")] == [
        "labels/train/A-3.txt",
        "labels/train/a-2.txt",
        "labels/train/a.txt",
    ]


def test_wrong_arguments_are_refused_before_anything_is_read(export: Exporting) -> None:
    for more, words in (
        ({"format_name": "word"}, "format must be one of coco, yolo"),
        ({"format_name": "csv", "copy_pictures": True}, "csv has no place for pictures"),
        ({"format_name": "csv", "classes": ["a", "a"]}, "contains a name twice"),
        ({"format_name": "csv", "sets": {"../x": "in"}}, "can't be used for a file"),
    ):
        arguments: dict[str, Any] = {"sets": {}, **more}
        with pytest.raises(ValueError, match=words):
            Manifests().export(label_attribute="bird", to=export.folder / "out", **arguments)
    assert not (export.folder / "out").exists()


@given(
    format_name=st.sampled_from(list(FORMATS)),
    lines=st.lists(
        st.one_of(
            st.just(FAILED),
            st.just(WAITING),
            st.binary(max_size=30).map(lambda body: body.replace(b"\n", b"") + b"\n"),
            st.builds(
                spanned, st.text(max_size=12), st.tuples(st.integers(-1, 9), st.integers(0, 12), st.text(max_size=3))
            ),
            st.builds(classed, st.text(max_size=9), st.integers(-1, 3), st.sampled_from(["a", "b", "\ud800", "é\n"])),
            st.builds(
                boxed,
                st.text(max_size=9),
                st.tuples(st.integers(-1, 2), *[st.floats(-300, 300)] * 4),
                names=st.dictionaries(st.sampled_from(["0", "1", "x"]), st.text(max_size=3), max_size=2),
            ),
        ),
        max_size=8,
    ),
)
def test_every_line_goes_out_or_is_counted(
    format_name: str, lines: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    export = Exporting(tmp_path_factory.mktemp("export"))
    found = export(format_name, *lines)
    count = b"".join(map(raw, lines)).count(b"\n")
    assert found.objects["train"] + found.failed + found.unlabeled + found.left_out == count
    for name in export.names:
        assert ".." not in name
        if name.endswith(".json"):
            json.loads(export.read(name))
        elif name.endswith(".xml"):
            ElementTree.fromstring(export.read(name))
        elif name.endswith(".yaml"):
            yaml.safe_load(export.read(name))
