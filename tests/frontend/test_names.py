"""Names in the worker pages' sources; those of variables are held by ``frontend/names.grit``, in the lint."""

from __future__ import annotations

import re
from collections import defaultdict

from dev.stack import ROOT

SOURCES = ROOT / "frontend" / "src"
TYPE = re.compile(r"^(?:export )?(?:abstract )?(?:class|interface|type|enum) (\w+)", re.MULTILINE)


def test_a_name_stands_for_one_type() -> None:
    where: dict[str, list[str]] = defaultdict(list)
    for path in sorted(SOURCES.rglob("*.ts")):
        for name in TYPE.findall(path.read_text()):
            where[name].append(str(path.relative_to(SOURCES)))
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}


def test_no_two_modules_share_a_name() -> None:
    where: dict[str, list[str]] = defaultdict(list)
    for path in sorted(SOURCES.rglob("*.ts")):
        if path.stem != "index":
            where[path.stem].append(str(path.relative_to(SOURCES)))
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}
