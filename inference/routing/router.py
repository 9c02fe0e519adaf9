"""
One door to many model servers: the `Backend` of a table.

    model ─► its targets, then those of its fallbacks ─► a place at one of them ─► its answer
                 ▲                                                 │
                 └── nothing has been heard of it, and the budget ─┘ fails
                     allows another try

Once the first word is out, an answer that breaks off has failed: another server would say something else.
Knows no HTTP. Everything runs on one event loop.
"""

import logging
import math
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass, field, replace
from random import Random

from inference.backends import (
    DEFAULT,
    Answering,
    AsidePiece,
    CallPiece,
    Embeddings,
    Ending,
    Event,
    Generation,
    ModelCard,
    Piece,
    Status,
)
from inference.errors import (
    InferenceError,
    ModelLoading,
    ModelUnavailable,
    NotThere,
    ParameterUnsupported,
    QueueFull,
    UnknownModel,
)
from inference.remote.reading import tokens_in
from inference.routing.choosing import beginning_of, digest_of, pick
from inference.routing.health import RetryBudget
from inference.routing.line import Line
from inference.routing.live import FAULTS, Answers, Debt, Live
from inference.routing.table import Model, Server, Table, Target

logger = logging.getLogger("inference.routing")

ELSEWHERE = (*FAULTS, ModelLoading, QueueFull, ParameterUnsupported)
# Another server may be asked for these without an end: they cost nobody anything.
FREE = (ParameterUnsupported, NotThere)
# States of a server that is as it should be, or as somebody wants it.
WELL = frozenset({"up", "busy", "draining", "ready", "unloaded"})
NOBODY = "No server of this model can be reached at this moment."


# Around one server that is asked: the `traceparent` of the request, and that which the server gets.
Attempt = Callable[[Server, str], AbstractContextManager[str]]


def unseen(server: Server, traceparent: str) -> AbstractContextManager[str]:
    """Where nobody looks."""
    return nullcontext(traceparent)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A target, with a place at its server."""

    model: Model
    target: Target
    live: Live


@dataclass(slots=True, eq=False)
class Attempts:
    """What one request has tried. The table may change meanwhile, so it knows its model by name."""

    name: str
    beginning: bytes
    ends_at: float | None = None
    waits_until: float | None = None  # for a place, however often it looks again
    tried: set[Target] = field(default_factory=set)
    error: InferenceError | None = None


class Router:
    """`answers` makes what stands behind a server of the table. `places` requests wait for `queue_seconds`
    for a server that has no room. `attempt` may be put around each server that is asked, to see it."""

    def __init__(
        self,
        table: Table,
        answers: Callable[[Server], Answers],
        *,
        places: int = 256,
        queue_seconds: float = 60.0,
        local: Callable[[str], Status] = lambda name: Status("ready"),
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
    ) -> None:
        self._answers = answers
        self._local = local
        self._clock = clock
        self._random = random or Random()  # noqa: S311  (it spreads times, it hides nothing)
        self._line = Line(places=places)
        self._queue_seconds = queue_seconds
        self._budget = RetryBudget()
        self._lives: dict[str, Live] = {}
        self.attempt: Attempt = unseen
        self.use(table)

    def use(self, table: Table) -> None:
        """Goes by another table from now on. A server that is the same in both stays as it is; one that is
        gone or changed ends its answers."""
        before = self._lives
        self._lives = {}
        for server in table.servers:
            known = before.get(server.name)
            if known is None or known.server != server:
                known = Live.of(server, self._answers(server), self._random)
            self._lives[server.name] = known
        self.table = table
        self._names: dict[str, Model] = {DEFAULT: table.models[0]}
        for model in table.models:
            self._names |= {name.lower(): model for name in (model.name, *model.aliases)}
        self._line.stir()

    def look_again(self) -> None:
        """A probe may have opened or closed a server: who waits looks again."""
        self._line.stir()

    # -- what can be asked for --

    def choose(self, model: str | None) -> ModelCard:
        return self._model(model).card()

    def models(self) -> tuple[tuple[ModelCard, Status], ...]:
        return tuple((model.card(), self._status(model)) for model in self.table.models)

    def status(self) -> Status:
        return self._status(self.table.models[0])

    def lives(self) -> tuple[Live, ...]:
        """The servers, in the order of the table."""
        return tuple(self._lives.values())

    def states(self) -> dict[str, str]:
        """How each server fares: draining, a state of its health or of the models of this process; `failing`
        where some of its models are left out, and `ejected` where all of them are."""
        now, found = self._clock(), {}
        for live in self.lives():
            state: str = "draining" if live.server.draining else live.health.state(now)
            if state == "up":
                used = self._used(live.server.name)
                state = self._local_state(used) if live.server.remote is None else live.state_of(used, now)
            found[live.server.name] = state
        return found

    def _used(self, server: str) -> set[str]:
        """The models that the table uses there."""
        return {each.model for model in self.table.models for each in model.targets if each.server == server}

    def _local_state(self, used: set[str]) -> str:
        """The worst of these models of this process."""
        states = {self._local(name).state for name in used}
        return next((state for state in ("down", "loading", "unloaded") if state in states), "ready")

    @property
    def waiting(self) -> int:
        return len(self._line)

    def _model(self, name: str | None) -> Model:
        found = self._names.get((name or DEFAULT).strip().lower())
        if found is None:
            raise UnknownModel((*(model.name for model in self.table.models), DEFAULT))
        return found

    def _status(self, model: Model) -> Status:
        """Ready if anything would answer for it, a fallback too."""
        now, found = self._clock(), Status("down", NOBODY)
        for each in self._with_fallbacks(model):
            for target in each.targets:
                live = self._lives[target.server]
                if live.server.draining or live.state(now, target.model) == "ejected":
                    continue
                status = self._local(target.model) if live.server.remote is None else Status("ready")
                if status.state in ("ready", "unloaded"):
                    return status
                found = status
        return found

    def _with_fallbacks(self, model: Model) -> tuple[Model, ...]:
        return (model, *(self._names[name.lower()] for name in model.fallbacks))

    # -- answers --

    async def answer(self, generation: Generation[str]) -> AsyncGenerator[Event, None]:
        asked = self._model(generation.model)
        if asked.kind != "chat":
            raise UnknownModel(tuple(each.name for each in self.table.models if each.kind == "chat"))
        attempts, came_at = Attempts(asked.name, beginning_of(generation)), self._clock()
        if generation.deadline_seconds is not None:
            attempts.ends_at = came_at + generation.deadline_seconds
        self._budget.earn()
        while True:
            place = await self._place(attempts)
            waited_ms = round((self._clock() - came_at) * 1000, 1)
            has_begun = False
            try:
                async with aclosing(self._at(place, generation, attempts)) as events:
                    async for event in events:
                        if not has_begun:
                            has_begun = True
                            if (card := place.model.card(place.target)) != asked.card():
                                yield Answering(card)
                        if isinstance(event, Ending):
                            event = replace(event, queue_ms=event.queue_ms + waited_ms)
                        yield event
                return
            except ELSEWHERE as error:
                if has_begun:
                    raise
                self._next(attempts, place, error)

    async def embed(
        self, texts: Sequence[str], *, model: str, caller: str, request_id: str = "", traceparent: str = ""
    ) -> Embeddings:
        found = self._model(model)
        if found.kind != "embedding":
            raise UnknownModel(tuple(each.name for each in self.table.models if each.kind == "embedding"))
        attempts = Attempts(found.name, digest_of(found.name, *texts[:1]))
        self._budget.earn()
        while True:
            place = await self._place(attempts)
            debt = Debt.of(place.live, prompt=tokens_in(sum(map(len, texts))), answer=0)
            try:
                with Watched(self, place) as watched, self.attempt(place.live.server, traceparent) as trace:
                    made = await place.live.answers.embed(
                        texts,
                        model=place.target.model,
                        caller=caller,
                        request_id=request_id,
                        traceparent=trace,
                    )
                    watched.begun()
                    return made
            except ELSEWHERE as error:
                self._next(attempts, place, error)
            finally:
                debt.settle()

    async def _at(
        self, place: Place, generation: Generation[str], attempts: Attempts
    ) -> AsyncGenerator[Piece | CallPiece | AsidePiece | Ending, None]:
        """The answer of one target. Whatever happens, its place is free afterwards."""
        left = None if attempts.ends_at is None else max(0.001, attempts.ends_at - self._clock())
        answer = generation.max_tokens * generation.choices
        debt = Debt.of(place.live, prompt=tokens_in(generation.prompt_chars), answer=answer)
        try:
            with (
                Watched(self, place) as watched,
                self.attempt(place.live.server, generation.traceparent) as trace,
            ):
                asked = replace(
                    generation, model=place.target.model, deadline_seconds=left, traceparent=trace
                )
                async with aclosing(place.live.answers.answer(asked)) as events:
                    async for event in events:
                        assert not isinstance(event, Answering)  # no server here has fallbacks of its own
                        watched.begun()
                        debt.note(event)
                        yield event
        finally:
            debt.settle()

    # -- where --

    async def _place(self, attempts: Attempts) -> Place:
        """A place at the best server there is, waited for if all of them are full. Raises what went wrong
        before where there is none left, else ModelUnavailable, QueueFull or DeadlineExceeded."""
        while True:
            models = self._models(attempts)
            for model in models:
                able = {self._lives[target.server]: target for target in self._able(model, attempts)}
                if not able:
                    continue
                free = {live: target for live, target in able.items() if self._is_free(live)}
                if free:
                    live = self._pick(attempts.beginning, free)
                    live.running += 1
                    return Place(model, free[live], live)
                waited = await self._wait(able, attempts)
                if waited is not None:
                    return Place(model, able[waited], waited)
                break  # something changed: look again, from the first model on
            else:
                raise attempts.error or self._nobody(models)

    async def _wait(self, able: Collection[Live], attempts: Attempts) -> Live | None:
        now, again = self._clock(), attempts.waits_until is not None
        if attempts.waits_until is None:
            attempts.waits_until = min(now + self._queue_seconds, attempts.ends_at or math.inf)
        return await self._line.wait(able, seconds=max(0.001, attempts.waits_until - now), again=again)

    def _models(self, attempts: Attempts) -> tuple[Model, ...]:
        """In the order in which they may answer. A field that a server does not know is no reason to ask
        another model."""
        asked = self._model(attempts.name)
        return (asked,) if isinstance(attempts.error, ParameterUnsupported) else self._with_fallbacks(asked)

    @staticmethod
    def _pick(beginning: bytes, free: Mapping[Live, Target]) -> Live:
        options = {live.option(target.weight): live for live, target in free.items()}
        return options[pick(beginning, tuple(options))]

    def _able(self, model: Model, attempts: Attempts) -> Iterator[Target]:
        """The targets that may be asked now. One server may have a model twice; one of them is enough."""
        now = self._clock()
        for target in model.targets:
            if target not in attempts.tried and self._lives[target.server].may_take(now, target.model):
                yield target

    def _is_free(self, live: Live) -> bool:
        return live.has_room and not self._line.is_ahead(live)

    def _nobody(self, models: Sequence[Model]) -> InferenceError:
        """Nobody may be asked at all: each is ejected, busy or draining."""
        now = self._clock()
        known = [(self._lives[each.server], each.model) for model in models for each in model.targets]
        seconds = round(min(live.opens_at(now, name) for live, name in known) - now) + 1
        if any(live.state(now, name) == "busy" for live, name in known):
            return QueueFull(retry_after_seconds=seconds)
        error = ModelUnavailable(NOBODY)
        error.retry_after_seconds = seconds
        return error

    def _next(self, attempts: Attempts, place: Place, error: InferenceError) -> None:
        """Another target may be tried. Raises the error where there is none, or no budget for it."""
        attempts.tried.add(place.target)
        attempts.waits_until = None
        attempts.error = error
        if not any(True for model in self._models(attempts) for _ in self._able(model, attempts)):
            raise error
        if not isinstance(error, FREE) and not self._budget.spend():
            raise error

    def left(self, live: Live, model: str, attempt: object, error: BaseException | None) -> None:
        """An attempt is over, and its place free."""
        now, health = self._clock(), live.model(model)
        could_take, before = live.may_take(now, model), health.state(now)
        if live.server.remote is not None:  # the models of this process know by themselves how they are
            live.judge(error, now, model)
        for each in (live.health, health):
            each.over(attempt)
        can_take, after = live.may_take(now, model), health.state(now)
        if can_take:
            self._line.leave(live)
        else:
            live.running -= 1
        if could_take != can_take:
            self._line.stir()
        if before != after == "ejected":
            logger.warning("model ejected", extra={"backend": live.server.name, "model": model})


class Watched:
    """One attempt, for the health of its server and of the model there."""

    def __init__(self, router: Router, place: Place) -> None:
        self._router = router
        self._live = place.live
        self._model = place.target.model
        self._healths = (place.live.health, place.live.model(place.target.model))
        self._has_begun = False

    def __enter__(self) -> "Watched":
        for health in self._healths:
            health.begin(self)
        return self

    def begun(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            for health in self._healths:
                health.begun()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._router.left(self._live, self._model, self, error)
