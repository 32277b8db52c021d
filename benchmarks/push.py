"""``make bench-push``: pushing everything under an S3 prefix to a streaming job, ours beside what people write by hand.

All talk to the same stub server, a process of its own that answers each request after 20 ms, and all list the prefix
themselves: a loop of ``publish``, a loop of ``publish_batch``, and a thread pool of ``publish_batch`` (with as many
threads as are best here). Each runs in a fresh process, in turns; medians. The slow ones push a part, and their time
and CPU are taken per object. Memory is what the process has grown by since its imports, at its peak.
The last line is JSON: their time, or CPU, divided by ours.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from dev.processes import resident_mb
from dev.stack import ROOT

ROUNDS = 3
LATENCY = 0.02
TOPIC = "arn:aws:sns:us-east-1:123456789012:groundtruth-bench"
PAGE = 1000
PARTS: Final = {"publish loop": 500, "publish_batch loop": 5_000}


class Stub:
    """SageMaker, S3, SNS and SQS, as far as a push needs them; each answer takes :data:`LATENCY`.

    :param objects: how many there are under the prefix.
    """

    def __init__(self, objects: int) -> None:
        self.objects = objects
        self.published = 0
        self._body = json.dumps({}).encode()

    async def serve(self) -> None:
        """Listen on a free port, print it, and answer."""
        server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"100-continue" in head:
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1])) if length else b""
                due = asyncio.get_running_loop().time() + LATENCY
                kind, answer = self._answer(head, body)
                await asyncio.sleep(due - asyncio.get_running_loop().time())
                writer.write(
                    b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Type: %s\r\nContent-Length: %d\r\nDate: %s\r\n\r\n'
                    % (kind, len(answer), datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").encode())
                    + answer
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        path = head.split(b" ", 2)[1].decode()
        if b"DescribeLabelingJob" in head:
            return b"application/x-amz-json-1.1", self._job()
        if b"AmazonSQS.GetQueueUrl" in head:
            return b"application/x-amz-json-1.0", b'{"QueueUrl": "http://127.0.0.1/queue"}'
        if b"AmazonSQS" in head:
            names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
            return b"application/x-amz-json-1.0", json.dumps({"Attributes": dict.fromkeys(names, "0")}).encode()
        if b"Action=PublishBatch" in body:
            ids = re.findall(rb"member\.\d+\.Id=(\d+)", body)
            self.published += len(ids)
            taken = b"".join(
                b"<member><Id>%s</Id><MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></member>" % entry_id
                for entry_id in ids
            )
            result = b"<PublishBatchResult><Successful>%s</Successful><Failed/></PublishBatchResult>" % taken
            return b"text/xml", b"<PublishBatchResponse>%s</PublishBatchResponse>" % result
        if b"Action=Publish" in body:
            self.published += 1
            return (
                b"text/xml",
                b"<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>",
            )
        if "list-type=2" in path:
            return b"application/xml", self._page(parse_qs(urlsplit(path).query))
        if head.startswith(b"PUT"):
            self._body = body[body.index(b"{") : body.rindex(b"}") + 1]
            return b"application/xml", b""
        return b"application/json", self._body

    def _job(self) -> bytes:
        source = {"DataSource": {"SnsDataSource": {"SnsTopicArn": TOPIC}}}
        return json.dumps(
            {
                "LabelingJobName": "bench",
                "LabelingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/bench",
                "LabelingJobStatus": "InProgress",
                "LabelCounters": {},
                "CreationTime": 1.0,
                "LastModifiedTime": 1.0,
                "InputConfig": source,
                "OutputConfig": {"S3OutputPath": "s3://bench/out"},
            }
        ).encode()

    def _page(self, query: dict[str, list[str]]) -> bytes:
        first = int(query.get("continuation-token", ["0"])[0])
        last = min(first + PAGE, self.objects)
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>"
        entries = "".join(
            f"<Contents><Key>new/camera-4/2026/11/23/picture-{number:08}.jpg</Key>"
            f"<LastModified>2026-11-23T10:00:00.000Z</LastModified><ETag>&quot;{number:032x}&quot;</ETag>"
            "<Size>123456</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for number in range(first, last)
        )
        text = (
            '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>bench</Name><Prefix>new/</Prefix>'
            f"<KeyCount>{last - first}</KeyCount>{more if last < self.objects else ''}{entries}</ListBucketResult>"
        )
        return text.encode()


def keys(client: Callable[[str], Any], objects: int) -> Iterator[str]:
    """The keys under the prefix, by boto3's paginator."""
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket="bench", Prefix="new/")
    return islice((entry["Key"] for page in pages for entry in page["Contents"]), objects)


def tens(keys: Iterator[str]) -> Iterator[tuple[str, ...]]:
    """Keys, ten at a time."""
    while batch := tuple(islice(keys, 10)):
        yield batch


def message(key: str) -> str:
    """The message of a picture."""
    return json.dumps({"source-ref": f"s3://bench/{key}", "dataset-objectid-attribute-name": "source-ref"})


def publish_loop(client: Callable[[str], Any], objects: int, _threads: int) -> None:
    """One message a request."""
    sns = client("sns")
    for key in keys(client, objects):
        sns.publish(TopicArn=TOPIC, Message=message(key))


def send_batch(sns: Any, batch: tuple[str, ...]) -> None:
    """Ten messages a request."""
    entries = [{"Id": str(number), "Message": message(key)} for number, key in enumerate(batch)]
    answer = sns.publish_batch(TopicArn=TOPIC, PublishBatchRequestEntries=entries)
    assert not answer.get("Failed")


def batch_loop(client: Callable[[str], Any], objects: int, _threads: int) -> None:
    """Batches one after the other."""
    sns = client("sns")
    for batch in tens(keys(client, objects)):
        send_batch(sns, batch)


def batch_pool(client: Callable[[str], Any], objects: int, threads: int) -> None:
    """Batches from a thread pool."""
    sns = client("sns")
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda batch: send_batch(sns, batch), tens(keys(client, objects))):
            pass


def ours(_client: Callable[[str], Any], objects: int, _threads: int) -> None:
    """The trigger, as a triggerer runs it."""
    from labeling_provider.triggers.streaming import PushNewObjectsTrigger

    trigger = PushNewObjectsTrigger(
        input_topic_arn=TOPIC, job_name="bench", prefix_uri="s3://bench/new/", forever=False, max_backlog=10**9
    )

    async def event() -> dict[str, Any]:
        async for event in trigger.run():
            return dict(event.payload)
        raise AssertionError

    result = asyncio.run(event())
    assert result == {"published": objects, "refused": 0, "examples": [], "reason": "drained"}, result


WAYS: Final[dict[str, Callable[[Callable[[str], Any], int, int], None]]] = {
    "publish loop": publish_loop,
    "publish_batch loop": batch_loop,
    "publish_batch pool": batch_pool,
    "ours": ours,
}


def measure(way: str, url: str, objects: int, threads: int) -> dict[str, float]:
    """Run one way in this process."""
    import boto3
    from botocore.config import Config

    from labeling_provider.hooks.labeling import LabelingHook  # noqa: F401 - both sides begin with the same imports

    def client(service: str) -> Any:
        config = Config(max_pool_connections=max(threads, 10))
        secret = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        return boto3.client(service, endpoint_url=url, region_name="us-east-1", config=config, **secret)

    before, peak, running = resident_mb(os.getpid()), 0.0, True

    def watch() -> None:
        nonlocal peak
        while running:
            peak = max(peak, resident_mb(os.getpid()))
            time.sleep(0.05)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    began, cpu = time.perf_counter(), time.process_time()
    WAYS[way](client, objects, threads)
    took, used = time.perf_counter() - began, time.process_time() - cpu
    running = False
    watcher.join()
    return {"seconds": took, "cpu": used, "mb": max(peak, resident_mb(os.getpid())) - before}


def run(way: str, objects: int, threads: int) -> dict[str, float]:
    """Run one way in a fresh process, beside a fresh stub."""
    stub = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.push", "--stub", "--objects", str(objects)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert stub.stdout is not None
        url = f"http://127.0.0.1:{stub.stdout.readline().strip()}"
        connection = {
            "conn_type": "aws",
            "login": "a",
            "password": "b",
            "extra": {"endpoint_url": url, "region_name": "us-east-1"},
        }
        command = [sys.executable, "-m", "benchmarks.push", "--way", way, "--objects", str(objects)]
        done = subprocess.run(
            [*command, "--threads", str(threads), "--url", url],
            cwd=ROOT,
            env={**os.environ, "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    finally:
        stub.kill()
        stub.wait()
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Measure, print a table and the ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--objects", type=int, default=50_000, help="objects under the prefix (default %(default)s)")
    options.add_argument("--smallest", action="store_true", help="as little as runs all of it")
    options.add_argument("--threads", type=int, default=0)
    options.add_argument("--stub", action="store_true")
    options.add_argument("--way")
    options.add_argument("--url")
    chosen = options.parse_args()
    if chosen.stub:
        asyncio.run(Stub(chosen.objects).serve())
        return
    if chosen.way and chosen.url:
        print(json.dumps(measure(chosen.way, chosen.url, chosen.objects, chosen.threads or 16)))
        return
    if chosen.way:
        print(run(chosen.way, chosen.objects, chosen.threads or 16))
        return
    rounds, sizes = ROUNDS, (8, 16, 32)
    if chosen.smallest:
        chosen.objects, rounds, sizes = 50, 1, (8,)
    threads = sizes[0]
    if len(sizes) > 1:
        tried = {size: run("publish_batch pool", chosen.objects // 5, size)["seconds"] for size in sizes}
        threads = min(tried, key=lambda size: tried[size])
    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, done in results.items():
            objects = min(PARTS.get(way, chosen.objects), chosen.objects)
            measured = run(way, objects, threads)
            done.append({"time": measured["seconds"] / objects, "cpu": measured["cpu"] / objects, "mb": measured["mb"]})
    median = {
        way: {key: statistics.median(figures[key] for figures in done) for key in done[0]}
        for way, done in results.items()
    }
    print(f"{chosen.objects:,} objects; the pool has {threads} threads")
    print(f"{'':20} {'ms/object':>10} {'CPU ms/object':>14} {'growth MB':>10}")
    for way, measured in median.items():
        print(f"{way:20} {measured['time'] * 1e3:10.3f} {measured['cpu'] * 1e3:14.3f} {measured['mb']:10.1f}")
    mine = median.pop("ours")
    best = min(median.values(), key=lambda figures: figures["time"])
    result = {
        "objects": chosen.objects,
        "vs_publish_loop": round(median["publish loop"]["time"] / mine["time"], 1),
        "vs_best": round(best["time"] / mine["time"], 2),
        "cpu_vs_best": round(best["cpu"] / mine["cpu"], 2),
        "peak_mb": round(mine["mb"], 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
