"""Worker templates that come from Amazon."""

from __future__ import annotations

import pytest

from labeling_provider.jobs import moving_templates
from labeling_provider.jobs.moving_parts import Entry, MovingError, Outcome
from labeling_provider.jobs.moving_templates import NamedTemplates, _download
from tests.client.clients import ground_truth
from tests.conftest import Lab


@pytest.fixture
def name(name: str) -> str:
    """Such a name; a template's has no capitals."""
    return name.lower()


@pytest.fixture
def templates(amazon: Lab, lab: Lab) -> NamedTemplates:
    return NamedTemplates(ground_truth(amazon), ground_truth(lab))


def test_a_template_comes_with_its_text_and_tags(amazon: Lab, lab: Lab, templates: NamedTemplates, name: str) -> None:
    content = "<crowd-form>Größe {{ task.input.x }}</crowd-form>"
    tags = [{"Key": "project", "Value": "marsh"}]
    amazon.sagemaker.create_human_task_ui(HumanTaskUiName=name, UiTemplate={"Content": content}, Tags=tags)
    dry = NamedTemplates(ground_truth(amazon), ground_truth(lab), dry_run=True)
    assert Entry("worker template", name, Outcome.MADE) in list(dry.bring_all())
    assert lab.sagemaker.list_human_task_uis()["HumanTaskUiSummaries"] == []
    (made,) = [entry for entry in templates.bring_all() if entry.name == name]
    assert made.outcome == Outcome.MADE
    old, new = (side.sagemaker.describe_human_task_ui(HumanTaskUiName=name) for side in (amazon, lab))
    assert new["UiTemplate"]["ContentSha256"] == old["UiTemplate"]["ContentSha256"]
    assert lab.sagemaker.list_tags(ResourceArn=new["HumanTaskUiArn"])["Tags"] == tags
    assert Entry("worker template", name, Outcome.THERE) in list(templates.bring_all())
    lab.sagemaker.delete_human_task_ui(HumanTaskUiName=name)
    lab.sagemaker.create_human_task_ui(HumanTaskUiName=name, UiTemplate={"Content": "mine"})
    (kept,) = [entry for entry in templates.bring_all() if entry.name == name]
    assert kept.outcome == Outcome.REFUSED
    lab.sagemaker.delete_human_task_ui(HumanTaskUiName=name)
    amazon.sagemaker.delete_human_task_ui(HumanTaskUiName=name)


def test_a_template_is_read_only_from_the_web_and_only_if_it_is_the_one(
    amazon: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MovingError, match="not a web address"):
        _download("file:///etc/passwd", "0")
    with pytest.raises(MovingError, match="can't be read"):
        _download("http://127.0.0.1:9/", "0")
    with pytest.raises(MovingError, match="checksum"):
        _download(f"{amazon.service.endpoint_url}/_labeling", "0")
    monkeypatch.setattr(moving_templates, "_MAX_TEMPLATE_BYTES", 10)
    with pytest.raises(MovingError, match="larger than 10 bytes"):
        _download(f"{amazon.service.endpoint_url}/_labeling", "0")
