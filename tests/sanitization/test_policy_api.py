"""Policies over HTTP: who may do what, and that it is done."""

import json

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from sanitization import services
from sanitization.models import Policy, PolicyActivation, PolicyAssignment, PolicyRevision
from sanitization.store import store
from tests.conftest import make_user

pytestmark = pytest.mark.django_db(transaction=True)

SAMPLE = "ann@example.com saw a bluebird"
BIRDS = {"custom": [{"id": "bird", "kind": "word", "text": "bluebird", "action": "block"}]}


class Caller:
    """One user's client."""

    def __init__(self, token=None):
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, method, path, body=None, **query):
        sent = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
        response = getattr(self.client, method)(
            f"/api/{path}", **(sent or {"data": query}), headers=self.headers
        )
        return response.status_code, response.json() if response.content else None


@pytest.fixture
def caller_with(token_of):
    def make(*codenames):
        user = make_user(f"{'-'.join(codenames) or 'user'}@example.org")
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        return Caller(token_of(user))

    return make


@pytest.fixture
def as_root(root, token_of):
    return Caller(token_of(root))


@pytest.fixture
def birds():
    """A policy with two revisions, the first in force."""
    policy = services.create_policy(slug="birds", title="Birds")
    services.activate(services.add_revision(policy, document={}))
    services.add_revision(policy, document=BIRDS, note="no birds")
    return policy


REVISION = "policies/birds/revisions/2"
CALLS = {
    ("get", "rules"): None,
    ("get", "policies"): "view_policyrevision",
    ("post", "policies", '{"slug": "new"}'): "add_policyrevision",
    ("get", "policies/birds"): "view_policyrevision",
    ("patch", "policies/birds", '{"title": "B"}'): "activate_policy",
    ("get", "policies/birds/activations"): "view_policyrevision",
    ("get", "policies/birds/revisions"): "view_policyrevision",
    ("post", "policies/birds/revisions", '{"document": {}}'): "add_policyrevision",
    ("get", REVISION): "view_policyrevision",
    ("post", f"{REVISION}/activate", "{}"): "activate_policy",
    ("post", f"{REVISION}/preview", '{"text": "hello"}'): "view_policyrevision",
    ("post", f"{REVISION}/dry-run", '{"rows": 1}'): "view_policyrevision",
    ("get", "policy-assignments"): "view_policyrevision",
    (
        *("post", "policy-assignments"),
        '{"kind": "role", "subject": "staff", "policy": "birds"}',
    ): "activate_policy",
    ("delete", "policy-assignments/1"): "activate_policy",
}


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_each_call_takes_its_permission_and_no_other(call, birds, caller_with, as_root):
    method, path, *body = call
    sent = json.loads(body[0]) if body else None
    assert Caller()(method, path, sent)[0] == 401
    permissions = {"view_policyrevision", "add_policyrevision", "activate_policy"}
    refused = 403 if CALLS[call] else 200
    assert caller_with()(method, path, sent)[0] == refused
    assert caller_with(*(permissions - {CALLS[call]}))(method, path, sent)[0] == refused
    allowed = {200, 201, 404} if method == "delete" else {200, 201}
    if CALLS[call]:
        assert caller_with(CALLS[call])(method, path, sent)[0] in allowed
    if path != "policies":
        assert as_root(method, path, sent)[0] in allowed


def test_a_policy_is_made_tried_put_into_force_and_taken_back(as_root, root):
    assert as_root("post", "policies", {"slug": "birds", "title": "Birds"}) == (
        201,
        as_root("get", "policies/birds")[1],
    )
    status, first = as_root("post", "policies/birds/revisions", {"document": BIRDS, "note": "no birds"})
    assert status == 201
    assert (first["number"], first["authorId"], first["isActive"]) == (1, str(root.id), False)
    assert first["document"]["custom"][0]["ignore_case"] is True
    status, tried = as_root("post", "policies/birds/revisions/1/preview", {"text": SAMPLE})
    assert (status, tried["blocked"]) == (200, True)
    assert tried["text"] == "[EMAIL_1] saw a [CUSTOM_BIRD_1]"
    assert [finding["rule"] for finding in tried["findings"]] == ["email", "custom_bird"]
    assert tried["findings"][0]["outputEnd"] == len("[EMAIL_1]")
    assert as_root("get", "policies/birds")[1]["activeRevision"] is None
    status, policy = as_root("post", "policies/birds/revisions/1/activate", {})
    assert (status, policy["activeRevision"]) == (200, 1)
    assert store.current_now().named("birds").custom[0].text == "bluebird"
    assert as_root("get", "policies/birds/revisions/1")[1]["isActive"]
    [entry] = as_root("get", "policies/birds/activations")[1]["results"]
    assert (entry["revision"], entry["actorId"]) == (1, str(root.id))
    status, policy = as_root("patch", "policies/birds", {"archived": True, "title": "Old birds"})
    assert (status, policy["title"], policy["archivedAt"] is None) == (200, "Old birds", False)
    assert as_root("post", "policies/birds/revisions/1/activate", {})[0] == 409
    assert as_root("patch", "policies/birds", {"archived": False})[1]["archivedAt"] is None


def test_an_answer_is_previewed_as_an_answer(as_root, birds):
    path = "policies/birds/revisions/2/preview"
    _, tried = as_root("post", path, {"text": f"{SAMPLE} <script>x</script>", "direction": "answer"})
    assert (tried["text"], tried["blocked"]) == ("[EMAIL_1] saw a ", True)


def test_what_is_wrong_with_a_document_comes_with_pointers(as_root, birds):
    document = {"custom": [{"id": "x", "kind": "pattern", "text": "a+"}], "answer": {"emial": "mask"}}
    status, problem = as_root("post", "policies/birds/revisions", {"document": document})
    assert (status, problem["code"]) == (400, "policy-invalid")
    assert set(problem["errors"]) == {"/custom/0/text", "/answer/emial"}
    assert birds.revisions.count() == 2


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("policies", {"slug": "birds"}, 409),
        ("policies", {"slug": "Birds"}, 400),
        ("policies", {"slug": "x y"}, 400),
        ("policies", {"slug": "x", "name": "y"}, 400),
        ("policies/nobody/revisions", {"document": {}}, 404),
        ("policies/birds/revisions", {"document": []}, 400),
        ("policies/birds/revisions", {}, 400),
        ("policies/birds/revisions/9/activate", {}, 404),
        ("policies/birds/revisions/99999999999999999999999/activate", {}, 404),
        ("policies/birds/revisions/2/preview", {"text": "x", "direction": "sideways"}, 400),
        ("policies/birds/revisions/2/dry-run", {"rows": 10_001}, 400),
        ("policy-assignments", {"kind": "user", "subject": "x", "policy": "birds"}, 400),
        ("policy-assignments", {"kind": "key", "subject": "x", "policy": "nobody"}, 400),
    ],
)
def test_wrong_requests_are_told_so(as_root, birds, path, body, status):
    assert as_root("post", path, body)[0] == status


def test_a_revision_that_was_good_yesterday_cannot_be_activated(as_root, birds):
    PolicyRevision.objects.create(policy=birds, number=3, document={"prompt": {"gone": "mask"}}, revision="0")
    status, problem = as_root("post", "policies/birds/revisions/3/activate", {})
    assert (status, list(problem["errors"])) == (400, ["/prompt/gone"])
    assert PolicyActivation.objects.count() == 1


def test_keys_and_roles_are_given_policies(as_root, birds):
    body = {"kind": "role", "subject": "staff", "policy": "birds", "rank": 5}
    status, made = as_root("post", "policy-assignments", body)
    assert (status, made) == (201, body | {"id": made["id"]})
    assert as_root("get", "policy-assignments")[1]["results"] == [made]
    assert store.current_now().resolve(roles=["staff"]).slug == "birds"
    assert as_root("patch", "policies/birds", {"archived": True})[0] == 409
    assert as_root("delete", f"policy-assignments/{made['id']}") == (204, None)
    assert not PolicyAssignment.objects.exists()


def test_the_catalogue_names_every_rule(as_root):
    status, rules = as_root("get", "rules")
    assert status == 200
    email = next(rule for rule in rules if rule["rule"] == "email")
    assert (email["category"], email["default"]) == ("pii", {"prompt": "mask", "answer": "mask"})


def test_lists_cost_the_same_however_long_they_are(as_root, birds, django_assert_max_num_queries):
    for number in range(10):
        services.add_revision(services.create_policy(slug=f"p{number}"), document={})
        services.add_revision(birds, document={"thresholds": {"email": number / 10}})
    for path in ("policies", "policies/birds/revisions", "policies/birds/activations"):
        with django_assert_max_num_queries(4):
            assert as_root("get", path)[0] == 200
    assert len(as_root("get", "policies")[1]["results"]) == Policy.objects.count()


def test_a_sample_is_neither_stored_nor_logged(as_root, birds, caplog, django_db_blocker):
    as_root("post", "policies/birds/revisions/2/preview", {"text": "mark-5f1c bluebird"})
    assert "mark-5f1c" not in caplog.text
    for model in (Policy, PolicyRevision, PolicyActivation):
        assert "mark-5f1c" not in repr(list(model.objects.values()))
