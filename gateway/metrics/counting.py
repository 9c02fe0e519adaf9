"""Counts what happens. Called on the event loop for every request, and by the writer of the book: nothing
here waits or raises."""

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from gateway.metrics.instruments import (
    CACHE,
    CACHED_TOKENS,
    FINDINGS,
    FIRST_TOKEN,
    HTTP_SECONDS,
    JOURNAL_COMMIT_SECONDS,
    JOURNAL_GROUP_ROWS,
    JOURNAL_TROUBLED,
    JOURNAL_WAIT_SECONDS,
    PROBLEMS,
    REQUEST_SECONDS,
    SHED,
    STAGE,
    TOKEN_USAGE,
)
from prompts.outcomes import Conclusion
from prompts.watch import Trouble

logger = logging.getLogger("gateway.metrics")

P = ParamSpec("P")
TELL_SECONDS = 60.0
_told_at = float("-inf")


def quietly(count: Callable[P, None]) -> Callable[P, None]:
    """What cannot be counted is told now and then, and stops no request: several workers count in files, and
    a full disk can break these for good."""

    @wraps(count)
    def counted(*args: P.args, **kwargs: P.kwargs) -> None:
        global _told_at
        try:
            count(*args, **kwargs)
        except Exception:
            if time.monotonic() - _told_at > TELL_SECONDS:
                _told_at = time.monotonic()
                logger.exception("not counted")

    return counted


@quietly
def count_request(*, route: str | None, method: str, status: int, seconds: float) -> None:
    """An HTTP request whose answer begins. A path that is no route of ours has none: callers choose it."""
    HTTP_SECONDS.labels(route or "", method, str(status)).observe(seconds)


@quietly
def count_problem(code: str) -> None:
    """A request that gets a problem document or OpenAI's envelope."""
    PROBLEMS.labels(code).inc()


@quietly
def count_shed(why: str) -> None:
    """A request that was sent away before anybody looked at it."""
    SHED.labels(why).inc()


@quietly
def count_prompt(ended: Conclusion) -> None:
    """A prompt whose outcome is known."""
    result, times = ended.result, ended.times
    operation = (ended.operation, ended.model)
    REQUEST_SECONDS.labels(*operation, result.outcome.value).observe(result.total_ms / 1000)
    if result.first_token_ms is not None and not result.cached:
        FIRST_TOKEN.labels(*operation).observe(result.first_token_ms / 1000)
    usage = result.usage
    if not result.cached and usage.prompt_tokens:
        TOKEN_USAGE.labels(*operation, "input").observe(usage.prompt_tokens)
        TOKEN_USAGE.labels(*operation, "output").observe(usage.completion_tokens)
        if usage.cached_tokens:
            CACHED_TOKENS.labels(*operation).inc(usage.cached_tokens)
    stages = {
        "screen": times.screen_ms,
        "sanitize": times.sanitize_ms,
        "upstream": times.backend_ms,
        "overhead": result.total_ms - times.backend_ms,
        "queue": result.queue_ms,
    }
    for stage, ms in stages.items():
        if ms is not None:
            STAGE.labels(stage).observe(ms / 1000)
    CACHE.labels(ended.cache).inc()
    for finding in result.findings:
        FINDINGS.labels(finding["rule"], finding["direction"], finding["action"]).inc()


class BookWatch:
    """Counts what the writer of the book does: `prompts.watch.Watch`."""

    def committed(self, rows: int, *, took_seconds: float, waited_seconds: float) -> None:
        JOURNAL_COMMIT_SECONDS.observe(took_seconds)
        JOURNAL_WAIT_SECONDS.observe(waited_seconds)
        JOURNAL_GROUP_ROWS.observe(rows)

    def troubled(self, trouble: Trouble, *, rows: int) -> None:
        JOURNAL_TROUBLED.labels(trouble).inc(rows)
