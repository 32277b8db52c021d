"""Hostile lines: each is read rightly by every tool, or told with its number by every tool that looks at it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling_provider.errors import LabelingError
from labeling_provider.manifest import Files, Filter, LineProblem, ManifestError, Manifests, Split
from labeling_provider.quality import AnsweredJob, Measure, answer_file
from labeling_provider.rendering.quality_report import report_html
from tests.memory import MemoryStore

QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
DEEP = [("[" * depth + "]" * depth) for depth in (50, 98, 99, 100, 400, 3_000, 30_000)]
NUMBERS = [
    "1e999",
    "-1E+400",
    "1e308",
    "-1.7e308",
    "1e-999",
    "-0.0",
    "9" * 300,
    "9" * 400,
    "9" * 5_000,
    "NaN",
    "-Infinity",
]
TEXTS = ['"\\ud800"', '"\\udc00\\ud83d"', '"\\ud83d\\ude00"', '"\\u0000\\u202e"', '"0"', '"1"', '"stork"', '""']
ATOMS = st.sampled_from(
    ["1e308", *NUMBERS, *TEXTS, *DEEP, "null", "true", "0", "1", "-3", "0.5", "[]", "{}", "[0]", "[[]]"]
)
NAMES = st.sampled_from(['"0"', '"1"', '"a"', '"\\ud800"', '"label"', '"annotations"', '"entities"', '"vertices"'])


def an_object(
    keys: st.SearchStrategy[str], values: st.SearchStrategy[str], max_keys: int = 3
) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(keys, values), max_size=max_keys)
    return pairs.map(lambda them: "{" + ", ".join(f"{key}: {value}" for key, value in them) + "}")


VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=2).map(lambda them: f"[{', '.join(them)}]") | an_object(NAMES, inner, 2),
    max_leaves=4,
)
BOX = an_object(st.sampled_from(['"class_id"', '"class-id"', '"left"', '"top"', '"width"', '"height"']), ATOMS, 6)
BOXES = BOX.map(lambda box: f'{{"image_size": [{{"width": 9, "height": 9}}], "annotations": [{box}]}}')
SPAN = an_object(st.sampled_from(['"label"', '"startOffset"', '"endOffset"']), ATOMS)
SPANS = SPAN.map(lambda span: f'{{"annotations": {{"entities": [{span}]}}}}')
TYPES = ("image-classification", "image-classification-multilabel", "object-detection", "text-span")
KINDS = st.sampled_from([*(f'"groundtruth/{kind}"' for kind in TYPES), "7"])
ABOUT_KEYS = (
    *("confidence", "human-annotated", "creation-date", "job-name", "failure-reason", "class-name", "class-map"),
    *("class_map", "confidence-map", "objects", "entities", "internal-color-map", "color-map", "odd"),
)
RATED = st.builds(lambda value: f'[{{"confidence": {value}}}]', ATOMS) | st.sampled_from(["1e308", "0.5", "95"])
ABOUT = st.builds(
    lambda more, kind: more[:-1] + (", " if len(more) > 2 else "") + f'"type": {kind}}}',
    an_object(st.sampled_from([f'"{key}"' for key in ABOUT_KEYS]), VALUES | RATED | st.just('"2026-05-03T09:14:02"')),
    KINDS,
)
LABEL = st.just("0") | VALUES | BOXES | SPANS
HOSTILE = st.builds(
    lambda source, extra, label, about: "{" + ", ".join(filter(None, (source, extra, label, about))) + "}",
    st.sampled_from(
        ['"source": "a"', '"source": "b"', '"source-ref": "s3://b/1"', '"source": "\\ud800"', '"source": 1']
    ),
    st.just("") | VALUES.map(lambda value: f'"page": {value}'),
    st.just("") | LABEL.map(lambda value: f'"bird": {value}'),
    st.just("") | (ABOUT | VALUES).map(lambda value: f'"bird-metadata": {value}'),
).map(str.encode)
GOOD = b'{"source": "good", "bird": 1, "bird-metadata": {"class-name": "stork", "confidence": 0.9}}\n'


def finite(value: Any) -> Any:
    """What came out, if JSON can hold it."""
    return json.loads(json.dumps(value, allow_nan=False))


def tools(source: Path, folder: Path) -> dict[str, Callable[[], Any]]:
    """Every tool at a manifest; each gives how many lines went through it."""
    manifests, halves = Manifests(), Split({"a": 0.5, "b": 0.5})
    places = {name: folder / name for name in "ab"}

    def split(attribute: str | None, by: Split) -> int:
        return sum(part.objects for part in manifests.split(source, by, places, attribute).sets.values())

    def measured() -> int:
        measure = Measure(Files(), "bird")
        measure.labels(os_path(source), 0.5, os_path(folder / "again"))
        page = report_html(measure.quality, Files(), title="m", label_attribute="bird")
        page.decode()
        for share in (measure.quality.people, measure.quality.machine):
            finite([share.mean_confidence, share.histogram])
        finite([measure.quality.class_share, dict(measure.quality.classes)])
        return measure.quality.objects

    return {
        "filter": lambda: manifests.filter(source, "bird", Filter(min_confidence=0.5), folder / "out").total(),
        "by class": lambda: manifests.filter(
            source, "bird", Filter(classes=frozenset({"stork"})), folder / "o"
        ).total(),
        "split": lambda: split(None, halves),
        "split by page": lambda: split(
            "bird", Split({"a": 0.5, "b": 0.5}, object_keys=["source", "source-ref", "page"])
        ),
        "new": lambda: manifests.new(source, [source], folder / "new", "bird").total(),
        "deduplicate": lambda: manifests.deduplicate(source, folder / "once").total(),
        "shard": lambda: sum(manifests.shard(source, 1, lambda number: folder / f"shard-{number}").values()),
        "merge": lambda: manifests.merge([source, source], folder / "merged", job="birds")["lines"] // 2,
        "quality": measured,
    }


def os_path(path: Path) -> str:
    return str(path)


@QUICK
@given(st.lists(HOSTILE, min_size=1, max_size=3), st.booleans())
def test_every_tool_reads_a_line_rightly_or_tells_its_number(tmp_path: Path, lines: list[bytes], last: bool) -> None:
    body = GOOD + b"\n".join(lines) + b"\n" * last
    source = tmp_path / "in"
    source.write_bytes(body)
    plain = Manifests().check(source)
    report = Manifests().check(source, label_attribute="bird")
    assert report.lines == len(lines) + 1
    finite(dict(report.classes))
    for problem in (*plain.problems, *report.problems):
        assert body[problem.offset :].split(b"\n")[0] == lines[problem.line - 2]
    lines_told = {problem.line for problem in report.problems}
    assert {problem.line for problem in plain.problems} <= lines_told
    for name, tool in tools(source, tmp_path).items():
        seen = plain if name in {"split", "new", "deduplicate", "shard", "merge"} else report
        count, problems = outcome(tool)
        if problems is None:
            assert (count, seen.problems) == (len(lines) + 1, ()), name
        elif name == "merge" and not seen.problems:
            assert "class" in str(problems), name
        else:
            assert [problem.line for problem in problems] == [problem.line for problem in seen.problems], name


def outcome(tool: Callable[[], Any]) -> tuple[Any, tuple[LineProblem, ...] | None]:
    """What a tool gives, or what it finds wrong."""
    try:
        return tool(), None
    except ManifestError as error:
        return None, error.problems


ANSWER = st.builds(
    lambda worker, content, spent: (
        f'{{"workerId": {worker}, "answerContent": {content}, "timeSpentInSeconds": {spent}}}'
    ),
    st.sampled_from(['"w1"', '"w2"', '"\\ud800"', "7"]),
    st.builds(
        lambda key, value: f'{{"form": {{"{key}": {value}}}}}',
        st.sampled_from(["label", "labels", "boundingBoxes", "entities"]),
        VALUES | BOX.map(lambda box: f"[{box}]") | SPAN.map(lambda span: f"[{span}]") | st.just('["a", "b"]'),
    )
    | VALUES,
    ATOMS,
)


@QUICK
@given(
    st.lists(HOSTILE, min_size=1, max_size=3),
    st.lists(st.lists(ANSWER, max_size=3), min_size=1, max_size=3),
    st.lists(HOSTILE, max_size=2),
)
def test_answers_and_golden_labels_are_measured_or_told(
    lines: list[bytes], answers: list[list[str]], golden: list[bytes]
) -> None:
    bucket = MemoryStore()
    bucket.objects["s3://b/m"] = b"\n".join(lines)
    bucket.objects["s3://b/golden"] = GOOD + b"\n".join(golden)
    files = []
    for number, several in enumerate(answers):
        uri = f"s3://b/job/annotations/worker-response/iteration-1/{number}/x.json"
        bucket.objects[uri] = f'{{"answers": [{", ".join(several)}]}}'.encode()
        answered = answer_file(uri)
        assert answered is not None
        files.append(answered)
    measure = Measure(Files(bucket), "bird")
    for step in (
        lambda: measure.add_golden("s3://b/golden", "bird"),
        lambda: measure.labels("s3://b/m"),
        lambda: measure.answers([AnsweredJob("s3://b/m", files, len(files))]),
    ):
        try:
            step()
        except LabelingError as error:
            str(error).encode()
    quality = measure.quality
    finite(
        [
            quality.agreement,
            quality.golden_accuracy,
            quality.mean_confidence,
            [worker._asdict() for worker in quality.workers],
        ]
    )
    for share in (quality.golden_accuracy, quality.worker_accuracy):
        assert share is None or 0 <= share <= 1
    assert quality.agreement is None or quality.agreement <= 1
    report_html(quality, Files(bucket), title="m", label_attribute="bird").decode()


@pytest.mark.parametrize("atom", [*NUMBERS[:2], *NUMBERS[8:], *TEXTS[:2], *DEEP[4:]])
def test_what_no_tool_can_hold_is_told_by_each(tmp_path: Path, atom: str) -> None:
    source = tmp_path / "in"
    source.write_bytes(GOOD + f'{{"source": "a", "page": {{"x": [{atom}]}}}}\n'.encode() + GOOD + b"{\n")
    for name, tool in tools(source, tmp_path).items():
        with pytest.raises(ManifestError) as caught:
            tool()
        assert next((problem.line, problem.offset) for problem in caught.value.problems) == (2, len(GOOD)), name
        assert [problem.line for problem in caught.value.problems] == [2, 4], name
    assert [problem.line for problem in Manifests().check(source).problems] == [2, 4]
