"""What processes of their own do in `test_shared`: here, so that `spawn` can import it without a database."""

import time
from uuid import UUID, uuid4

from accounts.limits.ledger import Wanted
from accounts.limits.quotas import Bound, Quota
from accounts.limits.shared import SharedTill

USER, KEY = UUID(int=1), UUID(int=2)


def taken(till, bounds, tokens=0, id=None, learned=None):
    """Whether it was let in, and what Redis answered."""
    reply = till.reserve(bounds, Wanted(id or str(uuid4()), tokens), learned or {}).result(5)
    return reply.refusal is None, reply


def hammer(url, subjects, quota, seconds, start, results):
    """Asks for requests and keeps what it gets; how many it got."""
    till = SharedTill(url)
    bounds = [Bound(subject, Quota(*quota)) for subject in subjects]
    start.wait()
    count = 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        waiting = [till.reserve(bounds, Wanted(str(uuid4()), 3), {}) for _ in range(8)]
        count += sum(one.result(5).refusal is None for one in waiting)
    results.put(count)
    till.close()


def hold(url, subject, quota, lease_ms, ready):
    """Takes one, renews it, and never lets go."""
    till = SharedTill(url, lease_ms=lease_ms)
    assert taken(till, [Bound(subject, Quota(*quota))], 10)[0]
    ready.set()
    time.sleep(60)
