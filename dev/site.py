"""``make site`` and ``make docs``: the documentation as a site, built or shown while one writes.

To the pages in ``docs/`` come the reference, made from docstrings, and the files at the root that are for readers too.
While the site is shown, it follows every change: of pages because :func:`follow` lays them out again, of docstrings
because mkdocs.yml names the package under ``watch``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from functools import partial
from importlib import import_module
from pathlib import Path
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
    """Lay out the sources of all pages; what has not changed is not written again.

    :raises ValueError: if the README lacks a section that is a page.
    :raises OSError: if a page links to a file that does not exist.
    """
    files = {path.relative_to(ROOT / "docs"): path.read_bytes() for path in _files(ROOT / "docs")}
    for name, (title, modules) in REFERENCE.items():
        parts = [f"## `{module}`\n\n::: {module}\n    options: {_options(module)}\n" for module in modules]
        files[Path("reference") / f"{name}.md"] = "\n".join([f"# {title}\n", *parts]).encode()
    for page, source in _FROM_THE_ROOT.items():
        files[Path(page)] = _moved((ROOT / source).read_text()).encode()
    for page, heading in _OF_THE_README.items():
        files[Path(page)] = _moved(section(heading)).encode()
    for page in [page for page in files if page.suffix == ".md" and len(page.parts) == 1]:
        text, brought = _with_its_files(files[page].decode())
        files |= {page: text.encode(), **brought}
    for path, content in files.items():
        _write(PAGES / path, content)
    for path in _files(PAGES):
        if path.relative_to(PAGES) not in files:
            path.unlink()


def follow(over: threading.Event, seconds: float = 0.5) -> None:
    """Lay out the pages again whenever a source of theirs has changed.

    :param over: ends it.
    :param seconds: how long to wait before looking again.
    """
    before = None
    while not over.wait(seconds):
        try:
            now = {path: path.stat().st_mtime_ns for path in [*_files(ROOT / "docs"), *ROOT.glob("*.md")]}
            if now != before:
                before = now
                assemble()
        except (OSError, ValueError) as error:
            # Whoever writes is in the middle of it; the next change may mend it.
            print(f"The pages stay as they were: {error}", file=sys.stderr, flush=True)


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _write(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def section(heading: str) -> str:
    """A section of the README, as a page of its own.

    :raises ValueError: if there is no such section.
    """
    match = re.search(rf"^## {re.escape(heading)}$.*?(?=^## |\Z)", (ROOT / "README.md").read_text(), re.M | re.S)
    if match is None:
        raise ValueError(f"README.md has no section {heading!r}")
    return match[0].removeprefix("#")


def _with_its_files(text: str) -> tuple[str, dict[Path, bytes]]:
    """A page whose links to files outside the pages lead to files that come along, or to pages; and those files."""
    pages = {source: page for page, source in _FROM_THE_ROOT.items()}
    pages |= {f"README.md#{heading.lower().replace(' ', '-')}": page for page, heading in _OF_THE_README.items()}
    brought: dict[Path, bytes] = {}

    def link(match: re.Match[str]) -> str:
        target = match[1]
        if target not in pages:
            brought[Path(target)] = (ROOT / target).read_bytes()
        return f"]({pages.get(target, target)})"

    return re.sub(r"\]\(\.\./([^)]+)\)", link, text), brought


def _options(module: str) -> str:
    """How a module is shown: with the classes that its users import from it, wherever they are defined."""
    options: dict[str, Any] = {"heading_level": 3}
    classes = [
        name
        for name, value in vars(import_module(module)).items()
        if isinstance(value, type)
        and value.__module__.rpartition(".")[0] == module.rpartition(".")[0] != "labeling_provider"
        and _KIND.search(name)
    ]
    return json.dumps({**options, "members": classes} if classes else options)


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


_parameter: Final = partial(griffe.Parameter, kind=griffe.ParameterKind.positional_or_keyword)


class NamedTuples(griffe.Extension):
    """Gives named tuples the parameters that griffe gives to dataclasses: with types and defaults."""

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Add ``__init__`` once all fields have been read."""
        if "NamedTuple" not in map(str, cls.bases):
            return
        init = griffe.Function("__init__", lineno=0, endlineno=0, parent=cls, returns="None")
        init.parameters.add(_parameter("self"))
        for field in cls.members.values():
            if isinstance(field, griffe.Attribute) and field.annotation and "property" not in field.labels:
                init.parameters.add(_parameter(field.name, annotation=field.annotation, default=field.value))
        cls.set_member("__init__", init)


def main() -> int:
    """Build the site, or serve it with ``serve``.

    :return: the exit status.
    """
    assemble()
    command = sys.argv[1:] or ["build", "--strict", "--clean"]
    over = threading.Event()
    if command[0] == "serve":
        threading.Thread(target=follow, args=[over], daemon=True).start()
    try:
        return subprocess.run([str(BIN / "zensical"), *command], cwd=ROOT, check=False).returncode
    except KeyboardInterrupt:
        return 0
    finally:
        over.set()


if __name__ == "__main__":
    sys.exit(main())
