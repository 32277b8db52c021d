"""Counts the house: rooms, arrows, circles, loose modules, the longest module and class.

``python -m dev.house [FOLDER]``: the package in this checkout, or in another one, such as that of an earlier commit.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGE = "labeling_provider"


def imports(tree: ast.Module, names: set[str]) -> set[str]:
    """The modules of the package that one of its modules imports, wherever in it that stands."""
    targets = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            targets |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    deepest = {target for target in targets if target in names}
    return {target for target in deepest if not any(other.startswith(f"{target}.") for other in deepest)}


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Groups of names that lead to each other (Tarjan's strongly connected components of two and more)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in sorted(arrows.get(name, ())):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            group = []
            while not group or group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                groups.append(sorted(group))

    for name in sorted(arrows):
        if name not in index:
            visit(name)
    return groups


def count(folder: Path) -> dict[str, object]:
    """The house's figures.

    A room is a folder of the package, or a module that lies loose at its root or at the service's; an arrow leads from
    a room to one that it imports. For circles, a folder inside another one is a part of it.
    """
    package = folder / PACKAGE
    paths = {".".join(path.relative_to(folder).with_suffix("").parts): path for path in sorted(package.rglob("*.py"))}
    modules = {name.removesuffix(".__init__"): path for name, path in paths.items()}
    trees = {name: ast.parse(path.read_text()) for name, path in modules.items()}
    used = {name: imports(tree, set(modules)) - {name} for name, tree in trees.items()}
    halls = (package, package / "service")
    rooms = {name: str(path.with_suffix("") if path.parent in halls else path.parent) for name, path in modules.items()}
    arrows: dict[str, set[str]] = {room: set() for room in rooms.values()}
    for name, targets in used.items():
        arrows[rooms[name]] |= {rooms[target] for target in targets} - {rooms[name]}
    outer: dict[str, set[str]] = {}
    for room, targets in arrows.items():
        whole = _outer(room, halls)
        outer.setdefault(whole, set()).update({_outer(target, halls) for target in targets} - {whole})
    lines = {name: path.read_text().count("\n") for name, path in modules.items()}
    classes = {
        f"{name}.{node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    methods = {
        f"{name}.{node.name}": sum(map(_is_method, node.body))
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    loose = sorted(path.stem for path in package.glob("*.py") if path.stem != "__init__")
    longest, class_, busiest = (max(each, key=lambda key: each[key]) for each in (lines, classes, methods))
    return {
        "modules": len(modules),
        "rooms": len(arrows),
        "arrows": sum(map(len, arrows.values())),
        "circles of modules": circles(used),
        "circles of rooms": [[Path(room).name for room in group] for group in circles(outer)],
        "loose modules": loose,
        "longest module": [longest, lines[longest]],
        "longest class": [class_, classes[class_]],
        "most methods": [busiest, methods[busiest]],
        "modules over 400 lines": sum(count > 400 for count in lines.values()),
        "modules that import SQLAlchemy": sum(_imports_sql(tree) for tree in trees.values()),
    }


def _is_method(part: ast.stmt) -> bool:
    """Whether a statement of a class defines a method. Properties are none."""
    return isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and not any(
        isinstance(decorator, ast.Name) and decorator.id in {"property", "cached_property"}
        for decorator in part.decorator_list
    )


def _outer(room: str, halls: Sequence[Path]) -> str:
    """The outermost room around a room, or the room itself."""
    path = Path(room)
    while path.parent not in halls and path not in halls:
        path = path.parent
    return str(path)


def _imports_sql(tree: ast.Module) -> bool:
    return any(
        (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlalchemy")
        or (isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "sqlalchemy" for alias in node.names))
        for node in ast.walk(tree)
    )


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1]
    for what, figure in count(where).items():
        print(f"{what}: {json.dumps(figure) if not isinstance(figure, int) else figure}")
