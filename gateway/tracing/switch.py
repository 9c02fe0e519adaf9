"""
Traces on or off, for this process. Off, nothing of OpenTelemetry is imported, and nothing is put around
anything.
"""

import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from gateway.tracing.export import Exporting
    from gateway.tracing.serving import Application, Believes
    from gateway.tracing.spans import Tracer
    from inference.backends import Backend

logger = logging.getLogger("gateway.tracing")

NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_exporting: "Exporting | None" = None


def is_wanted() -> bool:
    return bool(settings.OTEL_EXPORTER_OTLP_ENDPOINT)


def is_installed() -> bool:
    """Whether requirements-telemetry.txt is."""
    try:
        return all(find_spec(name) is not None for name in NEEDED)
    except ModuleNotFoundError:
        return False


def tracer() -> "Tracer | None":
    """None while traces are off."""
    return None if _exporting is None else _exporting.tracer


def open_traces(service: str) -> None:
    """Where a server begins, after it was forked and before its house is built. `service` is what it is,
    where OTEL_SERVICE_NAME does not say."""
    if not is_wanted():
        return
    if not is_installed():
        logger.error("traces are off: requirements-telemetry.txt is not installed")
        return
    from gateway.tracing.export import Exporting, to_collector

    exporter = to_collector(settings.OTEL_EXPORTER_OTLP_ENDPOINT, settings.OTEL_EXPORTER_OTLP_HEADERS)
    use(Exporting(exporter, service=settings.OTEL_SERVICE_NAME or service))


def use(exporting: "Exporting | None") -> None:
    """Has everything seen by this one from now on; None by nobody."""
    global _exporting
    _exporting = exporting
    from accounts.authentication import aidentify
    from inference import fleet
    from inference.routing.router import unseen
    from prompts import askers, composition

    if exporting is None:
        askers.identify, composition.around = aidentify, None
        if settings.BACKENDS_FILE:
            fleet.router().attempt = unseen
        return
    from gateway.tracing.answering import Attempts
    from gateway.tracing.house import staged, traced

    tracer, provider = exporting.tracer, "" if settings.BACKENDS_FILE else "local"
    askers.identify = staged(aidentify, tracer, "authenticate")
    composition.around = lambda house: traced(house, tracer, provider=provider)
    if settings.BACKENDS_FILE:
        fleet.router().attempt = Attempts(tracer)


def close_traces() -> None:
    """Sends what is left, for a moment at most."""
    if _exporting is not None:
        _exporting.close()
        use(None)


def seen(application: "Application", believes: "Believes | None" = None) -> "Application":
    """The same, watched where traces are on. A `traceparent` counts from TRUSTED_PROXIES, or from whom
    `believes` says."""
    if _exporting is None:
        return application
    from gateway.tracing.serving import Traced, comes_from

    believes = believes or comes_from(settings.TRUSTED_PROXIES)
    return Traced(application, _exporting.tracer, believes=believes)


def seen_backend(backend: "Backend[str]") -> "Backend[str]":
    """The local models, watched where traces are on."""
    if _exporting is None:
        return backend
    from gateway.tracing.answering import SeenBackend

    return SeenBackend(backend, _exporting.tracer, provider="local")


def name_route(method: str, pattern: str | None) -> None:
    """Which route of ours the request took, that this task answers."""
    if _exporting is not None:
        from gateway.tracing.serving import name_route

        name_route(method, pattern)
