"""Numbers of classes: the same in all sets, and those that the lines have."""

from __future__ import annotations

import csv
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.manifest.exports import Exporting, boxed, classed, metadata, reasons, several

BOX = (1, 1, 5, 5)


def categories(export: Exporting, set_name: str) -> list[tuple[int, str]]:
    return [(one["id"], one["name"]) for one in json.loads(export.read(f"{set_name}.json"))["categories"]]


def masked(name: str, colors: dict[str, str]) -> dict[str, Any]:
    told = {number: {"class-name": one, "hex-color": "#ffffff"} for number, one in colors.items()}
    about = metadata("semantic-segmentation", **{"internal-color-map": told})
    return {"source-ref": f"s3://marsh/{name}", "bird": f"s3://marsh/{name}.mask.png", "bird-metadata": about}


def test_all_sets_of_coco_have_the_categories_of_the_whole_export(export: Exporting) -> None:
    sets = {
        "train": [boxed("a.jpg", (2, *BOX))],
        "test": [boxed("b.jpg", (0, *BOX))],
        "validation": [boxed("c.jpg", (7, *BOX), names={"7": "crane", "8": "swan"})],
        "none": [],
    }
    found = export("coco", sets=sets)
    assert [categories(export, name) for name in sets] == [[(1, "heron"), (3, "stork"), (8, "crane")]] * 4
    assert found.classes[:3] == ["heron", "unused-1", "stork"]
    export("coco", sets=sets, classes=["swan", "stork", "heron", "crane"])
    wanted = [(1, "swan"), (2, "stork"), (3, "heron"), (4, "crane")]
    assert [categories(export, name) for name in sets] == [wanted] * 4
    for name, number in (("train", 2), ("test", 3), ("validation", 4)):
        (box,) = json.loads(export.read(f"{name}.json"))["annotations"]
        assert box["category_id"] == number


def test_all_files_of_an_export_appear_together_or_not_at_all(export: Exporting) -> None:
    from labeling_provider.errors import LabelingError
    from labeling_provider.manifest import Manifests

    export("csv", sets={"one": [classed("a", 0, "heron")]}, classes=["heron"])
    places = {"first": export.folder / "one.in", "second": export.folder / "gone.in"}
    with pytest.raises(LabelingError, match="gone"):
        Manifests().export(places, "bird", "csv", export.folder / "out")
    assert export.names == ["one.csv"]


@pytest.mark.parametrize("format_name", ["coco", "yolo", "pascal-voc", "sagemaker-pipe"])
def test_classes_are_those_of_the_boxes_and_not_of_the_class_map(export: Exporting, format_name: str) -> None:
    everything = {str(number): f"class {number}" for number in range(80)}
    found = export(format_name, boxed("a.jpg", (3, *BOX), names=everything), classes=["class 5", "class 3"])
    assert (found.objects, found.left_out, found.classes) == ({"train": 1}, 0, ["class 5", "class 3"])
    found = export(format_name, boxed("a.jpg", (3, *BOX), names=everything))
    assert found.classes == ["unused-0", "unused-1", "unused-2", "class 3"]


def pipe(export: Exporting, *lines: Any, **more: Any) -> tuple[list[dict[str, Any]], dict[str, str]]:
    found = export("sagemaker-pipe", *lines, **more)
    assert found.left_out == 0, found.problems
    return export.lines("train.manifest"), found.training["hyperparameters"]


def test_lines_of_a_channel_have_the_numbers_that_are_given(export: Exporting) -> None:
    order = ["crane", "stork", "heron"]
    kept = {"source-ref": "s3://marsh/a.jpg", "other": {"class_id": 2}}
    (line,), told = pipe(export, {**boxed("a.jpg", (0, *BOX), (2, *BOX), (0, *BOX)), **kept}, classes=order)
    assert [one["class_id"] for one in line["bird"]["annotations"]] == [2, 1, 2]
    assert line["bird-metadata"]["class-map"] == {"2": "heron", "1": "stork"}
    assert {key: line[key] for key in kept} == kept
    assert line["bird"]["image_size"] == [{"width": 200, "height": 100, "depth": 3}]
    assert told["num_classes"] == "3"
    (line,), told = pipe(export, classed("text", 0, "heron"), classes=order)
    assert (line["bird"], line["bird-metadata"]["class-name"]) == (2, "heron")
    assert told["num_classes"] == "3"
    (line,), _ = pipe(export, several("text", {"0": "heron", "2": "stork"}), classes=order)
    assert line["bird"] == [2, 1]
    assert line["bird-metadata"]["class-map"] == {"2": "heron", "1": "stork"}
    assert line["bird-metadata"]["confidence-map"] == {"2": 0.8, "1": 0.8}
    number = classed("text", 0, "heron")
    number["bird"] = "0"
    assert pipe(export, number, classes=order)[0][0]["bird"] == "2"


@given(order=st.permutations(["a", "b", "c", "d"]), drawn=st.lists(st.integers(0, 3), min_size=1, max_size=5))
def test_numbers_of_a_channel_mean_the_same_as_before(
    order: list[str], drawn: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    export = Exporting(tmp_path_factory.mktemp("export"))
    names = {str(number): name for number, name in enumerate("abcd")}
    (line,), told = pipe(export, boxed("a.jpg", *[(one, *BOX) for one in drawn], names=names), classes=order)
    numbers = [one["class_id"] for one in line["bird"]["annotations"]]
    assert [order[number] for number in numbers] == ["abcd"[one] for one in drawn]
    assert all(line["bird-metadata"]["class-map"][str(number)] == order[number] for number in numbers)
    assert max(numbers) < int(told["num_classes"]) == 4


@pytest.mark.parametrize("names", [("train", "validation"), ("validation", "train"), ("test", "Training")])
def test_the_training_set_is_counted_whatever_the_order(export: Exporting, names: tuple[str, str]) -> None:
    sizes = {"train": 3, "Training": 3}
    sets = {name: [classed("a", 0, "heron")] * sizes.get(name, 1) for name in names}
    found = export("sagemaker-pipe", sets=sets)
    assert found.training["hyperparameters"]["num_training_samples"] == "3"


def test_sets_of_which_none_is_for_training_have_no_count_of_it(export: Exporting) -> None:
    line = classed("a", 0, "heron")
    found = export("sagemaker-pipe", sets={"spring": [line], "autumn": [line]})
    assert found.training["hyperparameters"] == {"num_classes": "1"}
    assert export("sagemaker-pipe", sets={"spring": [line]}).training["hyperparameters"]["num_training_samples"] == "1"


def test_channels_of_masks_have_the_number_of_classes(export: Exporting) -> None:
    colors = {"0": "BACKGROUND", "1": "water", "3": "reed"}
    lines = [masked("a.jpg", colors), masked("b.jpg", {"0": "BACKGROUND"})]
    found = export("sagemaker-pipe", *lines)
    assert found.training["hyperparameters"] == {"num_classes": "4", "num_training_samples": "2"}
    assert found.classes == ["BACKGROUND", "water", "unused-2", "reed"]
    kept = export("sagemaker-pipe", *lines, classes=["BACKGROUND", "water", "mud", "reed"])
    assert (kept.left_out, kept.training["hyperparameters"]["num_classes"]) == (0, "4")
    assert export.read("train.manifest").count("a.jpg.mask.png") == 1
    other = export("sagemaker-pipe", *lines, classes=["BACKGROUND", "reed", "water"])
    assert (other.objects, other.left_out) == ({"train": 1}, 1)
    assert "'water' is 1 in the mask and 2 in classes; masks are not changed" in reasons(other)[0][1]


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


@pytest.mark.parametrize("format_name", ["coco", "yolo", "pascal-voc"])
@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((10**400, 10**400), {"left": 0.5, "width": 10**399}),
        ((200, 100), {"left": 0.5, "width": 10**399}),
        ((200, 100), {"left": 1e308, "width": 1e308}),
        ((200, -(10**400)), {}),
    ],
)
def test_numbers_beyond_all_pictures_are_told(export: Exporting, format_name: str, size: Any, box: Any) -> None:
    line = boxed("a.jpg", (0, *BOX))
    line["bird"]["image_size"] = [{"width": size[0], "height": size[1], "depth": 3}]
    line["bird"]["annotations"][0].update(box)
    found = export(format_name, boxed("b.jpg", (0, *BOX)), line)
    assert (found.objects, found.left_out) == ({"train": 1}, 1)
    ((number, message),) = reasons(found)
    assert number == 2
    assert len(message) < 200


def test_sets_whose_files_would_replace_each_other_are_refused(export: Exporting) -> None:
    with pytest.raises(ValueError, match="'train' and 'Train' would have the same files"):
        export("csv", sets={"train": [], "Train": []})


FORMULAS = [
    '=HYPERLINK("http://marsh.example","heron")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\tword",
    "\rword",
    " =1+1",
    "＝1+1",
    "'=1",
    "a;=1+1",
]
HARMLESS = ["-5", "+3.25", "-1e-5", "heron", "'tis", "", "1=1", "it's"]


def read_back(cell: str) -> str:
    """As docs/manifests.md says."""
    return re.sub(r"^'(?=[\s']*[=+\-@＝＋－＠]|'*[\t\r\n])", "", cell)


def cells(export: Exporting) -> list[str]:
    with (export.folder / "out/train.csv").open(newline="") as file:
        return [row["object"] for row in csv.DictReader(file)]


def test_no_text_of_a_csv_is_a_formula_unless_that_is_asked_for(export: Exporting) -> None:
    lines = [classed(text, number, text or "none") for number, text in enumerate([*FORMULAS, *HARMLESS])]
    found = export("csv", *lines)
    assert found.notes == {"formulas_quoted": 2 * (len(FORMULAS) - 1)}
    read = cells(export)
    assert read[: len(FORMULAS)] == [f"'{text}" if text[0] != "a" else text for text in FORMULAS]
    assert read[len(FORMULAS) :] == HARMLESS
    assert [read_back(cell) for cell in read] == [*FORMULAS, *HARMLESS]
    # A spreadsheet that parts cells at semicolons heeds the quotes.
    assert '"a;=1+1"' in export.read("train.csv")
    kept = export("csv", *lines, keep_formulas=True)
    assert kept.notes == {}
    assert cells(export) == [*FORMULAS, *HARMLESS]


@given(texts=st.lists(st.text(st.sampled_from("'=+-@ \t\r\n;,\"a1.e＝"), max_size=8), min_size=1, max_size=5))
def test_what_a_csv_says_can_be_read_back(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    export = Exporting(tmp_path_factory.mktemp("export"))
    export("csv", *[classed(text, 0, "heron") for text in texts])
    read = cells(export)
    assert [read_back(cell) for cell in read] == texts
    for cell in read:
        assert not cell.lstrip(" '").startswith(tuple("=+-@＝")) or cell.startswith("'") or float(cell)


def test_only_csv_has_formulas(export: Exporting) -> None:
    with pytest.raises(ValueError, match="keep_formulas is for csv"):
        export("parquet", classed("a", 0, "heron"), keep_formulas=True)
