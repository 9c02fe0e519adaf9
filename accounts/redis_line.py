"""
One thread that speaks with Redis, for all callers of this process.

    callers ──► inbox ──► one thread, one connection: all that waits in one round trip ──► callers wake up

Knows neither what is asked nor how long a Redis that is away is left alone: that is for those who have a line
(`accounts.limits.shared`, `prompts.caching.redis_store`).
"""

import logging
import os
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts.inbox import gather

SOCKET_SECONDS = 0.3
MOST_AT_ONCE = 64


@dataclass(slots=True, kw_only=True)
class Call:
    """Something to ask, and who waits for what is answered."""

    answer: Future[Any] = field(default_factory=Future)


Asked = TypeVar("Asked", bound=Call)


class RedisLine(ABC, Generic[Asked]):
    """The thread starts with the first call, in the process that makes it. Log lines and the thread are
    called by `topic`; `away` is what a caller gets where Redis cannot be asked."""

    topic: str
    away: type[Exception]
    logger: logging.Logger

    def __init__(self, url: str) -> None:
        self._url = url
        self._inbox: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = 0

    def ping(self) -> None:
        with self._asked_alone() as client:
            client.ping()

    def close(self, timeout_seconds: float = 2) -> None:
        """Sends what waits and ends the thread."""
        if self._thread is not None and self._pid == os.getpid():
            self._inbox.put(None)
            self._thread.join(timeout_seconds)
        self._thread = None

    @contextmanager
    def _asked_alone(self) -> Iterator[redis.Redis]:
        """A connection of the caller's own, who waits. Raises `away`."""
        client = self._client()
        try:
            yield client
        except redis.RedisError as error:
            raise self.away from error
        finally:
            client.close()

    def _send(self, call: Asked) -> Future[Any]:
        # "Running" from the start: a caller that is cancelled must not cancel what may be on its way.
        call.answer.set_running_or_notify_cancel()
        if self._thread is None or self._pid != os.getpid():
            self._start()
        self._inbox.put(call)
        return call.answer

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or self._pid != os.getpid():
                self._pid, self._inbox = os.getpid(), queue.SimpleQueue()
                self._begin()
                self._thread = threading.Thread(target=self._run, name=self.topic, daemon=True)
                self._thread.start()

    def _client(self) -> redis.Redis:
        # Once more on a new connection, where the old one was broken by a restart of Redis.
        again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        return redis.Redis.from_url(
            self._url,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
            retry=again,
        )

    # -- the thread --

    def _run(self) -> None:
        client, is_closing = self._client(), False
        while not is_closing:
            try:
                timeout = self._timeout_seconds()
                calls, is_closing = gather(self._inbox, most=MOST_AT_ONCE, timeout_seconds=timeout)
                self._take(client, calls)
            except Exception:
                # The thread must live on; whoever waits has been told by `_ask`.
                self.logger.exception(self.topic)
                time.sleep(0.1)
        client.close()

    def _ask(self, client: redis.Redis, calls: list[Asked]) -> None:
        """Asks, and wakes who waits."""
        if not calls:
            return
        try:
            answers = self._answers(client, calls)
        except Exception as error:
            self._rest(error)
            for call in calls:
                call.answer.set_exception(self.away())
            if not isinstance(error, redis.RedisError):
                raise
            return
        for call, raw in zip(calls, answers, strict=True):
            self._wake(call, raw)

    # -- what differs --

    def _begin(self) -> None:
        """Before the thread starts, which is perhaps in a process that was forked."""
        return

    def _timeout_seconds(self) -> float | None:
        """How long the thread waits for a first call."""
        return None

    def _take(self, client: redis.Redis, calls: list[Asked]) -> None:
        """What waited, or nothing where that took too long."""
        self._ask(client, calls)

    @abstractmethod
    def _answers(self, client: redis.Redis, calls: list[Asked]) -> list[Any]:
        """One for each, perhaps an error that Redis answered with. Raises where it does not answer."""

    @abstractmethod
    def _wake(self, call: Asked, raw: Any) -> None:
        """Gives the caller this answer, or `away`."""

    @abstractmethod
    def _rest(self, error: Exception) -> None:
        """Redis does not answer."""
