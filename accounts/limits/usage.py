"""
What was used in a month, by user and by key: the truth, in the database.

It is written with the final row of each prompt, in the same transaction, so it survives whatever happens and
counts nothing twice. A prompt whose process died costs nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

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


def add(used: Mapping[UUID, Used]) -> None:
    """One statement, whoever it is about; part of the caller's transaction. Subjects are taken in order, so
    that two processes never wait for each other's."""
    if not used:
        return
    table = connection.ops.quote_name(Usage._meta.db_table)
    field = Usage._meta.get_field("subject")
    values: list[Any] = []
    for subject, more in sorted(used.items()):
        id = field.get_db_prep_value(subject, connection)
        values += [id, connection.ops.adapt_datefield_value(this_month()), more.requests, more.tokens]
    places = ", ".join(["(%s, %s, %s, %s)"] * len(used))
    with connection.cursor() as cursor:
        cursor.execute(
            # Only the table's name and marks are put together; values travel apart.
            f"INSERT INTO {table} (subject, month, requests, tokens) VALUES {places} "  # noqa: S608  # nosec B608
            "ON CONFLICT (subject, month) DO UPDATE SET "
            f"requests = {table}.requests + excluded.requests, tokens = {table}.tokens + excluded.tokens",
            values,
        )


def in_month(month: date, subjects: Iterable[UUID]) -> dict[UUID, Used]:
    """What each of them used. One query."""
    wanted = list(subjects)
    rows = Usage.objects.filter(subject__in=wanted, month=month)
    return dict.fromkeys(wanted, Used()) | {row.subject: Used(row.requests, row.tokens) for row in rows}
