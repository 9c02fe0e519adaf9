"""How a prompt ended, for the book and for the log."""

import asyncio
import logging
from dataclasses import dataclass
from uuid import UUID

from inference.errors import AnswerUnfit, DeadlineExceeded, GenerationFailed, InferenceError
from prompts.afterwards import afterwards
from prompts.errors import IdempotencyKeyBusy, IdempotencyKeyReused, PromptBlocked
from prompts.events import CacheState, Times
from prompts.journal import Outcome, Result
from sanitization.errors import ScreeningFailed

logger = logging.getLogger("prompts.pipeline")


def outcome_of(error: BaseException) -> Outcome:
    """What an exception on the way makes of the prompt."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return Outcome.CANCELLED
    if isinstance(error, PromptBlocked):
        return Outcome.BLOCKED
    if isinstance(error, IdempotencyKeyReused | IdempotencyKeyBusy):
        return Outcome.REFUSED
    if isinstance(error, ScreeningFailed):
        return Outcome.NOT_SCANNED
    if isinstance(error, DeadlineExceeded):
        return Outcome.TIMED_OUT
    if isinstance(error, GenerationFailed | AnswerUnfit) or not isinstance(error, InferenceError):
        return Outcome.FAILED
    return Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class Conclusion:
    """How a prompt ended, for whoever counts. Names and numbers, never text; `operation` is chat,
    text_completion or embeddings."""

    id: UUID
    user_id: UUID
    model: str
    operation: str
    cache: CacheState
    times: Times
    result: Result
    policy: str


def log(ended: Conclusion) -> None:
    """The one line a prompt leaves in the log, a moment later. Counts and names, never text."""
    afterwards.put(_write, ended)


def _write(ended: Conclusion) -> None:
    result = ended.result
    logger.info(
        "prompt",
        extra={
            "prompt_id": str(ended.id),
            "user_id": str(ended.user_id),
            "model": ended.model,
            "operation": ended.operation,
            "outcome": result.outcome.value,
            "rules": result.rules,
            "cached": result.cached,
            "prompt_tokens": result.usage.prompt_tokens,
            "completion_tokens": result.usage.completion_tokens,
            "cached_tokens": result.usage.cached_tokens,
            "screen_ms": ended.times.screen_ms,
            "sanitize_ms": round(ended.times.sanitize_ms, 1),
            "backend_ms": round(ended.times.backend_ms, 1),
            "queue_ms": result.queue_ms,
            "first_token_ms": result.first_token_ms,
            "total_ms": result.total_ms,
        },
    )
