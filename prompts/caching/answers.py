"""
Answers that were given before, sanitized.

Kept are those to deterministic prompts (temperature 0, or a seed), and those that the caller wants kept. Each
is kept for its own user, unless the house shares them (PROMPT_CACHE_SCOPE): then one user can tell, by speed
and by a header, that another asked the very same before. The key holds all that an answer depends on. The
placeholders in a kept answer are the ones that the same prompt gets again, so each caller's own values are
restored as in a fresh one, and no other's can be.
"""

import hashlib
import json
import logging
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from typing import Any, Protocol

from inference.backends import Generation, ModelCard
from prompts.caching.stores import Store, StoreAway
from prompts.journal import Answered, Usage, answered_of
from sanitization.chain import Sanitized
from sanitization.policies import Policy

logger = logging.getLogger("prompts.caching")

LAYOUT = 5  # of the stored JSON; another number makes old entries unknown


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


def is_repeatable(generation: Generation[Sanitized]) -> bool:
    """Whether the same prompt gets the same answer each time, as far as samplers go."""
    return generation.sampling.temperature <= 0 or generation.sampling.seed is not None


def answer_key(
    generation: Generation[Sanitized],
    card: ModelCard,
    policy: Policy,
    chain_version: str,
    *,
    owner: str,
    state: str = "",
    is_wished: bool = False,
) -> str | None:
    """The key of an answer, or None where the same prompt may get another answer each time (it has neither
    temperature 0 nor a seed) and nobody wishes for the same. `owner` is whose it is, and `state` is that of
    the prompt's placeholders: a number that an answer gave to a value of its own must not be one of the next
    prompt's."""
    if not is_wished and not is_repeatable(generation):
        return None
    depends_on = [
        LAYOUT,
        owner,
        state,
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
        generation.reasoning_effort,
        generation.verbosity,
    ]
    digest = hashlib.sha256(json.dumps(depends_on).encode()).hexdigest()
    return f"{owner}:{policy.slug}@{policy.revision}:{digest}"


class NoCache:
    """For houses without one."""

    async def get(self, key: str) -> CachedAnswer | None:
        return None

    async def put(self, key: str, answer: CachedAnswer) -> None:
        return None


class StoredCache:
    """Answers in a store, as JSON. Those that are longer than `max_bytes` are not kept."""

    def __init__(self, store: Store, *, keep_seconds: int, max_bytes: int) -> None:
        self.store = store
        self.keep_seconds = keep_seconds
        self.max_bytes = max_bytes

    async def get(self, key: str) -> CachedAnswer | None:
        try:
            raw = await self.store.get(f"answers:{key}")
        except StoreAway:
            return None
        try:
            return None if raw is None else read_answer(json.loads(raw))
        except (ValueError, TypeError, LookupError) as error:
            logger.warning("cache entry damaged", extra={"kind": type(error).__name__})
            return None

    async def put(self, key: str, answer: CachedAnswer) -> None:
        content = json.dumps(asdict(answer)).encode()
        if len(content) <= self.max_bytes:
            with suppress(StoreAway):
                await self.store.put(f"answers:{key}", content, self.keep_seconds)


def read_answer(fields: dict[str, Any]) -> CachedAnswer:
    """An answer as `asdict` and JSON left it. Raises ValueError, TypeError, LookupError."""
    return CachedAnswer(tuple(map(answered_of, fields["choices"])), Usage(**fields["usage"]))
