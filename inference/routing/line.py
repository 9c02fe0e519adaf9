"""
Who waits for a place at a server that answers as many as it may at once.

A place that becomes free goes to whoever waits longest, from hand to hand: nobody who comes later gets it.
"""

import asyncio
from collections import deque
from collections.abc import Collection

from inference.errors import DeadlineExceeded, QueueFull
from inference.routing.live import Live

RETRY_SECONDS = 5


class Line:
    """At most `places` wait."""

    def __init__(self, *, places: int) -> None:
        self._places = places
        self._waiting: deque[tuple[Collection[Live], asyncio.Future[Live | None]]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def is_ahead(self, live: Live) -> bool:
        """Whether somebody waits for it."""
        return any(live in wanted for wanted, _ in self._waiting)

    async def wait(self, wanted: Collection[Live], *, seconds: float, again: bool = False) -> Live | None:
        """A server of `wanted` with a place on it that now is the caller's; None: look again, something
        changed. Who looked again has his place in line already. Raises QueueFull, and DeadlineExceeded after
        so many seconds."""
        if len(self._waiting) >= self._places and not again:
            raise QueueFull(retry_after_seconds=RETRY_SECONDS)
        answer: asyncio.Future[Live | None] = asyncio.get_running_loop().create_future()
        entry = (wanted, answer)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(answer)
        except TimeoutError:
            if answer.done():  # in this very moment
                return answer.result()
            raise DeadlineExceeded(queued=True) from None
        except asyncio.CancelledError:
            if answer.done() and (live := answer.result()) is not None:
                self.leave(live)
            raise
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    def leave(self, live: Live) -> None:
        """Gives a place back, or on."""
        for entry in self._waiting:
            wanted, answer = entry
            if live in wanted and not answer.done():
                self._waiting.remove(entry)
                answer.set_result(live)
                return
        live.running -= 1

    def stir(self) -> None:
        """All who wait look again: servers came, went, or fell ill."""
        waiting = list(self._waiting)
        self._waiting.clear()
        for _, answer in waiting:
            if not answer.done():
                answer.set_result(None)
