"""
Reading the book, and erasing from it.

Every query here goes by id: time filters become id ranges, paging is by position (keyset), nothing counts.
"""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from prompts.ids import floor
from prompts.models import Prompt


def of_user(user_id: UUID) -> QuerySet[Prompt]:
    """The user's own rows, newest first."""
    return Prompt.objects.filter(user_id=user_id).order_by("-id")


def narrow(
    rows: QuerySet[Prompt],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    outcome: str | None = None,
    rule: str | None = None,
) -> QuerySet[Prompt]:
    """The rows that match all that is given; `since` is inclusive, `until` is not."""
    if since is not None:
        rows = rows.filter(id__gte=floor(since))
    if until is not None:
        rows = rows.filter(id__lt=floor(until))
    if outcome is not None:
        rows = rows.filter(outcome=outcome)
    if rule is not None:
        rows = rows.filter(rules__has=rule)
    return rows


def erase(row: Prompt) -> None:
    """Empties text and findings and keeps the row: the book still tells that something was asked, when,
    and what became of it. A row in progress stays erased when it ends."""
    Prompt.objects.filter(id=row.id, erased_at=None).update(
        prompt="", system="", parts=[], response="", choices=[], findings=[], rules=[], erased_at=Now()
    )
