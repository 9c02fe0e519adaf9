"""
Taking kept answers out again: a user's, those of a policy or of one version of it, or all.

What is shared between users (PROMPT_CACHE_SCOPE) is nobody's: it goes by policy, or with all. Where answers
are in memory, each process has its own, and only its own are taken out.
"""

import re

from prompts.caching.stores import Store

KINDS = ("answers", "replies")
# A slug, and what the header `x-gateway-policy` has behind it.
POLICY = re.compile(r"[a-zA-Z0-9_-]+(@[0-9a-f]{16})?")


def purge(store: Store, *, owner: str = "*", policy: str = "*", dry_run: bool = False) -> int:
    """How many answers were kept, and are no more. Raises StoreAway, and ValueError for what is no policy."""
    if policy != "*":
        if POLICY.fullmatch(policy) is None:
            raise ValueError(policy)
        policy = policy if "@" in policy else f"{policy}@*"
    return sum(store.purge(f"{kind}:{owner}:{policy}:*", dry_run=dry_run) for kind in KINDS)


def forget(store: Store, owner: str) -> int:
    """A user's for good: what is being answered to him at this moment is not kept either. Raises
    StoreAway."""
    store.bar(owner)
    return purge(store, owner=owner)
