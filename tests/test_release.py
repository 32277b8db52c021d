"""A release is what is committed, under a version that follows, and is taken back if it can't be."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from dev.dist import DistError
from dev.release import CHANGELOG, MODULE, Release, ReleaseError, release
from dev.stack import ROOT

pytestmark = pytest.mark.once
DAY = date(2026, 3, 4)
FILE = Path("deploy/helm/values.yaml")
WHEEL = Path("airflow_provider_labeling-0.2.0-py3-none-any.whl")
IMAGES = 'image: labeling:0.1.0\n-t labeling-airflow:0.1.0 .\nappVersion: "0.1.0"\ntag: "0.1.0"\n'
OTHERS = 'image: other/labeling:0.1.0\nversion: 0.1.0\nimage: caddy:2.11.7\nairflowVersion: "3.3.2"\n'
NEWS = "# Changelog\n\n## Unreleased\n\n- Dogs, too.\n\n## 0.1.0\n\n- Cats.\n"


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    return subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Somebody")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "somebody@example.com")
    (tmp_path / MODULE).parent.mkdir()
    (tmp_path / MODULE).write_text('"""Labels."""\n\n__version__ = "0.1.0"\n')
    (tmp_path / CHANGELOG).write_text(NEWS)
    (tmp_path / "deploy/helm").mkdir(parents=True)
    (tmp_path / FILE).write_text(IMAGES + OTHERS)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "Cats")
    return tmp_path


def test_a_release_is_a_commit_with_a_tag(tree: Path) -> None:
    assert release(tree, "0.2.0", DAY, lambda: WHEEL).tag == "v0.2.0"
    assert '__version__ = "0.2.0"\n' in (tree / MODULE).read_text()
    assert "## 0.2.0 (2026-03-04)\n\n- Dogs, too.\n\n## 0.1.0\n" in (tree / CHANGELOG).read_text()
    assert (tree / FILE).read_text() == IMAGES.replace("0.1.0", "0.2.0") + OTHERS
    assert git(tree, "tag", "--points-at", "HEAD").split() == ["v0.2.0"]
    assert git(tree, "status", "--porcelain") == ""
    with pytest.raises(ReleaseError, match="nothing under ## Unreleased"):
        Release(tree, "0.3.0", DAY)


def test_what_can_not_be_released_is_left_as_it_was(tree: Path) -> None:
    made = Release(tree, "0.2.0", DAY)
    git(tree, "tag", "v0.2.0")
    with pytest.raises(ReleaseError, match="there is a tag v0.2.0 already"):
        made.check_tree()
    (tree / "new.txt").write_text("")
    with pytest.raises(ReleaseError, match="not committed:\n.*new.txt"):
        made.check_tree()


@pytest.mark.parametrize("error", [DistError("bad"), OSError("full"), KeyboardInterrupt(), None])
def test_whatever_ends_a_release_early_leaves_all_as_it_was(tree: Path, error: BaseException | None) -> None:
    head = git(tree, "rev-parse", "HEAD")

    def make() -> Path:
        assert '"0.2.0"' in (tree / MODULE).read_text()
        if error:
            raise error
        return Path("airflow_provider_labeling-0.1.0-py3-none-any.whl")

    with pytest.raises(type(error) if error else DistError, match=None if error else "is not of version 0.2.0"):
        release(tree, "0.2.0", DAY, make)
    assert git(tree, "status", "--porcelain") == ""
    assert git(tree, "rev-parse", "HEAD") == head


def test_a_commit_that_can_not_be_tagged_is_none(tree: Path) -> None:
    head = git(tree, "rev-parse", "HEAD")
    # A tag of the same name that comes while the packages are tried out.
    with pytest.raises(ReleaseError, match="already exists"):
        release(tree, "0.2.0", DAY, lambda: [git(tree, "tag", "v0.2.0"), WHEEL][1])
    assert git(tree, "status", "--porcelain") == ""
    assert git(tree, "rev-parse", "HEAD") == head


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("0.1.0", "0.1.0 does not follow 0.1.0"),
        ("0.0.9", "0.0.9 does not follow 0.1.0"),
        ("0.2", "'0.2' is not a version"),
        ("v0.2.0", "'v0.2.0' is not a version"),
        ("0.2.0; rm", "is not a version"),
        ("", "is not a version"),
    ],
)
def test_a_version_has_three_numbers_and_follows_the_last(tree: Path, version: str, why: str) -> None:
    with pytest.raises(ReleaseError, match=why):
        Release(tree, version, DAY)


def test_a_dry_run_builds_and_checks_the_packages_and_changes_nothing() -> None:
    before = git(ROOT, "status", "--porcelain"), (ROOT / MODULE).read_bytes(), (ROOT / CHANGELOG).read_bytes()
    command = [sys.executable, "-m", "dev.release", "99.0.0", "--dry-run"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if "## Unreleased" in (ROOT / CHANGELOG).read_text():
        wheel = "airflow_provider_labeling-99.0.0-py3-none-any.whl"
        assert (done.stdout, done.stderr) == (f"v99.0.0 can be released: {wheel} is whole.\n", "")
    else:
        # Just after a release.
        assert done.stderr.startswith("make release: CHANGELOG.md has nothing under ## Unreleased")
    assert before == (git(ROOT, "status", "--porcelain"), (ROOT / MODULE).read_bytes(), (ROOT / CHANGELOG).read_bytes())
