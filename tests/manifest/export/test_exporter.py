"""Exports, read back by the libraries that trainings use wherever there is one."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling_provider.manifest import Manifests
from labeling_provider.manifest.export import FORMATS
from tests.manifest.exports import FAILED, WAITING, Exporting, boxed, classed, metadata, raw, reasons, spanned


def test_texts_are_read_where_a_line_only_names_them(export: Exporting) -> None:
    export.bucket.objects["s3://marsh/a.txt"] = "größer".encode()
    export.bucket.objects["s3://marsh/b.txt"] = b"\xff"
    export.bucket.objects["s3://marsh/d.txt"] = b"a" * 400_001
    lines = [spanned("", (0, 6, "all")), *[spanned("", (0, 1, "all")) for _ in range(3)]]
    for name, line in zip("abcd", lines, strict=True):
        del line["source"]
        line["source-ref"] = f"s3://marsh/{name}.txt"
    exported = export("jsonl", *lines)
    assert [row["text"] for row in export.lines("train.jsonl")] == ["größer"]
    assert [line for line, _ in reasons(exported)] == [2, 3, 4]
    assert "is not UTF-8" in reasons(exported)[0][1]
    assert "can't be read" in reasons(exported)[1][1]
    assert "longer than 400,000 bytes" in reasons(exported)[2][1]


def test_labels_of_other_jobs_are_left_alone(export: Exporting) -> None:
    others = {
        "season": 1,
        "season-metadata": {"class-name": "heron", **metadata("image-classification")},
        "odd": {"annotations": "none"},
        "odd-metadata": {**metadata("object-detection"), "confidence": "high", "class-map": []},
        "failed-metadata": {"failure-reason": "another job's"},
    }
    exported = export(
        "coco", {**others, **boxed("a.jpg", (2, 1, 1, 5, 5))}, {**others, "source-ref": "s3://marsh/b.jpg"}
    )
    assert (exported.objects, exported.unlabeled, exported.failed, exported.left_out) == ({"train": 1}, 1, 0, 0)
    assert exported.classes == ["unused-0", "unused-1", "stork"]
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
    exported = export("coco", good, line, good)
    assert (exported.objects, exported.left_out, exported.more_problems) == ({"train": 2}, 1, 0)
    ((number, message),) = reasons(exported)
    assert number == 2
    assert words in message
    assert exported.classes == ["heron", "unused-1", "stork"]


def test_more_problems_than_are_told_are_counted(export: Exporting) -> None:
    exported = export("csv", *[b"{\n"] * 25, *[classed("a", 0, "heron")], *[boxed("b")] * 15)
    assert (exported.objects, exported.left_out, len(exported.problems), exported.more_problems) == (
        {"train": 1},
        40,
        20,
        20,
    )


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


@settings(deadline=None)
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
    exported = export(format_name, *lines)
    count = b"".join(map(raw, lines)).count(b"\n")
    assert exported.objects["train"] + exported.failed + exported.unlabeled + exported.left_out == count
    for name in export.names:
        assert ".." not in name
        if name.endswith(".json"):
            json.loads(export.read(name))
        elif name.endswith(".xml"):
            ElementTree.fromstring(export.read(name))
        elif name.endswith(".yaml"):
            yaml.safe_load(export.read(name))


def test_all_files_of_an_export_appear_together_or_not_at_all(export: Exporting) -> None:
    from labeling_provider.errors import LabelingError
    from labeling_provider.manifest import Manifests

    export("csv", sets={"one": [classed("a", 0, "heron")]}, classes=["heron"])
    places = {"first": export.folder / "one.in", "second": export.folder / "gone.in"}
    with pytest.raises(LabelingError, match="gone"):
        Manifests().export(places, "bird", "csv", export.folder / "out")
    assert export.names == ["one.csv"]


@pytest.mark.parametrize(
    ("format_name", "name"),
    [
        ("huggingface", "a-b"),
        ("huggingface", "all"),
        ("huggingface", "readme.md"),
        ("sagemaker-pipe", "früh"),
        ("yolo", "names"),
        ("yolo", "download"),
    ],
)
def test_names_of_sets_that_readers_refuse_are_refused(export: Exporting, format_name: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"the name '{name}' can't be used for a set of {format_name}; use"):
        export(format_name, sets={name: [classed("a", 0, "heron")]})
    assert export.names == []


def test_sets_whose_files_would_replace_each_other_are_refused(export: Exporting) -> None:
    with pytest.raises(ValueError, match="'train' and 'Train' would have the same files"):
        export("csv", sets={"train": [], "Train": []})


def test_only_csv_has_formulas(export: Exporting) -> None:
    with pytest.raises(ValueError, match="keep_formulas is for csv"):
        export("parquet", classed("a", 0, "heron"), keep_formulas=True)
