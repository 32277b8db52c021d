"""What is asked of Amazon and of the service, and how it fails."""

from __future__ import annotations

import pytest

from labeling_provider.client.retries import error_code
from labeling_provider.jobs.moving_parts import MovingError, ask, entries
from tests.client.clients import ground_truth
from tests.conftest import Lab


def test_what_is_refused_says_what_was_done_and_keeps_the_code(lab: Lab) -> None:
    with pytest.raises(MovingError, match="Describing the workteam nobody") as caught:
        ask(ground_truth(lab), "describe_workteam", "Describing the workteam nobody", WorkteamName="nobody")
    assert error_code(caught.value) == "ValidationException"


def test_the_entries_of_a_list_are_dicts(lab: Lab) -> None:
    names = {team["WorkteamName"] for team in entries(ground_truth(lab), "list_workteams", "Workteams")}
    assert "private-people" in names
