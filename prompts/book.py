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
    user: UUID | None = None,
    key: UUID | None = None,
    model: str | None = None,
    cached: bool | None = None,
    slower_than_ms: float | None = None,
    faster_than_ms: float | None = None,
) -> QuerySet[Prompt]:
    """The rows that match all that is given; `since` is inclusive, `until` is not."""
    wanted = {
        "id__gte": floor(since) if since is not None else None,
        "id__lt": floor(until) if until is not None else None,
        "outcome": outcome,
        "rules__has": rule,
        "user_id": user,
        "key_id": key,
        "model": model,
        "cached": cached,
        "total_ms__gte": slower_than_ms,
        "total_ms__lte": faster_than_ms,
    }
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def erase(row: Prompt) -> None:
    """Empties text and findings and keeps the row: the book still tells that something was asked, when,
    and what became of it. A row in progress stays erased when it ends."""
    Prompt.objects.filter(id=row.id, erased_at=None).update(
        prompt="", system="", parts=[], response="", choices=[], findings=[], rules=[], erased_at=Now()
    )
