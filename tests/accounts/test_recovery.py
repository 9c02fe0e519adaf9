"""Recovery codes: for whoever lost the authenticator; each opens the door once."""

import json
from io import StringIO

import pyotp
import pytest
from django.core.management import call_command
from django.test import Client

from accounts import audit, recovery, sessions, totp
from accounts.models import AuditEvent, RecoveryCode, TotpDevice
from tests.accounts.test_logins import ALICE, enter, log_in, post
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def codes(alice):
    """Alice's second factor is on, and she wrote her codes down."""
    enrolment = totp.begin(alice)
    made = totp.confirm(alice, pyotp.TOTP(enrolment.secret).now())
    TotpDevice.objects.update(last_step=0)
    return made


def bearer(user):
    return {"Authorization": f"Bearer {sessions.open_session(user).access}"}


def left(user):
    return Client().get("/auth/totp", headers=bearer(user)).json()


def test_a_recovery_code_gets_its_owner_in_once(alice, codes):
    assert left(alice) == {"on": True, "recoveryCodesLeft": 10}
    assert log_in(address="", code=codes[3]).status_code == 200
    assert log_in(address="", code=codes[3]).json()["code"] == "wrong-credentials"
    assert left(alice) == {"on": True, "recoveryCodesLeft": 9}
    event = AuditEvent.objects.get(action="recovery-code.used")
    assert (event.subject_id, event.details) == (alice.pk, {"left": 9})
    assert codes[3] not in json.dumps(list(AuditEvent.objects.values()), default=str)
    assert audit.verify().wrong == ()


@pytest.mark.parametrize("typed", [str.upper, lambda code: code.replace("-", " "), lambda code: f" {code} "])
def test_a_code_may_be_typed_as_people_type(alice, codes, typed):
    assert recovery.spend(alice, typed(codes[0]))


def test_a_code_is_its_owners_alone(alice, bob, codes):
    enrolment = totp.begin(bob)
    totp.confirm(bob, pyotp.TOTP(enrolment.secret).now())
    assert not totp.check(bob, codes[0])
    assert totp.check(alice, codes[0])


def test_codes_are_told_apart_and_hard_to_guess(codes):
    assert len(set(codes)) == recovery.HOW_MANY == 10
    assert all(len(code) == 11 and code[5] == "-" for code in codes)
    stored = " ".join(RecoveryCode.objects.values_list("digest", flat=True))
    assert not [code for code in codes if code in stored or code.replace("-", "") in stored]


def test_recovery_codes_are_guessed_no_faster_than_passwords(alice, codes):
    statuses = [log_in(address="", code=f"aaaaa-aaaa{n}").status_code for n in range(7)]
    assert statuses == [401] * 6 + [429]


def test_without_the_second_factor_on_no_code_counts(alice, codes):
    totp.switch_off(alice)
    assert RecoveryCode.objects.count() == 0
    assert not totp.check(alice, codes[0])


def test_new_codes_take_password_and_code_and_end_the_older_ones(alice, codes):
    def ask(**body):
        return Client().post(
            "/auth/totp/recovery-codes",
            json.dumps(body),
            content_type="application/json",
            headers=bearer(alice),
        )

    assert ask(password="Wr0ng!pass", code=codes[0]).status_code == 401
    assert ask(password=PASSWORD, code="aaaaa-aaaaa").json()["code"] == "second-factor-wrong"
    fresh = ask(password=PASSWORD, code=codes[0]).json()["recoveryCodes"]
    assert len(fresh) == 10
    assert not recovery.spend(alice, codes[1])
    assert recovery.spend(alice, fresh[0])
    assert AuditEvent.objects.filter(action="recovery-codes.made").count() == 2


def test_a_lost_authenticator_is_switched_off_by_a_recovery_code(alice, codes):
    off = Client().delete(
        "/auth/totp",
        json.dumps({"password": PASSWORD, "code": codes[0]}),
        content_type="application/json",
        headers=bearer(alice),
    )
    assert off.status_code == 204
    assert left(alice) == {"on": False, "recoveryCodesLeft": 0}


def test_the_admins_page_takes_recovery_codes_too(root):
    enrolment = totp.begin(root)
    codes = totp.confirm(root, pyotp.TOTP(enrolment.secret).now())
    who = {"username": "root@example.org", "password": PASSWORD}
    assert enter(**who, code=codes[0]).status_code == 302
    assert enter(**who, code=codes[0]).status_code == 200  # the form again


def test_an_operator_who_switches_it_off_leaves_a_trace(alice, codes):
    out = StringIO()
    call_command("unlock_account", ALICE, "--totp-off", stdout=out)
    assert "second factor is off" in out.getvalue()
    assert log_in(address="").status_code == 200
    assert AuditEvent.objects.filter(action="totp.off", subject_id=alice.pk).exists()
    assert post("/auth/login", {"email": ALICE, "password": PASSWORD}).status_code == 200


def test_a_log_in_from_a_phone_without_codes_still_works(alice, codes):
    """The authenticator goes on working beside them."""
    secret = totp._open(TotpDevice.objects.get().sealed)
    assert log_in(address="", code=pyotp.TOTP(secret).now()).status_code == 200
    assert recovery.left(alice) == 10
