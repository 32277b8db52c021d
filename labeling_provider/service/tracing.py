"""Traces of requests and of the steps of labeling jobs.

They are sent where OpenTelemetry's environment variables say, and cost nothing without these.
Source: OpenTelemetry specification, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from labeling_provider.service.failures import StartError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_CARRIED: Final = (b"traceparent", b"tracestate")

_NOT_TRACED: Final = nullcontext()
_tracer: Tracer | None = None


def set_up_tracing(environment: Mapping[str, str] = os.environ) -> None:
    """Send traces from now on, if the environment asks for them.

    :raises StartError: if it asks for something that does not exist.
    """
    exporter = _exporter(environment)
    if exporter is None:
        return
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    global _tracer
    named = "OTEL_SERVICE_NAME" in environment or f"{SERVICE_NAME}=" in environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    provider = TracerProvider(resource=Resource.create({} if named else {SERVICE_NAME: "labeling"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("labeling_provider")


def _exporter(environment: Mapping[str, str]) -> SpanExporter | None:
    wanted = environment.get("OTEL_TRACES_EXPORTER", "").strip() or (
        "otlp" if any(environment.get(name) for name in _ENDPOINTS) else "none"
    )
    if wanted == "none" or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if wanted != "otlp":
        raise StartError(f"OTEL_TRACES_EXPORTER is {wanted!r}; this service has otlp and none")
    protocol = next((environment[name] for name in _PROTOCOLS if environment.get(name)), "http/protobuf")
    if protocol == "http/protobuf":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter()
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter

        return trace_exporter.OTLPSpanExporter()
    raise StartError(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; this service has http/protobuf and grpc")


def traced(
    name: str, headers: Iterable[tuple[bytes, bytes]] | None = None, **attributes: str
) -> AbstractContextManager[Span | None]:
    """Trace the block; what it starts belongs to it.

    :param headers: the headers of the request that the block answers, which may name a trace.
    :param attributes: what the block is about; ``__`` in a name is a dot.
    :return: the span; None if nothing is traced.
    """
    return _NOT_TRACED if _tracer is None else _traced(_tracer, name, headers, attributes)


@contextmanager
def _traced(
    tracer: Tracer, name: str, headers: Iterable[tuple[bytes, bytes]] | None, attributes: Mapping[str, str]
) -> Iterator[Span]:
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carried = [(key, value) for key, value in headers or () if key in _CARRIED]
    carrier = {key.decode(): value.decode("latin-1") for key, value in carried}
    context = TraceContextTextMapPropagator().extract(carrier) if carrier else None
    kind = SpanKind.INTERNAL if headers is None else SpanKind.SERVER
    given: dict[str, Any] = {name.replace("__", "."): value for name, value in attributes.items()}
    with tracer.start_as_current_span(name, context, kind, given) as started:
        yield started


def trace_id() -> str | None:
    """The id of the trace that the present block is part of; None if nothing is traced."""
    if _tracer is None:
        return None
    from opentelemetry.trace import format_trace_id, get_current_span

    context = get_current_span().get_span_context()
    return format_trace_id(context.trace_id) if context.is_valid else None
