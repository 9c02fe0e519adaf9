"""
Where spans go: over OTLP/HTTP to OTEL_EXPORTER_OTLP_ENDPOINT, from one thread, in batches.

What cannot be sent is dropped, and counted: the queue is bounded, an ended span costs whoever ended it little
more than an `append`, and no prompt waits for a collector. One that is away is told in the log once a minute,
without a word of its own.

OpenTelemetry's SDK reads the other variables of its standard by itself: OTEL_TRACES_SAMPLER, OTEL_BSP_...,
OTEL_EXPORTER_OTLP_TIMEOUT.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from gateway.metrics.instruments import SPANS
from gateway.tracing.spans import Tracer

logger = logging.getLogger("gateway.tracing")

TELL_SECONDS = 60.0
LONGEST = 256  # characters of an attribute: names are shorter


class Told(SpanExporter):
    """Another exporter, counted. It never raises."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._told_at = float("-inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001  (its thread must live on)
            result = SpanExportResult.FAILURE
        is_sent = result is SpanExportResult.SUCCESS
        SPANS.labels("sent" if is_sent else "dropped").inc(len(spans))
        if not is_sent and time.monotonic() - self._told_at > TELL_SECONDS:
            self._told_at = time.monotonic()
            logger.warning("traces not sent", extra={"spans": len(spans)})
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class Counted(BatchSpanProcessor):
    """Counts what its queue has no room for."""

    def on_end(self, span: ReadableSpan) -> None:
        queue = self._batch_processor._queue
        if len(queue) == queue.maxlen and span.context and span.context.trace_flags.sampled:
            SPANS.labels("dropped").inc()  # the oldest leaves
        super().on_end(span)


class Exporting:
    """Makes spans and sends them, from `__init__` to `close`. One for a process, made after it was forked."""

    def __init__(self, exporter: SpanExporter, *, service: str) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service}),
            span_limits=SpanLimits(max_span_attribute_length=LONGEST),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(Counted(Told(exporter)))
        self.tracer = Tracer(self._provider.get_tracer("llm-gateway"))

    def close(self, timeout_seconds: float = 2.0) -> None:
        """Sends what is left, if that is quick: a collector that hangs holds up nobody's end."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(timeout_seconds)


def to_collector(endpoint: str, headers: Mapping[str, str]) -> SpanExporter:
    """An exporter to this base address. No proxy and no credential is taken from the environment, no redirect
    followed, and of an answer no more read than its status: it may be of any length."""
    session = requests.Session()
    session.trust_env = False
    session.stream = True
    return OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", headers=dict(headers), session=session)
