"""Worker templates, by name or by ARN."""

from __future__ import annotations

import pytest

from labeling_provider.service.database import human_task_ui_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.job_rows import NameTaken
from labeling_provider.service.database.paging import Between, PageRequest


def test_a_template_is_there_under_its_name_and_its_arn_until_it_is_deleted(connection: Connection) -> None:
    human_task_ui_rows.insert(connection, "herons", "arn-herons", "<crowd-form>")
    template = human_task_ui_rows.find(connection, "herons")
    assert template is not None
    assert (template.arn, template.template) == ("arn-herons", "<crowd-form>")
    assert human_task_ui_rows.find_by_arn(connection, "arn-herons") == template
    assert human_task_ui_rows.find(connection, "cats") is None
    assert human_task_ui_rows.delete(connection, "herons")
    assert not human_task_ui_rows.delete(connection, "herons")
    assert human_task_ui_rows.find_by_arn(connection, "arn-herons") is None


def test_templates_are_listed_by_their_age(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    ages = {"b": 1.0, "a": 2.0, "c": 3.0}
    for name, age in ages.items():
        monkeypatch.setattr(human_task_ui_rows, "now", lambda age=age: age)
        human_task_ui_rows.insert(connection, name, f"arn-{name}", "<crowd-form>")
    page, token = human_task_ui_rows.page(connection, Between(None, None), PageRequest(2, False, None))
    assert [(row.name, row.arn, row.created) for row in page] == [(n, f"arn-{n}", ages[n]) for n in ("b", "a")]
    assert token is not None
    page, token = human_task_ui_rows.page(connection, Between(None, None), PageRequest(2, False, token))
    assert ([row.name for row in page], token) == (["c"], None)
    later = Between(2.0, None)
    assert [row.name for row in human_task_ui_rows.page(connection, later, PageRequest(9, True, None))[0]] == ["c"]
    assert human_task_ui_rows.count(connection) == 3
    with pytest.raises(NameTaken, match="a"):
        human_task_ui_rows.insert(connection, "a", "arn-other", "")
