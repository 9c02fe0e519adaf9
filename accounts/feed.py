"""
The newest changes in Redis, so that a fleet of processes asks Redis, not each of them the database.

One key, `gateway:access`: the number of the newest change and the changes before it. It lives for `LIFE_MS`
only, and is written from what the database says and from nothing else. So a copy that missed a change (Redis
was away when it was announced, came back with old data, was emptied) is never trusted for longer than that;
whoever finds no copy asks the database and puts one back.
"""

import json
import logging
import time
from uuid import UUID

import redis
from django.conf import settings

from accounts.changes import Newest, News

logger = logging.getLogger("accounts.feed")

KEY = "gateway:access"
LIFE_MS = 400
SOCKET_SECONDS = 0.3
# After a failure the database is asked instead for this long, so that no request waits for a Redis that
# hangs.
REST_SECONDS = 5.0


class Feed:
    """The copy in Redis. Nothing here raises: a Redis that is away is a copy that is not there."""

    def __init__(self, url: str) -> None:
        self._redis: redis.Redis = redis.Redis.from_url(
            url, socket_timeout=SOCKET_SECONDS, socket_connect_timeout=SOCKET_SECONDS
        )
        self._rests_until = float("-inf")

    @property
    def works(self) -> bool:
        """Whether it is asked at all at this moment."""
        return time.monotonic() >= self._rests_until

    def since(self, number: int) -> News | None:
        """What changed after `number`; None where there is no copy. One round trip."""
        if not self.works:
            return None
        try:
            raw = self._redis.get(KEY)
        except redis.RedisError as error:
            self._rest(error)
            return None
        if raw is None:
            return None
        last, floor, subjects = json.loads(raw)
        if not floor <= number <= last:
            return News(number=last, subjects=None)
        return News(number=last, subjects=tuple(UUID(one) for one in subjects[number - floor :]))

    def publish(self, newest: Newest) -> None:
        """Puts a copy there, fresh from the database."""
        if not self.works:
            return
        copy = json.dumps([newest.number, newest.floor, [str(one) for one in newest.subjects]])
        try:
            self._redis.set(KEY, copy, px=LIFE_MS)
        except redis.RedisError as error:
            self._rest(error)

    def forget(self) -> None:
        """Takes the copy away. If that fails it dies by itself."""
        try:
            self._redis.delete(KEY)
        except redis.RedisError as error:
            self._rest(error)

    def _rest(self, error: redis.RedisError) -> None:
        logger.warning("access copy away", extra={"kind": type(error).__name__})
        self._rests_until = time.monotonic() + REST_SECONDS


def feed() -> Feed | None:
    """The copy that the settings name; None without Redis."""
    return Feed(settings.REDIS_URL) if settings.REDIS_URL else None
