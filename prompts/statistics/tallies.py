"""
Statistics that nobody has to scan the book for: what ended is added to its hour.

    rows that ended (`posting`, `finals`) ─┐
    interrupted rows ──────────────────────┼─► Tallies.add ─► Tallies.write: one statement a table
    rows of before ────────────────────────┘

A row is counted once, whatever crashes: `Prompt.is_tallied` changes with it and with the counts, or nothing
does. A row that was taken for interrupted and is finished later is taken back and counted anew. So the caller
holds the rows' locks, and `write` comes last in his transaction; counts are locked in one order everywhere.
Days that ended are summed up behind the prompts, and whatever changes is summed anew: `statistics.summing`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models, transaction

from accounts import counters
from prompts.journal import Outcome
from prompts.models import (
    NOBODY,
    HourlyFindings,
    HourlyTally,
    Prompt,
    SummedAsker,
    SummedFindings,
    SummedTally,
)
from prompts.statistics.latency import place

Key = tuple[Any, ...]
MARK = "is_summed"  # taken off whatever changes
TALLY_KEY = ("hour", "user_id", "key_id", "model", "outcome")
FINDINGS_KEY = ("hour", "user_id", "rule", "direction", "action")
TALLY_COUNTS = tuple(
    field.attname
    for field in HourlyTally._meta.concrete_fields
    if not field.primary_key and field.attname not in (*TALLY_KEY, MARK)
)
FINDINGS_COUNTS = ("prompts", "findings")
BATCH = 500
# What is read of a row to count it; the findings only where they are asked for.
COUNTED = (
    *("id", "created_at", "user_id", "key_id", "model", "outcome", "is_tallied", "erased_at"),
    *("cached", "prompt_tokens", "completion_tokens", "cached_tokens", "first_token_ms", "total_ms"),
)


class Tallies:
    """Counts that are to be added. Not for several threads."""

    def __init__(self) -> None:
        self._prompts: defaultdict[Key, Counter[str]] = defaultdict(Counter)
        self._findings: defaultdict[Key, Counter[str]] = defaultdict(Counter)

    def add(self, row: Prompt, *, times: int = 1) -> None:
        """Counts a row as it stands now; -1 takes it back. Findings of one that is erased are nobody's."""
        hour, user_id = hour_of(row.created_at), row.user_id or NOBODY
        counts = self._prompts[hour, user_id, row.key_id or NOBODY, row.model, str(row.outcome)]
        counts["prompts"] += times
        counts["cached"] += times * row.cached
        counts["prompt_tokens"] += times * row.prompt_tokens
        counts["completion_tokens"] += times * row.completion_tokens
        counts["cached_tokens"] += times * row.cached_tokens
        if not row.cached:
            for kind, milliseconds in (("total", row.total_ms), ("first", row.first_token_ms)):
                if milliseconds is not None:
                    counts[f"{kind}_{place(milliseconds)}"] += times
        if row.erased_at is not None:
            return
        found = Counter(tuple(one.get(name, "") for name in FINDINGS_KEY[2:]) for one in row.findings)
        for what, count in found.items():
            self._findings[hour, user_id, *what].update(prompts=times, findings=times * count)

    def write(self, cursor: Any = None) -> None:
        """Adds everything to what is there, in the caller's transaction, with his cursor if he has one."""
        _add(HourlyTally, TALLY_KEY, self._prompts, cursor=cursor)
        _add(HourlyFindings, FINDINGS_KEY, self._findings, cursor=cursor)


def hour_of(instant: datetime) -> datetime:
    """The hour that an instant is counted in."""
    return instant.replace(minute=0, second=0, microsecond=0)


def count(rows: Iterable[Prompt]) -> None:
    """Counts rows that have ended and whose locks the caller holds."""
    tallies = Tallies()
    for row in rows:
        tallies.add(row)
    tallies.write()


def fill(after: UUID) -> tuple[int, UUID | None]:
    """Counts what ended before there were statistics: the next `BATCH` rows behind an id. How many, and the
    last of them; None behind the last row. Safe to run several times, and several at once."""
    with transaction.atomic():
        behind = Prompt.objects.filter(id__gt=after).order_by("id")
        last = behind.values_list("id", flat=True)[BATCH - 1 : BATCH].first()
        uncounted = behind.filter(is_tallied=False).exclude(outcome=Outcome.ACCEPTED)
        if last is not None:
            uncounted = uncounted.filter(id__lte=last)
        rows = list(uncounted.select_for_update().only(*COUNTED, "findings"))
        Prompt.objects.filter(id__in=[row.id for row in rows]).update(is_tallied=True)
        count(rows)
    return len(rows), last


def forget_user(user_id: UUID) -> int:
    """What a user asked becomes what somebody asked. How many rows were touched."""
    done = 0
    for model, key, names in (
        (HourlyTally, TALLY_KEY, TALLY_COUNTS),
        (HourlyFindings, FINDINGS_KEY, FINDINGS_COUNTS),
    ):
        while True:
            with transaction.atomic():
                rows = model._default_manager.select_for_update().filter(user_id=user_id)
                batch = list(rows.order_by("id")[:BATCH])
                counts: defaultdict[Key, Counter[str]] = defaultdict(Counter)
                for row in batch:
                    nobodys = {"user_id": NOBODY, "key_id": NOBODY}
                    place_of = tuple(nobodys.get(name, getattr(row, name)) for name in key)
                    counts[place_of].update({name: getattr(row, name) for name in names})
                model._default_manager.filter(id__in=[row.pk for row in batch]).delete()
                _add(model, key, counts, names)
            done += len(batch)
            if len(batch) < BATCH:
                break
    # His days are no longer in their sums, and will be summed up anew.
    for sums in (SummedTally, SummedFindings, SummedAsker):
        sums._default_manager.filter(user_id=user_id).delete()
    return done


def _add(
    model: type[models.Model],
    key: tuple[str, ...],
    counts: dict[Key, Counter[str]],
    names: Sequence[str] = (),
    cursor: Any = None,
) -> None:
    """One statement, of the columns that change, or of these."""
    names = names or sorted({name for one in counts.values() for name, number in one.items() if number})
    if names:
        counters.add(model, key, names=names, counts=counts, takes_off=MARK, cursor=cursor)
