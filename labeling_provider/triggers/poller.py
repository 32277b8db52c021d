"""One poller for all triggers of a triggerer with the same connection and region.

One sweep per interval serves all of them. Everything that blocks, even creating the client, runs in a thread, because
all triggers of the triggerer share one event loop.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from labeling_provider.client.job_events import JobEvents
from labeling_provider.client.retries import Patience, no_answer
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.job import JobState
from labeling_provider.jobs.polling import Lookout, Seen, Watched

if TYPE_CHECKING:
    from labeling_provider.client.ground_truth import GroundTruth
    from labeling_provider.hooks.connection import ConnectionArguments

T = TypeVar("T")

_GATHERING: Final = 0.5
_MAX_THREADS: Final = 16
_QUEUE_PAUSE: Final = 5.0
_ANSWER_SECONDS: Final = 60.0

log = logging.getLogger(__name__)


class Watch:
    """One trigger's view of one job."""

    def __init__(self, job_name: str, interval: float, outage: float) -> None:
        self.job_name, self.interval, self.outage = job_name, interval, outage
        self._began = time.monotonic()
        self._state: JobState | None = None
        self._error: LabelingError | None = None
        self._news = asyncio.Event()

    def silence(self, of_service: float) -> float:
        """Seconds without an answer for this watch, which is at most the time it has been waiting.

        :param of_service: seconds since the service last answered any watch.
        """
        return min(of_service, time.monotonic() - self._began)

    def tell(self, news: JobState | LabelingError) -> None:
        """Pass on a polled state or an error; an unchanged state is ignored."""
        if isinstance(news, LabelingError):
            self._error = news
        elif news == self._state:
            return
        else:
            self._state = news
        self._news.set()

    async def news(self, seconds: float | None) -> JobState | None:
        """Wait for the next changed state.

        :param seconds: longest time to wait; None for no limit.
        :return: None if nothing has changed in that time.
        :raises LabelingError: if the job can no longer be followed.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return None
        self._news.clear()
        if self._error is not None:
            raise self._error
        return self._state


class OwnThread(NamedTuple):
    """A thread of its own, with the client of a poller."""

    executor: ThreadPoolExecutor
    poller: Poller

    async def call(self, function: Callable[[GroundTruth], T]) -> T:
        """Call a function with the client, in this thread."""
        return await self.poller.in_thread_of(self.executor, function)


class Poller:
    """Serves all watches of one connection, from its first user to its last. Use :meth:`shared` to get one."""

    _running: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Poller]]] = WeakKeyDictionary()

    def __init__(self, connection: ConnectionArguments) -> None:
        self._connection = connection
        self._users = 0
        self._executor = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="labeling-poller")
        self._watches: dict[str, list[Watch]] = {}
        self._watched: dict[str, Watched] = {}
        self._loop = asyncio.get_running_loop()
        self._client: GroundTruth | None = None
        self._client_lock = threading.Lock()
        self._sweeper: asyncio.Task[None] | None = None
        self._readers: dict[str, tuple[asyncio.Task[None], list[Watch]]] = {}

    @classmethod
    @asynccontextmanager
    async def shared(cls, connection: ConnectionArguments) -> AsyncIterator[Poller]:
        """The poller of a connection in the running event loop. Triggers with the same arguments share it."""
        pollers = cls._running.setdefault(asyncio.get_running_loop(), {})
        key = connection.connection_key
        poller = pollers.get(key) or pollers.setdefault(key, cls(connection))
        poller._users += 1
        try:
            yield poller
        finally:
            poller._users -= 1
            if not poller._users:
                del pollers[key]
                poller._end()

    def _end(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def call(self, function: Callable[[GroundTruth], T]) -> T:
        """Call a function that takes little time with the client, in a shared thread."""
        return await self.in_thread_of(self._executor, function)

    @asynccontextmanager
    async def own_thread(self) -> AsyncIterator[OwnThread]:
        """A thread for a trigger with long calls, so that the shared threads stay free."""
        executor = ThreadPoolExecutor(1, thread_name_prefix="labeling-trigger")
        try:
            yield OwnThread(executor, self)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)

    async def in_thread_of(self, executor: ThreadPoolExecutor, function: Callable[[GroundTruth], T]) -> T:
        """Call a function with the client, in a thread of an executor."""
        return await self._loop.run_in_executor(executor, lambda: function(self._ready_client()))

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await self._loop.run_in_executor(self._executor, function, *arguments)

    def _ready_client(self) -> GroundTruth:
        with self._client_lock:
            if self._client is None:
                self._client = self._connection.make_hook(ask=self._ask).ground_truth
            return self._client

    def _ask(self, question: Callable[[], T]) -> T:
        """Call a function that asks Airflow something, from a thread of this poller."""
        from asgiref.sync import sync_to_async

        # Only asgiref's threads may ask Airflow. An interrupted question breaks the triggerer of Airflow 3.2, so it
        # runs as a task of its own, which is not cancelled with a trigger.
        answer: Future[T] = asyncio.run_coroutine_threadsafe(sync_to_async(question)(), self._loop)
        return answer.result(_ANSWER_SECONDS)

    @contextmanager
    def watching(
        self, job_name: str, *, created: float | None, interval: float, outage: float, events_queue_url: str | None
    ) -> Iterator[Watch]:
        """Watch a job.

        :param created: creation time by the service's clock, in epoch seconds; None if not known.
        :param interval: seconds between polls; the shortest interval of all watches applies.
        :param outage: seconds without any answer after which to give up.
        :param events_queue_url: URL of an SQS queue of labeling job state changes, which report a job's end sooner.
        """
        watch = Watch(job_name, interval, outage)
        self._watches.setdefault(job_name, []).append(watch)
        self._watched.setdefault(job_name, Watched(created))
        if self._sweeper is None or self._sweeper.done():
            self._sweeper = asyncio.create_task(self._sweep_for_ever())
        if events_queue_url:
            self._read(events_queue_url, watch)
        try:
            yield watch
        finally:
            self._watches[job_name].remove(watch)
            if not self._watches[job_name]:
                del self._watches[job_name], self._watched[job_name]
            if events_queue_url:
                self._leave(events_queue_url, watch)

    # Sweeps

    async def _sweep_for_ever(self) -> None:
        """Sweep at every interval, with longer pauses while the service does not answer."""
        loop = asyncio.get_running_loop()
        patience = Patience(math.inf)
        lookouts: list[Lookout] = []

        def sweep(ground_truth: GroundTruth, watched: dict[str, Watched]) -> None:
            if not lookouts:
                lookouts.append(Lookout(ground_truth.sagemaker))
            for seen in lookouts[0].poll(watched):
                loop.call_soon_threadsafe(self._tell, seen)

        pause = min(_GATHERING, self._interval())
        while True:
            await asyncio.sleep(pause)
            pause = self._interval()
            watched = dict(self._watched)
            try:
                await self.call(partial(sweep, watched=watched))
            except Exception as error:  # noqa: BLE001 - Patience raises errors that a retry can't help
                pause = self._after_failure(error, patience, pause)
            else:
                patience.answered()

    def _interval(self) -> float:
        return min((watch.interval for watches in self._watches.values() for watch in watches), default=1.0)

    def _tell(self, seen: Seen) -> None:
        for name, news in seen.items():
            if isinstance(news, JobState) and name in self._watched:
                self._watched[name].saw(news)
            for watch in self._watches.get(name, ()):
                watch.tell(news)

    def _after_failure(self, error: Exception, patience: Patience, interval: float) -> float:
        """Seconds until the next sweep after a failed one. Watches that have waited too long get an error."""
        now = time.monotonic()
        all_watches = [watch for watches in self._watches.values() for watch in watches]
        try:
            pause = patience.pause(error, "Polling labeling jobs", now, interval)
        except LabelingError as final_error:
            for watch in all_watches:
                watch.tell(final_error)
            return interval
        log.warning("No answer about labeling jobs, trying again in %.0f s: %s", pause, error)
        for watch in all_watches:
            if (silence := watch.silence(patience.silence(now))) >= watch.outage:
                watch.tell(LabelingError(no_answer(f"Waiting for {watch.job_name}", silence, error)))
        return pause

    # Events

    def _read(self, url: str, watch: Watch) -> None:
        if url not in self._readers:
            self._readers[url] = (asyncio.create_task(self._read_for_ever(url)), [])
        self._readers[url][1].append(watch)

    def _leave(self, url: str, watch: Watch) -> None:
        reader, watches = self._readers[url]
        watches.remove(watch)
        if not watches:
            del self._readers[url]
            reader.cancel()

    async def _read_for_ever(self, url: str) -> None:
        """Describe a job as soon as the queue reports its end. If the queue fails, the next sweep notices the end."""
        queue: JobEvents | None = None
        while True:
            try:
                if queue is None:
                    queue = JobEvents(await self.call(lambda ground_truth: ground_truth.client("sqs")), url)
                for notice in await self._in_thread(queue.receive, _QUEUE_PAUSE):
                    names = [name for name in self._watched if name.lower() in notice.jobs]
                    seen = {name: await self.call(partial(_describe, name=name)) for name in names}
                    # Settle first: telling the last watch cancels this reader. A sweep makes up for a lost message.
                    await self._in_thread(queue.settle, notice, bool(names))
                    self._tell(seen)
            except Exception as error:  # noqa: BLE001 - the queue is optional, sweeps continue
                log.warning("No answer from %s, trying again in %.0f s: %s", url, _QUEUE_PAUSE, error)
                await asyncio.sleep(_QUEUE_PAUSE)


def _describe(ground_truth: GroundTruth, name: str) -> JobState | LabelingError:
    return Lookout(ground_truth.sagemaker).describe(name)
