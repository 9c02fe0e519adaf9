"""
Who gets what: every endpoint by everybody. An endpoint without a row here fails.

Objects in addresses are Alice's; she is the `user`, Bob the `other`. Whatever is no good (expired, revoked,
forged, of somebody deactivated) is 401 wherever a stranger is, so rows say nothing of it.
"""

import json
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from accounts import keys, registration, services, sessions
from accounts.book import book
from accounts.models import ApiKey, Session, User
from prompts import composition
from prompts.journal import Outcome
from prompts.models import Prompt
from sanitization.models import PolicyAssignment
from sanitization.services import activate, add_revision, assign, create_policy
from tests.conftest import PASSWORD
from tests.fakes import Parrot, house_of

pytestmark = pytest.mark.django_db
HASH = make_password(PASSWORD)

GOOD = ("nobody", "user", "other", "reviewer", "editor", "admin", "root", "read-only key", "prompt key")
BAD = (
    *("expired", "revoked", "wrong signature", "alg none", "other key", "refresh token", "no session"),
    *("deactivated user", "revoked key", "expired key", "mistyped key", "key of deactivated user"),
)

# In the order of GOOD.
OPEN = (200,) * 9
OWN = (401, 200, 200, 200, 200, 200, 200, 403, 403)
OWN_204 = (401, 204, 204, 204, 204, 204, 204, 403, 403)
READ = (401, 200, 200, 200, 200, 200, 200, 200, 403)
REVIEW = (401, 403, 403, 200, 403, 403, 200, 403, 403)
ASK = (401, 200, 200, 200, 200, 200, 200, 403, 200)


def only_mine(status):
    """Others get 404: there is no such thing for them."""
    return (401, status, 404, 404, 404, 404, 404, 403, 403)


def for_admin(status):
    return (401, 403, 403, 403, 403, status, status, 403, 403)


def for_editor(status):
    return (401, 403, 403, 403, status, 403, status, 403, 403)


def for_readers_of_policies(status):
    return (401, 403, 403, status, status, 403, status, 403, 403)


SLUG = "api/policies/<slug:slug>"
REVISION = f"{SLUG}/revisions/<int:number>"
USER = "api/users/<uuid:pk>"
NEW_PASSWORD = {"current": PASSWORD, "new": "An0ther!pass-word"}

# (method, route): statuses, body
MATRIX = {
    ("get", ""): (OPEN, None),
    ("get", "^problems/?$"): (OPEN, None),
    ("get", "^healthz/?$"): (OPEN, None),
    ("get", "^readyz/?$"): (OPEN, None),
    ("get", "^metrics/?$"): (OPEN, None),  # by address or token: tests/gateway/metrics
    ("get", "^api/schema/?$"): (OPEN, None),
    ("get", "^api/docs/?$"): (OPEN, None),
    ("get", "account/confirm"): (OPEN, None),
    ("post", "account/confirm"): ((400,) * 9, {}),
    ("get", "account/reset"): (OPEN, None),
    ("post", "account/reset"): (OPEN, {}),
    ("post", "user/register"): (
        (201,) * 9,
        {"email": "n@b.org", "firstName": "N", "lastName": "N", "password": PASSWORD},
    ),
    ("post", "auth/login"): (OPEN, {"email": "alice@example.org", "password": PASSWORD}),
    ("post", "auth/refresh"): ((401,) * 9, {"refresh_token": "x"}),
    ("post", "auth/logout"): ((401,) * 9, {"refresh_token": "x"}),
    ("post", "auth/confirm"): ((400,) * 9, {"token": "x"}),
    ("post", "auth/password-reset"): ((202,) * 9, {"email": "alice@example.org"}),
    ("post", "auth/password-reset/confirm"): ((400,) * 9, {"token": "x", "password": PASSWORD}),
    ("get", "auth/profile"): (READ, None),
    ("post", "auth/password"): (OWN_204, NEW_PASSWORD),
    ("get", "auth/sessions"): (OWN, None),
    ("delete", "auth/sessions"): (OWN_204, None),
    ("delete", "auth/sessions/<uuid:pk>"): (only_mine(204), None),
    ("post", "auth/totp"): (OWN, {"password": PASSWORD}),
    ("delete", "auth/totp"): (
        (401, 400, 400, 400, 400, 400, 400, 403, 403),
        {"password": PASSWORD, "code": "000000"},
    ),
    ("get", "auth/totp"): (OWN, None),
    ("post", "auth/totp/recovery-codes"): (
        (401, 400, 400, 400, 400, 400, 400, 403, 403),
        {"password": PASSWORD, "code": "000000"},
    ),
    ("post", "auth/totp/confirm"): ((401, 400, 400, 400, 400, 400, 400, 403, 403), {"code": "000000"}),
    ("get", "auth/export"): (OWN, None),
    ("post", "auth/erase"): (OWN, {"password": PASSWORD}),
    ("get", "api/keys"): (OWN, None),
    ("post", "api/keys"): (
        (401, 201, 201, 201, 201, 201, 201, 403, 403),
        {"name": "x", "scopes": ["prompt"]},
    ),
    ("delete", "api/keys/<uuid:pk>"): (only_mine(204), None),
    ("patch", "api/keys/<uuid:pk>"): (only_mine(200), {"limits": {"streams": 5}}),
    ("post", "api/keys/<uuid:pk>/rotate"): (only_mine(200), {}),
    ("get", "api/limits"): (READ, None),
    ("get", "api/roles"): (for_admin(200), None),
    ("get", "api/users"): (for_admin(200), None),
    ("get", USER): (for_admin(200), None),
    ("patch", USER): (for_admin(200), {"roles": ["user"]}),
    ("get", f"{USER}/export"): (for_admin(200), None),
    ("post", f"{USER}/erase"): (for_admin(200), {}),
    ("get", f"{USER}/sessions"): (for_admin(200), None),
    ("delete", f"{USER}/sessions"): (for_admin(204), None),
    ("get", f"{USER}/limits"): (for_admin(200), None),
    ("get", f"{USER}/keys"): (for_admin(200), None),
    ("delete", f"{USER}/keys/<uuid:key>"): (for_admin(204), None),
    ("get", "api/invitations"): (for_admin(200), None),
    ("post", "api/invitations"): (for_admin(201), {}),
    ("delete", "api/invitations/<uuid:pk>"): (for_admin(204), None),
    ("post", "prompt"): ((401, 201, 201, 201, 201, 201, 201, 403, 201), {"prompt": "hello"}),
    ("get", "prompt"): (READ, None),
    ("get", "prompt/<uuid:pk>"): ((401, 200, 404, 404, 404, 404, 404, 200, 403), None),
    ("delete", "prompt/<uuid:pk>"): (only_mine(204), None),
    ("get", "api/journal"): (REVIEW, None),
    ("get", "api/journal.jsonl"): (REVIEW, None),
    ("get", "api/journal.csv"): (REVIEW, None),
    ("get", "api/statistics"): (READ, None),  # whose they are: tests/prompts/test_statistics.py
    ("post", "v1/chat/completions"): (ASK, {"messages": [{"role": "user", "content": "hello"}]}),
    ("post", "v1/completions"): (ASK, {"prompt": "hello"}),
    ("post", "v1/responses"): (ASK, {"input": "hello"}),
    ("post", "v1/embeddings"): (ASK, {"input": "hello"}),
    ("post", "v1/moderations"): (ASK, {"input": "hello"}),
    ("get", "v1/models"): (OWN, None),  # and keys with the scope `models`, see tests/accounts/test_keys.py
    ("get", "v1/models/<path:id>"): (OWN, None),
    ("get", "api/rules"): (OWN, None),
    ("get", "api/policies"): (for_readers_of_policies(200), None),
    ("post", "api/policies"): (for_editor(201), {"slug": "new", "title": "New"}),
    ("get", SLUG): (for_readers_of_policies(200), None),
    ("patch", SLUG): (for_editor(200), {"title": "x"}),
    ("get", f"{SLUG}/activations"): (for_readers_of_policies(200), None),
    ("get", f"{SLUG}/revisions"): (for_readers_of_policies(200), None),
    ("post", f"{SLUG}/revisions"): (for_editor(201), {"document": {}}),
    ("get", REVISION): (for_readers_of_policies(200), None),
    ("post", f"{REVISION}/activate"): (for_editor(200), {}),
    ("post", f"{REVISION}/preview"): (
        for_readers_of_policies(200),
        {"text": "x", "direction": "prompt"},
    ),
    ("post", f"{REVISION}/dry-run"): (for_readers_of_policies(200), {}),
    ("get", "api/policy-assignments"): (for_readers_of_policies(200), None),
    ("post", "api/policy-assignments"): (
        for_editor(201),
        {"kind": "role", "subject": "user", "policy": "given"},
    ),
    ("delete", "api/policy-assignments/<int:pk>"): (for_editor(204), None),
}


def endpoints(resolver=None, prefix=""):
    """Method and route of all that is served, the admin's pages aside; twins with a slash once."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if route.startswith("admin/") or route.endswith(">/"):
            continue
        if isinstance(entry, URLResolver):
            yield from endpoints(entry, route)
        elif not (route.endswith("/") and route != ""):
            yield from ((method, route) for method in methods(entry.callback))


def methods(view):
    if actions := getattr(view, "actions", None):
        return [method for method in actions if method != "head"]
    if (kind := getattr(view, "view_class", None) or getattr(view, "cls", None)) is not None:
        return [name for name in ("get", "post", "put", "patch", "delete") if hasattr(kind, name)]
    return ["get", "post"] if view.__module__ == "accounts.pages" else ["get"]


def test_every_endpoint_has_a_row_and_every_row_an_endpoint():
    assert set(endpoints()) == set(MATRIX)


@contextmanager
def undone():
    """What happens inside never happened."""
    book.forget()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def cast(db):
    """Everybody, and one of everything in Alice's name."""
    users = {
        name: User.objects.create_user(f"{name}@example.org")
        for name in ("alice", "bob", "reviewer", "editor", "admin", "root", "gone")
    }
    User.objects.update(password=HASH)
    services.set_roles(users["reviewer"], ["user", "reviewer"])
    services.set_roles(users["editor"], ["user", "policy editor"])
    services.set_roles(users["admin"], ["user", "admin"])
    User.objects.filter(email="root@example.org").update(is_superuser=True, is_staff=True)
    alice = users["alice"]
    tokens = {"user": sessions.open_session(alice).access}
    tokens |= {
        name: sessions.open_session(users[user]).access
        for name, user in {
            "other": "bob",
            "reviewer": "reviewer",
            "editor": "editor",
            "admin": "admin",
            "root": "root",
        }.items()
    }
    tokens["read-only key"] = keys.create(alice, name="r", scopes=["read"])[1]
    tokens["prompt key"] = keys.create(alice, name="p", scopes=["prompt"])[1]
    return users, tokens | no_good(users)


def no_good(users):
    """Credentials that open nothing."""
    alice, gone = users["alice"], users["gone"]
    pair = sessions.open_session(alice)
    payload = AccessToken(pair.access).payload
    expired = AccessToken(pair.access)
    expired.set_exp(lifetime=-timedelta(seconds=1))
    ended = sessions.open_session(alice)
    sessions.end([ended.session_id], reason="test")
    dead_key, dead_secret = keys.create(alice, name="d", scopes=["prompt", "read"])
    keys.revoke(ApiKey.objects.filter(pk=dead_key.pk))
    late = timezone.now() - timedelta(seconds=1)
    found = {
        "expired": str(expired),
        "revoked": ended.access,
        "wrong signature": pair.access[:-6] + ("AAAAAA" if not pair.access.endswith("AAAAAA") else "BBBBBB"),
        "alg none": jwt.encode(payload, None, "none"),
        "other key": jwt.encode(payload, "x" * 50, "HS256"),
        "refresh token": pair.refresh,
        "no session": str(AccessToken.for_user(alice)),
        "deactivated user": sessions.open_session(gone).access,
        "revoked key": dead_secret,
        "expired key": keys.create(alice, name="e", scopes=["read"], expires_at=late)[1],
        "mistyped key": keys.new_secret()[:-1] + "!",
        "key of deactivated user": keys.create(gone, name="g", scopes=["prompt", "read"])[1],
    }
    services.set_active(User.objects.filter(pk=gone.pk), active=False)
    assert set(found) == set(BAD)
    return found


def address(route, users):
    """The route's address for Alice's objects, made anew."""
    alice = users["alice"]
    plain = route.replace("^", "").replace("/?$", "")
    if "<slug:slug>" in plain or "assignments/" in plain or "policy-assignments" in plain:
        policy = create_policy(slug="given")
        activate(add_revision(policy, document={}))
        assign(kind="role", subject="reviewer", policy=policy)
    plain = plain.replace("<path:id>", "parrot").replace("<slug:slug>", "given").replace("<int:number>", "1")
    plain = plain.replace("<uuid:key>", id_for(plain, alice, "key"))
    plain = plain.replace("<int:pk>", str(getattr(PolicyAssignment.objects.first(), "pk", 0)))
    return "/" + plain.replace("<uuid:pk>", id_for(plain, alice, "pk"))


def id_for(path, alice, name):
    """The id of something of Alice's, of the kind that the path is about."""
    if f"<uuid:{name}>" not in path:
        return ""
    if name == "key" or path.startswith("api/keys"):
        return str(keys.create(alice, name="k", scopes=["read"])[0].pk)
    if path.startswith("auth/sessions"):
        return str(sessions.open_session(alice).session_id)
    if path.startswith("api/users"):
        return str(alice.pk)
    if path.startswith("api/invitations"):
        return str(registration.invite(expires_at=timezone.now() + timedelta(days=1))[0].pk)
    return str(
        Prompt.objects.create(
            created_at=timezone.now(),
            user=alice,
            instance_id=uuid4(),
            request_id="",
            outcome=Outcome.ANSWERED,
        ).pk
    )


@pytest.mark.parametrize(("method", "route"), sorted(MATRIX), ids=lambda value: value or "front")
def test_everybody_gets_what_the_matrix_says(cast, method, route, mailoutbox):
    users, tokens = cast
    statuses, body = MATRIX[method, route]
    expected = dict(zip(GOOD, statuses, strict=True)) | dict.fromkeys(BAD, statuses[0])
    composition.install(house_of(Parrot()))
    found = {}
    try:
        for who in expected:
            with undone():
                found[who] = call(method, address(route, users), tokens.get(who), body)
    finally:
        composition.install(None)
    assert found == expected


def call(method, path, token, body):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    more = {}
    if body is not None:
        is_form = path.startswith("/account/")
        more = body if is_form else json.dumps(body)
        more = {"data": more} if is_form else {"data": more, "content_type": "application/json"}
    return getattr(Client(), method)(path, headers=headers, **more).status_code


# -- the admin's pages --

LISTS = {
    "accounts/user": {"admin", "root"},
    "accounts/session": {"admin", "root"},
    "accounts/apikey": {"admin", "root"},
    "accounts/invitation": {"admin", "root"},
    "accounts/limit": {"admin", "root"},
    "accounts/auditevent": {"admin", "root"},
    "auth/group": {"root"},
    "prompts/prompt": {"reviewer", "root"},
    "prompts/hourlytally": {"reviewer", "admin", "root"},
    "sanitization/policy": {"reviewer", "editor", "root"},
    "sanitization/policyassignment": {"reviewer", "editor", "root"},
}


def test_every_list_of_the_admin_has_a_row():
    from django.contrib import admin

    registered = {f"{m._meta.app_label}/{m._meta.model_name}" for m in admin.site._registry}
    assert registered == set(LISTS)


@pytest.mark.parametrize("page", sorted(LISTS))
def test_the_admin_shows_each_list_to_those_whose_work_it_is(cast, page):
    users, _ = cast
    for name in ("alice", "reviewer", "editor", "admin", "root"):
        client = Client()
        client.force_login(User.objects.get(pk=users[name].pk))
        status = client.get(f"/admin/{page}/").status_code
        expected = 200 if name in LISTS[page] else 302 if name == "alice" else 403
        assert status == expected, (name, status)


def test_an_admin_who_is_no_superuser_cannot_touch_or_become_one(cast):
    users, _ = cast
    client = Client()
    client.force_login(User.objects.get(pk=users["admin"].pk))
    root, admin = users["root"], users["admin"]
    assert client.post(f"/admin/accounts/user/{root.pk}/change/", {"email": "x@b.org"}).status_code == 403
    assert client.post(f"/admin/accounts/user/{root.pk}/password/", {}).status_code == 403
    fields = {"email": admin.email, "first_name": "A", "last_name": "B", "is_active": "on"}
    fields |= {"is_superuser": "on", "groups": [group.pk for group in admin.groups.all()]}
    assert client.post(f"/admin/accounts/user/{admin.pk}/change/", fields).status_code == 302
    assert not User.objects.get(pk=admin.pk).is_superuser
    chosen = {"_selected_action": [str(root.pk)], "action": "deactivate"}
    client.post("/admin/accounts/user/", chosen)
    assert User.objects.get(pk=root.pk).is_active
    assert Session.objects.filter(user=root, ended_at=None).exists()


def test_without_a_role_an_account_may_not_ask(cast):
    users, _ = cast
    services.set_roles(users["bob"], [])
    composition.install(house_of(Parrot()))
    try:
        token = sessions.open_session(users["bob"]).access
        assert call("post", "/prompt", token, {"prompt": "hello"}) == 403
        assert call("get", "/prompt", token, None) == 200
    finally:
        composition.install(None)
