"""What processes of their own do in `test_shared`: here, so that `spawn` can import it without a database."""

import asyncio
import time
from uuid import UUID, uuid4

from accounts import redis_line
from accounts.limits.ledger import Wanted
from accounts.limits.quotas import Bound, Quota
from accounts.limits.shared import SharedTill

USER, KEY = UUID(int=1), UUID(int=2)
SOON = 30  # of a busy machine


def taken(till, bounds, tokens=0, id=None, learned=None):
    """Whether it was let in, and what Redis answered."""
    reply = till.reserve(bounds, Wanted(id or str(uuid4()), tokens), learned or {}).result(SOON)
    return reply.refusal is None, reply


def hammer(url, subjects, quota, seconds, start, results):
    """Asks for requests and keeps what it gets, until it is refused and so many seconds at least; how many it
    got."""
    redis_line.SOCKET_SECONDS = SOON
    till = SharedTill(url)
    bounds = [Bound(subject, Quota(*quota)) for subject in subjects]
    start.wait()
    count, is_refused = 0, False
    began = time.monotonic()
    while time.monotonic() < began + (seconds if is_refused else SOON):
        waiting = [till.reserve(bounds, Wanted(str(uuid4()), 3), {}) for _ in range(8)]
        got = sum(one.result(SOON).refusal is None for one in waiting)
        count, is_refused = count + got, is_refused or got < len(waiting)
    results.put(count)
    till.close()


def hammer_in_a_loop(url, subjects, quota, seconds, start, results):
    """As `hammer`, as prompts do: in an event loop, many at once."""
    redis_line.SOCKET_SECONDS = SOON
    till = SharedTill(url)
    bounds = [Bound(subject, Quota(*quota)) for subject in subjects]

    async def ask():
        asked = (till.reserve(bounds, Wanted(str(uuid4()), 3), {}) for _ in range(32))
        return [one.refusal is None for one in await asyncio.gather(*asked)]

    async def all_of_it():
        count, is_refused, began = 0, False, time.monotonic()
        while time.monotonic() < began + (seconds if is_refused else SOON):
            let_in = await ask()
            count, is_refused = count + sum(let_in), is_refused or not all(let_in)
        return count

    start.wait()
    results.put(asyncio.run(all_of_it()))


def hold(url, subject, quota, lease_ms, ready):
    """Takes one, renews it, and never lets go."""
    redis_line.SOCKET_SECONDS = SOON
    till = SharedTill(url, lease_ms=lease_ms)

    async def take():
        reply = await till.reserve([Bound(subject, Quota(*quota))], Wanted(str(uuid4()), 10), {})
        assert reply.refusal is None
        ready.set()
        await asyncio.sleep(120)

    asyncio.run(take())
