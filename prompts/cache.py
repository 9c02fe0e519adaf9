"""
Answers that were given before, sanitized.

Only deterministic prompts (temperature 0, or a seed) are kept, each for its own user: a shared cache would
tell one user, by its speed, what another asked. The key holds all that an answer depends on. The
placeholders in a kept answer are the ones that the same prompt gets again, so the caller's values are
restored as in a fresh one.
"""

import hashlib
import json
import logging
from collections.abc import Awaitable
from dataclasses import asdict, astuple, dataclass
from typing import Any, Protocol

from inference.backends import Generation, ModelCard
from prompts.journal import Answered, AnsweredCall, Usage
from sanitization.chain import Sanitized
from sanitization.policies import Policy

logger = logging.getLogger("prompts.cache")

LAYOUT = 4  # of the stored JSON; another number makes old entries unknown


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """Whole sanitized answers, as many as were asked for, and what they cost. The prompt's findings are not
    in it: they belong to whoever asks."""

    choices: tuple[Answered, ...]
    usage: Usage


class AnswerCache(Protocol):
    """Neither call raises: a cache that is away costs speed, not answers."""

    def get(self, key: str) -> Awaitable[CachedAnswer | None]: ...

    def put(self, key: str, answer: CachedAnswer) -> Awaitable[None]: ...


def answer_key(
    generation: Generation[Sanitized], card: ModelCard, policy: Policy, chain_version: str, *, scope: str
) -> str | None:
    """The key of an answer, or None where the same prompt may get another answer each time: it has neither
    temperature 0 nor a seed."""
    if generation.sampling.temperature > 0 and generation.sampling.seed is None:
        return None
    depends_on = [
        LAYOUT,
        scope,
        card.name,
        card.revision,
        policy.slug,
        policy.revision,
        chain_version,
        [astuple(message) for message in generation.messages],
        generation.max_tokens,
        astuple(generation.sampling),
        generation.text,
        generation.stop,
        generation.choices,
        generation.logprobs,
        astuple(generation.format) if generation.format else None,
        [astuple(tool) for tool in generation.tools],
        astuple(generation.tool_use),
    ]
    return hashlib.sha256(json.dumps(depends_on).encode()).hexdigest()


class NoCache:
    """For houses without one."""

    async def get(self, key: str) -> CachedAnswer | None:
        return None

    async def put(self, key: str, answer: CachedAnswer) -> None:
        return None


class Store(Protocol):
    """The part of Django's cache that is used here."""

    async def aget(self, key: str) -> Any: ...

    async def aset(self, key: str, value: Any, timeout: float | None) -> None: ...


class StoredCache:
    """Answers in Django's cache: Redis, or memory of this process. JSON, not pickle: what can write to
    Redis must not be able to run code here."""

    def __init__(self, store: Store, *, keep_seconds: int) -> None:
        self.store = store
        self.keep_seconds = keep_seconds

    async def get(self, key: str) -> CachedAnswer | None:
        try:
            raw = await self.store.aget(f"answer:{key}")
            if raw is None:
                return None
            fields = json.loads(raw)
            return CachedAnswer(tuple(map(_answered, fields["choices"])), Usage(**fields["usage"]))
        except Exception as error:  # noqa: BLE001  (each client library has errors of its own)
            self._complain("read", error)
            return None

    async def put(self, key: str, answer: CachedAnswer) -> None:
        try:
            await self.store.aset(f"answer:{key}", json.dumps(asdict(answer)), self.keep_seconds)
        except Exception as error:  # noqa: BLE001
            self._complain("write", error)

    @staticmethod
    def _complain(verb: str, error: Exception) -> None:
        logger.warning("cache away", extra={"verb": verb, "kind": type(error).__name__})


def _answered(one: dict[str, Any]) -> Answered:
    calls = tuple(AnsweredCall(_text(call["name"]), _text(call["arguments"])) for call in one["calls"])
    return Answered(_text(one["text"]), tuple(one["findings"]), one["finish_reason"], calls)


def _text(stored: str) -> Sanitized:
    """The second place that makes this type: what is stored here was `Sanitized` when it went in."""
    return Sanitized(stored)
