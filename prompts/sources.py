"""
Where the answer to one prompt comes from:

    hit      the cache: it was given before
    shared   somebody who asks the same at this moment, here or in another process
    miss     the model, and the cache keeps it
    off      the model, and nobody keeps it
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any
from uuid import UUID

from inference.backends import Generation, ModelCard
from inference.errors import DeadlineExceeded
from prompts.asks import Ask
from prompts.caching.answers import CachedAnswer, NoCache, answer_key, is_repeatable
from prompts.caching.flights import Flight, Plan
from prompts.calls import Call
from prompts.choices import Choice, Heard
from prompts.events import CacheState, IdempotencyState, Times
from prompts.generating import Generating, Setting
from prompts.house import House
from prompts.journal import Usage
from sanitization.chain import Sanitized

Texts = AsyncGenerator[tuple[Choice, Heard], None]


@dataclass(slots=True)
class Course:
    """How a prompt is answered, as far as that is known. `card` is of the model that answers, `id` is what
    the caller knows the answer by, `pays` whether this prompt pays for what a model did, `heard_bytes` what
    that said. `started` is on the clock of `time.perf_counter`."""

    started: float
    card: ModelCard
    id: UUID
    cache: CacheState = "off"
    usage: Usage = field(default_factory=Usage)
    idempotency: IdempotencyState = ""
    pays: bool = False
    heard_bytes: int = 0
    queue_ms: float | None = None
    first_token_ms: float | None = None
    times: Times = field(default_factory=Times)

    @property
    def ms(self) -> float:
        """Since it started."""
        return ms_since(self.started)


class Source:
    """Of one prompt that has been screened and accepted. Tells `course` how it goes."""

    def __init__(
        self,
        ask: Ask,
        house: House,
        setting: Setting,
        generation: Generation[Sanitized],
        choices: tuple[Choice, ...],
        course: Course,
    ) -> None:
        self._ask = ask
        self._house = house
        self._setting = setting
        self._generation = generation
        self._choices = choices
        self._course = course
        self._generating: Generating | None = None
        self._ready: Generating | None = None

    def make_ready(self) -> None:
        """Does what can be done before a model may be asked. Safe to leave out."""
        if self._own_key is None:
            self._ready = self._make(self._choices)
            self._ready.open()

    async def texts(self) -> Texts:
        """Yields the sanitized answers as they come. Raises InferenceErrors and ScreeningFailed."""
        key = self._own_key
        self._course.cache = "miss" if key else "off"
        if key is None or self._ask.cache != "use":
            return self._alone()
        return await self._shared(key)

    async def _shared(self, key: str) -> Texts:
        """From before, or with others. A caller with a deadline of his own joins others, and nobody joins
        him: his answer ends when he has no more patience."""
        plan = self._plan(key)
        if self._house.flights.find(plan.key):
            return self._together(plan)
        if (known := await self._house.cache.get(key)) is not None:
            return self._again(known, "hit")
        return self._together(plan) if self._ask.deadline_seconds is None else self._alone()

    def take_stock(self) -> None:
        """Tells the course what is known by now."""
        made, course = self._generating, self._course
        if made is None:
            return
        course.card, course.usage, course.heard_bytes = made.card, made.usage, made.heard_bytes
        if course.cache != "shared":
            course.queue_ms = made.queue_ms
            course.times.sanitize_ms, course.times.backend_ms = made.sanitize_ms, made.backend_ms
            if made.first_at is not None:
                course.first_token_ms = round((made.first_at - course.started) * 1000, 1)

    # -- from the model --

    async def _alone(self) -> Texts:
        """For this caller and no other."""
        self._course.pays = True
        made = self._generating = self._ready or self._make(self._choices)
        async with aclosing(made.texts()) as texts:
            async for choice, heard in texts:
                yield choice, heard
        await self._keep(made)

    def _make(self, choices: tuple[Choice, ...]) -> Generating:
        card = self._course.card
        house = self._house
        return Generating(house.backend, self._generation, self._setting, choices, card=card, pace=house.pace)

    async def _keep(self, made: Generating) -> None:
        """The model that really answered may be another one than the one that was asked for."""
        key = self._key(made.card)
        if key is not None and not any(choice.is_blocked for choice in made.choices):
            await self._house.cache.put(key, answer_of(made))

    @cached_property
    def _own_key(self) -> str | None:
        """Of the model that is asked: used before another one can have answered."""
        return self._key(self._course.card)

    def _key(self, card: ModelCard) -> str | None:
        """What the answer of this model is kept under."""
        is_kept_nowhere = self._ask.logprobs is not None or isinstance(self._house.cache, NoCache)
        is_wished = self._ask.is_to_be_kept or self._setting.policy.slug in self._house.keeps_for
        if self._ask.cache == "off" or is_kept_nowhere or not (is_wished or is_repeatable(self._generation)):
            return None
        return answer_key(
            self._generation,
            card,
            self._setting.policy,
            self._house.chain.version,
            owner="shared" if self._house.shares_answers else self._ask.user_id.hex,
            state=self._setting.screened.placeholders.state,
            is_wished=is_wished,
        )

    # -- with others --

    def _plan(self, key: str) -> Plan[CachedAnswer]:
        return Plan(
            # Nobody waits for what is less urgent to others.
            key=f"{key}:{self._ask.priority}",
            make=self._make_for_all,
            look=partial(self._house.cache.get, key),
            keep=self._keep,
        )

    def _make_for_all(self) -> Generating:
        """In nobody's own words: each who hears it restores his values."""
        numbers = range(len(self._choices))
        return self._make(tuple(Choice(number, lambda: None, streamed=False) for number in numbers))

    async def _together(self, plan: Plan[Any]) -> Texts:
        """The model's answer, with everybody who asks the same while it is given."""
        flights, course = self._house.flights, self._course
        flight, is_first = flights.board(plan, self, streamed=self._ask.streamed)
        said = 0
        try:
            if not is_first:
                self._joined(flight)
            while not flight.is_over or said < len(flight.log):
                if said == len(flight.log):
                    await self._news(flight)
                while said < len(flight.log):
                    number, heard = flight.log[said]
                    said += 1
                    yield self._choices[number], self._follow(flight, number, heard)
        finally:
            course.pays = flight.leave(self)
            await flights.end_if_empty(flight)
        if flight.error is not None:
            raise flight.error
        if flight.found is not None:
            async for choice, heard in self._found(flight.found):
                yield choice, heard
        elif flight.generating is not None:
            for choice, source in zip(self._choices, flight.generating.choices, strict=True):
                choice.land(source)

    def _joined(self, flight: Flight[Any]) -> None:
        """Somebody else was first."""
        self._course.cache = "shared"

    def _found(self, found: Any) -> Texts:
        """It was kept meanwhile."""
        return self._again(found, "shared")

    async def _news(self, flight: Flight[Any]) -> None:
        """Waits for more, as long as the caller has patience. Raises DeadlineExceeded."""
        began, patience = time.perf_counter(), self._ask.deadline_seconds
        left = None if patience is None else max(0.0, self._course.started + patience - began)
        try:
            async with asyncio.timeout(left):
                await flight.news()
        except TimeoutError:
            raise DeadlineExceeded(queued=not flight.log) from None
        self._generating = flight.generating
        self._course.times.backend_ms += (time.perf_counter() - began) * 1000

    def _follow(self, flight: Flight[Any], number: int, heard: Heard) -> Heard:
        assert flight.generating is not None
        self._generating = flight.generating
        if self._course.first_token_ms is None and self._course.cache == "shared":
            self._course.first_token_ms = self._course.ms
        open_call = partial(self._call, number)
        return self._choices[number].follow(flight.generating.choices[number], heard, open_call)

    def _call(self, choice: int, number: int, name: str) -> Call:
        """A call of a tool, by this caller's names."""
        return self._setting.call(number, name)

    # -- from before --

    async def _again(self, answer: CachedAnswer, state: CacheState) -> Texts:
        """An answer that was given already."""
        course = self._course
        course.cache, course.usage, course.first_token_ms = state, answer.usage, course.ms
        for choice, answered in zip(self._choices, answer.choices, strict=True):
            for heard in choice.replay(answered, partial(self._call, choice.number)):
                yield choice, heard


def answer_of(made: Generating) -> CachedAnswer:
    """What a generation came to, as it is kept."""
    return CachedAnswer(tuple(choice.answered for choice in made.choices), made.usage)


def ms_since(moment: float) -> float:
    return round((time.perf_counter() - moment) * 1000, 1)
