"""
A group's rows on PostgreSQL: one statement for those that begin, one for those that end, and one wait for
both and their commit.

    rows that begin ──► INSERT … SELECT … FROM unnest ────────────┐
    rows that end ────► lock ─► usage of who asked, UPDATE ───────┴─► which ended

psycopg takes longer over a statement than PostgreSQL over a row, so values travel as an array for each
column. Names come from the models, values travel apart. What is not in progress is left to `prompts.finals`,
which looks at it row by row.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import cache
from itertools import starmap
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

from accounts.arrays import array
from accounts.limits import usage
from prompts import statements
from prompts.journal import Charge, Outcome, Result
from prompts.models import Prompt
from prompts.statements import BOOK

NUMBERS = (
    *("outcome", "finish_reason", "prompt_tokens", "completion_tokens", "cached_tokens", "cached"),
    *("queue_ms", "first_token_ms", "total_ms"),
)
# What a row that was erased while it ran does not get.
TEXTS = ("response", "choices", "findings", "rules")
# Of a row that ends; `subjects` and `tokens` are what it is charged with.
ENDING = ("id", "model", *NUMBERS, *TEXTS, "subjects", "tokens")
CHARGED = {"subjects": "text", "tokens": "bigint"}


def write(begun: Sequence[Mapping[str, Any]], ended: Mapping[UUID, Result]) -> set[UUID]:
    """Rows that begin, by their columns, and how others ended, in one transaction: a row that is there
    already stays, for a commit whose answer got lost may be repeated. Returns the ids of those that were not
    in progress and are as they were. Raises what Django raises."""
    with statements.read_only_is_away():
        connection.ensure_connection()
        line: psycopg.Connection[Any] = connection.connection
        _prepare(line)
        # Not Django's cursors, which put values into the statement.
        beginning, ending, is_both = psycopg.Cursor(line), psycopg.Cursor(line), bool(begun and ended)
        with connection.wrap_database_errors, line.pipeline() if is_both else nullcontext():
            if begun:
                statement, others = _beginning(tuple(begun[0]))
                columns = zip(*(row.values() for row in begun), strict=True)
                beginning.execute(statement, [*others, *map(array, columns)])
            if ended:
                arrays = list(map(array, zip(*starmap(_ended, ended.items()), strict=True)))
                ends = [min(ended), max(ended)]
                ending.execute(_ending(), [*arrays, arrays[0], *ends, usage.this_month(), *ends])
    return set(ended).difference(*ending.fetchall()) if ended else set()


def _prepare(line: psycopg.Connection[Any]) -> None:
    """The plans of both statements are made once for a connection, without looking at values, and never
    read a table from end to end: how it was when the connection was new says nothing."""
    if line.prepare_threshold is None:
        line.prepare_threshold = 0
        line.execute("SET plan_cache_mode = force_generic_plan")
        line.execute("SET enable_seqscan = off")


def let_go() -> None:
    """Closes the connection of this thread, as it was before: a pool lends it to others."""
    line = connection.connection
    if isinstance(line, psycopg.Connection) and line.prepare_threshold is not None:
        line.prepare_threshold = None
        with suppress(psycopg.Error):  # broken: no pool keeps it
            line.execute("RESET plan_cache_mode")
            line.execute("RESET enable_seqscan")
    connection.close()


# -- what is said, once --


@cache
def _beginning(names: tuple[str, ...]) -> tuple[str, list[Any]]:
    """Takes the values of all other columns, which are here too, and the arrays of these."""
    others = {name: value for name, value in statements.defaults().items() if name not in names}
    columns, values = ", ".join((*names, *others)), (*names, *(f"%s::{_kinds()[name]}" for name in others))
    statement = (
        f"INSERT INTO {BOOK} ({columns}) SELECT {', '.join(values)} FROM {_given(names)} "  # noqa: S608  # nosec B608
        "ON CONFLICT (id) DO NOTHING"
    )
    return statement, statements.prepared(others)


@cache
def _ending() -> str:
    """Takes the arrays of ENDING and that of the ids once more, the first and the last id, the month, and
    both ids once more: they say which partitions to look into, before a look at any."""
    kept = "CASE WHEN locked.erased_at IS NULL THEN given.{0} ELSE book.{0} END"
    sets = [f"{name} = given.{name}" for name in NUMBERS]
    sets += [f"{name} = {kept.format(name)}" for name in TEXTS]
    used = f"""
        SELECT unnest(subjects::uuid[]) AS subject, tokens FROM given JOIN locked USING (id)
        WHERE locked.outcome = '{Outcome.ACCEPTED}'
    """  # noqa: S608  # nosec B608
    # Rows are locked in an order: else two processes could wait for each other's. They are found by their ids
    # alone: an index of those in progress is full of those that were.
    return f"""
        WITH given AS MATERIALIZED (SELECT * FROM {_given(ENDING)}),
        locked AS MATERIALIZED (
            SELECT id, outcome, erased_at FROM {BOOK} WHERE id = ANY(%s) AND id BETWEEN %s AND %s
            ORDER BY id FOR NO KEY UPDATE
        ),
        used AS ({usage.adding(used)})
        UPDATE {BOOK} AS book SET {", ".join(sets)},
            model = coalesce(nullif(given.model, ''), book.model), finished_at = statement_timestamp()
        FROM given JOIN locked USING (id)
        WHERE book.id = locked.id AND book.id BETWEEN %s AND %s AND locked.outcome = '{Outcome.ACCEPTED}'
        RETURNING book.id
    """  # noqa: S608  # nosec B608


def _given(names: tuple[str, ...]) -> str:
    """Rows from an array for each of these columns."""
    arrays = ", ".join(f"%s::{_kinds()[name]}[]" for name in names)
    return f"unnest({arrays}) AS given({', '.join(names)})"


@cache
def _kinds() -> dict[str, str]:
    """Types of columns, without lengths: a cast to one would cut what is too long, and say nothing."""
    fields = Prompt._meta.concrete_fields
    columns = {field.attname: str(field.db_type(connection)).split("(")[0] for field in fields}
    return columns | CHARGED


# -- values --


def _ended(id: UUID, result: Result) -> tuple[Any, ...]:
    """By ENDING."""
    used, charge = result.usage, result.charge or Charge((), 0)
    return (
        *(id, result.model, result.outcome, result.finish_reason),
        *(used.prompt_tokens, used.completion_tokens, used.cached_tokens, result.cached),
        *(result.queue_ms, result.first_token_ms, result.total_ms, result.response),
        *([choice.as_dict() for choice in result.choices], result.findings, result.rules),
        *(array(charge.subjects), charge.tokens),
    )
