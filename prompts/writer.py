"""
The journal in a database, by group commit.

    callers ──► `prompts.line`, in the event loop: many rows, one transaction ──► callers wake up
        │            └──► what it is not sure of
        └───────────────────┴──► inbox ──► one thread, the same with all that may go wrong ──► callers wake up

Each caller waits for the transaction that holds its row. While one transaction commits, the next group
gathers, so a slow disk costs every caller one wait and not one each. Everything goes through the thread where
the loop has no line: on SQLite, before its first row and after a fault; and in a journal that is not strict.
That one lets its callers go at once and gathers for BATCH_SECONDS: what was sent so long ago, and the
transaction on its way, are lost if the process is killed.

While the database is away, how prompts ended goes to this machine's disk (`prompts.spool`), and their callers
get their answers. The thread keeps this process's lease on its rows in progress (on the database's
clock) and marks the rows of processes that died as interrupted. See `prompts.leases`.
"""

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from uuid import UUID

from django.db import Error, connection
from django.db.utils import InterfaceError, OperationalError

from accounts.inbox import gather
from prompts import finals, grouped, statements
from prompts.changes import Change, columns_of, tell
from prompts.errors import JournalUnavailable
from prompts.journal import Entry, JournalState, Outcome, Result
from prompts.leases import RENEW_SECONDS, Lease
from prompts.line import Lines
from prompts.spool import Spool, Spooled
from prompts.watch import Trouble, Watch
from prompts.wire import PostgresWire

logger = logging.getLogger("prompts.writer")

GROUP_ROWS = 64
BATCH_SECONDS = 0.1
BATCH_ROWS = 500
UNWRITTEN_ROWS = 5_000  # of those that nobody waits for; beyond, everybody does
BACKLOG_ROWS = 10_000  # finals that neither database nor disk take; beyond, the oldest are dropped, loudly
AWAY = (OperationalError, InterfaceError)
REFUSED = Result(Outcome.REFUSED)


class DatabaseJournal:
    """`prompts.journal.Journal` over Django's ORM. `open()` starts the thread, `close()` drains it."""

    def __init__(
        self,
        lease: Lease,
        *,
        spool: Path,
        keeps_text: bool = True,
        is_strict: bool = True,
        has_line: bool = True,
        watches: Sequence[Watch] = (),
    ) -> None:
        """`spool` is the folder where finals wait for a database that is away. Without `keeps_text`, rows
        have numbers and findings, and no text is written anywhere. Without `has_line` all goes through the
        thread. `watches` are told how it fares."""
        self.lease = lease
        self._is_strict = is_strict
        self._is_away = False
        self._inbox: queue.SimpleQueue[Change | None] = queue.SimpleQueue()
        self._keeps_text = keeps_text
        self._backlog: deque[Change] = deque()
        self._spool = Spool(spool, lease.id, away=AWAY, reject=lambda: self._trouble("rejected"))
        self._watches = watches
        self._turned_at = time.monotonic()  # when the writer last looked for rows
        self._writing_since: float | None = None  # the oldest row in its hands
        self._thread: threading.Thread | None = None
        self._renewed_at = 0.0
        self._lines: Lines | None = None
        if is_strict and has_line and connection.vendor == "postgresql":
            opened = partial(PostgresWire.open, lease.id)
            self._lines = Lines(opened, hand_over=self._take_back, committed=self._tell_committed)

    @property
    def is_open(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """Rows that are not in the database yet."""
        own = self._inbox.qsize() + len(self._backlog) + self._spool.rows
        return own + (self._lines.rows if self._lines else 0)

    def state(self) -> JournalState:
        return JournalState(self.waiting, self.lag_seconds, self._spool.rows)

    @property
    def lag_seconds(self) -> float:
        """How long the oldest row has waited that is not in the database yet, to about a second; 0 where all
        are."""
        since = [self._writing_since, self._spool.since, self._turned_at if self._inbox.qsize() else None]
        since.append(self._lines.since if self._lines else None)
        with suppress(IndexError):  # another thread's
            since.append(self._backlog[0].sent_at)
        return max((time.monotonic() - at for at in since if at is not None), default=0.0)

    @property
    def spooled(self) -> Spooled:
        return self._spool.size()

    def open(self) -> None:
        """Starts the writer. Returns at once; the database may still be away."""
        if self._lines:
            self._lines.open()
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    def close(self, timeout_seconds: float = 10) -> None:
        """Writes what is waiting, gives the lease back, ends the thread."""
        if self._thread is not None:
            if self._lines:
                self._lines.close(timeout_seconds / 2)
            self._inbox.put(None)
            self._thread.join(timeout_seconds)
            self._thread = None

    def accept(self, entry: Entry) -> asyncio.Future[None]:
        return self._send(Change(entry.id, entry=entry if self._keeps_text else entry.without_text()))

    def finish(self, id: UUID, result: Result) -> asyncio.Future[None]:
        return self._send(Change(id, result=result if self._keeps_text else result.without_text()))

    def _send(self, change: Change) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        if not self.is_open or (self._is_away and change.entry is not None):
            waiter.set_exception(JournalUnavailable())
            return waiter
        if self._is_strict or self.waiting >= UNWRITTEN_ROWS:
            change.waiter = waiter
        else:
            waiter.set_result(None)
        if self._lines and not self._is_away and (line := self._lines.of(loop)) is not None:
            line.put(change)
        else:
            self._inbox.put(change)
        return waiter

    def _take_back(self, changes: Iterable[Change]) -> None:
        """What a line is not sure of. It may be written already; then that stays as it is."""
        for change in changes:
            self._inbox.put(change)

    def _tell_committed(self, rows: int, took_seconds: float, waited_seconds: float) -> None:
        for watch in self._watches:
            watch.committed(rows, took_seconds=took_seconds, waited_seconds=waited_seconds)

    # -- the thread --

    def _run(self) -> None:
        self.lease.open()
        is_closing = False
        while not is_closing:
            try:
                self._writing_since, self._turned_at = None, time.monotonic()
                self._renew()
                group, is_closing = self._gather()
                if group:
                    self._commit(group)
                self._lend()
            except Exception:
                # The journal must live on; whatever this was, its callers have been told by `_commit`.
                logger.exception("journal writer")
                time.sleep(0.1)
        try:
            self._retry_backlog()
            self.lease.release()
        except Error:
            logger.warning("lease not given back")
        self._spool.close()
        grouped.let_go()

    def _gather(self) -> tuple[list[Change], bool]:
        """The next group; True: asked to end."""
        most, patience = (GROUP_ROWS, 0.0) if self._is_strict else (BATCH_ROWS, BATCH_SECONDS)
        return gather(self._inbox, most=most, timeout_seconds=RENEW_SECONDS / 2, patience_seconds=patience)

    def _commit(self, group: list[Change]) -> None:
        if self._is_away:  # `_renew` sees when it is back; nobody else need wait to find that it is not
            self._set_aside(group)
            return
        self._writing_since, began_at = group[0].sent_at, time.monotonic()
        try:
            try:
                self._write(group)
            except AWAY:
                grouped.let_go()  # perhaps only this connection was broken: once more on a new one
                self._write(group)
        except AWAY as error:
            self._is_away = True
            self.lease.unsteady()
            logger.error("database away", extra={"rows": len(group), "kind": type(error).__name__})
            self._set_aside(group)
        except Exception:
            if len(group) == 1:
                logger.exception("row not written", extra=group[0].named)
                tell(group, is_written=False)
                self._trouble("rejected")
                return
            for change in group:  # one row must not take the others down
                self._commit([change])
        else:
            self._is_away = False
            tell(group)
            now = time.monotonic()
            self._tell_committed(len(group), now - began_at, now - group[0].sent_at)

    def _trouble(self, trouble: Trouble, rows: int = 1) -> None:
        for watch in self._watches:
            watch.troubled(trouble, rows=rows)

    def _set_aside(self, group: list[Change]) -> None:
        """The database is away: prompts are refused, and how others ended goes to this machine's disk."""
        # Perhaps it was only the answer to a commit that did not come: then the row is there, and refused.
        unsure = [Change(one.id, result=REFUSED) for one in group if one.result is None and one.waiter]
        ended = [(one.id, one.result) for one in (*group, *unsure) if one.result is not None]
        try:
            if ended:
                self._spool.keep(ended)
                if count := len(ended) - len(unsure):
                    self._trouble("spooled", count)
        except OSError as error:
            logger.error("spool away", extra={"rows": len(ended), "errno": error.errno})
            self._backlog.extend(unsure)
            self._fail(group)
            return
        self._fail([change for change in group if change.result is None])
        tell([change for change in group if change.result is not None])

    def _fail(self, group: list[Change]) -> None:
        """Prompts that nobody has told yet that they are refused, and finals, are written later."""
        tell(group, is_written=False)
        for change in group:
            if change.result is None and change.waiter is not None:
                self._trouble("refused")
                continue
            self._trouble("failed")
            self._backlog.append(change)
            if len(self._backlog) > BACKLOG_ROWS:
                lost = self._backlog.popleft()
                self._trouble("lost")
                logger.error("row lost", extra=lost.named)

    def _write(self, group: Iterable[Change]) -> None:
        finals.write(
            [(change.id, change.result) for change in group if change.result is not None],
            begun=[columns_of(change.entry, self.lease.id) for change in group if change.entry is not None],
        )

    # -- between groups --

    def _lend(self) -> None:
        """A line for the loop that wants one."""
        if self._lines is None or self._is_away:
            return
        try:
            self._lines.lend()
        except Error as error:
            logger.warning("no journal line", extra={"kind": type(error).__name__})

    def _renew(self) -> None:
        now = time.monotonic()
        if now - self._renewed_at < RENEW_SECONDS:
            return
        self._renewed_at = now
        try:
            with statements.read_only_is_away():
                self.lease.renew()
                self.lease.sweep()
                self._retry_backlog()
            self._is_away = False
        except AWAY as error:
            self._is_away = True
            self.lease.unsteady()
            grouped.let_go()
            logger.warning("database away", extra={"kind": type(error).__name__})

    def _retry_backlog(self) -> None:
        """What could not be written before, also by processes that are gone."""
        while self._backlog:
            change = self._backlog[0]
            try:
                self._write([change])
            except AWAY:
                raise
            except Exception:
                logger.exception("row not written", extra=change.named)
                self._put_aside(change)
            self._backlog.popleft()
        try:
            self._spool.replay(finals.write)
            self._spool.claim(finals.write)
        except OSError as error:
            logger.error("spool away", extra={"errno": error.errno})

    def _put_aside(self, change: Change) -> None:
        """What the database takes from nobody: an end goes where those of a spool do."""
        if change.result is None:
            self._trouble("rejected")
            return
        try:
            self._spool.reject((change.id, change.result))
        except OSError as error:
            self._trouble("lost")
            logger.error("row lost", extra={**change.named, "errno": error.errno})
