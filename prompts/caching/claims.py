"""
Who generates an answer, of several processes that are asked for the same.

    free ──► claimed by one, who renews it ──► given back, once the answer is kept
                  └─► (the process died) ─► runs out after LEASE_MS

The others look every few milliseconds whether the answer is there, or the claim is free. They hear nothing of
the answer before it is whole. Whoever waited for PATIENCE_SECONDS waits no longer: what is asked for then
must not come much later than if there were no claims.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from prompts.caching.stores import StoreAway

logger = logging.getLogger("prompts.caching")

LEASE_MS = 1500
PATIENCE_SECONDS = 10.0
FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.02, 0.1

Found = TypeVar("Found")


class Desk(Protocol):
    """Where claims are held: `redis_store.RedisStore`."""

    def claim(self, name: str, mark: str, milliseconds: int) -> Awaitable[str]:
        """The mark of who holds it now: the own one, where it was free. Raises StoreAway."""
        ...

    def renew(self, name: str, mark: str, milliseconds: int) -> None: ...

    def release(self, name: str, mark: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """`said` goes with a claim. `meet` hears what goes with another's, and what it raises is raised to who
    waits. `on_delay` is raised where the other takes too long; None then goes on without a claim."""

    said: str = ""
    meet: Callable[[str], None] = lambda said: None
    on_delay: Exception | None = None


NO_TERMS = Terms()


class Claims:
    """The claims of this process."""

    def __init__(
        self, desk: Desk, *, lease_ms: int = LEASE_MS, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._desk = desk
        self._lease_ms = lease_ms
        self._patience_seconds = patience_seconds

    @asynccontextmanager
    async def hold(
        self, key: str, look: Callable[[], Awaitable[Found | None]], terms: Terms = NO_TERMS
    ) -> AsyncIterator[Found | None]:
        """Waits until the claim is ours, or `look` finds what it is for, and yields what was found. Where the
        store is away, everybody generates."""
        name, mark = f"flights:{key}", f"{secrets.token_hex(8)}:{terms.said}"
        try:
            found, is_ours = await self._wait(name, mark, look, terms)
        except StoreAway:
            found, is_ours = None, False
        except BaseException:
            self._desk.release(name, mark)  # in case that it just became ours
            raise
        if not is_ours:
            yield found
            return
        renewing = asyncio.create_task(self._renew(name, mark))
        try:
            yield found
        finally:
            renewing.cancel()
            self._desk.release(name, mark)

    async def _wait(
        self, name: str, mark: str, look: Callable[[], Awaitable[Found | None]], terms: Terms
    ) -> tuple[Found | None, bool]:
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + self._patience_seconds, FIRST_LOOK_SECONDS
        while True:
            # In this order: what was kept before a claim was given back is found by who gets it then.
            holder, found = await asyncio.gather(self._desk.claim(name, mark, self._lease_ms), look())
            if holder == mark or found is not None:
                return found, holder == mark
            terms.meet(holder.partition(":")[2])
            if loop.time() > until:
                if terms.on_delay is not None:
                    raise terms.on_delay
                return None, False
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LAST_LOOK_SECONDS)

    async def _renew(self, name: str, mark: str) -> None:
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            self._desk.renew(name, mark, self._lease_ms)
