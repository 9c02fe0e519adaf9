"""Where it is counted, what happens while Redis is away, and that months outlive every process."""

import asyncio
from concurrent.futures import Future
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async

from accounts.errors import (
    BudgetSpent,
    LimitsUnavailable,
    TooManyRequests,
    TooManyStreams,
    TooManyTokensAtOnce,
)
from accounts.limits import usage
from accounts.limits.ledger import Wanted
from accounts.limits.limiter import Limiter
from accounts.limits.memory import MemoryTill
from accounts.limits.quotas import Bound, Quota
from accounts.limits.reservations import Reservation
from accounts.limits.shared import SharedTill
from accounts.limits.tills import Reply, TillAway
from accounts.limits.usage import Used
from accounts.models import Usage

GONE = "redis://127.0.0.1:1/0"


def bound(*numbers, **named):
    return Bound(uuid4(), Quota(*numbers, **named))


async def test_what_is_not_limited_is_not_counted_and_asks_nobody():
    limits = Limiter(SharedTill(GONE), is_open=False)
    assert await limits.reserve([bound(), bound(0, 0, 0, 0)], tokens=10**9) is None


async def test_a_user_and_his_key_are_counted_together():
    limits, user, key = Limiter(), bound(5), bound(2)
    for _ in range(2):
        taken = await limits.reserve([user, key], tokens=1)
        taken.settle(tokens=1)
    assert [one.requests for one in taken.standings] == [2, 2]
    with pytest.raises(TooManyRequests) as refused:
        await limits.reserve([user, key], tokens=1)
    assert refused.value.limit == 2
    assert 0 < refused.value.retry_after_seconds <= 61
    assert (await limits.reserve([user], tokens=1)).standings[0].requests == 3


async def test_settling_frees_the_seat_at_once():
    limits, user = Limiter(), bound(streams=1)
    taken = await limits.reserve([user], tokens=5)
    with pytest.raises(TooManyStreams):
        await limits.reserve([user], tokens=5)
    taken.settle(tokens=5)
    await limits.reserve([user], tokens=5)


async def test_more_than_any_minute_holds_is_not_worth_a_wait():
    with pytest.raises(TooManyTokensAtOnce) as refused:
        await Limiter().reserve([bound(tokens_per_minute=10)], tokens=11)
    assert refused.value.retry_after_seconds is None


# -- Redis away --


async def test_without_redis_each_process_counts_by_itself_where_that_is_wanted():
    limits, user = Limiter(SharedTill(GONE)), bound(2)
    for _ in range(2):
        await limits.reserve([user], tokens=1)
    with pytest.raises(TooManyRequests):
        await limits.reserve([user], tokens=1)
    assert limits.state() == "degraded"
    assert limits.look([user])[0].requests == 2


async def test_without_redis_nobody_with_limits_is_let_in_where_that_is_wanted():
    limits = Limiter(SharedTill(GONE), is_open=False)
    for _ in range(3):
        with pytest.raises(LimitsUnavailable):
            await limits.reserve([bound(2)], tokens=1)
    assert await limits.reserve([bound()], tokens=1) is None
    assert limits.state() == "down"
    with pytest.raises(LimitsUnavailable):
        limits.look([bound(2)])


async def test_what_redis_took_and_cannot_be_asked_to_settle_costs_nobody_anything():
    """The lease is no longer renewed, so it runs out."""
    till = SharedTill(GONE)
    till._leases["x"] = ("name",)
    till._rests_until = float("inf")
    till.settle(Reservation("x", (bound(1),), 1, 1, (), till), tokens=1)
    assert not till._leases


# -- who leaves --


class SlowTill(MemoryTill):
    """Answers when it is told to."""

    def reserve(self, bounds, wanted, learned):
        self.answer = Future()
        self.answer.set_running_or_notify_cancel()
        self.late = lambda: self.answer.set_result(super(SlowTill, self).reserve(bounds, wanted, {}).result())
        return self.answer


async def test_who_leaves_before_he_is_let_in_holds_nothing():
    limits, user = Limiter(till := SlowTill()), bound(streams=1)
    waiting = asyncio.create_task(limits.reserve([user], tokens=5))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    till.late()
    reply = MemoryTill.reserve(till, [user], Wanted("b"), {}).result()
    assert reply.refusal is None


# -- months --

pytestmark = pytest.mark.django_db(transaction=True)


def used_by(subject):
    return Usage.objects.get(subject=subject)


async def test_a_month_is_asked_for_once_and_then_known(django_assert_num_queries):
    limits, user = Limiter(), bound(monthly_tokens=100)
    await sync_to_async(usage.add)({user.subject: Used(3, 70)})
    asked = await sync_to_async(count_queries)(limits, user)
    assert asked == 1
    with pytest.raises(BudgetSpent) as refused:
        await limits.reserve([user], tokens=31)
    assert refused.value.retry_after_seconds > 0


def count_queries(limits, user):
    from asgiref.sync import async_to_sync
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    async def several():
        for _ in range(20):
            (await limits.reserve([user], tokens=1)).settle(tokens=0)

    with CaptureQueriesContext(connection) as queries:
        async_to_sync(several)()
    return len(queries)


async def test_a_budget_outlives_the_process_that_counted():
    user = bound(monthly_tokens=100)
    taken = await Limiter().reserve([user], tokens=100)
    await sync_to_async(usage.add)({user.subject: Used(1, 90)})  # as the book's writer does
    taken.settle(tokens=90)
    with pytest.raises(BudgetSpent):
        await Limiter().reserve([user], tokens=11)
    assert (await Limiter().reserve([user], tokens=10)).standings[0].month == 100


async def test_usage_adds_up_for_each_subject_in_one_statement(django_assert_num_queries):
    one, two = uuid4(), uuid4()

    def twice():
        with django_assert_num_queries(2):
            usage.add({one: Used(1, 10), two: Used(2, 20)})
            usage.add({one: Used(1, 5)})
        usage.add({})
        return used_by(one), used_by(two)

    first, second = await sync_to_async(twice)()
    assert (first.requests, first.tokens, second.requests, second.tokens) == (2, 15, 2, 20)
    assert first.month.day == 1
    found = await sync_to_async(usage.in_month)(first.month, [one, other := uuid4()])
    assert found == {one: Used(2, 15), other: Used()}


async def test_a_month_that_nobody_can_be_told_is_no_answer():
    class Forgetful(MemoryTill):
        def reserve(self, bounds, wanted, learned):
            reply = Future()
            reply.set_result(Reply(month=24_000, marks={one.subject: 1 for one in bounds}))
            return reply

    limits = Limiter(Forgetful())
    with pytest.raises(LimitsUnavailable):
        await limits.reserve([bound(monthly_tokens=5)], tokens=1)
    with pytest.raises(LimitsUnavailable):
        await sync_to_async(limits.look)([bound(monthly_tokens=5)])


@pytest.mark.redis
async def test_with_redis_a_budget_is_one_for_all_processes_and_outlives_redis(settings):
    import redis

    here, there = Limiter(SharedTill(settings.REDIS_URL)), Limiter(SharedTill(settings.REDIS_URL))
    user = bound(monthly_tokens=100)
    await sync_to_async(usage.add)({user.subject: Used(1, 60)})
    taken = await here.reserve([user], tokens=30)
    with pytest.raises(BudgetSpent):
        await there.reserve([user], tokens=11)
    await sync_to_async(usage.add)({user.subject: Used(1, 30)})
    taken.settle(tokens=30)
    await sync_to_async(here.look)([user])  # behind it in the same line
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete(*client.keys(f"gateway:limits:{user.subject.hex}*"))  # it lost everything
    client.close()
    with pytest.raises(BudgetSpent):
        await there.reserve([user], tokens=11)
    assert (await there.reserve([user], tokens=10)).standings[0].month == 100
    here.close()
    there.close()


def test_a_redis_that_is_away_is_told_at_once_and_left_alone_for_a_while():
    till = SharedTill(GONE)
    answer = till.reserve([bound(1)], Wanted("x"), {})
    with pytest.raises(TillAway):
        answer.result(30)
    assert not till.works
    with pytest.raises(TillAway):
        till.ping()
    till.close()
