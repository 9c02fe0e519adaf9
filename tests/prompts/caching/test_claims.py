"""One generation for several processes: here, houses with connections of their own to one Redis."""

import asyncio
import subprocess
import sys
import time
from uuid import uuid4

import pytest

from prompts.caching.answers import StoredCache
from prompts.caching.claims import Claims
from prompts.caching.flights import Flights
from prompts.caching.redis_store import RedisStore
from prompts.journal import Outcome
from sanitization.policies import Policy
from tests.fakes import Notebook, Parrot, house_of
from tests.prompts.caching.conftest import ROOT
from tests.prompts.caching.test_flights import Gate, begun
from tests.prompts.test_pipeline import ask, collect


@pytest.fixture
def process_of(own_redis):
    """Makes what one process has."""
    stores = []

    def make(backend, *, patience_seconds=60.0, lease_ms=600_000, **more):
        store = RedisStore(own_redis.url)
        stores.append(store)
        return house_of(
            backend,
            journal=Notebook(),
            cache=StoredCache(store, keep_seconds=60, max_bytes=100_000),
            flights=Flights(Claims(store, patience_seconds=patience_seconds, lease_ms=lease_ms)),
            **more,
        )

    yield make
    for store in stores:
        store.close()


async def test_processes_share_one_generation_each_with_rows_and_values_of_its_own(process_of, own_redis):
    parrots = [Parrot(pause_seconds=0.01, cut=1) for _ in range(4)]
    houses, user = [process_of(parrot) for parrot in parrots], uuid4()
    asked = [ask(f"user{n}@corp.com?", temperature=0, user_id=user, streamed=n % 2 == 0) for n in range(8)]
    answers = await asyncio.gather(*(collect(one, houses[n // 2]) for n, one in enumerate(asked)))
    assert [shown for shown, _ in answers] == [f"user{n}@corp.com?" for n in range(8)]
    assert sum(len(parrot.generations) for parrot in parrots) == 1
    assert sorted(done.begun.cache for _, done in answers) == ["miss", *["shared"] * 7]
    assert sum(done.result.charge.tokens > 0 for _, done in answers) == 1
    assert [house.journal.outcomes for house in houses] == [[Outcome.ANSWERED] * 2] * 4
    assert b"corp.com" not in own_redis.everything()


async def test_no_process_shares_across_users(process_of):
    parrots = [Parrot(pause_seconds=0.01), Parrot(pause_seconds=0.01)]
    await asyncio.gather(
        *(collect(ask("hello", temperature=0, user_id=uuid4()), process_of(parrot)) for parrot in parrots)
    )
    assert [len(parrot.generations) for parrot in parrots] == [1, 1]


async def test_nothing_of_a_claim_stays(process_of, own_redis):
    house = process_of(Parrot("hello", pause_seconds=0.01))
    await collect(ask("hello", temperature=0), house)
    gate = Gate()
    house = process_of(gate)
    leaving = await begun(ask("hello", temperature=0), house)
    await gate.said_first.wait()
    assert b"gateway:flights:" in own_redis.everything()
    leaving.cancel()
    await asyncio.wait([leaving])
    async with asyncio.timeout(30):
        while b"gateway:flights:" in own_redis.everything():
            await asyncio.sleep(0.01)


async def test_when_the_one_who_generates_leaves_another_process_takes_over(process_of):
    gate, parrot, user = Gate(), Parrot("hello"), uuid4()
    leaving = await begun(ask("hello", temperature=0, user_id=user), process_of(gate))
    await gate.said_first.wait()
    other = process_of(parrot)
    waiting = await begun(ask("hello", temperature=0, user_id=user), other)
    await asyncio.sleep(0.1)
    assert not parrot.generations
    leaving.cancel()
    shown, done = await waiting
    assert shown == "hello"
    assert done.begun.cache == "miss"


async def test_an_answer_that_is_not_kept_leaves_the_others_to_themselves(process_of):
    words, user = "it is 4111 1111 1111 1111, no doubt", uuid4()
    parrots = [Parrot(words, pause_seconds=0.01), Parrot(words, pause_seconds=0.01)]
    asked = ask("hello", temperature=0, user_id=user)
    policy = Policy.build(block=("credit_card",))
    answers = await asyncio.gather(*(collect(asked, process_of(one, policy=policy)) for one in parrots))
    assert [shown for shown, _ in answers] == ["it is "] * 2
    assert [len(parrot.generations) for parrot in parrots] == [1, 1]


async def test_nobody_waits_for_long_for_another_process(process_of):
    gate, parrot, user = Gate(), Parrot("hello"), uuid4()
    stuck = await begun(ask("hello", temperature=0, user_id=user), process_of(gate))
    await gate.said_first.wait()
    shown, done = await collect(
        ask("hello", temperature=0, user_id=user), process_of(parrot, patience_seconds=0.2)
    )
    assert shown == "hello"
    assert done.result.charge.tokens > 0
    gate.open.set()
    await stuck


HOLDER = """
import asyncio, sys
from prompts.caching.claims import Claims
from prompts.caching.redis_store import RedisStore

async def nothing():
    return None

async def main():
    async with Claims(RedisStore(sys.argv[1]), lease_ms=int(sys.argv[3])).hold(sys.argv[2], nothing):
        print("held", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


HELD_MS = 6000  # a busy machine may leave a process alone for seconds


def hold(url, key):
    """A process that has the claim."""
    command = [sys.executable, "-c", HOLDER, url, key, str(HELD_MS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)


async def renewed(server):
    """When the claim of another process has been renewed: it has longer than it had."""
    with server.client() as client:
        (name,) = client.scan_iter("gateway:flights:*")
        left = client.pttl(name)
        async with asyncio.timeout(30):
            while client.pttl(name) <= left:
                left = min(left, client.pttl(name))
                await asyncio.sleep(0.05)


async def test_a_process_that_is_killed_strands_nobody(process_of, own_redis):
    house, user = process_of(Parrot("hello")), uuid4()
    asked = ask("hello", temperature=0, user_id=user)
    probe = asyncio.create_task(collect(asked, house))
    while not len(house.flights):
        await asyncio.sleep(0)
    (key,) = house.flights._flights
    await probe
    with own_redis.client() as client:
        client.flushall()
    holder = hold(own_redis.url, key)
    try:
        assert await asyncio.to_thread(holder.stdout.readline) == b"held\n"
        waiting = asyncio.create_task(collect(asked, house))
        for _ in range(2):
            await renewed(own_redis)
        assert not waiting.done()
        holder.kill()
        async with asyncio.timeout(30):
            shown, done = await waiting
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert shown == "hello"
    assert done.begun.cache == "miss"


async def test_redis_away_means_that_nothing_is_shared_between_processes_and_nothing_fails(
    process_of, own_redis, hasty
):
    parrots, user = [Parrot(pause_seconds=0.01), Parrot(pause_seconds=0.01)], uuid4()
    houses = [process_of(parrot) for parrot in parrots]
    own_redis.hang()
    asked = ask("ann@corp.com?", temperature=0, user_id=user)
    answers = await asyncio.gather(*(collect(asked, houses[number // 2]) for number in range(4)))
    assert [shown for shown, _ in answers] == ["ann@corp.com?"] * 4
    assert [len(parrot.generations) for parrot in parrots] == [1, 1]
    began = time.monotonic()
    for _ in range(40):
        await collect(asked, houses[0])
    assert time.monotonic() - began < 10  # forty times no time-out
    own_redis.go_on()


async def test_redis_that_goes_away_while_an_answer_is_given_does_not_cut_it_off(process_of, own_redis):
    gate, user = Gate(), uuid4()
    house = process_of(gate, lease_ms=500)
    asking = await begun(ask("hello", temperature=0, user_id=user), house)
    await gate.said_first.wait()
    own_redis.stop()
    await asyncio.sleep(0.5)
    gate.open.set()
    shown, done = await asking
    assert shown.startswith("an answer")
    assert done.result.outcome is Outcome.ANSWERED
    own_redis.start()


async def test_waiting_for_another_process_is_not_counted_as_this_ones_own_work(process_of):
    gate, user = Gate(), uuid4()
    leading = await begun(ask("hello", temperature=0, user_id=user), process_of(gate))
    await gate.said_first.wait()
    waiting = await begun(ask("hello", temperature=0, user_id=user), process_of(Parrot()))
    await asyncio.sleep(2)
    gate.open.set()
    await leading
    _, done = await waiting
    assert done.begun.cache == "shared"
    assert done.begun.times.total_ms > 2000
    assert done.begun.times.overhead_ms < done.begun.times.total_ms / 2
