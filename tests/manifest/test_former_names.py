"""An argument that was renamed is taken by its former name, with a warning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labeling_provider.manifest import Files, Manifests
from labeling_provider.manifest.former_names import renamed
from labeling_provider.quality import chosen_files


@renamed(most="max_rows")
def rows(table: str, max_rows: int = 3) -> tuple[str, int]:
    return table, max_rows


def test_the_names_of_now_and_places_do_not_warn(recwarn: pytest.WarningsRecorder) -> None:
    assert [rows("a"), rows("a", 4), rows("a", max_rows=5)] == [("a", 3), ("a", 4), ("a", 5)]
    assert not recwarn.list


def test_a_former_name_warns_where_it_is_given() -> None:
    by_former_name: Callable[..., Any] = rows
    with pytest.warns(FutureWarning, match=r"^rows: most is called max_rows now$") as warned:
        assert by_former_name("a", most=7) == ("a", 7)
    assert warned[0].filename == __file__


def test_both_names_or_another_are_refused() -> None:
    by_former_name: Callable[..., Any] = rows
    with pytest.raises(TypeError, match="give max_rows only"):
        by_former_name("a", most=7, max_rows=7)
    with pytest.raises(TypeError, match="least"):
        by_former_name("a", least=7)


def test_what_users_call_takes_most(tmp_path: Path) -> None:
    manifest, kept = tmp_path / "manifest", tmp_path / "kept"
    manifest.write_text('{"source": "a"}\n{"source": "b"}\n')
    new: Callable[..., Any] = Manifests().new
    whole: Callable[..., Any] = Files().whole
    chosen: Callable[..., Any] = chosen_files
    with pytest.warns(FutureWarning, match="Manifests.new: most is called max_objects now"):
        assert new(manifest, [], kept, most=1) == {"kept": 1, "left": 1}
    with pytest.warns(FutureWarning, match="Files.whole: most is called max_bytes now"):
        assert whole(kept, most=99) == b'{"source": "a"}\n'
    with pytest.warns(FutureWarning, match="chosen_files: most is called max_files now"):
        assert chosen([], most=1) == ([], 0)
