"""``labeling examples``: copies the example Dags to where Airflow reads Dags."""

from __future__ import annotations

import argparse
import ast
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[1]


def examples() -> list[Path]:
    """The files of the example Dags: inside the package where it is installed, beside it in a checkout."""
    installed = _PACKAGE / "example_dags"
    return sorted((installed if installed.is_dir() else _PACKAGE.parent / "dags").glob("*.py"))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="labeling examples",
        description="Copy the example Dags to a folder of Dags, such as the one that `airflow config get-value core "
        "dags_folder` prints. Without a folder, say what they do.",
    )
    options.add_argument("folder", nargs="?", type=Path, help="where to copy them; it is made if it does not exist")
    return options


def main(arguments: Sequence[str]) -> int:
    """Run ``labeling examples``.

    :return: the exit status.
    """
    folder: Path | None = parser().parse_args(arguments).folder
    paths = examples()
    if folder is None:
        for path in paths:
            summary = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]
            print(f"{path.stem:24} {' '.join(summary.split())}")
        return 0
    there = [path.name for path in paths if (folder / path.name).exists()]
    if there:
        # A copy may have been edited.
        print(
            f"labeling examples: {folder} already has {', '.join(there)}: nothing is copied. Remove them first, or "
            "choose another folder.",
            file=sys.stderr,
        )
        return 1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in paths:
            shutil.copyfile(path, folder / path.name)
    except OSError as error:
        print(f"labeling examples: {folder} can't be written: {error.strerror}", file=sys.stderr)
        return 1
    print(
        f"{len(paths)} example Dags are in {folder}. Within a few minutes Airflow lists them with the tag 'labeling'."
    )
    return 0
