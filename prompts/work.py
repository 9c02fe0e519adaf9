"""
The steps of one prompt, in the order in which `prompts.pipeline` takes them, and what they remember.

The raw prompt lives in `Ask` and in the placeholders of this object, for as long as the request does.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

from accounts.limits.ledger import Standing
from accounts.limits.reservations import Limits
from inference.backends import Answering, Backend, CallPiece, Ending, Generation, Piece
from inference.errors import GenerationFailed
from prompts import charges
from prompts.asks import Ask
from prompts.cache import AnswerCache, CachedAnswer, answer_key
from prompts.calls import Call
from prompts.choices import Choice, Heard
from prompts.conversations import Conversations, Turn
from prompts.errors import (
    ConversationBusy,
    ConversationsUnavailable,
    JournalUnavailable,
    PromptBlocked,
)
from prompts.events import Begun, CacheState, Done, Times
from prompts.generations import Wording
from prompts.ids import instant, uuid7
from prompts.journal import Charge, Entry, Journal, Outcome, Part, Result, Usage, kept
from prompts.outcomes import Conclusion, log, outcome_of
from sanitization.chain import EMPTY, Chain, Sanitized, Screened
from sanitization.errors import ScreeningFailed
from sanitization.placeholders import Memory
from sanitization.policies import Policy
from sanitization.restore import Restorer
from sanitization.structured import ArgumentsRestorer, StructuredSanitizer
from sanitization.text import join

# Screening takes about 100 µs a KB. Texts longer than this are screened in a thread, so that the streams of
# other callers go on meanwhile.
INLINE_CHARS = 8_000


@dataclass(frozen=True, slots=True)
class House:
    """Everything the pipeline uses. `prompts.composition` builds the real one."""

    chain: Chain
    policy_of: Callable[[Ask], Awaitable[Policy]]
    backend: Backend[Sanitized]
    journal: Journal
    cache: AnswerCache
    conversations: Conversations | None = None
    limits: Limits | None = None
    listener: Callable[[Conclusion], None] | None = None  # hears how each prompt ended, and does not raise


class Work:
    """One prompt being answered."""

    policy: Policy  # from `choose` on
    choices: tuple[Choice, ...] = ()  # from `screen` on

    def __init__(self, ask: Ask, house: House) -> None:
        """Raises UnknownModel before anything is written: that is a wrong request, not a prompt."""
        self.started = time.perf_counter()
        self.ask = ask
        self.house = house
        self.card = self.asked_card = house.backend.choose(ask.model)
        self.id = uuid7()
        self.screened: Screened | None = None
        self.failure: ScreeningFailed | None = None
        self.begun: Begun | None = None
        self.cache: CacheState = "off"
        self.usage = Usage()
        self.tokens = 0  # that it counts against limits
        self.standings: tuple[Standing, ...] = ()
        self.times = Times()
        self.queue_ms: float | None = None
        self.first_token_ms: float | None = None
        self.result: Result | None = None
        self._heard_bytes: int | None = None  # None: no model was asked

    # -- before the model --

    @asynccontextmanager
    async def within_limits(self) -> AsyncIterator[None]:
        """Reserves what the prompt may take; in the end, whatever happened, that becomes what it took.
        Raises LimitReached, LimitsUnavailable."""
        limits, taken = self.house.limits, None
        if limits is not None and self.ask.bounds:
            taken = await limits.reserve(self.ask.bounds, tokens=charges.most_of(self.ask))
        self.standings = taken.standings if taken else ()
        try:
            yield
        finally:
            if taken is not None:
                taken.settle(tokens=self.tokens)

    async def choose(self) -> None:
        """Finds the policy of this caller. Raises PolicyMissing or PoliciesUnavailable."""
        self.policy = await self.house.policy_of(self.ask)

    async def screen(self) -> None:
        """Sanitizes the prompt. A filter that fails leaves `screened` None, and the prompt goes nowhere."""
        began, parts = time.perf_counter(), self.ask.parts()
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
        self.times.screen_ms = _ms_since(began)
        self.choices = tuple(
            Choice(number, self._restorer(), streamed=self.ask.streamed) for number in range(self.ask.choices)
        )

    async def _screen(self, parts: dict[str, str], memory: Memory | None = None) -> Screened:
        chain, arguments = self.house.chain, self.ask.json_parts
        screen = partial(chain.screen_prompt, parts, self.policy, arguments=arguments, memory=memory)
        return await asyncio.to_thread(screen) if sum(map(len, parts.values())) > INLINE_CHARS else screen()

    def _restorer(self) -> Restorer | None:
        if not self.policy.restore or self.screened is None:
            return None
        return Restorer(self.screened.placeholders, self.policy.html, unrestored=self.policy.unrestored)

    def _turn(self, conversation_id: UUID) -> AbstractAsyncContextManager[Turn]:
        if self.house.conversations is None:
            raise ConversationsUnavailable
        return self.house.conversations.turn(self.ask.user_id, conversation_id)

    async def accept(self) -> None:
        """Commits the row as in progress."""
        told = (self.text_of(said.part) for said in self.ask.messages if said.role == "system")
        await self.house.journal.accept(
            Entry(
                id=self.id,
                created_at=instant(self.id),
                user_id=self.ask.user_id,
                key_id=self.ask.key_id,
                request_id=self.ask.request_id,
                model=self.card.name,
                policy=self.policy_name,
                prompt=self.text_of(self.ask.question_part),
                system=join(told, between="\n\n"),
                findings=self.prompt_findings,
                parts=self._other_parts(),
            )
        )

    @property
    def policy_name(self) -> str:
        return f"{self.policy.slug}@{self.policy.revision}"

    def raise_if_refused(self) -> None:
        """Raises ScreeningFailed or PromptBlocked; the row exists already."""
        if self.failure is not None:
            raise self.failure
        if self.screened is not None and self.screened.blocked:
            raise PromptBlocked(self.id, rules=self.screened.blocking_rules)

    def text_of(self, part: str) -> Sanitized:
        return self.screened.texts.get(part, EMPTY) if self.screened else EMPTY

    def _other_parts(self) -> tuple[Part, ...]:
        """The texts that have no column of their own."""
        roles = {said.part: said.role for said in self.ask.messages}
        texts = self.screened.texts if self.screened else {}
        others = {name: text for name, text in texts.items() if name not in ("/prompt", "/system")}
        return tuple(Part(name, text, roles.get(name, "")) for name, text in others.items())

    @property
    def prompt_findings(self) -> tuple[dict[str, Any], ...]:
        return kept(self.screened.findings) if self.screened else ()

    # -- the answer --

    async def texts(self) -> AsyncGenerator[tuple[Choice, Heard], None]:
        """The sanitized answers as they come: from the cache if they were given before, else from the
        model."""
        generation = self._generation()
        key = self._cache_key(generation)
        known = await self.house.cache.get(key) if key and self.ask.cache == "use" else None
        if known is not None:
            self.cache, self.usage, self.first_token_ms = "hit", known.usage, _ms_since(self.started)
            for choice, answered in zip(self.choices, known.choices, strict=True):
                for heard in choice.replay(answered, lambda at, call: self._call(at, call.name, None)):
                    yield choice, heard
            return
        self.cache = "miss" if key else "off"
        async with aclosing(self._generate(generation)) as texts:
            async for choice, heard in texts:
                yield choice, heard
        # Once more: the model that really answered may be another one than the one that was asked for.
        if key and (key := self._cache_key(generation)) and self.outcome is Outcome.ANSWERED:
            answers = tuple(choice.answered for choice in self.choices)
            await self.house.cache.put(key, CachedAnswer(answers, self.usage))

    def _cache_key(self, generation: Generation[Sanitized]) -> str | None:
        """Answers are kept for one user, and for prompts whose placeholders mean the same: a number that the
        answer gave to a value of its own must not be one of the next prompt's."""
        assert self.screened is not None  # raise_if_refused came first
        if self.ask.cache == "off" or self.ask.logprobs is not None:  # tokens are kept nowhere
            return None
        scope = f"{self.ask.user_id}:{self.screened.placeholders.state}"
        return answer_key(generation, self.card, self.policy, self.house.chain.version, scope=scope)

    def _generation(self) -> Generation[Sanitized]:
        system = partial(self.house.chain.system_message, self.policy)
        return Wording(self.ask, self.text_of, system).generation(self.card.name)

    def _call(self, number: int, name: str, stream: StructuredSanitizer | None) -> Call:
        """A call of the tool that the model knows by this name. Raises GenerationFailed for one that was not
        offered, which no backend lets through."""
        assert self.screened is not None
        for index, tool in enumerate(self.ask.tools):
            if (sanitized := self.text_of(self.ask.tool_part(index, "name"))) == name:
                restorer = ArgumentsRestorer(self.screened.placeholders, self.policy, tool.name)
                return Call(number, sanitized, tool.name, stream, restorer)
        raise GenerationFailed

    def _open(self, choice: Choice) -> None:
        assert self.screened is not None
        chain, policy, placeholders = self.house.chain, self.policy, self.screened.placeholders
        later = placeholders.for_answer()

        def open_call(number: int, name: str) -> Call:
            part = choice.call_part(number)
            return self._call(number, name, chain.open_arguments(policy, placeholders, part, later=later))

        choice.open(chain.open_answer(policy, placeholders, choice.part, later=later), open_call)
        if self.ask.logprobs is not None:
            choice.follow_tokens(partial(chain.is_clean, policy, placeholders))

    async def _generate(
        self, generation: Generation[Sanitized]
    ) -> AsyncGenerator[tuple[Choice, Heard], None]:
        for choice in self.choices:
            self._open(choice)
        self._heard_bytes, waiting_since = 0, time.perf_counter()
        async with aclosing(self.house.backend.answer(generation)) as events:
            async for event in events:
                if isinstance(event, Answering):
                    self.card = event.card
                    continue
                came_at = time.perf_counter()
                self.times.backend_ms += (came_at - waiting_since) * 1000
                choice = self.choices[event.choice]
                heard = self._heard(choice, event)
                waiting_since = time.perf_counter()
                self.times.sanitize_ms += (waiting_since - came_at) * 1000
                if heard:
                    for one in heard:
                        yield choice, one
                    waiting_since = time.perf_counter()
                if choice.is_blocked and all(one.is_blocked or one.is_over for one in self.choices):
                    break  # leaving the block closes the backend's iterator, which frees the model
        for choice in self.choices:
            if not choice.is_over:
                for one in choice.rest():
                    yield choice, one
        self._count()

    def _heard(self, choice: Choice, event: Piece | CallPiece | Ending) -> Sequence[Heard]:
        """What may leave of an answer, now that this came."""
        if isinstance(event, Ending):
            return choice.end(event)
        if self.first_token_ms is None:
            self.first_token_ms = _ms_since(self.started)
        raw = event.arguments if isinstance(event, CallPiece) else event.text
        self._heard_bytes = (self._heard_bytes or 0) + charges.byte_count(raw)
        if choice.is_blocked:
            return ()
        if isinstance(event, CallPiece):
            return choice.take_call(event)
        return (text,) if (text := choice.take(event.text, event.logprobs)) else ()

    async def embed(self) -> tuple[tuple[float, ...], ...]:
        """The vectors of the messages."""
        texts = [self.text_of(said.part) for said in self.ask.messages]
        self._heard_bytes, began = 0, time.perf_counter()
        made = await self.house.backend.embed(texts, model=self.card.name, caller=str(self.ask.user_id))
        self.times.backend_ms = _ms_since(began)
        self.usage = Usage(prompt_tokens=made.prompt_tokens)
        return made.vectors

    def _count(self) -> None:
        endings = [choice.ending for choice in self.choices if choice.ending is not None]
        if endings:
            self.queue_ms = min(ending.queue_ms for ending in endings)
            self.usage = Usage(
                prompt_tokens=max(ending.prompt_tokens for ending in endings),
                completion_tokens=sum(ending.completion_tokens for ending in endings),
                cached_tokens=min(ending.cached_tokens for ending in endings),
            )

    # -- the end --

    def begin(self) -> Begun:
        """Once there is something to say."""
        self.times.total_ms = _ms_since(self.started)
        times = replace(self.times)
        self.begun = Begun(
            self.id,
            instant(self.id),
            self.card.name,
            policy=self.policy_name,
            cache=self.cache,
            times=times,
            standings=self.standings,
        )
        return self.begun

    async def finish(self) -> None:
        """Commits the final row."""
        await self._note_answer()
        await self.house.journal.finish(self.id, self._conclude(self.outcome))

    @property
    def outcome(self) -> Outcome:
        """Of a prompt that nothing went wrong with."""
        is_cut = any(choice.is_blocked for choice in self.choices)
        return Outcome.TRUNCATED if is_cut else Outcome.ANSWERED

    async def _note_answer(self) -> None:
        """Later prompts of the conversation get other numbers than this answer. One that cannot be told so
        may name a value of its own like one that was masked here, which is confusing and nothing worse.
        """
        if self.ask.conversation_id is None:
            return
        with suppress(ConversationBusy, ConversationsUnavailable):
            async with self._turn(self.ask.conversation_id) as turn:
                for choice in self.choices:
                    turn.memory = turn.memory.after(choice.sanitized)

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
        answers = tuple(choice.answered for choice in self.choices)
        found = (finding for answer in answers for finding in answer.findings)
        if self._heard_bytes is not None:
            endings = [choice.ending for choice in self.choices]
            self.tokens = charges.taken(
                outcome, self.ask, self.usage, endings=endings, heard_bytes=self._heard_bytes
            )
        self.result = Result(
            outcome=outcome,
            response=answers[0].text if answers else EMPTY,
            choices=answers if len(answers) > 1 or any(answer.calls for answer in answers) else (),
            findings=(*self.prompt_findings, *found),
            finish_reason=answers[0].finish_reason if answers else "",
            usage=self.usage,
            cached=self.cache == "hit",
            queue_ms=self.queue_ms,
            first_token_ms=self.first_token_ms,
            total_ms=_ms_since(self.started),
            model="" if self.card == self.asked_card else self.card.name,
            charge=Charge(self.ask.subjects, self.tokens),
        )
        self._tell(self.result)
        return self.result

    def _tell(self, result: Result) -> None:
        """The log, and whoever counts."""
        kind = (
            "embeddings"
            if self.card.kind == "embedding"
            else "chat"
            if self.ask.text is None
            else "text_completion"
        )
        ended = Conclusion(self.id, self.ask.user_id, self.card.name, kind, self.cache, self.times, result)
        log(ended)
        if self.house.listener is not None:
            self.house.listener(ended)

    def done(self) -> Done:
        assert self.screened is not None
        assert self.begun is not None
        assert self.result is not None
        self.times.total_ms = _ms_since(self.started)
        return Done(
            begun=replace(self.begun, times=self.times),
            choices=tuple(choice.shown for choice in self.choices),
            prompt_sent=self.text_of(self.ask.question_part),
            parts=self._other_parts(),
            result=self.result,
            own_emails=tuple(self.screened.placeholders.originals("email")),
        )


def _ms_since(moment: float) -> float:
    return round((time.perf_counter() - moment) * 1000, 1)
