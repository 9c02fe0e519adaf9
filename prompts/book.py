"""
Reading the book, and erasing from it.

Every query here goes by id: time filters become id ranges, paging is by position (keyset), nothing counts.
"""

import re
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from prompts import posting
from prompts.ids import floor
from prompts.models import Prompt

QUOTED = re.compile(
    r"(?:[a-z]{2,12}-)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})", re.IGNORECASE
)
MOST_NAMED = 1_000  # a caller may give one id to many requests


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
    first_token_slower_than_ms: float | None = None,
    first_token_faster_than_ms: float | None = None,
    action: str | None = None,
    direction: str | None = None,
    request_id: UUID | None = None,
    erased: bool | None = None,
) -> QuerySet[Prompt]:
    """The rows that match all that is given; `since` is inclusive, `until` is not. `action` and `direction`
    are of a finding of `rule`."""
    found = {"rule": rule, "action": action, "direction": direction}
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
        "first_token_ms__gte": first_token_slower_than_ms,
        "first_token_ms__lte": first_token_faster_than_ms,
        "findings__some": {name: value for name, value in found.items() if value}
        if action or direction
        else None,
        "request_id": str(request_id) if request_id is not None else None,
        "erased_at__isnull": not erased if erased is not None else None,
    }
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def named(quoted: str) -> list[UUID]:
    """The ids of the rows that a caller means who quotes the id of a request (`X-Request-ID`, `requestId` of
    an error) or of an answer (`chatcmpl-…` too), newest first. Two queries, each by an index."""
    if (found := QUOTED.fullmatch(quoted.strip())) is None:
        return []
    id = UUID(found[1])
    rows = Prompt.objects.order_by("-id").values_list("id", flat=True)
    return list(rows.filter(id=id)) or list(rows.filter(request_id=str(id))[:MOST_NAMED])


def erase(row: Prompt) -> None:
    """Empties text and findings and keeps the row: the book still tells that something was asked, when,
    and what became of it. A row in progress stays erased when it ends."""
    posting.post()  # what was found is counted, and stays counted
    Prompt.objects.filter(id=row.id, erased_at=None).update(
        prompt="", system="", parts=[], response="", choices=[], findings=[], rules=[], erased_at=Now()
    )
