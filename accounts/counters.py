"""Rows that count: what is new is inserted, what is there is added to."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from django.db import connection, models


def add(
    model: type[models.Model],
    key: Sequence[str],
    *,
    names: Sequence[str],
    counts: Mapping[tuple[Any, ...], Mapping[str, int]],
    cursor: Any = None,
) -> None:
    """Adds to the columns `names` of the rows that have these keys: one statement, part of the caller's
    transaction, with his cursor if he has one. Rows are taken in one order, so that two processes never wait
    for each other's."""
    if not counts:
        return
    fields = [model._meta.get_field(name) for name in key]
    quote, table = connection.ops.quote_name, connection.ops.quote_name(model._meta.db_table)
    columns = ", ".join(quote(name) for name in (*key, *names))
    marks = "(" + ", ".join(["%s"] * (len(key) + len(names))) + ")"
    sums = ", ".join(f"{quote(name)} = {table}.{quote(name)} + EXCLUDED.{quote(name)}" for name in names)
    values: list[Any] = []
    for place in sorted(counts, key=lambda one: tuple(map(str, one))):
        for field, value in zip(fields, place, strict=True):
            values.append(field.get_db_prep_save(value, connection))  # type: ignore[union-attr]
        values.extend(counts[place][name] for name in names)
    with nullcontext(cursor) if cursor else connection.cursor() as line:
        line.execute(  # names come from our models, values travel apart
            f"INSERT INTO {table} ({columns}) VALUES {', '.join([marks] * len(counts))} "  # noqa: S608  # nosec B608
            f"ON CONFLICT ({', '.join(map(quote, key))}) DO UPDATE SET {sums}",
            values,
        )
