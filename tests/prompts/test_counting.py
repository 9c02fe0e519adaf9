"""PostgreSQL counts rows by itself as `tallies` does, row by row."""

from datetime import UTC, datetime, timedelta, timezone
from random import Random
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from prompts import posting
from prompts.journal import Outcome
from prompts.models import HourlyFindings, HourlyTally, Prompt
from prompts.statistics import counting
from prompts.statistics.latency import BOUNDS_MS
from prompts.statistics.tallies import FINDINGS_COUNTS, FINDINGS_KEY, TALLY_COUNTS, TALLY_KEY, Tallies

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

WHO = (None, UUID(int=7), UUID(int=1 << 127))
FINDINGS = (
    {"rule": "email", "direction": "prompt", "action": "mask"},
    {"rule": "email", "direction": "answer", "action": "mask", "start": 3},
    {"rule": "IBAN", "direction": "answer", "action": "flag"},
    {"rule": "ä rule", "direction": "prompt"},  # as an old one may be
)
TIMES = (None, 0.0, 0.5, *BOUNDS_MS, *(bound + 0.001 for bound in BOUNDS_MS), 1e9)
OUTCOMES = [one for one in Outcome if one is not Outcome.ACCEPTED]
NIGHT = datetime(2026, 3, 1, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def some(number):
    """Rows of every kind, the same for the same number."""
    chance = Random(number)
    for _ in range(120):
        yield {
            "created_at": NIGHT + timedelta(microseconds=chance.choice((0, 1, 3_600_000_000))),
            "user_id": chance.choice(WHO),
            "key_id": chance.choice(WHO),
            "model": chance.choice(("parrot", "Parrot", "ä")),
            "outcome": chance.choice(OUTCOMES),
            "cached": chance.random() < 0.2,
            "prompt_tokens": chance.randrange(1_000),
            "completion_tokens": chance.randrange(1_000),
            "cached_tokens": chance.randrange(1_000),
            "total_ms": chance.choice(TIMES) or 0.0,
            "first_token_ms": chance.choice(TIMES),
            "findings": chance.choices(FINDINGS, k=chance.randrange(5)),
            "erased_at": NIGHT if chance.random() < 0.1 else None,
        }


def written(fields):
    common = {"policy": "default@1", "request_id": "r", "instance_id": uuid4()}
    return Prompt.objects.create(**common | fields)


def counted():
    """All tallies, by their keys."""
    return [
        {
            tuple(getattr(one, name) for name in key): tuple(
                getattr(one, name) for name in (*names, "is_summed")
            )
            for one in model.objects.all()
        }
        for model, key, names in (
            (HourlyTally, TALLY_KEY, TALLY_COUNTS),
            (HourlyFindings, FINDINGS_KEY, FINDINGS_COUNTS),
        )
    ]


@pytest.mark.parametrize("number", range(5))
def test_it_counts_what_python_counts_also_onto_what_is_there(number):
    rows = [written(fields) for fields in some(number)]
    before, behind = rows[:40], rows[40:]
    tallies = Tallies()
    for row in Prompt.objects.filter(id__in=[row.id for row in rows]):
        tallies.add(row)
    tallies.write()
    expected = counted()
    assert len(expected[0]) > 20
    assert len(expected[1]) > 10
    HourlyTally.objects.all().delete()
    HourlyFindings.objects.all().delete()
    for some_of_them in (before, behind):
        with transaction.atomic():
            counting.count([row.id for row in some_of_them])
        HourlyTally.objects.filter(user_id=UUID(int=7)).update(is_summed=True)
        HourlyFindings.objects.filter(user_id=UUID(int=7)).update(is_summed=True)
    with transaction.atomic():
        counting.count([])
    found = counted()
    marked = [{key: value[:-1] for key, value in each.items()} for each in found]
    assert marked == [{key: value[:-1] for key, value in each.items()} for each in expected]


def test_what_changes_is_no_longer_in_its_sums():
    written({**next(some(1)), "findings": [FINDINGS[0]], "erased_at": None})
    posting.post()
    for model in (HourlyTally, HourlyFindings):
        assert model.objects.update(is_summed=True) == 1
    written({**next(some(1)), "findings": [FINDINGS[0]], "erased_at": None})
    posting.post()
    for model in (HourlyTally, HourlyFindings):
        assert [(one.prompts, one.is_summed) for one in model.objects.all()] == [(2, False)]


def test_the_hour_is_utcs_whatever_the_sessions_zone_is():
    written({**next(some(1)), "created_at": NIGHT})
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL TIME ZONE 'Asia/Kolkata'")
        assert posting.step() == 1
    assert HourlyTally.objects.get().hour == datetime(2026, 3, 1, 18, tzinfo=UTC)


def test_a_row_that_was_counted_before_becomes_searchable_and_is_not_counted_again():
    row = written({**next(some(1)), "is_tallied": True})
    assert posting.step() == 1
    row.refresh_from_db()
    assert row.is_searchable
    assert not HourlyTally.objects.exists()
