"""The page about the quality of labels: it shows what came from outside as data, and nothing from other hosts."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from labeling_provider.groundtruth.ready_functions import drawing_type
from labeling_provider.manifest import Files
from labeling_provider.quality import AnsweredJob, Measure, Quality
from labeling_provider.rendering.quality_report import report_html
from tests.memory import MemoryStore
from tests.quality.adjusted import box_answer, boxes, mask, picture
from tests.quality.labeled import FAILED, answer, answered, classed, put


@pytest.fixture
def bucket() -> MemoryStore:
    return MemoryStore()


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
    page = report_html(measure.quality, Files(bucket), title=EVIL, label_attribute="bird", **more)
    return page.decode().replace("<wbr>", "")


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


def test_instances_are_shown_over_their_pictures(bucket: MemoryStore) -> None:
    bucket.objects["s3://marsh/1"] = bucket.objects["s3://marsh/mask"] = picture(size=(9, 9))
    painted = {"image_size": [{"width": 9, "height": 9}], "mask": "s3://marsh/mask"}
    about = {"type": drawing_type("instances"), "class-map": {"0": "heron"}, "objects": [{"confidence": 0.3}]}
    line = {
        "source-ref": "s3://marsh/1",
        "bird": {**painted, "instances": [{"class_id": 0, "pixel_value": 1}]},
        "bird-metadata": about,
    }
    assert page_of(bucket, [line]).count("data:image/png;base64,") == 2


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
    page = (
        report_html(measure.quality, Files(bucket), title="m", label_attribute="bird", shortfalls=["too few"])
        .decode()
        .replace("<wbr>", "")
    )
    for words in ("too few", "worker-1", "0.42", "No &lt;b&gt;answer", "6.0 s", "50.0%", "2 answers were read"):
        assert words in page, words
    many = Measure(Files(bucket), "bird")
    file = answered(bucket, 1, *(answer(f"worker-{number}", "a") for number in range(101)))
    many.answers([AnsweredJob(manifest, [file], 1)])
    page = report_html(many.quality, Files(bucket), title="m", label_attribute="bird").decode()
    assert "101 answers were read; 1 object has answers." in page
    assert (page.count('data-name="Worker"'), "And 1 more worker.<" in page) == (100, True)
    good = report_html(Quality(), Files(bucket), title="m", label_attribute="bird").decode()
    assert "All requirements are met" in good


def test_what_an_adjustment_has_changed_is_shown_before_and_after(bucket: MemoryStore) -> None:
    bucket.objects["s3://marsh/1.png"] = picture(mode="RGB", size=(100, 80))
    verdict = {"verdict": 1, "verdict-metadata": {"type": "groundtruth/label-verification", "class-name": "wrong"}}
    verdict["verdict-metadata"]["worker-feedback"] = [{"comment": EVIL}]  # type: ignore[index]
    old, new = ("heron", 0.0, 0.0, 10.0, 10.0), ("stork", 5.0, 0.0, 10.0, 10.0)
    changed = {**boxes("old", old), **verdict, **boxes("new", new, **{"adjustment-status": "adjusted"})}
    names = {1: "water"}
    masks = {**mask(bucket, "old", picture(), names), **mask(bucket, "new", picture((1, 0, 0, 9, 9)), names)}
    lines = [{"source-ref": "s3://marsh/1.png", **labels} for labels in (changed, masks)]
    manifest = put(bucket, "m", lines)
    measure = Measure(Files(bucket), "new", audited_attribute="old")
    measure.labels(manifest)
    file = answered(bucket, 0, box_answer(EVIL, new, initialValueModified=True))
    measure.answers([AnsweredJob(manifest, [file], 1)])
    page = (
        report_html(measure.quality, Files(bucket), title="t", label_attribute="new", audited_attribute="old")
        .decode()
        .replace("<wbr>", "")
    )
    elements = Elements(page)
    assert not elements.names & {"script", "img", "iframe", "object", "link", "a"}
    shown = page[page.index("Labels that changed most") :]
    assert shown.index("<title>heron") < shown.index("<title>stork")
    assert shown.count('<image class="mask"') == 2
    assert "<b>IoU 0.00</b> changed by <bdi>&lt;script&gt;" in shown
    assert "“&lt;script&gt;" in shown
    assert re.search(
        r'data-name="Labels changed">1</td><td class="number" data-name="IoU before and after">0.00<', page
    )
    assert "Labels changed" not in page_of(bucket, [classed("1", "a")])
