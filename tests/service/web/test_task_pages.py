"""The pages of tasks: our own templates with the inputs of every task type, and callers' templates."""

from __future__ import annotations

import html
import json
import re
import threading
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any

import pytest

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import human_task_ui_arn
from labeling_provider.groundtruth.ready_functions import READY_CONSOLIDATIONS
from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.manifest.sequences import sequence_document
from labeling_provider.request.templates import (
    drawing_template,
    has_worker_template,
    hosted_template,
    question_template,
    ranking_template,
    worker_template,
)
from labeling_provider.service.cloud.object_store import ObjectsAway
from labeling_provider.service.kinds import KINDS
from labeling_provider.service.kinds.kind import JobFacts, Kind
from labeling_provider.service.web.assets import Assets
from labeling_provider.service.web.liquid import render
from labeling_provider.service.web.object_links import Signer, make_link_credentials
from labeling_provider.service.web.task_pages import ShownTask, TaskPages
from tests.service.in_process import Memory
from tests.service.inside import REGION
from tests.service.kinds.some_jobs import make_kind as kind_with_files
from tests.service.kinds.some_jobs import make_line

BASE = "http://localhost:8099"
LABELS = ["it's", "<b>", 'a "bee"']
LINES: dict[str, dict[str, Any]] = {
    "text": {"source": "Böen & <b>wind</b>\r\nam \u202eMorgen"},
    "image": {"source-ref": "s3://lab/it's.png"},
    "video": {"source-ref": "s3://lab/clip.mp4"},
    "any": {"source": "a", "responses": ["it's", "<b>"]},
}
BOXES = {
    "old": {"annotations": [{"class_id": 1, "left": 1, "top": 2, "width": 3, "height": 4}], "image_size": []},
    "old-metadata": {"type": "groundtruth/object-detection", "class-map": {"0": "it's", "1": 'a "bee"'}},
}
COLORS = {
    "0": {"class-name": "BACKGROUND", "hex-color": "#ffffff"},
    "1": {"class-name": "it's", "hex-color": "#2ca02c"},
    "2": {"class-name": "<b>", "hex-color": "#1f77b4"},
}
MASK_METADATA = {"type": "groundtruth/semantic-segmentation", "internal-color-map": COLORS}
MASK = {"mask-ref": "s3://lab/mask.png", "mask-ref-metadata": MASK_METADATA}


class Elements(HTMLParser):
    """What a browser makes of a page: each element with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: dict[str, dict[str, str | None]] = {}
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.setdefault(tag, dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def store() -> Memory:
    return Memory()


@pytest.fixture
def pages(store: Memory, tmp_path: Path) -> TaskPages:
    (tmp_path / "crowd-html-elements.js").write_text("1")
    return TaskPages(store, Signer(store, make_link_credentials(), REGION), Assets(tmp_path))


def make_kind(task_type: str, ui: dict[str, str]) -> Kind:
    facts = JobFacts(
        name="job",
        arn="",
        attribute="label",
        task_type=TASK_TYPES[task_type],
        labels=LABELS,
        categories={
            "labels": [{"label": label, "shortDisplayName": label[:2]} for label in LABELS],
            "instructions": {"shortInstruction": "<p>Mark <b>all</b>.</p>", "fullInstruction": "<p>Whole words.</p>"},
        },
        workers_per_object=1,
        output="",
        request=JobRequest(
            {"HumanTaskConfig": {"TaskTitle": "Which <b>?", "UiConfig": ui, "TaskTimeLimitInSeconds": 300}}
        ),
        object_store=Memory(),
    )
    return KINDS[task_type](facts)


def elements(pages: TaskPages, kind: Kind, line: dict[str, Any], prepared: dict[str, Any] | None = None) -> Elements:
    answer = pages.page(ShownTask(kind, line, prepared), BASE)
    assert answer.status_code == 200, answer.body
    return Elements(answer.body.decode())


TEMPLATE = {"UiTemplateS3Uri": "s3://lab/template.liquid"}


@pytest.mark.parametrize("task_type", [name for name in KINDS if has_worker_template(TASK_TYPES[name])])
def test_our_templates_show_the_object_and_the_labels(pages: TaskPages, store: Memory, task_type: str) -> None:
    row = TASK_TYPES[task_type]
    store.objects["s3://lab/template.liquid"] = worker_template(row, "Which <b>?", "Look.").encode()
    line = {**LINES[row.media], **BOXES, **MASK}
    page = elements(pages, make_kind(task_type, TEMPLATE), line)
    assert row.element
    element = page.elements[row.element]
    assert element["header"] == "Which <b>?"
    assert json.loads(element.get("categories") or element.get("labels") or "") == LABELS
    if row.media == "text":
        assert line["source"] in page.text
    else:
        link = element.get("src") or page.elements["source"]["src"]
        assert str(link).startswith(f"{BASE}/lab/")


def audit_page(pages: TaskPages, store: Memory, task_type: str, attribute: str | None) -> dict[str, Any]:
    """The elements of our page of an audit, for a line whose last labels have failed."""
    store.objects[f"s3://lab/{task_type}"] = worker_template(TASK_TYPES[task_type], "x", "y", attribute).encode()
    kind = make_kind(task_type, {"UiTemplateS3Uri": f"s3://lab/{task_type}"})
    failed = {
        f"failed-{number}-metadata": metadata for number, metadata in enumerate((BOXES["old-metadata"], MASK_METADATA))
    }
    return elements(pages, kind, {**LINES["image"], **BOXES, **MASK, **failed}).elements


@pytest.mark.parametrize("named", [False, True])
def test_an_adjustment_begins_with_the_old_labels(pages: TaskPages, store: Memory, named: bool) -> None:
    def initial(task_type: str, attribute: str) -> Any:
        page = audit_page(pages, store, task_type, attribute if named else None)
        element = page[TASK_TYPES[task_type].element or ""]
        assert (json.loads(element["labels"]), "worker-comment" in page) == (LABELS, False)
        return json.loads(element["initial-value"])

    box = {"label": 'a "bee"', "left": 1, "top": 2, "width": 3, "height": 4}
    assert initial("adjustment-bounding-box", "old") == [box]
    shown = initial("adjustment-semantic-segmentation", "mask-ref")
    assert shown["labelMappings"] == {"it's": {"color": "#2ca02c"}, "<b>": {"color": "#1f77b4"}}
    assert shown["src"].startswith(f"{BASE}/lab/mask.png?")


@pytest.mark.parametrize("drawn", READY_CONSOLIDATIONS)
def test_our_pages_to_draw_on_show_the_object_and_the_labels(pages: TaskPages, store: Memory, drawn: str) -> None:
    store.objects["s3://lab/template.liquid"] = drawing_template("Which <b>?", "Look.", drawn, LABELS).encode()
    page = elements(pages, make_kind("custom", TEMPLATE), LINES["image"])
    (element,) = [page.elements[name] for name in page.elements if name.startswith("crowd-") and name != "crowd-form"]
    assert element["header"] == "Which <b>?"
    assert json.loads(element["labels"] or "") == LABELS
    assert str(element["src"]).startswith(f"{BASE}/lab/")


@pytest.mark.parametrize("named", [False, True])
def test_a_verification_shows_the_old_labels(pages: TaskPages, store: Memory, named: bool) -> None:
    def overlay(task_type: str, attribute: str) -> Any:
        page = audit_page(pages, store, task_type, attribute if named else None)
        assert "worker-comment" in page
        return json.loads(page["crowd-image-classifier"]["overlay"])

    assert overlay("verification-bounding-box", "old") == {
        "boundingBox": {
            "labels": ["it's", 'a "bee"'],
            "value": [{"label": 'a "bee"', "left": 1, "top": 2, "width": 3, "height": 4}],
        }
    }
    shown = overlay("verification-semantic-segmentation", "mask-ref")["semanticSegmentation"]
    assert shown["labels"] == ["it's", "<b>"]
    assert shown["labelMappings"] == {"it's": {"color": "#2ca02c"}, "<b>": {"color": "#1f77b4"}}
    assert shown["src"].startswith(f"{BASE}/lab/mask.png?")


def test_named_entities_have_the_page_that_amazon_hosts(pages: TaskPages) -> None:
    kind = make_kind(
        "named-entity-recognition", {"HumanTaskUiArn": human_task_ui_arn("NamedEntityRecognition", REGION)}
    )
    page = elements(pages, kind, LINES["text"])
    element = page.elements["crowd-entity-annotation"]
    # Offsets count the characters of the text as it is in the manifest, so none may be lost or changed.
    assert element["text"] == LINES["text"]["source"]
    assert element["name"] == "crowd-entity-annotation"
    assert json.loads(element["labels"] or "")[0] == {"label": "it's", "shortDisplayName": "it"}
    assert element["header"] == "Which <b>?"
    assert page.text.count("Mark all.") == 1


def test_ranking_and_questions_pass_through(pages: TaskPages, store: Memory) -> None:
    store.objects["s3://lab/template.liquid"] = ranking_template("Best?", "Rank.", ["It's clear"], ties=True).encode()
    element = elements(pages, make_kind("pass-through", TEMPLATE), LINES["any"]).elements["crowd-text-ranking"]
    assert (element["text"], json.loads(element["responses"] or "")) == ("a", ["it's", "<b>"])
    assert json.loads(element["ordinal-ranking-dimensions"] or "") == [{"name": "It's clear", "allowTie": True}]
    other = {"UiTemplateS3Uri": "s3://lab/questions.liquid"}
    store.objects["s3://lab/questions.liquid"] = question_template("Ask.", "Two.", min_questions=2, tags=["a"]).encode()
    element = elements(pages, make_kind("pass-through", other), LINES["any"]).elements[
        "crowd-question-answer-generation"
    ]
    assert (element["text"], element["min-questions"], element["question-tags"]) == ("a", "2", '["a"]')


def test_a_callers_template_gets_the_line_or_what_the_function_has_made(pages: TaskPages, store: Memory) -> None:
    store.objects["s3://lab/template.liquid"] = b"\xef\xbb\xbf<p>{{ task.input }}</p>"
    kind, line = make_kind("custom", TEMPLATE), LINES["any"]
    assert json.loads(elements(pages, kind, line).text.splitlines()[-1]) == line
    prepared = {"made": "<i>"}
    assert json.loads(elements(pages, kind, line, prepared).text.splitlines()[-1]) == prepared


def test_a_link_can_be_had_anew_by_the_page_that_has_it(pages: TaskPages, store: Memory) -> None:
    store.objects["s3://lab/template.liquid"] = b"{{ task.input.source-ref | grant_read_access }}"
    kind = make_kind("custom", TEMPLATE)
    task = ShownTask(kind, LINES["image"])
    answer = pages.page(task, BASE)
    link = html.unescape(re.findall(r"http://localhost:8099/lab\S+", bytes(answer.body).decode())[0])
    assert "/lab/it%27s.png" in answer.headers["content-security-policy"]
    assert pages.fresh_link(task, BASE, link.partition("?")[0] + "?old") == link
    assert pages.fresh_link(task, BASE, f"{BASE}/lab/other.png?{link.partition('?')[2]}") is None
    other = ShownTask(kind, {"source-ref": "s3://lab/other.png"})
    assert pages.fresh_link(other, BASE, f"{BASE}/lab/other.png?old")
    assert pages.fresh_link(other, BASE, link) is None


def test_who_asks_for_many_links_does_not_have_the_page_made_each_time(
    pages: TaskPages, store: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counted(source: str, *arguments: Any) -> str:
        made.append(source)
        return render(source, *arguments)

    monkeypatch.setattr("labeling_provider.service.web.task_pages.render", counted)
    store.objects["s3://lab/template.liquid"] = b"{{ task.input.source-ref | grant_read_access }}"
    task = ShownTask(make_kind("custom", TEMPLATE), LINES["image"])
    old = f"{BASE}/lab/it%27s.png?old"
    links = {pages.fresh_link(task, BASE, old) for _ in range(9)}
    assert (len(links), len(made)) == (1, 1)
    monkeypatch.setattr("labeling_provider.service.web.task_pages._KEPT_SECONDS", -1.0)
    assert pages.fresh_link(task, BASE, old) in links
    assert len(made) == 2


@pytest.mark.parametrize(
    ("template", "what"),
    [
        (None, "There is no template at s3://lab/template.liquid."),
        (b"\n{{ x", "Line 2: {{ is not closed"),
        (b"\xff", "is not UTF-8"),
        (b"x" * 600_000, "has more than 128,000 characters"),
        (b"x" * 200_000, "at most 128,000 are allowed"),
    ],
)
def test_a_page_that_can_not_be_made_says_why(
    pages: TaskPages, store: Memory, template: bytes | None, what: str
) -> None:
    if template is not None:
        store.objects["s3://lab/template.liquid"] = template
    kind = make_kind("custom", TEMPLATE)
    task = ShownTask(kind, LINES["any"])
    answer = pages.page(task, BASE)
    assert answer.status_code == 422
    assert what in html.unescape(bytes(answer.body).decode())
    assert "sandbox" in answer.headers["content-security-policy"]
    assert pages.fresh_link(task, BASE, "x") is None


def test_a_template_is_read_anew_after_a_while(
    pages: TaskPages, store: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.objects["s3://lab/template.liquid"] = b"first"
    kind = make_kind("custom", TEMPLATE)
    assert "first" in elements(pages, kind, {}).text
    store.objects["s3://lab/template.liquid"] = b"second"
    assert "first" in elements(pages, kind, {}).text
    monkeypatch.setattr("labeling_provider.service.web.task_pages._KEPT_SECONDS", -1.0)
    assert "second" in elements(pages, kind, {}).text


def test_while_s3_is_away_the_page_is_made_from_the_last_template(
    pages: TaskPages, store: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.objects |= {"s3://lab/template.liquid": b"known", "s3://lab/other.liquid": b"other"}
    known = make_kind("custom", TEMPLATE)
    other = ShownTask(make_kind("custom", {"UiTemplateS3Uri": "s3://lab/other.liquid"}), {})
    assert "known" in elements(pages, known, {}).text
    monkeypatch.setattr("labeling_provider.service.web.task_pages._KEPT_SECONDS", -1.0)
    store.down = ObjectsAway("S3 is away")
    for _ in range(2):
        assert "known" in elements(pages, known, {}).text
        with pytest.raises(ObjectsAway):
            pages.page(other, BASE)
    store.down = None
    store.objects["s3://lab/template.liquid"] = b"changed"
    assert "changed" in elements(pages, known, {}).text
    assert pages.page(other, BASE).status_code == 200


def test_one_person_waits_for_a_new_template_and_others_get_the_old_one(
    pages: TaskPages, store: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.objects["s3://lab/template.liquid"] = b"old"
    kind = make_kind("custom", TEMPLATE)
    assert "old" in elements(pages, kind, {}).text
    monkeypatch.setattr("labeling_provider.service.web.task_pages._KEPT_SECONDS", -1.0)
    store.objects["s3://lab/template.liquid"] = b"new"
    asked, answer, seen = threading.Event(), threading.Event(), list[str]()

    def hang(uri: str, max_bytes: int) -> bytes:
        asked.set()
        assert answer.wait(30)
        return store.objects[uri]

    monkeypatch.setattr(store, "beginning", hang)
    waiting = threading.Thread(target=lambda: seen.append(elements(pages, kind, {}).text))
    waiting.start()
    assert asked.wait(30)
    assert "old" in elements(pages, kind, {}).text
    answer.set()
    waiting.join()
    assert "new" in seen[0]


@pytest.mark.parametrize("task_type", ["video-object-detection", "video-object-tracking"])
def test_video_frames_have_a_page_of_ours(pages: TaskPages, tmp_path: Path, task_type: str) -> None:
    (tmp_path / "crowd-html-elements-frames.js").write_text("2")
    row = TASK_TYPES[task_type]
    kind = make_kind(task_type, {"HumanTaskUiArn": human_task_ui_arn(row.human_task_ui or "", REGION)})
    names = ["it's </script><b>.jpg", "{{ 1 }}.png"]
    body = json.dumps(sequence_document(1, "s3://lab/yard/", names)).encode()
    kind.job.object_store.write({"s3://lab/seq.json": (body, "")})
    answer = pages.page(ShownTask(kind, {"source-ref": "s3://lab/seq.json"}), BASE).body.decode()
    page = Elements(answer)
    assert str(page.elements["script"]["src"]).endswith("/crowd-html-elements-frames.js")
    element = page.elements["crowd-video-frames"]
    assert (element["name"], element["header"]) == (row.answer_key, "Which <b>?")
    assert page.text.count("Mark all.") == 1
    script = re.search(r'id="sequence">(.*?)</script>', answer, re.DOTALL)
    assert script
    given = json.loads(script[1])
    assert [frame["frame"] for frame in given["frames"]] == names
    assert all(frame["src"].startswith(f"{BASE}/lab/yard/") for frame in given["frames"])
    assert (given["tracks"], given["initial"]) == (task_type.endswith("tracking"), None)
    assert [label["label"] for label in given["categories"]["labels"]] == LABELS


def test_a_sequence_that_is_not_there_any_more_is_told(pages: TaskPages) -> None:
    kind = make_kind("video-object-tracking", {"HumanTaskUiArn": human_task_ui_arn("VideoObjectTracking", REGION)})
    answer = pages.page(ShownTask(kind, {"source-ref": "s3://lab/gone.json"}), BASE)
    assert answer.status_code == 422
    assert b"There is no sequence file s3://lab/gone.json." in answer.body


@pytest.mark.parametrize(
    ("task_type", "kind", "tracks"),
    [
        ("3d-point-cloud-object-detection", "cuboids", False),
        ("3d-point-cloud-object-tracking", "cuboids", True),
        ("adjustment-3d-point-cloud-object-tracking", "cuboids", True),
        ("3d-point-cloud-semantic-segmentation", "classes", False),
    ],
)
def test_the_page_of_a_point_cloud_has_links_to_its_files_and_all_that_describes_them(
    task_type: str, kind: str, tracks: bool
) -> None:
    made = kind_with_files(task_type, frameAttributes=[{"name": "</script><b>{{ 7 }}", "type": "string"}])
    line = make_line(made, Random(4))
    source = hosted_template(f"x/{made.job.task_type.human_task_ui}")
    assert source is not None
    page = render(source, made.task_input(line), lambda uri: f"{uri}?<signed>")
    (text,) = re.findall('id="sequence">(.*?)</script>', page, re.DOTALL)
    data = json.loads(text)
    assert (data["kind"], data["tracks"]) == (kind, tracks)
    assert data["categories"]["frameAttributes"][0]["name"] == "</script><b>{{ 7 }}"
    assert (data["initial"] is None) == (not task_type.startswith("adjustment-"))
    frames = data["frames"]
    assert len(frames) == (3 if tracks else 1)
    assert frames[0]["src"] == "s3://lab/street/0.bin?<signed>"
    assert (frames[0]["format"], frames[0]["unix-timestamp"]) == ("binary/xyzi", 10.5)
    (image,) = frames[0]["images"]
    assert image["src"] == "s3://lab/street/cam/0.jpg?<signed>"
    assert (image["fx"], image["camera-model"], image["heading"]["qw"]) == (800, "pinhole", 1)
    assert f'<crowd-point-clouds name="{made.key}"' in page
