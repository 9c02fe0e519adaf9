"""Threads for the synchronous code of requests (signals, the ORM, DRF's views): one for each request while
it lives, used again by the next.

Django asks asgiref for a new thread for every request, and for another to see the first one end. That costs
a request more than screening its prompt does. An executor starts its thread when it is first needed, so a
stream that needs none has none.

Whatever runs in such a thread gives its database connection back when it is through. Django by itself would
keep it to the end of the request: a few streams that had asked the database something at their beginning
then held the whole pool, for as long as they lived. So a stream reads page by page, each in one go: a cursor
that is read in several (`aiterator`) would be closed in between.
"""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from asgiref.sync import ThreadSensitiveContext
from django.db import connections

MOST_IDLE = 32

P = ParamSpec("P")
T = TypeVar("T")


class RequestThread(ThreadPoolExecutor):
    """One thread."""

    def __init__(self) -> None:
        super().__init__(1, "request")

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return super().submit(_and_let_go, work, *args, **kwargs)


def _and_let_go(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Does it and gives the connection back, unless a transaction is still open."""
    try:
        return work(*args, **kwargs)
    finally:
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:  # Django's `close_old_connections` does not ask
                connection.close_if_unusable_or_obsolete()


class Threads:
    """Executors of one thread each. Those that were used last are used first."""

    def __init__(self, most_idle: int = MOST_IDLE) -> None:
        self._most_idle = most_idle
        self._idle: list[Executor] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Within the block, what is thread-sensitive runs in one thread that nobody else has."""
        executor = self._idle.pop() if self._idle else RequestThread()
        try:
            async with ThreadSensitiveContext(executor=executor):
                yield
        finally:
            if len(self._idle) < self._most_idle:
                self._idle.append(executor)
            else:
                executor.shutdown(wait=False)
