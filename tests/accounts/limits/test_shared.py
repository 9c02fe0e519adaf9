"""Limits in Redis: exact across processes, by one clock, healing by themselves, with nothing raw in it."""

import asyncio
import hashlib
import multiprocessing
import os
import signal
import time
from uuid import uuid4

import pytest
import redis
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as rules
from hypothesis import strategies as st

from accounts.limits import shared as module
from accounts.limits.ledger import Account, Moment, Wanted, reserve
from accounts.limits.limiter import Limiter
from accounts.limits.quotas import Bound, Quota
from accounts.limits.reservations import Reservation
from accounts.limits.shared import NAMES, SharedTill, name_of
from accounts.limits.tills import Learned, TillAway
from tests.accounts.limits.processes import SOON, hammer, hammer_in_a_loop, hold, taken

pytestmark = pytest.mark.redis
spawned = multiprocessing.get_context("spawn")


@pytest.fixture
def client():
    opened = redis.Redis.from_url(settings.REDIS_URL)
    yield opened
    opened.close()


@pytest.fixture
def till():
    opened = SharedTill(settings.REDIS_URL)
    yield opened
    opened.close()


def until(is_true, seconds=30):
    ends = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < ends
        time.sleep(0.02)


# -- processes --


@pytest.mark.parametrize(
    ("quota", "most"),
    [((200,), 200), ((None, 600), 200), ((None, None, 200), 200)],
    ids=["requests", "tokens", "streams"],
)
@pytest.mark.parametrize("hammering", [hammer, hammer_in_a_loop], ids=["threads", "event loops"])
def test_four_processes_under_load_reach_a_limit_and_never_exceed_it(hammering, quota, most):
    """Of the user's and the key's limits the narrower one counts."""
    subjects = [uuid4(), uuid4()]
    start, results = spawned.Event(), spawned.Queue()
    arguments = (settings.REDIS_URL, subjects, quota, 1.0, start, results)
    running = [spawned.Process(target=hammering, args=arguments) for _ in range(4)]
    for process in running:
        process.start()
    time.sleep(2)
    start.set()
    counts = [results.get(timeout=90) for _ in running]
    for process in running:
        process.join(30)
    assert sum(counts) == most


def test_what_a_killed_process_held_is_free_when_its_lease_runs_out(till, client):
    subject, ready = uuid4(), spawned.Event()
    quota = (None, None, 1, 100)
    learn(till, [Bound(subject, Quota(*quota))], 90)
    process = spawned.Process(target=hold, args=(settings.REDIS_URL, subject, quota, 3000, ready))
    process.start()
    assert ready.wait(60)
    bounds = [Bound(subject, Quota(*quota))]
    ends = lease_ends(client, subject)
    until(lambda: lease_ends(client, subject) >= ends + 3000)  # it is renewed while its process lives
    is_in, reply = taken(till, bounds, 10)
    assert not is_in
    assert (reply.standings[0].streams, reply.standings[0].month) == (1, 100)
    os.kill(process.pid, signal.SIGKILL)
    process.join(SOON)
    until(lambda: taken(till, bounds, 10)[0])
    assert client.zcard(name_of(subject) + ":l") == 1


def lease_ends(client, subject):
    """When the one lease of this subject runs out, in ms."""
    ((_, ends),) = client.zrange(name_of(subject) + ":l", 0, -1, withscores=True)
    return ends


def learn(till, bounds, used):
    """Tells Redis what the database would say."""
    marks = till.reserve(bounds, Wanted("", requests=0, with_lease=False), {}).result(SOON).marks
    said = {subject: Learned(mark, used) for subject, mark in marks.items()}
    assert not till.reserve(bounds, Wanted("", requests=0, with_lease=False), said).result(SOON).marks


# -- the same arithmetic --

SUBJECTS = uuid4(), uuid4()
# Each limit alone and beside others: where all were tight at once, the longest wait would hide the rest.
QUOTAS = st.builds(
    Quota,
    requests_per_minute=st.sampled_from([None, 3, 4]),
    tokens_per_minute=st.sampled_from([0, 60, 200]),
    streams=st.sampled_from([None, 1, 3]),
    monthly_tokens=st.sampled_from([None, 300, 400]),
)
# Reserves, settles, renews, looks; after so many ms; for so many tokens, of which so many are used.
STEPS = st.lists(
    st.tuples(st.integers(0, 25_000), st.sampled_from("rrrssnl"), st.integers(0, 70), st.integers(0, 90)),
    max_size=40,
)


def asks(*tokens):
    return [(10, "r", amount, 0) for amount in tokens]


REASONS = {
    "requests": (Quota(requests_per_minute=3), asks(0, 0, 0, 0)),
    "tokens": (Quota(tokens_per_minute=60), asks(30, 30, 1)),
    "size": (Quota(tokens_per_minute=60), asks(61)),
    "streams": (Quota(streams=3), asks(0, 0, 0, 0)),
    "month": (Quota(monthly_tokens=300), asks(150, 150, 1)),
}


@given(st.tuples(QUOTAS, QUOTAS), STEPS)
@rules(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_the_scripts_do_what_the_ledger_says(till, client, monkeypatch, quotas, steps):
    compare(till, client, monkeypatch, quotas, steps)


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("whose", [0, 1])
def test_the_scripts_refuse_what_the_ledger_refuses_and_nothing_before(
    till, client, monkeypatch, reason, whose
):
    quota, steps = REASONS[reason]
    quotas = (quota, Quota()) if whose == 0 else (Quota(), quota)
    refusals = compare(till, client, monkeypatch, quotas, steps)
    assert [one and one.reason for one in refusals] == [None] * (len(steps) - 1) + [reason]


def compare(till, client, monkeypatch, quotas, steps):
    """Takes the same steps in Redis and in Python, each with the same outcome; how each that reserved was
    refused."""
    nothing = Wanted("", requests=0, with_lease=False)
    till.reserve([Bound(SUBJECTS[0], quotas[0])], nothing, {}).result(SOON)  # behind what was settled before
    for subject in SUBJECTS:
        client.delete(*(name_of(subject) + kind for kind in (":r", ":t", ":l", ":h", ":m")))
    december_ms = 1_796_083_200_000
    ms, running, refusals = december_ms - 1_500_000, {}, []
    sides = [(Bound(subject, quota), Account()) for subject, quota in zip(SUBJECTS, quotas, strict=True)]
    for number, (pause, kind, amount, used) in enumerate(steps):
        ms += pause
        now = Moment(ms, 2026 * 12 + 10, december_ms)
        monkeypatch.setattr(module, "given_time", lambda: str(ms))  # noqa: B023  (used before the next step)
        if kind == "s" and running:
            settle_oldest(till, sides, running, now, used)
        elif kind == "n" and running:
            renew_oldest(till, sides, running, now)
        else:
            with_lease = kind == "r"
            wanted = Wanted(str(number), amount if with_lease else 0, int(with_lease), with_lease)
            refusal = ask_both(till, sides, wanted, now, used)
            if with_lease:
                refusals.append(refusal)
                if refusal is None:
                    running[wanted.id] = (amount, now.second)
    return refusals


def settle_oldest(till, sides, running, now, used):
    id, (reserved, second) = next(iter(running.items()))
    del running[id]
    for bound, account in sides:
        account.settle(bound.quota, id, reserved=reserved, used=used, second=second, now=now)
    bounds = tuple(bound for bound, _ in sides)
    till.settle(Reservation(id, bounds, reserved, second, (), till), tokens=used)


def renew_oldest(till, sides, running, now):
    id = next(iter(running))
    for _, account in sides:
        account.renew(id, now, lease_ms=30_000)
    till._leases = {id: tuple(name_of(subject) for subject in SUBJECTS)}
    till._ask(till._renewals()[0]).result(SOON)


def ask_both(till, sides, wanted, now, used):
    """What both say of this, the month learned where it has to be."""
    bounds = [bound for bound, _ in sides]
    marks = {
        bound.subject: account.month.ask(now)
        for bound, account in sides
        if bound.quota.monthly_tokens and not account.month.is_known(now)
    }
    reply = till.reserve(bounds, wanted, {}).result(SOON)
    assert till.works  # else what was settled or renewed before was refused by Redis, and nobody told
    assert reply.marks == marks
    if marks:
        for bound, account in sides:
            if bound.subject in marks:
                account.month.learn(used, mark=marks[bound.subject], now=now)
        said = {subject: Learned(mark, used) for subject, mark in marks.items()}
        reply = till.reserve(bounds, wanted, said).result(SOON)
    refusal = reserve([(account, bound.quota) for bound, account in sides], wanted, now)
    assert reply.refusal == refusal
    assert list(reply.standings) == [account.standing(bound.quota, now) for bound, account in sides]
    return refusal


# -- Redis itself --


def test_the_clock_is_the_servers_whatever_a_process_thinks(till, monkeypatch):
    bounds = [Bound(uuid4(), Quota(1))]
    assert taken(till, bounds)[0]
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert not taken(till, bounds)[0]
    _, reply = taken(till, bounds)
    assert reply.now_ms > 1_700_000_000_000


def test_a_redis_that_was_started_anew_is_given_its_scripts_again(till, client):
    bounds = [Bound(uuid4(), Quota(2))]
    assert taken(till, bounds)[0]
    client.script_flush()
    waiting = [till.reserve(bounds, Wanted(str(uuid4())), {}) for _ in range(3)]
    assert [one.result(SOON).refusal is None for one in waiting] == [True, False, False]


def test_a_redis_that_answers_with_an_error_is_as_good_as_away(till, client):
    bound = Bound(uuid4(), Quota(2))
    client.set(name_of(bound.subject) + ":r", "no hash", px=5_000)
    with pytest.raises(TillAway):
        taken(till, [bound])
    assert not till.works


class Nonsense:
    text = "return 'nonsense'"
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def test_an_answer_that_nobody_can_read_leaves_nobody_waiting(till, monkeypatch):
    monkeypatch.setattr(module, "RESERVE", Nonsense)
    monkeypatch.setitem(module.TEXTS, Nonsense.sha, Nonsense.text)
    waiting = [till.reserve([Bound(uuid4(), Quota(2))], Wanted(str(uuid4())), {}) for _ in range(3)]
    for one in waiting:
        with pytest.raises(TillAway):
            one.result(SOON)


def test_a_call_that_is_sent_twice_counts_once(till):
    bounds = [Bound(uuid4(), Quota(requests_per_minute=5, streams=1))]
    for _ in range(3):
        is_in, reply = taken(till, bounds, id="the same")
        assert is_in
        assert (reply.standings[0].requests, reply.standings[0].streams) == (1, 1)


def test_everything_in_redis_is_an_id_or_a_number_and_goes_by_itself(till, client):
    bound = Bound(uuid4(), Quota(5, 500, 5, 5000))
    learn(till, [bound], 7)
    is_in, reply = taken(till, [bound], 10)
    assert is_in
    till.settle(Reservation("x", (bound,), 10, reply.now_ms // 1000, (), till), tokens=3)
    taken(till, [bound], 10)
    keys = client.keys(f"{NAMES}{bound.subject.hex}*")
    assert len(keys) == 5
    assert all(0 < client.pttl(key) <= 3_600_000 for key in keys)
    words = {"", "number", "used", "learned", "mark", "late"}
    for key in keys:
        held = client.zrange(key, 0, -1) if key.endswith(b":l") else client.hgetall(key)
        for word in [*held, *(held.values() if isinstance(held, dict) else ())]:
            text = word.decode()
            assert text in words or text.lstrip("-").isdigit() or len(text) == 36, (key, text)


def test_what_one_reserves_and_settles_leaves_nothing_behind(till, client):
    bound = Bound(uuid4(), Quota(streams=1, tokens_per_minute=50, monthly_tokens=500))
    learn(till, [bound], 0)
    for _ in range(3):
        _, reply = taken(till, [bound], 50, id="a")
        assert reply.refusal is None
        till.settle(Reservation("a", (bound,), 50, reply.now_ms // 1000, (), till), tokens=0)
    # Nobody waits for what is settled.
    until(lambda: client.hgetall(name_of(bound.subject) + ":h") in ({}, {b"": b"0"}))
    assert not till._leases


def test_what_holds_no_tokens_gives_its_seat_back_like_any_other(till):
    bound = Bound(uuid4(), Quota(streams=1))
    for _ in range(3):
        _, reply = taken(till, [bound], 0, id="a")
        assert (till.works, reply.refusal) == (True, None)
        till.settle(Reservation("a", (bound,), 0, reply.now_ms // 1000, (), till), tokens=0)


async def test_event_loops_and_threads_count_together(till):
    """As prompts do, with what they reserve and settle at once, and other code."""
    bounds = [Bound(uuid4(), Quota(requests_per_minute=100, streams=100))]

    async def ask_and_settle(number):
        reply = await till.reserve(bounds, Wanted(str(number), 1), {})
        if reply.refusal is None:
            till.settle(Reservation(str(number), tuple(bounds), 1, 1, (), till), tokens=1)
        return reply.refusal is None

    def elsewhere():
        return asyncio.run(ask_and_settle("loop")), taken(till, bounds, id="thread")[0]

    assert await asyncio.to_thread(elsewhere) == (True, True)
    let_in = await asyncio.gather(*(ask_and_settle(number) for number in range(200)))
    assert sum(let_in) == 98
    reply = await till.reserve(bounds, Wanted("", requests=0, with_lease=False), {})
    assert reply.standings[0].streams == 1  # the thread's, who did not settle


async def test_a_lease_is_renewed_on_its_event_loop_until_it_is_settled(settings, client):
    till = SharedTill(settings.REDIS_URL, lease_ms=900)
    bound = Bound(uuid4(), Quota(streams=2))
    await till.reserve([bound], Wanted("a", 1), {})
    ends = lease_ends(client, bound.subject)
    async with asyncio.timeout(SOON):
        while lease_ends(client, bound.subject) < ends + 900:
            await asyncio.sleep(0.05)
    till.settle(Reservation("a", (bound,), 1, 1, (), till), tokens=1)
    await asyncio.sleep(0.7)  # behind two renewals
    assert not client.zcard(name_of(bound.subject) + ":l")
    assert not till._renewing
    till.close()


async def test_who_leaves_while_redis_takes_it_gives_it_back(till, client):
    limits, user = Limiter(till), Bound(uuid4(), Quota(streams=1))
    (await limits.reserve([Bound(uuid4(), Quota(5))], tokens=0)).settle(tokens=0)  # it is connected
    for _ in range(20):
        leaving = asyncio.create_task(limits.reserve([user], tokens=5))
        await asyncio.sleep(0)  # it is sent
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
    async with asyncio.timeout(SOON):
        while till._leases or client.zcard(name_of(user.subject) + ":l"):
            await asyncio.sleep(0.01)
    assert (await limits.reserve([user], tokens=5)).standings[0].streams == 1


async def test_what_is_settled_last_is_sent_before_the_end(settings, client):
    till, bound = SharedTill(settings.REDIS_URL), Bound(uuid4(), Quota(streams=100))
    for number in range(100):
        await till.reserve([bound], Wanted(str(number), 1), {})
    for number in range(100):
        till.settle(Reservation(str(number), (bound,), 1, 1, (), till), tokens=1)
    await asyncio.to_thread(till.close)
    assert not client.zcard(name_of(bound.subject) + ":l")


def test_a_forked_process_has_connections_and_leases_of_its_own(settings):
    """A server may fork in an event loop's callback; the loop and its connection are the parent's then."""
    till, bounds = SharedTill(settings.REDIS_URL), [Bound(uuid4(), Quota(10))]

    async def ask():
        return (await till.reserve(bounds, Wanted(str(uuid4()), 1), {})).standings[0].requests

    async def parent():
        first, child = await ask(), os.fork()
        if not child:
            code = 1
            try:
                counted = asyncio.run(ask())
                code = 0 if (counted, len(till._leases)) == (2, 1) else 2
            finally:
                os._exit(code)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        return first, os.waitstatus_to_exitcode(status), await ask()

    assert asyncio.run(parent()) == (1, 0, 3)
    assert len(till._leases) == 2
