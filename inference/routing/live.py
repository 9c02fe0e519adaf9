"""
A server as it is now: what it owes, to how many, and how it and its models fare.

A server that cannot be reached is out with all that it has. A model that is silent, breaks off or is busy is
out by itself: behind one address there often are many, and one that hangs takes no other away.
"""

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from inference.backends import AsidePiece, CallPiece, Embeddings, Event, Generation, Piece
from inference.errors import (
    BackendRefused,
    GenerationFailed,
    ModelLoading,
    ModelUnavailable,
    NotThere,
    PromptTooLong,
    QueueFull,
    ServerUnusable,
)
from inference.remote.reading import tokens_in
from inference.routing.choosing import Option
from inference.routing.health import Health, State
from inference.routing.table import Server

FAULTS = (ModelUnavailable, GenerationFailed)
# What a server says when it is well and the request is not.
ANSWERED = (BackendRefused, PromptTooLong, NotThere)


class Answers(Protocol):
    """What answers at a server; it knows models as the server calls them."""

    def answer(self, generation: Generation[str]) -> AsyncGenerator[Event, None]: ...

    async def embed(
        self, texts: Sequence[str], *, model: str, caller: str, request_id: str = "", traceparent: str = ""
    ) -> Embeddings: ...


@dataclass(slots=True, eq=False)
class Live:
    """`server` in this process. `models` are those that were asked for, as the server calls them. `probed_ms`
    is how long its last probe took, None if there was none or it failed."""

    server: Server
    answers: Answers
    health: Health
    running: int = 0
    tokens: int = 0
    probed_ms: float | None = None
    models: dict[str, Health] = field(default_factory=dict)

    @classmethod
    def of(cls, server: Server, answers: Answers, random: Random) -> "Live":
        return cls(server, answers, Health(random))

    @property
    def has_room(self) -> bool:
        limit = self.server.max_concurrent
        return limit is None or self.running < limit

    def model(self, name: str) -> Health:
        """How this model fares at it."""
        if (found := self.models.get(name)) is None:
            found = self.models[name] = Health(self.health.random)
        return found

    def may_take(self, now: float, model: str) -> bool:
        """Whether it may get a prompt for this model now."""
        return not self.server.draining and self.health.may_take(now) and self.model(model).may_take(now)

    def openings(self, now: float) -> tuple[bool, ...]:
        """Which of it and its models may get a prompt now. When this changes, who waits looks again."""
        return tuple(each.may_take(now) for each in (self.health, *self.models.values()))

    def opens_at(self, now: float, model: str) -> float:
        """When it may get the next prompt for this model."""
        return max(self.health.opens_at(now), self.model(model).opens_at(now))

    def state(self, now: float, model: str) -> State:
        """Of this model at it."""
        own = self.health.state(now)
        return self.model(model).state(now) if own == "up" else own

    def state_of(self, models: Collection[str], now: float) -> str:
        """Of a server that is up: what all of these are, else `failing` where some of them are left out."""
        states = {self.state(now, name) for name in models}
        if len(states) == 1:
            return states.pop()
        return "failing" if {"ejected", "trying"} & states else "up"

    def judge(self, error: BaseException | None, now: float, model: str) -> None:
        """This came of asking for a model."""
        health = self.model(model)
        if error is None or isinstance(error, ANSWERED):
            self.health.well()
            health.well()
        elif isinstance(error, QueueFull | ModelLoading):
            health.busy(now, error.retry_after_seconds or 1)
        elif isinstance(error, ServerUnusable):
            self.health.fault(now)
        elif isinstance(error, FAULTS):
            health.fault(now)

    def alive(self, now: float) -> None:
        """A probe went well. A model that was left out for its time may be asked again."""
        for each in (self.health, *self.models.values()):
            each.alive(now)

    def option(self, weight: float) -> Option:
        return Option(self.server.name, weight, self.tokens)


@dataclass(slots=True, eq=False)
class Debt:
    """The tokens that a server owes to one request: all of its prompt until the first word, then what may
    still come of the answer."""

    live: Live
    prompt: int
    left: int

    @classmethod
    def of(cls, live: Live, *, prompt: int, answer: int) -> "Debt":
        live.tokens += prompt + answer
        return cls(live, prompt, prompt + answer)

    def note(self, event: Event) -> None:
        """This came of the answer."""
        if isinstance(event, Piece | CallPiece | AsidePiece):
            text = event.arguments if isinstance(event, CallPiece) else event.text
            paid = min(self.prompt + tokens_in(len(text)), self.left)
            self.prompt = 0
            self.left -= paid
            self.live.tokens -= paid

    def settle(self) -> None:
        """Nothing more is owed."""
        self.live.tokens -= self.left
        self.left = 0
