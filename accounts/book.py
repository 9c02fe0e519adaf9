"""
Who may come in right now: this process's copy of what the database says, never trusted for long.

    credential ──► is the copy fresh (0.5 s)? ──► known? ──► the caller, without a query
                        │ no                        └ no: one query, kept for FACTS_SECONDS
                        ▼
                 what has changed since?  Redis (a copy of the list, 0.4 s old at most), else the database
                        └ neither answers: the copy until it is 2 s old, then AccessUnavailable (503)

Changes made through this service are forgotten at once here and within half a second elsewhere; changes made
in the database by hand count after FACTS_SECONDS.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import DatabaseError
from django.db.utils import InterfaceError

from accounts import changes
from accounts.access import Caller
from accounts.errors import AccessUnavailable
from accounts.feed import Feed, feed
from accounts.uses import Uses

logger = logging.getLogger("accounts.book")

FRESH_SECONDS = 0.5
FRESH_SECONDS_WITH_REDIS = 0.1
TRUSTED_SECONDS = 2.0
FACTS_SECONDS = 5.0
TOGETHER_SECONDS = 0.1
MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    subjects: frozenset[UUID]
    loaded_at: float


@dataclass(frozen=True, slots=True)
class _Loading:
    """A question to the database that is not answered yet."""

    number: int
    caller: "asyncio.Future[Caller | None]"
    began_at: float

    @property
    def is_recent(self) -> bool:
        return time.monotonic() - self.began_at < TOGETHER_SECONDS


class AccessBook:
    """One process's copy. Safe to use from any thread and from the event loop."""

    def __init__(self, copy: Feed | None = None) -> None:
        self.uses = Uses()
        self._copy = copy
        self._known: dict[str, _Known] = {}
        self._loading: dict[str, _Loading] = {}
        self._number = 0
        self._verified_at = float("-inf")
        self._must_ask_database = True
        self._asking = False
        self._asks = threading.Lock()  # held while somebody is asked
        self._facts = threading.Lock()  # held for an instant, so the event loop may take it

    def find(self, credential: str, load: Callable[[], Caller | None]) -> Caller | None:
        """The caller of a credential (a session's id, a key's hash), from the copy or by `load`.

        Raises AccessUnavailable; what `load` raises passes through.
        """
        if self._age() > self._fresh_seconds:
            self._ask()
        self._check_trust()
        if (caller := self._recall(credential)) is not None:
            return caller
        number = self._number
        return self._keep(credential, load(), number)

    async def afind(self, credential: str, load: Callable[[], Awaitable[Caller | None]]) -> Caller | None:
        """`find` on the event loop."""
        if self._age() > self._fresh_seconds and (not self._asking or self._age() > TRUSTED_SECONDS):
            # While somebody asks already, the others go on with what is still trusted.
            self._asking = True
            try:
                await sync_to_async(self._ask)()
            finally:
                self._asking = False
        self._check_trust()
        if (caller := self._recall(credential)) is not None:
            return caller
        number = self._number
        return self._keep(credential, await self._loaded_once(credential, load), number)

    async def _loaded_once(
        self, credential: str, load: Callable[[], Awaitable[Caller | None]]
    ) -> Caller | None:
        """`load`, together with whoever asked for the same credential a moment ago: the requests of one
        caller all forget him at the same time. Not if anything has changed since."""
        began = self._loading.get(credential)
        if began is None or began.number != self._number or not began.is_recent:
            began = _Loading(self._number, asyncio.ensure_future(load()), time.monotonic())
            self._loading[credential] = began
        try:
            return await asyncio.shield(began.caller)  # one who leaves does not take it from the others
        finally:
            if self._loading.get(credential) is began:
                del self._loading[credential]

    def expire(self, subjects: Collection[UUID]) -> None:
        """These have changed: they are forgotten, and the next request asks the database first."""
        self._drop(frozenset(subjects))
        self._must_ask_database = True
        self._verified_at = min(self._verified_at, time.monotonic() - FRESH_SECONDS - 0.001)

    def announce(self, subjects: Collection[UUID]) -> None:
        """A change is committed: `expire` again, and the copy that others read is taken away."""
        self.expire(subjects)
        if self._copy is not None:
            self._copy.forget()

    def forget(self) -> None:
        """Back to knowing nothing."""
        self._known.clear()
        self._number, self._verified_at, self._must_ask_database = 0, float("-inf"), True

    # -- what is known --

    @property
    def _fresh_seconds(self) -> float:
        return FRESH_SECONDS_WITH_REDIS if self._copy is not None and self._copy.works else FRESH_SECONDS

    def _age(self) -> float:
        return time.monotonic() - self._verified_at

    def _check_trust(self) -> None:
        if self._age() > TRUSTED_SECONDS:
            raise AccessUnavailable

    def _recall(self, credential: str) -> Caller | None:
        known = self._known.get(credential)
        if known is None or time.monotonic() - known.loaded_at > FACTS_SECONDS:
            return None
        self.uses.note(known.caller)
        return known.caller

    def _keep(self, credential: str, caller: Caller | None, number: int) -> Caller | None:
        """Remembers what was loaded, unless something changed meanwhile: then it serves this once."""
        if caller is None:
            self._known.pop(credential, None)
            return None
        self.uses.note(caller)
        with self._facts:
            if number == self._number:
                if len(self._known) >= MOST:
                    for oldest in list(self._known)[: MOST // 2]:
                        del self._known[oldest]
                ids = {caller.user_id, caller.session_id, caller.key_id, changes.EVERYBODY} - {None}
                self._known[credential] = _Known(caller, frozenset(ids), time.monotonic())  # type: ignore[arg-type]
        return caller

    # -- what has changed --

    def _ask(self) -> None:
        """Learns what has changed. If nobody can be asked, the copy stays as old as it is.

        While another thread asks, those who can still trust the copy do not wait for it.
        """
        if not self._asks.acquire(blocking=self._age() > TRUSTED_SECONDS):
            return
        try:
            if self._age() <= self._fresh_seconds:
                return  # another thread was faster
            started = time.monotonic()
            must_ask, self._must_ask_database = self._must_ask_database, False
            try:
                news = self._news(from_database=must_ask)
                self._apply(news)
                if not self._must_ask_database:  # else something changed while we asked
                    self._verified_at = started
            except (DatabaseError, InterfaceError) as error:
                self._must_ask_database = must_ask or self._must_ask_database
                logger.warning("access not read", extra={"kind": type(error).__name__})
        finally:
            self._asks.release()
        self.uses.write_if_due()

    def _news(self, *, from_database: bool) -> changes.News:
        if self._copy is None:
            return changes.since(self._number)
        if not from_database and (news := self._copy.since(self._number)) is not None:
            return news
        news = changes.since(self._number)
        self._copy.publish(changes.newest())
        return news

    def _apply(self, news: changes.News) -> None:
        with self._facts:
            self._number = news.number
            if news.subjects is None:
                self._known.clear()
        if news.subjects:
            self._drop(frozenset(news.subjects))

    def _drop(self, changed: frozenset[UUID]) -> None:
        with self._facts:
            for credential in [name for name, known in self._known.items() if known.subjects & changed]:
                del self._known[credential]


book = AccessBook(feed())
