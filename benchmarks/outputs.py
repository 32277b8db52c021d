"""``make bench-outputs``: what a small output file costs with a real S3.

A job writes a few small files for each object. An S3 endpoint that takes five milliseconds for each answer gets such
files in turns: one PUT after the other, as a plain boto3 client sends them, and in batches as the service hands them
over. The last line is JSON: milliseconds a file, and how many times less the batches take.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Final

from dev.far_s3 import FarS3, far_s3
from labeling_provider.service.cloud.s3_endpoint import EndpointObjectStore

LATENCY_SECONDS: Final = 0.005
FILES: Final = 1_000
BATCH: Final = 250
ROUNDS: Final = 3
BODY: Final = json.dumps({"answers": [{"answerContent": {"text": "x" * 300}, "workerId": "private.us-east-1.0"}]})

Files = dict[str, tuple[bytes, str]]


def files(number: int, label: str) -> Files:
    """What a job writes, by URI."""
    body = BODY.encode()
    return {f"s3://lab/{label}/worker-response/{index}.json": (body, "application/json") for index in range(number)}


def one_by_one(endpoint: FarS3) -> Callable[[Files], None]:
    """Writes one file after the other."""
    client = endpoint.client()

    def write(given: Files) -> None:
        for uri, (body, content_type) in given.items():
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)

    return write


def in_batches(endpoint: FarS3) -> Callable[[Files], None]:
    """Writes as the service does."""
    store = EndpointObjectStore(endpoint.endpoint_url, "us-east-1")

    def write(given: Files) -> None:
        pairs = list(given.items())
        for begin in range(0, len(pairs), BATCH):
            store.write(dict(pairs[begin : begin + BATCH]))

    return write


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--smallest", action="store_true", help="as little as runs all of it")
    number, rounds = (40, 1) if options.parse_args().smallest else (FILES, ROUNDS)
    os.environ |= {"AWS_ACCESS_KEY_ID": "far", "AWS_SECRET_ACCESS_KEY": "far"}
    with far_s3(LATENCY_SECONDS) as endpoint:
        writers = {"one_by_one": one_by_one(endpoint), "in_batches": in_batches(endpoint)}
        taken: dict[str, list[float]] = {name: [] for name in writers}
        for write in writers.values():
            write(files(20, "warm"))
        for turn in range(rounds):
            for name, write in writers.items():
                began = time.perf_counter()
                write(files(number, f"{name}-{turn}"))
                taken[name].append((time.perf_counter() - began) / number * 1_000)
    median = {name: statistics.median(times) for name, times in taken.items()}
    for name, milliseconds in median.items():
        print(f"{name:>10} {milliseconds:7.2f} ms a file")
    ratio = median["one_by_one"] / median["in_batches"]
    print(json.dumps({f"{name}_ms": round(value, 2) for name, value in median.items()} | {"ratio": round(ratio, 2)}))


if __name__ == "__main__":
    main()
