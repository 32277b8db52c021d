"""Objects in S3 on their way into a streaming job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dev.stack import wait_until
from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.streaming.pusher import Pusher
from labeling_provider.streaming.sources import Source
from tests.conftest import Lab
from tests.own_names import own_id
from tests.service.engine.test_stream import Topic, backlog, stopped, stream


class Yard:
    """A bucket prefix of its own, a streaming job of pictures that nobody labels soon, and its topic."""

    def __init__(self, lab: Lab, **arguments: Any) -> None:
        self.lab, self.topic = lab, Topic(lab)
        self.folder = f"yard-{own_id().hex[:8]}/"
        self.prefix = f"s3://{lab.bucket}/{self.folder}"
        self.job = self.stream(**{"name": f"yard-{own_id().hex[:8]}", **arguments})

    def stream(self, **arguments: Any) -> str:
        """A job that listens to the topic; its name."""
        defaults = {"task_type": "image-classification", "workforce": self.lab.people}
        return stream(self.lab, self.topic, **{**defaults, **arguments})

    def put(self, *keys: str, body: bytes | str = b"picture") -> list[str]:
        return [self.lab.put(self.folder + key, body) for key in keys]

    def arrived(self, count: int) -> list[dict[str, Any]]:
        """Lines of the objects that the job has got, once it has so many; the job is stopped."""
        wait_until(lambda: sum(self.counters().values()) >= count, 60, f"{count} objects have arrived", 0.05)
        wait_until(lambda: backlog(self.lab, self.job) == 0, 60, "the queue is empty", 0.05)
        return stopped(self.lab, self.job)

    def counters(self) -> dict[str, int]:
        counters = self.lab.describe(self.job)["LabelCounters"]
        return {key: counters[key] for key in ("Unlabeled", "TotalLabeled", "FailedNonRetryableError")}

    @contextmanager
    def pusher(self, client: GroundTruth, source: Source, **arguments: Any) -> Iterator[Pusher]:
        """What pushes the objects of a source to the job."""
        defaults = {"topic_arn": self.topic.arn, "job_name": self.job, "max_backlog": 5000, "in_flight": 4}
        made = Pusher(client, source=source, **{**defaults, **arguments})
        try:
            yield made
        finally:
            made.close()
