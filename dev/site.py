"""``make site`` and ``make docs``: the documentation as a site, built or shown while one writes.

To the pages in ``docs/`` come the reference, made from docstrings, and the files at the root that are for readers too.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib import import_module
from typing import Any, Final

import griffe

from dev.stack import BIN, ROOT
from labeling_provider import get_provider_info

PAGES: Final = ROOT / "build" / "docs"
_INFO: Final = get_provider_info()


def _modules(kind: str) -> list[str]:
    return [module for entry in _INFO[kind] for module in entry["python-modules"]]


REFERENCE: Final = {
    "operators": ("Operators", _modules("operators")),
    "sensors": ("Sensors", _modules("sensors")),
    "airflow": (
        "Decorator, hook, notifier",
        ["labeling_provider.decorators.label", *_modules("hooks"), "labeling_provider.notifications.labeling"],
    ),
    "triggers": ("Triggers", _modules("triggers")),
    "request": ("Requests", ["labeling_provider.request"]),
    "manifest": ("Manifests", ["labeling_provider.manifest"]),
    "quality": ("Quality", ["labeling_provider.quality"]),
    "dataset": ("Datasets", ["labeling_provider.dataset"]),
    "errors": ("Errors", ["labeling_provider.errors"]),
}
"""Title and modules of each page of the reference, by its name."""

_FROM_THE_ROOT: Final = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
_OF_THE_README: Final = {"what-runs-where.md": "What runs where"}
"""Pages that are a section of the README, by its heading."""
_KIND: Final = re.compile(r"^[A-Z].*(Operator|Sensor|Trigger)$")
_ROLE: Final = re.compile(r":(?:class|func|meth|mod|data|attr|exc):`~?(?:[\w.]*\.)?(\w+)`")


def assemble() -> None:
    """Lay out the sources of all pages."""
    shutil.copytree(ROOT / "docs", PAGES, dirs_exist_ok=True)
    (PAGES / "reference").mkdir(exist_ok=True)
    for name, (title, modules) in REFERENCE.items():
        parts = [f"## `{module}`\n\n::: {module}\n    options: {_options(module)}\n" for module in modules]
        (PAGES / "reference" / f"{name}.md").write_text("\n".join([f"# {title}\n", *parts]))
    for page, source in _FROM_THE_ROOT.items():
        (PAGES / page).write_text(_moved((ROOT / source).read_text()))
    for page, heading in _OF_THE_README.items():
        (PAGES / page).write_text(_moved(section(heading)))
    for path in PAGES.glob("*.md"):
        path.write_text(re.sub(r"\]\(\.\./([^)]+)\)", _brought, path.read_text()))


def section(heading: str) -> str:
    """A section of the README, as a page of its own.

    :raises ValueError: if there is no such section.
    """
    found = re.search(rf"^## {re.escape(heading)}$.*?(?=^## |\Z)", (ROOT / "README.md").read_text(), re.M | re.S)
    if found is None:
        raise ValueError(f"README.md has no section {heading!r}")
    return found[0].removeprefix("#")


def _brought(match: re.Match[str]) -> str:
    """A link to a file outside the pages: the file comes along, unless it is a page already."""
    target = match[1]
    pages = {source: page for page, source in _FROM_THE_ROOT.items()}
    pages |= {f"README.md#{heading.lower().replace(' ', '-')}": page for page, heading in _OF_THE_README.items()}
    if target not in pages:
        copy = PAGES / target
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / target, copy)
    return f"]({pages.get(target, target)})"


def _options(module: str) -> str:
    """How a module is shown: with the classes that its users import from it, wherever they are defined."""
    options: dict[str, Any] = {"heading_level": 3}
    found = [
        name
        for name, value in vars(import_module(module)).items()
        if isinstance(value, type)
        and value.__module__.rpartition(".")[0] == module.rpartition(".")[0] != "labeling_provider"
        and _KIND.search(name)
    ]
    return json.dumps({**options, "members": found} if found else options)


def _moved(text: str) -> str:
    """Markdown of the root whose links lead to the pages of the site; other files have none there."""
    text = re.sub(r"\]\(docs/", "](", text)
    return re.sub(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)", _link, text)


def _link(match: re.Match[str]) -> str:
    label, target = match.groups()
    return match.group(0) if (ROOT / "docs" / target.partition("#")[0]).exists() else label


class Roles(griffe.Extension):
    """Shows the names that docstrings mark with Sphinx's roles as code."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite a docstring as soon as it has been read."""
        if obj.docstring:
            obj.docstring.value = _ROLE.sub(r"`\1`", obj.docstring.value).replace("``", "`")


def main() -> int:
    """Build the site, or serve it with ``serve``.

    :return: the exit status.
    """
    shutil.rmtree(PAGES, ignore_errors=True)
    assemble()
    command = sys.argv[1:] or ["build", "--strict", "--clean"]
    return subprocess.run([str(BIN / "zensical"), *command], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
