"""Labels are measured, and the page about it shows what came from outside as data."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from labeling_provider.errors import LabelingError
from labeling_provider.manifest import Files, ManifestError
from labeling_provider.quality import AnsweredJob, AnswerFile, Measure, Quality, answer_file, chosen_files
from labeling_provider.rendering.quality_report import report_html
from tests.memory import MemoryStore

OUT = "s3://marsh/job/annotations/worker-response"


@pytest.fixture
def bucket() -> MemoryStore:
    return MemoryStore()


def put(bucket: MemoryStore, name: str, lines: list[dict[str, Any]]) -> str:
    uri = f"s3://marsh/{name}"
    bucket.objects[uri] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return uri


def classed(source: str, name: str, confidence: float = 0.9, **more: Any) -> dict[str, Any]:
    about = {"type": "groundtruth/text-classification", "class-name": name, "confidence": confidence, **more}
    return {"source": source, "bird": "abc".index(name), "bird-metadata": about}


def answer(worker: str, label: Any, seconds: float | None = 4.0) -> dict[str, Any]:
    return {"workerId": worker, "answerContent": {"crowd-classifier": {"label": label}}, "timeSpentInSeconds": seconds}


def answered(bucket: MemoryStore, object_id: int, *answers: dict[str, Any]) -> AnswerFile:
    uri = f"{OUT}/iteration-1/{object_id}/2026-01-01_00:00:00.json"
    bucket.objects[uri] = json.dumps({"answers": answers}).encode()
    found = answer_file(uri)
    assert found is not None
    return found


FAILED = {"source": "failed", "bird-metadata": {"failure-reason": "No <b>answer</b>"}}


def test_labels_are_counted(bucket: MemoryStore) -> None:
    lines = [
        classed("1", "a", 0.95, **{"human-annotated": "no"}),
        classed("2", "a", 1.0),
        classed("3", "b", 0.0),
        FAILED,
        {"source": "waits"},
    ]
    measure = Measure(Files(bucket), "bird", ["a", "b", "c"])
    measure.labels(put(bucket, "m", lines))
    found = measure.quality
    assert (found.objects, found.labeled, found.failed, found.unlabeled, found.machine.labels) == (5, 3, 1, 1, 1)
    assert found.classes == {"a": 2, "b": 1, "c": 0}
    assert (found.labeled_share, found.class_share) == (0.6, 0)
    assert found.people.labels == 2
    assert found.mean_confidence == pytest.approx(0.5), "a model's confidence is something else"
    assert found.machine.mean_confidence == pytest.approx(0.95)
    people, machine = found.people.histogram, found.machine.histogram
    assert (people[0], people[19], sum(people)) == (1, 1, 2)
    assert (machine[19], sum(machine)) == (1, 1)
    assert found.reasons == {"No <b>answer</b>": 1}
    assert [one.line["source"] for one in found.samples] == ["3", "1", "2"]


def test_nothing_can_be_said_of_nothing(bucket: MemoryStore) -> None:
    measure = Measure(Files(bucket), "bird")
    measure.labels(put(bucket, "m", []))
    measure.answers([])
    found = measure.quality
    assert found.objects == 0
    shares = (found.labeled_share, found.class_share, found.mean_confidence, found.agreement, found.worker_accuracy)
    assert shares == (None,) * 5
    assert b"Quality of nothing" in report_html(found, Files(bucket), title="nothing", label_attribute="bird")


def test_workers_are_compared_with_the_labels_and_each_other(bucket: MemoryStore) -> None:
    manifest = put(bucket, "m", [classed("0", "a"), classed("1", "b"), FAILED, classed("3", "c")])
    files = [
        answered(bucket, 0, answer("w1", "a", 2), answer("w2", "a"), answer("w3", "b")),
        answered(bucket, 1, answer("w1", "b", 4), answer("w2", "b"), answer("w3", "b")),
        answered(bucket, 2, answer("w1", "a", 9)),
        answered(bucket, 3, answer("w1", "c", 5), answer("w2", "c"), answer("w3", ["no", "label"], None)),
    ]
    measure = Measure(Files(bucket), "bird")
    measure.answers([AnsweredJob(manifest, files, 7)])
    found = measure.quality
    first, second, third = found.workers
    assert (first.worker_id, first.answers, first.accuracy, first.median_seconds) == ("w1", 4, 1, 4.5)
    assert (second.worker_id, second.answers, second.accuracy) == ("w2", 3, 1)
    assert (third.worker_id, third.answers, third.accuracy, third.median_seconds) == ("w3", 3, 0.5, 4)
    assert (found.answers, found.answered, found.worker_accuracy) == (10, 7, 0.5)
    # Observed: one object of three answers in which one differs; expected: values a, a, b, b, b, b, c, c.
    assert found.agreement == pytest.approx(1 - (2 / 8) / (2 * (2 * 4 + 2 * 2 + 4 * 2) / (8 * 7)))


def test_answers_that_can_not_be_read_are_counted_and_told(bucket: MemoryStore) -> None:
    manifest = put(bucket, "m", [classed("0", "a"), {"source": "1", "bird": [], "bird-metadata": {"type": "x"}}])
    good = answered(bucket, 0, answer("w", "a"))
    broken = AnswerFile(f"{OUT}/iteration-1/1/x.json", 1)
    bucket.objects[broken.uri] = b'{"answers": [{"workerId": 7}]}'
    measure = Measure(Files(bucket), "bird")
    measure.answers([AnsweredJob(manifest, [good, broken, AnswerFile("s3://marsh/gone.json", 9)], 3)])
    assert (measure.quality.answers, measure.quality.unreadable) == (1, 2)
    assert "does not contain workers' answers" in measure.quality.problems[0]
    assert "is not there" in measure.quality.problems[1]


def test_only_names_of_answers_are_taken_for_them() -> None:
    good = f"{OUT}/iteration-2/17/2026-01-01_00:00:00.json"
    assert answer_file(good) == AnswerFile(good, 17)
    for other in (
        f"{OUT}/iteration-1/1/hash/1.json",
        f"{OUT}/x/1/a.json",
        f"{OUT}/iteration-1/a/a.json",
        "s3://b/1.json",
    ):
        assert answer_file(other) is None
    uris = [f"{OUT}/iteration-1/{number}/a.json" for number in range(100)]
    chosen, count = chosen_files([*uris, "s3://b/other"], 10)
    assert (len(chosen), count) == (10, 100)
    assert chosen == chosen_files(reversed(uris), 10)[0]
    more, _ = chosen_files(uris, 20)
    assert set(chosen) < set(more)


def test_labels_are_compared_with_golden_ones(bucket: MemoryStore) -> None:
    golden = put(
        bucket, "g", [{**classed("1", "a"), "truth": 0}, classed("2", "b"), classed("9", "c"), {"source": "3"}]
    )
    measure = Measure(Files(bucket), "bird")
    measure.add_golden(golden, "bird")
    measure.labels(put(bucket, "m", [classed("1", "a"), classed("2", "c"), classed("3", "c"), FAILED]))
    assert (measure.quality.golden, measure.quality.golden_accuracy) == (2, 0.5)
    with pytest.raises(LabelingError, match="has no label 'other'"):
        measure.add_golden(golden, "other")


def test_labels_of_several_classes_are_compared_by_what_was_chosen(bucket: MemoryStore) -> None:
    def several(number: int, *chosen: int) -> dict[str, Any]:
        about = {"type": "groundtruth/text-classification-multilabel", "class-map": {"0": "a", "1": "b", "2": "c"}}
        return {"source": str(number), "bird": list(chosen), "bird-metadata": about}

    measure = Measure(Files(bucket), "bird", ["a", "b", "c"])
    measure.add_golden(put(bucket, "g", [several(0, 0), several(1, 0, 1)]), "bird")
    measure.labels(put(bucket, "m", [several(0, 1), several(1, 1, 0)]))
    assert (measure.quality.golden, measure.quality.golden_accuracy) == (2, 0.5)
    assert measure.quality.classes == {"a": 1, "b": 2, "c": 0}
    assert measure.quality.class_share == 0


def test_numbers_that_can_be_none_of_their_kind_spoil_no_measure(bucket: MemoryStore) -> None:
    lines = [classed("0", "a", 1e308), classed("1", "a", 95), classed("2", "a", -0.5), classed("3", "a", 0.25)]
    manifest = put(bucket, "m", lines)
    measure = Measure(Files(bucket), "bird")
    measure.labels(manifest, 0.5, "s3://marsh/again")
    found = measure.quality
    assert (found.people.rated, found.mean_confidence, found.relabel, found.unreadable) == (1, 0.25, 1, 3)
    assert found.problems[1] == f"{manifest}, line 2: the confidence 95 is not between 0 and 1"
    huge = {"label": "a", "left": -1e308, "top": 0, "width": 1.7e308, "height": 1.7e308}
    boxes = [{"workerId": worker, "answerContent": {"x": {"boundingBoxes": [huge]}}} for worker in ("w1", "w2")]
    files = [answered(bucket, 0, *boxes), answered(bucket, 1, answer("w1", "a", 1e308), answer("w1", "a", 1e308))]
    measure.answers([AnsweredJob(manifest, files, 2)])
    assert found.agreement is not None
    assert found.agreement <= 1
    assert [one.median_seconds for one in found.workers] == [None, None]


def test_pages_of_a_document_are_compared_with_their_own_golden_labels(bucket: MemoryStore) -> None:
    pages = [{**classed("doc", name), "page": page} for page, name in enumerate("abca")]
    measure = Measure(Files(bucket), "bird")
    measure.add_golden(put(bucket, "g", pages[:3]), "bird")
    measure.labels(put(bucket, "m", list(reversed(pages))))
    found = measure.quality
    assert (found.golden, found.golden_accuracy, found.golden_apart) == (3, 1, 1)
    page = report_html(found, Files(bucket), title="m", label_attribute="bird").decode()
    assert "with a golden object&#39;s source" in page
    named = Measure(Files(bucket), "bird", object_keys=["page"])
    named.add_golden(put(bucket, "g", pages), "bird")
    with pytest.raises(ManifestError, match="line 2: has none of the keys"):
        named.labels(put(bucket, "m", [pages[0], classed("doc", "a")]))


def test_golden_labels_may_be_names_alone(bucket: MemoryStore) -> None:
    golden = put(bucket, "g", [{"source": "1", "truth": "a"}, {"source": "2", "truth": ["b", "c"]}, {"source": "3"}])
    measure = Measure(Files(bucket), "bird")
    measure.add_golden(golden, "truth")
    measure.labels(put(bucket, "m", [classed("1", "a"), classed("2", "c"), classed("3", "c")]))
    assert (measure.quality.golden, measure.quality.golden_accuracy) == (2, 0.75)


def test_what_is_not_sure_goes_to_a_further_round_without_its_label(bucket: MemoryStore) -> None:
    lines = [classed("1", "a", 0.59), classed("2", "a", 0.6), {**FAILED, "id": 7}, {"source": "waits"}]
    measure = Measure(Files(bucket), "bird")
    measure.labels(put(bucket, "m", lines), 0.6, "s3://marsh/again")
    assert measure.quality.relabel == 3
    again = [json.loads(line) for line in bucket.objects["s3://marsh/again"].splitlines()]
    assert again == [{"source": "1"}, {"source": "failed", "id": 7}, {"source": "waits"}]
    sure = Measure(Files(bucket), "bird")
    sure.labels(put(bucket, "m", lines[1:2]), 0.6, "s3://marsh/none")
    assert (sure.quality.relabel, "s3://marsh/none" in bucket.objects) == (0, False)


def test_a_manifest_with_a_wrong_line_is_an_error_and_nothing_is_written(bucket: MemoryStore) -> None:
    bucket.objects["s3://marsh/m"] = json.dumps({"source": "waits"}).encode() + b"\n{\n"
    with pytest.raises(ManifestError, match="line 2"):
        Measure(Files(bucket), "bird").labels("s3://marsh/m", 0.5, "s3://marsh/again")
    assert "s3://marsh/again" not in bucket.objects


class Elements(HTMLParser):
    """The elements and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs


EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e"


def page_of(bucket: MemoryStore, lines: list[dict[str, Any]], **more: Any) -> str:
    measure = Measure(Files(bucket), "bird")
    measure.labels(put(bucket, "m", lines))
    return report_html(measure.quality, Files(bucket), title=EVIL, label_attribute="bird", **more).decode()


def test_what_comes_from_outside_is_shown_as_data(bucket: MemoryStore) -> None:
    boxes = {
        "source-ref": f"s3://marsh/{EVIL}",
        "bird": {
            "image_size": [{"width": 9, "height": 9}],
            "annotations": [{"class_id": 0, "left": 1, "top": 1, "width": -5, "height": 1e308}],
        },
        "bird-metadata": {
            "type": "groundtruth/object-detection",
            "class-map": {"0": EVIL},
            "objects": [{"confidence": 0.1}],
        },
    }
    picture = BytesIO()
    Image.new("RGB", (9, 9)).save(picture, "PNG")
    bucket.objects[f"s3://marsh/{EVIL}"] = picture.getvalue()
    spans = {
        "source": EVIL,
        "bird": {"annotations": {"entities": [{"label": EVIL, "startOffset": 0, "endOffset": 8}]}},
        "bird-metadata": {"type": "groundtruth/text-span", "entities": [{"confidence": 0.2}]},
    }
    lines = [
        boxes,
        spans,
        {**classed("1", "a", 0.3), "source": EVIL},
        {"source": "x", "bird-metadata": {"failure-reason": EVIL}},
        {"source": "y", "bird": 1, "bird-metadata": {"class-name": EVIL, "confidence": 0.4}},
    ]
    quality_page = page_of(bucket, lines, shortfalls=[EVIL])
    elements = Elements(quality_page)
    assert not elements.names & {"script", "img", "iframe", "object", "link", "a"}
    assert not [name for name, _ in elements.attributes if name.startswith("on")]
    links = [value for name, value in elements.attributes if name in {"href", "src"}]
    assert len(links) == 1
    assert str(links[0]).startswith("data:image/png;base64,")
    (policy,) = [value for name, value in elements.attributes if name == "content" and "-src" in str(value)]
    assert str(policy).startswith("default-src 'none'; img-src data:;")
    assert len(re.findall("&lt;script&gt;", quality_page)) >= 7


def test_pictures_are_embedded_small_or_left_out(bucket: MemoryStore) -> None:
    large = BytesIO()
    Image.effect_noise((2000, 1000), 99).save(large, "PNG")
    bucket.objects["s3://marsh/large"] = large.getvalue()
    bucket.objects["s3://marsh/vector"] = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    bucket.objects["s3://marsh/cut"] = large.getvalue()[:1000]
    lines = [
        {**classed("1", "a", 0.1), "source-ref": f"s3://marsh/{name}"} for name in ("large", "vector", "cut", "gone")
    ]
    for line in lines:
        del line["source"]
    page = page_of(bucket, lines)
    (picture,) = [value for name, value in Elements(page).attributes if name == "href"]
    assert str(picture).startswith("data:image/jpeg;base64,")
    assert len(page) < 200_000
    assert "s3://marsh/gone" in page


def test_the_page_tells_what_was_measured(bucket: MemoryStore) -> None:
    manifest = put(bucket, "m", [classed("0", "a", 0.42), classed("1", "b"), FAILED])
    measure = Measure(Files(bucket), "bird")
    measure.labels(manifest)
    file = answered(bucket, 0, answer("worker-1", "b", 6), answer("worker-2", "a"))
    measure.answers([AnsweredJob(manifest, [file], 1)])
    page = report_html(
        measure.quality, Files(bucket), title="m", label_attribute="bird", shortfalls=["too few"]
    ).decode()
    for words in ("too few", "worker-1", "0.42", "No &lt;b&gt;answer", "6.0 s", "50.0%", "2 answers were read"):
        assert words in page, words
    good = report_html(Quality(), Files(bucket), title="m", label_attribute="bird").decode()
    assert "All requirements are met" in good
