"""Statistics, read: whose they are, over which time, and without touching the book."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import keys, services, sessions
from prompts.models import NOBODY, HourlyFindings, HourlyTally
from prompts.statistics.charts import Bar, columns, rows
from prompts.statistics.reading import LONGEST, Span, Step, read
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
PAGE = "/admin/prompts/hourlytally/"


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


@pytest.fixture
def asking(alice, bob):
    """Alice asked once, Bob twice, in this hour."""
    tally(this_hour(), alice.pk, total_le_500=1, prompt_tokens=7)
    tally(this_hour(), bob.pk, prompts=2, total_le_500=2, prompt_tokens=10)
    return alice, bob


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
        ({"step": "week"}, "step"),
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
    assert found[1].first_token == {"p50": None, "p90": None, "p99": None}


def test_statistics_cost_four_queries_and_never_touch_the_book(alice):
    for n in range(30):
        tally(MIDNIGHT, uuid4(), outcome=f"o{n}")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        read(Span.around(MIDNIGHT, MIDNIGHT + LONGEST[Step.HOUR], Step.HOUR))
    assert len(queries) == 4
    assert not [one for one in queries.captured_queries if "prompts_prompt" in one["sql"]]


# -- the page --


def page_of(who, **query):
    client = Client()
    client.force_login(who)
    return client.get(PAGE, query)


def test_the_page_draws_and_tells_what_happened(asking):
    HourlyFindings.objects.create(
        hour=this_hour(), rule="email", direction="prompt", action="mask", prompts=1, findings=4
    )
    tally(this_hour(), outcome="blocked")
    page = page_of(with_role("reviewer")).content.decode()
    assert page.count("<svg") >= 3
    assert "2 answered" not in page  # Alice's and Bob's are one column
    assert "3 answered, 1 blocked" in page
    assert "email (prompt, mask)" in page
    assert "alice@example.org" in page
    assert "(erased)" in page
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []


def test_the_page_is_one_users_where_one_is_named(asking):
    alice, _ = asking
    page = page_of(with_role("admin"), user=alice.pk, span="month").content.decode()
    assert "of alice@example.org" in page
    assert "bob@example.org" not in page


@pytest.mark.parametrize("query", [{"span": "x", "user": "y"}, {"user": "%00"}, {"span": ""}])
def test_nonsense_in_the_address_shows_the_past_day(root, query):
    assert page_of(root, **query).status_code == 200


def test_the_page_is_on_the_admins_front_for_those_whose_work_it_is(alice):
    client = Client()
    client.force_login(with_role("reviewer"))
    assert PAGE in client.get("/admin/").content.decode()
    client.force_login(with_role("policy editor"))
    assert PAGE not in client.get("/admin/").content.decode()
    assert client.get(PAGE).status_code == 403


def test_a_single_tally_has_no_page(root):
    one = tally()
    assert page_of(root).status_code == 200
    client = Client()
    client.force_login(root)
    assert client.get(f"{PAGE}{one.pk}/change/").status_code == 403


def test_names_in_a_chart_cannot_become_markup():
    drawn = columns([Bar("<b>", [1, 0], "</svg><script>")], ["red", "blue"], title='"><x>')
    drawn += rows([("<i>", 1)], "red", title="x")
    assert "<b>" not in drawn
    assert "<i>" not in drawn
    assert "<script>" not in drawn
    assert drawn.count("<rect") == 2


def test_nothing_to_draw_is_an_empty_chart():
    assert "<rect" not in columns([], ["red"], title="x") + rows([], "red", title="x")
    assert UUID(int=0) == NOBODY
