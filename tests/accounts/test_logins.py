"""Guessing is slow, tells nothing, and does not keep the owner out."""

import json
from datetime import timedelta
from io import StringIO

import pyotp
import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts import registration, sessions, throttles, totp
from accounts.hashers import BoundedArgon2Hasher
from accounts.models import Attempt, Session, TotpDevice, User
from accounts.registration import resets, token_for
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
ALICE = "alice@example.org"


@pytest.fixture
def hashes(monkeypatch):
    """Argon2, counted and made cheap: what is tested here is how often it is called."""
    calls = []
    monkeypatch.setattr(BoundedArgon2Hasher, "memory_cost", 8)
    for name in ("encode", "verify"):
        original = getattr(BoundedArgon2Hasher, name)

        def counted(self, *args, _name=name, _original=original):
            calls.append(_name)
            return _original(self, *args)

        monkeypatch.setattr(BoundedArgon2Hasher, name, counted)
    return calls


def post(path, body, address="203.0.113.7", token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Client(REMOTE_ADDR=address).post(
        path, json.dumps(body), content_type="application/json", headers=headers
    )


def log_in(email=ALICE, password=PASSWORD, address="203.0.113.7", **more):
    return post("/auth/login", {"email": email, "password": password, **more}, address)


def wait_over(email=ALICE):
    Attempt.objects.update(free_at=timezone.now())


def test_after_five_guesses_each_next_one_waits_twice_as_long(alice, hashes):
    for _ in range(5):
        assert log_in(password="Wr0ng!pass", address="").status_code == 401
    pauses = []
    for _ in range(14):
        assert log_in(password="Wr0ng!pass", address="").status_code == 401
        refused = log_in(password="Wr0ng!pass", address="")
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-attempts")
        pauses.append(int(refused["Retry-After"]))
        Attempt.objects.update(free_at=timezone.now())
    assert pauses[:5] == [1, 2, 4, 8, 16]
    assert pauses[-1] == 900
    Attempt.objects.update(last_at=timezone.now() - timedelta(hours=25))
    for _ in range(5):
        assert log_in(password="Wr0ng!pass", address="").status_code == 401


@pytest.mark.parametrize(("email", "count"), [(ALICE, 10_000), ("nobody@example.org", 1_000)])
def test_ten_thousand_guesses_from_many_addresses_are_a_handful_and_the_owner_still_gets_in(
    alice, hashes, email, count
):
    """Five are free, the sixth begins the pauses; unknown accounts are treated alike."""
    Session.objects.create(
        user=alice, address="198.51.100.1", refresh_id=alice.pk, expires_at=timezone.now()
    )  # where she logged in once
    answers = {}
    for n in range(count):
        answer = log_in(email, f"Gu3ss!{n}", address=f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
        answers[answer.status_code] = answers.get(answer.status_code, 0) + 1
        if answers.get(429, 0) == 100:
            break  # the rest goes the same way, and takes minutes through HTTP: straight at the throttle
    from accounts import origin
    from accounts.errors import TooManyAttempts

    for n in range(count - sum(answers.values())):
        origin.arrive(address=f"11.{n >> 16}.{n >> 8 & 255}.{n & 255}", device="", request_id="")
        try:
            throttles.guess_at(email)
            answers["passed"] = answers.get("passed", 0) + 1
        except TooManyAttempts:
            answers[429] += 1
    origin.leave()
    # A guess passes whenever a pause is over, and pauses double: a handful in the minute that this takes.
    assert answers[401] + answers.get("passed", 0) <= 14
    assert log_in(email).status_code == 429
    if email == ALICE:
        assert log_in(address="198.51.100.1").status_code == 200


def test_the_owner_gets_in_by_a_link_from_an_e_mail_while_the_account_is_locked(alice, hashes, mailoutbox):
    for _ in range(8):
        log_in(password="Wr0ng!pass", address="")
    assert log_in(address="").status_code == 429
    token = token_for(alice, resets)
    new = {"token": token, "password": "An0ther!pass-word"}
    assert post("/auth/password-reset/confirm", new).status_code == 204
    assert log_in(password="An0ther!pass-word", address="").status_code == 200


def test_an_operator_unlocks_an_account(alice, hashes):
    for _ in range(8):
        log_in(password="Wr0ng!pass", address="")
    out = StringIO()
    call_command("unlock_account", ALICE, stdout=out)
    assert out.getvalue() == "Unlocked.\n"
    assert log_in(address="").status_code == 200


def test_an_address_that_tries_many_accounts_is_paused_for_all_of_them(alice, hashes):
    statuses = [log_in(f"user{n}@example.org", address="2001:db8::1").status_code for n in range(32)]
    assert statuses[:31] == [401] * 31
    assert statuses[31] == 429
    assert log_in(address="2001:db8::ffff").status_code == 429  # the same /64
    assert log_in(address="2001:db8:0:1::1").status_code == 200


def test_a_log_in_of_ones_own_buys_no_further_guesses(alice, bob, hashes):
    for n in range(30):
        log_in(f"user{n}@example.org")
    assert log_in("bob@example.org").status_code == 200
    log_in("user30@example.org")
    assert log_in("user31@example.org").status_code == 429


def test_a_known_and_an_unknown_account_cost_the_same_work_and_get_the_same_words(alice, hashes):
    User.objects.create_user("off@example.org", PASSWORD, is_active=False)
    seen = []
    for email, password in (
        (ALICE, "Wr0ng!pass"),
        ("nobody@example.org", "Wr0ng!pass"),
        ("off@example.org", "Wr0ng!pass"),
        ("off@example.org", PASSWORD),
    ):
        hashes.clear()
        answer = log_in(email, password, address="")
        seen.append((len(hashes), answer.status_code, {**answer.json(), "requestId": 0}))
    assert seen.count(seen[0]) == 4
    assert seen[0][:2] == (1, 401)


def test_what_cannot_be_hashed_now_is_refused_and_counts_as_no_guess(alice, monkeypatch):
    import threading

    from accounts import hashers

    monkeypatch.setattr(hashers, "_places", threading.BoundedSemaphore(1))
    with hashers._places:
        for _ in range(20):
            answer = log_in(address="")
            assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "busy", "2")
    assert log_in(address="").status_code == 200


def test_the_throttles_table_names_nobody(alice, hashes):
    log_in(password="Wr0ng!pass")
    rows = json.dumps(list(Attempt.objects.values_list("subject", flat=True)))
    assert Attempt.objects.count() == 2
    assert "alice" not in rows
    assert "203.0.113" not in rows


# -- the second factor --


@pytest.fixture
def secret(alice):
    """Alice's authenticator, switched on."""
    enrolment = totp.begin(alice)
    totp.confirm(alice, pyotp.TOTP(enrolment.secret).now())
    TotpDevice.objects.update(last_step=0)
    return enrolment.secret


def test_with_a_second_factor_the_password_alone_gets_nobody_in(alice, secret):
    missing = log_in(address="")
    assert (missing.status_code, missing.json()["code"]) == (401, "second-factor-needed")
    assert log_in(address="", code="000000").json()["code"] == "wrong-credentials"
    assert log_in(address="", code=pyotp.TOTP(secret).now()).status_code == 200


def test_a_code_works_once(alice, secret):
    code = pyotp.TOTP(secret).now()
    assert log_in(address="", code=code).status_code == 200
    assert log_in(address="", code=code).status_code == 401


def test_codes_are_guessed_no_faster_than_passwords(alice, secret):
    statuses = [log_in(address="", code=f"{n:06}").status_code for n in range(7)]
    assert statuses == [401] * 6 + [429]


def test_a_wrong_password_never_tells_of_the_second_factor(alice, secret):
    assert log_in(password="Wr0ng!pass", address="").json()["code"] == "wrong-credentials"


def test_the_second_factor_is_switched_on_and_off_over_http(alice):
    token = sessions.open_session(alice).access
    assert post("/auth/totp", {"password": "Wr0ng!pass"}, token=token).status_code == 401
    begun = post("/auth/totp", {"password": PASSWORD}, token=token).json()
    assert "alice%40example.org" in begun["uri"]
    assert log_in(address="").status_code == 200  # not confirmed yet
    app = pyotp.TOTP(begun["secret"])
    assert post("/auth/totp/confirm", {"code": "12"}, token=token).status_code == 400
    on = post("/auth/totp/confirm", {"code": app.now()}, token=token)
    assert (on.status_code, len(on.json()["recoveryCodes"])) == (200, 10)
    assert log_in(address="").status_code == 401
    assert post("/auth/totp", {"password": PASSWORD}, token=token).json()["code"] == "second-factor-wrong"
    TotpDevice.objects.update(last_step=0)
    off = Client().delete(
        "/auth/totp",
        json.dumps({"password": PASSWORD, "code": app.now()}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert off.status_code == 204
    assert log_in(address="").status_code == 200


def test_an_operator_switches_a_lost_second_factor_off(alice, secret):
    call_command("unlock_account", ALICE, "--totp-off", stdout=StringIO())
    assert log_in(address="").status_code == 200


def test_the_secret_is_sealed_in_the_database(alice, secret):
    assert secret not in str(vars(TotpDevice.objects.get()))


# -- the admin's page --


def enter(address="203.0.113.9", **fields):
    return Client(REMOTE_ADDR=address).post("/admin/login/?next=/admin/", {"next": "/admin/", **fields})


def test_the_admins_page_has_the_same_throttle_and_second_factor(root):
    enrolment = totp.begin(root)
    totp.confirm(root, pyotp.TOTP(enrolment.secret).now())
    TotpDevice.objects.update(last_step=0)
    who = {"username": "root@example.org", "password": PASSWORD}
    assert "authenticator" in enter(**who).content.decode()
    assert enter(**who, code=pyotp.TOTP(enrolment.secret).now()).status_code == 302
    for _ in range(7):
        enter("198.51.100.7", **who | {"password": "Wr0ng!pass"})
    assert "Too many attempts" in enter("198.51.100.7", **who).content.decode()
    assert "Too many attempts" not in enter(**who).content.decode()  # where the owner has been before


def test_a_user_without_work_in_the_admin_is_told_nothing_more(alice):
    assert "correct" in enter(username=ALICE, password=PASSWORD).content.decode()


def test_make_password_is_what_an_unknown_account_costs(hashes):
    """The premise of the equal work: one encode costs what one verify does."""
    make_password("x")
    assert hashes == ["encode"]
    assert registration.Mode("open")
