"""
A group's rows on PostgreSQL: one statement for those that begin, one for those that end, and one wait for
both and their commit.

    rows that begin ──► INSERT … SELECT … FROM unnest ─────────────┐
    rows that end ────► UPDATE … FROM unnest ─► usage of who asked ┴─► which ended

`write` is how the writer's thread does it; `prompts.wire` sends the same statements without waiting. psycopg
takes longer over a statement than PostgreSQL over a row, so values travel as an array for each column. Names
come from the models, values travel apart. What is not in progress is left to `prompts.finals`, which looks at
it row by row.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import cache
from operator import attrgetter
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

from accounts.arrays import array, text
from accounts.limits import usage
from prompts import statements
from prompts.journal import Charge, Outcome, Result
from prompts.models import Prompt
from prompts.packing import Packed, PackedDumper, pack
from prompts.statements import BOOK

NUMBERS = (
    *("outcome", "finish_reason", "prompt_tokens", "completion_tokens", "cached_tokens", "cached"),
    *("queue_ms", "first_token_ms", "total_ms"),
)
# What a row that was erased while it ran does not get.
TEXTS = ("response", "choices", "findings", "rules")
# Of a row that ends; `subjects` and `tokens` are what it is charged with.
ENDING = ("id", "model", *NUMBERS, *TEXTS, "subjects", "tokens")
# Each row is looked up by its id, however few or many there were when the plan was made.
UNWANTED = ("seqscan", "hashjoin", "mergejoin")
CHARGED = {"subjects": "text", "tokens": "bigint"}


def write(begun: Sequence[Mapping[str, Any]], ended: Mapping[UUID, Result]) -> set[UUID]:
    """Rows that begin, by their columns, and how others ended, in one transaction: a row that is there
    already stays, for a commit whose answer got lost may be repeated. Returns the ids of those that were not
    in progress and are as they were. Raises what Django raises."""
    with statements.read_only_is_away():
        connection.ensure_connection()
        line: psycopg.Connection[Any] = connection.connection
        if line.prepare_threshold is None:
            set_up(line)
        # Not Django's cursors, which put values into the statement.
        inserting, updating, is_both = psycopg.Cursor(line), psycopg.Cursor(line), bool(begun and ended)
        with connection.wrap_database_errors, line.pipeline() if is_both else nullcontext():
            if begun:
                names = tuple(begun[0])
                rows = [tuple(row.values()) for row in begun]
                inserting.execute(beginning(names), begun_values(names, rows))
            if ended:
                updating.execute(ending(), ended_values(ended))
    return set(ended).difference(*updating.fetchall()) if ended else set()


def set_up(line: psycopg.Connection[Any]) -> None:
    """The plans of both statements are made once for a connection, without looking at values, and never
    read a table from end to end: how it was when the connection was new says nothing. Long rows are packed
    by lz4, where the server has it: pglz takes a seventh of all that PostgreSQL does for a row."""
    line.prepare_threshold = 0
    line.adapters.register_dumper(Packed, PackedDumper)
    line.execute("SET plan_cache_mode = force_generic_plan")
    for way in UNWANTED:
        line.execute(f"SET enable_{way} = off")
    with suppress(psycopg.Error):  # PostgreSQL 13, or one that was built without
        line.execute("SET default_toast_compression = lz4")


def let_go() -> None:
    """Closes the connection of this thread, as it was before: a pool lends it to others."""
    line = connection.connection
    if isinstance(line, psycopg.Connection) and line.prepare_threshold is not None:
        line.prepare_threshold = None
        with suppress(psycopg.Error):  # broken: no pool keeps it
            line.execute("RESET plan_cache_mode")
            for way in UNWANTED:
                line.execute(f"RESET enable_{way}")
            line.execute("RESET default_toast_compression")
    connection.close()


# -- what is said, once --


@cache
def beginning(names: tuple[str, ...], table: str = BOOK) -> str:
    """Takes `begun_values` of rows with these columns. `table` may be a partition of the book: then only rows
    that belong into it, and none if it has ceased to be one."""
    others = [name for name in statements.defaults() if name not in names]
    columns, values = ", ".join((*names, *others)), (*names, *(f"%s::{_kinds()[name]}" for name in others))
    return (
        f"INSERT INTO {table} ({columns}) SELECT {', '.join(values)} FROM {_given(names)} "  # noqa: S608  # nosec B608
        f"{_if_of_the_book(table)} ON CONFLICT (id) DO NOTHING"
    )


@cache
def ending(table: str = BOOK) -> str:
    """Takes `ended_values`, and returns the ids of the rows that were in progress. `table` may be a partition
    of the book, if all of them are in it."""
    kept = "CASE WHEN book.erased_at IS NULL THEN given.{0} ELSE book.{0} END"
    sets = [f"{name} = given.{name}" for name in NUMBERS]
    sets += [f"{name} = {kept.format(name)}" for name in TEXTS]
    # The first and the last id say which partitions of the book to look into, before a look at any. In one
    # partition they would only mislead the planner.
    here = "AND book.id BETWEEN %s AND %s" if table == BOOK else ""
    # Whoever waits for a row that another process ends meanwhile looks at its outcome again. Rows are found
    # by their ids alone (`||`): an index of those in progress is full of those that were.
    return f"""
        WITH ended AS (
            UPDATE {table} AS book SET {", ".join(sets)},
                model = coalesce(nullif(given.model, ''), book.model), finished_at = statement_timestamp()
            FROM {_given(ENDING)}
            WHERE book.id = given.id {here} AND book.outcome || '' = '{Outcome.ACCEPTED}'
            RETURNING book.id, given.subjects, given.tokens
        ),
        used AS ({usage.adding("SELECT unnest(subjects::uuid[]) AS subject, tokens FROM ended")})
        SELECT id FROM ended
    """  # noqa: S608  # nosec B608


def _if_of_the_book(table: str) -> str:
    """A partition may be detached while a statement that names it is prepared."""
    if table == BOOK:
        return ""
    return (
        f"WHERE EXISTS (SELECT FROM pg_inherits WHERE inhrelid = '{table}'::regclass "  # nosec B608
        f"AND inhparent = '{BOOK}'::regclass)"
    )


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


def begun_values(names: tuple[str, ...], begun: Sequence[Sequence[Any]]) -> list[str | Packed | None]:
    """Of `beginning`: those of all other columns, and the arrays of these. Raises UnpackableError."""
    return [*_others(names), *_packed(names, begun)]


def ended_values(ended: Mapping[UUID, Result], *, is_of_the_book: bool = True) -> list[str | Packed | None]:
    """Of `ending`: the arrays of ENDING, in the order of the ids, the first and the last id if it is of the
    whole book, and the month. Raises UnpackableError."""
    # In one order, as everywhere: else two processes could wait for each other's rows.
    arrays = _packed(ENDING, [_ended(id, ended[id]) for id in sorted(ended, key=_number)])
    ends = [str(id) for id in ends_of(ended)] if is_of_the_book else []
    return [*arrays, *ends, usage.this_month().isoformat()]


def ends_of(ids: Collection[UUID]) -> tuple[UUID, UUID]:
    """The first and the last of them. UUIDs are slow to compare, and their numbers are not."""
    return min(ids, key=_number), max(ids, key=_number)


_number = attrgetter("int")


def _packed(names: tuple[str, ...], rows: Iterable[Sequence[Any]]) -> Iterator[Packed]:
    """An array for each of these columns."""
    kinds = _kinds()
    return (pack(kinds[name], column) for name, column in zip(names, zip(*rows, strict=True), strict=True))


@cache
def _others(names: tuple[str, ...]) -> list[str | None]:
    return [text(value) for name, value in statements.defaults().items() if name not in names]


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
