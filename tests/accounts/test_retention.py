"""`manage.py purge`: what has served its time goes, and nothing else does."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session as BrowserSession
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts import audit, keys, recovery, registration, retention, sessions, throttles
from accounts.models import (
    ApiKey,
    ApiKeySecret,
    Attempt,
    AuditEvent,
    Invitation,
    RecoveryCode,
    Session,
    Usage,
    User,
)

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now


def ago(days):
    return NOW() - timedelta(days=days)


def purge(*arguments):
    out = StringIO()
    call_command("purge", *arguments, stdout=out)
    lines = (line.split(": ") for line in out.getvalue().splitlines())
    return {name: int(counted.split()[0]) for name, counted in lines}


@pytest.fixture
def full(alice):
    """One of each kind that is due, and its neighbour that is not."""
    kept = sessions.open_session(alice)
    recovery.make(alice)
    Usage.objects.create(subject=alice.pk, month=ago(400).date(), tokens=7)
    for ended, used in ((ago(91), ago(92)), (ago(89), ago(91)), (ago(91), ago(1))):
        one = sessions.open_session(alice)
        Session.objects.filter(pk=one.session_id).update(ended_at=ended, last_used_at=used)
    expired = sessions.open_session(alice)
    Session.objects.filter(pk=expired.session_id).update(expires_at=ago(91), last_used_at=ago(105))
    for name, days in (("due", -1), ("fresh", 1)):
        BrowserSession.objects.create(session_key=name, session_data="", expire_date=ago(-days))
        registration.invite(expires_at=ago(90 - days))
        key, _ = keys.create(alice, name=name, scopes=["read"])
        ApiKey.objects.filter(pk=key.pk).update(revoked_at=ago(365 - days))
        Usage.objects.create(subject=key.pk, month=ago(400).date(), tokens=days + 1)
        throttles_at = ago(1 - days / 24)
        Attempt.objects.create(subject=name, count=9, last_at=throttles_at, free_at=throttles_at)
        waiting = User.objects.create_user(f"{name}@example.org", awaits_email=True, is_active=False)
        User.objects.filter(pk=waiting.pk).update(date_joined=ago(7 - days))
        RecoveryCode.objects.create(user=alice, digest=name, used_at=ago(1 - days / 24))
    rotated, _ = keys.create(alice, name="rotated", scopes=["read"])
    keys.rotate(rotated, overlap=timedelta(0))
    rotated.secrets.filter(expires_at__isnull=False).update(expires_at=ago(366))
    return kept


DUE = {
    "sessions": 2,
    "browser sessions": 1,
    "invitations": 1,
    "API keys": 1,
    "secrets of API keys": 1,
    "attempts": 1,
    "unconfirmed accounts": 1,
    "used recovery codes": 1,
    "prompts": 0,  # tests/prompts/test_retention.py
    "texts of prompts": 0,
}


def test_what_is_due_goes_and_its_neighbour_stays(full, alice, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 1)
    events = AuditEvent.objects.count()
    assert purge("--dry-run") == DUE
    assert AuditEvent.objects.count() == events
    assert purge() == DUE
    assert purge() == dict.fromkeys(DUE, 0)
    assert Session.objects.count() == 3
    assert Session.objects.filter(pk=full.session_id, ended_at=None).exists()
    assert [one.session_key for one in BrowserSession.objects.all()] == ["fresh"]
    assert Invitation.objects.count() == Attempt.objects.count() == 1
    assert set(ApiKey.objects.values_list("name", flat=True)) == {"fresh", "rotated"}
    assert ApiKeySecret.objects.count() == 2
    assert recovery.left(alice) == 10
    assert RecoveryCode.objects.get(used_at__isnull=False).digest == "fresh"
    assert set(Usage.objects.values_list("tokens", flat=True)) == {2, 7}  # of the key that stays, and hers
    assert set(User.objects.values_list("email", flat=True)) == {"alice@example.org", "fresh@example.org"}


def test_the_audit_trail_stays_whole_and_tells_of_accounts_that_went(full):
    before = AuditEvent.objects.count()
    purge()
    assert AuditEvent.objects.count() > before
    assert AuditEvent.objects.filter(action="person.erased").count() == 1
    assert audit.verify().wrong == ()


def test_an_address_that_nobody_confirmed_can_be_registered_again(settings, db, mailoutbox):
    settings.EMAIL_CONFIRMATION = True
    fields = {"first_name": "A", "last_name": "B", "password": "Str0ng!pass-word"}
    registration.register(email="new@example.org", **fields)
    User.objects.update(date_joined=ago(8))
    purge()
    assert not User.objects.exists()
    registration.register(email="new@example.org", **fields)
    assert User.objects.filter(email="new@example.org", awaits_email=True).exists()


def test_a_pause_that_still_runs_is_not_forgotten(alice):
    Attempt.objects.create(subject="x", count=99, last_at=ago(2), free_at=NOW() + timedelta(seconds=60))
    assert purge()["attempts"] == 0


def test_somebody_who_waits_for_an_administrator_or_was_switched_off_is_not_unconfirmed(db):
    User.objects.create_user("waits@example.org", awaits_approval=True, is_active=False)
    User.objects.create_user("off@example.org", is_active=False)
    User.objects.update(date_joined=ago(400))
    assert purge()["unconfirmed accounts"] == 0


def test_two_at_once_share_the_work(alice, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 7)
    rows = [Attempt(subject=str(n), count=1, last_at=ago(2), free_at=ago(2)) for n in range(200)]
    Attempt.objects.bulk_create(rows)

    def work(_):
        try:
            return sum(retention.purge(next(one for one in retention.KINDS if one.name == "attempts")))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(work, range(3))) == 200
    assert not Attempt.objects.exists()
    assert throttles.FORGET_HOURS == 24
