"""Who sets which limits, who sees them, and that every process hears of it."""

import json

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.test import Client

from accounts import keys, services, sessions
from accounts.authentication import identify
from accounts.book import AccessBook
from accounts.facts import of_session
from accounts.limits import definitions, usage
from accounts.limits.quotas import Quota
from accounts.limits.usage import Used
from accounts.models import ApiKey, AuditEvent, Limit, User

pytestmark = pytest.mark.django_db


def call(method, path, user, body=None):
    token = user if isinstance(user, str) else sessions.open_session(user).access
    more = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    return getattr(Client(), method)(path, headers={"Authorization": f"Bearer {token}"}, **more)


def quota_of(user):
    return identify(f"Bearer {sessions.open_session(user).access}").bounds[0].quota


def role_limit(name, **numbers):
    limit, _ = Limit.objects.update_or_create(role=Group.objects.get(name=name), defaults=numbers)
    definitions.changed(limit)


# -- whose --


def test_by_default_nothing_is_limited(alice):
    assert not quota_of(alice).limits_anything


def test_what_a_user_does_not_say_his_roles_say_and_then_the_settings(alice, settings):
    settings.LIMIT_REQUESTS_PER_MINUTE, settings.LIMIT_STREAMS, settings.LIMIT_MONTHLY_TOKENS = 60, 4, 1000
    role_limit("user", requests_per_minute=90, tokens_per_minute=500)
    Limit.objects.create(user=alice, tokens_per_minute=700, monthly_tokens=0)
    assert quota_of(alice) == Quota(90, 700, 4, 0)


def test_of_several_roles_the_highest_of_each_limit_counts_and_no_limit_is_the_highest(alice):
    services.set_roles(alice, ["user", "reviewer"])
    role_limit("user", requests_per_minute=90, tokens_per_minute=500, streams=0)
    role_limit("reviewer", requests_per_minute=20, tokens_per_minute=900, streams=7)
    assert quota_of(alice) == Quota(90, 900, 0, 0)
    assert definitions.bound_of(alice.pk).quota == Quota(90, 900, 0, 0)


def test_a_key_brings_limits_of_its_own(alice):
    _, secret = keys.create(alice, name="x", scopes=["read"], quota=Quota(streams=2))
    bounds = identify(f"Bearer {secret}", scope="read").bounds
    assert [bound.quota.streams for bound in bounds] == [0, 2]


def test_a_change_of_a_roles_limits_reaches_what_other_processes_know(alice):
    session, there = sessions.open_session(alice), AccessBook()

    def known():
        return there.find("x", lambda: of_session(session.session_id)).bounds[0].quota.streams

    assert known() == 0
    role_limit("user", streams=3)
    there._verified_at -= 0.6
    assert known() == 3


@pytest.mark.parametrize("numbers", [{}, {"user": True, "key": True}])
def test_limits_are_of_exactly_one(alice, numbers):
    key, _ = keys.create(alice, name="x", scopes=["read"])
    whose = {name: {"user": alice, "key": key}[name] for name in numbers}
    with pytest.raises(IntegrityError), transaction.atomic():
        Limit.objects.create(streams=1, **whose)


# -- keys --


def test_a_key_is_made_with_limits_and_gets_others(alice):
    made = call("post", "/api/keys", alice, {"name": "x", "scopes": ["read"], "limits": {"streams": 3}})
    nothing = {"requestsPerMinute": None, "tokensPerMinute": None, "streams": None, "monthlyTokens": None}
    assert (made.status_code, made.json()["limits"]) == (201, nothing | {"streams": 3})
    path = f"/api/keys/{made.json()['id']}"
    changed = call("patch", path, alice, {"limits": {"monthlyTokens": 5000, "streams": None}})
    assert (changed.status_code, changed.json()["limits"]) == (200, nothing | {"monthlyTokens": 5000})
    assert call("get", "/api/keys", alice).json()[0]["limits"]["monthlyTokens"] == 5000
    assert call("patch", path, alice, {"limits": {}}).json()["limits"] == nothing
    assert not Limit.objects.exists()
    assert AuditEvent.objects.filter(action="limits.changed", subject_id=alice.pk).count() == 3


def test_a_key_that_is_changed_in_nothing_keeps_its_limits(alice):
    key, _ = keys.create(alice, name="x", scopes=["read"], quota=Quota(streams=2))
    assert call("patch", f"/api/keys/{key.pk}", alice, {}).json()["limits"]["streams"] == 2


@pytest.mark.parametrize("method", ["post", "patch"])
def test_a_key_only_narrows_what_its_owner_may(alice, settings, method):
    settings.LIMIT_REQUESTS_PER_MINUTE = 60
    key, _ = keys.create(alice, name="x", scopes=["read"])
    path = "/api/keys" if method == "post" else f"/api/keys/{key.pk}"
    body = {"name": "x", "scopes": ["read"]} if method == "post" else {}
    refused = call(method, path, alice, body | {"limits": {"requestsPerMinute": 61}})
    assert refused.status_code == 400
    assert refused.json()["errors"] == {"limits": {"requestsPerMinute": ["Your own limit is 60."]}}
    fine = call(method, path, alice, body | {"limits": {"requestsPerMinute": 60, "streams": 999}})
    assert fine.status_code in (200, 201)


@pytest.mark.parametrize(
    "limits", [{"streams": 0}, {"streams": -1}, {"streams": "5"}, {"x": 1}, 5, {"streams": 1e13}]
)
def test_a_wrong_limit_is_refused_by_field(alice, limits):
    refused = call("post", "/api/keys", alice, {"name": "x", "scopes": ["read"], "limits": limits})
    assert (refused.status_code, list(refused.json()["errors"])) == (400, ["limits"])
    assert not ApiKey.objects.exists()


# -- where one stands --


def test_everybody_sees_where_he_stands(alice, settings):
    settings.LIMIT_REQUESTS_PER_MINUTE, settings.LIMIT_MONTHLY_TOKENS = 60, 1000
    key, secret = keys.create(alice, name="x", scopes=["read"], quota=Quota(streams=2))
    keys.create(alice, name="without", scopes=["read"])
    usage.add({alice.pk: Used(7, 300), key.pk: Used(1, 20)})
    seen = call("get", "/api/limits", alice).json()
    mine = seen["user"]
    assert mine["requestsPerMinute"] == {"limit": 60, "used": 0, "remaining": 60, "resetSeconds": 0.0}
    assert mine["tokensPerMinute"]["limit"] is None
    assert mine["streams"] == {"limit": None, "used": 0, "remaining": None}
    month = mine["monthlyTokens"]
    assert (month["limit"], month["used"], month["held"], month["remaining"]) == (1000, 300, 0, 700)
    assert month["requests"] == 7
    assert month["resetsAt"].endswith("-01T00:00:00Z")
    assert [one["id"] for one in seen["keys"]] == [str(key.pk)]
    assert seen["keys"][0]["streams"]["limit"] == 2
    assert seen["keys"][0]["monthlyTokens"]["used"] == 20
    own = call("get", "/api/limits", secret).json()
    assert (own["user"], own["keys"]) == (mine, seen["keys"])


def test_an_administrator_sees_where_anybody_stands(alice, bob, root):
    role_limit("user", streams=3)
    services.set_roles(bob, ["admin"])
    seen = call("get", f"/api/users/{alice.pk}/limits", User.objects.get(pk=bob.pk)).json()
    assert seen["user"]["streams"]["limit"] == 3
    assert call("get", f"/api/users/{alice.pk}/limits", alice).status_code == 403


# -- the admin --


def page(user):
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


def test_the_admin_sets_changes_and_removes_limits_and_all_hear_of_it(alice, root):
    group = Group.objects.get(name="user")
    client, path = page(root), "/admin/accounts/limit/"
    assert client.post(f"{path}add/", {"role": group.pk, "streams": 3}).status_code == 302
    assert quota_of(alice).streams == 3
    row = Limit.objects.get()
    assert client.post(f"{path}{row.pk}/change/", {"streams": 5, "user": alice.pk}).status_code == 302
    assert (quota_of(alice).streams, Limit.objects.get().user) == (5, None)
    assert client.get(path).status_code == 200
    assert client.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 302
    assert quota_of(alice).streams == 0
    assert AuditEvent.objects.filter(action="limits.changed").count() == 3


def test_the_admin_asks_whose_limits_they_are(alice, root):
    group = Group.objects.get(name="user")
    for whose in ({}, {"role": group.pk, "user": alice.pk}):
        shown = page(root).post("/admin/accounts/limit/add/", {"streams": 3, **whose})
        assert b"exactly one of them" in shown.content
    assert not Limit.objects.exists()


def test_an_administrator_limits_no_superuser(alice, bob, root):
    services.set_roles(bob, ["admin"])
    client, path = page(bob), "/admin/accounts/limit/"
    assert client.post(f"{path}add/", {"user": alice.pk, "streams": 3}).status_code == 302
    assert b"not yours" in client.post(f"{path}add/", {"user": root.pk, "streams": 3}).content
    key, _ = keys.create(root, name="x", scopes=["read"])
    assert b"not yours" in client.post(f"{path}add/", {"key": key.pk, "streams": 3}).content
    row = Limit.objects.create(user=root, streams=1)
    assert client.post(f"{path}{row.pk}/change/", {"streams": 5}).status_code == 403
    assert client.post(f"{path}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_the_command_makes_a_key_with_limits(alice):
    from io import StringIO

    from django.core.management import CommandError, call_command

    name, quiet = alice.email, {"stdout": StringIO(), "stderr": StringIO()}
    call_command("create_key", name, "build", "--streams", "3", "--monthly-tokens", "500", **quiet)
    assert ApiKey.objects.get().quota == Quota(streams=3, monthly_tokens=500)
    with pytest.raises(CommandError, match="--streams"):
        call_command("create_key", name, "other", "--streams", "0", **quiet)
