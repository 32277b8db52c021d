"""No pattern of the package takes for ever over a text that somebody has made for it."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

from dev.stack import ROOT
from labeling_provider.groundtruth.model import violations

LONG = 100_000
SHORT = LONG // 32
UNITS = (
    *'aA0/ -=,<>&{}([".:_\n\t',
    *("'", "\\", "a/", "0a", "a ", " a", "a,", "<a", "{{", "}}", "{% ", "\\\\", "a="),
    *("s3://", "Credential=", "é", "0-", "T0", "&a;", "-a", "a.", "/annotations/worker-response/iteration-1/"),
)
ENDS = ("", "!", "\x00")


def patterns() -> Iterator[tuple[str, str, str]]:
    """Where each pattern of the package stands, the pattern, and the method that it is used by."""
    for path in sorted((ROOT / "labeling_provider").rglob("*.py")):
        source = path.read_text()
        if "import re\n" not in source:
            continue
        tree = ast.parse(source)
        named = {
            node.value: node.targets[0].id if isinstance(node, ast.Assign) else node.target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call)
            if isinstance(node.targets[0] if isinstance(node, ast.Assign) else node.target, ast.Name)
        }
        calls = [node for node in ast.walk(tree) if _is_method(node)]
        used = [(call.func.value.id, call.func.attr) for call in calls]
        for node in calls:
            if node.func.value.id != "re" or not node.args:
                continue
            where, text = f"{path.relative_to(ROOT)}:{node.lineno}", _text(node.args[0])
            methods = {node.func.attr} if node.func.attr != "compile" else {"search"}
            if node in named:
                methods = {method for name, method in used if name == named[node]}
            for method in sorted(methods):
                yield where, text, "search" if method in {"sub", "subn", "split", "findall", "finditer"} else method


def _is_method(node: ast.AST) -> bool:
    """Whether this is a call of the form ``name.method(…)``."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)


def _text(node: ast.expr) -> str:
    """A pattern's text; in an f-string each value counts as a word."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "word" for part in node.values)
    if isinstance(node, ast.Constant):
        return str(node.value) if isinstance(node.value, str) else node.value.decode("latin-1")
    return ""


def seconds(use: Callable[[str], Any], text: str) -> float:
    began = time.process_time()
    use(text)
    return time.process_time() - began


def is_quadratic(use: Callable[[str], Any], unit: str, end: str) -> bool:
    """Whether 32 times the text takes many times 32 times as long: by doubling, so that even this check ends soon."""
    size = SHORT
    before = max(seconds(use, (unit * size)[:size] + end), 0.000_5)
    while size < LONG:
        size *= 2
        text = (unit * size)[:size] + end
        now = seconds(use, text)
        if now > 0.05 and now > 3.2 * before:
            # The first use of more memory can take long: what is quadratic is so each time.
            now = min(seconds(use, text) for _ in range(3))
        if now > 0.05 and now > 3.2 * before:
            return True
        before = max(now, 0.000_5)
    return False


FOUND = [pytest.param(text, method, id=f"{where} {method}") for where, text, method in patterns() if text]


@pytest.mark.once
@pytest.mark.parametrize(("pattern", "method"), FOUND)
def test_a_pattern_takes_no_longer_than_its_text(pattern: str, method: str) -> None:
    use = getattr(re.compile(pattern), method)
    for unit, end in product(UNITS, ENDS):
        assert not is_quadratic(use, unit, end), f"{unit!r} … {end!r}"


def test_the_patterns_are_found() -> None:
    assert len(FOUND) > 15


def test_a_pattern_of_amazons_model_is_not_tried_on_a_text_that_is_too_long() -> None:
    request = {"WorkteamName": "a-" * LONG, "Description": "d", "MemberDefinitions": [{}]}
    assert [violation.constraint for violation in violations("CreateWorkteam", request)] == [
        "Member must have length less than or equal to 63"
    ]
