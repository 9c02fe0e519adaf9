"""
The end of a row, in the book, in the statistics and in what its user has used: all or nothing, and once.

    accepted ──► its outcome                    counted
        └──► interrupted ──► its outcome        taken back, and counted as what it was
"""

from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.limits import usage
from accounts.limits.usage import Used
from prompts.journal import Charge, Outcome, Result
from prompts.models import Prompt
from prompts.statistics.tallies import COUNTED, Tallies, count


def settle(finals: Iterable[tuple[UUID, Result]]) -> None:
    """Writes how rows ended and counts them, in the caller's transaction.

    A row that was taken for interrupted is put right; one that has its outcome keeps it, and one that is not
    there stays so.
    """
    results: dict[UUID, Result] = {}
    for id, result in finals:
        results.setdefault(id, result)
    tallies, charges = Tallies(), []
    changes: list[tuple[UUID, dict[str, Any]]] = []
    for row in _locked(results):
        if (charge := results[row.id].charge) is not None:
            charges.append(charge)
        if row.is_tallied:
            tallies.add(row, times=-1)
        changed = _changes(row, results[row.id])
        changes.append((row.id, changed))
        for name, value in changed.items():
            setattr(row, name, value)
        tallies.add(row)
    _update(changes)
    tallies.write()
    usage.add(spent(charges))


def spent(charges: Iterable[Charge]) -> dict[UUID, Used]:
    """What these cost together, each user and each key."""
    used: dict[UUID, Used] = {}
    for charge in charges:
        for subject in charge.subjects:
            before = used.get(subject, Used())
            used[subject] = Used(before.requests + 1, before.tokens + charge.tokens)
    return used


# Two statements by hand, because the ORM takes longer to write them than the database to follow them, and
# they come with every prompt. Names come from the model, values travel apart.


def _locked(ids: Collection[UUID]) -> list[Prompt]:
    """Those of these rows that have no outcome yet, or only look as if they were interrupted. In an order:
    else two processes could wait for each other's rows."""
    quote, marks = connection.ops.quote_name, ", ".join(["%s"] * len(ids))
    lock = connection.ops.for_update_sql() if connection.features.has_select_for_update else ""
    values = [Prompt._meta.pk.get_db_prep_save(id, connection) for id in ids]
    rows = Prompt.objects.raw(
        f"SELECT {', '.join(map(quote, COUNTED))} FROM {quote(Prompt._meta.db_table)} "  # noqa: S608  # nosec B608
        f"WHERE {quote('id')} IN ({marks}) AND {quote('outcome')} IN (%s, %s) ORDER BY {quote('id')} {lock}",
        [*values, Outcome.ACCEPTED.value, Outcome.INTERRUPTED.value],
    )
    return list(rows)


def _update(changes: Iterable[tuple[UUID, dict[str, Any]]]) -> None:
    """`update()` of rows, each with changes of its own; those of the same columns are one statement, whose
    values psycopg sends without waiting for each row."""
    quote, meta = connection.ops.quote_name, Prompt._meta
    now, _ = Prompt.objects.all().query.get_compiler(connection=connection).compile(Now())
    together: dict[tuple[str, ...], list[list[Any]]] = {}
    for id, changed in changes:
        values = [
            meta.get_field(name).get_db_prep_save(value, connection)  # type: ignore[union-attr]
            for name, value in (*changed.items(), ("id", id))
        ]
        together.setdefault(tuple(changed), []).append(values)
    with connection.cursor() as cursor:
        for names, rows in together.items():
            sets = [f"{quote(name)} = %s" for name in names]
            cursor.executemany(
                f"UPDATE {quote(meta.db_table)} SET {', '.join(sets)}, {quote('finished_at')} = {now} "  # noqa: S608  # nosec B608
                f"WHERE {quote('id')} = %s",
                rows,
            )


def interrupt(rows: QuerySet[Prompt]) -> int:
    """Marks those of these rows that are in progress as interrupted, in the caller's transaction. How
    many."""
    in_progress = rows.filter(outcome=Outcome.ACCEPTED).select_for_update().order_by("id")
    left = list(in_progress.only(*COUNTED, "findings"))
    Prompt.objects.filter(id__in=[row.id for row in left]).update(
        outcome=Outcome.INTERRUPTED, finished_at=Now(), is_tallied=True
    )
    for row in left:
        row.outcome = Outcome.INTERRUPTED
    count(left)
    return len(left)


def _changes(row: Prompt, result: Result) -> dict[str, Any]:
    """What a result makes of a row. One that was erased while it ran gets its numbers and no text."""
    numbers = {
        "outcome": result.outcome,
        "finish_reason": result.finish_reason,
        **asdict(result.usage),
        "cached": result.cached,
        "queue_ms": result.queue_ms,
        "first_token_ms": result.first_token_ms,
        "total_ms": result.total_ms,
        "is_tallied": True,
        **({"model": result.model} if result.model else {}),
    }
    if row.erased_at is not None:
        return numbers
    return numbers | {
        "response": result.response,
        "choices": [choice.as_dict() for choice in result.choices],
        "findings": list(result.findings),
        "rules": list(result.rules),
    }
