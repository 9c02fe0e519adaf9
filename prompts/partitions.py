"""
The book's table on PostgreSQL: one partition for each month (UTC), by the time in the id.

    prompts_prompt ─┬─ prompts_prompt_before_2026_12     what was there at the migration; no lower end
                    ├─ prompts_prompt_2026_12
                    ├─ prompts_prompt_2027_01, ...       made ahead
                    └─ prompts_prompt_default            what nobody foresaw: no insert ever fails

Whatever waits for a lock here waits `LOCK_MS` at most, and tries again later: others queue behind it, prompts
among them. A month is dropped and not detached first: PostgreSQL cannot detach concurrently where there is a
default partition, and it deletes a dropped table's files after it has let its locks go.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from prompts.ids import floor, instant

T = TypeVar("T")
TABLE = "prompts_prompt"
DEFAULT = f"{TABLE}_default"
LOCK_MS = 200
TRIES, PAUSE_SECONDS = 50, 0.5
_BOUNDS = re.compile(r"FOR VALUES FROM \((MINVALUE|'[^']+')\) TO \((MAXVALUE|'[^']+')\)")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """Of UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, at: datetime) -> Self:
        at = at.astimezone(UTC)
        return cls(at.year, at.month)

    def after(self, months: int = 1) -> "Month":
        year, number = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(year, number + 1)

    @property
    def since(self) -> UUID:
        """The smallest id of the month; that of the next is the first beyond it."""
        return floor(datetime(self.year, self.number, 1, tzinfo=UTC))

    def __str__(self) -> str:
        return f"{self.year}_{self.number:02}"


@dataclass(frozen=True, slots=True)
class Partition:
    """Holds the ids from `since` until before `until`. None has no lower end."""

    table: str
    since: UUID | None
    until: UUID


def is_partitioned() -> bool:
    """False on SQLite, too."""
    if connection.vendor != "postgresql":
        return False
    return bool(_rows("SELECT 1 FROM pg_class WHERE oid = to_regclass(%s) AND relkind = 'p'", TABLE))


def partitions() -> list[Partition]:
    """All but the default one, the oldest first."""
    found = []
    for table, bounds in _rows(
        "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i "
        "JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(%s) AND c.relkind = 'r'",
        TABLE,
    ):
        if (ends := _BOUNDS.fullmatch(bounds)) is not None:
            since, until = (None if end.endswith("VALUE") else UUID(end.strip("'")) for end in ends.groups())
            found.append(Partition(table, since, until or UUID(int=(1 << 128) - 1)))
    return sorted(found, key=lambda partition: partition.until)


def missing(now: datetime, *, ahead: int) -> list[Month]:
    """Those of this month and the next `ahead` that have no partition."""
    months = [Month.of(now).after(number) for number in range(ahead + 1)]
    there = partitions()
    return [
        month
        for month in months
        if not any(
            (one.since is None or one.since <= month.since) and month.since < one.until for one in there
        )
    ]


def make(month: Month) -> int:
    """Makes a month's partition; what the default one has of it moves over. How many rows. Raises
    `OperationalError` where the locks cannot be had."""
    table, until = f"{TABLE}_{month}", month.after().since

    def steps(cursor: Any) -> int:
        cursor.execute(f"CREATE TABLE {table} (LIKE {TABLE} INCLUDING ALL)")
        cursor.execute(f"LOCK TABLE {DEFAULT} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(
            f"WITH moved AS (DELETE FROM {DEFAULT} WHERE id >= %s AND id < %s RETURNING *) "  # noqa: S608  # nosec B608
            f"INSERT INTO {table} SELECT * FROM moved",
            [month.since, until],
        )
        moved: int = cursor.rowcount
        cursor.execute(
            f"ALTER TABLE {TABLE} ATTACH PARTITION {table} FOR VALUES FROM ('{month.since}') TO ('{until}')"
        )
        return moved

    return patiently(steps)


def strays(*, before: Month) -> Iterator[Month]:
    """The months of the rows in the default partition, the oldest first. Make each before asking for the
    next. Months that are further off belong to clocks that are wrong, and stay where they are."""
    behind = UUID(int=0)
    while found := _rows(
        f"SELECT id FROM {DEFAULT} WHERE id >= %s AND id < %s ORDER BY id LIMIT 1",  # noqa: S608  # nosec B608
        *(behind, before.since),
    ):
        month = Month.of(instant(found[0][0]))
        yield month
        behind = month.after().since


def count_default() -> int:
    """How many rows are in the default partition."""
    return int(_rows(f"SELECT count(*) FROM {DEFAULT}")[0][0])  # noqa: S608  # nosec B608


def in_progress(table: str) -> bool:
    """Whether a partition has rows of prompts that have not ended."""
    return bool(_rows(f"SELECT 1 FROM {table} WHERE outcome = 'accepted' LIMIT 1"))  # noqa: S608  # nosec B608


def drop(partition: Partition, *, record: Callable[[int], None]) -> int | None:
    """Takes a whole partition away, after `record` was called with about how many rows it has, in the same
    transaction. None where a prompt of it is in progress: then it stays."""

    def steps(cursor: Any) -> int | None:
        if in_progress(partition.table):
            return None
        rows = estimated_rows(partition.table)
        record(rows)
        cursor.execute(f"DROP TABLE {partition.table}")
        return rows

    return patiently(steps)


def estimated_rows(table: str) -> int:
    """As PostgreSQL knows it from its last look; of a partitioned table, of all its partitions."""
    found = _rows(
        "SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint FROM pg_class c "
        "JOIN (SELECT to_regclass(%s)::oid AS relid "
        "UNION SELECT relid FROM pg_partition_tree(to_regclass(%s))) t ON c.oid = t.relid",
        *(table, table),
    )
    return int(found[0][0])


# -- indexes that a big partition still lacks --


def lacking_indexes() -> list[tuple[str, str]]:
    """Pairs of a partition and an index of the whole table that it has no part of. A migration leaves them
    out where a partition is big."""
    found = _rows(
        "SELECT c.relname, x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid "
        "JOIN pg_inherits p ON p.inhparent = i.indrelid JOIN pg_class c ON c.oid = p.inhrelid "
        "WHERE i.indrelid = to_regclass(%s) AND NOT i.indisvalid AND NOT EXISTS ("
        "  SELECT 1 FROM pg_inherits pi JOIN pg_index ci ON ci.indexrelid = pi.inhrelid "
        "  WHERE pi.inhparent = i.indexrelid AND ci.indrelid = c.oid) ORDER BY 1, 2",
        TABLE,
    )
    return [(table, index) for table, index in found]


def build_index(table: str, index: str) -> None:
    """Makes a partition's part of an index, while rows are written. Not inside a transaction."""
    own = f"{index}{table.removeprefix(TABLE)}"
    ((definition,),) = _rows("SELECT pg_get_indexdef(to_regclass(%s))", index)
    body = definition.split(" USING ", 1)[1]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {own}")  # what an interrupted run left behind
        cursor.execute(f"CREATE INDEX CONCURRENTLY {own} ON {table} USING {body}")
    patiently(lambda cursor: cursor.execute(f"ALTER INDEX {index} ATTACH PARTITION {own}"))


def _rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(values))
        return list(cursor.fetchall())


def patiently(steps: Callable[[Any], T]) -> T:
    """Takes steps in one transaction, and all again where a lock is not to be had at once."""
    for attempt in range(TRIES):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
                return steps(cursor)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable) or attempt == TRIES - 1:
                raise
            time.sleep(PAUSE_SECONDS)
    raise AssertionError("the last try returns or raises")
