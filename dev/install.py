"""What ``make`` installs, with a line every few seconds: ``python dev/install.py FOLDER CONSTRAINTS EXTRAS``.

With the argument ``system`` it installs what the tests need of the system. It runs before anything is installed.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TextIO

QUIET_SECONDS: Final = 5.0
_NETWORK: Final = (
    "No package index answers. Look at the network, and at the proxy and the index in `pip config list`; then run make "
    "again."
)
_PIP: Final = "pip has failed, see above for what it says. When that is mended, run make again."
_NO_VENV: Final = "This Python makes no environments. On Debian and Ubuntu: apt-get install python3-venv"
_NO_FOLDER: Final = (
    "{} cannot be made, see above for why. If something is in its place, remove that; then run make again."
)
_LOST: Final = re.compile(r"NewConnectionError|Connection (refused|timed out)|ConnectTimeout|Name or service not known")
_PACKAGE: Final = re.compile(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)")


class InstallError(Exception):
    """Something could not be installed; the text ends with what to do."""


class Progress:
    """Tells what is going on, and that it still is whenever nothing has been told for a while.

    :param out: where to write.
    :param quiet: seconds after which to write again.
    """

    def __init__(self, out: TextIO | None = None, quiet: float = QUIET_SECONDS) -> None:
        self._out, self._quiet = out or sys.stdout, quiet
        self._began = self._written = time.monotonic()
        self._doing: Callable[[], str] = str
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._remind, daemon=True)

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def tell(self, doing: str | Callable[[], str], *, at_once: bool = True) -> None:
        """What is being done now, or a function that says it.

        :param at_once: whether to write it now, or with the next reminder.
        """
        with self._lock:
            self._doing = doing if callable(doing) else lambda: doing
            if at_once:
                self._write()

    def _remind(self) -> None:
        while not self._over.wait(min(self._quiet / 5, 0.5)):
            with self._lock:
                if time.monotonic() - self._written >= self._quiet:
                    self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        if text := self._doing():
            print(f"{self._written - self._began:4.0f} s  {text}", file=self._out, flush=True)


def follow_pip(command: Sequence[str], folder: Path, progress: Progress) -> None:
    """Run pip, and tell what it does.

    :param folder: the environment; while packages are installed, those that are there are counted.
    :raises InstallError: if pip fails twice, or no index answers.
    """
    trouble = _follow_pip(command, folder, progress)
    if trouble and not _LOST.search(trouble):
        # A page of the index that does not come is to pip as if there were no such package.
        progress.tell("pip has failed, and is started again")
        trouble = _follow_pip(command, folder, progress)
    if trouble:
        raise InstallError(f"{trouble}\n{_NETWORK if _LOST.search(trouble) else _PIP}")


def _follow_pip(command: Sequence[str], folder: Path, progress: Progress) -> str:
    """Run pip once; its last lines if it fails."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout
    names: set[str] = set()
    lines = ["pip said:"]
    for line in map(str.strip, process.stdout):
        lines = [*lines[-29:], line]
        if name := _PACKAGE.match(line):
            names.add(name[1].lower())
            progress.tell(f"packages found: {len(names)}, the last is {name[1]}", at_once=False)
        elif line.startswith("Downloading "):
            progress.tell(f"packages found: {len(names)}, d{line[1:]}", at_once=False)
        elif line.startswith("Installing collected packages:"):
            progress.tell(_counted(folder, line.count(",") + 1))
    return "\n".join(lines) if process.wait() else ""


def _counted(folder: Path, total: int) -> Callable[[], str]:
    """Says how many packages there are by now more than before."""

    def count() -> int:
        return sum(1 for _ in folder.glob("lib/python*/site-packages/*.dist-info"))

    before = count()

    def counted() -> str:
        done = count() - before
        if done < total:
            return f"installing {total} packages, {max(done, 0)} are done"
        return f"{total} packages are there, pip is looking them over"

    return counted


def environment(folder: Path, constraints: Path, extras: str, progress: Progress) -> None:
    """Make an environment, and install this checkout in it.

    :raises InstallError: if that fails.
    """
    progress.tell(f"making the environment {folder} with Python {sys.version.split()[0]}")
    if subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False).returncode:
        raise InstallError(_NO_FOLDER.format(folder) if importlib.util.find_spec("ensurepip") else _NO_VENV)
    max_packages = sum(1 for line in constraints.read_text().splitlines() if line.strip())
    progress.tell(f"installing up to {max_packages} packages of {constraints}: some minutes, depending on the network")
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
    install += ["--progress-bar=off", "--constraint", str(constraints)]
    # The pip that comes with Python 3.11 takes twice the time for the rest.
    follow_pip([*install, "--upgrade", "pip"], folder, progress)
    follow_pip([*install, "--editable", f".[{extras}]"], folder, progress)
    progress.tell(f"{folder} is ready")


def lacking() -> list[str]:
    """Debian's names of what the tests need of the system and this machine lacks."""
    missing = []
    if not shutil.which(os.environ.get("CHROMIUM", "chromium")):
        missing += ["chromium", "fonts-dejavu-core"]
    if not shutil.which("postgres") and not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        missing.append("postgresql")
    return missing


def system(progress: Progress) -> None:
    """Install what the tests need of the system and this machine lacks, from Debian's packages.

    :raises InstallError: if that fails, or this is no Debian.
    """
    if not (missing := lacking()):
        return
    names = " ".join(missing)
    if not shutil.which("apt-get"):
        raise InstallError(
            f"The tests need what this machine lacks. Install it under the names that your system has for it: {names}. "
            "A Chromium that is not called chromium is named in the variable CHROMIUM."
        )
    progress.tell(f"installing {names} for the tests")
    root = [] if os.geteuid() == 0 else ["sudo"]
    install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing]
    for command in (["apt-get", "update", "-qq"], ["env", "DEBIAN_FRONTEND=noninteractive", *install]):
        if subprocess.run([*root, *command], stdout=subprocess.DEVNULL, check=False).returncode:
            raise InstallError(f"apt-get has failed. Install by hand, then run make again: {names}")


def main(arguments: Sequence[str]) -> int:
    """Install an environment, or with ``system`` what the tests need of the system.

    :return: the exit status.
    """
    try:
        with Progress() as progress:
            if list(arguments) == ["system"]:
                system(progress)
            else:
                folder, constraints, extras = arguments
                environment(Path(folder), Path(constraints), extras, progress)
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
