"""
What nobody waits for, a moment later: the lines that a request leaves in the log, and what is counted of it.

    put ──► gathered for MOMENT_SECONDS, MOST at most ──► what is alike in a row

Done at once, between all the rest, each takes more than twice as long as behind another one (`prompts.pace`
says why), and a caller waits for his answer meanwhile. What has not been done when the process ends, is done
then; of one that is killed, the last moment is lost. Knows neither logs nor metrics.
"""

import asyncio
import atexit
import logging
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from typing import ParamSpec

logger = logging.getLogger("prompts.pipeline")

MOMENT_SECONDS = 0.03
MOST = 32  # then it is done without waiting for more: a turn of the event loop stays short

P = ParamSpec("P")


class Afterwards:
    """Of one event loop at a time. Where none runs, or without a moment, all is done at once."""

    def __init__(self, moment_seconds: float = MOMENT_SECONDS) -> None:
        self.moment_seconds = moment_seconds
        self._gathered: dict[object, list[tuple[Context, Callable[[], None]]]] = {}
        self._count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def put(self, work: Callable[P, None], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Has `work` done in the context of this call. What it raises is logged, and nobody's trouble."""
        loop = asyncio._get_running_loop()
        if loop is None or not self.moment_seconds:
            _do(partial(work, *args, **kwargs))
            return
        if loop is not self._loop:
            self.catch_up()  # what was left of a loop that has ended
            self._loop = loop
        if self._timer is None:
            self._timer = loop.call_later(self.moment_seconds, self.catch_up)
        self._gathered.setdefault(work, []).append((copy_context(), partial(work, *args, **kwargs)))
        self._count += 1
        if self._count >= MOST:
            self.catch_up()

    def catch_up(self) -> None:
        """Does now what has been gathered."""
        gathered, self._gathered, self._count = self._gathered, {}, 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for alike in gathered.values():
            for context, work in alike:
                context.run(_do, work)


def _do(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        logger.exception("afterwards")


afterwards = Afterwards()
atexit.register(afterwards.catch_up)
