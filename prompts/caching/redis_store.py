"""
What several processes keep together, in Redis.

    callers ──► inbox ──► one thread, one connection: all that waits in one round trip ──► callers wake up

As with limits (`accounts.limits.shared`): no request waits for a Redis that is away or hangs. The first that
notices waits SOCKET_SECONDS; then nothing is asked until the thread has found Redis well again.

Values are bytes of ours, never pickles: what can write to Redis must not be able to run code here.
"""

import asyncio
import logging
import os
import queue
import threading
import time
from concurrent.futures import Future
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from prompts.caching.stores import StoreAway, owner_of

logger = logging.getLogger("prompts.caching")

SOCKET_SECONDS = 0.3
# After a failure Redis is asked by the thread alone, this often, until it answers.
REST_SECONDS = 1.0
MOST_AT_ONCE = 64
NAMES = "gateway:"
BATCH = 1000
# An answer that is given now is put by then.
BARRED_SECONDS = 3600

# Who holds a claim: he who asks, if nobody else does.
CLAIM = """
local holder = redis.call('GET', KEYS[1])
if holder then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ARGV[1]
"""
PUT = "if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end"
RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end"
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"

# A command, and who waits for what it answers.
Call = tuple[tuple[Any, ...], "Future[Any]"]


class RedisStore:
    """`stores.Store` and `claims.Desk`. The thread starts with the first call, in the process that makes
    it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._inbox: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._is_away = False
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = 0

    @property
    def works(self) -> bool:
        return not self._is_away

    async def get(self, name: str) -> bytes | None:
        value: bytes | None = await self._ask("GET", NAMES + name)
        return value

    async def put(self, name: str, value: bytes, seconds: float) -> None:
        names = (NAMES + name, f"{NAMES}barred:{owner_of(name)}")
        await self._ask("EVAL", PUT, 2, *names, value, max(1, int(seconds * 1000)))

    async def claim(self, name: str, mark: str, milliseconds: int) -> str:
        holder: bytes = await self._ask("EVAL", CLAIM, 1, NAMES + name, mark, milliseconds)
        return holder.decode()

    def renew(self, name: str, mark: str, milliseconds: int) -> None:
        self._tell("EVAL", RENEW, 1, NAMES + name, mark, milliseconds)

    def release(self, name: str, mark: str) -> None:
        self._tell("EVAL", RELEASE, 1, NAMES + name, mark)

    def purge(self, pattern: str, *, dry_run: bool = False) -> int:
        client, count = self._client(), 0
        try:
            names = []
            for name in client.scan_iter(match=NAMES + pattern, count=BATCH):
                names.append(name)
                if len(names) == BATCH:
                    count += self._take_out(client, names, dry_run=dry_run)
                    names = []
            return count + self._take_out(client, names, dry_run=dry_run)
        except redis.RedisError as error:
            raise StoreAway from error
        finally:
            client.close()

    def bar(self, owner: str) -> None:
        client = self._client()
        try:
            client.set(f"{NAMES}barred:{owner}", b"1", ex=BARRED_SECONDS)
        except redis.RedisError as error:
            raise StoreAway from error
        finally:
            client.close()

    @staticmethod
    def _take_out(client: redis.Redis, names: list[bytes], *, dry_run: bool) -> int:
        if names and not dry_run:
            client.unlink(*names)
        return len(names)

    def ping(self) -> None:
        client = self._client()
        try:
            client.ping()
        except redis.RedisError as error:
            raise StoreAway from error
        finally:
            client.close()

    def close(self, timeout_seconds: float = 2) -> None:
        """Sends what waits and ends the thread."""
        if self._thread is not None and self._pid == os.getpid():
            self._inbox.put(None)
            self._thread.join(timeout_seconds)
        self._thread = None

    async def _ask(self, *command: Any) -> Any:
        if self._is_away:
            raise StoreAway
        return await asyncio.wrap_future(self._send(command))

    def _tell(self, *command: Any) -> None:
        """For what nobody waits for."""
        if not self._is_away:
            self._send(command)

    def _send(self, command: tuple[Any, ...]) -> "Future[Any]":
        answer: Future[Any] = Future()
        # "Running" from the start: a caller that is cancelled must not cancel what may be on its way.
        answer.set_running_or_notify_cancel()
        if self._thread is None or self._pid != os.getpid():
            self._start()
        self._inbox.put((command, answer))
        return answer

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or self._pid != os.getpid():
                self._pid, self._inbox = os.getpid(), queue.SimpleQueue()
                self._thread = threading.Thread(target=self._run, name="answers", daemon=True)
                self._thread.start()

    # -- the thread --

    def _client(self) -> redis.Redis:
        # Once more on a new connection, where the old one was broken by a restart of Redis.
        again = Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,))
        return redis.Redis.from_url(
            self._url,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
            retry=again,
        )

    def _run(self) -> None:
        client, is_closing = self._client(), False
        while not is_closing:
            try:
                calls, is_closing = self._gather()
                if self._is_away:
                    for _, answer in calls:
                        answer.set_exception(StoreAway())
                    self._look_again(client)
                else:
                    self._round_trip(client, calls)
            except Exception:
                # The thread must live on; whoever waits has been told by `_round_trip`.
                logger.exception("cache")
                time.sleep(0.1)
        client.close()

    def _gather(self) -> tuple[list[Call], bool]:
        """What waits, as soon as anything does. True: asked to end."""
        calls: list[Call] = []
        try:
            call = self._inbox.get(timeout=REST_SECONDS if self._is_away else None)
            while call is not None:
                calls.append(call)
                if len(calls) == MOST_AT_ONCE:
                    return calls, False
                call = self._inbox.get_nowait()
        except queue.Empty:
            return calls, False
        return calls, True

    def _round_trip(self, client: redis.Redis, calls: list[Call]) -> None:
        """Runs the commands and wakes who waits."""
        if not calls:
            return
        try:
            with client.pipeline(transaction=False) as pipe:
                for command, _ in calls:
                    pipe.execute_command(*command)  # type: ignore[no-untyped-call]
                answers = pipe.execute(raise_on_error=False)
        except Exception as error:
            self._rest(error)
            for _, answer in calls:
                answer.set_exception(StoreAway())
            if not isinstance(error, redis.RedisError):
                raise
            return
        for (_, answer), said in zip(calls, answers, strict=True):
            if isinstance(said, Exception):  # Redis is full, loading, or reads only
                logger.warning("cache refuses", extra={"kind": type(said).__name__})
                answer.set_exception(StoreAway())
            else:
                answer.set_result(said)

    def _rest(self, error: Exception) -> None:
        logger.warning("cache away", extra={"kind": type(error).__name__})
        self._is_away = True

    def _look_again(self, client: redis.Redis) -> None:
        try:
            client.ping()
        except redis.RedisError:
            time.sleep(0)  # others first
        else:
            logger.warning("cache is back")
            self._is_away = False
