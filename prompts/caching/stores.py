"""
Where answers are kept: memory of this process, or Redis for several (`redis_store`).

Names are paths of words between colons, so that what belongs together can be taken out together:

    answers:<user or "shared">:<policy@revision>:<key>
    replies:<user>:<policy@revision>:<key>
"""

import fnmatch
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Protocol


def owner_of(name: str) -> str:
    """The second word of a name; empty where there is none."""
    return name.partition(":")[2].partition(":")[0]


class StoreAway(Exception):
    """The store cannot be asked, or rests after it could not."""


class Store(Protocol):
    """Bytes by name, for a while."""

    @property
    def works(self) -> bool:
        """False where it would raise StoreAway at once."""
        ...

    def get(self, name: str) -> Awaitable[bytes | None]:
        """Raises StoreAway."""
        ...

    def put(self, name: str, value: bytes, seconds: float) -> Awaitable[None]:
        """Raises StoreAway."""
        ...

    def purge(self, pattern: str, *, dry_run: bool = False) -> int:
        """Takes out what has a name like this (`*` stands for anything). How much it was. Waits for it;
        raises StoreAway."""
        ...

    def bar(self, owner: str) -> None:
        """From now on nothing of this owner is put. Waits for it; raises StoreAway."""
        ...

    def ping(self) -> None:
        """Raises StoreAway."""
        ...

    def close(self) -> None: ...


class MemoryStore:
    """Of this process alone. What was not asked for longest makes room, where there is too much."""

    works = True

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._barred: set[str] = set()
        self._lock = threading.Lock()  # whoever purges may be in another thread
        self.bytes = 0

    async def get(self, name: str) -> bytes | None:
        with self._lock:
            until, value = self._kept.get(name, (0.0, b""))
            if until <= time.monotonic():
                self._drop(name)
                return None
            self._kept.move_to_end(name)
            return value

    async def put(self, name: str, value: bytes, seconds: float) -> None:
        with self._lock:
            self._drop(name)
            if len(value) > self._max_bytes or owner_of(name) in self._barred:
                return
            self._kept[name] = (time.monotonic() + seconds, value)
            self.bytes += len(value)
            while self.bytes > self._max_bytes:
                self._drop(next(iter(self._kept)))

    def purge(self, pattern: str, *, dry_run: bool = False) -> int:
        with self._lock:
            names = [name for name in self._kept if fnmatch.fnmatchcase(name, pattern)]
            for name in () if dry_run else names:
                self._drop(name)
        return len(names)

    def bar(self, owner: str) -> None:
        with self._lock:
            self._barred.add(owner)

    def ping(self) -> None:
        return None

    def close(self) -> None:
        with self._lock:
            self._kept.clear()
            self.bytes = 0

    def _drop(self, name: str) -> None:
        _, value = self._kept.pop(name, (0.0, b""))
        self.bytes -= len(value)
