"""
A group of rows goes to the database and back in the event loop itself, without a thread.

    callers ──► gathered in a turn of the loop ──► sent, MOST_FLIGHTS groups at once ──► callers
                                                      └──► anything odd: back to the writer's thread

To hand a row to a thread and to be woken by it takes as long as the database does, because both threads want
the interpreter. And while one group is being committed, the next one is made.

A line knows how to send a group and to hear that it was committed, and nothing else. What it cannot say for
sure (an error, no answer for PATIENCE_SECONDS, a row that was not in progress) it gives back to the writer,
which may write all of it again: what is there already stays as it is. No row is lost by a line, and none is
refused by one.
"""

import asyncio
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from itertools import chain
from typing import NamedTuple, Protocol
from uuid import UUID

from prompts.changes import Change, wake

logger = logging.getLogger("prompts.line")

GROUP_ROWS = 32
MOST_FLIGHTS = 3
PATIENCE_SECONDS = 5.0  # as the connection has it with a host that confirms nothing (gateway.settings)
LIFE_SECONDS = 3600.0  # then another one takes its place, which knows the partitions of the day
AGAIN_SECONDS = 1.0  # between one that broke and the next


class Wire(Protocol):
    """A connection that never blocks. Whatever it raises, but for Unsendable, says that it is of no use any
    more."""

    def fileno(self) -> int: ...

    def send(self, group: Sequence[Change]) -> None:
        """Puts a group on its way, as one transaction. Raises Unsendable before anything of it is sent."""
        ...

    def flush(self) -> bool:
        """Whether all of it is with the operating system; if not, once more when it takes more."""
        ...

    def receive(self) -> list[Collection[UUID]]:
        """For each group that has been committed since, in their order: the ids of the ends that were not
        written, because their rows were not in progress."""
        ...

    def close(self) -> None: ...


class Unsendable(Exception):
    """There is something in this group that this way does not take."""


class Flight(NamedTuple):
    """A group on its way."""

    group: Sequence[Change]
    sent_at: float


class Line:
    """Of one event loop. `begin` and whatever comes after it is called in that loop, or when it runs no more.

    `hand_over` takes changes that are not known to be written. `committed` hears of each transaction: how
    many rows, how long it took, and how long the first of them had waited."""

    def __init__(
        self,
        wire: Wire,
        loop: asyncio.AbstractEventLoop,
        *,
        hand_over: Callable[[Sequence[Change]], None],
        committed: Callable[[int, float, float], None],
    ) -> None:
        self.loop = loop
        self.is_open = self.is_over = False
        self._wire = wire
        self._hand_over = hand_over
        self._committed = committed
        self._gathered: deque[Change] = deque()
        self._flights: deque[Flight] = deque()
        self._is_turn_due = self._is_writing = False
        self._ends_at = time.monotonic() + LIFE_SECONDS
        self._alarm: asyncio.TimerHandle | None = None
        # A copy of the wire's descriptor, for the loop to watch. libpq closes its own when the connection
        # breaks; uvloop would take that number for watched, and hear nothing of the next one that gets it.
        self._watched: int = -1

    @property
    def rows(self) -> int:
        """Changes that are not known to be written. From any thread."""
        with suppress(RuntimeError):  # another thread changes it just now
            return len(self._gathered) + sum(len(flight.group) for flight in self._flights)
        return len(self._gathered)

    @property
    def since(self) -> float | None:
        """When the oldest of them was sent here (`time.monotonic`). From any thread."""
        with suppress(IndexError):
            return self._flights[0].group[0].sent_at
        with suppress(IndexError):
            return self._gathered[0].sent_at
        return None

    def begin(self) -> None:
        if self.is_over:
            return
        self.is_open = True
        try:
            self._watched = os.dup(self._wire.fileno())
            self.loop.add_reader(self._watched, self._read)
        except Exception as error:  # noqa: BLE001  (it broke already, or there is no descriptor left)
            self._break(error)

    def put(self, change: Change) -> None:
        """Sends it at the end of this turn of the loop, or when there is room."""
        self._gathered.append(change)
        self._turn_soon()

    def leave(self) -> None:
        """Gives everything back that is not known to be written, and lets the wire go."""
        if self.is_over:
            return
        self.is_open, self.is_over = False, True
        if self._alarm is not None:
            self._alarm.cancel()
        if self._watched >= 0:
            with suppress(RuntimeError):  # the loop is closed
                self.loop.remove_reader(self._watched)
                self.loop.remove_writer(self._watched)
            os.close(self._watched)
        left = [*chain.from_iterable(flight.group for flight in self._flights), *self._gathered]
        self._flights.clear()
        self._gathered.clear()
        self._wire.close()
        if left:
            self._hand_over(left)

    # -- in the loop --

    def _turn_soon(self) -> None:
        if not self._is_turn_due:
            self._is_turn_due = True
            self.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_turn_due = False
        if not self.is_open:
            return
        if time.monotonic() > self._ends_at:
            if not self._flights:
                self.leave()
            return
        try:
            while self._gathered and len(self._flights) < MOST_FLIGHTS:
                self._send([self._gathered.popleft() for _ in range(min(GROUP_ROWS, len(self._gathered)))])
            self._flush()
        except Exception as error:  # noqa: BLE001  (whatever it was: the thread finds out)
            self._break(error)

    def _send(self, group: Sequence[Change]) -> None:
        self._flights.append(Flight(group, time.monotonic()))  # before: what is not sent is given back too
        try:
            self._wire.send(group)
        except Unsendable:
            self._flights.pop()
            self._hand_over(group)
            return
        if self._alarm is None:
            self._alarm = self.loop.call_later(PATIENCE_SECONDS, self._look)

    def _flush(self) -> None:
        if self._wire.flush():
            if self._is_writing:
                self.loop.remove_writer(self._watched)
                self._is_writing = False
        elif not self._is_writing:
            self.loop.add_writer(self._watched, self._write_more)
            self._is_writing = True

    def _write_more(self) -> None:
        try:
            self._flush()
        except Exception as error:  # noqa: BLE001
            self._break(error)

    def _read(self) -> None:
        try:
            for unwritten in self._wire.receive():
                self._land(self._flights.popleft(), unwritten)
        except Exception as error:  # noqa: BLE001
            self._break(error)
            return
        if self._gathered:
            self._turn_soon()

    def _land(self, flight: Flight, unwritten: Collection[UUID]) -> None:
        """A group was committed."""
        group = flight.group
        if unwritten:
            odd = [change for change in group if change.result is not None and change.id in unwritten]
            group = [change for change in group if change.result is None or change.id not in unwritten]
            self._hand_over(odd)
        wake(group, True)
        now = time.monotonic()
        self._committed(len(flight.group), now - flight.sent_at, now - flight.group[0].sent_at)

    def _look(self) -> None:
        """Whether the oldest group has been on its way for too long."""
        self._alarm = None
        self._read()  # the loop may have been busy, not the database
        if not self._flights or not self.is_open:
            return
        left = self._flights[0].sent_at + PATIENCE_SECONDS - time.monotonic()
        if left <= 0:
            self._break(TimeoutError())
        else:
            self._alarm = self.loop.call_later(left, self._look)

    def _break(self, error: Exception) -> None:
        if self.is_open:
            logger.warning("journal line broken", extra={"kind": type(error).__name__, "rows": self.rows})
            self.leave()


class Lines:
    """Who has the line: one event loop at a time, until it is closed. The writer's thread opens it, because
    that takes a while and may fail (`lend`)."""

    def __init__(
        self,
        opened: Callable[[], Wire],
        *,
        hand_over: Callable[[Sequence[Change]], None],
        committed: Callable[[int, float, float], None],
    ) -> None:
        self._opened = opened
        self._hand_over = hand_over
        self._committed = committed
        self._line: Line | None = None
        self._wanted_by: asyncio.AbstractEventLoop | None = None
        self._is_closed = False
        self._not_before = 0.0
        self._lock = threading.Lock()  # of which line there is, not of what it does

    @property
    def rows(self) -> int:
        return 0 if self._line is None else self._line.rows

    @property
    def since(self) -> float | None:
        return None if self._line is None else self._line.since

    def of(self, loop: asyncio.AbstractEventLoop) -> Line | None:
        """The line of the loop that runs, which is this one. If it has none: it gets one soon."""
        line = self._line
        if line is None or line.loop is not loop or not line.is_open:
            self._wanted_by = loop
            return None
        return line

    def lend(self) -> None:
        """In the writer's thread, between groups. Raises what opening raises."""
        loop, now = self._wanted_by, time.monotonic()
        if loop is None or loop.is_closed() or not self._is_free() or now < self._not_before:
            return
        self._wanted_by, self._not_before = None, now + AGAIN_SECONDS
        line = Line(self._opened(), loop, hand_over=self._hand_over, committed=self._committed)
        with self._lock:
            if self._is_closed:
                line.leave()
                return
            self._line = line
        try:
            loop.call_soon_threadsafe(line.begin)
        except RuntimeError:  # closed meanwhile
            line.leave()

    def _is_free(self) -> bool:
        with self._lock:
            line = self._line
            if line is not None and not line.is_over and line.loop.is_closed():
                line.leave()
                self._not_before = 0.0  # nothing was wrong with it
            return not self._is_closed and (line is None or line.is_over)

    def open(self) -> None:
        self._is_closed = False

    def close(self, timeout_seconds: float) -> None:
        """What is on its way is given back. From any thread but the writer's, which then writes it."""
        with self._lock:
            self._is_closed, line = True, self._line
        if line is None or line.is_over:
            return
        if line.loop.is_running() and line.loop is not asyncio._get_running_loop():
            gone = threading.Event()

            def leave() -> None:
                line.leave()
                gone.set()

            with suppress(RuntimeError):  # it has just closed
                line.loop.call_soon_threadsafe(leave)
                if gone.wait(timeout_seconds):
                    return
        line.leave()  # a loop that is stuck will not come for it
