"""
How a process asks Redis: who asks in an event loop shares one connection with all others there.

    callers ──► the connection of their event loop (`redis_wire`) ──► answers wake the callers
    code that may wait, in a thread of its own ──► a connection of redis-py's

Knows neither what is asked nor how long a Redis that is away is left alone: that is for those who have a line
(`accounts.limits.shared`, `prompts.caching.redis_store`).
"""

import asyncio
import logging
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts.redis_wire import Call, Wire

SOCKET_SECONDS = 0.3

Answer = asyncio.Future[Any] | Future[Any]


class RedisLine(ABC):
    """Connects with the first call. `away` is what a caller gets where Redis cannot be asked."""

    away: type[Exception]
    logger: logging.Logger

    def __init__(self, url: str) -> None:
        self._url = url
        self._wires: dict[asyncio.AbstractEventLoop, Wire] = {}
        self._opening = threading.Lock()
        self._pid = os.getpid()

    def ping(self) -> None:
        with self._asked_alone() as client:
            client.ping()

    def close(self, timeout_seconds: float = 2) -> None:
        """Ends the connections; called in a thread it waits until what was asked is answered."""
        wires, self._wires = self._wires, {}
        here = running_loop()
        for loop, wire in wires.items():
            if loop is here:
                wire.end()
            elif loop.is_running():
                asyncio.run_coroutine_threadsafe(_finish(wire, timeout_seconds), loop).result()
        self._client.close()

    @contextmanager
    def _asked_alone(self) -> Iterator[redis.Redis]:
        """For a caller who waits. Raises `away`."""
        try:
            yield self._client
        except redis.RedisError as error:
            raise self.away from error

    @cached_property
    def _client(self) -> redis.Redis:
        # Once more on a new connection, where the old one was broken by a restart of Redis.
        again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        return redis.Redis.from_url(
            self._url,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
            retry=again,
        )

    def _ask(self, call: Call) -> Answer:
        """In an event loop a future of that loop, which may be cancelled: what is on its way is not. In a
        thread without one it waits, and the future is done."""
        loop = running_loop()
        if loop is None:
            call.answer = Future()
            self._wait_for(call)
        else:
            call.answer = loop.create_future()
            self._wire(loop).send(call)
        return call.answer

    def _tell(self, call: Call) -> None:
        """For what nobody waits for."""
        loop = running_loop()
        if loop is None:
            self._wait_for(call)
        else:
            self._wire(loop).send(call)

    def _wire(self, loop: asyncio.AbstractEventLoop) -> Wire:
        return self._wires.get(loop) or self._open(loop)

    def _open(self, loop: asyncio.AbstractEventLoop) -> Wire:
        with self._opening:
            if self._pid != os.getpid():
                self._pid, self._wires = os.getpid(), {}
                self._begin()
            for other in [other for other in self._wires if other.is_closed()]:
                del self._wires[other]
            return self._wires.setdefault(loop, Wire(self, self._url, seconds=SOCKET_SECONDS))

    def _wait_for(self, call: Call) -> None:
        try:
            raw = self._client.execute_command(*call.command)  # type: ignore[no-untyped-call]
        except redis.ResponseError as error:
            raw = error
        except redis.RedisError as error:
            self.failed([call], error)
            return
        if (instead := self.heard(call, raw)) is not None:
            self._wait_for(instead)

    # -- what a connection tells --

    def heard(self, call: Call, raw: Any) -> Call | None:
        if isinstance(raw, Exception):
            if (command := self._instead(call, raw)) is not None:
                call.command = command
                return call
            self._refused(raw)
            self._let_down(call)
            return None
        try:
            value = call.read(raw)
        except (ValueError, TypeError, LookupError, AttributeError) as error:  # no answer to such a question
            self._rest(error)
            self._let_down(call)
            return None
        if call.answer is not None and not call.answer.done():
            call.answer.set_result(value)
        return None

    def failed(self, calls: list[Call], error: Exception | None) -> None:
        if error is not None:
            self._rest(error)
        for call in calls:
            self._let_down(call)
        if error is not None and not isinstance(error, (redis.RedisError, OSError)):
            self.logger.error("redis", exc_info=error)

    def _let_down(self, call: Call) -> None:
        if call.answer is not None and not call.answer.done():
            call.answer.set_exception(self.away())

    # -- what differs --

    def _begin(self) -> None:
        """This process was forked from one that had asked."""
        return

    def _instead(self, call: Call, error: Exception) -> tuple[Any, ...] | None:
        """What to send instead of a command that Redis answers with this error."""
        return None

    @abstractmethod
    def _refused(self, error: Exception) -> None:
        """Redis answers with an error."""

    @abstractmethod
    def _rest(self, error: Exception) -> None:
        """Redis does not answer, or nothing that can be read."""


async def _finish(wire: Wire, seconds: float) -> None:
    """Ends it when all that was asked is answered: answers come in the order of asking."""
    if not wire.is_idle:
        last = asyncio.get_running_loop().create_future()
        wire.send(Call(("PING",), answer=last))
        await asyncio.wait([last], timeout=seconds)
        last.cancel()
    wire.end()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The one in which this is called, if any."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
