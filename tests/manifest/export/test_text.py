"""Entities of texts in any script: words as Unicode has them, spans as spaCy takes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest.export.text import words_of
from tests.manifest.exports import Exporting, reasons, spanned

SCRIPTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]), st.sampled_from("a1_.'\u0301\u0e01\u0e31\u0939\u094d \n\u202f🇩👩‍")
    ),
    max_size=30,
)


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in words_of(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया", "।"]),
        ("สวัสดีครับ กรุงเทพ", ["สวัสดีครับ", "กรุงเทพ"]),
        ("ภาษาไทยabc", ["ภาษาไทย", "abc"]),
        ("cafe\u0301 nai\u0308ve", ["cafe\u0301", "nai\u0308ve"]),
        ("மொழி தமிழ்", ["மொழி", "தமிழ்"]),
        ("it can't be 3.14, no", ["it", "can't", "be", "3.14", ",", "no"]),
        ("東京タワー", ["東", "京", "タワー"]),
        ("👩‍👩‍👧🇩🇪🇫🇷!", ["👩‍👩‍👧", "🇩🇪", "🇫🇷", "!"]),
        ("10\u202f000\u00a0km", ["10", "000", "km"]),
        ("", []),
        (" \n\t", []),
    ],
)
def test_words_are_those_of_unicode(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(SCRIPTS)
def test_words_lose_nothing_but_blanks(text: str) -> None:
    assert "".join(words(text)) == "".join(text.split())
    assert not any(word.split() != [word] for word in words(text))


def test_a_long_row_of_flags_is_read_as_quickly_as_other_text() -> None:
    # As many at once would take minutes.
    assert words("🇩🇪" * 100_000) == ["🇩🇪"] * 100_000


def columns(export: Exporting) -> list[list[tuple[str, str]]]:
    """The texts of a CoNLL file as its readers see them: blocks of lines of two columns."""
    blocks = export.read("train.conll").split("\n\n")
    return [[tuple(line.split(" ")) for line in block.split("\n")] for block in blocks if block.strip("\n")]  # type: ignore[misc]


def test_no_script_has_its_words_split(export: Exporting) -> None:
    hindi, thai, accent = "राम दिल्ली में", "ฉันรักกรุงเทพมาก", "le cafe\u0301 noir"
    lines = [spanned(hindi, (4, 10, "city")), spanned(thai, (6, 13, "city")), spanned(accent, (3, 8, "place"))]
    exported = export("conll", *lines)
    assert columns(export) == [
        [("राम", "O"), ("दिल्ली", "B-city"), ("में", "O")],
        [("ฉันรัก", "O"), ("กรุงเทพ", "B-city"), ("มาก", "O")],
        [("le", "O"), ("cafe\u0301", "B-place"), ("noir", "O")],
    ]
    assert exported.notes == {"words_divided": 1}


@pytest.mark.parametrize("format_name", ["jsonl", "conll", "huggingface"])
def test_blanks_at_the_ends_of_spans_are_trimmed_and_told(export: Exporting, format_name: str) -> None:
    text = "to  Oslo \n now"
    exported = export(format_name, spanned(text, (2, 11, "city"), (8, 9, "blank"), (11, 14, "time")))
    assert exported.objects == {"train": 1}
    assert exported.notes == {"spans_trimmed": 1, "spans_left_out": 1}
    assert exported.classes == ["city", "time"]
    if format_name == "conll":
        assert columns(export) == [[("to", "O"), ("Oslo", "B-city"), ("now", "B-time")]]
    else:
        (row,) = export.lines("train.jsonl")
        spans = row["spans" if format_name == "jsonl" else "entities"]
        assert [(text[span["start"] : span["end"]], span["label"]) for span in spans] == [
            ("Oslo", "city"),
            ("now", "time"),
        ]


@pytest.mark.parametrize("format_name", ["jsonl", "conll"])
def test_a_span_without_a_label_is_told(export: Exporting, format_name: str) -> None:
    exported = export(format_name, spanned("a b", (0, 1, " ")))
    assert reasons(exported) == [(1, "bird.annotations.entities[0]: has no label")]


@given(
    text=SCRIPTS,
    drawn=st.lists(st.tuples(st.integers(0, 29), st.integers(1, 8), st.sampled_from(["a", "b c"])), max_size=4),
)
def test_columns_hold_all_spans(text: str, drawn: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    spans, free = [], 0
    for start, length, label in sorted(drawn):
        if free <= start < (end := min(start + length, len(text))):
            spans.append((start, end, label))
            free = end
    export = Exporting(tmp_path_factory.mktemp("export"))
    exported = export("conll", spanned(text, *spans))
    assert exported.objects == {"train": 1}
    rows = [row for block in columns(export) for row in block]
    assert "".join(token for token, _ in rows) == "".join(text.split())
    solid = [("".join(text[start:end].split()), label.replace(" ", "_")) for start, end, label in spans]
    read: list[tuple[str, str]] = []
    for token, tag in rows:
        if tag.startswith("B-"):
            read.append((token, tag[2:]))
        elif tag.startswith("I-"):
            read[-1] = (read[-1][0] + token, read[-1][1])
            assert read[-1][1] == tag[2:]
    assert read == [span for span in solid if span[0]]
    assert exported.notes.get("spans_left_out", 0) == len(solid) - len(read)


def test_entities_as_json_lines_and_as_columns(export: Exporting) -> None:
    text = "The Aurora left Tromsø, early."
    line = spanned(text, (16, 22, "a port"), (4, 10, "ship"), (11, 13, "part"))
    exported = export("jsonl", line, spanned("nothing here"))
    assert exported.classes == ["ship", "part", "a port"]
    first, second = export.lines("train.jsonl")
    assert first["text"] == text
    assert [(text[span["start"] : span["end"]], span["label"]) for span in first["spans"]] == [
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
    exported = export("conll", beyond, twice, spanned("fine", (0, 4, "all")))
    assert (exported.objects, exported.left_out) == ({"train": 1}, 2)
    assert reasons(exported) == [
        (1, "bird.annotations.entities[0]: ends at character 6, but the text has 5"),
        (2, "bird: characters 6 to 11 overlap another span, which CoNLL does not allow; export as jsonl"),
    ]
    assert export("jsonl", beyond, twice).objects == {"train": 1}
