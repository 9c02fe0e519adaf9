"""Statistics, read: whose they are, over which time, and without touching the book."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import keys, services, sessions
from prompts.models import NOBODY, HourlyFindings, HourlyTally
from prompts.statistics.reading import LONGEST, Span, Step, read
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def tally(at=MIDNIGHT, user=NOBODY, outcome="answered", **counts):
    return HourlyTally.objects.create(
        **{"hour": at, "user_id": user, "model": "parrot", "outcome": outcome, "prompts": 1} | counts
    )


def asked(who, **query):
    token = sessions.open_session(who).access
    return Client().get("/api/statistics", query, headers={"Authorization": f"Bearer {token}"})


def with_role(name):
    user = make_user(f"{name}@example.org")
    services.set_roles(user, ["user", name])
    return user


def this_hour():
    return timezone.now().replace(minute=0, second=0, microsecond=0)


def test_a_user_sees_what_is_his_own_and_nobody_elses(asking):
    alice, bob = asking
    found = asked(alice).json()
    assert found["counts"]["prompts"] == 1
    assert found["users"] == [{"userId": str(alice.pk), "prompts": 1}]
    assert asked(alice, user=alice.pk).json() == found | {"since": found["since"]}
    assert asked(alice, user=bob.pk).status_code == 404


@pytest.mark.parametrize("role", ["reviewer", "admin"])
def test_those_whose_work_it_is_see_everybodys_or_one_users(asking, role):
    _, bob = asking
    office = with_role(role)
    assert asked(office).json()["counts"]["prompts"] == 3
    assert [one["prompts"] for one in asked(office).json()["users"]] == [2, 1]
    assert asked(office, user=bob.pk).json()["counts"] == {
        "prompts": 2,
        "outcomes": {"answered": 2},
        "cached": 0,
        "promptTokens": 10,
        "completionTokens": 0,
        "cachedTokens": 0,
    }


def test_a_reviewers_key_sees_his_own(asking):
    _, secret = keys.create(with_role("reviewer"), name="x", scopes=["read"])
    answer = Client().get("/api/statistics", headers={"Authorization": f"Bearer {secret}"})
    assert answer.json()["counts"]["prompts"] == 0


def test_a_policy_editor_sees_his_own(asking):
    assert asked(with_role("policy editor")).json()["counts"]["prompts"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, "since"),
        ({"since": "2026-01-01T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, "since"),
        ({"since": "2020-01-01T00:00:00Z", "until": "2026-03-01T00:00:00Z", "step": "day"}, "since"),
        ({"until": "0001-01-01T00:00:00Z"}, "until"),
        ({"since": "9999-12-31T23:00:00-14:00"}, "since"),
        ({"step": "month"}, "step"),
        ({"user": "ann"}, "user"),
        ({"days": "3"}, "days"),
    ],
)
def test_a_span_that_is_none_or_too_long_is_refused(alice, query, field):
    answer = asked(alice, **query)
    assert answer.status_code == 400
    assert field in answer.json()["errors"]


def test_a_series_has_every_hour_and_only_those_of_its_span(alice):
    for hours in (-1, 0, 5, 23, 24):
        tally(MIDNIGHT + timedelta(hours=hours), alice.pk, outcome="blocked" if hours == 5 else "answered")
    day = {"since": "2026-03-01T00:30:00Z", "until": "2026-03-01T23:30:00Z"}
    found = asked(alice, **day).json()
    assert (found["since"], found["until"]) == ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")
    assert len(found["series"]) == 24
    assert [point["prompts"] for point in found["series"]] == [1, 0, 0, 0, 0, 1] + [0] * 17 + [1]
    assert found["series"][5]["outcomes"] == {"blocked": 1}
    assert found["counts"]["outcomes"] == {"answered": 2, "blocked": 1}


def test_days_are_utcs_and_add_up_their_hours(alice):
    for hours in range(48):
        tally(MIDNIGHT + timedelta(hours=hours), alice.pk, cached=1)
    found = read(Span.around(MIDNIGHT, MIDNIGHT + timedelta(days=2), Step.DAY))
    assert [(at.day, one.prompts, one.cached) for at, one in found.series.items()] == [
        (1, 24, 24),
        (2, 24, 24),
    ]


def test_weeks_begin_on_monday():
    for days in range(-8, 9):
        tally(MIDNIGHT + timedelta(days=days))  # the first of March is a Sunday
    found = read(Span.around(MIDNIGHT, MIDNIGHT + timedelta(days=2), Step.WEEK))
    assert [(f"{at:%m-%d}", one.prompts) for at, one in found.series.items()] == [("02-23", 7), ("03-02", 7)]


def test_findings_are_by_rule_direction_and_action_the_most_first(alice):
    for rule, action, findings in (("iban", "mask", 2), ("email", "mask", 5), ("email", "flag", 1)):
        HourlyFindings.objects.create(
            hour=MIDNIGHT, rule=rule, direction="prompt", action=action, prompts=1, findings=findings
        )
    HourlyFindings.objects.create(hour=MIDNIGHT, rule="x", direction="answer", action="off", findings=0)
    found = read(Span.around(MIDNIGHT, MIDNIGHT + timedelta(days=1), Step.HOUR)).findings
    assert [(one.rule, one.action, one.findings) for one in found] == [
        ("email", "mask", 5),
        ("iban", "mask", 2),
        ("email", "flag", 1),
    ]


def test_latencies_are_of_answers_and_by_model(alice):
    tally(model="parrot", total_le_200=90, total_le_1000=9, total_over=1, first_le_50=100)
    tally(model="owl", total_le_10=1)
    tally(outcome="failed", total_le_100000=500)
    found = read(Span.around(MIDNIGHT, MIDNIGHT + timedelta(days=1), Step.HOUR)).latencies
    assert [(one.model, one.answers) for one in found] == [("parrot", 100), ("owl", 1)]
    assert 100 < found[0].total["p50"] < 200
    assert 500 < found[0].total["p99"] <= 1000
    assert found[1].first_token == {"p50": None, "p90": None, "p95": None, "p99": None}


def test_latencies_over_time_are_of_all_models_and_leave_gaps(alice):
    tally(model="parrot", total_le_200=1, first_le_20=1)
    tally(model="owl", total_le_1000=1)
    tally(MIDNIGHT + timedelta(hours=1), outcome="failed", total_le_100000=5)
    series = read(Span.around(MIDNIGHT, MIDNIGHT + timedelta(hours=2), Step.HOUR)).latency_series
    first, second = series.values()
    assert first.answers == 2
    assert first.total["p50"] <= 200 < first.total["p99"] <= 1000
    assert first.first_token["p50"] <= 20
    assert set(second.total.values()) == {None}


def test_findings_over_time_are_by_rule_whatever_was_done(alice):
    for hours, rule, action in ((0, "email", "mask"), (0, "email", "flag"), (2, "iban", "block")):
        HourlyFindings.objects.create(
            hour=MIDNIGHT + timedelta(hours=hours), rule=rule, direction="prompt", action=action, findings=2
        )
    found = read(Span.around(MIDNIGHT, MIDNIGHT + timedelta(hours=3), Step.HOUR))
    assert [*found.findings_series.values()] == [Counter(email=4), Counter(), Counter(iban=2)]


def test_keys_and_models_are_those_that_were_asked_most(alice):
    key = uuid4()
    tally(key_id=key, prompts=3)
    tally(model="owl", prompts=2)
    day = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z"}
    found = asked(with_role("reviewer"), **day).json()
    assert found["keys"] == [{"keyId": str(key), "prompts": 3}, {"keyId": None, "prompts": 2}]
    assert found["models"] == [{"model": "parrot", "prompts": 3}, {"model": "owl", "prompts": 2}]


def test_statistics_cost_some_queries_and_never_touch_the_book(alice):
    for n in range(30):
        tally(MIDNIGHT, uuid4(), outcome=f"o{n}")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        read(Span.around(MIDNIGHT, MIDNIGHT + LONGEST[Step.HOUR], Step.HOUR))
    asks = connection.vendor == "postgresql"  # whether something is to be counted first
    assert len(queries) <= 10 + asks
    looked = [one["sql"] for one in queries.captured_queries if "prompts_prompt" in one["sql"]]
    assert len(looked) == asks
