"""
What nobody waits for, a moment later: the lines that a request leaves in the log, and what is counted of it.

    put ──► gathered for MOMENT_SECONDS ──► what is alike in a row, TURN_SECONDS in each turn of the loop

Done at once, between all the rest, each takes more than twice as long as behind another one (`prompts.pace`
says why), and a caller waits for his answer meanwhile. What has not been done when the process ends, is done
then; of one that is killed, the last moment is lost. Knows neither logs nor metrics.
"""

import asyncio
import atexit
import logging
import time
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from typing import ParamSpec

logger = logging.getLogger("prompts.afterwards")

MOMENT_SECONDS = 0.03
TURN_SECONDS = 0.001
MOST = 1_000  # are gathered; where more come than there is time for, all of it is done before any other

P = ParamSpec("P")


class Afterwards:
    """Of one event loop at a time. Where none runs, or without a moment, all is done at once. `clock` is in
    seconds."""

    def __init__(
        self, moment_seconds: float = MOMENT_SECONDS, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.moment_seconds = moment_seconds
        self._clock = clock
        self._gathered: dict[object, deque[tuple[Context, Callable[[], None]]]] = {}
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next: asyncio.Handle | None = None

    def put(self, work: Callable[P, None], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Has `work` done in the context of this call. What it raises is logged, and nobody's trouble."""
        loop = asyncio._get_running_loop()
        if loop is None or not self.moment_seconds:
            _do(partial(work, *args, **kwargs))
            return
        if loop is not self._loop or self._count >= MOST:
            self.catch_up()  # perhaps what was left of a loop that has ended
            self._loop = loop
        if self._next is None:
            self._next = loop.call_later(self.moment_seconds, self._turn, loop)
        self._gathered.setdefault(work, deque()).append((copy_context(), partial(work, *args, **kwargs)))
        self._count += 1

    def catch_up(self) -> None:
        """Does now what has been gathered."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        for _ in range(self._count):
            self._do_next()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        ends_at, self._next = self._clock() + TURN_SECONDS, None
        for _ in range(self._count):
            self._do_next()
            if self._clock() >= ends_at:
                break
        if self._count and self._next is None:
            self._next = loop.call_soon(self._turn, loop)

    def _do_next(self) -> None:
        work, alike = next(iter(self._gathered.items()))
        context, one = alike.popleft()
        if not alike:
            del self._gathered[work]
        self._count -= 1
        context.run(_do, one)


def _do(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        logger.exception("afterwards")


afterwards = Afterwards()
atexit.register(afterwards.catch_up)
