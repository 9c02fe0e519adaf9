"""
Spans, by OpenTelemetry's interface, and everywhere without what an exception says: its class is enough.

A span's parent is the one that the request's task is in (`serving` enters it), unless a `traceparent` names
another. Spans of stages are entered by nobody: answers come through generators, which other tasks may close.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.tracing.facts import ERROR, Facts, Name, fault_of

Kind = Literal["server", "client", "internal"]
# What the way of a prompt is made of, as traces show it.
StageName = Literal[
    "authenticate",
    "limits",
    "policy",
    "sanitize prompt",
    "journal accept",
    "cache look-up",
    "reply look-up",
    "sanitize answer",
    "journal finish",
]
EventName = Literal["taken from the queue", "first token"]
KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}

_w3c = TraceContextTextMapPropagator()


def parent_of(traceparent: str) -> Context | None:
    """The span that a `traceparent` names (W3C Trace Context). None where it names none; then the parent is
    the one that this task is in. A `tracestate` is taken from nobody: it may hold any text."""
    if not traceparent:
        return None
    found = _w3c.extract({"traceparent": traceparent}, context=Context())
    return found if trace.get_current_span(found).get_span_context().is_valid else None


class Seen:
    """A span that has begun."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._began_ns = time.time_ns()

    @property
    def trace_id(self) -> str:
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    @property
    def traceparent(self) -> str:
        """What makes another process's span a child of this one."""
        own = self._span.get_span_context()
        ids = f"{trace.format_trace_id(own.trace_id)}-{trace.format_span_id(own.span_id)}"
        return f"00-{ids}-{int(own.trace_flags) & 1:02x}"

    def say(self, facts: Facts) -> None:
        for name, fact in facts.items():
            self._span.set_attribute(name, fact)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, event: EventName, *, after_ms: float | None = None) -> None:
        """It happens now, or happened so long after the beginning."""
        at = None if after_ms is None else self._began_ns + int(after_ms * 1e6)
        self._span.add_event(event, timestamp=at)

    def fail(self, what: Name) -> None:
        self._span.set_status(StatusCode.ERROR)
        self._span.set_attribute(ERROR, what)

    def end_by(self, error: BaseException | None) -> None:
        """Ends it. Who leaves, or has heard enough, makes no error."""
        if isinstance(error, Exception):
            self.fail(fault_of(error))
        elif error is not None:
            self._span.set_attribute("gateway.closed_early", True)
        self._span.end()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Within the block, and in the tasks and threads that begin there, it is the parent."""
        token = context.attach(trace.set_span_in_context(self._span))
        try:
            yield
        finally:
            context.detach(token)


class Tracer:
    """Begins spans."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def begin(
        self, name: str, facts: Facts | None = None, *, kind: Kind = "internal", traceparent: str = ""
    ) -> Seen:
        """`name` is one of ours, or has a model's name in it."""
        span = self._tracer.start_span(name, parent_of(traceparent), KINDS[kind])
        seen = Seen(span)
        seen.say(facts or {})
        return seen

    @contextmanager
    def during(
        self, name: str, facts: Facts | None = None, *, kind: Kind = "internal", traceparent: str = ""
    ) -> Iterator[Seen]:
        """A span that lasts as long as the block, and knows the class of the error that ended it."""
        seen = self.begin(name, facts, kind=kind, traceparent=traceparent)
        try:
            yield seen
        except BaseException as error:
            seen.end_by(error)
            raise
        seen.end_by(None)

    @contextmanager
    def stage(self, name: StageName) -> Iterator[None]:
        with self.during(name):
            yield

    def past(self, name: StageName, *, lasted_ms: float, facts: Facts | None = None) -> None:
        """A stage that ends now."""
        now = time.time_ns()
        span = self._tracer.start_span(name, start_time=now - int(lasted_ms * 1e6))
        Seen(span).say(facts or {})
        span.end(now)

    @staticmethod
    def here() -> Seen:
        """The span that this task is in."""
        return Seen(trace.get_current_span())
