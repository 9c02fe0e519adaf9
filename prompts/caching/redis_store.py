"""
What several processes keep together, in Redis.

As with limits (`accounts.limits.shared`), one thread asks for all callers (`accounts.redis_line`), and no
request waits for a Redis that is away or hangs. The first that notices waits SOCKET_SECONDS; then nothing is
asked until the thread has found Redis well again.

Values are bytes of ours, never pickles: what can write to Redis must not be able to run code here.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

import redis

from accounts import redis_line
from prompts.caching.stores import StoreAway, owner_of

logger = logging.getLogger("prompts.caching")

# After a failure Redis is asked by the thread alone, this often, until it answers.
REST_SECONDS = 1.0
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


@dataclass(slots=True)
class Call(redis_line.Call):
    """A command of Redis."""

    command: tuple[Any, ...]


class RedisStore(redis_line.RedisLine[Call]):
    """`stores.Store` and `claims.Desk`."""

    topic = "cache"
    away = StoreAway
    logger = logger

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._is_away = False

    @property
    def works(self) -> bool:
        return not self._is_away

    async def get(self, name: str) -> bytes | None:
        value: bytes | None = await self._answer("GET", NAMES + name)
        return value

    async def put(self, name: str, value: bytes, seconds: float) -> None:
        names = (NAMES + name, f"{NAMES}barred:{owner_of(name)}")
        await self._answer("EVAL", PUT, 2, *names, value, max(1, int(seconds * 1000)))

    async def claim(self, name: str, mark: str, milliseconds: int) -> str:
        holder: bytes = await self._answer("EVAL", CLAIM, 1, NAMES + name, mark, milliseconds)
        return holder.decode()

    def renew(self, name: str, mark: str, milliseconds: int) -> None:
        self._tell("EVAL", RENEW, 1, NAMES + name, mark, milliseconds)

    def release(self, name: str, mark: str) -> None:
        self._tell("EVAL", RELEASE, 1, NAMES + name, mark)

    def purge(self, pattern: str, *, dry_run: bool = False) -> int:
        count, names = 0, []
        with self._asked_alone() as client:
            for name in client.scan_iter(match=NAMES + pattern, count=BATCH):
                names.append(name)
                if len(names) == BATCH:
                    count += self._take_out(client, names, dry_run=dry_run)
                    names = []
            return count + self._take_out(client, names, dry_run=dry_run)

    def bar(self, owner: str) -> None:
        with self._asked_alone() as client:
            client.set(f"{NAMES}barred:{owner}", b"1", ex=BARRED_SECONDS)

    @staticmethod
    def _take_out(client: redis.Redis, names: list[bytes], *, dry_run: bool) -> int:
        if names and not dry_run:
            client.unlink(*names)
        return len(names)

    async def _answer(self, *command: Any) -> Any:
        if self._is_away:
            raise StoreAway
        return await asyncio.wrap_future(self._send(Call(command)))

    def _tell(self, *command: Any) -> None:
        """For what nobody waits for."""
        if not self._is_away:
            self._send(Call(command))

    # -- the thread --

    def _timeout_seconds(self) -> float | None:
        return REST_SECONDS if self._is_away else None

    def _take(self, client: redis.Redis, calls: list[Call]) -> None:
        if self._is_away:
            for call in calls:
                call.answer.set_exception(StoreAway())
            self._look_again(client)
        else:
            self._ask(client, calls)

    def _answers(self, client: redis.Redis, calls: list[Call]) -> list[Any]:
        with client.pipeline(transaction=False) as pipe:
            for call in calls:
                pipe.execute_command(*call.command)  # type: ignore[no-untyped-call]
            return list(pipe.execute(raise_on_error=False))

    def _wake(self, call: Call, raw: Any) -> None:
        if isinstance(raw, Exception):  # Redis is full, loading, or reads only
            logger.warning("cache refuses", extra={"kind": type(raw).__name__})
            call.answer.set_exception(StoreAway())
        else:
            call.answer.set_result(raw)

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
