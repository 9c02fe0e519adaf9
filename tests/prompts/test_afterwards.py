"""What nobody waits for: a moment later, what is alike in a row, and never lost while the process lives."""

import asyncio
import subprocess
import sys
from contextvars import ContextVar

import pytest

from prompts.afterwards import MOST, TURN_SECONDS, Afterwards

who: ContextVar[str] = ContextVar("who", default="nobody")


@pytest.fixture
def done():
    return []


@pytest.fixture
def later():
    return Afterwards(0.02)


async def until(is_so):
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.001)


async def test_it_is_done_a_moment_later(later, done):
    later.put(done.append, 1)
    later.put(done.append, 2)
    assert done == []
    await until(lambda: done == [1, 2])


async def test_and_not_in_the_next_turn_of_the_loop(done):
    later = Afterwards(60)
    later.put(done.append, 1)
    for _ in range(3):
        await asyncio.sleep(0)
    assert done == []


async def test_and_again_after_the_next_moment(later, done):
    for number in (1, 2):
        later.put(done.append, number)
        await until(lambda: len(done) == number)  # noqa: B023


async def test_what_is_alike_is_done_in_a_row(later, done):
    def count(number):
        done.append(("count", number))

    def write(number):
        done.append(("write", number))

    for number in (1, 2):
        later.put(write, number)
        later.put(count, number)
    later.catch_up()
    assert done == [("write", 1), ("write", 2), ("count", 1), ("count", 2)]


async def test_each_is_done_in_the_context_in_which_it_was_put(later, done):
    async def asked(name):
        who.set(name)
        later.put(lambda: done.append(who.get()))

    await asyncio.gather(asked("ann"), asked("bob"))
    later.catch_up()
    assert sorted(done) == ["ann", "bob"]
    assert who.get() == "nobody"


async def test_a_turn_of_the_loop_stays_short(done):
    now = 0.0

    def long(number):
        nonlocal now
        now += TURN_SECONDS * 0.6
        done.append(number)

    later = Afterwards(0.01, clock=lambda: now)
    for number in range(5):
        later.put(long, number)
    seen = []
    async with asyncio.timeout(10):
        while len(done) < 5:
            await asyncio.sleep(0)
            if done and len(done) not in seen:
                seen.append(len(done))
    assert (seen, done) == ([2, 4, 5], [0, 1, 2, 3, 4])


async def test_more_than_there_is_time_for_is_done_before_any_other(done):
    later = Afterwards(60)
    for number in range(MOST + 1):
        later.put(done.append, number)
    assert done == list(range(MOST))
    later.catch_up()
    assert done == list(range(MOST + 1))


async def test_one_that_fails_is_logged_and_the_others_are_done(later, done, caplog):
    later.put(lambda: 1 / 0)
    later.put(done.append, 2)
    later.catch_up()
    assert done == [2]
    assert [record.msg for record in caplog.records] == ["afterwards"]


async def test_one_that_puts_another_is_no_trouble(later, done):
    later.put(lambda: later.put(done.append, 1))
    later.catch_up()
    assert done == []
    await until(lambda: done == [1])


@pytest.mark.parametrize("moment", [0, 60])
def test_where_no_event_loop_runs_it_is_done_at_once(done, moment, caplog):
    later = Afterwards(moment)
    later.put(done.append, 1)
    later.put(lambda: 1 / 0)
    assert done == [1]
    assert len(caplog.records) == 1


async def test_without_a_moment_it_is_done_at_once(done):
    Afterwards(0).put(done.append, 1)
    assert done == [1]


def test_what_an_event_loop_left_is_done_by_the_next_one(done):
    later = Afterwards(60)

    async def put(number):
        later.put(done.append, number)

    async def put_and_wait(number):
        later.moment_seconds = 0.01
        later.put(done.append, number)
        assert done == [1]
        await until(lambda: done == [1, 2])

    asyncio.run(put(1))
    assert done == []
    asyncio.run(put_and_wait(2))


def test_what_is_left_when_the_process_ends_is_done_then():
    program = (
        "import asyncio\n"
        "from prompts.afterwards import afterwards\n"
        "async def main():\n"
        "    afterwards.put(print, 'told')\n"
        "    print('ends', flush=True)\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.split() == ["ends", "told"]
