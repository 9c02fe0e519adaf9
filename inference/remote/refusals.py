"""
What a server's refusal means. Its words are read for two things only, whether the prompt was too long and by
how much; they are never repeated, because they may quote the prompt, a key or an address.
"""

import json
from typing import Any

from inference.errors import (
    BackendRefused,
    InferenceError,
    ModelUnavailable,
    NotThere,
    PromptTooLong,
    QueueFull,
    ServerUnusable,
)

MAX_RETRY_SECONDS = 300
# OpenAI and our engine service; llama-server; what vLLM, SGLang and Ollama write into the message.
TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
TOO_LONG_WORDS = ("maximum context length", "context length exceeded", "longer than the model's context")


def error_of(status: int, body: bytes, *, retry_after: str = "") -> InferenceError:
    """Our error for an answer that is not 200. `retry_after` is the header's value."""
    wait_seconds = seconds_of(retry_after)
    if status == 429 or (status == 503 and wait_seconds):
        return QueueFull(retry_after_seconds=wait_seconds or 5)
    if status in (401, 403):  # a key may be good for some models only, and then it is 403
        kind = ServerUnusable if status == 401 else ModelUnavailable
        return kind("The server of this model refuses the gateway's key. Tell the operator.")
    if status == 404:
        return NotThere("The server of this model does not have it. Tell the operator.")
    if status in (400, 413, 422):
        return _refused(body)
    return ModelUnavailable("The server of this model cannot answer at this moment.")


def seconds_of(retry_after: str) -> int:
    """Of a Retry-After in seconds (RFC 9110, 10.2.3); 0 for a date, or anything else."""
    digits = retry_after.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        return 0
    return min(int(digits), MAX_RETRY_SECONDS)


def _refused(body: bytes) -> InferenceError:
    error = _error_in(body)
    codes = {error.get("code"), error.get("type")} & TOO_LONG_CODES if error else set()
    message = str(error.get("message", "")).lower()
    if codes or any(words in message for words in TOO_LONG_WORDS):
        return PromptTooLong(tokens=_number(error.get("n_prompt_tokens")), limit=_number(error.get("n_ctx")))
    return BackendRefused()


def _error_in(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else {}
    if not isinstance(error, dict):
        return {}
    return {name: value for name, value in error.items() if isinstance(value, str | int)}


def _number(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value < 1 << 31 else 0
