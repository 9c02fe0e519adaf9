"""The line of an event loop, with a wire that does what the test says."""

import asyncio
import os
import socket
import threading
from contextlib import suppress
from types import SimpleNamespace

import pytest
import uvloop

from prompts import line as lines
from prompts.changes import Change
from prompts.ids import uuid7
from prompts.journal import Outcome, Result
from prompts.line import Line, Lines, Unsendable


class ScriptedWire:
    """`prompts.line.Wire`: commits when it is told to."""

    def __init__(self):
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.groups, self.answers = [], []
        self.error = self.refusal = None
        self.flushes = [True]
        self.is_closed = False

    def fileno(self):
        return self.near.fileno()

    def send(self, group):
        if self.refusal:
            raise self.refusal
        self.groups.append([change.id for change in group])

    def flush(self):
        return self.flushes.pop(0) if len(self.flushes) > 1 else self.flushes[0]

    def receive(self):
        with suppress(BlockingIOError):
            self.near.recv(4096)
        if self.error:
            raise self.error
        answers, self.answers = self.answers, []
        return answers

    def commits(self, *unwritten):
        self.answers.append(unwritten)
        self.far.send(b"x")

    def breaks(self):
        self.error = OSError()
        self.far.send(b"x")

    def close(self):
        self.is_closed = True
        self.near.close()
        self.far.close()


def desk(wire, loop=None):
    """A line in this loop, and what it gave back and told."""
    back, told = [], []
    loop = loop or asyncio.get_running_loop()
    made = Line(wire, loop, hand_over=back.extend, committed=lambda *what: told.append(what))
    made.begin()
    return SimpleNamespace(line=made, back=back, told=told)


def change(**more):
    return Change(uuid7(), waiter=asyncio.get_running_loop().create_future(), **more)


async def turns(number=6):
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.fixture
def wire():
    made = ScriptedWire()
    yield made
    made.close()


async def test_what_comes_in_one_turn_of_the_loop_is_one_group(wire):
    made, changes = desk(wire), [change() for _ in range(3)]
    for one in changes:
        made.line.put(one)
    await turns()
    assert wire.groups == [[one.id for one in changes]]
    assert (made.line.rows, made.line.since) == (3, changes[0].sent_at)
    wire.commits()
    await asyncio.gather(*(one.waiter for one in changes))
    assert (made.line.rows, made.line.since, made.back) == (0, None, [])
    ((rows, took, waited),) = made.told
    assert rows == 3
    assert 0 <= took <= waited


async def test_while_some_groups_are_on_their_way_the_next_ones_gather(wire, monkeypatch):
    monkeypatch.setattr(lines, "MOST_FLIGHTS", 2)
    monkeypatch.setattr(lines, "GROUP_ROWS", 3)
    made, changes = desk(wire), [change() for _ in range(8)]
    for one in changes:
        made.line.put(one)
    await turns()
    assert [len(group) for group in wire.groups] == [3, 3]
    wire.commits()
    await changes[0].waiter
    await turns()
    assert [id for group in wire.groups for id in group] == [one.id for one in changes]
    assert not changes[3].waiter.done()


async def test_an_end_whose_row_was_not_in_progress_is_given_back_alone(wire):
    made, changes = desk(wire), [change(result=Result(Outcome.ANSWERED)) for _ in range(3)]
    for one in changes:
        made.line.put(one)
    await turns()
    wire.commits(changes[1].id)
    await changes[2].waiter
    assert made.back == [changes[1]]
    assert [one.waiter.done() for one in changes] == [True, False, True]
    assert made.line.is_open


@pytest.mark.parametrize("when", ["in flight", "as it is sent"])
async def test_a_wire_that_breaks_gives_everything_back_in_order_and_tells_nobody(wire, monkeypatch, when):
    monkeypatch.setattr(lines, "MOST_FLIGHTS", 1)
    monkeypatch.setattr(lines, "GROUP_ROWS", 2)
    made, changes = desk(wire), [change() for _ in range(5)]
    if when == "as it is sent":
        wire.refusal = OSError()
    for one in changes:
        made.line.put(one)
    await turns()
    if when == "in flight":
        wire.breaks()
        await asyncio.sleep(0.05)
    assert made.back == changes
    assert not any(one.waiter.done() for one in changes)
    assert (wire.is_closed, made.line.is_open, made.line.is_over, made.told) == (True, False, True, [])


async def test_a_group_that_this_way_does_not_take_is_given_back_and_the_line_goes_on(wire):
    made, bad, good = desk(wire), change(), change()
    wire.refusal = Unsendable()
    made.line.put(bad)
    await turns()
    wire.refusal = None
    made.line.put(good)
    await turns()
    wire.commits()
    await good.waiter
    assert (made.back, made.line.is_open) == ([bad], True)


async def test_a_database_that_does_not_answer_is_not_waited_for(wire, monkeypatch):
    monkeypatch.setattr(lines, "PATIENCE_SECONDS", 0.05)
    made, answered, silent = desk(wire), change(), change()
    made.line.put(answered)
    await turns()
    wire.commits()
    await answered.waiter
    await asyncio.sleep(0.1)
    assert made.line.is_open
    made.line.put(silent)
    await asyncio.sleep(0.3)
    assert (made.back, wire.is_closed) == ([silent], True)


async def test_what_the_operating_system_does_not_take_at_once_is_sent_when_it_does(wire):
    wire.flushes = [False, False, True]
    made, one = desk(wire), change()
    made.line.put(one)
    await asyncio.sleep(0.05)
    assert wire.flushes == [True]
    wire.commits()
    await one.waiter


async def test_a_caller_who_left_holds_nobody_up(wire):
    made, gone, there = desk(wire), change(), change()
    made.line.put(gone)
    made.line.put(there)
    gone.waiter.cancel()
    await turns()
    wire.commits()
    await there.waiter


async def test_a_line_that_has_served_its_time_ends_between_groups(wire, monkeypatch):
    made, first, second = desk(wire), change(), change()
    made.line.put(first)
    await turns()
    made.line._ends_at = 0
    made.line.put(second)
    await turns()
    assert made.back == []
    wire.commits()
    await first.waiter
    await turns()
    assert (made.back, made.line.is_over) == ([second], True)


def lent(opened):
    back = []
    return Lines(opened, hand_over=back.extend, committed=lambda *what: None), back


async def test_a_loop_gets_its_line_from_the_writers_thread(wire):
    made, _ = lent(lambda: wire)
    loop = asyncio.get_running_loop()
    assert made.of(loop) is None
    await asyncio.to_thread(made.lend)
    await turns()
    assert made.of(loop) is made.of(loop) is not None
    await asyncio.to_thread(made.close, 5)
    assert made.of(loop) is None
    assert wire.is_closed


def test_a_loop_that_is_closed_with_rows_on_their_way_leaves_nothing_behind():
    wires = []

    def opened():
        wires.append(ScriptedWire())
        return wires[-1]

    made, back = lent(opened)

    async def begin(has_one):
        made.of(asyncio.get_running_loop())
        await asyncio.to_thread(made.lend)
        await turns()
        if not has_one:
            return None
        made.of(asyncio.get_running_loop()).put(one := change())
        await turns()
        return one

    one = asyncio.run(begin(has_one=True))
    asyncio.run(begin(has_one=False))
    assert back == [one]
    assert [wire.is_closed for wire in wires] == [True, False]
    made.close(5)
    assert wires[1].is_closed


def test_nothing_is_opened_for_a_loop_that_is_closed():
    made, _ = lent(lambda: pytest.fail("opened"))

    async def want():
        assert made.of(asyncio.get_running_loop()) is None

    asyncio.run(want())
    made.lend()


async def test_one_loop_at_a_time_has_the_line(wire):
    made, _ = lent(lambda: wire)
    made.of(asyncio.get_running_loop())
    await asyncio.to_thread(made.lend)
    await turns()

    async def other():
        assert made.of(asyncio.get_running_loop()) is None
        made.lend()

    await asyncio.to_thread(asyncio.run, other())
    assert made.of(asyncio.get_running_loop()) is not None
    made.close(5)


async def test_after_a_line_broke_the_next_one_takes_its_time():
    wires = []

    def opened():
        wires.append(ScriptedWire())
        return wires[-1]

    made, _ = lent(opened)
    loop = asyncio.get_running_loop()
    for _ in range(3):
        made.of(loop)
        made.lend()
        await turns()
        made.of(loop) and wires[-1].breaks()
        await asyncio.sleep(0.02)
    assert len(wires) == 1


def test_the_next_connection_may_get_the_number_of_one_that_broke():
    """As libpq, which closes its socket before anybody can stop watching it."""

    class Closing(ScriptedWire):
        def receive(self):
            self.near.close()
            raise OSError

    async def go():
        first, second = Closing(), ScriptedWire()
        number = first.fileno()
        broken = desk(first)
        first.far.send(b"x")
        await until(lambda: broken.line.is_over)
        os.dup2(second.fileno(), number)
        second.near.close()
        second.near = socket.socket(fileno=number)
        next = desk(second)
        next.line.put(change())
        await until(lambda: second.groups)
        second.commits()
        await until(lambda: next.told)
        next.line.leave()

    async def until(happens):
        async with asyncio.timeout(1):
            while not happens():
                await asyncio.sleep(0.01)

    uvloop.run(go())


def test_a_loop_that_is_stuck_does_not_keep_what_it_was_about_to_write(wire):
    made, back = lent(lambda: wire)
    stuck, go_on = threading.Event(), threading.Event()

    async def begin():
        made.of(asyncio.get_running_loop())
        await asyncio.to_thread(made.lend)
        await turns()
        made.of(asyncio.get_running_loop()).put(change())
        await turns()
        stuck.set()
        go_on.wait(30)
        await turns()

    loop = threading.Thread(target=asyncio.run, args=[begin()])
    loop.start()
    assert stuck.wait(30)
    made.close(0.05)
    assert len(back) == 1
    go_on.set()
    loop.join()
    assert (len(back), wire.is_closed) == (1, True)
