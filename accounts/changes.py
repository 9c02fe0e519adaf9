"""
What has changed about who may come in: a numbered list that every process follows.

    ending a session, revoking a key, deactivating a user ──► record(id): the next number, in the transaction
    accounts.book, in each process ──► since(number): what it has to forget

A number is given under the lock of the head's row, which is held until the transaction ends. So numbers
become visible in their order and without gaps, and one query by number finds whatever is new. Only the newest
`KEPT` are kept: a process that has missed more than those forgets everything it knew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts.models import AccessChange, AccessHead

KEPT = 1_000
# Stands for all of them: the limits of a role, which are known with each caller.
EVERYBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class News:
    """What happened after a number. `subjects` None: too much was missed, forget everything."""

    number: int
    subjects: tuple[UUID, ...] | None


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest changes: those after `floor`, up to and with `number`."""

    number: int
    floor: int
    subjects: tuple[UUID, ...]


def record(subjects: Iterable[UUID]) -> None:
    """These sessions, keys or users are no longer what they were. Part of the caller's transaction."""
    from accounts.book import book  # which imports this module

    changed = list(dict.fromkeys(subjects))
    if not changed:
        return
    with transaction.atomic():
        if not AccessHead.objects.filter(id=1).update(number=F("number") + len(changed)):
            AccessHead.objects.get_or_create(id=1)
            AccessHead.objects.filter(id=1).update(number=F("number") + len(changed))
        last = AccessHead.objects.values_list("number", flat=True).get(id=1)
        first = last - len(changed) + 1
        AccessChange.objects.bulk_create(
            AccessChange(number=first + n, subject=subject) for n, subject in enumerate(changed)
        )
        AccessChange.objects.filter(number__lte=last - KEPT).delete()  # as many as were added
    # This process at once: what runs in this transaction sees it, what runs beside it after the commit.
    book.expire(changed)
    transaction.on_commit(lambda: book.announce(changed))


def since(number: int) -> News:
    """What happened after `number`. One query."""
    rows = list(AccessChange.objects.filter(number__gte=number).order_by("number")[: KEPT + 1])
    if not rows:  # nothing was ever recorded, or the table was emptied
        return News(number=0, subjects=() if number == 0 else None)
    last = rows[-1].number
    if rows[0].number > number + 1 or len(rows) > KEPT:
        return News(number=last, subjects=None)
    return News(number=last, subjects=tuple(row.subject for row in rows if row.number > number))


def newest(most: int = 200) -> Newest:
    """The newest changes, for the copy in Redis. One query."""
    rows = list(AccessChange.objects.order_by("-number")[:most])[::-1]
    if not rows:
        return Newest(number=0, floor=0, subjects=())
    return Newest(rows[-1].number, rows[0].number - 1, tuple(row.subject for row in rows))
