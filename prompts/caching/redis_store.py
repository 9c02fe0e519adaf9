"""
What several processes keep together, in Redis.

As with limits (`accounts.limits.shared`), all callers share a connection (`accounts.redis_line`), and no
request waits for a Redis that is away or hangs. The first that notices waits SOCKET_SECONDS; then nothing is
asked until Redis was found well again, which is looked for beside.

Values are bytes of ours, never pickles: what can write to Redis must not be able to run code here.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any

import redis

from accounts.redis_line import RedisLine
from accounts.redis_wire import Call
from prompts.caching.stores import StoreAway, owner_of

logger = logging.getLogger("prompts.caching")

# After a failure Redis is asked for nothing but whether it is well, this often.
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


class RedisStore(RedisLine):
    """`stores.Store` and `claims.Desk`."""

    away = StoreAway
    logger = logger

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._is_away = False
        self._looking: asyncio.Task[None] | None = None

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
        self._send("EVAL", RENEW, 1, NAMES + name, mark, milliseconds)

    def release(self, name: str, mark: str) -> None:
        self._send("EVAL", RELEASE, 1, NAMES + name, mark)

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
            self._look_for_it()  # if whoever did it is gone, with his event loop
            raise StoreAway
        return await asyncio.wrap_future(self._ask(Call(command)))

    def _send(self, *command: Any) -> None:
        """For what nobody waits for."""
        if not self._is_away:
            self._tell(Call(command))

    # -- a Redis that is not well --

    def _refused(self, error: Exception) -> None:
        """It is full, loading, or reads only."""
        if not self._is_away:
            logger.warning("cache refuses", extra={"kind": type(error).__name__})

    def _rest(self, error: Exception) -> None:
        if not self._is_away:
            logger.warning("cache away", extra={"kind": type(error).__name__})
        self._is_away = True
        self._look_for_it()

    def _look_for_it(self) -> None:
        looking = self._looking
        if looking is None or looking.done() or looking.get_loop().is_closed():
            self._looking = asyncio.get_running_loop().create_task(self._look_until_it_is_well())

    async def _look_until_it_is_well(self) -> None:
        while self._is_away:
            await asyncio.sleep(REST_SECONDS)
            with suppress(StoreAway):
                await asyncio.wrap_future(self._ask(Call(("PING",))))
                logger.warning("cache is back")
                self._is_away = False
