"""
The end of a row, in the book and in the statistics: both or neither, and once.

    accepted ──► its outcome                    counted
        └──► interrupted ──► its outcome        taken back, and counted as what it was
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from prompts.journal import Outcome, Result
from prompts.models import Prompt
from prompts.statistics.tallies import COUNTED, Tallies


def settle(finals: Iterable[tuple[UUID, Result]]) -> None:
    """Writes how rows ended and counts them, in the caller's transaction.

    A row that was taken for interrupted is put right; one that has its outcome keeps it, and one that is not
    there stays so.
    """
    results: dict[UUID, Result] = {}
    for id, result in finals:
        results.setdefault(id, result)
    # Without an order, two processes could wait for each other's rows.
    open_rows = Prompt.objects.filter(id__in=results, outcome__in=(Outcome.ACCEPTED, Outcome.INTERRUPTED))
    tallies = Tallies()
    for row in open_rows.select_for_update().order_by("id").only(*COUNTED):
        if row.is_tallied:
            tallies.add(row, times=-1)
        changed = _changes(row, results[row.id])
        _update(row.id, changed)
        for name, value in changed.items():
            setattr(row, name, value)
        tallies.add(row)
    tallies.write()


def _update(id: UUID, changed: dict[str, Any]) -> None:
    """`update()` of one row. By hand, because the ORM takes longer to write this statement than the database
    to follow it, and there is one for every prompt."""
    quote, meta = connection.ops.quote_name, Prompt._meta
    sets = [f"{quote(name)} = %s" for name in changed]
    now, _ = Prompt.objects.all().query.get_compiler(connection=connection).compile(Now())
    values = [
        meta.get_field(name).get_db_prep_save(value, connection)  # type: ignore[union-attr]
        for name, value in (*changed.items(), ("id", id))
    ]
    with connection.cursor() as cursor:
        cursor.execute(  # names come from the model, values travel apart
            f"UPDATE {quote(meta.db_table)} SET {', '.join(sets)}, {quote('finished_at')} = {now} "  # noqa: S608  # nosec B608
            f"WHERE {quote('id')} = %s",
            values,
        )


def interrupt(rows: QuerySet[Prompt]) -> int:
    """Marks those of these rows that are in progress as interrupted, in the caller's transaction. How
    many."""
    in_progress = rows.filter(outcome=Outcome.ACCEPTED).select_for_update().order_by("id")
    left = list(in_progress.only(*COUNTED, "findings"))
    Prompt.objects.filter(id__in=[row.id for row in left]).update(
        outcome=Outcome.INTERRUPTED, finished_at=Now(), is_tallied=True
    )
    tallies = Tallies()
    for row in left:
        row.outcome = Outcome.INTERRUPTED
        tallies.add(row)
    tallies.write()
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
