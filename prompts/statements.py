"""
The statements that come with a prompt, written by hand: the ORM takes longer to write them than the database
to follow them. Names come from the models, values travel apart.

One row a statement, for any database. On PostgreSQL `prompts.grouped` does with a whole group what it can.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, Protocol
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now
from django.db.utils import InternalError, OperationalError

from prompts.journal import Outcome
from prompts.models import Prompt

READ_ONLY = "25006"  # SQLSTATE read_only_sql_transaction
BOOK = Prompt._meta.db_table  # a plain name, as those of the columns


class Cursor(Protocol):
    """What follows one statement after the other."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Any: ...
    def fetchall(self) -> list[tuple[Any, ...]]: ...


@contextmanager
def together() -> Iterator[Cursor]:
    """One transaction for what is executed with this cursor. Raises what Django raises."""
    with read_only_is_away(), transaction.atomic(), connection.cursor() as cursor:
        yield cursor


@contextmanager
def read_only_is_away() -> Iterator[None]:
    """A database that only reads (a standby, or one that protects itself) is as good as away."""
    try:
        yield
    except InternalError as error:
        if getattr(error.__cause__, "sqlstate", "") == READ_ONLY:
            raise OperationalError("read-only") from error
        raise


def insert(cursor: Cursor, fields: Mapping[str, Any]) -> None:
    """A row of the book with these fields, by their columns; the others have their defaults. One that is
    there already stays: a commit whose answer got lost may be repeated."""
    values = {**defaults(), **fields}
    cursor.execute(_insertion(tuple(values)), prepared(values))


def locked(cursor: Cursor, ids: Collection[UUID], columns: Sequence[str]) -> list[Prompt]:
    """Those of these rows that have no outcome yet, or only look as if they were interrupted. In an order:
    else two processes could wait for each other's rows."""
    names = _in_order(tuple(columns))
    keys = [value for id in ids for value in prepared({"id": id})]
    states = Outcome.ACCEPTED.value, Outcome.INTERRUPTED.value
    cursor.execute(_locking(connection.vendor, names, len(keys)), [*keys, *states])
    return [Prompt.from_db(connection.alias, names, row) for row in _rows(cursor, names)]


def update(cursor: Cursor, id: UUID, fields: Mapping[str, Any]) -> None:
    """This row gets these fields, and is finished now."""
    statement = _change(connection.vendor, tuple(fields))
    cursor.execute(statement, prepared({**fields, "id": id}))


# -- what is said, once --


@lru_cache(maxsize=64)
def _insertion(names: tuple[str, ...]) -> str:
    marks = ", ".join(["%s"] * len(names))
    return f"INSERT INTO {BOOK} ({_listed(names)}) VALUES ({marks}) ON CONFLICT (id) DO NOTHING"  # noqa: S608  # nosec B608


@lru_cache(maxsize=256)
def _locking(vendor: str, names: tuple[str, ...], ids: int) -> str:
    lock = connection.ops.for_update_sql() if connection.features.has_select_for_update else ""
    keys = ", ".join(["%s"] * ids)
    return (
        f"SELECT {_listed(names)} FROM {BOOK} WHERE id IN ({keys}) "  # noqa: S608  # nosec B608
        f"AND outcome IN (%s, %s) ORDER BY id {lock}"
    )


@lru_cache(maxsize=64)
def _change(vendor: str, names: tuple[str, ...]) -> str:
    now, _ = Prompt.objects.all().query.get_compiler(connection=connection).compile(Now())
    sets = ", ".join(f'"{name}" = %s' for name in names)
    return f"UPDATE {BOOK} SET {sets}, finished_at = {now} WHERE id = %s"  # noqa: S608  # nosec B608


def _listed(names: Collection[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


@cache
def _in_order(columns: tuple[str, ...]) -> tuple[str, ...]:
    """As `from_db` wants them."""
    return tuple(field.attname for field in Prompt._meta.concrete_fields if field.attname in columns)


@cache
def defaults() -> dict[str, Any]:
    """What a field is that nobody names."""
    return {field.attname: field.get_default() for field in Prompt._meta.concrete_fields}


# -- values --


def prepared(fields: Mapping[str, Any]) -> list[Any]:
    """As the database takes them."""
    return [_field(name).get_db_prep_save(value, connection) for name, value in fields.items()]


def _rows(cursor: Cursor, columns: Collection[str]) -> Iterable[Sequence[Any]]:
    """What was selected, as Python knows it."""
    compiler = Prompt.objects.all().query.get_compiler(connection=connection)
    converters = compiler.get_converters([_field(name).get_col(BOOK) for name in columns])
    rows = cursor.fetchall()
    return compiler.apply_converters(rows, converters) if converters else rows


def _field(name: str) -> Any:
    return Prompt._meta.get_field(name)
