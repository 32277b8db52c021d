"""A copy of the tree, for what must not change the tree itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from dev.stack import ROOT

STATIC: Final = Path("labeling_provider/service/web/static")


def files_of_tree(*folders: str) -> list[str]:
    """The paths of all files that git does not ignore, or of those in some folders."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *folders]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in names.split("\0") if name and (ROOT / name).is_file()]


def copy_of_tree(folder: Path) -> Path:
    """A copy of all files that git does not ignore, with the worker pages as they are built."""
    root = folder / "tree"
    for name in files_of_tree():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    shutil.copytree(ROOT / STATIC, root / STATIC, dirs_exist_ok=True)
    return root
