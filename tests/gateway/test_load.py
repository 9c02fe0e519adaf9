"""Who is let in, in which order, and who hears at once that he is not."""

import asyncio

import pytest

from gateway import load
from gateway.load import (
    BURST,
    CALM_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MOST_IN_A_TURN,
    MOST_WAITING,
    PATIENCE_SECONDS,
    SHORT_TURN_SECONDS,
    STANDING,
    Full,
    Line,
)


class Clock:
    """Stands still unless it is moved: a turn is as short as a test wants it."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


class Crowd:
    """Asks for places and keeps those it gets until it is told to go."""

    def __init__(self, line):
        self.line = line
        self.began = []
        self.going = asyncio.Event()
        self.tasks = []

    def come(self, name):
        self.tasks.append(asyncio.create_task(self._one(name)))
        return self.tasks[-1]

    async def _one(self, name):
        async with self.line.place():
            self.began.append(name)
            await self.going.wait()

    async def go(self):
        self.going.set()
        return await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_who_comes_alone_is_begun_at_once():
    line = Line(places=10)
    async with line.place():
        assert (line.inside, line.waiting) == (1, 0)
    assert line.inside == 0


async def test_of_many_one_begins_in_each_turn_of_the_loop_in_the_order_in_which_they_came():
    crowd = Crowd(Line(places=100, clock=Clock()))
    for name in range(20):
        crowd.come(name)
    await turns(1)
    seen = []
    while len(crowd.began) < 20:
        before = len(crowd.began)
        await turns(1)
        seen.append(len(crowd.began) - before)
    assert max(seen) == 1
    assert crowd.began == list(range(20))
    await crowd.go()


async def test_as_many_are_begun_at_once_as_those_inside_leave_time_for():
    inside = Inside(room=MOST_IN_A_TURN - 1)
    crowd = Crowd(Line(places=100, room=inside.look, when_calm=inside.tell, clock=Clock()))
    for name in range(20):
        crowd.come(name)
    seen = []
    for _ in range(4):
        before = len(crowd.began)
        await turns(1)
        seen.append(len(crowd.began) - before)
    assert seen[0] == MOST_IN_A_TURN - 1
    assert max(seen) == MOST_IN_A_TURN - 1
    inside.room = 100
    await turns(2)
    before = len(crowd.began)
    await turns(1)
    assert len(crowd.began) == before + MOST_IN_A_TURN
    inside.room = 0
    await turns(2)
    before = len(crowd.began)
    assert before < 20
    await turns(5)
    crowd.come("late")
    await turns(2)
    assert len(crowd.began) == before  # though nobody has been begun in this turn
    inside.room = 1
    inside.go_on()
    await turns(25)
    assert crowd.began == [*range(20), "late"]
    await crowd.go()


async def test_room_that_was_left_is_gone_when_those_inside_have_enough_to_do():
    inside = Inside(room=MOST_IN_A_TURN)
    crowd = Crowd(Line(places=100, room=inside.look, when_calm=inside.tell, clock=Clock()))
    crowd.come("first")
    await turns(1)
    inside.room = 0
    await turns(2)
    crowd.come("second")
    await turns(3)
    assert crowd.began == ["first"]
    inside.room = 1
    inside.go_on()
    await turns(3)
    assert crowd.began == ["first", "second"]
    await crowd.go()


async def test_nobody_is_begun_after_a_long_turn_unless_they_all_are():
    clock = Clock()
    crowd = Crowd(Line(places=100, clock=clock))
    for name in range(10):
        crowd.come(name)
    await turns(1)
    assert crowd.began == [0]
    for _ in range(3):  # those inside have enough to do
        clock.now += SHORT_TURN_SECONDS * 2
        await turns(1)
    assert crowd.began == [0]
    await turns(2)
    assert crowd.began[:2] == [0, 1]
    began, before = len(crowd.began), clock.now
    while len(crowd.began) < began + 3:
        clock.now += LONGEST_PAUSE_SECONDS / 4
        await turns(1)
    assert LONGEST_PAUSE_SECONDS * 1.5 <= clock.now - before <= LONGEST_PAUSE_SECONDS * 5
    await turns(30)
    await crowd.go()
    assert crowd.began == list(range(10))


async def test_who_comes_while_turns_are_long_waits_behind_those_inside():
    clock = Clock()
    crowd = Crowd(Line(places=100, clock=clock))
    crowd.come("first")
    await turns(1)
    crowd.come("second")
    clock.now += SHORT_TURN_SECONDS * 2
    await turns(1)
    assert crowd.began == ["first"]
    await turns(3)
    assert crowd.began == ["first", "second"]
    await crowd.go()


class Inside:
    """Those inside, who leave time for so many more."""

    def __init__(self, room=1):
        self.room = room
        self.looked = 0
        self.go_on = None

    def look(self):
        self.looked += 1
        return self.room

    def tell(self, go_on):
        self.go_on = go_on


async def one_waits(inside, clock):
    """The second of a crowd, until those inside have less to do."""
    crowd = Crowd(Line(places=100, room=inside.look, when_calm=inside.tell, clock=clock))
    crowd.come("first")
    await turns(1)
    inside.room = 0
    crowd.come("second")
    await turns(3)
    return crowd


async def test_who_waits_for_those_inside_takes_no_turns_of_the_loop_from_them():
    inside = Inside()
    crowd = await one_waits(inside, Clock())
    before = inside.looked
    await turns(100)
    assert inside.looked == before
    assert crowd.began == ["first"]
    inside.room = 1
    inside.go_on()
    await turns(3)
    assert crowd.began == ["first", "second"]
    await crowd.go()


async def test_who_waits_for_those_inside_is_begun_after_the_longest_pause(monkeypatch):
    monkeypatch.setattr(load, "LONGEST_PAUSE_SECONDS", 0.02)
    clock = Clock()
    crowd = await one_waits(Inside(), clock)
    assert crowd.began == ["first"]
    clock.now += 0.03
    async with asyncio.timeout(30):
        while crowd.began != ["first", "second"]:
            await asyncio.sleep(0.005)
    await crowd.go()


async def test_a_full_house_refuses_and_says_when_to_come_back():
    clock = Clock()
    line = Line(places=2, clock=clock)
    for _ in range(100):  # it usually takes three seconds
        async with line.place():
            clock.now += 3
        await turns(2)
    async with line.place():
        await turns(2)
        async with line.place():
            with pytest.raises(Full) as full:
                async with line.place():
                    pass
    assert (full.value.why, full.value.retry_after_seconds) == ("places", 3)
    async with line.place():
        pass


async def is_let_in(line):
    """And leaves at once."""
    try:
        async with line.place():
            return True
    except Full:
        return False


async def waiting(line, count):
    """A crowd of which so many wait, for too long."""
    crowd = Crowd(line)
    for name in range(count + 1):  # the first begins
        crowd.come(name)
    await turns(1)
    assert line.waiting == count
    line._clock.now += PATIENCE_SECONDS + 0.01
    return crowd


async def test_the_line_is_closed_while_its_first_has_waited_for_too_long():
    line = Line(places=10_000, clock=Clock())
    crowd = await waiting(line, BURST)
    with pytest.raises(Full) as full:
        async with line.place():
            pass
    assert full.value.why == "line"
    await turns(2 * BURST)
    assert await is_let_in(line)  # they have been begun
    await crowd.go()


async def test_callers_who_wait_for_each_other_are_let_in_however_long_it_takes():
    clock = Clock()
    line = Line(places=10_000, clock=clock)
    crowd = await waiting(line, BURST - 1)
    for name in range(200):  # as one is begun, another comes
        crowd.come(f"later {name}")
        await turns(1)
        clock.now += LONGEST_PAUSE_SECONDS * 1.5
        await turns(1)
    await turns(3 * BURST)
    assert len(crowd.began) == BURST + 200
    await crowd.go()


async def test_after_somebody_was_sent_away_fewer_wait_until_it_was_calm_for_long():
    clock = Clock()
    line = Line(places=10_000, clock=clock)
    crowd = await waiting(line, BURST)
    assert not await is_let_in(line)
    await turns(2 * BURST)
    await crowd.go()
    crowd = await waiting(line, STANDING)
    assert not await is_let_in(line)
    await turns(2 * BURST)
    await crowd.go()
    clock.now += CALM_SECONDS
    crowd = await waiting(line, STANDING)
    crowd.come("late")
    await turns(2 * BURST)
    assert crowd.began[-1] == "late"
    await crowd.go()


async def test_a_pause_of_the_process_sends_nobody_away_as_long_as_few_wait():
    clock = Clock()
    line = Line(places=10_000, clock=clock)
    crowd = await waiting(line, STANDING - 1)
    line._sent_away_at = clock.now
    clock.now += 1
    crowd.come("late")
    await turns(3 * STANDING)
    assert crowd.began[-1] == "late"
    await crowd.go()


async def test_a_burst_waits_and_a_larger_one_is_cut():
    crowd = Crowd(Line(places=10_000, clock=Clock()))
    for name in range(MOST_WAITING + 50):
        crowd.come(name)
    await turns(1)
    refused = sum(task.done() for task in crowd.tasks)
    assert refused == 49  # one was begun, and as many wait as may
    await turns(MOST_WAITING * 2)
    assert len(crowd.began) == MOST_WAITING + 1
    await crowd.go()


async def test_who_leaves_while_he_waits_takes_no_place():
    line = Line(places=100, clock=Clock())
    crowd = Crowd(line)
    leaving = [crowd.come(name) for name in range(10)]
    await turns(1)
    for task in leaving[3:8]:
        task.cancel()
    await turns(30)
    assert crowd.began == [0, 1, 2, 8, 9]
    assert (line.inside, line.waiting) == (5, 0)
    await crowd.go()
    assert line.inside == 0


async def test_the_end_waits_for_those_inside_and_not_for_ever():
    line = Line(places=10)
    assert await line.empty(0.01)
    async with line.place():
        assert not await line.empty(0.01)
        emptied = asyncio.create_task(line.empty(10))
        await turns(2)
    assert await emptied


def test_a_refusal_never_asks_to_wait_for_more_than_a_minute():
    line = Line(places=0)
    line._usual_seconds = 1e6
    with pytest.raises(Full) as full:
        raise line.full()
    assert full.value.retry_after_seconds == load.LONGEST_RETRY_SECONDS
