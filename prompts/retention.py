"""
How long the book keeps prompts: whole rows, by how they ended, and before that their texts. Nothing goes
unless a setting says so, and then `manage.py purge` takes it, or `manage.py journal_maintenance`, which on
PostgreSQL takes whole months at once.

Statistics stay: a prompt that has ended is counted once, before its row goes (`prompts.posting`).
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts.retention import Kind
from prompts import posting
from prompts.ids import floor
from prompts.journal import Outcome
from prompts.models import Prompt

ENDED = tuple(outcome for outcome in Outcome if outcome is not Outcome.ACCEPTED)


def _older(days: int) -> Q:
    """Ids tell time, so the primary key finds them."""
    return Q(id__lt=floor(timezone.now() - timedelta(days=days)))


def kept_days() -> dict[str, int]:
    """How many days the rows of each outcome are kept; 0 is for ever."""
    return {
        outcome.value: settings.RETAIN_OUTCOMES_DAYS.get(outcome.value, settings.RETAIN_PROMPTS_DAYS)
        for outcome in ENDED
    }


def longest_days() -> int:
    """After how many days no row is kept, however it ended; 0 where some are for ever."""
    days = kept_days().values()
    return max(days) if all(days) else 0


def _prompts() -> QuerySet[Prompt]:
    """RETAIN_OUTCOMES_DAYS says it for some outcomes, RETAIN_PROMPTS_DAYS for all others."""
    due = Q(pk__in=[])
    for outcome, days in kept_days().items():
        if days:
            due |= Q(outcome=outcome) & _older(days)
    return Prompt.objects.filter(due)


def _texts() -> QuerySet[Prompt]:
    if not settings.RETAIN_TEXTS_DAYS:
        return Prompt.objects.none()
    return Prompt.objects.filter(_older(settings.RETAIN_TEXTS_DAYS), outcome__in=ENDED, erased_at=None)


def _forget_texts(rows: QuerySet[Prompt]) -> Any:
    """What was found, where and how often, stays: positions tell no text."""
    return rows.update(prompt="", system="", parts=[], response="", choices=[], erased_at=Now())


KINDS = [Kind("prompts", _prompts, prepare=posting.post), Kind("texts of prompts", _texts, _forget_texts)]
