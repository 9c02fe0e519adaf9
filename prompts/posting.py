"""
Brings rows that have ended into the statistics and the search index, behind the prompts: on PostgreSQL, in a
thread of each process that writes the book.

    prompt ends ──► committed ──► SLICE rows, a transaction ──► counted (`is_tallied`) and searchable

To count a row of 160 words and to index it costs PostgreSQL more than to write it as accepted and as
finished, so nobody waits for it. One process at a time does this, in quiet moments: where its own prompts
want the processor, rows wait, though no longer than LATE_SECONDS. From then on it takes half of the time, and
falls behind the prompts, not they behind it. Until then a row is searched without an index, which holds those
with `is_searchable` alone; and whoever reads the statistics, or erases rows, has everything counted first
(`post`).

A row is counted once, whatever crashes: its mark changes with the counts, or nothing does. On SQLite, where
one writer at a time is all there is, rows are counted as they end (`prompts.finals`).
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.db.models.functions import Now

from prompts.behind import Behind
from prompts.journal import Outcome
from prompts.models import Prompt
from prompts.statistics import counting

logger = logging.getLogger("prompts.posting")

BATCH = 200
SLICE = 25  # where prompts are being answered meanwhile
EVERY_SECONDS = 2.0
PATIENCE_SECONDS = 1.0
LATE_SECONDS = 10.0  # on the database's clock
BUSY = 0.3  # of a processor: a process that uses more is answering prompts
LOCK = 0x70726F6D707473  # "prompts", for PostgreSQL's advisory locks


class Load:
    """What the prompts of this process take of a processor. To be asked in one thread, whose own part does
    not count. The clocks are in seconds: of the wall, of the process and of the thread."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        process: Callable[[], float] = time.process_time,
        thread: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clocks = clock, process, thread
        self._before: tuple[float, float, float] | None = None

    def is_busy(self) -> bool:
        """Since it was last asked; at first nobody knows."""
        wall, process, thread = self._clocks
        now, before = (wall(), process(), thread()), self._before
        self._before = now
        if before is None:
            return False
        passed, used, own = (new - old for new, old in zip(now, before, strict=True))
        return used - own > BUSY * passed


class Posting(Behind):
    """`open()` starts the thread, where there is something for it to do."""

    def __init__(self) -> None:
        super().__init__("journal-posting", every_seconds=EVERY_SECONDS, work=self._keep_up, logger=logger)
        self._load = Load()

    def open(self) -> None:
        if connection.vendor == "postgresql":
            super().open()

    def _keep_up(self, is_closing: threading.Event) -> None:
        keep_up(is_closing, is_busy=self._load.is_busy)


def keep_up(is_closing: threading.Event, *, is_busy: Callable[[], bool] = lambda: False) -> None:
    """Posts what has ended in slices, with a rest after each that is as long as it took: the prompts of this
    process want the interpreter meanwhile, and those of all the database's processor. While it is busy, only
    what is late."""
    rest = 0.0
    while not is_closing.wait(rest):
        if is_busy() and not is_late():
            return
        began = time.monotonic()
        if step(SLICE) < SLICE:
            return
        rest = time.monotonic() - began


def is_late() -> bool:
    """Whether the first row that is to be posted ended more than LATE_SECONDS ago, or nobody knows when."""
    ended = Q(finished_at__lt=Now() - timedelta(seconds=LATE_SECONDS))
    late = ExpressionWrapper(ended, output_field=BooleanField(null=True))
    return any(one is not False for one in _left().order_by("id").values_list(late, flat=True)[:1])


def catch_up() -> None:
    """Posts everything that has ended."""
    while step() == BATCH:
        pass


def post() -> None:
    """Posts what has ended, for PATIENCE_SECONDS at most; another process that is at it is waited for. Where
    that cannot be, what is read is some seconds old."""
    if connection.vendor != "postgresql":
        return
    until = time.monotonic() + PATIENCE_SECONDS
    try:
        while _left().exists() and step(wait_seconds=PATIENCE_SECONDS) and time.monotonic() < until:
            pass
    except DatabaseError as error:  # busy, or one that only reads; else reading fails as well
        logger.info("not posted", extra={"kind": type(error).__name__})


def step(most: int = BATCH, *, wait_seconds: float = 0) -> int:
    """Posts the next rows, so many at most; how many. 0 while another process is at it, unless that is to be
    waited for; then OperationalError after so many seconds."""
    with transaction.atomic():
        if not _is_alone(wait_seconds):
            return 0
        # A row that is erased meanwhile comes next time, as it is then.
        locked = _left().order_by("id").select_for_update(no_key=True, skip_locked=True)
        rows = list(locked.values_list("id", "is_tallied")[:most])
        Prompt.objects.filter(id__in=[id for id, _ in rows]).update(is_searchable=True, is_tallied=True)
        counting.count([id for id, is_tallied in rows if not is_tallied])
    return len(rows)


def _left() -> QuerySet[Prompt]:
    """Rows that are to be posted: an index has these alone."""
    return Prompt.objects.filter(is_searchable=False).exclude(outcome=Outcome.ACCEPTED)


def _is_alone(wait_seconds: float) -> bool:
    """Until the end of the transaction."""
    with connection.cursor() as cursor:
        if wait_seconds:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait_seconds * 1000:.0f}ms"])
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            return True
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone() == (True,))
