"""Pushes new objects to a running streaming job, once or for ever."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from labeling_provider import compat
from labeling_provider.errors import LabelingError
from labeling_provider.request.names import fingerprint
from labeling_provider.triggers.base import LabelingTrigger
from labeling_provider.triggers.poller import OwnThread, Poller
from labeling_provider.xcoms import PUSHED_KEY

if TYPE_CHECKING:
    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.streaming.positions import S3Position
    from labeling_provider.streaming.pusher import Pusher, Step
    from labeling_provider.streaming.sources import Position, Source

_SOURCES: Final = ("prefix_uri", "queue_url", "manifest_uri")
_SAVE_SECONDS: Final = 5.0
_FIRE_SECONDS: Final = 60.0
_BLOCKED_SECONDS: Final = 5.0
_MAX_EXAMPLES: Final = 10


@dataclass(kw_only=True, eq=False, repr=False)
class PushNewObjectsTrigger(LabelingTrigger, BaseEventTrigger):
    """Publishes new objects from a source to the input topic of a streaming labeling job.

    Set one source: ``prefix_uri``, ``queue_url`` or ``manifest_uri``. Each object is published with a stable id, so the
    job labels it only once. The position in the source is stored in the state store of the watched asset (Airflow 3.3
    and later), or in a small object in the job's output folder.

    With ``forever`` it is for an AssetWatcher: it fires after every sweep that has pushed something, and at least once
    a minute while it pushes. Otherwise it fires once, when the source is drained, after ``max_objects`` objects, at the
    deadline, or when the job has ended. The event is
    ``{"published": …, "refused": …, "examples": […], "reason": …}``.

    Takes the connection arguments of :class:`labeling_provider.triggers.base.LabelingTrigger` as well.

    :param input_topic_arn: ARN of the input topic.
    :param job_name: the streaming job; None for any job that listens to the topic, waiting for one if necessary.
    :param prefix_uri: ``s3://bucket/prefix`` to list over and over.
    :param queue_url: URL of an SQS queue with notifications from S3 or EventBridge.
    :param manifest_uri: a manifest whose objects to push, once.
    :param object_keys: keys that identify an object of the manifest, such as ``["source-ref", "page"]``; None for all
        input keys.
    :param suffixes: push only keys that end with one of these; all keys if empty.
    :param text: whether each line of an object is a text to label, rather than the object itself.
    :param relabel_changed: whether to label an overwritten object again.
    :param max_backlog: most objects that may wait in the job's queue.
    :param overlap: longest delay, in seconds, with which an object may appear in a listing after its time stamp.
    :param in_flight: number of batches of ten messages to send at once.
    :param poll_interval: seconds between checks of a source that has nothing new.
    :param forever: whether to continue when the source is drained.
    :param max_objects: most objects to push; None for all.
    :param deadline: when to stop, in epoch seconds; None for never.
    :param position_uri: S3 URI for the position, if it should be stored elsewhere.
    :raises ValueError: unless exactly one source is set.
    """

    input_topic_arn: str
    job_name: str | None = None
    prefix_uri: str | None = None
    queue_url: str | None = None
    manifest_uri: str | None = None
    object_keys: Sequence[str] | None = None
    suffixes: Sequence[str] = ()
    text: bool = False
    relabel_changed: bool = False
    max_backlog: int = 5000
    overlap: float = 3600
    in_flight: int = 16
    poll_interval: float = 30
    forever: bool = True
    max_objects: int | None = None
    deadline: float | None = None
    position_uri: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.object_keys = None if self.object_keys is None else list(self.object_keys)
        self.suffixes = list(self.suffixes)
        if sum(getattr(self, name) is not None for name in _SOURCES) != 1:
            raise ValueError(f"Set exactly one of {', '.join(_SOURCES)}.")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Push objects. With ``forever``, errors are retried, because the source or topic may be created later."""
        async with Poller.shared(self) as poller, poller.own_thread() as thread:
            while True:
                try:
                    async for event in self._push(thread):
                        yield await self.event(event)
                    return
                except LabelingError as error:
                    if not self.forever:
                        yield await self.event({"error": str(error)})
                        return
                    self.log.warning("Pushing starts again in %.0f s: %s", self.poll_interval, error)
                await asyncio.sleep(self.poll_interval)

    async def _push(self, thread: OwnThread) -> AsyncIterator[dict[str, Any]]:
        positions = _Positions(self, thread)
        position = await positions.load()
        pusher = await thread.call(partial(self._pusher, position=position))
        source = pusher.source
        total, news, fired_at, blocked = _PushCount(), _PushCount(), time.monotonic(), ""
        try:
            while True:
                step = await thread.call(partial(_step, pusher, self._max_portion(total)))
                exhausted = source.exhausted and not step.blocked
                total, news = total.with_step(step), news.with_step(step)
                reason = self._reason(step, total, exhausted)
                await positions.save(source, at_once=exhausted or bool(reason))
                if step.blocked != blocked:
                    blocked = step.blocked
                    self.log.info("%s", f"Pushing is paused: {blocked}" if blocked else "Pushing continues")
                self._show(total)
                if reason or (self.forever and news.any and (exhausted or time.monotonic() - fired_at > _FIRE_SECONDS)):
                    counts = news if self.forever else total
                    self.log.info(
                        "%s objects pushed, %s refused: %s", counts.published, counts.refused, reason or "new"
                    )
                    yield {**counts.event(), "reason": reason or "new"}
                    news, fired_at = _PushCount(), time.monotonic()
                if reason:
                    return
                await asyncio.sleep(self._pause(step, exhausted))
        finally:
            pusher.close()

    def _pusher(self, ground_truth: GroundTruth, *, position: Position | None) -> Pusher:
        from labeling_provider.streaming.pusher import Pusher

        return Pusher(
            ground_truth,
            topic_arn=self.input_topic_arn,
            source=self._source(ground_truth, position),
            job_name=self.job_name,
            max_backlog=self.max_backlog,
            in_flight=self.in_flight,
        )

    def _source(self, ground_truth: GroundTruth, position: Position | None) -> Source:
        from labeling_provider.streaming.sources import Manifest, Notifications, ObjectSettings, S3Prefix

        settings = ObjectSettings(self.suffixes, self.text, self.relabel_changed)
        if self.prefix_uri is not None:
            return S3Prefix(ground_truth, self.prefix_uri, settings, position, self.overlap)
        if self.queue_url is not None:
            return Notifications(ground_truth, self.queue_url, settings)
        assert self.manifest_uri is not None  # noqa: S101 - exactly one is given
        return Manifest(ground_truth, self.manifest_uri, position, self.object_keys)

    def _max_portion(self, total: _PushCount) -> int:
        """The largest number of objects for the next step."""
        from labeling_provider.streaming.pusher import PORTION

        return PORTION if self.max_objects is None else min(PORTION, self.max_objects - total.published)

    def _reason(self, step: Step, total: _PushCount, exhausted: bool) -> str:
        """The reason to end; empty to continue."""
        if step.ended:
            return step.ended
        if self.max_objects is not None and total.published >= self.max_objects:
            return "max_objects"
        if exhausted and not self.forever:
            return "drained"
        if self.deadline is not None and time.time() >= self.deadline:
            return "deadline"
        return ""

    def _pause(self, step: Step, exhausted: bool) -> float:
        pause = min(self.poll_interval, _BLOCKED_SECONDS) if step.blocked else self.poll_interval * exhausted
        return pause if self.deadline is None else max(min(pause, self.deadline - time.time()), 0)

    def _show(self, total: _PushCount) -> None:
        """Push the counts to XCom, for the Airflow UI."""
        if self.task_instance is not None:
            compat.push_xcom_soon(self.task_instance, PUSHED_KEY, total.event())

    @property
    def position_key(self) -> str:
        """A key that is unique for this source and topic."""
        source = [getattr(self, name) for name in _SOURCES]
        return fingerprint([self.input_topic_arn, source, self.suffixes, self.text, self.relabel_changed])


def _step(pusher: Pusher, max_objects: int, _: GroundTruth) -> Step:
    return pusher.step(max_objects)


class _PushCount(NamedTuple):
    """Totals of several steps."""

    published: int = 0
    refused: int = 0
    examples: tuple[str, ...] = ()

    def with_step(self, step: Step) -> _PushCount:
        examples = [f"{refusal.about}: {refusal.reason}" for refusal in step.refused]
        return _PushCount(
            self.published + step.published,
            self.refused + len(step.refused),
            (*self.examples, *examples)[:_MAX_EXAMPLES],
        )

    @property
    def any(self) -> bool:
        """Whether anything was published or refused."""
        return bool(self.published or self.refused)

    def event(self) -> dict[str, Any]:
        """The totals as a JSON value."""
        return {"published": self.published, "refused": self.refused, "examples": list(self.examples)}


class _Positions:
    """Stores the position in the source: with the watched asset if there is one, otherwise in S3."""

    def __init__(self, trigger: PushNewObjectsTrigger, thread: OwnThread) -> None:
        self._trigger, self._thread = trigger, thread
        self._key = f"labeling-push-{trigger.position_key}"
        self._in_s3: S3Position | None = None
        self._saved: str = ""
        self._saved_at = time.monotonic()

    async def load(self) -> Position | None:
        """The saved position; None if there is none.

        :raises LabelingError: if it can't be read.
        """
        if self._trigger.queue_url is not None:
            return None
        if self._trigger.position_uri is None:
            try:
                kept = await compat.asset_state(self._trigger, self._key)
            except LookupError:
                self._trigger.log.info("There is no watched asset; storing the position in S3")
            else:
                return kept if isinstance(kept, dict) else None
        while self._in_s3 is None:
            self._in_s3 = await self._thread.call(self._place)
            if self._in_s3 is None:
                await asyncio.sleep(min(self._trigger.poll_interval, _BLOCKED_SECONDS))
        store = self._in_s3
        return await self._thread.call(lambda _: store.load())

    def _place(self, ground_truth: GroundTruth) -> S3Position | None:
        """The place in S3; None as long as there is no job whose output folder could be used."""
        from labeling_provider.streaming.positions import S3Position, position_uri

        trigger = self._trigger
        uri = trigger.position_uri or position_uri(ground_truth, trigger.job_name, trigger.input_topic_arn, self._key)
        return S3Position(ground_truth, uri) if uri else None

    async def save(self, source: Source, at_once: bool) -> None:
        """Save the source's position, at most every few seconds unless ``at_once``."""
        position = source.position
        if position is None or (not at_once and time.monotonic() - self._saved_at < _SAVE_SECONDS):
            return
        text = json.dumps(position, sort_keys=True)
        if text == self._saved:
            return
        if self._in_s3 is not None:
            store = self._in_s3
            await self._thread.call(lambda _: store.save(position))
        else:
            await compat.keep_asset_state(self._trigger, self._key, position)
        self._saved, self._saved_at = text, time.monotonic()
