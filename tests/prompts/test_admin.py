"""The book in the admin."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.core.paginator import Paginator
from django.test import Client
from django.utils import timezone

from prompts import admin as office
from prompts.ids import floor, uuid7
from prompts.models import Prompt
from prompts.review import panel
from prompts.review.serializers import JournalFilterSerializer
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
MASKED = "write to [EMAIL_1] & <b>go</b>"
FINDING = {
    "rule": "email",
    "direction": "prompt",
    "part": "/prompt",
    "start": 9,
    "end": 21,
    "output_start": 9,
    "output_end": 18,
    "action": "mask",
    "score": 1.0,
}


def make_row(user=None, **fields):
    return Prompt.objects.create(
        **{
            "created_at": timezone.now(),
            "instance_id": uuid7(),
            "user": user,
            "outcome": "answered",
            "model": "parrot",
            "prompt": MASKED,
            "response": "=1+1",
            "findings": [FINDING],
            "rules": ["email"],
            "request_id": "11111111-1111-4111-8111-111111111111",
        }
        | fields
    )


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


def reviewer(*codenames):
    user = make_user("reviewer@example.org", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return client_of(user)


LIST = "/admin/prompts/prompt/"


def test_the_book_shows_who_asked_what_and_what_became_of_it(root, alice):
    make_row(alice)
    page = client_of(root).get(LIST).content.decode()
    assert "alice@example.org" in page
    assert "answered" in page
    assert "write to [EMAIL_1]" in page


def test_a_row_shows_its_text_escaped_with_what_was_masked_marked(root, alice):
    row = make_row(alice)
    page = client_of(root).get(f"{LIST}{row.pk}/change/").content.decode()
    assert '<mark title="email (mask)">[EMAIL_1]</mark>' in page
    assert "&lt;b&gt;go&lt;/b&gt;" in page
    assert "<b>go</b>" not in page


def test_a_placeholder_that_the_model_took_over_is_marked_in_the_answer(root, alice):
    row = make_row(alice, response="I wrote to [EMAIL_1].")
    page = client_of(root).get(f"{LIST}{row.pk}/change/").content.decode()
    assert 'I wrote to <mark title="placeholder">[EMAIL_1]</mark>.' in page


def test_a_row_cannot_be_changed_added_or_deleted(root, alice):
    row, client = make_row(alice), client_of(root)
    assert client.post(f"{LIST}{row.pk}/change/", {"prompt": "forged"}).status_code == 403
    assert client.post(f"{LIST}add/", {}).status_code == 403
    assert client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(LIST, {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"})
    assert Prompt.objects.get().prompt == MASKED


def test_text_is_for_those_who_may_read_it(alice):
    row = make_row(alice)
    client = reviewer("view_prompt")
    for path in (LIST, f"{LIST}{row.pk}/change/", f"{LIST}?q=write"):
        page = client.get(path).content.decode()
        assert "answered" in page or "0 results" in page or "0 prompts" in page
        assert "write to" not in page
    exported = client.post(LIST, {"action": "export_csv", "_selected_action": [str(row.pk)]})
    assert b"write to" not in exported.content
    assert b"email" in exported.content


def test_the_book_is_closed_to_staff_without_the_permission():
    assert reviewer().get(LIST).status_code == 403


def test_search_looks_into_the_sanitized_text(root, alice):
    make_row(alice, prompt="about penguins", response="")
    make_row(alice, prompt="about cats", response="")
    page = client_of(root).get(LIST, {"q": "PENGUINS"}).content.decode()
    assert "about penguins" in page
    assert "about cats" not in page


@pytest.mark.parametrize("quoted", ["{request}", " {request}\n", "{id}", "chatcmpl-{hex}", "cmpl-{hex}"])
def test_what_a_caller_quotes_leads_to_his_row_in_one_step(root, alice, quoted):
    wanted = make_row(alice, request_id="22222222-2222-4222-8222-222222222222")
    make_row(alice)
    told = quoted.format(request=wanted.request_id, id=wanted.pk, hex=wanted.pk.hex)
    answer = client_of(root).get(LIST, {"q": told})
    assert (answer.status_code, answer["Location"]) == (302, f"{LIST}{wanted.pk}/change/")


def test_a_request_id_that_was_given_to_several_lists_them(root, alice):
    wanted = [make_row(alice, request_id="22222222-2222-4222-8222-222222222222") for _ in range(2)]
    other = make_row(alice)
    page = client_of(root).get(LIST, {"q": wanted[0].request_id}).content.decode()
    assert all(str(row.pk) in page for row in wanted)
    assert str(other.pk) not in page


def test_a_request_id_leads_nobody_to_a_row_who_may_not_see_it(alice):
    row = make_row(alice, request_id="22222222-2222-4222-8222-222222222222")
    assert reviewer().get(LIST, {"q": row.request_id}).status_code == 403


def test_search_finds_the_rows_with_the_same_value_which_nobody_can_read(root, alice):
    finding = {**FINDING, "version": 2, "fingerprint": "0123456789abcdef"}
    wanted = [make_row(alice, findings=[finding]) for _ in range(2)]
    make_row(alice, findings=[{**finding, "fingerprint": "fedcba9876543210"}])
    office_of = client_of(root)
    row = office_of.get(f"{LIST}{wanted[0].pk}/change/").content.decode()
    assert f'href="{LIST}?q=0123456789abcdef"' in row
    page = office_of.get(LIST, {"q": "0123456789abcdef"}).content.decode()
    assert page.count("field-outcome") == 2
    assert all(str(one.pk) in page for one in wanted)


@pytest.mark.postgres
def test_search_on_postgresql_says_how_far_it_looked_and_why_it_found_nothing(root, alice, monkeypatch):
    old = make_row(alice, id=floor(timezone.now() - timedelta(days=400)), prompt="penguins")
    client = client_of(root)
    page = client.get(LIST, {"q": "penguins", "outcome": "answered"}).content.decode()
    assert str(old.pk) in page
    assert "Searched back" not in page
    assert str(old.pk) not in client.get(LIST, {"q": "penguins", "outcome": "blocked"}).content.decode()
    assert "There is no word in it." in client.get(LIST, {"q": '-"'}).content.decode()
    monkeypatch.setattr(office, "SEARCH_RESULTS", 1)
    make_row(alice, prompt="penguins")
    page = client.get(LIST, {"q": "penguins"}).content.decode()
    assert "Searched back to" in page
    assert str(old.pk) not in page


@pytest.mark.skipif(
    settings.DATABASES["default"]["ENGINE"].endswith("postgresql"), reason="PostgreSQL searches by an index"
)
def test_search_is_bounded_to_the_newest_rows(root, alice, monkeypatch):
    old = make_row(alice, id=floor(timezone.now() - timedelta(days=9)), prompt="penguins")
    newer = [make_row(alice, prompt="cats") for _ in range(3)]
    monkeypatch.setattr(office, "SEARCH_ROWS", 3)
    page = client_of(root).get(LIST, {"q": "penguins"}).content.decode()
    assert str(old.pk) not in page
    page = client_of(root).get(LIST, {"q": "cats"}).content.decode()
    assert all(str(row.pk) in page for row in newer)


def test_rows_are_filtered_by_time_rule_and_outcome(root, alice):
    today = make_row(alice)
    old = make_row(
        alice, id=floor(timezone.now() - timedelta(days=9)), outcome="blocked", rules=["iban"], findings=[]
    )
    client = client_of(root)

    def shown(**query):
        page = client.get(LIST, query).content.decode()
        return [row for row in (today, old) if str(row.pk) in page]

    assert shown() == [today, old]
    assert shown(when="week") == [today]
    assert shown(when="month") == [today, old]
    assert shown(rule="iban") == [old]
    assert shown(outcome="blocked") == [old]
    assert shown(when="nonsense") == [today, old]


# -- the panel of filters --


def shown(client, rows, **query):
    """The numbers of the rows that a list shows."""
    page = client.get(LIST, query).content.decode()
    return [number for number, row in enumerate(rows) if str(row.pk) in page]


@pytest.fixture
def three(alice, bob):
    return [
        make_row(alice, first_token_ms=5.0, total_ms=10.0),
        make_row(bob, outcome="blocked", model="owl", cached=True, total_ms=20.0, key_id=KEY, rules=[]),
        make_row(None, rules=["iban"], findings=[IBAN], erased_at=timezone.now(), total_ms=30.0),
    ]


KEY = uuid7()
IBAN = {**FINDING, "rule": "iban", "action": "block", "direction": "answer"}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"user": "BOB@example.org "}, [1]),
        ({"key": str(KEY)}, [1]),
        ({"outcome": "blocked"}, [1]),
        ({"rule": "iban"}, [2]),
        ({"rule": "iban", "action": "block", "direction": "answer"}, [2]),
        ({"rule": "iban", "action": "mask"}, []),
        ({"model": "owl"}, [1]),
        ({"cached": "true"}, [1]),
        ({"slowerThan": "15", "fasterThan": "25"}, [1]),
        ({"firstTokenFasterThan": "5"}, [0]),
        ({"erased": "true"}, [2]),
        ({"requestId": "11111111-1111-4111-8111-111111111111"}, [0, 1, 2]),
        ({"since": "2020-01-01T00:00"}, [0, 1, 2]),
        ({"until": "2020-01-01T00:00"}, []),
        ({"user": "", "rule": " ", "when": "week"}, [0, 1, 2]),  # a form sends its empty fields too
    ],
)
def test_the_list_takes_every_filter_of_the_api(root, three, query, wanted):
    assert shown(client_of(root), three, **query) == wanted


def test_the_admin_and_the_api_have_the_same_filters():
    assert {*panel.LABELS} == {*JournalFilterSerializer().fields} == {*panel.PanelSerializer().fields}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"user": "carol@example.org"}, "User: e-mail or id: Nobody has this e-mail."),
        ({"user": "carol"}, "Must be a valid UUID."),
        ({"slowerThan": "nan"}, "A valid number is required."),
        ({"since": "0001-01-01T00:00:00+14:00"}, "Datetime value out of range."),
        ({"action": "mask"}, "Name the `rule` too."),
        ({"rule": "No Rule"}, "Rule: "),
        ({"model": "\0"}, "Model: Null characters are not allowed."),
    ],
)
def test_a_filter_that_cannot_be_read_shows_nothing_and_says_why(root, three, query, sentence):
    client = client_of(root)
    assert shown(client, three, **query) == []
    page = client.get(LIST, query).content.decode()
    assert sentence in page
    assert 'aria-invalid="true"' in page


def test_the_form_keeps_what_was_asked_and_what_else_the_list_shows(root, alice):
    make_row(alice)
    query = {"rule": 'a"><b>', "q": "go", "when": "day", "since": "2026-03-01T00:00:00Z"}
    page = client_of(root).get(LIST, query).content.decode()
    for piece in (
        'value="a&quot;&gt;&lt;b&gt;"',
        '<input type="hidden" name="when" value="day">',
        '<input type="hidden" name="q" value="go">',
        'value="2026-03-01T00:00:00"',
        '<option value="iban">',
    ):
        assert piece in page
    assert "<b>" not in page


def test_what_no_index_knows_is_looked_for_among_the_newest_rows(root, alice, bob, monkeypatch):
    rows = [make_row(user, cached=True) for user in (bob, alice, alice, alice)]
    monkeypatch.setattr(panel, "LOOKED_THROUGH", 2)
    client = client_of(root)
    assert shown(client, rows, cached="true") == [2, 3]
    assert shown(client, rows, cached="true", user="bob@example.org") == [0]
    assert shown(client, rows, user="alice@example.org") == [1, 2, 3]
    assert shown(client, rows, rule="email", cached="true") == [0, 1, 2, 3]
    assert "the newest 2 prompts" in client.get(LIST).content.decode()


def test_a_narrowed_list_is_counted_only_a_little_further_than_it_is_read(alice, rf, root):
    for _ in range(9):
        make_row(alice)
    request = rf.get(LIST, {"p": "2"})
    pages = office.admin.site.get_model_admin(Prompt).get_paginator(
        request, Prompt.objects.filter(outcome="answered").order_by("-id"), 1
    )
    assert pages.count == 2 + pages.AHEAD
    page = client_of(root).get(LIST, {"outcome": "answered", "p": "%00"})
    assert page.status_code == 200


def test_the_list_costs_the_same_queries_whatever_its_length(root, alice, django_assert_max_num_queries):
    for _ in range(30):
        make_row(alice)
    client = client_of(root)
    client.get(LIST)
    with django_assert_max_num_queries(7):  # session, user, estimate, count, rows, and two of the admin's
        client.get(LIST)


def test_the_export_is_csv_whose_cells_cannot_become_formulas(root, alice):
    rows = [make_row(alice), make_row(alice, prompt='a "quoted", line\nbreak', response="-1")]
    answer = client_of(root).post(
        LIST, {"action": "export_csv", "_selected_action": [str(row.pk) for row in rows]}
    )
    assert answer["Content-Type"].startswith("text/csv")
    assert "prompts.csv" in answer["Content-Disposition"]
    records = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    assert [record["id"] for record in records] == [str(rows[1].pk), str(rows[0].pk)]
    assert records[0]["prompt"] == 'a "quoted", line\nbreak'
    assert records[1]["response"] == "'=1+1"
    assert records[0]["response"] == "'-1"
    assert json.loads(records[1]["findings"])[0]["rule"] == "email"
    assert records[1]["user"] == "alice@example.org"


def test_an_export_that_is_too_large_is_refused_with_a_sentence(root, alice, monkeypatch):
    monkeypatch.setattr(office, "EXPORT_ROWS", 1)
    rows = [make_row(alice) for _ in range(2)]
    answer = client_of(root).post(
        LIST, {"action": "export_csv", "_selected_action": [str(row.pk) for row in rows]}, follow=True
    )
    assert "narrow the selection" in answer.content.decode()


def test_an_erased_row_shows_that_it_was(root, alice):
    make_row(alice, prompt="", response="", findings=[], rules=[], erased_at=timezone.now())
    assert "(erased)" in client_of(root).get(LIST).content.decode()


def test_a_row_of_a_user_who_is_gone_still_shows(root, alice):
    make_row(alice)
    alice.delete()
    assert "answered" in client_of(root).get(LIST).content.decode()


def test_the_paginator_never_counts_a_large_table(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(office, "estimated_rows", lambda table: 5_000_000)
    with django_assert_num_queries(0):
        assert office.EstimatingPaginator(Prompt.objects.order_by("-id"), 50).count == 5_000_000


def test_the_paginator_counts_what_is_small_exactly(alice):
    for _ in range(3):
        make_row(alice)
    paginator = office.EstimatingPaginator(Prompt.objects.order_by("-id"), 2)
    assert paginator.count == Paginator(Prompt.objects.order_by("-id"), 2).count == 3


@pytest.mark.parametrize(
    "findings",
    [
        [{**FINDING, "output_end": 999}],
        [{**FINDING, "output_start": 9, "output_end": 9}],
        [FINDING, {**FINDING, "output_start": 10}],
        [{}],
    ],
)
def test_findings_that_do_not_fit_the_text_never_break_the_page(findings):
    marked = office.highlighted("write to [EMAIL_1]", findings, "/prompt")
    assert "[EMAIL_1]" in marked.replace("<mark", "").replace("</mark>", "") or "EMAIL_1" in marked
