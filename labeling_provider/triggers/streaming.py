"""Pushes new objects to a running streaming job, for as long as it is wanted."""

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
from labeling_provider.triggers.poller import HookArguments, OwnThread, Poller
from labeling_provider.xcoms import PUSHED_KEY

if TYPE_CHECKING:
    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.streaming.positions import S3Position
    from labeling_provider.streaming.pusher import Pusher, Step
    from labeling_provider.streaming.sources import Position, Source

_SOURCES: Final = ("prefix_uri", "queue_url", "manifest_uri")
_SAVE_SECONDS: Final = 5.0
_TELL_SECONDS: Final = 60.0
_BLOCKED_SECONDS: Final = 5.0
_MAX_EXAMPLES: Final = 10


@dataclass(kw_only=True, eq=False, repr=False)
class PushNewObjectsTrigger(LabelingTrigger, BaseEventTrigger):
    """Publishes what is new in a source to the input topic of a streaming labeling job.

    Give one source: ``prefix_uri``, ``queue_url`` or ``manifest_uri``. Each object is published under an id that is
    always the same, so that the job labels it once, however often it is found. How far the source is done with is kept
    in the state store of the watched asset (Airflow 3.3 and later), or in a small object beside the job's output.

    With ``forever`` it is for an AssetWatcher: it fires whenever a sweep has pushed something, and at least every
    minute while it pushes. Otherwise it fires once, when the source is drained, ``max_objects`` are pushed, time is up,
    or the job has ended. The event is ``{"published": …, "refused": …, "examples": […], "reason": …}``.

    Takes the connection arguments of :class:`labeling_provider.triggers.base.LabelingTrigger` as well.

    :param input_topic_arn: the input topic.
    :param job_name: the streaming job; None for whichever listens to the topic, and to wait while there is none.
    :param prefix_uri: ``s3://bucket/prefix`` to list over and over.
    :param queue_url: an SQS queue that S3 or EventBridge tells of new objects.
    :param manifest_uri: a manifest whose lines are pushed, once.
    :param object_keys: keys that tell its objects apart, such as ``["source-ref", "page"]``; None for all that a line
        says besides its labels.
    :param suffixes: how the keys of wanted objects end; any if there are none.
    :param text: whether each line of an object is a text to label, rather than the object itself.
    :param relabel_changed: whether an object that was written again is labeled again.
    :param max_backlog: how many objects may wait in the job's queue.
    :param overlap: seconds by which an object may appear in a listing later than its own time tells.
    :param in_flight: batches of ten messages that are on their way at once.
    :param poll_interval: seconds between two looks at a source that has nothing new.
    :param forever: whether to go on when the source is drained.
    :param max_objects: how many objects to push at most; None for all.
    :param deadline: epoch seconds at which to stop; None for never.
    :param position_uri: S3 URI of the object that keeps the position, if it is to be somewhere else.
    :raises ValueError: unless exactly one source is given.
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
            raise ValueError(f"Give exactly one of {', '.join(_SOURCES)}.")

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Push. For a watcher, trouble passes: its source or topic may be made later."""
        async with Poller.shared(HookArguments.of(self)) as poller, poller.own_thread() as thread:
            while True:
                try:
                    async for event in self._push(thread):
                        yield TriggerEvent(event)  # type: ignore[no-untyped-call]
                    return
                except LabelingError as error:
                    if not self.forever:
                        yield TriggerEvent({"error": str(error)})  # type: ignore[no-untyped-call]
                        return
                    self.log.warning("Pushing starts again in %.0f s: %s", self.poll_interval, error)
                await asyncio.sleep(self.poll_interval)

    async def _push(self, thread: OwnThread) -> AsyncIterator[dict[str, Any]]:
        positions = _Positions(self, thread)
        position = await positions.load()
        pusher = await thread.call(partial(self._pusher, position=position))
        source = pusher.source
        total, news, told, blocked = _PushCount(), _PushCount(), time.monotonic(), ""
        try:
            while True:
                step = await thread.call(partial(_step, pusher, self._most(total)))
                exhausted = source.exhausted and not step.blocked
                total, news = total.with_step(step), news.with_step(step)
                reason = self._reason(step, total, exhausted)
                await positions.save(source, at_once=exhausted or bool(reason))
                if step.blocked != blocked:
                    blocked = step.blocked
                    self.log.info("Pushing waits: %s", blocked or "no more")
                self._show(total)
                if reason or (self.forever and news.any and (exhausted or time.monotonic() - told > _TELL_SECONDS)):
                    tell = news if self.forever else total
                    self.log.info("%s objects pushed, %s refused: %s", tell.published, tell.refused, reason or "new")
                    yield {**tell.event(), "reason": reason or "new"}
                    news, told = _PushCount(), time.monotonic()
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
        from labeling_provider.streaming.sources import Manifest, Notifications, S3Prefix, Settings

        settings = Settings(self.suffixes, self.text, self.relabel_changed)
        if self.prefix_uri is not None:
            return S3Prefix(ground_truth, self.prefix_uri, settings, position, self.overlap)
        if self.queue_url is not None:
            return Notifications(ground_truth, self.queue_url, settings)
        assert self.manifest_uri is not None  # noqa: S101 - exactly one is given
        return Manifest(ground_truth, self.manifest_uri, position, self.object_keys)

    def _most(self, total: _PushCount) -> int:
        """How many objects the next step may push."""
        from labeling_provider.streaming.pusher import PORTION

        return PORTION if self.max_objects is None else min(PORTION, self.max_objects - total.published)

    def _reason(self, step: Step, total: _PushCount, exhausted: bool) -> str:
        """Why to end; empty to go on."""
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
        """Put the counts where Airflow's UI finds them while the task is deferred."""
        if self.task_instance is not None:
            compat.push_xcom_soon(self.task_instance, PUSHED_KEY, total.event())

    @property
    def position_key(self) -> str:
        """What tells this source and topic from any other."""
        source = [getattr(self, name) for name in _SOURCES]
        return fingerprint([self.input_topic_arn, source, self.suffixes, self.text, self.relabel_changed])


def _step(pusher: Pusher, most: int, _: GroundTruth) -> Step:
    return pusher.step(most)


class _PushCount(NamedTuple):
    """What steps have come to."""

    published: int = 0
    refused: int = 0
    examples: tuple[str, ...] = ()

    def with_step(self, step: Step) -> _PushCount:
        told = [f"{refusal.about}: {refusal.reason}" for refusal in step.refused]
        return _PushCount(
            self.published + step.published,
            self.refused + len(step.refused),
            (*self.examples, *told)[:_MAX_EXAMPLES],
        )

    @property
    def any(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.published or self.refused)

    def event(self) -> dict[str, Any]:
        """A JSON value."""
        return {"published": self.published, "refused": self.refused, "examples": list(self.examples)}


class _Positions:
    """Keeps how far the source is done with: with the watched asset if there is one, else in S3."""

    def __init__(self, trigger: PushNewObjectsTrigger, thread: OwnThread) -> None:
        self._trigger, self._thread = trigger, thread
        self._key = f"labeling-push-{trigger.position_key}"
        self._in_s3: S3Position | None = None
        self._saved: str = ""
        self._saved_at = time.monotonic()

    async def load(self) -> Position | None:
        """The position that was saved last; None if there is none."""
        if self._trigger.queue_url is not None:
            return None
        if self._trigger.position_uri is None:
            try:
                kept = await compat.asset_state(self._trigger, self._key)
            except LookupError:
                self._trigger.log.info("There is no asset to keep the position with: it is kept in S3")
            else:
                return kept if isinstance(kept, dict) else None
        while self._in_s3 is None:
            self._in_s3 = await self._thread.call(self._place)
            if self._in_s3 is None:
                await asyncio.sleep(min(self._trigger.poll_interval, _BLOCKED_SECONDS))
        store = self._in_s3
        return await self._thread.call(lambda _: store.load())

    def _place(self, ground_truth: GroundTruth) -> S3Position | None:
        """Where in S3; None as long as there is no job beside whose output it could be."""
        from labeling_provider.streaming.positions import S3Position, position_uri

        trigger = self._trigger
        uri = trigger.position_uri or position_uri(ground_truth, trigger.job_name, trigger.input_topic_arn, self._key)
        return S3Position(ground_truth, uri) if uri else None

    async def save(self, source: Source, at_once: bool) -> None:
        """Save where the source is, every few seconds at most unless it is time."""
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
