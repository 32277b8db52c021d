"""Worker templates by name, and rendered, through boto3."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Lab
from tests.own_names import own_id
from tests.service.web.test_labeling_jobs import refused
from tests.service.web.wire import ask

TEMPLATE = "<crowd-form>{{ task.input.text }} & {{ '<b>' }}</crowd-form>\r\nümläut"
HOSTED = "arn:aws:sagemaker:us-east-1:394669845002:human-task-ui/NamedEntityRecognition"


@pytest.fixture
def name(lab: Lab) -> Iterator[str]:
    """A template that is there for one test."""
    name = f"ui-{own_id().hex[:12]}"
    tags = [{"Key": "team", "Value": "birds"}]
    lab.sagemaker.create_human_task_ui(HumanTaskUiName=name, UiTemplate={"Content": TEMPLATE}, Tags=tags)
    yield name
    if name in names(lab):
        lab.sagemaker.delete_human_task_ui(HumanTaskUiName=name)


def names(lab: Lab) -> list[str]:
    pages = lab.sagemaker.get_paginator("list_human_task_uis").paginate(PaginationConfig={"PageSize": 2})
    return [summary["HumanTaskUiName"] for page in pages for summary in page["HumanTaskUiSummaries"]]


def rendered(lab: Lab, task_input: Any, **template: Any) -> dict[str, Any]:
    return lab.sagemaker.render_ui_template(  # type: ignore[no-any-return]
        RoleArn=lab.role, Task={"Input": json.dumps(task_input)}, **template
    )


def test_a_template_is_kept_under_its_name(lab: Lab, name: str) -> None:
    described = lab.sagemaker.describe_human_task_ui(HumanTaskUiName=name)
    assert described["HumanTaskUiArn"] == f"arn:aws:sagemaker:us-east-1:123456789012:human-task-ui/{name}"
    assert described["HumanTaskUiStatus"] == "Active"
    assert described["UiTemplate"]["ContentSha256"] == hashlib.sha256(TEMPLATE.encode()).hexdigest()
    url = described["UiTemplate"]["Url"]
    status, body, headers = ask(lab.service, "GET", url)
    assert (status, body) == (200, TEMPLATE.encode())
    # Through a balancer, it is where the caller has asked.
    host = f"elsewhere.localhost:{urlsplit(url).port}"
    kind = {"X-Amz-Target": "SageMaker.DescribeHumanTaskUi", "Content-Type": "application/x-amz-json-1.1"}
    _, answer, _ = ask(lab.service, "POST", "/", {**kind, "Host": host}, json.dumps({"HumanTaskUiName": name}).encode())
    assert json.loads(answer)["UiTemplate"]["Url"] == f"http://{host}{urlsplit(url).path}"
    assert headers["content-type"] == "text/plain; charset=utf-8"
    for wrong in (url[:-1], url[:-64] + "0" * 64, url.replace(name, "other")):
        assert ask(lab.service, "GET", wrong)[0] == 404
    tags = lab.sagemaker.list_tags(ResourceArn=described["HumanTaskUiArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "birds"}]


def test_a_template_is_listed_until_it_is_deleted(lab: Lab, name: str) -> None:
    others = [f"{name}-{number}" for number in range(3)]
    for other in others:
        lab.sagemaker.create_human_task_ui(HumanTaskUiName=other, UiTemplate={"Content": "x"})
    try:
        assert [own for own in names(lab) if own.startswith(name)] == [name, *others]
        newest = lab.sagemaker.list_human_task_uis(SortOrder="Descending", MaxResults=1)["HumanTaskUiSummaries"]
        assert [summary["HumanTaskUiName"] for summary in newest] == [others[-1]]
    finally:
        for other in others:
            lab.sagemaker.delete_human_task_ui(HumanTaskUiName=other)
    assert refused(lab, "create_human_task_ui", HumanTaskUiName=name, UiTemplate={"Content": "x"})[0] == "ResourceInUse"
    lab.sagemaker.delete_human_task_ui(HumanTaskUiName=name)
    assert name not in names(lab)
    for operation in ("describe_human_task_ui", "delete_human_task_ui"):
        assert refused(lab, operation, HumanTaskUiName=name)[0] == "ResourceNotFound"


def test_a_template_is_rendered_with_an_input(lab: Lab, name: str) -> None:
    lab.put("pictures/it's.png", b"picture")
    source = "<img src='{{ task.input.ref | grant_read_access }}'>{{ task.input.text }}"
    answer = rendered(lab, {"ref": "s3://lab/pictures/it's.png", "text": "<i>"}, UiTemplate={"Content": source})
    assert answer["Errors"] == []
    assert answer["RenderedContent"].endswith("'>&lt;i&gt;")
    link = html.unescape(answer["RenderedContent"].split("'")[1])
    assert ask(lab.service, "GET", link)[1] == b"picture"
    arn = lab.sagemaker.describe_human_task_ui(HumanTaskUiName=name)["HumanTaskUiArn"]
    answer = rendered(lab, {"text": "a"}, HumanTaskUiArn=arn)
    assert answer["RenderedContent"] == TEMPLATE.replace("{{ task.input.text }}", "a").replace("{{ '<b>' }}", "<b>")
    entities = rendered(lab, {"taskObject": "a b", "labels": [{"label": "X"}]}, HumanTaskUiArn=HOSTED)
    assert 'text="a b"' in entities["RenderedContent"]


def test_what_is_wrong_with_a_template_is_told_and_nothing_is_shown(lab: Lab) -> None:
    for source, message in (("a\n{% if %}{% endif %}", "Line 2"), ("{{ 1 | no }}", "There is no filter 'no'")):
        answer = rendered(lab, {}, UiTemplate={"Content": source})
        (error,) = answer["Errors"]
        assert answer["RenderedContent"] == ""
        assert message in error["Message"]
        assert error["Code"] == "SyntaxError"
    (error,) = rendered(lab, {}, UiTemplate={"Content": "{% for i in (1..999999999) %}{% endfor %}"})["Errors"]
    assert error["Code"] == "LimitExceeded"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Task": {"Input": "{"}}, "ValidationException"),
        ({"Task": {"Input": "NaN"}}, "ValidationException"),
        ({"Task": {"Input": "x" * 128_001}}, "ValidationException"),
        ({"UiTemplate": {"Content": "x" * 128_001}}, "ValidationException"),
        ({"UiTemplate": None}, "ValidationException"),
        ({"HumanTaskUiArn": HOSTED}, "ValidationException"),
        ({"RoleArn": "arn:aws:iam::123456789012:role/missing"}, "ValidationException"),
        ({"UiTemplate": None, "HumanTaskUiArn": HOSTED + "s"}, "ResourceNotFound"),
        ({"UiTemplate": None, "HumanTaskUiArn": HOSTED.replace("394669845002", "123456789012")}, "ResourceNotFound"),
    ],
)
def test_what_can_not_be_rendered_is_refused(lab: Lab, change: dict[str, Any], code: str) -> None:
    request: dict[str, Any] = {"RoleArn": lab.role, "Task": {"Input": "{}"}, "UiTemplate": {"Content": "x"}, **change}
    given = {key: value for key, value in request.items() if value is not None}
    assert refused(lab, "render_ui_template", **given)[0] == code
