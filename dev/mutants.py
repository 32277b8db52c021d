"""``make mutants MODULE=labeling_provider/jobs/waiting.py``: which changes of a module do its tests not see?

It works in a copy of the tree, with one changed condition at a time, and the tests of the module unless others are
named. A change that nobody sees is a test that is missing, or a condition that makes no difference.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from dev.stack import BIN, ROOT
from dev.tree import copy_of_tree

_OPPOSITE: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_NEIGHBOUR: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_PLAIN: Final = (ast.Name, ast.Attribute, ast.Call, ast.NamedExpr)
"""Conditions that are neither compared nor joined."""


class Mutant(NamedTuple):
    """A module with one change.

    :param line: where.
    :param change: what stood there, and what stands there now.
    """

    line: int
    change: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """All changes: conditions turned round, limits moved by one, ``and`` for ``or``, ``not`` left out."""
    tree = ast.parse(source)
    for place, node in enumerate(ast.walk(tree)):
        for changed in _changed(node):
            other = copy.deepcopy(tree)
            target = next(node for number, node in enumerate(ast.walk(other)) if number == place)
            target.__dict__.clear()
            target.__dict__.update(changed.__dict__)
            target.__class__ = changed.__class__
            change = f"{_condition(node)}  →  {_condition(changed)}"
            yield Mutant(getattr(node, "lineno", 0), change, ast.unparse(ast.fix_missing_locations(other)))


def _condition(node: ast.AST) -> str:
    return ast.unparse(node.test if isinstance(node, ast.If | ast.IfExp) else node)


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for table in (_OPPOSITE, _NEIGHBOUR):
            if (other := table.get(type(node.ops[0]))) is not None:
                yield ast.Compare(node.left, [other()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield ast.Call(ast.Name("bool", ast.Load()), [node.operand], [])
    elif isinstance(node, ast.If | ast.IfExp) and isinstance(node.test, _PLAIN) and _condition(node) != "TYPE_CHECKING":
        turned = copy.copy(node)
        turned.test = ast.UnaryOp(ast.Not(), node.test)
        yield turned


def home_of(module: Path) -> Path:
    """Where the tests of a module are, or those of its room if it has none of its own."""
    place = Path("tests", *module.parts[1:]).with_name(f"test_{module.name}")
    return place if (ROOT / place).exists() else place.parent


class Trial:
    """Runs tests in a copy of the tree.

    :param tests: files or folders.
    """

    def __init__(self, root: Path, tests: list[str]) -> None:
        self._root = root
        self._command = [str(BIN / "python"), "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
        # The copy goes before whatever else is in the path.
        path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
        self._env = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}

    def passes(self, seconds: float | None = None) -> bool:
        """Whether all pass, within some seconds."""
        try:
            done = subprocess.run(
                self._command, cwd=self._root, env=self._env, capture_output=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def main() -> int:
    """Try a sample of changes.

    :return: the exit status: 1 if a change was not seen.
    """
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("module", type=Path, help="such as labeling_provider/jobs/waiting.py")
    options.add_argument("tests", nargs="*", help="tests that should see a change")
    options.add_argument("--max-changes", type=int, default=20, metavar="N", help="how many changes to try")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_intermixed_args()
    if not (ROOT / chosen.module).is_file():
        options.error(f"there is no file {chosen.module}")
    changes = list(mutants((ROOT / chosen.module).read_text()))
    sample = sorted(Random(chosen.seed).sample(changes, min(chosen.max_changes, len(changes))))
    with tempfile.TemporaryDirectory(prefix="labeling-mutants-") as folder:
        root = copy_of_tree(Path(folder))
        trial, path = Trial(root, chosen.tests or [str(home_of(chosen.module))]), root / chosen.module
        began = time.monotonic()
        if not trial.passes():
            print("make mutants: the tests fail without any change", file=sys.stderr)
            return 1
        seconds = 10 * (time.monotonic() - began) + 10
        survivors = 0
        for mutant in sample:
            path.write_text(mutant.source)
            if trial.passes(seconds):
                survivors += 1
                print(f"{chosen.module}:{mutant.line}: no test sees  {mutant.change}", flush=True)
    print(f"{len(sample)} of {len(changes)} changes were tried; {survivors} were not seen")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
