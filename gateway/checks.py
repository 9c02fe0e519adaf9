"""
What would otherwise fail on somebody's first request, told before the server starts.

    gateway.E001   several workers would each load the local model
    gateway.E002   several workers would each count limits by themselves
    gateway.E003   RETAIN_OUTCOMES_DAYS names an outcome that does not exist
    gateway.E004   traces are wanted, and OpenTelemetry is not installed
    gateway.E005   reports of errors are wanted, and Sentry's SDK is not installed
    gateway.W001   DEBUG is on behind a public HTTPS address
"""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from gateway import env, reporting
from gateway.tracing import switch as tracing
from inference import fleet
from prompts.retention import ENDED

INSTALL = (
    "Install requirements-telemetry.txt (REQUIREMENTS=requirements-telemetry.txt for scripts/run and for "
    "building the image), or unset it."
)


@register(Tags.compatibility)
def one_local_model(**kwargs: Any) -> list[CheckMessage]:
    if env.read("WEB_WORKERS") == 1 or not fleet.uses_local():
        return []
    return [
        Error(
            "WEB_WORKERS is more than 1, and each worker would load the local model.",
            hint="Set WEB_WORKERS=1: one asynchronous worker carries hundreds of requests a second. Or run "
            "the model as a service of its own (manage.py serve_engine) and name it in BACKENDS_FILE.",
            id="gateway.E001",
        )
    ]


@register(Tags.compatibility)
def one_count_of_limits(**kwargs: Any) -> list[CheckMessage]:
    """Limits may be set at any time, so it does not matter whether there are any now."""
    if env.read("WEB_WORKERS") == 1 or settings.REDIS_URL:
        return []
    return [
        Error(
            "WEB_WORKERS is more than 1, and each worker would count limits by itself.",
            hint="Set REDIS_URL: there the workers count together.",
            id="gateway.E002",
        )
    ]


@register(Tags.compatibility)
def outcomes_that_exist(**kwargs: Any) -> list[CheckMessage]:
    known = [outcome.value for outcome in ENDED]
    unknown = [name for name in settings.RETAIN_OUTCOMES_DAYS if name not in known]
    if not unknown:
        return []
    return [
        Error(
            f"RETAIN_OUTCOMES_DAYS names what is no outcome: {', '.join(unknown)}.",
            hint=f"Outcomes are {', '.join(known)}.",
            id="gateway.E003",
        )
    ]


@register(Tags.compatibility)
def traces_that_can_be_made(**kwargs: Any) -> list[CheckMessage]:
    if not tracing.is_wanted() or tracing.is_installed():
        return []
    return [
        Error(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and OpenTelemetry is not installed.",
            hint=INSTALL,
            id="gateway.E004",
        )
    ]


@register(Tags.compatibility)
def reports_that_can_be_made(**kwargs: Any) -> list[CheckMessage]:
    if not reporting.is_wanted() or reporting.is_installed():
        return []
    return [
        Error("SENTRY_DSN is set, and Sentry's SDK is not installed.", hint=INSTALL, id="gateway.E005"),
    ]


@register(Tags.security, deploy=True)
def no_debug_in_public(**kwargs: Any) -> list[CheckMessage]:
    if not (settings.DEBUG and settings.HTTPS):
        return []
    return [
        Warning("DEBUG is on behind a public address.", hint="Unset DEBUG.", id="gateway.W001"),
    ]
