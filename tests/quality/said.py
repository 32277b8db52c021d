"""What workers say, as judgements."""

from __future__ import annotations

from typing import Any

from labeling_provider.quality import Judgement, judgement_of_answer


def said(form: Any) -> Judgement:
    judgement = judgement_of_answer({"element": form})
    assert judgement is not None
    return judgement


def chose(*names: str) -> Judgement:
    return said({"label": names[0]} if len(names) == 1 else {"labels": list(names)})


def drew(*boxes: tuple[str, float, float, float, float]) -> Judgement:
    keys = ("label", "left", "top", "width", "height")
    return said({"boundingBoxes": [dict(zip(keys, box, strict=True)) for box in boxes]})


def marked(*spans: tuple[str, int, int]) -> Judgement:
    keys = ("label", "startOffset", "endOffset")
    return said({"entities": [dict(zip(keys, span, strict=True)) for span in spans]})
