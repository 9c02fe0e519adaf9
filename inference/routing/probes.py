"""
Asks every server from time to time whether it is alive, so that one that died is known before somebody's
prompt finds out, and one that came back is used again.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from random import Random
from typing import Any

from inference.errors import InferenceError
from inference.routing.live import Live

logger = logging.getLogger("inference.routing")


async def probe(live: Live, clock: Callable[[], float] = time.monotonic) -> bool:
    """Whether it is alive; its health knows then too. A probe after an ejection counts as the trial. Where
    there is nothing to ask, it is."""
    asked: Any = live.answers
    if not hasattr(asked, "probe"):
        return True
    began_at, before = clock(), live.health.state(clock())
    try:
        await asked.probe()
    except InferenceError:
        live.probed_ms = None
        live.health.silent(clock())
        is_alive = False
    else:
        live.probed_ms = round((clock() - began_at) * 1000, 1)
        live.alive(clock())
        is_alive = True
    if (now := live.health.state(clock())) != before:
        logger.warning("backend %s", now, extra={"backend": live.server.name})
    return is_alive


class Probes:
    """One task for each server, at times that chance spreads."""

    def __init__(self, random: Random | None = None, *, changed: Callable[[], None] = lambda: None) -> None:
        self._random = random or Random()  # noqa: S311
        self._changed = changed
        self._tasks: dict[Live, asyncio.Task[None]] = {}

    def watch(self, lives: tuple[Live, ...]) -> None:
        """These from now on, and no others. On a running loop."""
        for gone in self._tasks.keys() - set(lives):
            self._tasks.pop(gone).cancel()
        for live in lives:
            if live not in self._tasks and live.server.probe_seconds and live.server.remote is not None:
                self._tasks[live] = asyncio.create_task(self._ask_for_ever(live), name="probe")

    async def _ask_for_ever(self, live: Live) -> None:
        seconds = live.server.probe_seconds
        await asyncio.sleep(seconds * self._random.uniform(0, 0.3))
        while True:
            try:
                before = live.openings(time.monotonic())
                await probe(live)
                if before != live.openings(time.monotonic()):
                    self._changed()
            except Exception:
                logger.exception("probe")  # the next one may fare better
            await asyncio.sleep(seconds * self._random.uniform(0.8, 1.2))

    async def aclose(self) -> None:
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
