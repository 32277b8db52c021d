"""How well the workers of a job work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.service.kinds.kind import Answered
from labeling_provider.service.kinds.skills import Evidence, Skill, SkillBook
from tests.service.kinds.some_jobs import answered_objects, labels_as_told, make_kind

USUAL = Skill(recall=0.9, extra=0.06, misnamed=0.05, off=0.1)
DRAWN = ("bounding-box", "named-entity-recognition", "semantic-segmentation", "adjustment-bounding-box")


def test_who_is_unknown_is_as_usual_and_who_is_known_is_as_seen() -> None:
    book = SkillBook(USUAL, 100)
    assert book.skills([])("ann") == pytest.approx(USUAL)
    poor = Evidence(there=10, marked=4, extra=3, compared=10, misnamed=5, off=8)
    good = Evidence(there=10, marked=10, extra=0, compared=10, misnamed=0, off=0.1)
    book.add([[("ann", poor), ("bob", good)]] * 30)
    ann, bob, eve = map(book.skills([]), ("ann", "bob", "eve"))
    assert ann.recall == pytest.approx(0.4, abs=0.05)
    assert ann.extra == pytest.approx(0.3, abs=0.05)
    assert ann.misnamed == pytest.approx(0.5, abs=0.05)
    assert ann.off == pytest.approx(0.8, abs=0.05)
    assert ann.recall < eve.recall < bob.recall
    assert ann.off > eve.off > bob.off


def test_only_the_latest_objects_count_but_all_of_a_batch() -> None:
    book = SkillBook(USUAL, 3)
    missed, marked = Evidence(there=100), Evidence(there=100, marked=100)
    book.add([[("ann", missed)]] * 3)
    before = book.skills([])("ann").recall
    assert book.skills([[("ann", marked)]] * 2)("ann").recall > before
    assert book.skills([[("ann", marked)]] * 5)("ann").recall > 0.95
    book.add([[("ann", marked)]] * 3)
    assert book.skills([])("ann").recall > 0.95


AMOUNTS = st.floats(0, 50)
OBJECTS = st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.builds(Evidence, *[AMOUNTS] * 8)), max_size=3))


@given(objects=OBJECTS, batch=OBJECTS, size=st.integers(1, 6))
def test_what_is_forgotten_leaves_no_trace(objects: list, batch: list, size: int) -> None:
    book, fresh = SkillBook(USUAL, size), SkillBook(USUAL, 1_000)
    book.add(objects)
    latest = objects[-size:][max(min(len(objects), size) + len(batch) - size, 0) :]
    fresh.add(reversed(latest))
    known, expected = book.skills(batch), fresh.skills(batch[::-1])
    assert [known(worker) for worker in "abcd"] == [expected(worker) for worker in "abcd"]


def test_a_step_reads_only_its_own_objects() -> None:
    read = []

    class Entries(list):
        def __iter__(self) -> Iterator:
            read.append(1)
            return super().__iter__()

    book = SkillBook(USUAL, 500)
    book.add(Entries([("ann", Evidence(1, 1)), ("bob", Evidence(1))]) for _ in range(600))
    read.clear()
    for _ in range(5):
        batch = [Entries([("ann", Evidence(1, 1))])] * 2
        assert book.skills(batch)("ann").recall > book.skills(batch)("bob").recall
        book.add(batch)
    assert len(read) < 100


@pytest.mark.parametrize("name", DRAWN)
def test_labels_are_the_same_in_any_order_of_answers_and_after_a_restart(name: str) -> None:
    objects = answered_objects(make_kind(name, 3), 5)
    first = labels_as_told(make_kind(name, 3), [objects[:8], objects[8:]])
    turned = [Answered(answered.object_id, answered.line, answered.answers[::-1]) for answered in objects]
    assert labels_as_told(make_kind(name, 3), [turned[:8], turned[8:]]) == first
    resumed = make_kind(name, 3)
    resumed.learn(objects[:8])
    after = labels_as_told(resumed, [objects[8:]])
    assert after == first[-len(after) :]


def test_an_object_that_fails_tells_nothing_about_its_workers() -> None:
    objects = answered_objects(make_kind("bounding-box"), 5)
    lost = objects[0]._replace(line={"source-ref": "s3://lab/missing"})
    kind = make_kind("bounding-box")
    consolidated = kind.consolidate([lost], "2026-01-02T03:04:05.000006")
    assert consolidated is not None
    assert (consolidated.labels.keys(), consolidated.failed.keys()) == (set(), {0})
    assert labels_as_told(kind, [objects[1:]]) == labels_as_told(make_kind("bounding-box"), [objects[1:]])


@pytest.mark.parametrize("name", DRAWN)
def test_a_kind_knows_from_how_many_objects_it_learns(name: str) -> None:
    kind, other = make_kind(name), make_kind(name)
    objects = answered_objects(kind, 7)
    kind.remembers = 4
    kind.learn(objects)
    other.learn(objects[-4:])
    assert labels_as_told(kind, [objects[:1]]) == labels_as_told(other, [objects[:1]])
