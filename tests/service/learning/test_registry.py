"""Which models there are, and which one a job starts from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labeling_provider.service.learning.registry import ModelRegistry
from labeling_provider.service.work.workforce import WorkforceFileError, load_workforce


@pytest.mark.parametrize(
    ("models", "words"),
    [
        ({"named-entities": "my_models:FirstWord"}, "models.named-entities is unknown"),
        ({"text-classification": "tests.functions:pre"}, "is not a subclass of labeling_provider"),
        ({"text-classification": "nowhere:Model"}, "imported"),
        ({"text-classification": "tests.raises_at_import:Model"}, "can't be imported: not today"),
        ([], "JSON object"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path, models: Any, words: str) -> None:
    file = tmp_path / "workforce.json"
    file.write_text(json.dumps({"models": models}))
    with pytest.raises(WorkforceFileError, match=words):
        workforce = load_workforce(file, seed=0, region="us-east-1", account="123456789012")
        ModelRegistry(None, None, workforce)  # type: ignore[arg-type]
