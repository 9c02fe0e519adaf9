"""
The book's housekeeping, behind `manage.py journal_maintenance`: on PostgreSQL its partitions, everywhere what
has served its time.

    months ahead ─► rows that came where no month was ─► indexes ─► whole months away ─► single rows and texts
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts import audit
from accounts import retention as purging
from prompts import partitions, posting, retention
from prompts.ids import floor
from prompts.partitions import Month, Partition

MONTHS_AHEAD = 3
FARTHEST_MONTHS = 12  # rows that are further ahead than this are of clocks that are wrong
LOCK = 0x6A6F75726E616C  # "journal", for PostgreSQL's advisory locks


class AnotherRuns(Exception):
    """Somebody else is at it."""


@contextmanager
def alone() -> Iterator[None]:
    """At most one at a time on a PostgreSQL. Raises AnotherRuns."""
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
        if cursor.fetchone() != (True,):
            raise AnotherRuns
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def run(*, dry_run: bool = False) -> Iterator[str]:
    """Does it all, and says what it did, or what it would do. Raises AnotherRuns."""
    with alone():
        posting.post()  # before rows go
        if partitions.is_partitioned():
            now = timezone.now()
            yield from make_months(now, dry_run=dry_run)
            yield from rescue(now, dry_run=dry_run)
            yield from build_indexes(dry_run=dry_run)
            yield from drop_months(now, dry_run=dry_run)
        else:
            yield "The book is one table on SQLite: there are no months to make or to drop."
        for kind in retention.KINDS:
            if dry_run:
                yield f"{kind.name}: {purging.count(kind)} would go"
            else:
                yield f"{kind.name}: {sum(purging.purge(kind))} gone"


def make_months(now: datetime, *, dry_run: bool = False) -> Iterator[str]:
    """This month's partition and those of the next ones."""
    for month in partitions.missing(now, ahead=MONTHS_AHEAD):
        if dry_run:
            yield f"month {month}: would be made"
        else:
            moved = partitions.make(month)
            yield f"month {month}: made" + (f", {moved} rows moved into it" if moved else "")


def rescue(now: datetime, *, dry_run: bool = False) -> Iterator[str]:
    """Rows that came where there was no partition get one."""
    for month in partitions.strays(before=Month.of(now).after(FARTHEST_MONTHS)):
        if dry_run:
            yield f"month {month}: would be made, there are rows for it in {partitions.DEFAULT}"
        else:
            yield f"month {month}: made, {partitions.make(month)} rows moved into it"
    if not dry_run and (left := partitions.count_default()):
        yield f"{partitions.DEFAULT}: {left} rows stay, more than {FARTHEST_MONTHS} months ahead"


def build_indexes(*, dry_run: bool = False) -> Iterator[str]:
    """What migrations left out because it would have taken long."""
    for table, index in partitions.lacking_indexes():
        if not dry_run:
            partitions.build_index(table, index)
        yield f"index {index} of {table}: {'would be built' if dry_run else 'built'}"


def drop_months(now: datetime, *, dry_run: bool = False) -> Iterator[str]:
    """Months of which no row is kept any longer, however it ended."""
    for partition in past(now):
        if partitions.in_progress(partition.table):
            rows = None
        elif dry_run:
            about = partitions.estimated_rows(partition.table)
            yield f"{partition.table}: about {about} rows would be dropped"
            continue
        else:
            rows = partitions.drop(partition, record=partial(record_drop, partition.table))
        if rows is None:
            yield f"{partition.table}: stays, prompts of it are in progress"
        else:
            yield f"{partition.table}: dropped, about {rows} rows"


def past(now: datetime) -> list[Partition]:
    """Partitions whose every row has served its time."""
    days = retention.longest_days()
    if not days:
        return []
    end = floor(now - timedelta(days=days))
    return [partition for partition in partitions.partitions() if partition.until <= end]


def record_drop(table: str, rows: int) -> None:
    """On the audit trail."""
    audit.record(
        "journal.month_dropped",
        table=table,
        rows=rows,
        retain_days=settings.RETAIN_PROMPTS_DAYS,
        retain_outcomes_days=settings.RETAIN_OUTCOMES_DAYS,
    )
