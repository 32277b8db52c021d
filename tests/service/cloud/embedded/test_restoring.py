"""What can't be put back into moto stops nothing else."""

from __future__ import annotations

import pytest

from labeling_provider.service.cloud.embedded.restoring import restoring


def test_what_goes_wrong_is_told_and_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    with restoring("the topic birds"):
        raise KeyError("policy")
    assert "the topic birds could not be restored: KeyError: 'policy'" in caplog.text


def test_the_end_of_the_process_is_not_held_up() -> None:
    with pytest.raises(KeyboardInterrupt), restoring("the topic birds"):
        raise KeyboardInterrupt
