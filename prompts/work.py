"""
The steps of one prompt, in the order in which `prompts.pipeline` takes them, and what they remember.

The raw prompt lives in `Ask` and in the placeholders of this object, for as long as the request does.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from accounts.limits.ledger import Standing
from prompts import charges
from prompts.asks import Ask
from prompts.caching.replies import must_be, name_of
from prompts.choices import Choice, Heard
from prompts.conversations import Turn
from prompts.errors import (
    ConversationBusy,
    ConversationsUnavailable,
    JournalUnavailable,
    PromptBlocked,
)
from prompts.events import Begun, Done
from prompts.generating import Setting
from prompts.generations import Wording
from prompts.house import House
from prompts.ids import instant, uuid7
from prompts.journal import Charge, Entry, Outcome, Part, Result, Usage, kept
from prompts.outcomes import Conclusion, log, outcome_of
from prompts.pace import Kind
from prompts.retries import Retried, RetrySource
from prompts.sources import Course, Source, ms_since
from sanitization.chain import EMPTY, Sanitized, Screened
from sanitization.errors import ScreeningFailed
from sanitization.placeholders import Memory
from sanitization.policies import Policy
from sanitization.restore import Restorer
from sanitization.text import join

# Screening takes about 100 µs a KB. Texts longer than this are screened in a thread, so that the streams of
# other callers go on meanwhile.
INLINE_CHARS = 8_000


class Work:
    """One prompt being answered."""

    policy: Policy  # from `choose` on
    choices: tuple[Choice, ...] = ()  # from `screen` on

    def __init__(self, ask: Ask, house: House) -> None:
        """Raises UnknownModel before anything is written: that is a wrong request, not a prompt."""
        started = time.perf_counter()
        self.id = uuid7()
        self.asked_card = house.backend.choose(ask.model)
        self.course = Course(started, self.asked_card, self.id)
        self.ask = ask
        self.house = house
        self.screened: Screened | None = None
        self.failure: ScreeningFailed | None = None
        self.begun: Begun | None = None
        self.source: Source | None = None  # from `texts` on, or a little earlier
        self.retried: Retried | None = None  # of a request that may be sent again
        self.tokens = 0  # that it counts against limits
        self.standings: tuple[Standing, ...] = ()
        self.result: Result | None = None

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

    async def recall(self) -> None:
        """Looks whether the caller sent this before. Raises IdempotencyKeyReused."""
        again, replies = self.ask.idempotency, self.house.replies
        if again is None:
            return
        if replies is None or self.ask.logprobs is not None:  # tokens are kept nowhere
            self.course.idempotency = "unavailable"
            return
        name = name_of(self.ask, self.policy_name)
        if (flight := self.house.flights.find(f"replies:{name}")) is not None:
            must_be(again.body, flight.plan.terms.said)
        found = await replies.find(name, again.body)
        self.retried = Retried(replies, name, again.body, found)
        self.course.idempotency = "new" if replies.works else "unavailable"

    async def screen(self) -> None:
        """Sanitizes the prompt. A filter that fails leaves `screened` None, and the prompt goes nowhere."""
        await self.house.pace.piece(Kind.SCREENING)
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
        self.course.times.screen_ms = ms_since(began)
        new_restorer = partial(restorer_of, self.policy, self.screened)
        self.choices = tuple(
            Choice(number, new_restorer, streamed=self.ask.streamed) for number in range(self.ask.choices)
        )

    async def _screen(self, parts: dict[str, str], memory: Memory | None = None) -> Screened:
        chain, arguments = self.house.chain, self.ask.json_parts
        screen = partial(
            chain.screen_prompt,
            parts,
            self.policy,
            arguments=arguments,
            memory=memory,
            beside=self.ask.unscanned(),
        )
        return await asyncio.to_thread(screen) if sum(map(len, parts.values())) > INLINE_CHARS else screen()

    def _turn(self, conversation_id: UUID) -> AbstractAsyncContextManager[Turn]:
        if self.house.conversations is None:
            raise ConversationsUnavailable
        return self.house.conversations.turn(self.ask.user_id, conversation_id)

    async def accept(self) -> None:
        """Commits the row as in progress."""
        told = (self.text_of(said.part) for said in self.ask.messages if said.role == "system")
        accepted = self.house.journal.accept(
            Entry(
                id=self.id,
                created_at=instant(self.id),
                user_id=self.ask.user_id,
                key_id=self.ask.key_id,
                request_id=self.ask.request_id,
                model=self.asked_card.name,
                policy=self.policy_name,
                prompt=self.text_of(self.ask.question_part),
                system=join(told, between="\n\n"),
                findings=self.prompt_findings,
                parts=self._other_parts(),
            )
        )
        # Once it is on its way, which it is after this turn of the loop.
        asyncio.get_running_loop().call_soon(self._make_ready)
        await accepted
        await self.house.pace.piece(Kind.ASKING)
        self.house.pace.underway()

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
        """Yields the sanitized answers as they come, from wherever they do."""
        assert self.screened is not None  # raise_if_refused came first
        if self.source is None:
            self.source = self._new_source(self.screened)
        return await self.source.texts()

    def _make_ready(self) -> None:
        """While the row is being committed, if that takes a while: what needs nobody else. If it fails, so
        will `texts`."""
        with suppress(Exception):
            screened = self.screened
            if self.source is None and self.choices and screened is not None and not screened.blocked:
                source = self._new_source(screened)
                source.make_ready()
                self.source = source

    def _new_source(self, screened: Screened) -> Source:
        setting = Setting(self.house.chain, self.policy, screened, self.ask)
        system = partial(self.house.chain.system_message, self.policy)
        generation = Wording(self.ask, self.text_of, system).generation(self.asked_card.name)
        asked = (self.ask, self.house, setting, generation, self.choices, self.course)
        return Source(*asked) if self.retried is None else RetrySource(self.retried, *asked)

    async def embed(self) -> tuple[tuple[float, ...], ...]:
        """The vectors of the messages."""
        texts = [self.text_of(said.part) for said in self.ask.messages]
        began = time.perf_counter()
        self.course.pays = True
        made = await self.house.backend.embed(
            texts,
            model=self.asked_card.name,
            caller=str(self.ask.user_id),
            request_id=self.ask.request_id,
        )
        self.course.times.backend_ms = ms_since(began)
        self.course.usage = Usage(prompt_tokens=made.prompt_tokens)
        return made.vectors

    # -- the end --

    def begin(self) -> Begun:
        """Once there is something to say."""
        course = self._course_so_far()
        course.times.total_ms = course.ms
        self.begun = Begun(
            course.id,
            instant(course.id),
            course.card.name,
            policy=self.policy_name,
            cache=course.cache,
            times=replace(course.times),
            standings=self.standings,
            idempotency=course.idempotency,
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

    def _course_so_far(self) -> Course:
        if self.source is not None:
            self.source.take_stock()
        return self.course

    def _conclude(self, outcome: Outcome) -> Result:
        course = self._course_so_far()
        answers = tuple(choice.answered for choice in self.choices)
        found = (finding for answer in answers for finding in answer.findings)
        if course.pays:
            endings = [choice.ending for choice in self.choices]
            self.tokens = charges.taken(
                outcome, self.ask, course.usage, endings=endings, heard_bytes=course.heard_bytes
            )
        self.result = Result(
            outcome=outcome,
            response=answers[0].text if answers else EMPTY,
            choices=answers if len(answers) > 1 or any(one.calls or one.asides for one in answers) else (),
            findings=(*self.prompt_findings, *found),
            finish_reason=answers[0].finish_reason if answers else "",
            usage=course.usage,
            cached=course.cache in ("hit", "shared") and not course.pays,
            queue_ms=course.queue_ms,
            first_token_ms=course.first_token_ms,
            total_ms=course.ms,
            model="" if course.card == self.asked_card else course.card.name,
            charge=Charge(self.ask.subjects, self.tokens),
        )
        self._tell(self.result)
        return self.result

    def _tell(self, result: Result) -> None:
        """The log, and whoever counts."""
        course = self.course
        kind = "chat" if self.ask.text is None else "text_completion"
        if course.card.kind == "embedding":
            kind = "embeddings"
        ended = Conclusion(
            self.id,
            self.ask.user_id,
            course.card.name,
            kind,
            course.cache,
            course.times,
            result,
            policy=self.policy_name,
        )
        log(ended)
        if self.house.listener is not None:
            self.house.listener(ended)

    def done(self) -> Done:
        assert self.screened is not None
        assert self.begun is not None
        assert self.result is not None
        self.course.times.total_ms = self.course.ms
        return Done(
            begun=replace(self.begun, times=self.course.times),
            choices=tuple(choice.shown for choice in self.choices),
            prompt_sent=self.text_of(self.ask.question_part),
            parts=self._other_parts(),
            result=self.result,
            own_emails=tuple(self.screened.placeholders.originals("email")),
        )


def restorer_of(policy: Policy, screened: Screened) -> Restorer | None:
    """What puts the caller's values back into an answer, if anything does."""
    if not policy.restore:
        return None
    return Restorer(screened.placeholders, policy.html, unrestored=policy.unrestored)
