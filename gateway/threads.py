"""Threads for the synchronous code of requests (signals, the ORM, DRF's views): one for each request while
it lives, used again by the next.

Django asks asgiref for a new thread for every request, and for another to see the first one end. That costs
a request more than screening its prompt does. An executor starts its thread when it is first needed, so a
stream that needs none has none.
"""

from collections.abc import AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager

from asgiref.sync import ThreadSensitiveContext

MOST_IDLE = 32


class Threads:
    """Executors of one thread each. Those that were used last are used first."""

    def __init__(self, most_idle: int = MOST_IDLE) -> None:
        self._most_idle = most_idle
        self._idle: list[Executor] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Within the block, what is thread-sensitive runs in one thread that nobody else has."""
        executor = self._idle.pop() if self._idle else ThreadPoolExecutor(1, "request")
        try:
            async with ThreadSensitiveContext(executor=executor):
                yield
        finally:
            if len(self._idle) < self._most_idle:
                self._idle.append(executor)
            else:
                executor.shutdown(wait=False)
