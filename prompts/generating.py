"""
One generation: what a model says to a sanitized prompt, sanitized as it comes.

It belongs to one caller, or to several who asked the same (`prompts.caching.flights`).
"""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from inference.backends import Answering, AsidePiece, Backend, CallPiece, Ending, Generation, ModelCard, Piece
from inference.errors import GenerationFailed
from prompts import charges
from prompts.asks import Ask
from prompts.calls import Call
from prompts.choices import Choice, Heard
from prompts.journal import Usage
from prompts.pace import Kind, Pace
from sanitization.chain import EMPTY, Chain, Sanitized, Screened
from sanitization.policies import Policy
from sanitization.structured import ArgumentsRestorer, StructuredSanitizer


@dataclass(frozen=True, slots=True)
class Setting:
    """What an answer is sanitized by, and whose it is: what he asked, and his placeholders."""

    chain: Chain
    policy: Policy
    screened: Screened
    ask: Ask

    def open(self, choice: Choice) -> None:
        """Before the first piece of it."""
        chain, policy, placeholders = self.chain, self.policy, self.screened.placeholders
        later = placeholders.for_answer()

        def open_call(number: int, name: str, part: str) -> Call:
            return self.call(number, name, chain.open_arguments(policy, placeholders, part, later=later))

        choice.open(partial(chain.open_answer, policy, placeholders, later=later), open_call)
        if self.ask.logprobs is not None:
            choice.follow_tokens(partial(chain.is_clean, policy, placeholders))

    def call(self, number: int, name: str, stream: StructuredSanitizer | None = None) -> Call:
        """A call of the tool that the model knows by this name. Raises GenerationFailed for one that was not
        offered, which no backend lets through."""
        for index, tool in enumerate(self.ask.tools):
            sanitized = self.screened.texts.get(self.ask.tool_part(index, "name"), EMPTY)
            if sanitized == name:
                restorer = ArgumentsRestorer(self.screened.placeholders, self.policy, tool.name)
                return Call(number, sanitized, tool.name, stream, restorer)
        raise GenerationFailed


class Generating:
    """A generation and what is known of it so far. Times are in milliseconds, `first_at` is when the first
    piece came, on the clock of `time.perf_counter`."""

    def __init__(
        self,
        backend: Backend[Sanitized],
        generation: Generation[Sanitized],
        setting: Setting,
        choices: tuple[Choice, ...],
        *,
        card: ModelCard,
        pace: Pace,
    ) -> None:
        self.card = card  # of the model that answers
        self.choices = choices
        self.usage = Usage()
        self.queue_ms: float | None = None
        self.first_at: float | None = None
        self.sanitize_ms = 0.0
        self.backend_ms = 0.0
        self.heard_bytes = 0
        self._backend = backend
        self._generation = generation
        self._setting = setting
        self._pace = pace
        self._is_open = False

    def open(self) -> None:
        """Before the first piece, once."""
        self._is_open = True
        for choice in self.choices:
            self._setting.open(choice)

    async def texts(self) -> AsyncGenerator[tuple[Choice, Heard], None]:
        """What leaves the chain, as it comes. Raises InferenceErrors and ScreeningFailed. Closing this frees
        the model."""
        if not self._is_open:
            self.open()
        kind = Kind.WORDS if self._setting.ask.streamed else Kind.ANSWER
        waiting_since = time.perf_counter()
        async with aclosing(self._backend.answer(self._generation)) as events:
            async for event in events:
                if isinstance(event, Answering):
                    self.card = event.card
                    continue
                came_at = time.perf_counter()
                self.backend_ms += (came_at - waiting_since) * 1000
                await self._pace.piece(kind)
                choice, begun_at = self.choices[event.choice], time.perf_counter()
                heard = self._heard(choice, event, came_at)
                waiting_since = time.perf_counter()
                self.sanitize_ms += (waiting_since - begun_at) * 1000
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

    def _heard(
        self, choice: Choice, event: Piece | CallPiece | AsidePiece | Ending, came_at: float
    ) -> Sequence[Heard]:
        """What may leave of an answer, now that this came."""
        if isinstance(event, Ending):
            return choice.end(event)
        if self.first_at is None:
            self.first_at = came_at
        raw = event.arguments if isinstance(event, CallPiece) else event.text
        self.heard_bytes += charges.byte_count(raw)
        return () if choice.is_blocked else choice.hear(event)

    def _count(self) -> None:
        endings = [choice.ending for choice in self.choices if choice.ending is not None]
        if endings:
            self.queue_ms = min(ending.queue_ms for ending in endings)
            self.usage = Usage(
                prompt_tokens=max(ending.prompt_tokens for ending in endings),
                completion_tokens=sum(ending.completion_tokens for ending in endings),
                cached_tokens=min(ending.cached_tokens for ending in endings),
            )
