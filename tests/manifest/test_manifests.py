"""Whole manifests: filtered, divided, merged; every line that comes in goes out or is counted."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling_provider.manifest import Filter, ManifestError, Manifests, Split

METADATA = {
    "type": "groundtruth/image-classification",
    "human-annotated": "yes",
    "creation-date": "2026-05-03T09:14:02.318240",
    "job-name": "labeling-job/birds",
}
TENTHS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def label(number: int, confidence: float = 0.9, **more: Any) -> dict[str, Any]:
    """A line that has the label ``bird``."""
    name = {0: "heron", 1: "stork"}.get(number, f"class {number}")
    known = {**METADATA, "class-name": name, "confidence": confidence, **more}
    return {"bird": number, "bird-metadata": known}


def image(number: int, **more: Any) -> dict[str, Any]:
    return {"source-ref": f"s3://marsh/{number:05}.jpg", **more}


def store(path: Path, lines: Iterable[dict[str, Any] | bytes]) -> Path:
    path.write_bytes(b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in lines))
    return path


def load(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def manifests() -> Manifests:
    return Manifests()


FAILED = image(3, **{"bird-metadata": {**METADATA, "failure-reason": "declined"}})
BOXES = {
    "image_size": [{"width": 640, "height": 480, "depth": 3}],
    "annotations": [{"class_id": 0, "left": 1, "top": 2, "width": 3, "height": 4}] * 2,
}
MIXED = [
    image(0, **label(0, 0.4)),
    image(1, **label(1, 0.8, **{"human-annotated": "no"})),
    image(2),
    FAILED,
    image(4, bird=BOXES, **{"bird-metadata": {"objects": [{"confidence": 0.9}, {"confidence": 0.2}]}}),
    image(5, bird=[0, 1], **{"bird-metadata": {"confidence-map": {"0": 0.7, "1": 0.3}, "class-map": {"0": "heron"}}}),
]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (Filter(), [0, 1, 2, 3, 4, 5]),
        (Filter(state="labeled"), [0, 1, 4, 5]),
        (Filter(state="failed"), [3]),
        (Filter(state="unlabeled"), [2]),
        (Filter(by="people"), [0, 4, 5]),
        (Filter(by="machine"), [1]),
        (Filter(min_confidence=0.4), [0, 1]),
        (Filter(below_confidence=0.4), [4, 5]),
        (Filter(min_confidence=0.3, below_confidence=0.8), [0, 5]),
        (Filter(classes=frozenset({"heron"})), [0, 5]),
        (Filter(classes=frozenset({"heron"}), min_confidence=0.4), [0]),
    ],
)
def test_lines_are_kept_by_their_label(manifests: Manifests, tmp_path: Path, keep: Filter, kept: list[int]) -> None:
    source = store(tmp_path / "in.manifest", MIXED)
    counts = manifests.filter(source, "bird", keep, tmp_path / "kept", tmp_path / "rest")
    assert load(tmp_path / "kept") == [MIXED[number] for number in kept]
    assert load(tmp_path / "rest") == [one for number, one in enumerate(MIXED) if number not in kept]
    assert counts["kept"] == len(kept)
    assert counts.total() == len(MIXED)


def test_a_manifest_is_counted(manifests: Manifests, tmp_path: Path) -> None:
    report = manifests.check(store(tmp_path / "in.manifest", MIXED), label_attribute="bird")
    assert (report.lines, report.labeled, report.failed, report.by_machine) == (6, 4, 1, 1)
    assert report.classes == {"heron": 2, "stork": 1, "0": 1, "1": 1}, "a number without a name stands for itself"


def test_classes_of_texts_and_masks_are_counted(manifests: Manifests, tmp_path: Path) -> None:
    entities = {"annotations": {"entities": [{"label": "Port", "startOffset": 0, "endOffset": 6}] * 2}}
    colors = {"0": {"class-name": "BACKGROUND", "confidence": 0.9}, "1": {"class-name": "water", "confidence": 0.4}}
    lines = [
        {"source": "Bergen", "y": entities, "y-metadata": {"entities": [{"confidence": 0.1}]}},
        image(1, y="s3://out/1.png", **{"y-metadata": {"internal-color-map": colors}}),
        image(2, y="s3://out/SeqLabel.json", **{"y-metadata": {"objects": [{"frame-no": 0, "confidence": []}]}}),
    ]
    source = store(tmp_path / "in", lines)
    assert manifests.check(source, label_attribute="y").classes == {"Port": 1, "water": 1}
    manifests.filter(source, "y", Filter(below_confidence=0.5), tmp_path / "out")
    assert load(tmp_path / "out") == lines[:2]


def test_sets_have_their_shares_of_every_class_and_nobody_ever_moves(manifests: Manifests, tmp_path: Path) -> None:
    split = Split({"train": 0.7, "validation": 0.2, "test": 0.1})
    lines = [image(number, **label(0 if number % 10 else 1)) for number in range(5000)]
    places = {name: tmp_path / name for name in split.names}
    counts = manifests.split(store(tmp_path / "in", lines), split, places, "bird").sets
    assert sum(one.objects for one in counts.values()) == 5000
    for name, share in {"train": 0.7, "validation": 0.2, "test": 0.1}.items():
        assert counts[name].classes["heron"] / 4500 == pytest.approx(share, abs=0.03)
        assert counts[name].classes["stork"] / 500 == pytest.approx(share, abs=0.06)
    before = {name: {line["source-ref"] for line in load(path)} for name, path in places.items()}
    grown = [*(image(number) for number in range(4000, 6000)), *reversed(lines[:3000])]
    manifests.split(store(tmp_path / "in", grown), split, places)
    for name, path in places.items():
        elsewhere = set().union(*(before[other] for other in before if other != name))
        assert not elsewhere & {line["source-ref"] for line in load(path)}
    other = {name: tmp_path / f"other-{name}" for name in split.names}
    manifests.split(tmp_path / "in", Split({"train": 0.7, "validation": 0.2, "test": 0.1}, seed="x"), other)
    assert load(other["test"]) != load(places["test"])


def test_only_what_a_filter_keeps_is_divided(manifests: Manifests, tmp_path: Path) -> None:
    source = store(tmp_path / "in", MIXED)
    places = {name: tmp_path / name for name in "ab"}
    split = Split({"a": 0.5, "b": 0.5})
    division = manifests.split(source, split, places, "bird", keep=Filter(min_confidence=0.4))
    assert division.left_out == 4
    assert sum(one.objects for one in division.sets.values()) == 2
    assert [line["source-ref"] for line in sorted(load(places["a"]) + load(places["b"]), key=str)] == [
        MIXED[0]["source-ref"],
        MIXED[1]["source-ref"],
    ]
    with pytest.raises(ValueError, match="needs a label attribute"):
        manifests.split(source, split, places, keep=Filter())


@pytest.mark.parametrize("fractions", [{"a": 0.5, "b": 0.6}, {"a": 1.5, "b": -0.5}, {"a": 0.5}, {}])
def test_shares_that_are_none_are_refused(fractions: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        Split(fractions)


def test_a_set_without_a_place_is_refused(manifests: Manifests, tmp_path: Path) -> None:
    source = store(tmp_path / "in", MIXED)
    with pytest.raises(ValueError, match=r"no place to write the sets \['b'\]"):
        manifests.split(source, Split({"a": 0.5, "b": 0.5}), {"a": tmp_path / "a"})
    with pytest.raises(ValueError, match="same place"):
        manifests.filter(source, "bird", Filter(), tmp_path / "a", tmp_path / "a")


def test_only_new_objects_are_kept(manifests: Manifests, tmp_path: Path) -> None:
    source = store(tmp_path / "in", [image(number) for number in range(6)])
    labeled = store(tmp_path / "labeled", [image(0, **label(0)), FAILED, {"source": "s3://marsh/00001.jpg"}])
    assert manifests.new(source, [labeled], tmp_path / "new") == {"kept": 4, "left": 2}
    assert manifests.new(source, [labeled], tmp_path / "new", "bird") == {"kept": 5, "left": 1}
    assert load(tmp_path / "new") == [image(number) for number in range(1, 6)]
    assert manifests.new(source, [labeled], tmp_path / "new", "bird", most=2) == {"kept": 2, "left": 4}
    assert load(tmp_path / "new") == [image(1), image(2)]


def test_a_picture_without_a_stork_passes_no_filter_for_storks(manifests: Manifests, tmp_path: Path) -> None:
    every = {"0": "heron", "1": "stork"}
    lines = [
        image(0, bird=BOXES, **{"bird-metadata": {"class-map": every, "objects": []}}),
        image(1, bird=[1], **{"bird-metadata": {"class-map": every, "confidence-map": {"0": 0.1, "1": 0.9}}}),
        image(2, bird={**BOXES, "annotations": []}, **{"bird-metadata": {"class-map": every, "objects": []}}),
    ]
    source = store(tmp_path / "in", lines)
    assert manifests.filter(source, "bird", Filter(classes=frozenset({"stork"})), tmp_path / "out")["kept"] == 1
    assert load(tmp_path / "out") == [lines[1]]
    division = manifests.split(source, Split({"all": 1}), {"all": tmp_path / "all"}, "bird")
    assert division.sets["all"].classes == {"heron": 1, "stork": 1}


PAGES = [{"source-ref": "s3://docs/1.pdf", **more} for more in ({}, {"page": 1}, {"page": 2}, {"crop": [0, 0, 9, 9]})]
OTHERWISE_WRITTEN = [
    b'{"page": 1.0, "source-ref": "s3://docs/1.pdf"}\n',
    b'{"source-ref": "s3:\\/\\/docs\\u002f1.pdf", "pag\\u0065": 2, "crop": null}\n',
    b'{"source-ref": "s3://docs/1.pdf", "crop": [0, 0.0, 9, 9e0], "$label-object-id": "7"}\n',
]


def test_repeated_objects_are_left_out(manifests: Manifests, tmp_path: Path) -> None:
    lines = [*PAGES, *OTHERWISE_WRITTEN, {"source": "s3://docs/1.pdf"}, {**PAGES[1], **label(0)}]
    source = store(tmp_path / "in", lines)
    assert manifests.deduplicate(source, tmp_path / "out") == {"kept": 5, "left": 4}
    assert load(tmp_path / "out") == [*PAGES, {"source": "s3://docs/1.pdf"}]
    assert manifests.deduplicate(source, tmp_path / "out", object_keys=["source-ref", "source"])["kept"] == 2
    own = store(tmp_path / "own", [image(0, bird=0), image(0, bird=1)])
    assert manifests.deduplicate(own, tmp_path / "out")["kept"] == 2
    assert manifests.deduplicate(own, tmp_path / "out", "bird") == {"kept": 1, "left": 1}


def test_pages_and_crops_of_one_source_are_objects_of_their_own(manifests: Manifests, tmp_path: Path) -> None:
    source = store(tmp_path / "in", PAGES)
    labeled = store(tmp_path / "labeled", [{**PAGES[1], **label(1)}, {**PAGES[3], "bird": 0}])
    assert manifests.new(source, [labeled], tmp_path / "new", "bird") == {"kept": 2, "left": 2}
    assert load(tmp_path / "new") == [PAGES[0], PAGES[2]]
    newer = label(0, **{"creation-date": "2026-06-01T00:00:00"})
    again = store(tmp_path / "again", [{**PAGES[2], **newer}, {**PAGES[1], **newer}])
    counts = manifests.merge([source, labeled, again], tmp_path / "out")
    assert counts == {"lines": 8, "repeated": 4, "objects": 4}
    assert load(tmp_path / "out") == [
        PAGES[0],
        {**PAGES[1], **newer},
        {**PAGES[2], **newer},
        {**PAGES[3], "bird": 0},
    ]
    named = manifests.merge([source, again], tmp_path / "out", object_keys=["source-ref"])
    assert named == {"lines": 6, "repeated": 5, "objects": 1}


def test_a_label_without_metadata_is_one_as_soon_as_a_job_has_made_it_too(manifests: Manifests, tmp_path: Path) -> None:
    own = store(tmp_path / "own", [image(0, bird=1), image(1, bird=1), image(0, bird=0)])
    assert manifests.merge([own], tmp_path / "out")["objects"] == 3
    job = store(tmp_path / "job", [image(0, **label(1))])
    assert manifests.merge([own, job], tmp_path / "out") == {"lines": 4, "repeated": 2, "objects": 2}
    assert load(tmp_path / "out") == [image(0, **label(1)), image(1, bird=1)]


def test_a_line_without_the_keys_that_count_is_told(manifests: Manifests, tmp_path: Path) -> None:
    source = store(tmp_path / "in", [image(0, page=1), image(1), image(2)])
    places = {name: tmp_path / name for name in "ab"}
    calls: list[Callable[[], Any]] = [
        lambda: manifests.merge([source], tmp_path / "out", object_keys=["page"]),
        lambda: manifests.deduplicate(source, tmp_path / "out", object_keys=["page"]),
        lambda: manifests.new(source, [], tmp_path / "out", object_keys=["page"]),
        lambda: manifests.known([source], object_keys=["page"]),
        lambda: manifests.split(source, Split({"a": 0.5, "b": 0.5}, object_keys=["page"]), places),
    ]
    for call in calls:
        with pytest.raises(ManifestError, match='line 2: has none of the keys .*"page"; line 3: has none'):
            call()
    assert [one.name for one in tmp_path.iterdir()] == ["in"]
    with pytest.raises(ValueError, match="object_keys must be a list of keys"):
        manifests.merge([source], tmp_path / "out", object_keys="page")


def test_pages_of_a_document_stay_in_one_set_unless_they_are_told_apart(manifests: Manifests, tmp_path: Path) -> None:
    source = store(tmp_path / "in", [{**PAGES[0], "page": number} for number in range(300)])
    places = {name: tmp_path / name for name in "ab"}
    together = manifests.split(source, Split({"a": 0.5, "b": 0.5}), places).sets
    assert sorted(one.objects for one in together.values()) == [0, 300]
    apart = manifests.split(source, Split({"a": 0.5, "b": 0.5}, object_keys=["source-ref", "page"]), places).sets
    assert min(one.objects for one in apart.values()) > 100


def test_objects_that_are_only_a_source_keep_the_set_that_they_have_always_had(
    manifests: Manifests, tmp_path: Path
) -> None:
    lines = [*(image(number) for number in range(6)), *({"source": f"text {number}"} for number in range(6))]
    places = {name: tmp_path / name for name in ("train", "test")}
    manifests.split(store(tmp_path / "in", lines), Split({"train": 0.5, "test": 0.5}, seed="7"), places)
    assert [lines.index(line) for line in load(places["test"])] == [0, 1, 2, 5, 6, 11]


def test_a_manifest_is_cut_into_shards(manifests: Manifests, tmp_path: Path) -> None:
    lines = [image(number) for number in range(7)]
    places = manifests.shard(store(tmp_path / "in", lines), 3, lambda number: tmp_path / f"part-{number}")
    assert places == {str(tmp_path / "part-1"): 3, str(tmp_path / "part-2"): 3, str(tmp_path / "part-3"): 1}
    assert [line for place in places for line in load(Path(place))] == lines


def test_merging_takes_the_newest_label_of_each_object(manifests: Manifests, tmp_path: Path) -> None:
    newer = {"creation-date": "2026-06-01T00:00:00.000000", "job-name": "labeling-job/second"}
    first = store(tmp_path / "1", [image(0, **label(0), a=1), image(1), FAILED, image(4, **label(1, **newer))])
    second = store(
        tmp_path / "2",
        [image(3, **label(1)), image(0, **label(1, **newer), a=1), image(4, **label(0)), image(9), {"source": "new"}],
    )
    counts = manifests.merge([first, second], tmp_path / "out")
    assert counts == {"lines": 9, "repeated": 3, "objects": 6}
    assert load(tmp_path / "out") == [
        image(0, a=1, **label(1, **newer)),
        image(1),
        image(3, **label(1)),
        image(4, **label(1, **newer)),
        image(9),
        {"source": "new"},
    ]
    for job in ("birds", "Birds", "labeling-job/BIRDS", "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/birds"):
        counts = manifests.merge([first, second], tmp_path / "out", job=job)
        assert [line.get("bird") for line in load(tmp_path / "out")] == [0, None, 1, 0, None, None], job
        assert counts["preferred"] == 3
    assert manifests.merge([first, second], tmp_path / "out", job="bird")["preferred"] == 0


def test_labels_of_several_attributes_are_put_together(manifests: Manifests, tmp_path: Path) -> None:
    first = store(tmp_path / "1", [image(0, **label(0))])
    second = store(tmp_path / "2", [image(0, water=1, **{"water-metadata": {"class-name": "deep"}})])
    manifests.merge([first, second], tmp_path / "out")
    assert load(tmp_path / "out") == [image(0, **label(0), water=1, **{"water-metadata": {"class-name": "deep"}})]


def test_class_numbers_with_two_meanings_are_refused(manifests: Manifests, tmp_path: Path) -> None:
    first = store(tmp_path / "1", [image(0, **label(0))])
    second = store(tmp_path / "2", [image(1), image(2, **label(0, **{"class-name": "crane"}))])
    with pytest.raises(
        ManifestError, match=r"/2: line 2: class 0 of 'bird' is 'crane' here and 'heron' in .*/1, line 1"
    ):
        manifests.merge([first, second], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@TENTHS
@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(1, 28)), max_size=8), max_size=4))
def test_merging_has_every_object_once_with_its_newest_label(
    tmp_path: Path, rounds: list[list[tuple[int, bool, int]]]
) -> None:
    newest: dict[int, int | None] = {}
    places = []
    for index, one in enumerate(rounds):
        lines = []
        for number, labeled, day in one:
            date = f"2026-05-{day:02}T00:00:00.000000"
            lines.append(image(number, **(label(0, **{"creation-date": date}) if labeled else {})))
            best = newest.setdefault(number, None)
            if labeled:
                newest[number] = day if best is None else max(best, day)
        places.append(store(tmp_path / str(index), lines))
    counts = Manifests().merge(places, tmp_path / "out")
    out = load(tmp_path / "out")
    assert counts["lines"] - counts["repeated"] == len(out) == len(newest)
    for line, (number, day) in zip(out, newest.items(), strict=True):
        assert line["source-ref"] == image(number)["source-ref"]
        date = line["bird-metadata"]["creation-date"] if "bird" in line else None
        assert date == (None if day is None else f"2026-05-{day:02}T00:00:00.000000")


@TENTHS
@given(st.binary(min_size=1, max_size=12), st.data())
def test_a_damaged_manifest_is_an_error_with_its_line_or_loses_nothing(
    tmp_path: Path, damage: bytes, data: st.DataObject
) -> None:
    whole = b"".join(json.dumps(one).encode() + b"\n" for one in MIXED * 50)
    place = data.draw(st.integers(0, len(whole)))
    body = whole[:place] + damage + whole[place + data.draw(st.integers(0, 20)) :]
    source = store(tmp_path / "in", [body])
    (tmp_path / "out").unlink(missing_ok=True)
    report = Manifests().check(source)
    if report.problems:
        with pytest.raises(ManifestError) as caught:
            Manifests().deduplicate(source, tmp_path / "out")
        problem = caught.value.problems[0]
        assert problem == report.problems[0]
        assert problem.line >= 1
        assert body[problem.offset - 1 : problem.offset] in (b"", b"\n")
        assert not (tmp_path / "out").exists()
    else:
        counts = Manifests().deduplicate(source, tmp_path / "out")
        assert counts.total() == report.lines == len(body.split(b"\n")) - body.endswith(b"\n")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b'{"source": "a"}{"source": "b"}\n\n', "not JSON"),
        (b'{"source":\n"a"}\n{"source": "b"}{"source": "c"}\n', "not JSON"),
        (b'{"source": "a", "n": NaN}\n', "NaN is not a number"),
        (b'{"source": "a", "n": "\xff"}\n', "not UTF-8"),
        ("{'source': 'ä'}\n".encode("latin-1"), "not UTF-8"),
        (b'{"source": "a", "n": ' + b"[" * 40_000 + b"]" * 40_000 + b"}\n", "more than 100 levels deep"),
        (b'{"source": "a", "n": ' + b"[" * 100 + b"]" * 100 + b"}\n", "more than 100 levels deep"),
        (b'{"source": "a", "n": 1e999}\n', "the number 1e999 is too large"),
        (b'{"source": "a", "n": -1E+400}\n', "the number -1E+400 is too large"),
        (b'{"source": "a", "n": ' + b"9" * 5_000 + b"}\n", "is too large: it has 5,000 digits"),
        (b'{"source": "a", "n": [-Infinity]}\n', "-Infinity is not a number"),
        (b'{"source": "a \\ud800"}\n', "half a character"),
        (b'{"source": "a", "\\uDfff": 1}\n', "half a character"),
        (b'{"source": "' + b"a" * 100_000 + b'"}\n', "at most 100,000"),
        (b'{"source": 4}\n', "has no"),
        (b'{"source-ref": "marsh/1.jpg"}\n', "not an S3 URI"),
        (b'\xff\xfe{\x00"\x00', "not UTF-8"),
        (b'{"source": "a", "bird": 0, "bird-metadata": {"confidence": "high"}}\n', "confidence"),
        (b'{"source": "a", "bird": 0, "bird-metadata": 7}\n', "bird-metadata"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(
    manifests: Manifests, tmp_path: Path, bad: bytes, words: str
) -> None:
    good = [image(number, **label(0)) for number in range(300)]
    source = store(tmp_path / "in", [*good, bad, *good])
    offset = len(store(tmp_path / "good", good).read_bytes())
    with pytest.raises(ManifestError) as caught:
        manifests.filter(source, "bird", Filter(), tmp_path / "out")
    assert (caught.value.problems[0].line, caught.value.problems[0].offset) == (301, offset)
    assert words in str(caught.value)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["good", "in"]


def test_lines_with_windows_ends_whole_surrogate_pairs_and_repeated_keys_pass(
    manifests: Manifests, tmp_path: Path
) -> None:
    lines = [
        b'{"source": "whole \\ud83d\\ude00", "bird": 1}\r\n',
        b'{"source": "a", "source": "b", "bird": 0}\n',
        b' {"source": "c", "n": 123456789012345678901234567890}\n',
        b'{"source": "\xc3\xa4"}',
    ]
    source = store(tmp_path / "in", lines)
    assert manifests.filter(source, "bird", Filter(), tmp_path / "out") == {"kept": 4, "left": 0}
    assert (tmp_path / "out").read_bytes() == b"".join(lines) + b"\n"


def test_all_that_is_wrong_is_told_at_once(manifests: Manifests, tmp_path: Path) -> None:
    source = store(tmp_path / "in", [b"x\n", image(1), b"[]\n"] * 20)
    with pytest.raises(ManifestError, match="line 30: .*20 more lines are wrong") as caught:
        manifests.deduplicate(source, tmp_path / "out")
    assert len(caught.value.problems) == 21
    report = manifests.check(source)
    assert (report.lines, len(report.problems), report.more_problems) == (60, 20, 20)


def test_a_line_of_a_hundred_megabytes_is_named_without_being_held(manifests: Manifests, tmp_path: Path) -> None:
    source = tmp_path / "in"
    with source.open("wb") as file:
        file.write(b'{"source": "first"}\n')
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\n5\n")
    tracemalloc.start()
    report = manifests.check(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(one.line, one.offset) for one in report.problems] == [(2, 20), (3, 20 + 100_000_001)]
    assert "100,000,001 bytes" in report.problems[0].message
    assert peak < 10_000_000


def test_packed_manifests_are_read_and_written(manifests: Manifests, tmp_path: Path) -> None:
    lines = [image(number) for number in range(20_000)]
    body = b"".join(json.dumps(one).encode() + b"\n" for one in lines)
    (tmp_path / "in.gz").write_bytes(gzip.compress(body[:1000]) + gzip.compress(body[1000:]))
    manifests.deduplicate(tmp_path / "in.gz", tmp_path / "out.gz")
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == body
    assert Counter(manifests.deduplicate(tmp_path / "out.gz", tmp_path / "plain")) == {"kept": 20_000, "left": 0}


@pytest.mark.parametrize("broken", [b"plain", gzip.compress(b'{"source": "a"}\n' * 5000)[:-9]])
def test_what_is_not_packed_as_its_name_says_is_an_error(manifests: Manifests, tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "in.gz").write_bytes(broken)
    with pytest.raises(ManifestError, match="not a complete gzip file"):
        manifests.check(tmp_path / "in.gz")


def test_a_place_that_can_not_be_used_is_an_error(manifests: Manifests, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="none: can't be read: No such file"):
        manifests.check(tmp_path / "none")
    source = store(tmp_path / "in", MIXED)
    with pytest.raises(ManifestError, match="can't be written: "):
        manifests.deduplicate(source, source / "out")
    with pytest.raises(ValueError, match="needs a store"):
        manifests.check("s3://lab/in")
    with pytest.raises(ValueError, match="can't be a label attribute"):
        manifests.check(source, label_attribute="source-ref")
