"""
Keeps the turns of the event loop short: those who have something to compute do so one after another, with
turns of the loop in between, in which sockets are read and others get on.

    a piece ─► room in this turn? ─► computes
                  │ no
                  └─► waits ─► as many in each turn as usually fit into TURN_SECONDS

Answers of a model, and commits of a group of rows, come for many prompts at once. Sanitized all in one turn,
they would hold up everybody: the streams of others, health, and those who are refused. Where little is going
on, nobody waits.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

TURN_SECONDS = 0.004
MOST_PIECES = 64
USUALLY = 1 / 8  # the weight of the newest turn in what a piece usually takes


class Pace:
    """Of one event loop at a time. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None  # in whose turns pieces are counted
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = 0  # pieces of this turn
        self._turned_at = 0.0
        self._piece_seconds = TURN_SECONDS / 4

    @property
    def is_busy(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    async def piece(self) -> None:
        """Returns when the caller may compute until its next `await`: mostly at once."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._waiting.clear()  # of a loop that has ended
            self._loop, self._taken, self._turned_at = loop, 0, self._clock()
            loop.call_soon(self._next, loop)
        if not self._waiting and self._taken < self._most():
            self._taken += 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            with suppress(ValueError):  # if its turn came already, that passes unused
                self._waiting.remove(turn)
            raise

    def _most(self) -> int:
        return max(1, min(MOST_PIECES, int(TURN_SECONDS / self._piece_seconds)))

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Another turn. The last one of a busy time ends it."""
        if self._loop is not loop:
            return
        now = self._clock()
        if self._taken:
            took = (now - self._turned_at) / self._taken
            self._piece_seconds += (max(took, 1e-6) - self._piece_seconds) * USUALLY
        elif not self._waiting:
            self._loop = None
            return
        self._turned_at, self._taken = now, 0
        most = self._most()
        while self._waiting and self._taken < most:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._taken += 1
        loop.call_soon(self._next, loop)
