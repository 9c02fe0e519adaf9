"""
The steps of one prompt, in the order in which `prompts.pipeline` takes them, and what they remember.

The raw prompt lives in `Ask` and in the placeholders of this object, for as long as the request does.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from inference.backends import Backend, Ending, Generation, Message
from inference.errors import DeadlineExceeded, GenerationFailed, InferenceError
from prompts.cache import AnswerCache, CachedAnswer, answer_key
from prompts.conversations import Conversations, Turn
from prompts.errors import (
    ConversationBusy,
    ConversationsUnavailable,
    JournalUnavailable,
    PromptBlocked,
)
from prompts.ids import instant, uuid7
from prompts.journal import Entry, Journal, Outcome, Result, kept
from sanitization.chain import EMPTY, Chain, Sanitized, Screened
from sanitization.errors import ScreeningFailed
from sanitization.placeholders import Memory
from sanitization.policies import Policy
from sanitization.restore import Restorer
from sanitization.text import join

logger = logging.getLogger("prompts.pipeline")

# Screening takes about 100 µs a KB. Texts longer than this are screened in a thread, so that the streams of
# other callers go on meanwhile.
INLINE_CHARS = 8_000


@dataclass(frozen=True, slots=True)
class Ask:
    """What a caller asks, raw."""

    user_id: UUID
    request_id: str
    prompt: str = field(repr=False)
    system: str = field(default="", repr=False)
    model: str | None = None
    max_tokens: int = 512
    temperature: float = 0.7
    conversation_id: UUID | None = None
    key_id: UUID | None = None  # the API key that it came by


@dataclass(frozen=True, slots=True)
class House:
    """Everything the pipeline uses. `prompts.composition` builds the real one."""

    chain: Chain
    policy_of: Callable[[Ask], Awaitable[Policy]]
    backend: Backend[Sanitized]
    journal: Journal
    cache: AnswerCache
    conversations: Conversations | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """Some more of the answer, for the caller: sanitized, the caller's own values restored."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """The whole of it. `response` and `own_emails` are for the caller alone; the rest is sanitized."""

    id: UUID
    created_at: datetime
    model: str
    response: str = field(repr=False)
    prompt_sent: Sanitized
    result: Result
    own_emails: tuple[str, ...] = field(repr=False)


class Work:
    """One prompt being answered."""

    policy: Policy  # from `choose` on

    def __init__(self, ask: Ask, house: House) -> None:
        """Raises UnknownModel before anything is written: that is a wrong request, not a prompt."""
        self.started = time.perf_counter()
        self.ask = ask
        self.house = house
        self.card = house.backend.choose(ask.model)
        self.id = uuid7()
        self.screened: Screened | None = None
        self.failure: ScreeningFailed | None = None
        self.restorer: Restorer | None = None
        self.shown: list[str] = []
        self.sanitized: list[Sanitized] = []
        self.answer_findings: tuple[dict[str, Any], ...] = ()
        self.outcome = Outcome.ANSWERED
        self.finish_reason = ""
        self.cached = False
        self.queue_ms: float | None = None
        self.first_token_ms: float | None = None
        self.tokens = (0, 0)
        self.result: Result | None = None

    # -- before the model --

    async def choose(self) -> None:
        """Finds the policy of this caller. Raises PolicyMissing or PoliciesUnavailable."""
        self.policy = await self.house.policy_of(self.ask)

    async def screen(self) -> None:
        """Sanitizes the prompt. A filter that fails leaves `screened` None, and the prompt goes nowhere."""
        parts = {"/system": self.ask.system} if self.ask.system else {}
        parts["/prompt"] = self.ask.prompt
        try:
            if self.ask.conversation_id is None:
                self.screened = await self._screen(parts)
            else:
                async with self._turn(self.ask.conversation_id) as turn:
                    self.screened = await self._screen(parts, turn.memory)
                    if not self.screened.blocked:
                        turn.memory = self.screened.placeholders.memory()
        except ScreeningFailed as error:
            self.failure = error
            return
        if self.policy.restore:
            self.restorer = Restorer(
                self.screened.placeholders, self.policy.html, unrestored=self.policy.unrestored
            )

    async def _screen(self, parts: dict[str, str], memory: Memory | None = None) -> Screened:
        screen = partial(self.house.chain.screen_prompt, parts, self.policy, memory=memory)
        return await asyncio.to_thread(screen) if sum(map(len, parts.values())) > INLINE_CHARS else screen()

    def _turn(self, conversation_id: UUID) -> AbstractAsyncContextManager[Turn]:
        if self.house.conversations is None:
            raise ConversationsUnavailable
        return self.house.conversations.turn(self.ask.user_id, conversation_id)

    async def accept(self) -> None:
        """Commits the row as in progress."""
        await self.house.journal.accept(
            Entry(
                id=self.id,
                created_at=instant(self.id),
                user_id=self.ask.user_id,
                key_id=self.ask.key_id,
                request_id=self.ask.request_id,
                model=self.card.name,
                policy=f"{self.policy.slug}@{self.policy.revision}",
                prompt=self.text_of("/prompt"),
                system=self.text_of("/system"),
                findings=self.prompt_findings,
            )
        )

    def raise_if_refused(self) -> None:
        """Raises ScreeningFailed or PromptBlocked; the row exists already."""
        if self.failure is not None:
            raise self.failure
        if self.screened is not None and self.screened.blocked:
            raise PromptBlocked(self.id, rules=self.screened.blocking_rules)

    def text_of(self, part: str) -> Sanitized:
        return self.screened.texts.get(part, EMPTY) if self.screened else EMPTY

    @property
    def prompt_findings(self) -> tuple[dict[str, Any], ...]:
        return kept(self.screened.findings) if self.screened else ()

    # -- the answer --

    async def texts(self) -> AsyncGenerator[Sanitized, None]:
        """The sanitized answer as it comes: from the cache if it was given before, else from the model."""
        generation = self._generation()
        key = answer_key(
            generation, self.card, self.policy, self.house.chain.version, scope=self._cache_scope()
        )
        kept = await self.house.cache.get(key) if key else None
        if kept is not None:
            self._replay(kept)
            yield self.remember(kept.response)
            return
        async with aclosing(self._generate(generation)) as texts:
            async for text in texts:
                yield self.remember(text)
        if key and self.outcome is Outcome.ANSWERED:
            await self.house.cache.put(key, self._to_keep())

    def _cache_scope(self) -> str:
        """Answers of one user; of a conversation, those whose placeholders mean the same."""
        scope = str(self.ask.user_id)
        if self.ask.conversation_id is None or self.screened is None:
            return scope
        return f"{scope}:{self.screened.placeholders.state}"

    def remember(self, text: Sanitized) -> Sanitized:
        self.sanitized.append(text)
        return text

    def _generation(self) -> Generation[Sanitized]:
        messages = [Message("user", self.text_of("/prompt"))]
        if system := self.house.chain.system_message(self.policy, self.text_of("/system")):
            messages.insert(0, Message("system", system))
        return Generation(
            messages=tuple(messages),
            model=self.card.name,
            max_tokens=self.ask.max_tokens,
            temperature=self.ask.temperature,
            caller=str(self.ask.user_id),
            request_id=self.ask.request_id,
        )

    async def _generate(self, generation: Generation[Sanitized]) -> AsyncGenerator[Sanitized, None]:
        assert self.screened is not None  # raise_if_refused came first
        stream = self.house.chain.open_answer(self.policy, self.screened.placeholders, part="/response")
        async with aclosing(self.house.backend.answer(generation)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Ending):
                    self._note(piece)
                    continue
                if self.first_token_ms is None:
                    self.first_token_ms = self._elapsed_ms()
                if text := stream.feed(piece.text):
                    yield text
                if stream.blocked:
                    break  # leaving the block closes the backend's iterator, which frees the model
        if text := stream.finish():
            yield text
        self.answer_findings = kept(stream.findings)
        if stream.blocked:
            self.outcome, self.finish_reason = Outcome.TRUNCATED, "content_filter"

    def _note(self, ending: Ending) -> None:
        self.finish_reason = ending.finish_reason
        self.queue_ms = ending.queue_ms
        self.tokens = (ending.prompt_tokens, ending.completion_tokens)

    def _replay(self, kept: CachedAnswer) -> None:
        self.cached = True
        self.finish_reason = kept.finish_reason
        self.tokens = (kept.prompt_tokens, kept.completion_tokens)
        self.answer_findings = kept.findings
        self.first_token_ms = self._elapsed_ms()

    def _to_keep(self) -> CachedAnswer:
        return CachedAnswer(
            response=join(self.sanitized),
            findings=self.answer_findings,
            finish_reason=self.finish_reason,
            prompt_tokens=self.tokens[0],
            completion_tokens=self.tokens[1],
        )

    # -- the caller's copy --

    def restore(self, text: Sanitized) -> str:
        """What of `text` (and of what was held back before) can be shown now, own values restored."""
        return self._remember_shown(self.restorer.feed(text) if self.restorer else text)

    def restore_rest(self) -> str:
        """What was still held back."""
        return self._remember_shown(self.restorer.finish() if self.restorer else "")

    def _remember_shown(self, shown: str) -> str:
        self.shown.append(shown)
        return shown

    # -- the end --

    async def finish(self) -> None:
        """Commits the final row."""
        await self._note_answer()
        await self.house.journal.finish(self.id, self._conclude(self.outcome))

    async def _note_answer(self) -> None:
        """Later prompts of the conversation get other numbers than this answer. One that cannot be told so
        may name a value of its own like one that was masked here, which is confusing and nothing worse.
        """
        if self.ask.conversation_id is None:
            return
        with suppress(ConversationBusy, ConversationsUnavailable):
            async with self._turn(self.ask.conversation_id) as turn:
                turn.memory = turn.memory.after(join(self.sanitized))

    async def give_up(self, error: BaseException) -> None:
        """Commits the row of a prompt that failed. Where the caller left, the row is sent on its way and
        not waited for: this task has been told to end."""
        if isinstance(error, JournalUnavailable):
            return  # the journal itself keeps what it could not commit
        settled = self.house.journal.finish(self.id, self._conclude(outcome_of(error)))
        if isinstance(error, Exception):
            with suppress(JournalUnavailable):  # what the caller is told is the first error
                await settled
        else:
            settled.add_done_callback(lambda future: future.cancelled() or future.exception())

    def _conclude(self, outcome: Outcome) -> Result:
        self.result = Result(
            outcome=outcome,
            response=join(self.sanitized),
            findings=self.prompt_findings + self.answer_findings,
            finish_reason=self.finish_reason,
            prompt_tokens=self.tokens[0],
            completion_tokens=self.tokens[1],
            cached=self.cached,
            queue_ms=self.queue_ms,
            first_token_ms=self.first_token_ms,
            total_ms=self._elapsed_ms(),
        )
        log(self.ask, self.id, self.card.name, self.result)
        return self.result

    def done(self) -> Done:
        assert self.screened is not None
        assert self.result is not None
        return Done(
            id=self.id,
            created_at=instant(self.id),
            model=self.card.name,
            response="".join(self.shown),
            prompt_sent=self.text_of("/prompt"),
            result=self.result,
            own_emails=tuple(self.screened.placeholders.originals("email")),
        )

    def _elapsed_ms(self) -> float:
        return round((time.perf_counter() - self.started) * 1000, 1)


def outcome_of(error: BaseException) -> Outcome:
    """What an exception on the way makes of the prompt."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return Outcome.CANCELLED
    if isinstance(error, PromptBlocked):
        return Outcome.BLOCKED
    if isinstance(error, ScreeningFailed):
        return Outcome.NOT_SCANNED
    if isinstance(error, DeadlineExceeded):
        return Outcome.TIMED_OUT
    if isinstance(error, GenerationFailed) or not isinstance(error, InferenceError):
        return Outcome.FAILED
    return Outcome.REFUSED


def log(ask: Ask, id: UUID, model: str, result: Result) -> None:
    """The one line a prompt leaves in the log. Counts and names, never text."""
    logger.info(
        "prompt",
        extra={
            "prompt_id": str(id),
            "user_id": str(ask.user_id),
            "model": model,
            "outcome": result.outcome.value,
            "rules": result.rules,
            "cached": result.cached,
            "prompt_tokens": result.prompt_tokens,
            "completion_tokens": result.completion_tokens,
            "queue_ms": result.queue_ms,
            "first_token_ms": result.first_token_ms,
            "total_ms": result.total_ms,
        },
    )
