"""What adjustments and verifications can show, and what they can't."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from random import Random
from typing import Any

import pytest

from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.request.templates import worker_template
from labeling_provider.service.kinds.audited_kind import Audited
from labeling_provider.service.kinds.kind import KINDS
from labeling_provider.service.web.liquid import render
from tests.service.kinds.some_jobs import former_boxes, make_kind, make_line

BOX = {"label": "bee", "left": 2, "top": 3, "width": 10, "height": 8}
LINE = {"source-ref": "s3://lab/picture", **former_boxes([BOX])}
ABOUT = LINE["before-metadata"]
AUDITS = [
    "adjustment-bounding-box",
    "adjustment-semantic-segmentation",
    "verification-bounding-box",
    "verification-semantic-segmentation",
]


@pytest.mark.parametrize("name", AUDITS)
def test_an_object_without_the_label_is_kept_from_people(name: str) -> None:
    kind = make_kind(name)
    line = make_line(kind, Random(1))
    assert kind.obstacle(line) is None
    for lacking in (
        {"source-ref": "s3://lab/picture"},
        {**line, "before": None, "before-ref": None},
        {**line, "before-metadata": 3, "before-ref-metadata": {"type": "groundtruth/custom"}},
    ):
        assert "no label of the type groundtruth/" in str(kind.obstacle(lacking))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"before": {"annotations": "x"}}, "The label can't be audited: before: "),
        ({"before-metadata": {**ABOUT, "class-map": {"1": "gnu"}}}, "its class 'gnu' is not one of the job's labels"),
        ({"before-metadata": {**ABOUT, "class-map": {}}}, "its class '1' is not one of the job's labels"),
    ],
)
def test_a_label_that_can_not_be_shown_is_told(line: dict[str, Any], words: str) -> None:
    assert words in str(make_kind("adjustment-bounding-box").obstacle({**LINE, **line}))


def test_a_verification_shows_classes_that_are_no_verdicts() -> None:
    assert (
        make_kind("verification-bounding-box").obstacle({**LINE, "before-metadata": {**ABOUT, "class-map": {}}}) is None
    )


@pytest.mark.parametrize("name", ["adjustment-bounding-box", "verification-bounding-box"])
def test_simulated_workers_and_people_see_the_same_of_two_labels(name: str) -> None:
    kind = make_kind(name)
    later = {"later": {**LINE["before"], "annotations": []}, "later-metadata": ABOUT}
    line, truth = {**LINE, **later}, [BOX]
    request = JobRequest({"HumanTaskConfig": {"UiConfig": {"UiTemplateS3Uri": "s3://lab/page"}}})
    for shown, categories, audited in (
        ("before", {}, "before"),
        ("later", {"auditLabelAttributeName": "before"}, "later"),
        (None, {"auditLabelAttributeName": "before"}, "later"),
    ):
        job = replace(kind.job, request=request, categories={**kind.job.categories, **categories})
        page = worker_template(job.task_type, "", "", shown)
        job.object_store.write({"s3://lab/page": (page.encode(), "text/plain")})
        assert Audited(job).label(line).attribute == audited
        content = KINDS[name](job).simulate(line, truth, True, Random(1))
        assert content is not None
        is_right = audited == "before"
        if name.startswith("verification"):
            assert content[kind.key]["label"] == kind.job.labels[0 if is_right else -1]
        else:
            assert content[kind.key]["initialValueModified"] is not is_right
        # What the page shows, as people see it.
        assert ('"left": 2' in unescape(render(page, kind.own_input(line), str))) == is_right


def test_the_category_file_may_name_the_label() -> None:
    job = make_kind("adjustment-bounding-box").job
    line = {**LINE, "later": {**LINE["before"], "annotations": []}, "later-metadata": ABOUT}
    assert Audited(job).label(line).attribute == "later"
    named = Audited(replace(job, categories={"auditLabelAttributeName": "before"}))
    assert named.label(line).attribute == "before"
    with pytest.raises(ValueError, match="no label under 'before'"):
        named.label({"source-ref": "s3://lab/picture"})
