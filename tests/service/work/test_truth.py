"""Where simulated workers look up the right answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labeling_provider.service.work.truth import Truth, TruthFileError
from tests.service.in_process import InProcess, Memory


def test_a_line_knows_best_and_then_the_first_file_that_knows_the_object(tmp_path: Path) -> None:
    for name, entries in (("a", [("source", "x", 1)]), ("b", [("source", "x", 2), ("source-ref", "s3://b/y", [3])])):
        lines = [json.dumps({key: value, "truth": truth}) + "\n" for key, value, truth in entries]
        (tmp_path / name).write_text("".join(lines))
    truth = Truth([str(tmp_path / "a"), str(tmp_path / "b")], Memory())
    assert truth.of({"source": "x", "truth": None}) is None
    assert truth.of({"source": "x", "truth": 5}) == 5
    assert truth.of({"source": "x"}) == 1
    assert truth.of({"source-ref": "s3://b/y"}) == [3]
    assert truth.of({"source": ["x"]}) is None
    assert truth.of({}) is None


def test_a_file_in_s3_may_come_later_change_and_go() -> None:
    store = Memory()
    truth = Truth(["s3://lab/truth"], store)
    seen: list[Any] = []
    for content in (None, b'{"source": "x", "truth": 1}', b'{"source": "x", "truth": 2}\n', None):
        if content is None:
            store.objects.pop("s3://lab/truth", None)
        else:
            store.objects["s3://lab/truth"] = content
        truth.refresh()
        seen.append(truth.of({"source": "x"}))
    assert seen == [None, 1, 2, 2]
    store.objects["s3://lab/truth"] = b'{"source": "x", "truth": 3}\n{"source": "x"}'
    with pytest.raises(TruthFileError, match="s3://lab/truth line 2"):
        truth.refresh()
    assert truth.of({"source": "x"}) == 2, "half a file is none"


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(TruthFileError, match="/nowhere/truth: No such file"):
        Truth(["/nowhere/truth"], Memory())


def test_a_truth_file_in_s3_may_come_after_the_start_and_may_change(tmp_path: Path) -> None:
    service = InProcess(tmp_path, truth=["s3://lab/truth.jsonl"])
    manifest = b'{"source": "animal"}\n'
    try:
        for animal in ("dog", "bird"):
            service.storage.objects["s3://lab/truth.jsonl"] = json.dumps({"source": "animal", "truth": animal}).encode()
            _, output = service.run(manifest, workers_per_object=3)
            assert output[0]["label-metadata"]["class-name"] == animal
        service.storage.objects["s3://lab/truth.jsonl"] = b'{"source": "animal"}'
        description, _ = service.run(manifest)
        assert "s3://lab/truth.jsonl line 1" in description["FailureReason"]
    finally:
        service.close()
