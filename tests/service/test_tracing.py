"""Traces, as a collector gets them."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from dev.stack import Service, wait_until
from labeling_provider.service.failures import StartError
from labeling_provider.service.tracing import set_up_tracing, trace_id, traced
from tests.conftest import Lab, texts
from tests.service.web.wire import ask

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector:
    """Takes what OpenTelemetry's exporter sends."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request: Any) -> None:
        for resource in request.resource_spans:
            self.services |= {
                attribute.value.string_value
                for attribute in resource.resource.attributes
                if attribute.key == "service.name"
            }
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()


def attributes(span: Any) -> dict[str, str]:
    return {attribute.key: attribute.value.string_value for attribute in span.attributes}


def test_requests_and_steps_are_traced_where_the_environment_says(collector: Collector, tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{collector.server.server_port}"
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    service = Service(tmp_path, "--log-format", "json", env=variables)
    try:
        lab = Lab(service)
        name = lab.create(texts(2))
        lab.wait(name)
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        _, _, answered = ask(service, "GET", "/healthz", headers)
        wait_until(lambda: collector.named("monitoring"), 20, "the request is told")
        wait_until(lambda: collector.named("step"), 20, "the steps are told")
    finally:
        service.stop()
    (asked,) = collector.named("monitoring")
    assert (asked.trace_id.hex(), asked.parent_span_id.hex()) == (TRACE, PARENT)
    assert attributes(asked)["labeling.request_id"] == answered["x-amzn-requestid"]
    (created,) = collector.named("sagemaker CreateLabelingJob")
    assert attributes(created)["labeling.status"] == "2xx"
    assert {attributes(step)["labeling.job"] for step in collector.named("step")} == {name}
    assert collector.services == {"labeling"}


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER is 'zipkin'; this service has otlp and none"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json'; this service has http/protobuf and grpc",
        ),
    ],
)
def test_what_there_is_not_is_said_at_the_start(environment: dict[str, str], words: str) -> None:
    with pytest.raises(StartError, match=words):
        set_up_tracing(environment)


@pytest.mark.parametrize(
    "environment",
    [{}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:1"}],
)
def test_nothing_is_traced_unless_asked_for(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeling_provider.service.tracing._tracer", None)
    set_up_tracing(environment)
    with traced("anything") as span:
        assert span is None
    assert trace_id() is None
