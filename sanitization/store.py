"""
Which policy is in force for whom: a copy in memory of what the database says, never trusted for long.

    request ──► fresh enough (0.5 s)? ──► the copy
                     │ no: one request asks the database for the generation, and reads anew if it is another
                     └ database away: the copy until it is 2 s old, then PoliciesUnavailable (503)

The policy of a key comes first, then that of the role with the lowest rank, then `default`, which is the
environment's (POLICY_…) unless the database has one in force. A policy that is assigned and cannot be used is
never replaced by another one: PolicyMissing (503).
"""

import logging
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from asgiref.sync import sync_to_async
from django.db import DatabaseError
from django.db.utils import InterfaceError

from sanitization.composition import ENVIRONMENT, chain, environment_policy
from sanitization.documents import read
from sanitization.errors import PoliciesUnavailable, PolicyInvalid, PolicyMissing, ScreeningFailed
from sanitization.models import Policy as Row
from sanitization.models import PolicyAssignment, PolicyGeneration
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy

logger = logging.getLogger("sanitization.store")

FRESH_SECONDS = 0.5
TRUSTED_SECONDS = 2.0


@dataclass(frozen=True)
class Snapshot:
    """What was in force at one generation.

    active   slug to policy; None for one that cannot be read. The revisions' ids are in `revisions`
    keys     id of an API key to slug
    roles    name of a role to rank and slug
    """

    generation: object = "none yet"
    active: Mapping[str, Policy | None] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    def resolve(self, *, key: str = "", roles: Collection[str] = ()) -> Policy:
        """The policy of a caller. Raises PolicyMissing."""
        if key and (slug := self.keys.get(key)):
            return self.named(slug)
        ranked = sorted((*self.roles[role], role) for role in roles if role in self.roles)
        return self.named(ranked[0][1]) if ranked else self.named(ENVIRONMENT)

    def named(self, slug: str) -> Policy:
        """The policy of this name that is in force. Raises PolicyMissing."""
        if slug == ENVIRONMENT and slug not in self.active:
            return environment_policy()
        policy = self.active.get(slug)
        if policy is None:
            raise PolicyMissing(slug)
        return policy


class PolicyStore:
    """This process's copy. Safe to use from any thread and from the event loop."""

    def __init__(self) -> None:
        self._snapshot = Snapshot()
        self._verified_at = float("-inf")
        self._asking = False
        self._lock = threading.Lock()

    async def current(self) -> Snapshot:
        """What is in force, without a query of its own while the copy is fresh.

        Raises PoliciesUnavailable.
        """
        if self._age() <= FRESH_SECONDS:
            return self._snapshot
        # While somebody asks already, the others go on with what is still trusted.
        if not self._asking or self._age() > TRUSTED_SECONDS:
            self._asking = True
            try:
                await sync_to_async(self._ask)()
            finally:
                self._asking = False
        return self._trusted()

    def current_now(self) -> Snapshot:
        """The same for code that may wait for the database."""
        if self._age() > FRESH_SECONDS:
            self._ask()
        return self._trusted()

    def expire(self) -> None:
        """Something has changed: the next request asks the database first."""
        self._verified_at = min(self._verified_at, time.monotonic() - FRESH_SECONDS - 0.001)

    def forget(self) -> None:
        """Back to knowing nothing."""
        self._snapshot, self._verified_at = Snapshot(), float("-inf")

    def _age(self) -> float:
        return time.monotonic() - self._verified_at

    def _trusted(self) -> Snapshot:
        if self._age() > TRUSTED_SECONDS:
            raise PoliciesUnavailable
        return self._snapshot

    def _ask(self) -> None:
        """Verifies the copy, or replaces it. A database that is away leaves it as it is."""
        with self._lock:
            try:
                while self._age() > FRESH_SECONDS:
                    started = time.monotonic()
                    generation = PolicyGeneration.objects.values_list("token", flat=True).first()
                    if generation == self._snapshot.generation:
                        self._verified_at = started
                    else:  # reading takes a while, so whether it is still this one is asked again
                        self._snapshot = load(generation, self._snapshot)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("policies not read", extra={"kind": type(error).__name__})


def load(generation: object, before: Snapshot | None = None) -> Snapshot:
    """Reads what is in force. What has not changed since `before` is taken from there."""
    known = before or Snapshot()
    rows = Row.objects.filter(archived_at=None, active__isnull=False).select_related("active")
    active: dict[str, Policy | None] = {}
    revisions: dict[str, int] = {}
    for row in rows:
        assert row.active is not None
        revisions[row.slug] = row.active.pk
        same = known.revisions.get(row.slug) == row.active.pk
        active[row.slug] = known.active[row.slug] if same else readable(row.slug, row.active.document)
    assigned = list(PolicyAssignment.objects.values_list("kind", "subject", "rank", "policy__slug"))
    return Snapshot(
        generation=generation,
        active=active,
        revisions=revisions,
        keys={subject: slug for kind, subject, _, slug in assigned if kind == PolicyAssignment.Kind.KEY},
        roles={
            subject: (rank, slug)
            for kind, subject, rank, slug in assigned
            if kind == PolicyAssignment.Kind.ROLE
        },
    )


def readable(slug: str, document: object) -> Policy | None:
    """The policy of a stored document; None, and an error in the log, where it cannot be used."""
    try:
        policy = read(document, slug=slug)
    except PolicyInvalid as error:
        logger.error("policy cannot be used", extra={"policy": slug, "fields": sorted(error.problems)[:10]})
        return None
    with suppress(ScreeningFailed):  # compiles its rules here and now, not on the event loop during a prompt
        chain().screen_prompt({"/prompt": ""}, policy)
        chain().open_answer(policy, Placeholders())
    return policy


store = PolicyStore()
