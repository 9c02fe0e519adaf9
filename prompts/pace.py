"""
Keeps the turns of the event loop short: those who have something to compute do so one after another, with
turns of the loop in between, in which sockets are read and others get on.

    a piece ─► room in this turn? ─► computes
                  │ no
                  └─► waits ─► as many in each turn as usually fit into TURN_SECONDS:
                               what a model says first, everything else after it, and not never

Answers of a model, and commits of a group of rows, come for many prompts at once. Sanitized all in one turn,
they would hold up everybody: the streams of others, health, and those who are refused. Where little is going
on, nobody waits.

It also knows whether another request had better wait at the door (`is_busy`, which `gateway.load` asks), and
says when it need not any more.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar

TURN_SECONDS = 0.002
MOST_PIECES = 64
LONGEST_PAUSE_SECONDS = 0.05  # of those who do not go first
USUALLY = 1 / 8  # the weight of the newest turn in what a piece usually takes
# So many prompts are on their way to the model at once. What they take comes there, not at the door: without
# a bound a quiet moment lets in everybody who waits, and a moment later all of them have to be screened.
MOST_OPENING = 8
LONGEST_OPENING_SECONDS = 0.25  # then it waits for something, and not for the processor


class Opening:
    """A request from when all of it is here until a model is asked, or it is over."""

    def __init__(self, pace: "Pace") -> None:
        self._pace = pace
        self._is_over = False

    def begins(self) -> None:
        if not self._is_over:
            self._pace.openings.setdefault(self, self._pace.clock())

    def ends(self) -> None:
        self._is_over = True
        if self._pace.openings.pop(self, None) is not None:
            self._pace.tell_if_calm()


_opening: ContextVar[Opening | None] = ContextVar("opening", default=None)


class Pace:
    """Of one event loop at a time. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None  # in whose turns pieces are counted
        self._words: deque[asyncio.Future[None]] = deque()  # what a model says
        self._others: deque[asyncio.Future[None]] = deque()
        self._taken = 0  # pieces of this turn
        self._turned_at = self._others_at = 0.0
        self._piece_seconds = TURN_SECONDS / 4
        self.openings: dict[Opening, float] = {}  # since when, in this order
        self._listener: Callable[[], None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether those inside have enough to do: another one would wait."""
        return self._waiting or self._are_many_opening()

    def _are_many_opening(self) -> bool:
        while len(self.openings) >= MOST_OPENING:
            first, since = next(iter(self.openings.items()))
            if self.clock() - since <= LONGEST_OPENING_SECONDS:
                return True
            first.ends()
        return False

    def when_calm(self, listener: Callable[[], None]) -> None:
        """Calls it once, as soon as those inside have not enough to do any more; not where only time passes
        by. It takes the place of one that still waits."""
        self._listener = listener

    def tell_if_calm(self) -> None:
        if self._listener is not None and not self.is_busy:
            listener, self._listener = self._listener, None
            listener()

    @property
    def _waiting(self) -> bool:
        return bool(self._words or self._others)

    @contextmanager
    def request(self) -> Iterator[Opening]:
        """What happens in here is one request."""
        opening = Opening(self)
        token = _opening.set(opening)
        try:
            yield opening
        finally:
            _opening.reset(token)
            opening.ends()

    def underway(self) -> None:
        """From now on this request mostly waits for others."""
        if (opening := _opening.get()) is not None:
            opening.ends()

    async def piece(self, *, says_something: bool = False) -> None:
        """Returns when the caller may compute until its next `await`: mostly at once. What a model says goes
        first, for somebody listens to it."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._words.clear()  # of a loop that has ended
            self._others.clear()
            self._loop, self._taken, self._turned_at = loop, 0, self.clock()
            loop.call_soon(self._next, loop)
        if not self._waiting and self._taken < self._most():
            self._taken += 1
            return
        line = self._words if says_something else self._others
        turn = loop.create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            with suppress(ValueError):  # if its turn came already, that passes unused
                line.remove(turn)
            raise

    def _most(self) -> int:
        return max(1, min(MOST_PIECES, int(TURN_SECONDS / self._piece_seconds)))

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Another turn. The last one of a busy time ends it."""
        if self._loop is not loop:
            return
        now = self.clock()
        if self._taken:
            took = (now - self._turned_at) / self._taken
            self._piece_seconds += (max(took, 1e-6) - self._piece_seconds) * USUALLY
        if not self._waiting:  # whoever comes next begins again
            self._loop = None
            self.tell_if_calm()
            return
        self._turned_at, self._taken = now, 0
        most = self._most()
        if now - self._others_at > LONGEST_PAUSE_SECONDS:
            self._let_on(self._others, 1)
            self._others_at = now
        self._let_on(self._words, max(1, most - self._taken))
        if self._taken < most:
            self._let_on(self._others, most - self._taken)
            self._others_at = now
        self.tell_if_calm()
        loop.call_soon(self._next, loop)

    def _let_on(self, line: deque[asyncio.Future[None]], most: int) -> None:
        """The first so many of this line."""
        while line and most > 0:
            turn = line.popleft()
            if not turn.done():
                turn.set_result(None)
                self._taken += 1
                most -= 1
