"""What the book has about a user: his prompts, and what was counted of them. Rows and counts stay, without
texts, findings and user. And the answers that are kept for him for a while: the book has the same."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Coalesce, Now

from accounts.person import Part
from prompts import book, posting
from prompts.caching import purging
from prompts.caching.stores import StoreAway
from prompts.composition import answers_store
from prompts.errors import AnswersUnavailable
from prompts.models import HourlyFindings, HourlyTally, Prompt
from prompts.statistics import tallies

BATCH = 1_000
FIELDS = (
    *("id", "created_at", "finished_at", "outcome", "model", "policy", "prompt", "system", "parts"),
    *(
        "response",
        "choices",
        "key_id",
        "findings",
        "finish_reason",
        "prompt_tokens",
        "completion_tokens",
        "cached",
        "request_id",
        "erased_at",
    ),
)


def export(user_id: UUID) -> Iterator[dict[str, Any]]:
    """All of it, as stored: sanitized."""
    yield from book.of_user(user_id).values(*FIELDS).iterator(chunk_size=BATCH)


def count(user_id: UUID) -> int:
    return book.of_user(user_id).count()


def erase(user_id: UUID) -> int:
    """In batches, so that the journal's own writes get between them."""
    posting.post()  # what was found is counted, and stays counted
    done = 0
    while ids := list(Prompt.objects.filter(user_id=user_id).values_list("id", flat=True)[:BATCH]):
        rows = Prompt.objects.filter(Q(id__in=ids))
        rows.update(
            prompt="",
            system="",
            parts=[],
            response="",
            choices=[],
            findings=[],
            rules=[],
            erased_at=Coalesce("erased_at", Now()),
            user=None,
            key_id=None,
            request_id="",
        )
        done += len(ids)
    return done


PROMPTS = Part("prompts", export, count, erase)


def export_statistics(user_id: UUID) -> Iterator[dict[str, Any]]:
    """What was asked in which hour, by key, model and outcome, and what was found."""
    asked = ("hour", "key_id", "model", "outcome", "prompts", "prompt_tokens", "completion_tokens")
    found = ("hour", "rule", "direction", "action", "prompts", "findings")
    for model, names in ((HourlyTally, asked), (HourlyFindings, found)):
        rows = model._default_manager.filter(user_id=user_id).order_by("hour")
        yield from rows.values(*names).iterator(chunk_size=BATCH)


def count_statistics(user_id: UUID) -> int:
    return sum(
        model._default_manager.filter(user_id=user_id).count() for model in (HourlyTally, HourlyFindings)
    )


STATISTICS = Part("statistics", export_statistics, count_statistics, tallies.forget_user)


def count_answers(user_id: UUID) -> int:
    try:
        return purging.purge(answers_store(), owner=user_id.hex, dry_run=True)
    except StoreAway as error:
        raise AnswersUnavailable from error


def erase_answers(user_id: UUID) -> int:
    """Raises AnswersUnavailable."""
    try:
        return purging.forget(answers_store(), user_id.hex)
    except StoreAway as error:
        raise AnswersUnavailable from error


def export_answers(user_id: UUID) -> Iterator[dict[str, Any]]:
    """None: all of them stand in the book."""
    yield from ()


ANSWERS = Part("answers", export_answers, count_answers, erase_answers)
