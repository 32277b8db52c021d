"""Classes as CSV and Parquet."""

from __future__ import annotations

import csv
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.manifest.exports import Exporting, classed, several


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
    exported = export("csv", *lines)
    assert (exported.objects, exported.classes) == ({"train": 4}, ["heron", "stork"])
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
    exported = export("csv", *lines)
    assert exported.notes == {"formulas_quoted": 2 * (len(FORMULAS) - 1)}
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
