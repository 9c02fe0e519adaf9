"""Policies in the admin."""

import html
import json

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from prompts.models import Prompt
from sanitization import services
from sanitization.diffs import Change, changes
from sanitization.models import Policy, PolicyActivation, PolicyAssignment, PolicyRevision
from sanitization.policies import Policy as Core
from tests.conftest import make_user
from tests.prompts.test_admin import FINDING, make_row

pytestmark = pytest.mark.django_db

OFFICE = "/admin/sanitization/policy"
BIRDS = {"custom": [{"id": "bird", "kind": "word", "text": "bluebird", "action": "block"}]}


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


def member(*codenames):
    user = make_user(f"{'-'.join(codenames) or 'clerk'}@example.org", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return client_of(user)


@pytest.fixture
def office(root):
    return client_of(root)


@pytest.fixture
def birds(root):
    """A policy with two revisions, the first in force."""
    policy = services.create_policy(slug="birds", title="Birds")
    first = services.add_revision(policy, document={}, author_id=root.pk)
    services.activate(first, actor_id=root.pk)
    services.add_revision(policy, document=BIRDS, note="no birds", author_id=root.pk)
    policy.refresh_from_db()
    return policy


def page(client, address, status=200):
    response = client.get(address)
    assert response.status_code == status
    return html.unescape(response.content.decode())


def test_the_pages_show_revisions_and_what_was_in_force_when(office, birds):
    assert "birds" in page(office, f"{OFFICE}/")
    shown = page(office, f"{OFFICE}/{birds.pk}/change/")
    assert "1</a> (in force)" in shown
    assert "no birds" in shown
    assert shown.count("root@example.org") >= 3  # two revisions, one activation


def test_a_policy_is_made_and_renamed(office):
    assert office.post(f"{OFFICE}/add/", {"slug": "Bad Slug", "title": ""}).status_code == 200
    assert office.post(f"{OFFICE}/add/", {"slug": "cats", "title": "Cats"}).status_code == 302
    cats = Policy.objects.get(slug="cats")
    inlines = {
        f"{name}-{part}_FORMS": 0 for name in ("revisions", "activations") for part in ("TOTAL", "INITIAL")
    }
    changed = office.post(f"{OFFICE}/{cats.pk}/change/", {"slug": "dogs", "title": "All cats", **inlines})
    assert changed.status_code == 302
    cats.refresh_from_db()
    assert (cats.slug, cats.title) == ("cats", "All cats")


def test_a_new_revision_begins_with_what_is_in_force(office, birds, root):
    address = f"{OFFICE}/birds/revisions/add/"
    assert '"html": "markdown"' in page(office, address)
    made = office.post(address, {"document": json.dumps({"html": "html"}), "note": "plain"})
    assert made["Location"] == f"{OFFICE}/birds/revisions/3/"
    third = birds.revisions.get(number=3)
    assert (third.document["html"], third.note, third.author_id) == ("html", "plain", root.pk)
    birds.refresh_from_db()
    assert birds.active.number == 1


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("{", "line 1, column 2"),
        ('{"prompt": {}, "prompt": {}}', "the key prompt stands there twice"),
        ("[" * 20_000, "cannot be read"),
        ('{"prompt": {"emial": "mask"}}', "/prompt/emial: There is no such rule."),
        ('{"custom": [{"id": "x", "kind": "pattern", "text": "a+"}]}', "/custom/0/text: A match may have"),
        ("3", "document: A policy is a JSON object."),
    ],
)
def test_what_is_wrong_with_a_document_stands_beside_the_field(office, birds, document, says):
    response = office.post(f"{OFFICE}/birds/revisions/add/", {"document": document})
    shown = html.unescape(response.content.decode())
    assert response.status_code == 200
    assert says in shown
    assert html.escape(document[:20]) in response.content.decode()
    assert birds.revisions.count() == 2


def test_a_revision_is_tried_on_a_sample(office, birds):
    address = f"{OFFICE}/birds/revisions/2/"
    shown = page(office, address)
    assert '"text": "bluebird"' in shown
    assert "custom bird" in shown  # against the one in force
    sample = {"text": "<b>ann@example.com</b> saw a bluebird", "direction": "prompt"}
    tried = office.post(address, sample).content.decode()
    assert 'title="email (mask)">[EMAIL_1]</mark>' in tried
    assert "&lt;b&gt;" in tried
    assert "Blocked." in tried
    assert "nothing found" in office.post(address, sample | {"text": "hello"}).content.decode()


def test_putting_into_force_asks_first_and_takes_a_post(office, birds, root):
    address = f"{OFFICE}/birds/revisions/2/activate/"
    assert "Yes, put revision 2 into force" in page(office, address)
    birds.refresh_from_db()
    assert birds.active.number == 1
    assert Client(enforce_csrf_checks=True).post(address).status_code in {302, 403}
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(root)
    assert strict.post(address).status_code == 403
    assert office.post(address).status_code == 302
    birds.refresh_from_db()
    assert birds.active.number == 2
    assert PolicyActivation.objects.first().actor_id == root.pk


def test_a_bad_revision_is_not_put_into_force_and_the_page_says_why(office, birds):
    PolicyRevision.objects.create(policy=birds, number=3, document={"prompt": {"gone": "mask"}}, revision="0")
    response = office.post(f"{OFFICE}/birds/revisions/3/activate/")
    assert "/prompt/gone: There is no such rule." in response.content.decode()
    sample = {"text": "hello", "direction": "prompt"}
    assert "/prompt/gone" in office.post(f"{OFFICE}/birds/revisions/3/", sample).content.decode()
    birds.refresh_from_db()
    assert birds.active.number == 1
    services.archive(birds, archived=True)
    response = office.post(f"{OFFICE}/birds/revisions/2/activate/")
    assert "This policy is archived." in response.content.decode()


def test_any_two_revisions_are_compared(office, birds):
    shown = page(office, f"{OFFICE}/birds/compare/?before=1&after=2")
    assert "custom bird" in shown
    assert "They say the same" in page(office, f"{OFFICE}/birds/compare/?before=2&after=2")
    page(office, f"{OFFICE}/birds/compare/?before=1&after=x")
    page(office, f"{OFFICE}/birds/compare/?before=1&after=9", 404)


def test_a_revision_is_dry_run_on_the_book(office, birds):
    make_row(findings=[FINDING])
    make_row(prompt="a bluebird", findings=[])
    address = "/admin/prompts/prompt/dry-run/birds/2/"
    assert address in page(office, f"{OFFICE}/birds/revisions/2/")
    assert page(office, address)
    shown = office.post(address, {"rows": 10}).content.decode()
    assert "<tr><th>prompts looked at</th><td>2</td></tr>" in shown
    assert "<tr><th>would be blocked</th><td>1 (then: 0)</td></tr>" in shown
    assert "bluebird" not in shown
    assert office.post(address, {"rows": 0}).status_code == 200
    assert Prompt.objects.count() == 2


def test_policies_are_archived_and_taken_back_and_never_deleted(office, birds):
    office.post(f"{OFFICE}/", {"action": "archive", "_selected_action": [birds.pk]})
    birds.refresh_from_db()
    assert birds.archived_at is not None
    office.post(f"{OFFICE}/", {"action": "take_back", "_selected_action": [birds.pk]})
    birds.refresh_from_db()
    assert birds.archived_at is None
    services.assign(kind="role", subject="staff", policy=birds)
    office.post(f"{OFFICE}/", {"action": "archive", "_selected_action": [birds.pk]})
    birds.refresh_from_db()
    assert birds.archived_at is None
    assert office.post(f"{OFFICE}/{birds.pk}/delete/", {"post": "yes"}).status_code == 403


def test_roles_are_given_policies(office, birds):
    address = "/admin/sanitization/policyassignment"
    services.create_policy(slug="empty")
    assert "empty" not in page(office, f"{address}/add/")
    fields = {"kind": "role", "subject": "staff", "policy": birds.pk, "rank": 7}
    assert office.post(f"{address}/add/", fields).status_code == 302
    made = PolicyAssignment.objects.get()
    assert office.post(f"{address}/{made.pk}/change/", {"policy": birds.pk, "rank": 8}).status_code == 302
    made.refresh_from_db()
    assert (made.subject, made.policy, made.rank) == ("staff", birds, 8)
    delete = {"action": "delete_selected", "_selected_action": [made.pk], "post": "yes"}
    assert office.post(f"{address}/", delete).status_code == 302
    assert not PolicyAssignment.objects.exists()


NEEDS = {
    f"{OFFICE}/": "view_policyrevision",
    f"{OFFICE}/birds/revisions/2/": "view_policyrevision",
    f"{OFFICE}/birds/compare/": "view_policyrevision",
    "/admin/prompts/prompt/dry-run/birds/2/": "view_policyrevision",
    f"{OFFICE}/add/": "add_policyrevision",
    f"{OFFICE}/birds/revisions/add/": "add_policyrevision",
    f"{OFFICE}/birds/revisions/2/activate/": "activate_policy",
    "/admin/sanitization/policyassignment/add/": "activate_policy",
}


@pytest.mark.parametrize("address", NEEDS)
def test_each_page_takes_its_permission_and_no_other(address, birds, alice):
    others = {"view_policyrevision", "add_policyrevision", "activate_policy"} - {NEEDS[address]}
    page(member(NEEDS[address]), address, 200)
    if address != f"{OFFICE}/":  # Django shows a list to those who may change its rows, too
        page(member(*others), address, 403)
    page(member(), address, 403)
    assert client_of(alice).get(address)["Location"].startswith("/admin/login/")


def test_those_who_only_look_find_no_button(birds):
    shown = page(member("view_policyrevision"), f"{OFFICE}/birds/revisions/2/")
    assert "Put into force" not in shown
    assert "New revision" not in shown


def test_every_difference_is_named():
    before = Core().as_document() | {
        "system_prompt": "one\ntwo\nthree",
        "prompt": {"email": "mask", "iban": "off"},
    }
    after = Core(links="listed", restore=False, origins=("https://a.example",)).as_document() | {
        "system_prompt": "one\n2\nthree",
        "prompt": {"email": "block", "phone": "off"},
        "allow": {"email": ["x@example.org"]},
    }
    assert changes(before, after) == [
        Change("allow email: x@example.org", None, "x@example.org"),
        Change("links", "plain", "listed"),
        Change("origins: https://a.example", None, "https://a.example"),
        Change("prompt email", "mask", "block"),
        Change("prompt iban", "off", None),
        Change("prompt phone", None, "off"),
        Change("restore", "true", "false"),
        Change("system_prompt, line 2", "two", "2"),
    ]
    assert changes(after, after) == []
    bird = Core().as_document() | BIRDS
    [change] = changes(bird, Core().as_document())
    assert (change.field, change.after) == ("custom bird", None)
