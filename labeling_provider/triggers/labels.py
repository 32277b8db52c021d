"""Turns the labels of a streaming job into asset events as they arrive."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Hashable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from labeling_provider import compat
from labeling_provider.errors import LabelingError
from labeling_provider.triggers.base import LabelingTrigger
from labeling_provider.triggers.poller import Poller

if TYPE_CHECKING:
    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.streaming.labels_queue import LabelsQueue

# Airflow normally stores an event within one or two seconds. Before 3.3 it does not acknowledge that.
_STORED_SECONDS: Final = 15.0
_TROUBLE_SECONDS: Final = 30.0

log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class LabelsArrivedTrigger(LabelingTrigger, BaseEventTrigger):
    """Fires for each batch of labels in the queue of a streaming job's output topic; for an AssetWatcher.

    The lines of a batch are stored in one S3 object. The event, which is also the asset event's ``extra["payload"]``,
    is ``{"labels_uri": …, "count": …, "label_attribute_name": …, "job_name": …, "classes": {name: count}}``.

    The messages are deleted only after Airflow has stored the event: Airflow 3.3 and later acknowledge that, for
    earlier versions the trigger waits a while. So after a crash a label may arrive again, in another batch; its line
    then has the same deduplication id.

    Takes the connection arguments of :class:`labeling_provider.triggers.base.LabelingTrigger` as well.

    :param queue: URL or name of the queue that is subscribed to the output topic; it need not exist yet.
    :param labels_uri: S3 URI of the folder for the batches.
    :param batch_size: number of labels in a full batch, at most 10,000.
    :param max_wait: seconds after which a smaller batch is stored, at most 36,000.
    :raises ValueError: if a number is out of range.
    """

    queue: str
    labels_uri: str
    batch_size: int = 100
    max_wait: float = 60

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (1 <= self.batch_size <= 10_000 and 0 <= self.max_wait <= 36_000):
            raise ValueError("batch_size must be 1 to 10,000 and max_wait 0 to 36,000 seconds.")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Fire for each batch. Used where Airflow does not acknowledge events."""
        fired: list[tuple[float, Any]] = []
        async with aclosing(self._batches()) as batches:
            async for event, done in batches:
                if event is not None:
                    yield await self.event(event)
                    fired.append((time.monotonic(), done))
                while fired and time.monotonic() - fired[0][0] > _STORED_SECONDS:
                    await self._delete(fired.pop(0)[1])

    def _queue(self, ground_truth: GroundTruth) -> LabelsQueue:
        from labeling_provider.streaming.labels_queue import LabelsQueue

        return LabelsQueue(ground_truth, self.queue, self.labels_uri, self.batch_size, self.max_wait)

    def shared_stream_key(self) -> Hashable | None:
        """The key of the shared reader: in Airflow 3.3 and later, triggers with the same arguments share one."""
        return ("labeling-labels", json.dumps(self.serialize()[1], sort_keys=True))

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> Any:
        """The shared reader, which deletes messages when Airflow has stored their event."""
        return compat.acknowledging_producer(cls(**kwargs)._full_batches, cls._delete)

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Pass every batch to every trigger."""
        async for event in shared_stream:
            yield await self.event(event)

    async def _full_batches(self) -> AsyncIterator[tuple[dict[str, Any], Any]]:
        async with aclosing(self._batches()) as batches:
            async for event, done in batches:
                if event is not None:
                    yield event, done

    async def _batches(self) -> AsyncGenerator[tuple[dict[str, Any] | None, Any], None]:
        """Events, each with the queue and receipts to delete its messages; None if there is no batch yet.

        Errors are logged, and reading starts again after a pause.
        """
        async with Poller.shared(self) as poller, poller.own_thread() as thread:
            queue = await thread.call(self._queue)
            while True:
                try:
                    batch = await thread.call(lambda _: queue.collect())
                except LabelingError as error:
                    self.log.warning("Reading labels again in %.0f s: %s", _TROUBLE_SECONDS, error)
                    await asyncio.sleep(_TROUBLE_SECONDS)
                    continue
                yield (None, None) if batch is None else (batch.event, (queue, batch.receipts))

    @staticmethod
    async def _delete(done: Any) -> None:
        queue, receipts = done
        try:
            await asyncio.to_thread(queue.delete, receipts)
        except LabelingError as error:
            log.warning("%s labels will be delivered again: %s", len(receipts), error)
