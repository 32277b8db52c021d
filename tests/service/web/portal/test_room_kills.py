"""Nothing that a person has done is lost, whatever is killed: ``make torture --people``, shorter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dev.torture_people import TEMPLATE, AtChromium, Crowd
from tests.conftest import Lab, texts
from tests.service.web.portal.conftest import PeopleJob

pytestmark = pytest.mark.e2e


def test_every_accepted_answer_counts_once_whatever_is_killed(tmp_path: Path) -> None:
    Crowd(tmp_path, seed=3, kills=6, objects=40, chromium=False).run()


@pytest.mark.browser
def test_a_killed_browser_leaves_the_half_written_answer(
    lab: Lab, people_job: Callable[..., PeopleJob], tmp_path: Path
) -> None:
    template = lab.put("with-note.liquid", TEMPLATE)
    job = people_job(texts(2), workers_per_object=1, ui_template_uri=template)
    person = AtChromium(tmp_path / "profile", "Killed", lab.service, job.number, "seed", lambda: None)
    person.to_kill = 1
    person.run()
    assert not person.trouble, person.trouble
    assert (person.lives, person.killed) == (2, 1)
    notes = {answer["answerContent"]["note"] for answer in job.answers()}
    assert notes == {note for accepted in person.accepted.values() for note in accepted}
