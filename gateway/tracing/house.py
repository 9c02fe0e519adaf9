"""
The stages of a prompt, seen from outside: each part of a `House` with something around it that begins and
ends a span. The pipeline and the parts know nothing of it, and without traces there is none of it.

    limits > policy > sanitize prompt > journal accept > cache look-up > a model > journal finish
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from accounts.limits.quotas import Bound
from accounts.limits.reservations import Limits, Reservation
from gateway.tracing.answering import SeenBackend
from gateway.tracing.facts import conclusion_of
from gateway.tracing.spans import StageName, Tracer
from prompts.caching.answers import AnswerCache, CachedAnswer, NoCache
from prompts.caching.replies import Replies, Reply
from prompts.house import House
from prompts.journal import Entry, Journal, JournalState, Result
from prompts.outcomes import Conclusion
from sanitization.chain import Chain, Screened

P = ParamSpec("P")
T = TypeVar("T")


def traced(house: House, tracer: Tracer, *, provider: str) -> House:
    """The same house, watched. `provider` is who answers in it; empty where several do."""
    return replace(
        house,
        chain=SeenChain(house.chain, tracer),
        policy_of=staged(house.policy_of, tracer, "policy"),
        backend=SeenBackend(house.backend, tracer, provider=provider),
        journal=SeenJournal(house.journal, tracer),
        cache=house.cache if isinstance(house.cache, NoCache) else SeenCache(house.cache, tracer),
        replies=None if house.replies is None else SeenReplies(house.replies, tracer),
        limits=None if house.limits is None else SeenLimits(house.limits, tracer),
        listener=Concluding(house.listener, tracer),
    )


def staged(step: Callable[P, Awaitable[T]], tracer: Tracer, name: StageName) -> Callable[P, Awaitable[T]]:
    """The same step, as a stage."""

    async def seen(*args: P.args, **kwargs: P.kwargs) -> T:
        with tracer.stage(name):
            return await step(*args, **kwargs)

    return seen


class SeenChain(Chain):
    """The filters and the keys of another chain, which are its own from now on."""

    def __init__(self, chain: Chain, tracer: Tracer) -> None:
        vars(self).update(vars(chain))
        self._tracer = tracer

    def screen_prompt(self, *args: Any, **kwargs: Any) -> Screened:
        with self._tracer.stage("sanitize prompt"):
            return super().screen_prompt(*args, **kwargs)


class SeenLimits:
    """`Limits`."""

    def __init__(self, limits: Limits, tracer: Tracer) -> None:
        self._limits = limits
        self._tracer = tracer

    async def reserve(
        self, bounds: Sequence[Bound], *, tokens: int, with_lease: bool = True
    ) -> Reservation | None:
        with self._tracer.stage("limits"):
            return await self._limits.reserve(bounds, tokens=tokens, with_lease=with_lease)


class SeenCache:
    """`AnswerCache`. What is kept is kept after the answer, and is nobody's wait."""

    def __init__(self, cache: AnswerCache, tracer: Tracer) -> None:
        self._cache = cache
        self._tracer = tracer

    async def get(self, key: str) -> CachedAnswer | None:
        with self._tracer.during("cache look-up") as seen:
            found = await self._cache.get(key)
            seen.say({"gateway.found": found is not None})
            return found

    def put(self, key: str, answer: CachedAnswer) -> Awaitable[None]:
        return self._cache.put(key, answer)


class SeenReplies(Replies):
    """The store of others, looked into."""

    def __init__(self, replies: Replies, tracer: Tracer) -> None:
        vars(self).update(vars(replies))
        self._tracer = tracer

    async def find(self, name: str, body: str) -> Reply | None:
        with self._tracer.during("reply look-up") as seen:
            found = await super().find(name, body)
            seen.say({"gateway.found": found is not None})
            return found


class SeenJournal:
    """`Journal`. The second row's span ends when the row is committed, waited for or not."""

    def __init__(self, journal: Journal, tracer: Tracer) -> None:
        self._journal = journal
        self._tracer = tracer

    @property
    def is_open(self) -> bool:
        return self._journal.is_open

    def state(self) -> JournalState:
        return self._journal.state()

    async def accept(self, entry: Entry) -> None:
        with self._tracer.stage("journal accept"):
            await self._journal.accept(entry)

    def finish(self, id: UUID, result: Result) -> "asyncio.Future[None]":
        seen = self._tracer.begin("journal finish")
        settled = self._journal.finish(id, result)

        def end(future: "asyncio.Future[None]") -> None:
            seen.end_by(None if future.cancelled() else future.exception())

        settled.add_done_callback(end)
        return settled


class Concluding:
    """Says on the request's span how its prompt ended, and then tells who listened before."""

    def __init__(self, before: Callable[[Conclusion], None] | None, tracer: Tracer) -> None:
        self._before = before
        self._tracer = tracer

    def __call__(self, ended: Conclusion) -> None:
        self._tracer.here().say(conclusion_of(ended))
        if (lasted_ms := ended.times.sanitize_ms) > 0:
            # Between the pieces of the answer, as they came: added up here.
            self._tracer.past("sanitize answer", lasted_ms=lasted_ms, facts={"gateway.summed": True})
        if self._before is not None:
            self._before(ended)
