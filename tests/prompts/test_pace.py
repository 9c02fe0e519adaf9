"""Who computes when: turns of the event loop stay short, and what is alike is done in a row."""

import asyncio
from contextlib import ExitStack, aclosing
from itertools import cycle, groupby
from uuid import uuid4

import pytest

from inference.backends import Sampling
from prompts.asks import Ask, plain
from prompts.journal import Outcome
from prompts.pace import (
    FEW,
    LONGEST_OPENING_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MOST_IN_A_ROW,
    MOST_OPENING,
    MOST_PIECES,
    MOST_WAITING,
    TURN_SECONDS,
    Kind,
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

    async def work(self, name, pieces=1, kind=Kind.SCREENING):
        for _ in range(pieces):
            await self.pace.piece(kind)
            self.order.append(name)
            self.clock.now += self.seconds
            await asyncio.sleep(0)  # for a database, say

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
        await pace.piece(Kind.SCREENING)
        assert pace.room
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
    words = [asyncio.create_task(workers.work("word", kind=Kind.WORDS)) for _ in range(40)]
    await workers.count(words)
    last = len(workers.order) - workers.order[::-1].index("word")
    before = workers.order[:last].count("other")
    each = int(LONGEST_PAUSE_SECONDS / workers.seconds)
    assert 40 / each / 2 <= before <= 40 / each * 1.5 + 2
    await workers.count(others)
    assert workers.order.count("other") == 40


async def test_words_that_do_not_fill_their_turn_leave_the_next_one_to_the_others():
    """Though new ones have come by then."""
    workers = Workers(seconds=TURN_SECONDS / 8)

    async def say():
        while workers.order.count("other") < 40:
            await workers.work("word", kind=Kind.WORDS)

    words = [asyncio.create_task(say()) for _ in range(3)]
    await workers.count([asyncio.create_task(workers.work("other")) for _ in range(40)])
    await workers.count(words)
    last = len(workers.order) - workers.order[::-1].index("other")
    assert workers.order[:last].count("word") < 80
    assert workers.clock.now < LONGEST_PAUSE_SECONDS


async def test_few_never_wait_for_others_of_their_kind_and_many_do():
    pace, kinds = Pace(), cycle([Kind.SCREENING, Kind.TELLING])
    with ExitStack() as inside:
        for number in range(FEW + 3):
            inside.enter_context(pace.request())
            piece = asyncio.ensure_future(pace.piece(next(kinds)))
            await asyncio.sleep(0)
            assert piece.done() == (number < FEW)
            await piece
            await asyncio.sleep(0)


async def test_what_is_alike_is_done_in_a_row():
    """Each asks for three pieces, and waits for something between them."""
    workers = Workers(seconds=TURN_SECONDS / 3)
    steps = (Kind.SCREENING, Kind.ENDING, Kind.TELLING)

    async def ask(name):
        with workers.pace.request():
            for kind in steps:
                await workers.work(kind, kind=kind)

    tasks = []
    for number in range(60):
        tasks.append(asyncio.create_task(ask(number)))
        if number % 3 == 0:
            await asyncio.sleep(0)
    await workers.count(tasks)
    rows = [len(list(row)) for _, row in groupby(workers.order)]
    assert sum(rows) == 180
    assert sum(rows) / len(rows) > 4
    assert max(workers.turns[20:]) <= 3


async def test_a_row_ends_and_nobody_waits_for_ever():
    """However many more of a kind come, the others get on."""
    workers = Workers(seconds=TURN_SECONDS)

    async def again():
        with workers.pace.request():
            while workers.order.count("other") < 5 and len(workers.order) < 500:
                await workers.work("more")

    crowd = [asyncio.create_task(again()) for _ in range(30)]
    await asyncio.sleep(0)
    others = [asyncio.create_task(workers.work("other", kind=Kind.ENDING)) for _ in range(5)]
    await workers.count([*others, *crowd])
    rows = [len(list(row)) for name, row in groupby(workers.order) if name == "more"]
    assert max(rows[:-1]) <= MOST_IN_A_ROW + 4


async def test_who_has_not_waited_since_his_last_piece_goes_on():
    pace, order = Pace(Clock()), []

    async def ask(name):
        with pace.request():
            for kind in (Kind.ANSWER, Kind.ANSWER, Kind.ENDING):
                await pace.piece(kind)
                order.append(name)

    await asyncio.gather(*(ask(name) for name in range(FEW + 3)))
    assert [list(row) for _, row in groupby(order)] == [[name] * 3 for name in range(FEW + 3)]


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
    assert pace.room
    tasks.append(asyncio.create_task(ask()))
    await asyncio.sleep(0)
    assert not pace.room
    tasks.pop().cancel()
    await asyncio.sleep(0)
    assert pace.room
    tasks += [asyncio.create_task(ask()) for _ in range(5)]
    await asyncio.sleep(0)
    assert not pace.room
    going.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert pace.room
    ended.set()
    await asyncio.gather(*tasks)


async def test_who_waits_until_those_inside_have_less_to_do_hears_it_once():
    pace, heard = Pace(), []
    openings = [pace.request() for _ in range(MOST_OPENING + 1)]
    for opening in openings:
        opening.__enter__().begins()
    pace.when_calm(lambda: heard.append(pace.room > 0))
    openings.pop().__exit__(None, None, None)
    assert heard == []
    for opening in openings:
        opening.__exit__(None, None, None)
    assert heard == [True]

    workers = Workers(seconds=TURN_SECONDS * 2)
    tasks = [asyncio.create_task(workers.work(name)) for name in range(MOST_WAITING + 8)]
    await asyncio.sleep(0)
    assert not workers.pace.room
    workers.pace.when_calm(lambda: heard.append(workers.pace.room > 0))
    tasks.pop().cancel()  # the last in line
    await workers.count(tasks)
    await asyncio.sleep(0)
    assert heard == [True, True]


async def test_a_request_that_waits_for_something_else_is_soon_in_nobodys_way():
    """For the turn of its conversation, say, or for a database that hangs."""
    clock = Clock()
    pace = Pace(clock)
    with ExitStack() as inside:
        for _ in range(MOST_OPENING):
            inside.enter_context(pace.request()).begins()
        assert not pace.room
        clock.now += LONGEST_OPENING_SECONDS
        assert not pace.room
        clock.now += 0.01
        assert pace.room
        for _ in range(MOST_OPENING - 1):
            assert pace.room
            inside.enter_context(pace.request()).begins()
        assert pace.room
        inside.enter_context(pace.request()).begins()
        assert not pace.room
    assert not pace.openings


def test_who_listens_hears_it_once_where_time_alone_made_room():
    """A request that has been on its way for too long is noticed while room is looked for."""
    clock, heard = Clock(), []
    pace = Pace(clock)
    with ExitStack() as inside:
        for _ in range(MOST_OPENING):
            inside.enter_context(pace.request()).begins()
        pace.when_calm(lambda: heard.append(pace.room))
        clock.now += LONGEST_OPENING_SECONDS + 0.01
        pace.tell_if_calm()
    assert heard == [1]


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


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_each_step_of_a_prompt_is_of_its_kind(is_streamed):
    class Looking(Pace):
        async def piece(self, kind):
            seen.append(kind)

    seen = []
    ask = Ask(
        user_id=uuid4(),
        request_id="r",
        messages=plain("hello"),
        sampling=Sampling(0.7),
        streamed=is_streamed,
    )
    async with aclosing(answer(ask, house_of(Parrot(), pace=Looking()))) as events:
        async for _ in events:
            pass
    said = Kind.WORDS if is_streamed else Kind.ANSWER
    steps = [kind for kind, _ in groupby(seen)]
    assert steps == [Kind.SCREENING, Kind.ASKING, said, Kind.ENDING, Kind.TELLING]


async def test_who_leaves_while_he_waits_holds_up_nobody():
    workers = Workers(seconds=TURN_SECONDS * 2)
    tasks = [asyncio.create_task(workers.work(name)) for name in range(12)]
    await asyncio.sleep(0)
    for task in tasks[6:10]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert workers.order == [0, 1, 2, 3, 4, 5, 10, 11]
    assert workers.pace.room == MOST_OPENING


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
        tasks = [asyncio.create_task(pace.piece(Kind.ENDING)) for _ in range(200)]
        await asyncio.sleep(0)
        if not is_left_behind:
            await asyncio.gather(*tasks)

    for _ in range(2):
        asyncio.run(crowd())
    asyncio.run(asyncio.wait_for(pace.piece(Kind.ENDING), 30))


async def test_who_leaves_while_his_answer_waits_was_answered():
    """Its row is final by then, and is told once."""
    notebook, told, waits = Notebook(), [], asyncio.Event()

    class Stuck(Pace):
        async def piece(self, kind):
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
        async def piece(self, kind):
            await asyncio.sleep(1.5)

    told = []
    ask = Ask(user_id=uuid4(), request_id="r", messages=plain("hello"), sampling=Sampling(0.7))
    async with aclosing(answer(ask, house_of(Parrot(cut=99), listener=told.append, pace=Slow()))) as events:
        async for _ in events:
            pass
    times, result = told[0].times, told[0].result
    assert result.total_ms > 3000
    assert max(times.screen_ms, times.sanitize_ms, times.backend_ms) < 1500
