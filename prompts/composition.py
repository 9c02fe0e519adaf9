"""
Builds this process's `House` from the settings, once, and opens and closes what runs in it.

The server calls `open_house` before its first request and `close_house` after its last.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import cache
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.cache import cache as conversations_store

from accounts.limits.limiter import limiter
from inference import composition as inference
from inference import fleet
from prompts.afterwards import afterwards
from prompts.asks import Ask
from prompts.caching.answers import AnswerCache, NoCache, StoredCache
from prompts.caching.claims import Claims
from prompts.caching.flights import Flights
from prompts.caching.redis_store import RedisStore
from prompts.caching.replies import Replies
from prompts.caching.stores import MemoryStore, Store
from prompts.conversations import Conversations
from prompts.house import House
from prompts.leases import Lease
from prompts.outcomes import Conclusion
from prompts.posting import Posting
from prompts.statistics.summing import Summing
from prompts.watch import Watch
from prompts.writer import DatabaseJournal
from sanitization import composition as sanitization
from sanitization.policies import Policy
from sanitization.store import store

logger = logging.getLogger("prompts.pipeline")

# What a user's roles were, and when that was asked: only where roles have policies of their own.
ROLES_SECONDS = 0.5
MAX_ROLES = 10_000
_roles: dict[UUID, tuple[float, tuple[str, ...]]] = {}

# They hear how each prompt ended, on the event loop, a moment later.
listeners: list[Callable[[Conclusion], None]] = []
# They are told how the writer of the book fares, in its thread.
watches: list[Watch] = []
# Put around the house when it is built, to watch it.
around: Callable[[House], House] | None = None
_installed: House | None = None


def house() -> House:
    """The house that this process's requests go through."""
    return _installed or built()


def install(other: House | None) -> None:
    """Puts another house in place, for tests; None goes back to the one built from the settings."""
    global _installed
    _installed = other


@cache
def built() -> House:
    """The house that the settings describe."""
    answers: AnswerCache = NoCache()
    store = answers_store()
    if settings.PROMPT_CACHE_SECONDS:
        answers = StoredCache(
            store,
            keep_seconds=settings.PROMPT_CACHE_SECONDS,
            max_bytes=settings.PROMPT_CACHE_ENTRY_KB << 10,
        )
    replies = None
    if settings.IDEMPOTENCY_SECONDS:
        replies = Replies(
            store,
            keep_seconds=settings.IDEMPOTENCY_SECONDS,
            max_bytes=settings.PROMPT_CACHE_ENTRY_KB << 10,
        )
    made = House(
        chain=sanitization.chain(),
        policy_of=policy_of,
        backend=fleet.backend(),
        journal=journal(),
        cache=answers,
        flights=Flights(Claims(store) if isinstance(store, RedisStore) else None),
        replies=replies,
        keeps_for=frozenset(settings.PROMPT_CACHE_POLICIES),
        shares_answers=settings.PROMPT_CACHE_SCOPE == "shared",
        conversations=Conversations(
            conversations_store,
            secret=settings.SECRET_KEY.encode(),
            keep_seconds=settings.CONVERSATION_SECONDS,
        ),
        limits=limiter(),
        listener=tell,
    )
    return made if around is None else around(made)


def tell(ended: Conclusion) -> None:
    """Everybody who listens, a moment later."""
    afterwards.put(_tell, ended)


def _tell(ended: Conclusion) -> None:
    for listener in listeners:
        try:
            listener(ended)
        except Exception:
            logger.exception("listener")


@cache
def answers_store() -> Store:
    """Where this process keeps answers: with the others, or by itself."""
    if settings.REDIS_URL:
        return RedisStore(settings.REDIS_URL)
    return MemoryStore(max_bytes=settings.PROMPT_CACHE_MB << 20)


async def policy_of(ask: Ask) -> Policy:
    """The policy of the caller: of the key, else of the role, else the default one.

    Raises PolicyMissing or PoliciesUnavailable.
    """
    snapshot = await store.current()
    roles = await roles_of(ask.user_id) if snapshot.roles else ()
    return snapshot.resolve(key=str(ask.key_id or ""), roles=roles)


async def roles_of(user_id: UUID) -> tuple[str, ...]:
    """The roles of a user, asked for at most every ROLES_SECONDS."""
    now = time.monotonic()
    asked_at, roles = _roles.get(user_id, (float("-inf"), ()))
    if now - asked_at > ROLES_SECONDS:
        named = Group.objects.filter(user=user_id).values_list("name", flat=True)
        roles = tuple([name async for name in named])
        if len(_roles) >= MAX_ROLES:
            _roles.clear()
        _roles[user_id] = (now, roles)
    return roles


@cache
def journal() -> DatabaseJournal:
    """The writer of the book."""
    lease = Lease(settings.DATA_DIR / "instances")
    return DatabaseJournal(
        lease,
        spool=settings.DATA_DIR / "spool",
        keeps_text=settings.PROMPT_LOG_TEXT == "all",
        is_strict=settings.JOURNAL_MODE == "strict",
        watches=watches,
    )


@cache
def posting() -> Posting:
    """What counts in the statistics what has ended, and makes it searchable."""
    return Posting()


@cache
def summing() -> Summing:
    """What sums the statistics up."""
    return Summing()


def open_house() -> None:
    """Opens the book. Local models have been loading since `InferenceConfig.ready`."""
    house()
    journal().open()
    posting().open()
    summing().open()


async def close_models(*, drain_seconds: float = 0) -> None:
    """Ends what answers; what is being answered ends with an error, and gets its row."""
    await fleet.close_fleet()
    await asyncio.to_thread(inference.close, drain_seconds=drain_seconds)


async def close_house() -> None:
    """What answers first, so that its last answers still get into the book."""
    await close_models()
    await asyncio.to_thread(summing().close)
    await asyncio.to_thread(posting().close)
    await asyncio.to_thread(journal().close)
    await asyncio.to_thread(limiter().close)
    await asyncio.to_thread(answers_store().close)
