"""Traces, for whoever has installed ``starling[otel]`` and set OTEL_EXPORTER_OTLP_ENDPOINT; to all others this does
nothing. One trace follows a request through its commands and events: envelopes carry its ``traceparent`` (W3C).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from shared.errors import ConfigurationError
from shared.messages import Envelope
from shared.release import our_version
from shared.streams import Unit

Kind = Literal["SERVER", "CONSUMER"]

_SEND_S = 2.0


@dataclass(slots=True)
class _Means:
    """The library, as far as we use it; None until ``start`` has loaded it."""

    provider: Any = None
    tracer: Any = None
    trace: Any = None
    propagator: Any = None


_means = _Means()


class Span:
    """One unit of work in a trace. Without tracing it notes nothing, and passes on the ``traceparent`` it was given."""

    def __init__(self, real: Any, traceparent: str | None) -> None:
        self._real = real
        self.traceparent = traceparent

    def note(self, name: str, value: str | int) -> None:
        """Add what became known on the way."""
        if self._real is not None:
            self._real.set_attribute(name, value)


def start(service: str) -> None:
    """Trace from now on, if the environment asks for it. Raises ``ConfigurationError`` without the libraries."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        raise ConfigurationError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set; traces need: pip install 'starling[otel]'"
        ) from None
    resource = Resource.create({"service.name": f"starling-{service}", "service.version": our_version()})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    # It sends from a thread of its own; a collector that is away must not keep the service from ending.
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=_SEND_S)))
    _means.provider, _means.trace = provider, trace
    _means.tracer, _means.propagator = provider.get_tracer("starling"), TraceContextTextMapPropagator()


def stop() -> None:
    """Send what was not sent yet, and trace no more."""
    if _means.provider is not None:
        _means.provider.shutdown()
        _means.provider = _means.tracer = None


@contextmanager
def span(name: str, kind: Kind, parent: str | None, **attributes: str) -> Iterator[Span]:
    """A span under ``parent`` while the body runs; ``carried`` finds it there."""
    if _means.tracer is None:
        yield Span(None, parent)
        return
    real_kind = getattr(_means.trace.SpanKind, kind)
    with _means.tracer.start_as_current_span(
        name, context=_context(parent), kind=real_kind, attributes=attributes
    ) as real:
        yield Span(real, _current())


def record(name: str, parent: str, started_ns: int) -> None:
    """A span that began at ``started_ns`` (Unix time) and ends now, of work that is done in batches."""
    if _means.tracer is not None:
        _means.tracer.start_span(name, context=_context(parent), start_time=started_ns).end()


def carried(unit: Unit) -> Unit:
    """``unit``, with the span in which we are as the trace of everything in it."""
    current = _current() if _means.tracer is not None else None
    if current is None:
        return unit
    return replace(
        unit,
        events=[under(event, current) for event in unit.events],
        commands=[replace(send, command=under(send.command, current)) for send in unit.commands],
    )


def under(envelope: Envelope[Any], traceparent: str | None) -> Envelope[Any]:
    """The same envelope in that trace."""
    return envelope if envelope.traceparent == traceparent else replace(envelope, traceparent=traceparent)


def _context(parent: str | None) -> Any:
    """What is not a traceparent begins a trace of its own."""
    return _means.propagator.extract({"traceparent": parent} if parent else {})


def _current() -> str | None:
    carrier: dict[str, str] = {}
    _means.propagator.inject(carrier)
    return carrier.get("traceparent")
