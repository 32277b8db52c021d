"""Whole manifests: filtered, divided, merged; every line that comes in goes out or is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labeling_provider.manifest import Filter, ManifestError, Manifests, Split
from tests.manifest.lines import FAILED, METADATA, MIXED, PAGES, image, label, load, store


def test_only_what_a_filter_keeps_is_divided(manifests: Manifests, tmp_path: Path) -> None:
    source = store(tmp_path / "in", MIXED)
    places = {name: tmp_path / name for name in "ab"}
    split = Split({"a": 0.5, "b": 0.5})
    division = manifests.split(source, split, places, "bird", keep=Filter(min_confidence=0.4))
    assert division.left_out == 4
    assert sum(part.objects for part in division.sets.values()) == 2
    assert [line["source-ref"] for line in sorted(load(places["a"]) + load(places["b"]), key=str)] == [
        MIXED[0]["source-ref"],
        MIXED[1]["source-ref"],
    ]
    with pytest.raises(ValueError, match="needs a label attribute"):
        manifests.split(source, split, places, keep=Filter())


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
    assert manifests.new(source, [labeled], tmp_path / "new", "bird", max_objects=2) == {"kept": 2, "left": 4}
    assert load(tmp_path / "new") == [image(1), image(2)]


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
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    with pytest.raises(ValueError, match="object_keys must be a list of keys"):
        manifests.merge([source], tmp_path / "out", object_keys="page")


def test_a_manifest_is_cut_into_shards(manifests: Manifests, tmp_path: Path) -> None:
    lines = [image(number) for number in range(7)]
    places = manifests.shard(store(tmp_path / "in", lines), 3, lambda number: tmp_path / f"part-{number}")
    assert places == {str(tmp_path / "part-1"): 3, str(tmp_path / "part-2"): 3, str(tmp_path / "part-3"): 1}
    assert [line for place in places for line in load(Path(place))] == lines


def test_the_labels_of_a_manifest_are_read_object_by_object(manifests: Manifests, tmp_path: Path) -> None:
    text = {"source": "a stork", **label(1)}
    place = store(tmp_path / "in", [image(0, **label(0)), text, FAILED, image(4)])
    assert list(manifests.labels(place, "bird")) == [
        ("s3://marsh/00000.jpg", "heron"),
        ("a stork", "stork"),
        ("s3://marsh/00003.jpg", None),
        ("s3://marsh/00004.jpg", None),
    ]
    broken = store(
        tmp_path / "broken", [image(0, **label(0)), image(1, bird="x", **{"bird-metadata": METADATA}), b"{\n"]
    )
    with pytest.raises(ManifestError) as caught:
        list(manifests.labels(broken, "bird"))
    assert [problem.line for problem in caught.value.problems] == [2, 3]
