"""What a process of the service counts about itself, as metrics for Prometheus."""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

REGISTRY: Final = CollectorRegistry()
ROUTE: Final[ContextVar[str]] = ContextVar("route", default="none")
"""The route of the present request: one of a fixed set, never a name that a caller has chosen."""

ANSWERS: Final = Counter(
    "labeling_answers", "Answers that this process has accepted from workers.", ["workers"], registry=REGISTRY
)
REQUESTS: Final = Histogram(
    "labeling_request_seconds",
    "How long requests took, from their head to the end of the response.",
    ["route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)


@cache
def request_times(route: str, status: str) -> Histogram:
    """The histogram for a kind of request. There are few kinds, so each is looked up once."""
    return REQUESTS.labels(route, status)


STEPS: Final = Histogram(
    "labeling_step_seconds",
    "How long steps of labeling jobs took.",
    buckets=(0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300),
    registry=REGISTRY,
)
FAILED_STEPS: Final = Counter("labeling_failed_steps", "Steps of labeling jobs that failed.", registry=REGISTRY)
CLOCK_DIFFERENCE: Final = Gauge(
    "labeling_clock_difference_seconds",
    "How far this machine's clock is ahead of the shared database's; negative if it is behind.",
    registry=REGISTRY,
)
OBJECT_STORE_UP: Final = Gauge(
    "labeling_object_store_up",
    "Whether the object store answered this process's last check: 1 or 0.",
    registry=REGISTRY,
)

# Memory, processor time and open files of the process.
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
