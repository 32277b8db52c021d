"""Manifests built by the operators, for their tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from labeling_provider.operators.manifest import (
    BuildManifestOperator,
)
from tests.airflow_context import context
from tests.conftest import Lab
from tests.own_names import own_id


def place(name: str = "out.manifest") -> str:
    return f"s3://lab/manifests/{own_id().hex}/{name}"


def build(**arguments: Any) -> dict[str, Any]:
    arguments.setdefault("manifest_uri", place())
    result = BuildManifestOperator(task_id="build", **arguments).execute(context())
    assert isinstance(result, dict)
    return result


def shards(**arguments: Any) -> tuple[list[str], dict[str, Any]]:
    """The manifests, and what else is told of them."""
    around = context()
    result = BuildManifestOperator(task_id="build", **arguments).execute(around)
    assert isinstance(result, list)
    return result, around["ti"].pushed["labeling_manifest"]


def lines_of(lab: Lab, uri: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lab.get(uri).splitlines()]


def sources(lab: Lab, result: dict[str, Any]) -> list[str]:
    return sources_of(lab, [result["manifest_uri"]])


def sources_of(lab: Lab, uris: list[str]) -> list[str]:
    lines = [line for uri in uris for line in lines_of(lab, uri)]
    return [line.get("source-ref", line.get("source")) for line in lines]


def folder(lab: Lab, names: Iterable[str]) -> str:
    """A prefix with empty objects of some names."""
    prefix = f"objects/{own_id().hex}/"
    for name in names:
        lab.put(f"{prefix}{name}", b"")
    return f"s3://lab/{prefix}"
