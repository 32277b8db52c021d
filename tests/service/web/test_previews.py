"""A requester's look at the page that workers get, and whole jobs of the kinds that have one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from labeling_provider.groundtruth.task_types import TASK_TYPES
from labeling_provider.service.clock import Clock
from labeling_provider.service.web.assets import Assets
from labeling_provider.service.web.object_links import Signer, make_link_credentials
from labeling_provider.service.web.pages import make_pages
from labeling_provider.service.web.previews import Previews
from labeling_provider.service.web.task_pages import TaskPages
from labeling_provider.service.work.requesters import ADMINISTRATOR
from tests.service.in_process import FUNCTION, REGION, InProcess

CUSTOM = {"task_type": "custom", "labels": None, "instructions": None, "ui_template_uri": "s3://lab/template.liquid"}


class Pages(NamedTuple):
    """A running engine, and the pages beside it."""

    engine: InProcess
    application: Any

    def get(self, path: str, query: str = "") -> tuple[int, dict[str, str], str]:
        """Status, headers and body."""
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(b"host", b"localhost:8099")],
            "scheme": "http",
            "server": ("localhost", 8099),
            "requester": ADMINISTRATOR,
        }
        asyncio.run(self.application(scope, receive, send))
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]).decode()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder: Path = tmp_path_factory.mktemp("previews")
    (folder / "crowd-html-elements.js").write_text("1")
    engine = InProcess(folder, {"pre": "tests.functions:pre"})
    engine.storage.objects["s3://lab/template.liquid"] = b"<crowd-form>{{ task.input.text }}|{{ task.input.source }}"
    signer = Signer(engine.storage, make_link_credentials(), REGION)
    previews = Previews(engine.store, engine.labeling.kinds, TaskPages(engine.storage, signer, Assets(folder)))
    yield Pages(engine, make_pages(engine.store, engine.storage, Clock(), previews.routes))
    engine.close()


def lines(*objects: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in objects)


def test_the_requester_sees_the_page_of_each_object(pages: Pages) -> None:
    form = {"form": 1}
    name = pages.engine.create(
        lines({"source": "a<b", "truth": form}, {"source": "second", "truth": form}),
        **CUSTOM,
        pre_annotation_function=FUNCTION + "pre",
    )
    pages.engine.wait(name)
    status, headers, body = pages.get(f"/jobs/{name}/preview", "object=1")
    assert (status, "frame-src 'self'" in headers["content-security-policy"]) == (200, True)
    assert f'src="/_labeling/jobs/{name}/preview/frame?object=1"' in body
    assert 'sandbox="allow-scripts allow-forms allow-modals"' in body
    assert ("preview?object=0" in body, "preview?object=2" in body) == (True, False)
    status, headers, body = pages.get(f"/jobs/{name}/preview/frame")
    assert (status, "sandbox" in headers["content-security-policy"]) == (200, True)
    assert "<crowd-form>a&lt;b|" in body
    assert "second|" in pages.get(f"/jobs/{name}/preview/frame", "object=1")[2]
    status, _, body = pages.get(f"/jobs/{name}/preview/frame", "object=2")
    assert (status, "no object 2 yet" in body) == (404, True)


@pytest.mark.parametrize("query", ["object=x", "object=-1", "object=1e9", "object=99999999999999", "object="])
def test_what_is_no_object_is_not_found(pages: Pages, query: str) -> None:
    name = pages.engine.create(lines({"source": "a", "truth": {"form": 1}}), **CUSTOM)
    for path in (f"/jobs/{name}/preview", f"/jobs/{name}/preview/frame"):
        assert pages.get(path, query)[0] == 404
    assert pages.get("/jobs/missing/preview")[0] == 404


def test_what_is_wrong_with_the_template_is_told(pages: Pages) -> None:
    pages.engine.storage.objects["s3://lab/wrong.liquid"] = b"\n{{ x"
    wrong = {**CUSTOM, "ui_template_uri": "s3://lab/wrong.liquid"}
    name = pages.engine.create(lines({"source": "a", "truth": {"form": 1}}), **wrong)
    pages.engine.wait(name)
    status, _, body = pages.get(f"/jobs/{name}/preview/frame")
    assert (status, "Line 2: {{ is not closed" in body) == (422, True)


@pytest.mark.parametrize("task_type", ["verification-bounding-box", "verification-semantic-segmentation"])
def test_a_verification_runs_to_its_end(pages: Pages, task_type: str) -> None:
    truth = {"label": "dog", "comment": "No dog."}
    about = {"type": TASK_TYPES[task_type].audited_type, "internal-color-map": {}, "class-map": {}}
    boxes: Any = {"image_size": [{"width": 9, "height": 9}], "annotations": []}
    value = boxes if task_type.endswith("-box") else "s3://lab/mask.png"
    line = {"source-ref": "s3://lab/a.png", "before": value, "before-metadata": about, "truth": truth}
    unlabeled = {"source-ref": "s3://lab/a.png", "truth": truth}
    description, output = pages.engine.run(lines(line, line, unlabeled), task_type=task_type, workers_per_object=3)
    assert description["LabelingJobStatus"] == "Completed"
    assert [line.get("label") for line in output] == [1, 1, None]
    assert "could be audited" in output[2]["label-metadata"]["failure-reason"]
    metadata = output[0]["label-metadata"]
    assert (metadata["class-name"], metadata["type"]) == ("dog", "groundtruth/label-verification")
    assert metadata["worker-feedback"] == [{"comment": "No dog."}] * 3


def test_a_pass_through_job_says_where_its_answers_are(pages: Pages) -> None:
    pages.engine.storage.objects["s3://lab/ranking.liquid"] = b"<crowd-text-ranking></crowd-text-ranking>"
    answer = {"ordinalRankingDimensions": [{"name": "Clarity", "responseRankings": [2, 1]}]}
    description, output = pages.engine.run(
        lines({"source": "a", "responses": ["b", "c"], "truth": answer}),
        **{**CUSTOM, "task_type": "pass-through", "ui_template_uri": "s3://lab/ranking.liquid"},
    )
    assert description["LabelingJobStatus"] == "Completed"
    uri = output[0]["label-metadata"]["worker-response-ref"]
    assert json.loads(pages.engine.storage.objects[uri])["answers"][0]["answerContent"] == answer
    assert output[0]["label"] == {}
