"""Who computes when, so that turns of the event loop stay short."""

import asyncio
from contextlib import ExitStack, aclosing
from uuid import uuid4

import pytest

from inference.backends import Sampling
from prompts.asks import Ask, plain
from prompts.journal import Outcome
from prompts.pace import (
    LONGEST_OPENING_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MOST_OPENING,
    MOST_PIECES,
    TURN_SECONDS,
    Pace,
)
from prompts.pipeline import answer
from tests.fakes import Notebook, Parrot, house_of


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Workers:
    """Each computes `pieces` pieces of so many seconds. `turns` are how many computed in each turn."""

    def __init__(self, *, seconds):
        self.clock = Clock()
        self.pace = Pace(self.clock)
        self.seconds = seconds
        self.order = []
        self.turns = []

    async def work(self, name, pieces=1, **said):
        for _ in range(pieces):
            await self.pace.piece(**said)
            self.order.append(name)
            self.clock.now += self.seconds

    async def count(self, tasks):
        while not all(task.done() for task in tasks):
            before = len(self.order)
            await asyncio.sleep(0)
            self.turns.append(len(self.order) - before)

    async def all(self, count, pieces=1):
        tasks = [asyncio.create_task(self.work(name, pieces)) for name in range(count)]
        await self.count(tasks)


async def test_who_is_alone_never_waits():
    pace = Pace()
    for _ in range(100):
        await pace.piece()
        assert not pace.is_busy
        await asyncio.sleep(0)


async def test_large_pieces_are_computed_one_a_turn_in_the_order_in_which_they_came():
    workers = Workers(seconds=TURN_SECONDS * 2)
    await workers.all(30)
    assert workers.order == list(range(30))
    assert max(workers.turns[10:]) == 1


async def test_of_small_ones_as_many_as_fit():
    workers = Workers(seconds=TURN_SECONDS / 10)
    await workers.all(50, pieces=20)
    busy = sorted(workers.turns[50:-10])
    assert 5 <= busy[len(busy) // 2] <= 12
    assert len(workers.order) == 1000


async def test_tiny_ones_are_bounded_too():
    workers = Workers(seconds=0)
    await workers.all(500, pieces=2)
    assert max(workers.turns) <= MOST_PIECES


async def test_others_get_on_between_two_pieces():
    """Whatever else the loop has to do waits for a turn, and not for all who want to compute."""
    workers = Workers(seconds=TURN_SECONDS * 2)
    tasks = [asyncio.create_task(workers.work(name)) for name in range(40)]
    await asyncio.sleep(0)
    heard = []
    for _ in range(20):
        asyncio.get_running_loop().call_soon(lambda: heard.append(len(workers.order)))
        await asyncio.sleep(0)
    assert len(heard) == 20
    assert heard[-1] < 40
    await workers.count(tasks)


async def test_what_a_model_says_goes_first_and_everything_else_not_never():
    workers = Workers(seconds=LONGEST_PAUSE_SECONDS / 6)
    others = [asyncio.create_task(workers.work("other")) for _ in range(40)]
    await asyncio.sleep(0)
    words = [asyncio.create_task(workers.work("word", says_something=True)) for _ in range(40)]
    await workers.count(words)
    last = len(workers.order) - workers.order[::-1].index("word")
    before = workers.order[:last].count("other")
    each = int(LONGEST_PAUSE_SECONDS / workers.seconds)
    assert 40 / each / 2 <= before <= 40 / each * 1.5 + 2
    await workers.count(others)
    assert workers.order.count("other") == 40


async def test_so_many_requests_at_once_are_on_their_way_to_the_model():
    pace, going, ended = Pace(), asyncio.Event(), asyncio.Event()

    async def ask():
        with pace.request() as opening:
            opening.begins()
            await going.wait()
            pace.underway()
            opening.begins()  # only once
            await ended.wait()

    tasks = [asyncio.create_task(ask()) for _ in range(MOST_OPENING - 1)]
    await asyncio.sleep(0)
    assert not pace.is_busy
    tasks.append(asyncio.create_task(ask()))
    await asyncio.sleep(0)
    assert pace.is_busy
    tasks.pop().cancel()
    await asyncio.sleep(0)
    assert not pace.is_busy
    tasks += [asyncio.create_task(ask()) for _ in range(5)]
    await asyncio.sleep(0)
    assert pace.is_busy
    going.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not pace.is_busy
    ended.set()
    await asyncio.gather(*tasks)


async def test_who_waits_until_those_inside_have_less_to_do_hears_it_once():
    pace, heard = Pace(), []
    openings = [pace.request() for _ in range(MOST_OPENING + 1)]
    for opening in openings:
        opening.__enter__().begins()
    pace.when_calm(lambda: heard.append(pace.is_busy))
    openings.pop().__exit__(None, None, None)
    assert heard == []
    for opening in openings:
        opening.__exit__(None, None, None)
    assert heard == [False]

    workers = Workers(seconds=TURN_SECONDS * 2)
    tasks = [asyncio.create_task(workers.work(name)) for name in range(5)]
    await asyncio.sleep(0)
    assert workers.pace.is_busy
    workers.pace.when_calm(lambda: heard.append(workers.pace.is_busy))
    tasks.pop().cancel()  # the last in line
    await workers.count(tasks)
    await asyncio.sleep(0)
    assert heard == [False, False]


async def test_a_request_that_waits_for_something_else_is_soon_in_nobodys_way():
    """For the turn of its conversation, say, or for a database that hangs."""
    clock = Clock()
    pace = Pace(clock)
    with ExitStack() as inside:
        for _ in range(MOST_OPENING):
            inside.enter_context(pace.request()).begins()
        assert pace.is_busy
        clock.now += LONGEST_OPENING_SECONDS
        assert pace.is_busy
        clock.now += 0.01
        assert not pace.is_busy
        for _ in range(MOST_OPENING - 1):
            assert not pace.is_busy
            inside.enter_context(pace.request()).begins()
        assert not pace.is_busy
        inside.enter_context(pace.request()).begins()
        assert pace.is_busy
    assert not pace.openings


async def test_a_prompt_is_underway_once_its_row_is_there():
    pace, seen = Pace(), []

    class Looking(Parrot):
        def answer(self, generation):
            seen.append(len(pace.openings))
            return super().answer(generation)

    ask = Ask(user_id=uuid4(), request_id="r", messages=plain("hello"), sampling=Sampling(0.7))
    with pace.request() as opening:
        opening.begins()
        async with aclosing(answer(ask, house_of(Looking(), pace=pace))) as events:
            async for _ in events:
                pass
    assert seen == [0]


async def test_who_leaves_while_he_waits_holds_up_nobody():
    workers = Workers(seconds=TURN_SECONDS * 2)
    tasks = [asyncio.create_task(workers.work(name)) for name in range(12)]
    await asyncio.sleep(0)
    for task in tasks[6:10]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert workers.order == [0, 1, 2, 3, 4, 5, 10, 11]
    assert not workers.pace.is_busy


async def test_who_leaves_when_his_turn_came_holds_up_nobody():
    workers = Workers(seconds=TURN_SECONDS * 2)
    tasks = [asyncio.create_task(workers.work(name)) for name in range(12)]
    while not workers.order or workers.order[-1] < 5:
        await asyncio.sleep(0)
    tasks[6].cancel()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
    assert workers.order[-1] == 11


@pytest.mark.parametrize("is_left_behind", [False, True])
def test_another_event_loop_begins_anew(is_left_behind):
    pace = Pace()

    async def crowd():
        tasks = [asyncio.create_task(pace.piece()) for _ in range(200)]
        await asyncio.sleep(0)
        if not is_left_behind:
            await asyncio.gather(*tasks)

    for _ in range(2):
        asyncio.run(crowd())
    asyncio.run(asyncio.wait_for(pace.piece(), 30))


async def test_who_leaves_while_his_answer_waits_was_answered():
    """Its row is final by then, and is told once."""
    notebook, told, waits = Notebook(), [], asyncio.Event()

    class Stuck(Pace):
        async def piece(self, **said):
            if notebook.results:
                waits.set()
                await asyncio.sleep(60)

    house = house_of(journal=notebook, listener=told.append, pace=Stuck())
    ask = Ask(user_id=uuid4(), request_id="r", messages=plain("hello"), sampling=Sampling(0.7))

    async def read():
        async with aclosing(answer(ask, house)) as events:
            async for _ in events:
                pass

    reading = asyncio.create_task(read())
    async with asyncio.timeout(30):
        await waits.wait()
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert notebook.outcomes == [Outcome.ANSWERED]
    assert [ended.result.outcome for ended in told] == [Outcome.ANSWERED]


async def test_a_wait_for_ones_turn_is_no_time_of_screening_sanitizing_or_the_model():
    class Slow(Pace):
        async def piece(self, **said):
            await asyncio.sleep(1.5)

    told = []
    ask = Ask(user_id=uuid4(), request_id="r", messages=plain("hello"), sampling=Sampling(0.7))
    async with aclosing(answer(ask, house_of(Parrot(cut=99), listener=told.append, pace=Slow()))) as events:
        async for _ in events:
            pass
    times, result = told[0].times, told[0].result
    assert result.total_ms > 3000
    assert max(times.screen_ms, times.sanitize_ms, times.backend_ms) < 1500
