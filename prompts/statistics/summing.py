"""
Sums of the tallies, so that a month or a year is read from some thousand rows and not from millions: of days
that ended, behind the prompts, by a thread of each process that writes the book.

    a row ends ─► its tally, not `is_summed` ─► the day ends ─► its sums, and its tallies `is_summed`
                           ▲                                                        │
                           └───── it is finished late, or its user is erased ◄──────┘

A day's sums are made anew whenever one of its tallies is not in them, in one transaction that marks the
tallies which it has read. Whatever changes a tally takes its mark off (`statistics.tallies`), so that days
which may not be read from their sums can be told from the tallies alone: today, those that have just changed,
and, after an upgrade, those that nobody has come to yet. They are read from their tallies
(`statistics.pieces`), and what is read is exact at any time. There is no watermark to keep, and prompts pay
nothing but the mark: sums that their own transaction wrote would be rows that all processes wait for each
other to change.
"""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Min
from django.utils import timezone

from prompts.behind import Behind
from prompts.models import EVERYBODY, HourlyFindings, HourlyTally, SummedAsker, SummedFindings, SummedTally
from prompts.statistics.tallies import FINDINGS_COUNTS, FINDINGS_KEY, TALLY_COUNTS, TALLY_KEY

logger = logging.getLogger("prompts.statistics")

EVERY_SECONDS = 60.0
# What is in progress at midnight has ended by then, mostly.
SETTLED = timedelta(minutes=15)
DAY = timedelta(days=1)
PAUSE_SECONDS = 0.05  # between two days: others may write
LOCK = 0x73756D6D696E67  # "summing", for PostgreSQL's advisory locks
MODELS = TALLY_KEY[3:]
FOUND = FINDINGS_KEY[2:]


class Summing(Behind):
    def __init__(self) -> None:
        super().__init__("statistics-summing", every_seconds=EVERY_SECONDS, work=catch_up, logger=logger)


def catch_up(is_closing: threading.Event) -> None:
    """Sums up every day that ended and is not in its sums, the oldest first."""
    for day in days(until=timezone.now() - SETTLED - DAY):
        if is_closing.wait(PAUSE_SECONDS) or not sum_day(day):
            return


def days(*, until: datetime) -> Iterator[datetime]:
    """Beginnings of days that are not in their sums, and are not after `until`. Asked for one by one."""
    after = datetime.min.replace(tzinfo=UTC)
    while True:
        firsts = [
            tallies._default_manager.filter(is_summed=False, hour__gte=after).aggregate(first=Min("hour"))[
                "first"
            ]
            for tallies in (HourlyTally, HourlyFindings)
        ]
        found = [first for first in firsts if first is not None]
        if not found or (day := day_of(min(found))) > until:
            return
        yield day
        after = day + DAY


def day_of(hour: datetime) -> datetime:
    """The beginning of its day, UTC's."""
    return hour.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def sum_day(day: datetime) -> bool:
    """Makes the sums of a day anew; False while another process is at it. What changes meanwhile is not
    marked, or waits for the end of this and takes the mark off."""
    with transaction.atomic():
        if connection.vendor == "postgresql" and not _is_alone():
            return False
        for tallies in (HourlyTally, HourlyFindings):
            _mark(tallies, day)
        for sums in (SummedTally, SummedFindings, SummedAsker):
            sums._default_manager.filter(hour__gte=day, hour__lt=day + DAY).delete()
        everybody = {"user_id": EVERYBODY}
        for tallies, sums, names, counts in (
            (HourlyTally, SummedTally, MODELS, TALLY_COUNTS),
            (HourlyFindings, SummedFindings, FOUND, FINDINGS_COUNTS),
        ):
            _sum(tallies, sums, day, ("hour", *names), counts, {"hours": 1, **everybody})
            _sum(tallies, sums, day, names, counts, {"hours": 24, "hour": day, **everybody})
            _sum(tallies, sums, day, ("user_id", *names), counts, {"hours": 24, "hour": day})
        _sum(HourlyTally, SummedAsker, day, ("user_id", "key_id"), ("prompts",), {"hour": day})
    return True


def _is_alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone() == (True,))


def _mark(tallies: type[models.Model], day: datetime) -> None:
    """Those that somebody is changing stay as they are, and nobody is waited for: he could wait for us."""
    table, (since, until) = tallies._meta.db_table, _bounds(day)
    if connection.vendor == "postgresql":
        which = (
            f"id = ANY (ARRAY(SELECT id FROM {table} WHERE NOT is_summed AND hour >= %s AND hour < %s "  # noqa: S608  # nosec B608
            "FOR NO KEY UPDATE SKIP LOCKED))"
        )
    else:
        which = "NOT is_summed AND hour >= %s AND hour < %s"
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET is_summed = true WHERE {which}", [since, until])  # noqa: S608  # nosec B608


def _sum(
    tallies: type[models.Model],
    sums: type[models.Model],
    day: datetime,
    names: tuple[str, ...],
    counts: tuple[str, ...],
    constants: dict[str, Any],
) -> None:
    """Sums of these counts for each of these names, in one statement. Names come from our models."""
    quote = connection.ops.quote_name
    fields: list[Any] = [sums._meta.get_field(name) for name in constants]
    values = [
        field.get_db_prep_save(value, connection)
        for field, value in zip(fields, constants.values(), strict=True)
    ]
    marks = [f"CAST(%s AS {field.cast_db_type(connection)})" for field in fields]
    if connection.vendor == "sqlite":  # where a cast to a type that there is not is one to a number
        marks = ["%s"] * len(fields)
    told = [*marks, *map(quote, names), *(f"sum({quote(name)})" for name in counts)]
    columns = ", ".join(map(quote, (*constants, *names, *counts)))
    grouped = ", ".join(map(quote, names))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {sums._meta.db_table} ({columns}) SELECT {', '.join(told)} "  # noqa: S608  # nosec B608
            f"FROM {tallies._meta.db_table} WHERE hour >= %s AND hour < %s GROUP BY {grouped}",
            [*values, *_bounds(day)],
        )


def _bounds(day: datetime) -> list[Any]:
    hour = HourlyTally._meta.get_field("hour")
    return [hour.get_db_prep_save(one, connection) for one in (day, day + DAY)]
