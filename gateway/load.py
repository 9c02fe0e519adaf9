"""
How much this process takes on, and in which order, so that what it has taken is answered in time.

    comes ─► a place? ─► not behind others for too long? ─► in line ─► starts, as many as there is room for
               │ no               │ no
               └───── Full ───────┘

What is in progress goes on first: who waits is begun after a short turn of the event loop, as far as those
inside leave time (`prompts.pace`). So turns stay short, whoever must be refused hears it at once, and the
addresses of health and metrics answer. Without the line, prompts that come faster than they can be screened
would all be begun and all be late.

A short line is a burst and is let in, however long it lasts. A line that had to be closed is kept shorter
until it was calm for a while: more come than can be answered, and who waited longest would be answered late.

Knows no HTTP and no prompt: `gateway.asgi` asks.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

# How long the first in line may have waited before others are sent away; a burst is let in.
PATIENCE_SECONDS = 0.15
# So many may wait whatever the clock says: callers who come at once and go on when others do, and a pause of
# the process, are no overload.
BURST = 48
# And so many where others had to be sent away lately: then those who are let in are to be answered in time.
STANDING, CALM_SECONDS = 16, 10.0
MOST_WAITING = 256
LONGEST_RETRY_SECONDS = 60
SHORT_TURN_SECONDS = 0.01
MOST_IN_A_TURN = 2  # are begun, however much room there is: a turn stays short
# Somebody is begun as often, whoever waits inside: it may be a thousand streams.
LONGEST_PAUSE_SECONDS = 0.25

Why = Literal["places", "line"]


class Full(Exception):
    """`why` is places (as many as may be are in progress) or line (those that wait are not begun in time)."""

    def __init__(self, why: Why, *, retry_after_seconds: int) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after_seconds = retry_after_seconds


@dataclass(slots=True, eq=False)
class Waiting:
    since: float
    turn: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Line:
    """Of one event loop. `places` is how many may be in progress or wait. `inside` are those in progress;
    `room` says for how many more these leave time, and `when_calm` calls once when that is so again; `clock`
    is in seconds."""

    def __init__(
        self,
        *,
        places: int,
        room: Callable[[], int] = lambda: 1,
        when_calm: Callable[[Callable[[], None]], None] = lambda go_on: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.places = places
        self._room = room
        self._when_calm = when_calm
        self.inside = 0
        self._clock = clock
        self._waiting: deque[Waiting] = deque()
        self._is_turning = False  # somebody was begun, and there was no short turn since then
        self._left_room = 0  # for so many more in this turn
        self._turned_at = self._begun_at = 0.0
        self._sent_away_at = -math.inf  # when the line was found too long
        self._usual_seconds = 0.0  # that a place is taken for
        self._left: asyncio.Event | None = None
        self._resting: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Begins when it is this one's turn. Raises Full at once, or not at all."""
        if full := self.full():
            raise full
        if not self._is_turning:
            self._turn()
        if self._waiting or self._left_room < 1:
            await self._wait()
        else:
            self._left_room -= 1
            self._begun_at = self._clock()
        self.inside += 1
        began = self._clock()
        try:
            yield
        finally:
            self.inside -= 1
            self._usual_seconds += (self._clock() - began - self._usual_seconds) / 16
            self._tell()

    async def empty(self, seconds: float) -> bool:
        """Waits until nobody is inside or in line, so many seconds at most; whether that is so."""
        self._left = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                while self.inside or self._waiting:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            return False
        return True

    def _tell(self) -> None:
        if self._left is not None:
            self._left.set()

    def full(self) -> Full | None:
        """What the next one would hear, if it would not be let in."""
        waiting = len(self._waiting)
        if self.inside + waiting >= self.places:
            # By then about as many have left as are inside now.
            soon = min(LONGEST_RETRY_SECONDS, max(1, math.ceil(self._usual_seconds)))
            return Full("places", retry_after_seconds=soon)
        now = self._clock()
        at_ease = STANDING if now - self._sent_away_at < CALM_SECONDS else BURST
        if waiting >= MOST_WAITING or (
            waiting >= at_ease and now - self._waiting[0].since > PATIENCE_SECONDS
        ):
            self._sent_away_at = now
            return Full("line", retry_after_seconds=1)
        return None

    async def _wait(self) -> None:
        one = Waiting(self._clock())
        self._waiting.append(one)
        try:
            await one.turn
        except asyncio.CancelledError:
            with suppress(ValueError):  # if its turn came already, that passes unused
                self._waiting.remove(one)
            self._tell()
            raise

    def _turn(self) -> None:
        """From now on so many in each short turn, as long as somebody waits."""
        self._is_turning = True
        self._begun_at = self._clock()
        self._left_room = max(1, min(MOST_IN_A_TURN, self._room()))
        self._again()

    def _again(self) -> None:
        """Looks after the next turn."""
        self._turned_at = self._clock()
        asyncio.get_running_loop().call_soon(self._next)

    def _rest(self, seconds: float) -> None:
        """Turns without anything to do would only take the processor from the threads that those inside wait
        for. Somebody is begun after so long, at the latest."""
        self._resting = asyncio.get_running_loop().call_later(seconds, self._go_on)
        self._when_calm(self._go_on)

    def _go_on(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
            self._again()

    def _next(self) -> None:
        now = self._clock()
        is_short, since = now - self._turned_at <= SHORT_TURN_SECONDS, now - self._begun_at
        room = min(MOST_IN_A_TURN, self._room())
        if since > LONGEST_PAUSE_SECONDS:
            room = max(1, room)
        elif room < 1:
            self._left_room = 0
            self._rest(LONGEST_PAUSE_SECONDS - since)
            return
        elif not is_short:
            room = 0
        if room and not self._waiting:
            self._is_turning = False
            return
        while room and self._waiting:
            self._begun_at = now
            one = self._waiting.popleft()
            if not one.turn.done():
                one.turn.set_result(None)
                room -= 1
        self._left_room = room
        self._again()
