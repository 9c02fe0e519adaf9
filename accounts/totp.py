"""
The second factor: a code from an app that changes every 30 seconds (RFC 6238), for whoever wants it.

    begin ──► the secret, shown once ──► confirm, by a first code ──► every log-in needs a code
                                            └► ten recovery codes, shown once (`accounts.recovery`)

A code is good once, also in the half minute before and after its own. The secret has to be read to check a
code, so it cannot be hashed; it is sealed (Fernet) under a key derived from SECRET_KEY.
"""

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass

import pyotp
from cryptography.fernet import Fernet
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit, recovery
from accounts.errors import SecondFactorWrong
from accounts.models import RecoveryCode, TotpDevice, User

STEP_SECONDS = 30
ISSUER = "LLM Gateway"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the app is told: the secret to type, or the address that a QR code holds."""

    secret: str
    uri: str


def begin(user: User) -> Enrolment:
    """A new secret, which counts from `confirm` on. Raises SecondFactorWrong where one counts already."""
    if is_on(user):
        raise SecondFactorWrong
    secret = pyotp.random_base32()
    TotpDevice.objects.update_or_create(
        user=user, defaults={"sealed": _seal(secret), "last_step": 0, "confirmed_at": None}
    )
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER))


def confirm(user: User, code: str) -> tuple[str, ...]:
    """The app works: from now on every log-in needs a code. Recovery codes for the day that the app is lost.
    Raises SecondFactorWrong."""
    device = TotpDevice.objects.filter(user=user, confirmed_at=None).first()
    if device is None or not _accepts(device, code):
        raise SecondFactorWrong
    with transaction.atomic():
        TotpDevice.objects.filter(pk=device.pk).update(confirmed_at=timezone.now())
        audit.record("totp.on", subject_id=user.pk)
        return recovery.make(user)


def is_on(user: User) -> bool:
    """Whether the user's log-ins need a code."""
    return TotpDevice.objects.filter(user=user, confirmed_at__isnull=False).exists()


def check(user: User, code: str) -> bool:
    """Whether the code is the right one now, or a recovery code; it is spent by that."""
    device = TotpDevice.objects.filter(user=user, confirmed_at__isnull=False).first()
    return device is not None and (_accepts(device, code) or recovery.spend(user, code))


def switch_off(user: User) -> bool:
    """No code is needed any more, and no recovery code is good. Whether one was needed."""
    with transaction.atomic():
        was_on = is_on(user)
        RecoveryCode.objects.filter(user=user).delete()
        TotpDevice.objects.filter(user=user).delete()
        if was_on:
            audit.record("totp.off", subject_id=user.pk)
    return was_on


def _accepts(device: TotpDevice, code: str) -> bool:
    totp, now = pyotp.TOTP(_open(device.sealed)), int(time.time()) // STEP_SECONDS
    fitting = [
        step
        for step in (now - 1, now, now + 1)
        if hmac.compare_digest(totp.at(step * STEP_SECONDS).encode(), code.encode())
    ]
    if not fitting:
        return False
    # Of any number of requests with one code, one changes the row.
    unspent = TotpDevice.objects.filter(pk=device.pk, last_step__lt=fitting[0])
    return bool(unspent.update(last_step=fitting[0]))


def _fernet() -> Fernet:
    key = hashlib.sha256(b"accounts.totp:" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def _seal(secret: str) -> str:
    return _fernet().encrypt(secret.encode()).decode()


def _open(sealed: str) -> str:
    return _fernet().decrypt(sealed.encode()).decode()
