"""Functions of custom tasks that do what they should not; each runs in a process of its own."""

from __future__ import annotations

import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any

ANSWER, PIDS = "LABELING_TEST_ANSWER", "LABELING_TEST_PIDS"


def answers(event: dict[str, Any], context: object) -> Any:
    """A consolidation function that gives back what a test wants; it runs in another process."""
    return pickle.loads(Path(os.environ[ANSWER]).read_bytes())


def hangs(event: dict[str, Any], context: object) -> None:
    Path(os.environ[PIDS]).joinpath(str(os.getpid())).touch()
    while True:
        time.sleep(60)


def spins(event: dict[str, Any], context: object) -> None:
    while True:
        pass


def leaves(event: dict[str, Any], context: object) -> None:
    os._exit(3)


def asks_to_end(event: dict[str, Any], context: object) -> None:
    sys.exit("enough")


def prints(event: dict[str, Any], context: object) -> Any:
    os.write(1, b'\xff\x00{"answer": garbage\n')
    print("garbage", flush=True)
    return {"taskInput": {"said": "fine"}}


def raises_what_cannot_be_written(event: dict[str, Any], context: object) -> None:
    raise ValueError("half a pair \ud800 and a zero \x00")


def says_much(event: dict[str, Any], context: object) -> str:
    return "x" * (7 << 20)


def echoes(event: dict[str, Any], context: object) -> Any:
    return {"pid": os.getpid(), "event": event}


def raises_or_says_what_is_imported(event: dict[str, Any], context: object) -> Any:
    if event["raise"]:
        raise ValueError("half a pair")
    return sorted(sys.modules)


def says_whether(event: dict[str, Any], context: object) -> Any:
    """A pre-annotation function that returns what the object says, under the key that it names."""
    line = event["dataObject"]
    return {"taskInput": {}, line["key"]: line["said"]}


def finds_s3_away(event: dict[str, Any], context: object) -> None:
    """A client's error about a place that does not respond."""
    from botocore.exceptions import ConnectTimeoutError

    where = event.get("where", os.environ.get("AWS_ENDPOINT_URL_S3"))
    raise ConnectTimeoutError(endpoint_url=f"{where}/{'x' * 9_000}")


def makes_deep_input(event: dict[str, Any], context: object) -> dict[str, Any]:
    deep: list[Any] = []
    for _ in range(98):
        deep = [deep]
    return {"taskInput": {"x": {"y": deep}}}
