"""
What was used in a month, by user and by key: the truth, in the database.

It is written with the final row of each prompt, in the same transaction, so it survives whatever happens and
counts nothing twice. A prompt whose process died costs nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts import counters
from accounts.models import Usage


@dataclass(frozen=True, slots=True)
class Used:
    """By one subject."""

    requests: int = 0
    tokens: int = 0


def month_of(number: int) -> date:
    """The first day of a month that is counted from year 0."""
    return date(number // 12, number % 12 + 1, 1)


def this_month() -> date:
    return timezone.now().date().replace(day=1)


def add(used: Mapping[UUID, Used], cursor: Any = None) -> None:
    """One statement, whoever it is about; part of the caller's transaction, with his cursor if he has one."""
    month = this_month()
    counts = {(subject, month): asdict(more) for subject, more in used.items()}
    key, names = ("subject", "month"), ("requests", "tokens")
    counters.add(Usage, key, names=names, counts=counts, cursor=cursor)


def adding(used: str) -> str:
    """`add` as a part of a statement on PostgreSQL, which takes the month as its value. `used` is a query for
    `subject` and `tokens`, a row for each request of each."""
    # In one order, as everywhere.
    return (
        f"INSERT INTO {Usage._meta.db_table} AS there (subject, month, requests, tokens) "  # noqa: S608  # nosec B608
        f"SELECT subject, %s::date, count(*), sum(tokens) FROM ({used}) AS used GROUP BY subject "
        "ORDER BY subject ON CONFLICT (subject, month) DO UPDATE "
        "SET requests = there.requests + EXCLUDED.requests, tokens = there.tokens + EXCLUDED.tokens"
    )


def in_month(month: date, subjects: Iterable[UUID]) -> dict[UUID, Used]:
    """What each of them used. One query."""
    wanted = list(subjects)
    rows = Usage.objects.filter(subject__in=wanted, month=month)
    return dict.fromkeys(wanted, Used()) | {row.subject: Used(row.requests, row.tokens) for row in rows}
