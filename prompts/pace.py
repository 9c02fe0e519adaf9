"""
Who computes when. Turns of the event loop stay short, and what is alike is done in a row:

    a piece ─► first in this turn, and nobody waits? ─► computes
                  │ no
                  └─► waits with its kind ─► one kind in each turn, as many as usually fit into TURN_SECONDS:
                                             what a model says to somebody who listens, else the longest row

Answers of a model, and commits of a group of rows, come for many prompts at once. Sanitized all in one turn,
they would hold up everybody: the streams of others, health, and those who are refused. Where little is going
on, nobody waits.

A prompt runs through more code and data than the processor's caches hold: a screening between all the rest
takes two and a half times as long as one right behind another. So many prompts at once are faster in step,
with a row of screenings, a row of answers, a row of ends, than each at its own.

It also knows whether another request had better wait at the door (`room`, which `gateway.load` asks), and
says when it need not any more.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import Enum
from typing import Any

TURN_SECONDS = 0.002
MOST_PIECES = 64
FEW = 2  # so many requests inside never wait for others of their kind
MOST_IN_A_ROW = 8  # of one kind, over several turns; more gain nothing
LONGEST_PAUSE_SECONDS = 0.05  # of those who do not go first
USUALLY = 1 / 8  # the weight of the newest turn in what a piece usually takes
# So many prompts are on their way to the model at once. What they take comes there, not at the door: without
# a bound a quiet moment lets in everybody who waits, and a moment later all of them have to be screened.
MOST_OPENING = 8
LONGEST_OPENING_SECONDS = 0.25  # then it waits for something, and not for the processor
# Where as many wait to go on, there is no room for another one.
MOST_WAITING = 8
# Who waits for so long counts as one more in its row.
AGE_SECONDS = 0.005


class Kind(Enum):
    """What a piece is about: pieces of one kind need the same code and data."""

    SCREENING = "a prompt goes through the chain"
    ASKING = "its row is there, and a model is asked"
    WORDS = "what a model says goes through the chain, and somebody listens"
    ANSWER = "the same where nobody listens yet"
    ENDING = "the final row is made"
    TELLING = "it is there, and the caller is told"


class Row:
    """Those who wait with pieces of one kind, and what such a piece usually takes."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()
        self._usual_seconds = TURN_SECONDS / 4

    def __len__(self) -> int:
        return len(self._waiting)

    def forget(self) -> None:
        """Those who wait belong to a loop that has ended."""
        self._waiting.clear()

    def weight(self, now: float) -> float:
        """How many wait, and for how long the first of them has."""
        return len(self._waiting) + (now - self._waiting[0][1]) / AGE_SECONDS if self._waiting else 0.0

    @property
    def most(self) -> int:
        """So many fit into a turn."""
        return max(1, min(MOST_PIECES, int(TURN_SECONDS / self._usual_seconds)))

    def took(self, pieces: int, seconds: float) -> None:
        self._usual_seconds += (max(seconds / pieces, 1e-6) - self._usual_seconds) * USUALLY

    async def wait(self, since: float) -> None:
        one = (asyncio.get_running_loop().create_future(), since)
        self._waiting.append(one)
        try:
            await one[0]
        except asyncio.CancelledError:
            with suppress(ValueError):  # if its turn came already, that passes unused
                self._waiting.remove(one)
            raise

    def let_on(self, most: int) -> int:
        """The first so many, as far as they wait; how many these were."""
        count = 0
        while self._waiting and count < most:
            turn, _ = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                count += 1
        return count


class Opening:
    """A request from when all of it is here until a model is asked, or it is over."""

    def __init__(self, pace: "Pace") -> None:
        self._pace = pace
        self.is_over = False

    def begins(self) -> None:
        if not self.is_over:
            self._pace.openings.setdefault(self, self._pace.clock())

    def ends(self) -> None:
        self.is_over = True
        if self._pace.openings.pop(self, None) is not None:
            self._pace.tell_if_calm()


_opening: ContextVar[Opening | None] = ContextVar("opening", default=None)


class Pace:
    """Of one event loop at a time. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None  # in whose turns pieces are counted
        self._rows = {kind: Row() for kind in Kind}
        self._kind = Kind.WORDS  # whose turn it is
        self._inside = 0  # requests
        self._task: asyncio.Task[Any] | None = None  # that computes now
        self._taken = 0  # pieces of this turn
        self._in_a_row = 0  # pieces of this kind, in this turn and those before
        self._turned_at = self._others_at = 0.0
        self.openings: dict[Opening, float] = {}  # since when, in this order
        self._listener: Callable[[], None] | None = None

    @property
    def room(self) -> int:
        """For so many more requests those inside leave time now."""
        if self._rows[Kind.WORDS] or sum(map(len, self._rows.values())) >= MOST_WAITING:
            return 0
        return max(0, MOST_OPENING - self._count_openings())

    def _count_openings(self) -> int:
        while len(self.openings) >= MOST_OPENING:
            first, since = next(iter(self.openings.items()))
            if self.clock() - since <= LONGEST_OPENING_SECONDS:
                break
            first.is_over = True
            del self.openings[first]
        return len(self.openings)

    def when_calm(self, listener: Callable[[], None]) -> None:
        """Calls it once, as soon as there is room; not where only time passes by. It takes the place of one
        that still waits."""
        self._listener = listener

    def tell_if_calm(self) -> None:
        if self._listener is not None and self.room > 0:
            listener, self._listener = self._listener, None
            listener()

    @contextmanager
    def request(self) -> Iterator[Opening]:
        """What happens in here is one request."""
        opening = Opening(self)
        token = _opening.set(opening)
        self._inside += 1
        try:
            yield opening
        finally:
            self._inside -= 1
            _opening.reset(token)
            opening.ends()

    def underway(self) -> None:
        """From now on this request mostly waits for others."""
        if (opening := _opening.get()) is not None:
            opening.ends()

    async def piece(self, kind: Kind) -> None:
        """Returns when the caller may compute until he waits for something: mostly at once."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if self._loop is not loop:
            self._begin(loop)
        row = self._rows[kind]
        if task is self._task and self.clock() - self._turned_at < TURN_SECONDS:
            return  # it is still the piece before
        is_free = not self._taken and not any(self._rows.values())
        if is_free and (self._inside <= FEW or kind is Kind.WORDS):
            self._kind, self._taken, self._in_a_row = kind, 1, 1
        elif kind is self._kind and not row and self._taken < row.most:
            self._taken += 1
            self._in_a_row += 1
        else:
            await row.wait(self.clock())
        self._task = task

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """A busy time, maybe of another loop than the last one."""
        for row in self._rows.values():
            row.forget()
        self._loop, self._taken, self._turned_at, self._task = loop, 0, self.clock(), None
        loop.call_soon(self._next, loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Another turn. The last one of a busy time ends it."""
        if self._loop is not loop:
            return
        now, self._task = self.clock(), None
        if self._taken:
            self._rows[self._kind].took(self._taken, now - self._turned_at)
            if self._kind is not Kind.WORDS:
                self._others_at = now
        if not any(self._rows.values()):  # whoever comes next begins again
            self._loop = None
            self.tell_if_calm()
            return
        kind = self._whose_turn(now)
        if kind is not self._kind or self._in_a_row >= MOST_IN_A_ROW:
            self._kind, self._in_a_row = kind, 0
        self._turned_at = now
        row, words = self._rows[kind], self._rows[Kind.WORDS]
        self._taken = row.let_on(1 if words and row is not words else row.most)
        self._in_a_row += self._taken
        self.tell_if_calm()
        loop.call_soon(self._next, loop)

    def _whose_turn(self, now: float) -> Kind:
        """What a model says, for somebody listens to it, though not always; then the row that was begun,
        until it is long enough; then the longest of the others."""
        rows = self._rows
        others = [kind for kind, row in rows.items() if row and kind is not Kind.WORDS]
        if rows[Kind.WORDS] and not (others and now - self._others_at > LONGEST_PAUSE_SECONDS):
            return Kind.WORDS
        if self._kind in others and self._in_a_row < MOST_IN_A_ROW:
            return self._kind
        return max(others, key=lambda kind: (kind is not self._kind, rows[kind].weight(now)))
