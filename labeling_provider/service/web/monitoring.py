"""Health checks and metrics: is the process alive, can it work, and what does it do?

``/healthz`` and ``/readyz`` reveal no secrets, and answer everybody. ``/metrics`` is for holders of the service's keys
or of the token in ``LABELING_LOCAL_METRICS_TOKEN``. A signed request for one of them means the bucket of that name.
"""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Callable, Iterator
from typing import Final

from anyio import CapacityLimiter, fail_after, move_on_after, to_thread
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import JSONResponse, PlainTextResponse, Response

from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.objects_watch import ObjectsWatch
from labeling_provider.service.database import delivery_rows, load, queue_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import DatabaseError
from labeling_provider.service.database.states import TaskState
from labeling_provider.service.measures import REGISTRY
from labeling_provider.service.web.requests import HEALTH_PATH, READINESS_PATH

log = logging.getLogger(__name__)

MAX_CHECK_SECONDS: Final = 5
_MAX_METRICS_SECONDS: Final = 8
"""Prometheus waits for ten by default."""
_MAX_CHECKS: Final = 4
_MAX_COUNTED: Final = 10_000
"""How many messages for HTTP endpoints are counted."""


class Monitoring:
    """Answers for the three paths.

    :param objects: whether the object store answers.
    :param token: the token that may read the metrics besides the service's own keys; None for none.
    """

    def __init__(self, database: Database, objects: ObjectsWatch, clock: Clock, token: str | None) -> None:
        self._database, self._objects, self._clock, self._token = database, objects, clock, token
        self._lifetimes: dict[int, float] = {}
        self._checking: CapacityLimiter | None = None

    @classmethod
    def from_environment(cls, database: Database, objects: ObjectsWatch, clock: Clock) -> Monitoring:
        """With the token in ``LABELING_LOCAL_METRICS_TOKEN``, if there is one."""
        return cls(database, objects, clock, os.environ.get("LABELING_LOCAL_METRICS_TOKEN") or None)

    def has_token(self, authorization: str) -> bool:
        """Whether an Authorization header carries the token for the metrics."""
        if self._token is None:
            return False
        return hmac.compare_digest(authorization.encode(), b"Bearer " + self._token.encode())

    async def answer(self, path: str) -> Response:
        """The answer for one of the paths."""
        if path == HEALTH_PATH:
            return PlainTextResponse("ok")
        if path == READINESS_PATH:
            return await self._readiness()
        return Response(await self._metrics(), headers={"content-type": CONTENT_TYPE_LATEST})

    @property
    def _limiter(self) -> CapacityLimiter:
        # Hanging checks must not take the threads of others. A limiter belongs to an event loop.
        self._checking = self._checking or CapacityLimiter(_MAX_CHECKS)
        return self._checking

    async def _readiness(self) -> Response:
        """Whether this process can answer: 200 if so, else 503; failures are in the log.

        It can as long as the database responds: without the object store, people sign in, submit and stop jobs. But
        until the store has answered once, this process may have wrong settings, and can show no task.
        """
        if not self._objects.has_looked:
            with move_on_after(MAX_CHECK_SECONDS):
                await to_thread.run_sync(
                    self._objects.wait, MAX_CHECK_SECONDS, limiter=self._limiter, abandon_on_cancel=True
                )
        responds = await self._database_responds()
        words = {"database": "ok" if responds else "does not respond", "objects": self._objects.trouble or "ok"}
        return JSONResponse(words, 200 if responds and self._objects.has_answered else 503)

    async def _database_responds(self) -> bool:
        try:
            with fail_after(MAX_CHECK_SECONDS):
                await to_thread.run_sync(self._ask_database, limiter=self._limiter, abandon_on_cancel=True)
        except TimeoutError:
            log.warning("not ready: the database does not respond within %d seconds", MAX_CHECK_SECONDS)
            return False
        except (DatabaseError, OSError) as error:
            log.warning("not ready: the database does not respond: %s", error)
            return False
        return True

    def _ask_database(self) -> None:
        with self._database.read() as connection:
            load.check(connection)

    async def _metrics(self) -> bytes:
        """What this process has counted, then what the database says about all processes, if it responds."""
        of_all, responds = b"", False
        try:
            with fail_after(_MAX_METRICS_SECONDS):
                of_all = await to_thread.run_sync(self._of_all, limiter=self._limiter, abandon_on_cancel=True)
            responds = True
        except TimeoutError:
            log.warning("metrics: the database does not respond within %d seconds", _MAX_METRICS_SECONDS)
        except (DatabaseError, OSError) as error:
            log.warning("metrics: the database does not respond: %s", error)
        up = GaugeMetricFamily("labeling_database_up", "1 if the database responds to this process.", value=responds)
        own = CollectorRegistry()
        own.register(_Load(lambda: iter([up])))
        return generate_latest(REGISTRY) + generate_latest(own) + of_all

    def _of_all(self) -> bytes:
        """What the database says about all processes."""
        of_all = CollectorRegistry()
        of_all.register(_Load(self._loads))
        return generate_latest(of_all)

    def _loads(self) -> Iterator[Metric]:
        now = self._clock.now()
        with self._database.read() as connection:
            jobs = load.jobs_by_status(connection)
            leased, overdue = load.leased_jobs(connection, now), load.overdue(connection, now)
            undecided = load.undecided_tasks(connection)
            depths = queue_rows.depths(connection, int(now * 1000))
            deliveries = delivery_rows.waiting(connection, _MAX_COUNTED)
            oldest_delivery = delivery_rows.oldest(connection, now)
            new = {load.job_id for load in undecided} - self._lifetimes.keys()
            self._lifetimes = {
                **{load.job_id: self._lifetimes[load.job_id] for load in undecided if load.job_id not in new},
                **load.lifetimes(connection, new),
            }
        by_status = GaugeMetricFamily("labeling_jobs", "Labeling jobs, of all processes.", labels=["status"])
        for status, count in sorted(jobs.items()):
            by_status.add_metric([status], count)
        yield by_status
        by_state = GaugeMetricFamily("labeling_tasks", "Tasks of running jobs, of all processes.", labels=["state"])
        oldest = GaugeMetricFamily(
            "labeling_oldest_task_seconds", "How long ago the oldest of them was offered.", labels=["state"]
        )
        for state in (TaskState.OPEN, TaskState.ACCEPTED):
            own = [load for load in undecided if load.state == state]
            offered = [load.first_expires - self._clock.real(self._lifetimes[load.job_id]) for load in own]
            by_state.add_metric([state], sum(load.number for load in own))
            oldest.add_metric([state], max((now - at for at in offered), default=0))
        yield by_state
        yield oldest
        for name, description, value in (
            ("labeling_leased_jobs", "Jobs that some process works on at the moment.", leased),
            (
                "labeling_overdue_seconds",
                "How long the job has been due that nobody works on.",
                overdue,
            ),
            ("labeling_waiting_deliveries", "Messages that HTTP endpoints have not accepted yet.", deliveries),
            ("labeling_oldest_delivery_seconds", "How long ago the oldest of them was published.", oldest_delivery),
        ):
            yield GaugeMetricFamily(name, description, value=value)
        queued = GaugeMetricFamily("labeling_queued_messages", "Messages in all queues.", labels=["state"])
        for of_messages, depth in depths.items():
            queued.add_metric([of_messages], depth)
        yield queued


class _Load(Collector):
    """Metrics that are computed when they are read."""

    def __init__(self, make: Callable[[], Iterator[Metric]]) -> None:
        self._make = make

    def collect(self) -> Iterator[Metric]:
        """The metrics."""
        return self._make()

    def describe(self) -> Iterator[Metric]:
        """Nothing, so that registering does not query the database."""
        return iter(())
