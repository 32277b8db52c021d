"""``make release VERSION=0.2.0``: version, changelog, packages, commit and tag. Nothing is uploaded.

``--dry-run`` does it with a copy of the tree, and tries the packages out in no fresh environments.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from packaging.version import InvalidVersion, Version

from dev import dist
from dev.stack import ROOT
from dev.tree import copy_of_tree

MODULE: Final = Path("labeling_provider/__init__.py")
CHANGELOG: Final = Path("CHANGELOG.md")
_VERSION: Final = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
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
        self._module, self._changelog = (root / MODULE).read_text(), (root / CHANGELOG).read_text()
        found = _VERSION.search(self._module)
        if found is None:
            raise ReleaseError(f"{MODULE} has no line __version__ = …")
        try:
            is_plain = re.fullmatch(r"\d+\.\d+\.\d+", version) is not None
            is_later = is_plain and Version(version) > Version(found[1])
        except InvalidVersion:
            raise ReleaseError(f"{MODULE}: {found[1]} is not a version") from None
        if not is_plain:
            raise ReleaseError(f"{version!r} is not a version: write three numbers, such as 0.2.0")
        if not is_later:
            raise ReleaseError(f"{version} does not follow {found[1]}, the version in {MODULE}")
        news = _UNRELEASED.search(self._changelog)
        if news is None or not news[1].strip():
            raise ReleaseError(f"{CHANGELOG} has nothing under ## Unreleased: say what a user would notice")
        self._title = f"## {version} ({day.isoformat()})"

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

    def write(self) -> None:
        """Put the version into the package and the changelog."""
        (self.root / MODULE).write_text(_VERSION.sub(f'__version__ = "{self.version}"', self._module))
        (self.root / CHANGELOG).write_text(self._changelog.replace("## Unreleased", self._title, 1))

    def take_back(self) -> None:
        """Put both files back as they were."""
        (self.root / MODULE).write_text(self._module)
        (self.root / CHANGELOG).write_text(self._changelog)

    def commit(self) -> None:
        """Commit the version and tag it."""
        self._git("commit", "--quiet", "--message", f"Version {self.version}", "--", str(MODULE), str(CHANGELOG))
        self._git("tag", "--annotate", "--message", f"Version {self.version}", self.tag)

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ReleaseError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout


def check_version(wheel: Path, version: str) -> None:
    """:raises DistError: if a wheel has another version."""
    if wheel.name.split("-")[1] != version:
        raise dist.DistError(f"{wheel.name} is not of version {version}")


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
            with tempfile.TemporaryDirectory(prefix="labeling-release-") as folder:
                release = Release(copy_of_tree(Path(folder)), chosen.version, today)
                release.write()
                wheel = dist.build(release.root)
                dist.check_contents(wheel)
                check_version(wheel, release.version)
                print(f"{release.tag} can be released: {wheel.name} is whole.")
            return 0
        release = Release(ROOT, chosen.version, today)
        release.check_tree()
        release.write()
        failed = dist.main()
        if failed:
            release.take_back()
            return failed
        release.commit()
    except (ReleaseError, dist.DistError) as error:
        print(f"make release: {error}", file=sys.stderr)
        return 1
    print(f"{release.tag} is committed and tagged. Push it with git push --follow-tags, then upload what is in dist/.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
