"""
Reports of errors to Sentry, where SENTRY_DSN says so: what broke, and where, and no word of anybody.

A report is made from nothing rather than cleaned: the classes of an exception and its causes, their frames by
file, line and function, the name of our own event, the ids of request and trace. Sentry's SDK sees neither
the exception nor the request, hooks into nothing, and only sends, from a thread of its own with a bounded
queue.

    log line of ERROR ─► Reporting ─► report_of ─► client ─► Sentry
"""

import logging
import time
import traceback
from collections import deque
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from django.conf import settings

from gateway.logs import request_id, trace_id

logger = logging.getLogger("gateway.reporting")

# Of these, the event's name is a constant of ours; what others log may hold anything.
OURS = ("gateway", "accounts", "prompts", "inference", "sanitization")
NEVER = ("sentry_sdk", "urllib3")  # what sending logs
LOGGERS = ("", "gunicorn.error")  # the second one hands nothing on to the first
FRAMES, CAUSES = 30, 8
A_MINUTE = 60  # reports at most: the log has them all
FLUSH_SECONDS = 2.0

_handler: "Reporting | None" = None


class Reporting(logging.Handler):
    """Reports what is logged as an error."""

    def __init__(self, client: Any) -> None:
        super().__init__(logging.ERROR)
        self.client = client
        self._lately: deque[float] = deque(maxlen=A_MINUTE)

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(NEVER) or not self._has_room():
            return
        with suppress(Exception):  # a line is logged, reported or not
            self.client.capture_event(report_of(record))

    def _has_room(self) -> bool:
        now = time.monotonic()
        if len(self._lately) == A_MINUTE and now - self._lately[0] < 60:
            return False
        self._lately.append(now)
        return True


def report_of(record: logging.LogRecord) -> dict[str, Any]:
    """All that is said of it."""
    ids = {"request_id": request_id.get(), "trace_id": trace_id.get()}
    report: dict[str, Any] = {
        "level": "fatal" if record.levelno >= logging.CRITICAL else "error",
        "logger": record.name,
        "tags": {name: value for name, value in ids.items() if value},
    }
    if record.name.split(".")[0] in OURS:
        report["logentry"] = {"message": str(record.msg)}  # as it stands in our code, without its arguments
    if record.exc_info and (error := record.exc_info[1]) is not None:
        report["exception"] = {"values": [*reversed([described(one) for one in chain(error)])]}
    return report


def chain(error: BaseException) -> list[BaseException]:
    """The exception and its causes, outermost first."""
    found, seen = [error], error
    while len(found) < CAUSES:
        cause = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
        if cause is None or cause in found:
            break
        found.append(cause)
        seen = cause
    return found


def described(error: BaseException) -> dict[str, Any]:
    """Class and frames. Neither message nor values: they quote what they choked on."""
    kind = type(error)
    return {
        "type": kind.__qualname__,
        "module": kind.__module__,
        "stacktrace": {"frames": frames(error.__traceback__)},
    }


def frames(trace: TracebackType | None) -> list[dict[str, Any]]:
    """The newest FRAMES, outermost first."""
    # Not `extract_tb`: that reads the source, which may be a text that was compiled.
    walked = [(frame.f_code, line) for frame, line in traceback.walk_tb(trace)][-FRAMES:]
    return [
        {
            "filename": shown(code.co_filename),
            "function": code.co_name,
            "lineno": line,
            "in_app": "site-packages" not in code.co_filename,
        }
        for code, line in walked
    ]


def shown(path: str) -> str:
    """A file below the checkout or the environment, without what is above."""
    _, found, below = path.rpartition("site-packages/")
    return below if found else path.removeprefix(f"{settings.BASE_DIR}/") if Path(path).is_absolute() else "?"


# -- a server's life --


def is_wanted() -> bool:
    return bool(settings.SENTRY_DSN)


def is_installed() -> bool:
    """Whether requirements-telemetry.txt is."""
    try:
        return find_spec("sentry_sdk") is not None
    except ModuleNotFoundError:
        return False


def open_reports(**more: Any) -> None:
    """Where a server begins, after it was forked. Raises ValueError for a DSN that is none."""
    global _handler
    if not is_wanted():
        return
    if not is_installed():
        logger.error("errors are not reported: requirements-telemetry.txt is not installed")
        return
    _handler = Reporting(client(**more))
    for name in LOGGERS:
        logging.getLogger(name).addHandler(_handler)


def client(**more: Any) -> Any:
    """Sentry's client for us: nothing of it looks at anything by itself."""
    import sentry_sdk

    return sentry_sdk.Client(
        dsn=settings.SENTRY_DSN,
        environment=settings.SENTRY_ENVIRONMENT or None,
        default_integrations=False,
        auto_enabling_integrations=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        include_local_variables=False,
        include_source_context=False,
        attach_stacktrace=False,
        auto_session_tracking=False,
        enable_logs=False,
        enable_metrics=False,
        propagate_traces=False,
        spotlight=False,
        shutdown_timeout=FLUSH_SECONDS,
        **more,
    )


def close_reports() -> None:
    """Sends what is left, for a moment at most."""
    global _handler
    if _handler is None:
        return
    for name in LOGGERS:
        logging.getLogger(name).removeHandler(_handler)
    _handler.client.close(timeout=FLUSH_SECONDS)
    _handler = None
