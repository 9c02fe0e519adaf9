"""Accounts over HTTP."""

import json
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.contrib.auth.hashers import identify_hasher
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from accounts import services
from accounts.book import FACTS_SECONDS, book
from accounts.hashers import BoundedArgon2Hasher, BoundedBcryptHasher
from accounts.models import Session, User
from accounts.sessions import open_session
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
ANN = {"email": "Ann@Example.org", "firstName": "Ann", "lastName": "Smith", "password": PASSWORD}


def post(path, body):
    return Client().post(path, json.dumps(body), content_type="application/json")


def profile(token):
    return Client().get("/auth/profile", headers={"Authorization": f"Bearer {token}"})


def log_in(email="alice@example.org", password=PASSWORD):
    return post("/auth/login", {"email": email, "password": password})


def test_registering_answers_what_the_older_service_answered():
    response = post("/user/register", ANN)
    assert response.status_code == 201
    user = User.objects.get()
    assert response.json() == {
        "id": str(user.id),
        "email": "ann@example.org",
        "firstName": "Ann",
        "lastName": "Smith",
        "message": "User ann@example.org has been created",
    }


def test_a_new_account_can_log_in_and_see_itself():
    post("/user/register", ANN)
    response = log_in("ANN@example.ORG")
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in", "userId"}
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 3600
    seen = profile(body["access_token"]).json()
    assert seen["id"] == body["userId"]
    assert seen["email"] == "ann@example.org"


@pytest.mark.parametrize("email", ["ann@example.org", "ANN@EXAMPLE.ORG"])
def test_one_address_has_one_account_whatever_its_case(email):
    post("/user/register", ANN)
    response = post("/user/register", ANN | {"email": email})
    assert response.status_code == 409
    assert response.json()["code"] == "email-taken"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("Sh0rt!a", "8"),
        ("alllower1!", "upper-case"),
        ("ALLUPPER1!", "lower-case"),
        ("NoDigits!!", "digit"),
        ("NoSymbol11", "symbol"),
        ("P@ssw0rd", "common"),
        ("Ann@Example.org1", "similar"),
        ("Aa1!" * 40, "128"),
    ],
)
def test_a_weak_password_is_refused_with_its_reason(password, reason):
    response = post("/user/register", ANN | {"password": password})
    assert response.status_code == 400
    assert reason in str(response.json()["errors"]["password"])
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"email": "no address"},
        {"email": 5},
        {"email": "a" * 250 + "@example.org"},
        {"firstName": ""},
        {"firstName": "A\nB"},
        {"firstName": "x" * 151},
        {"lastName": None},
        {"password": 12345678},
        {"role": "admin"},
        {"is_staff": True},
    ],
)
def test_a_wrong_field_is_refused_by_name(change):
    response = post("/user/register", ANN | change)
    assert response.status_code == 400
    assert next(iter(change)) in response.json()["errors"]
    assert not User.objects.exists()


def test_wrong_password_and_unknown_account_are_told_in_the_same_words(alice):
    wrong, unknown = log_in(password="Wr0ng!pass"), log_in("nobody@example.org")
    for response in (wrong, unknown):
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"
    assert {**wrong.json(), "requestId": 0} == {**unknown.json(), "requestId": 0}


def test_an_unknown_account_costs_the_same_hashing_as_a_known_one(alice, monkeypatch):
    count = []
    for name in ("encode", "verify"):
        original = getattr(BoundedArgon2Hasher, name)

        def counted(self, *args, _original=original):
            count.append(1)
            return _original(self, *args)

        monkeypatch.setattr(BoundedArgon2Hasher, name, counted)
    log_in(password="Wr0ng!pass")
    known = len(count)
    log_in("nobody@example.org")
    assert len(count) - known == known


def test_a_disabled_account_is_told_in_the_same_words(alice):
    User.objects.update(is_active=False)
    assert log_in().status_code == 401
    assert log_in().json()["code"] == log_in(password="no").json()["code"]


def token_with(user, **claims):
    token = AccessToken(open_session(user).access)
    for name, value in claims.items():
        token.payload[name] = value
    return str(token)


def test_a_token_of_somebody_who_was_deactivated_is_refused_at_once_and_for_good(alice, token_of):
    token = token_of(alice)
    assert profile(token).status_code == 200
    services.set_active(User.objects.all(), active=False)
    assert profile(token).status_code == 401
    services.set_active(User.objects.all(), active=True)
    assert profile(token).status_code == 401


@pytest.mark.parametrize("by_hand", [lambda rows: rows.update(is_active=False), lambda rows: rows.delete()])
def test_what_was_changed_by_hand_in_the_database_counts_after_seconds(alice, token_of, by_hand, monkeypatch):
    token = token_of(alice)
    assert profile(token).status_code == 200
    by_hand(User.objects.all())
    known = book._known[next(iter(book._known))]
    monkeypatch.setitem(
        book._known, next(iter(book._known)), replace(known, loaded_at=known.loaded_at - FACTS_SECONDS)
    )
    assert profile(token).status_code == 401


def test_every_other_wrong_token_is_refused_in_one_wording(alice):
    pair = open_session(alice)
    good, expired = AccessToken(pair.access), AccessToken(pair.access)
    expired.set_exp(lifetime=-timedelta(seconds=1))
    payload = good.payload
    wrong = [
        str(expired),
        pair.refresh,  # a refresh token opens nothing
        str(AccessToken.for_user(alice)),  # of no session
        token_with(alice, sid=str(alice.id)),
        token_with(alice, sid="x"),
        token_with(alice, jti=None, exp=0),
        jwt.encode(payload, "x" * 50, "HS256"),
        jwt.encode(payload, None, "none"),
        jwt.encode(payload, settings.SIMPLE_JWT["SIGNING_KEY"], "HS512"),
        str(good)[:-3],
        "",
        "a.b.c",
        "\u00e9",
    ]
    answers = {profile(token).content.split(b'"requestId"')[0] for token in wrong}
    assert {profile(token).status_code for token in wrong} == {401}
    assert len(answers) == 1


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "bearer  ", "Token x"])
def test_another_kind_of_authorization_is_refused(header):
    assert Client().get("/auth/profile", headers={"Authorization": header}).status_code == 401


def test_a_refresh_token_works_once(alice):
    first = log_in().json()
    second = post("/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert second.status_code == 200
    assert set(second.json()) == set(first)
    assert profile(second.json()["access_token"]).status_code == 200
    third = post("/auth/refresh", {"refresh_token": second.json()["refresh_token"]})
    assert third.status_code == 200


def test_a_refresh_token_that_comes_twice_ends_its_family_and_no_other(alice):
    other, first = log_in().json(), log_in().json()
    second = post("/auth/refresh", {"refresh_token": first["refresh_token"]}).json()
    assert post("/auth/refresh", {"refresh_token": first["refresh_token"]}).status_code == 401
    assert post("/auth/refresh", {"refresh_token": second["refresh_token"]}).status_code == 401
    assert profile(second["access_token"]).status_code == 401
    assert profile(first["access_token"]).status_code == 401
    assert profile(other["access_token"]).status_code == 200
    assert Session.objects.get(end_reason="refresh-token-reused")


def test_logging_out_kills_the_refresh_token_and_the_access_tokens(alice):
    pair = log_in().json()
    assert profile(pair["access_token"]).status_code == 200
    assert post("/auth/logout", {"refresh_token": pair["refresh_token"]}).status_code == 204
    assert profile(pair["access_token"]).status_code == 401
    assert post("/auth/refresh", {"refresh_token": pair["refresh_token"]}).status_code == 401
    assert post("/auth/logout", {"refresh_token": pair["refresh_token"]}).status_code == 401


def test_a_disabled_user_gets_no_new_pair_and_keeps_the_token_unspent(alice):
    pair = log_in().json()
    User.objects.update(is_active=False)
    assert post("/auth/refresh", {"refresh_token": pair["refresh_token"]}).status_code == 401
    User.objects.update(is_active=True)
    assert post("/auth/refresh", {"refresh_token": pair["refresh_token"]}).status_code == 200


@pytest.mark.parametrize("token", ["", "x", 5, None])
def test_a_thing_that_is_no_refresh_token_is_refused(token, alice):
    assert post("/auth/refresh", {"refresh_token": token}).status_code in (400, 401)


def test_an_access_token_refreshes_nothing(alice):
    assert post("/auth/refresh", {"refresh_token": log_in().json()["access_token"]}).status_code == 401


def test_an_imported_user_logs_in_with_the_old_password_and_is_rehashed(alice):
    hashed = BoundedBcryptHasher().encode(PASSWORD, b"$2b$04$" + b"a" * 21 + b"e")
    User.objects.update(password=hashed)
    assert log_in(password="Wr0ng!pass").status_code == 401
    assert log_in().status_code == 200
    alice.refresh_from_db()
    assert identify_hasher(alice.password).algorithm == "argon2"
    assert log_in().status_code == 200


@pytest.mark.parametrize("path", ["/user/register", "/auth/login", "/auth/refresh", "/auth/logout"])
@pytest.mark.parametrize(
    "body", [b"", b"[", b"[]", b"\xff", b'{"email": "\\ud800"}', b"[" * 200_000, b'{"a": "\\u0000"}']
)
def test_bad_bodies_get_a_sentence(path, body):
    response = Client().post(path, body, content_type="application/json")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert len(response.json()["detail"]) > 10


def test_another_content_type_is_refused():
    assert Client().post("/auth/login", {"email": "a"}).status_code == 415


def test_a_wrong_method_says_which_are_right():
    response = Client().get("/auth/login")
    assert response.status_code == 405
    assert "POST" in response["Allow"]


@pytest.mark.parametrize("path", ["/user/register/", "/auth/login/", "/auth/profile/"])
def test_a_trailing_slash_makes_no_difference(path):
    assert Client().get(path).status_code in (401, 405)
