"""
Builds this process's `House` from the settings, once, and opens and closes what runs in it.

The server calls `open_house` before its first request and `close_house` after its last.
"""

import asyncio
from functools import cache
from uuid import UUID

from django.conf import settings
from django.core.cache import cache as store

from inference import composition as inference
from prompts.cache import AnswerCache, NoCache, StoredCache
from prompts.leases import Lease
from prompts.work import House
from prompts.writer import DatabaseJournal
from sanitization import composition as sanitization
from sanitization.policies import Policy

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
    policy = sanitization.environment_policy()

    def policy_of(user_id: UUID) -> Policy:
        return policy

    answers: AnswerCache = NoCache()
    if settings.PROMPT_CACHE_SECONDS:
        answers = StoredCache(store, keep_seconds=settings.PROMPT_CACHE_SECONDS)
    return House(
        chain=sanitization.chain(),
        policy_of=policy_of,
        backend=inference.backend(),
        journal=journal(),
        cache=answers,
    )


@cache
def journal() -> DatabaseJournal:
    """The writer of the book."""
    return DatabaseJournal(Lease(settings.DATA_DIR / "instances"))


def open_house() -> None:
    """Opens the book. The model has been loading since `InferenceConfig.ready`."""
    house()
    journal().open()


async def close_house() -> None:
    """The model first, so that its last answers still get into the book."""
    await asyncio.to_thread(inference.close)
    await asyncio.to_thread(journal().close)
