"""Manifests put together: each object once, with the labels of all its lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest import ManifestError, Manifests
from tests.manifest.lines import FAILED, PAGES, TENTHS, image, label, load, store


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


def test_labels_stand_in_the_order_in_which_they_came(manifests: Manifests, tmp_path: Path) -> None:
    # Templates and simulated workers take the last label of a type for the one to audit.
    names = [f"{letter}-label" for letter in "hgfedcba"]
    lines = [image(0, **{name: 1, f"{name}-metadata": {"class-name": "x"}}) for name in names]
    manifests.merge([store(tmp_path / str(number), [line]) for number, line in enumerate(lines)], tmp_path / "out")
    assert [key for key in load(tmp_path / "out")[0] if key in names] == names


def test_class_numbers_with_two_meanings_are_refused(manifests: Manifests, tmp_path: Path) -> None:
    first = store(tmp_path / "1", [image(0, **label(0))])
    second = store(tmp_path / "2", [image(1), image(2, **label(0, **{"class-name": "crane"}))])
    with pytest.raises(
        ManifestError, match=r"/2: line 2: class 0 of 'bird' is 'crane' here and 'heron' in .*/1, line 1"
    ):
        manifests.merge([first, second], tmp_path / "out")
    assert not (tmp_path / "out").exists()


OLD, NEW = "2026-05-01T00:00:00.000000", "2026-06-01T00:00:00.000000"


def adjusted(number: int, date: str) -> dict[str, object]:
    """A label of an adjustment."""
    own = {"creation-date": date, "adjustment-status": "adjusted"}
    return {key.replace("bird", "better"): value for key, value in label(number, **own).items()}


def test_adjusted_labels_take_the_place_of_those_they_adjust(manifests: Manifests, tmp_path: Path) -> None:
    first = label(0, **{"creation-date": OLD})
    place = store(
        tmp_path / "in",
        [
            image(0, **first, **adjusted(1, NEW)),
            image(1, **first, verdict=1),
            image(2, **label(0, **{"creation-date": NEW}), **adjusted(1, OLD)),
            image(3, **adjusted(1, NEW)),
            image(4, **first, better=1),
            image(5, **first, **{"better-metadata": {"failure-reason": "No worker."}}),
        ],
    )
    counts = manifests.merge([place], tmp_path / "out", adjusted_in={"bird": "better"})
    assert counts == {"lines": 6, "repeated": 0, "objects": 6, "adjusted": 3}
    lines = load(tmp_path / "out")
    assert [line.get("bird") for line in lines] == [1, 0, 0, 1, 1, 0]
    assert lines[0]["bird-metadata"]["adjustment-status"] == "adjusted"
    assert ["better" in line for line in lines] == [False, False, True, False, False, False]
    assert lines[1] == image(1, **first, verdict=1)
    assert lines[4]["bird-metadata"] == {}


def test_adjusted_classes_are_those_of_the_labels_they_adjust(manifests: Manifests, tmp_path: Path) -> None:
    crane = adjusted(0, NEW)
    crane["better-metadata"]["class-name"] = "crane"  # type: ignore[index]
    place = store(tmp_path / "in", [image(0, **label(0)), image(1, **crane)])
    assert manifests.merge([place], tmp_path / "out")["objects"] == 2
    with pytest.raises(ManifestError, match="class 0 of 'better' is 'crane' here and 'heron' in"):
        manifests.merge([place], tmp_path / "out", adjusted_in={"bird": "better"})


@TENTHS
@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(1, 28)), max_size=8), max_size=4))
def test_merging_has_every_object_once_with_its_newest_label(
    tmp_path: Path, rounds: list[list[tuple[int, bool, int]]]
) -> None:
    newest: dict[int, int | None] = {}
    places = []
    for index, labels in enumerate(rounds):
        lines = []
        for number, labeled, day in labels:
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
