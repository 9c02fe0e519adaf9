"""The page of statistics in the admin: what it draws, what it leads to, how things stand."""

import os
import re
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from inference.backends import Status
from prompts import composition
from prompts.models import NOBODY, HourlyFindings, HourlyTally, Instance
from prompts.statistics.charts import COLOURS, Bar, Line, Row, columns, lines, rows
from prompts.statistics.page import OUTCOME_COLOURS, PERCENTILES
from tests.conftest import make_user
from tests.fakes import Notebook, house_of
from tests.prompts.test_statistics import MIDNIGHT, tally, this_hour, with_role

pytestmark = pytest.mark.django_db
PAGE, BOOK = "/admin/prompts/hourlytally/", "/admin/prompts/prompt/"


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


def test_what_is_drawn_leads_to_its_rows(asking):
    alice, _ = asking
    key, hour = uuid4(), this_hour()
    tally(hour, alice.pk, outcome="blocked", key_id=key, model="owl", cached=1)
    HourlyFindings.objects.create(
        hour=hour, rule="email", direction="prompt", action="mask", prompts=1, findings=4
    )
    page = page_of(with_role("reviewer")).content.decode()
    span = f"since={hour:%Y-%m-%dT%H}%3A00%3A00Z&amp;until={hour + timedelta(hours=1):%Y-%m-%dT%H}%3A00%3A00Z"
    for more in ("outcome=blocked", "rule=email", "cached=true"):
        assert f'"{BOOK}?{span}&amp;{more}"' in page, more
    for more in (
        f"user={alice.pk}",
        f"key={key}",
        "model=owl",
        "rule=email&amp;action=mask&amp;direction=prompt",
    ):
        assert re.search(f'"{BOOK}\\?since=[^"]*Z&amp;{re.escape(more)}"', page), more
    office = Client()
    office.force_login(User.objects.get(email="reviewer@example.org"))
    for address in re.findall(f'href="({BOOK}[^"]*)"', page)[-3:]:
        assert "errornote" not in office.get(address.replace("&amp;", "&")).content.decode()


def test_who_may_not_see_rows_has_no_links_to_them(asking):
    office = make_user("counts@example.org", is_staff=True)
    office.user_permissions.add(Permission.objects.get(codename="view_statistics"))
    page = page_of(office)
    assert page.status_code == 200
    assert f'href="{BOOK}' not in page.content.decode()


@pytest.mark.parametrize(
    ("query", "step", "points"),
    [
        ({"since": "2026-03-01T00:00", "until": "2026-03-03T00:00"}, "hour", 48),
        ({"since": "2026-03-01", "until": "2026-03-31T00:00"}, "day", 30),
        ({"since": "2026-03-01T00:00", "until": "2027-03-01T00:00"}, "week", 53),
    ],
)
def test_the_page_is_of_any_time_by_the_hour_or_by_the_day(root, query, step, points):
    found = page_of(root, **query).context["found"]
    assert found.span.since <= MIDNIGHT < found.span.since + timedelta(days=7)
    assert (found.span.step, len(found.series)) == (step, points)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"since": "2026-03-03T00:00", "until": "2026-03-01T00:00"}, "It is not before"),
        ({"since": "2010-01-01T00:00", "until": "2026-03-01T00:00"}, "at most 3660 days"),
        ({"since": "yesterday"}, "wrong format"),
    ],
)
def test_a_time_that_is_none_is_told_and_the_past_day_shown(root, query, sentence):
    page = page_of(root, **query)
    assert sentence in page.content.decode()
    assert page.context["chosen"] == "day"


def test_every_chart_has_a_name_a_sentence_and_its_numbers_in_a_table(asking):
    HourlyFindings.objects.create(hour=this_hour(), rule="x", direction="prompt", action="mask", findings=1)
    page = page_of(with_role("reviewer")).content.decode()
    charts = re.findall(r'<svg viewBox[^>]*role="img" aria-label="([^"]+)"( aria-description="[^"]+")?', page)
    assert len(charts) >= 8
    assert page.count("<summary>The same as a table</summary>") >= 4
    for drawn in re.findall(r"<svg viewBox.*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(drawn)
        assert not re.search(r"<script|\son[a-z]+=", drawn)


def test_a_year_of_everything_is_drawn(root, django_assert_max_num_queries):
    now = this_hour()
    HourlyTally.objects.bulk_create(
        HourlyTally(
            hour=now - timedelta(days=day),
            user_id=uuid4(),
            model="parrot",
            outcome=outcome,
            prompts=2,
            total_le_50=1,
        )
        for day in range(365)
        for outcome in ("answered", "blocked")
    )
    HourlyFindings.objects.bulk_create(
        HourlyFindings(
            hour=now - timedelta(days=day), rule=f"r{day % 12}", direction="prompt", action="mask", findings=1
        )
        for day in range(365)
    )
    client = Client()
    client.force_login(root)
    with django_assert_max_num_queries(20):
        page = client.get(PAGE, {"span": "year"}).content.decode()
    assert "others" in page  # more rules than there are colours
    assert len(page) < 3_000_000


def test_the_page_shows_how_this_process_sees_models_servers_and_the_book(root, monkeypatch):
    tally()
    spooled = SimpleNamespace(rows=3, waiting_bytes=2048, rejected_bytes=10)
    journal = SimpleNamespace(is_open=True, waiting=4, lag_seconds=12.34, spooled=spooled)
    monkeypatch.setattr("prompts.composition.journal", lambda: journal)
    Instance.objects.create(lease_expires_at=timezone.now() + timedelta(seconds=60))
    Instance.objects.create(lease_expires_at=timezone.now() - timedelta(seconds=60))
    page = page_of(root)
    seen = page.context["health"]
    assert (seen.book.processes, seen.book.lag_seconds, seen.book.is_well) == (1, 12.3, False)
    text = page.content.decode()
    for piece in (
        f"As process {os.getpid()} on ",
        "4, the oldest for 12.3 s",
        "3 of this process",
        "rejected.jsonl",
    ):
        assert piece in text


def test_a_fleet_shows_each_server_and_who_waits(root, monkeypatch, settings):
    router, settings.BACKENDS_FILE = FleetStandIn(), "backends.toml"
    monkeypatch.setattr("inference.fleet.router", lambda: router)
    composition.install(house_of(router, journal=Notebook()))
    try:
        text = page_of(root).content.decode()
    finally:
        composition.install(None)
    assert '<th scope="row">near</th><td>up</td><td class="number">2</td><td class="number">900</td>' in text
    assert '<th scope="row">far</th><td class="bad">ejected</td>' in text
    assert "waiting for any of them" in text


class FleetStandIn:
    """A router with two servers."""

    waiting = 7

    def models(self):
        return ((SimpleNamespace(name="owl"), Status("down", "Nobody answers for it.")),)

    def states(self):
        return {"near": "up", "far": "ejected"}

    def lives(self):
        return tuple(
            SimpleNamespace(server=SimpleNamespace(name=name), running=running, tokens=tokens)
            for name, running, tokens in (("near", 2, 900), ("far", 0, 0))
        )


def test_a_line_breaks_where_there_is_no_value_and_a_lonely_one_is_a_dot():
    drawn = lines(["a"] * 6, [Line("p50", "red", [1, 2, None, 3, None, 4])], title="x")
    assert drawn.count("<polyline") == 1
    assert drawn.count("<circle") == 2


def test_colours_can_be_seen_on_a_white_and_on_a_dark_page():
    def light(colour):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for colour in {*COLOURS, *OUTCOME_COLOURS.values(), *PERCENTILES.values()}:
        for page in ("#ffffff", "#121212"):  # the admin's own
            one, other = sorted((light(colour), light(page)))
            assert (other + 0.05) / (one + 0.05) >= 3, (colour, page)


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
    drawn += rows([Row("<i>", 1, '"><script>')], "red", title="x", told="<b>")
    drawn += lines(["<b>"], [Line("<i>", "red", [1.0])], title="<b>")
    assert "<b>" not in drawn
    assert "<i>" not in drawn
    assert "<script>" not in drawn
    assert drawn.count("<rect") == 2
    ElementTree.fromstring(f"<all>{drawn}</all>")


def test_nothing_to_draw_is_an_empty_chart():
    drawn = columns([], ["red"], title="x") + rows([], "red", title="x") + lines([], [], title="x")
    assert "<rect" not in drawn
    assert "<polyline" not in drawn
    assert UUID(int=0) == NOBODY
