"""``make release VERSION=0.2.0``: version, changelog, images, packages, commit and tag. Nothing is uploaded.

``--dry-run`` does it with a copy of the tree, and tries the packages out in no fresh environments.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from packaging.version import InvalidVersion, Version

from dev import dist
from dev.install import Progress
from dev.stack import ROOT
from dev.tree import copy_of_tree

MODULE: Final = Path("labeling_provider/__init__.py")
CHANGELOG: Final = Path("CHANGELOG.md")
DEPLOY: Final = Path("deploy")
_VERSION: Final = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
# Where deploy/ names an image of ours, or the version that a chart runs.
_IMAGE: Final = re.compile(r'((?<![\w/-])labeling(?:-airflow)?:|appVersion: "|\btag: ")\d+\.\d+\.\d+(?!\w)')
_UNRELEASED: Final = re.compile(r"^## Unreleased\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


class ReleaseError(Exception):
    """This can't be released. Nothing has been changed."""


class Release:
    """A release of what stands in a folder.

    :param version: such as ``0.2.0``.
    :raises ReleaseError: if it is not a version that may follow, or there is nothing to release.
    """

    def __init__(self, root: Path, version: str, day: date) -> None:
        self.root, self.version = root, version
        module, changelog = (root / MODULE).read_text(), (root / CHANGELOG).read_text()
        present = _VERSION.search(module)
        if present is None:
            raise ReleaseError(f"{MODULE} has no line __version__ = …")
        try:
            is_plain = re.fullmatch(r"\d+\.\d+\.\d+", version) is not None
            is_later = is_plain and Version(version) > Version(present[1])
        except InvalidVersion:
            raise ReleaseError(f"{MODULE}: {present[1]} is not a version") from None
        if not is_plain:
            raise ReleaseError(f"{version!r} is not a version: write three numbers, such as 0.2.0")
        if not is_later:
            raise ReleaseError(f"{version} does not follow {present[1]}, the version in {MODULE}")
        news = _UNRELEASED.search(changelog)
        if news is None or not news[1].strip():
            raise ReleaseError(f"{CHANGELOG} has nothing under ## Unreleased: say what a user would notice")
        title = f"## {version} ({day.isoformat()})"
        self._before = {MODULE: module, CHANGELOG: changelog}
        self._after = {
            MODULE: _VERSION.sub(f'__version__ = "{version}"', module),
            CHANGELOG: changelog.replace("## Unreleased", title, 1),
        }
        for path in (*(root / DEPLOY).glob("*Containerfile"), *(root / DEPLOY).rglob("*.yaml")):
            text, file = path.read_text(), path.relative_to(root)
            if _IMAGE.search(text):
                self._before[file], self._after[file] = text, _IMAGE.sub(rf"\g<1>{version}", text)

    @property
    def tag(self) -> str:
        """The tag's name."""
        return f"v{self.version}"

    def check_tree(self) -> None:
        """See that what is committed is what is released.

        :raises ReleaseError: if there are other changes, or the tag exists.
        """
        if changed := self._git("status", "--porcelain").strip():
            raise ReleaseError(f"there are changes that are not committed:\n{changed}")
        if self._git("tag", "--list", self.tag).strip():
            raise ReleaseError(f"there is a tag {self.tag} already")

    @contextmanager
    def written(self) -> Iterator[None]:
        """The version is in all files that name it; whatever ends this early puts them back as they were."""
        try:
            self._write(self._after)
            yield
        except BaseException:
            self._write(self._before)
            raise

    def _write(self, files: Mapping[Path, str]) -> None:
        for path, text in files.items():
            (self.root / path).write_text(text)

    def commit(self) -> None:
        """Commit the version and tag it; both or none."""
        before = self._git("rev-parse", "HEAD").strip()
        try:
            self._git("commit", "--quiet", "--message", f"Version {self.version}", "--", *map(str, self._after))
            self._git("tag", "--annotate", "--message", f"Version {self.version}", self.tag)
        except BaseException:
            self._git("reset", "--quiet", before)
            raise

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ReleaseError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout


def check_version(wheel: Path, version: str) -> None:
    """:raises DistError: if a wheel has another version."""
    if wheel.name.split("-")[1] != version:
        raise dist.DistError(f"{wheel.name} is not of version {version}")


def release(root: Path, version: str, day: date, make: Callable[[], Path]) -> Release:
    """Release what stands in a folder; if anything fails, everything there is as it was.

    :param make: builds the packages and tries them out; returns the wheel.
    :raises ReleaseError: if it can't be released.
    :raises DistError: if something is wrong with the packages.
    """
    release = Release(root, version, day)
    release.check_tree()
    with release.written():
        check_version(make(), version)
        release.commit()
    return release


def _dry_run(version: str, day: date) -> None:
    with tempfile.TemporaryDirectory(prefix="labeling-release-") as folder:
        release = Release(copy_of_tree(Path(folder)), version, day)
        with release.written():
            wheel = dist.build(release.root)
            dist.check_contents(wheel)
            check_version(wheel, version)
    print(f"{release.tag} can be released: {wheel.name} is whole.")


def main() -> int:
    """Release, or try to.

    :return: the exit status.
    """
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("version", help="the new version, such as 0.2.0")
    options.add_argument("--dry-run", action="store_true", help="change nothing")
    chosen = options.parse_args()
    today = datetime.now(UTC).date()
    try:
        if chosen.dry_run:
            _dry_run(chosen.version, today)
            return 0
        with Progress() as progress:
            tag = release(ROOT, chosen.version, today, lambda: dist.make(progress)).tag
    except (ReleaseError, dist.DistError) as error:
        print(f"make release: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("make release: interrupted, and nothing is changed", file=sys.stderr)
        return 130
    print(f"{tag} is committed and tagged. Push it with git push --follow-tags, then upload what is in dist/.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
