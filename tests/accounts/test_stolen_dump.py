"""Somebody has the whole database and nothing else: it holds no key, token, password or raw value of a
prompt."""

import json
from datetime import timedelta

import pyotp
import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.test import Client
from django.utils import timezone

from accounts import keys, registration, sessions, totp
from accounts.models import TotpDevice
from accounts.registration import confirmations, resets, token_for
from accounts.tokens import read_access
from tests.conftest import PASSWORD
from tests.prompts.conftest import Caller

RAW = ("ann.smith@corp.com", "4111 1111 1111 1111", "4111111111111111")


def dump():
    rows = {m._meta.label: list(m._default_manager.values()) for m in apps.get_models()}
    return json.dumps(rows, cls=DjangoJSONEncoder, default=str)


def secrets_of(alice):
    """Everything that opens a door, made in every way that there is."""
    body = json.dumps({"email": "alice@example.org", "password": PASSWORD})
    pair = Client().post("/auth/login", body, content_type="application/json").json()
    fresh = sessions.refresh(refresh_token=pair["refresh_token"])
    key, first = keys.create(alice, name="x", scopes=["prompt"])
    enrolment = totp.begin(alice)
    codes = totp.confirm(alice, pyotp.TOTP(enrolment.secret).now())
    links = [token_for(alice, kind) for kind in (confirmations, resets)]
    return [
        *(pair["access_token"], pair["refresh_token"], fresh.access, fresh.refresh),
        *(first, keys.rotate(key, overlap=timedelta(days=1)), enrolment.secret),
        registration.invite(expires_at=timezone.now())[1],
        *(code.replace("-", "") for code in codes),
        *codes,
        *(PASSWORD, *links, *(link.partition(".")[2] for link in links)),
    ]


async def test_a_stolen_dump_opens_nothing_and_tells_no_raw_value(served, alice):
    secrets = await sync_to_async(secrets_of)(alice)
    asked = await Caller(secrets[2]).ask(
        f"My mail is {RAW[0]} and my card is {RAW[1]}.", conversationId="new"
    )
    assert asked.status_code == 201
    stolen = await sync_to_async(dump)()
    for secret in (*secrets, *RAW):
        assert secret not in stolen
    assert "[EMAIL_1]" in stolen  # it is the whole database that was looked through


@pytest.mark.django_db
def test_what_the_dump_has_of_a_token_makes_none(alice):
    """Ids of sessions and refresh tokens are in it; without the signing key they are worth nothing."""
    from accounts.errors import NotAuthenticated

    pair = sessions.open_session(alice)
    session = alice.sessions.get()
    for guess in (str(session.pk), session.refresh_id.hex, f"lgw_{session.refresh_id.hex}"):
        with pytest.raises(NotAuthenticated):
            read_access(guess)
    assert TotpDevice.objects.count() == 0
    assert pair.session_id == session.pk
