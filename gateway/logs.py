"""
Log lines as JSON on standard error: UTC time, level, event, request id, and named fields.

Knows no text: an exception is logged by its type and its frames, never by its message, because messages
quote what they choke on (`UnicodeDecodeError` carries the bytes, an integrity error the e-mail).
"""

import json
import logging
import logging.config
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)  # where there are traces

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_NOISE = frozenset({"request", "status_code", "server_time"})  # what Django and its server add


# Made once: `json.dumps` makes one for every call that names a default.
_JSON = json.JSONEncoder(default=lambda value: type(value).__name__)
# Nothing of ours says where in the code it was logged, by which thread or process: logging need not look.
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
logging._srcfile = None  # as "Optimization" in the documentation of `logging` says  # type: ignore[attr-defined]


class JsonFormatter(logging.Formatter):
    """One JSON object a line; `extra={...}` becomes fields of it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "event": self._event(record),
        }
        if (current := request_id.get()) is not None:
            line["request_id"] = current
        if (trace := trace_id.get()) is not None:
            line["trace_id"] = trace
        for name, value in vars(record).items():
            if name not in _STANDARD and name not in _NOISE:
                line[name] = value
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = describe(record.exc_info[1])
        return _JSON.encode(line)

    @staticmethod
    def _event(record: logging.LogRecord) -> str:
        # Django's own request log formats the path into its message, and a path can carry anything.
        if record.name.startswith(("django.request", "django.security", "django.server")):
            return "unhandled error" if record.exc_info else record.name
        if record.exc_info or record.name == "asyncio":
            # The arguments, or asyncio's further lines, would repeat the exception's message.
            return str(record.msg).split("\n")[0]
        return record.getMessage()


class OnlyBroken(logging.Filter):
    """Lets through what carries an exception. Django also logs every 4xx and 5xx answer as such."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.exc_info is not None


def describe(error: BaseException) -> list[str]:
    """Type and frames of an exception and its causes, outermost first; no message, no values."""
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(lines) < 60:
        lines.append(f"{type(seen).__module__}.{type(seen).__qualname__}")
        frames = traceback.extract_tb(seen.__traceback__)[-12:]
        lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return lines


def configure(options: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG hook. `options["level"]` is the level of everything of ours."""
    level = str(options.get("level", "INFO")).upper()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": JsonFormatter}},
            "filters": {"broken": {"()": OnlyBroken}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
            # Libraries stay at WARNING: an HTTP client logs addresses, a database client what it sends.
            "root": {"handlers": ["stderr"], "level": "WARNING"},
            "loggers": {
                # What a collector answers is nobody's to log; `gateway.tracing` says that it failed.
                "opentelemetry": {"level": "CRITICAL"},
                # Every request has its line from gateway.requests; of Django's own, what broke.
                "django.request": {"level": "ERROR", "filters": ["broken"]},
                **{
                    name: {"level": level}
                    for name in ("gateway", "accounts", "prompts", "inference", "sanitization")
                },
            },
        }
    )
