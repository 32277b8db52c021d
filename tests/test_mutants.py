"""Changes of a module's conditions, and whether its tests see them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dev.mutants import home_of, mutants
from dev.stack import ROOT

pytestmark = pytest.mark.once
SOURCE = """
def price(count, is_member):
    if is_member:
        return 0
    return 5 if count >= 10 and not is_member else 7
"""


def test_each_change_is_one_change_of_a_condition() -> None:
    changes = {mutant.change for mutant in mutants(SOURCE)}
    assert changes == {
        "is_member  →  not is_member",
        "count >= 10 and (not is_member)  →  count >= 10 or not is_member",
        "count >= 10  →  count < 10",
        "count >= 10  →  count > 10",
        "not is_member  →  bool(is_member)",
    }
    sources = [mutant.source for mutant in mutants(SOURCE)]
    assert len(set(sources)) == len(sources) == 5
    assert sorted({mutant.line for mutant in mutants(SOURCE)}) == [3, 5]


def test_a_module_is_tried_with_its_own_tests() -> None:
    assert home_of(Path("labeling_provider/jobs/waiting.py")) == Path("tests/jobs/test_waiting.py")
    assert home_of(Path("labeling_provider/service/clock.py")).parts[:2] == ("tests", "service")


def test_what_no_test_sees_is_told_and_the_tree_stays_as_it_is() -> None:
    module = "labeling_provider/groundtruth/dates.py"
    before = (ROOT / module).read_bytes()
    command = [sys.executable, "-m", "dev.mutants", module, "--max-changes", "2"]
    blind = subprocess.run(
        [*command, "tests/test_mutants.py::test_a_module_is_tried_with_its_own_tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert blind.returncode == 1, blind.stderr
    assert blind.stdout.count(f"{module}:") == 2
    assert "2 were not seen" in blind.stdout
    assert (ROOT / module).read_bytes() == before
