"""
Reserves and settles, wherever it is counted: in Redis if there is one, else in this process.

Redis away: `is_open` has each process count by itself until it is back; otherwise whoever has limits gets
LimitsUnavailable. Whoever has none is never asked about.
"""

import asyncio
import math
from collections.abc import Sequence
from functools import cache
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from django.conf import settings

from accounts.errors import (
    BudgetSpent,
    LimitReached,
    LimitsUnavailable,
    TooManyRequests,
    TooManyStreams,
    TooManyTokens,
    TooManyTokensAtOnce,
)
from accounts.limits import usage
from accounts.limits.ledger import Reason, Refusal, Standing, Wanted
from accounts.limits.memory import MemoryTill
from accounts.limits.quotas import Bound
from accounts.limits.reservations import Reservation
from accounts.limits.shared import SharedTill
from accounts.limits.tills import Answer, Learned, Reply, Till, TillAway

# Somebody else may be learning the same month; then his answer is as good.
TRIES = 4
ERRORS: dict[Reason, type[LimitReached]] = {
    "requests": TooManyRequests,
    "tokens": TooManyTokens,
    "streams": TooManyStreams,
    "month": BudgetSpent,
    "size": TooManyTokensAtOnce,
}


class Limiter:
    """`reservations.Limits`. Safe to use from any thread and from the event loop."""

    def __init__(self, shared: Till | None = None, *, is_open: bool = True) -> None:
        self.memory: Till = MemoryTill()
        self.shared = shared
        self.is_open = is_open

    async def reserve(
        self, bounds: Sequence[Bound], *, tokens: int, with_lease: bool = True
    ) -> Reservation | None:
        """Takes a request and its tokens, from every subject that is limited or from none. No query, but one
        each ten minutes for a subject with a monthly budget."""
        limited = tuple(bound for bound in bounds if bound.quota.limits_anything)
        if not limited:
            return None
        wanted = Wanted(str(uuid4()), tokens, with_lease=with_lease)
        try:
            return await self._reserve(self._till(), limited, wanted)
        except TillAway:  # it is left alone from now on: another one, or LimitsUnavailable
            return await self._reserve(self._till(), limited, wanted)

    async def _reserve(self, till: Till, bounds: tuple[Bound, ...], wanted: Wanted) -> Reservation:
        learned: dict[UUID, Learned] = {}
        for _ in range(TRIES):
            answer = till.reserve(bounds, wanted, learned)
            try:
                # Shielded: whoever leaves must not cancel what may be taken at this moment.
                reply = (
                    answer.result() if answer.done() else await asyncio.shield(asyncio.wrap_future(answer))
                )
            except asyncio.CancelledError:
                answer.add_done_callback(lambda late: give_back(late, till, bounds, wanted))
                raise
            if not reply.marks:
                return taken(reply, till, bounds, wanted)
            learned = await sync_to_async(learn)(reply)
        raise LimitsUnavailable

    def look(self, bounds: Sequence[Bound]) -> tuple[Standing, ...]:
        """Where these subjects stand, without taking anything; for code that may wait, so in no event
        loop. Raises LimitsUnavailable, and what the database raises."""
        wanted, learned = Wanted("", requests=0, with_lease=False), dict[UUID, Learned]()
        for _ in range(TRIES):
            try:
                reply = self._till().reserve(bounds, wanted, learned).result()
            except TillAway:
                continue
            if not reply.marks:
                return reply.standings
            learned = learn(reply)
        raise LimitsUnavailable

    def state(self) -> str:
        """For readiness: ready, degraded (each process counts by itself) or down."""
        if self.shared is None:
            return "ready"
        try:
            self.shared.ping()
        except TillAway:
            return "degraded" if self.is_open else "down"
        return "ready"

    def close(self) -> None:
        if self.shared is not None:
            self.shared.close()

    def _till(self) -> Till:
        if self.shared is None:
            return self.memory
        if self.shared.works:
            return self.shared
        if self.is_open:
            return self.memory
        raise LimitsUnavailable


def learn(reply: Reply) -> dict[UUID, Learned]:
    """What the database says about the months that nobody knows."""
    used = usage.in_month(usage.month_of(reply.month), reply.marks)
    return {subject: Learned(mark, used[subject].tokens) for subject, mark in reply.marks.items()}


def taken(reply: Reply, till: Till, bounds: tuple[Bound, ...], wanted: Wanted) -> Reservation:
    """Raises the LimitReached of a refusal."""
    if reply.refusal is not None:
        raise refused(reply.refusal, reply.standings, tokens=wanted.tokens)
    return Reservation(
        wanted.id, bounds, wanted.tokens, reply.now_ms // 1000, standings=reply.standings, till=till
    )


def refused(refusal: Refusal, standings: tuple[Standing, ...], *, tokens: int) -> LimitReached:
    wait = None if refusal.wait_ms is None else max(1, math.ceil(refusal.wait_ms / 1000))
    return ERRORS[refusal.reason](
        limit=refusal.limit, tokens=tokens, retry_after_seconds=wait, standings=standings
    )


def give_back(late: Answer, till: Till, bounds: tuple[Bound, ...], wanted: Wanted) -> None:
    """The caller left before he heard that he may go on."""
    reply = None if late.exception() else late.result()
    if reply is not None and not reply.marks and reply.refusal is None:
        taken(reply, till, bounds, wanted).settle(tokens=0)


@cache
def limiter() -> Limiter:
    """This process's, as the settings describe it."""
    shared = SharedTill(settings.REDIS_URL) if settings.REDIS_URL else None
    return Limiter(shared, is_open=settings.LIMITS_WITHOUT_REDIS == "open")
