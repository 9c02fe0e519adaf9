"""Rows that count: what is new is inserted, what is there is added to."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models

from accounts.arrays import array


def add(
    model: type[models.Model],
    key: Sequence[str],
    *,
    names: Sequence[str],
    counts: Mapping[tuple[Any, ...], Mapping[str, int]],
    takes_off: str = "",
    cursor: Any = None,
) -> None:
    """Adds to the columns `names` of the rows that have these keys: one statement, part of the caller's
    transaction, with his cursor if he has one. Rows are taken in one order, so that two processes never wait
    for each other's. `takes_off` names a mark, false by default, that rows lose when they are added to."""
    if not counts:
        return
    connection = connections[DEFAULT_DB_ALIAS]
    places = sorted(counts)
    rows = [(*place, *(counts[place][name] for name in names)) for place in places]
    if connection.vendor == "postgresql":
        statement = _statement(model, tuple(key), tuple(names), takes_off, 0)
        values: list[Any] = [*map(array, zip(*rows, strict=True))]
    else:
        statement = _statement(model, tuple(key), tuple(names), takes_off, len(rows))
        fields: list[Any] = [model._meta.get_field(name) for name in (*key, *names)]
        values = [
            field.get_db_prep_save(value, connection)
            for row in rows
            for field, value in zip(fields, row, strict=True)
        ]
    with nullcontext(cursor) if cursor else connection.cursor() as line:
        line.execute(statement, values)


@lru_cache(maxsize=256)
def _statement(
    model: type[models.Model], key: tuple[str, ...], names: tuple[str, ...], takes_off: str, rows: int
) -> str:
    """For so many rows; 0 is for lists of any length."""
    columns, marks = (*key, *names), "(" + ", ".join(["%s"] * (len(key) + len(names))) + ")"
    source = f"VALUES {', '.join([marks] * rows)}"
    if not rows:
        kinds = [model._meta.get_field(name).db_type(connections[DEFAULT_DB_ALIAS]) for name in columns]
        source = f"SELECT * FROM unnest({', '.join(f'%s::{kind}[]' for kind in kinds)})"  # noqa: S608  # nosec B608
    return statement(model, key, names, source=source, takes_off=takes_off)


def statement(
    model: type[models.Model], key: Sequence[str], names: Sequence[str], *, source: str, takes_off: str = ""
) -> str:
    """Adds what `source` selects, the key and then the counts, in one order. Names come from our models,
    values travel apart."""
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    table = quote(model._meta.db_table)
    sums = ", ".join(f"{quote(name)} = {table}.{quote(name)} + EXCLUDED.{quote(name)}" for name in names)
    if takes_off:
        sums += f", {quote(takes_off)} = false"
    return (
        f"INSERT INTO {table} ({', '.join(map(quote, (*key, *names)))}) {source} "  # nosec B608
        f"ON CONFLICT ({', '.join(map(quote, key))}) DO UPDATE SET {sums}"
    )
