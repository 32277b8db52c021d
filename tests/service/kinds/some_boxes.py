"""Boxes in an answer."""

from __future__ import annotations


def box(left: float, top: float = 0, width: float = 10, height: float = 10, label: str = "a") -> dict:
    return {"label": label, "left": left, "top": top, "width": width, "height": height}
