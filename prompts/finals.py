"""
The end of a row, in the book and in what its user has used, and its place in the statistics: all or nothing,
and once.

    accepted ──► its outcome                    counted; on PostgreSQL behind it, by `prompts.posting`
        └──► interrupted ──► its outcome        taken back, and counted as what it was
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.limits import usage
from accounts.limits.usage import Used
from prompts import grouped, statements
from prompts.journal import Charge, Outcome, Result
from prompts.models import Prompt
from prompts.statements import Cursor
from prompts.statistics.tallies import COUNTED, Tallies, count


def settle(cursor: Cursor, results: Mapping[UUID, Result]) -> None:
    """Writes how rows ended and counts them, in the caller's transaction (`statements.together`).

    A row that was taken for interrupted is put right; one that has its outcome keeps it, and one that is not
    there stays so.
    """
    if not results:
        return
    tallies, charges = Tallies(), []
    for row in statements.locked(cursor, results, COUNTED):
        if (charge := results[row.id].charge) is not None:
            charges.append(charge)
        if row.is_tallied:
            tallies.add(row, times=-1)
        changed = _changes(row, results[row.id])
        statements.update(cursor, row.id, changed)
        for name, value in changed.items():
            setattr(row, name, value)
        tallies.add(row)
    tallies.write(cursor)
    usage.add(spent(charges), cursor)


def write(finals: Iterable[tuple[UUID, Result]], *, begun: Sequence[Mapping[str, Any]] = ()) -> None:
    """Rows that begin, by their columns, and how others ended. Raises what the database raises; then it is
    safe to write all of it again."""
    results: dict[UUID, Result] = {}
    for id, result in finals:
        results.setdefault(id, result)  # what came first
    if connection.vendor == "postgresql":
        others = grouped.write(begun, results)
        begun, results = (), {id: results[id] for id in others}
    if begun or results:
        with statements.together() as cursor:
            for fields in begun:
                statements.insert(cursor, fields)
            settle(cursor, results)


def spent(charges: Iterable[Charge]) -> dict[UUID, Used]:
    """What these cost together, each user and each key."""
    used: dict[UUID, Used] = {}
    for charge in charges:
        for subject in charge.subjects:
            before = used.get(subject, Used())
            used[subject] = Used(before.requests + 1, before.tokens + charge.tokens)
    return used


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
