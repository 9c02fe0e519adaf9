"""Sessions over HTTP: one's own are listed and ended; what changes an account ends them."""

import json
import time

import pytest
from django.test import Client

from accounts import services, sessions
from accounts.errors import UnknownRole
from accounts.models import Session, User
from accounts.uses import Uses
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
NEW = "An0ther!pass-word"


def call(method, path, token, body=None):
    send = getattr(Client(), method)
    return send(
        path,
        json.dumps(body or {}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}", "User-Agent": "curl/8"},
    )


def alive(token):
    return Client().get("/auth/profile", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def log_in(email="alice@example.org"):
    body = json.dumps({"email": email, "password": PASSWORD})
    headers = {"User-Agent": "Firefox\x00 on Linux" + "x" * 300}
    return Client().post("/auth/login", body, content_type="application/json", headers=headers).json()


def listed(token):
    return Client().get("/auth/sessions", headers={"Authorization": f"Bearer {token}"}).json()


def test_a_session_tells_device_and_address_and_which_one_asks(alice):
    first, second = log_in(), log_in()
    rows = listed(first["access_token"])
    assert [row["current"] for row in rows] == [False, True]
    assert rows[0]["device"].startswith("Firefox on Linux")
    assert len(rows[0]["device"]) == 200
    assert rows[0]["address"] == "127.0.0.1"
    assert len(listed(second["access_token"])) == 2


def test_a_user_ends_one_session_and_its_tokens_are_dead_at_once(alice):
    mine, lost = log_in(), log_in()
    assert alive(lost["access_token"])
    [gone] = [row["id"] for row in listed(mine["access_token"]) if not row["current"]]
    assert call("delete", f"/auth/sessions/{gone}", mine["access_token"]).status_code == 204
    assert not alive(lost["access_token"])
    assert alive(mine["access_token"])
    refreshed = call("post", "/auth/refresh", "", {"refresh_token": lost["refresh_token"]})
    assert refreshed.status_code == 401
    assert call("delete", f"/auth/sessions/{gone}", mine["access_token"]).status_code == 404


def test_a_user_ends_all_sessions_but_the_one_that_asks(alice):
    mine, others = log_in(), [log_in() for _ in range(3)]
    assert call("delete", "/auth/sessions", mine["access_token"]).status_code == 204
    assert [alive(pair["access_token"]) for pair in (mine, *others)] == [True, False, False, False]


def test_sessions_of_others_do_not_exist(alice, bob, token_of):
    hers = sessions.open_session(alice)
    assert call("delete", f"/auth/sessions/{hers.session_id}", token_of(bob)).status_code == 404
    assert alive(hers.access)
    assert [row["current"] for row in listed(token_of(bob))].count(True) == 1


def test_an_administrator_sees_and_ends_the_sessions_of_anybody(alice, root, token_of):
    hers, path = token_of(alice), f"/api/users/{alice.pk}/sessions"
    assert len(Client().get(path, headers={"Authorization": f"Bearer {token_of(root)}"}).json()) == 1
    assert call("delete", path, token_of(root)).status_code == 204
    assert not alive(hers)


def test_changing_the_password_ends_every_session_but_the_one_that_does_it(alice):
    mine, other = log_in(), log_in()
    change = {"current": PASSWORD, "new": NEW}
    wrong = call("post", "/auth/password", mine["access_token"], change | {"current": "Wr0ng!pass"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong-credentials")
    weak = call("post", "/auth/password", mine["access_token"], change | {"new": "alice@Example.org1"})
    assert (weak.status_code, list(weak.json()["errors"])) == (400, ["new"])
    assert alive(other["access_token"])
    assert call("post", "/auth/password", mine["access_token"], change).status_code == 204
    assert alive(mine["access_token"])
    assert not alive(other["access_token"])
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_another_role_ends_every_session_and_opens_the_admin(alice, token_of):
    token = token_of(alice)
    assert alive(token)
    services.set_roles(alice, ["user", "reviewer"])
    assert not alive(token)
    alice.refresh_from_db()
    assert alice.is_staff
    services.set_roles(alice, [])
    alice.refresh_from_db()
    assert not alice.is_staff
    with pytest.raises(UnknownRole):
        services.set_roles(alice, ["user", "wizard"])


def test_a_session_is_over_when_it_expires(alice, token_of):
    token = token_of(alice)
    Session.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert not alive(token)
    assert listed(token_of(alice))[0]["current"]


def test_a_token_that_was_good_is_no_longer_when_it_expires(alice, token_of, monkeypatch):
    token = token_of(alice)
    assert alive(token)
    later = time.time() + 2 * 3600
    monkeypatch.setattr("accounts.tokens.time.time", lambda: later)
    assert not alive(token)


def test_when_a_session_was_last_used_is_written_now_and_then(alice):
    Session.objects.update(last_used_at="2020-01-01T00:00:00Z")
    session = Session.objects.get(pk=sessions.open_session(alice).session_id)
    Session.objects.update(last_used_at="2020-01-01T00:00:00Z")
    from accounts.facts import of_session

    uses = Uses()
    uses.note(of_session(session.pk))
    assert uses.write_if_due() is None  # it is not time yet
    uses.write()
    session.refresh_from_db()
    assert session.last_used_at.year > 2020


def test_a_new_account_has_the_role_user():
    user = User.objects.create_user("new@example.org", PASSWORD)
    assert [group.name for group in user.groups.all()] == ["user"]
