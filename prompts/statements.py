"""
The statements that come with every prompt, written by hand: the ORM takes longer to write them than the
database to follow them. Names come from the models, values travel apart.

On PostgreSQL those of one transaction are sent without waiting for what became of each (libpq's pipeline):
what waits is a row that is read, and the end.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol
from uuid import UUID

import psycopg
from django.db import connection, transaction
from django.db.models.functions import Now

from prompts.journal import Outcome
from prompts.models import Prompt

BOOK = Prompt._meta.db_table  # a plain name, as those of the columns


class Cursor(Protocol):
    """What follows one statement after the other."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Any: ...
    def fetchall(self) -> list[tuple[Any, ...]]: ...


@contextmanager
def together() -> Iterator[Cursor]:
    """One transaction for what is executed with this cursor. What a statement did wrong may be raised by a
    later one, or at the end. Raises what Django raises."""
    if connection.vendor != "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            yield cursor
        return
    connection.ensure_connection()
    line: psycopg.Connection[Any] = connection.connection
    with connection.wrap_database_errors, line.pipeline(), transaction.atomic():
        yield psycopg.Cursor(line)


def insert(cursor: Cursor, fields: Mapping[str, Any]) -> None:
    """A row of the book with these fields, by their columns; the others have their defaults. One that is
    there already stays: a commit whose answer got lost may be repeated."""
    values = {**_defaults(connection.vendor), **_prepared(fields)}
    marks = ", ".join(["%s"] * len(values))
    cursor.execute(
        f"INSERT INTO {BOOK} ({_names(values)}) VALUES ({marks}) ON CONFLICT (id) DO NOTHING",  # noqa: S608  # nosec B608
        [*values.values()],
    )


def locked(cursor: Cursor, ids: Collection[UUID], columns: Sequence[str]) -> list[Prompt]:
    """Those of these rows that have no outcome yet, or only look as if they were interrupted. In an order:
    else two processes could wait for each other's rows."""
    lock = connection.ops.for_update_sql() if connection.features.has_select_for_update else ""
    names = [field.attname for field in Prompt._meta.concrete_fields if field.attname in columns]
    keys = ", ".join(["%s"] * len(ids))
    cursor.execute(
        f"SELECT {_names(names)} FROM {BOOK} WHERE id IN ({keys}) "  # noqa: S608  # nosec B608
        f"AND outcome IN (%s, %s) ORDER BY id {lock}",
        [*map(_id, ids), Outcome.ACCEPTED.value, Outcome.INTERRUPTED.value],
    )
    return [Prompt.from_db(connection.alias, names, row) for row in _rows(cursor, names)]


def update(cursor: Cursor, id: UUID, fields: Mapping[str, Any]) -> None:
    """This row gets these fields, and is finished now."""
    values = _prepared(fields)
    sets = ", ".join(f"{connection.ops.quote_name(name)} = %s" for name in values)
    cursor.execute(
        f"UPDATE {BOOK} SET {sets}, finished_at = {_now(connection.vendor)} WHERE id = %s",  # noqa: S608  # nosec B608
        [*values.values(), _id(id)],
    )


def _names(columns: Collection[str]) -> str:
    return ", ".join(map(connection.ops.quote_name, columns))


def _prepared(fields: Mapping[str, Any]) -> dict[str, Any]:
    """As the database takes them."""
    return {name: _field(name).get_db_prep_save(value, connection) for name, value in fields.items()}


def _id(id: UUID) -> Any:
    return _field("id").get_db_prep_save(id, connection)


def _rows(cursor: Cursor, columns: Collection[str]) -> Iterable[Sequence[Any]]:
    """What was selected, as Python knows it."""
    compiler = Prompt.objects.all().query.get_compiler(connection=connection)
    converters = compiler.get_converters([_field(name).get_col(BOOK) for name in columns])
    rows = cursor.fetchall()
    return compiler.apply_converters(rows, converters) if converters else rows


def _field(name: str) -> Any:
    return Prompt._meta.get_field(name)


@cache
def _defaults(vendor: str) -> dict[str, Any]:
    """What a field is that nobody names."""
    return _prepared({field.attname: field.get_default() for field in Prompt._meta.concrete_fields})


@cache
def _now(vendor: str) -> str:
    statement, _ = Prompt.objects.all().query.get_compiler(connection=connection).compile(Now())
    return str(statement)
