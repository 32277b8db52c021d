"""What a process counts about itself is in one registry."""

from __future__ import annotations

import threading

from labeling_provider.service.measures import REGISTRY, ROUTE, request_times


def test_requests_are_counted_by_route_and_status() -> None:
    labels = {"route": "test of measures", "status": "200"}
    for seconds in (0.004, 0.2):
        request_times(**labels).observe(seconds)
    request_times("test of measures", "404").observe(7)
    name = "labeling_request_seconds"
    assert REGISTRY.get_sample_value(f"{name}_count", labels) == 2
    assert REGISTRY.get_sample_value(f"{name}_bucket", {**labels, "le": "0.005"}) == 1


def test_the_process_itself_is_measured() -> None:
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"):
        assert (REGISTRY.get_sample_value(name) or 0) > 0, name


def test_a_route_is_of_its_request_only() -> None:
    routes: list[str] = []
    token = ROUTE.set("s3")
    other = threading.Thread(target=lambda: routes.append(ROUTE.get()))
    other.start()
    other.join()
    ROUTE.reset(token)
    assert routes == [ROUTE.get()] == ["none"]
