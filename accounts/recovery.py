"""
Recovery codes: ten, each good once instead of a code of the authenticator, for whoever has lost it.

They are random (50 bits), so a keyed hash is enough of a hash, and one query finds a code among a user's. New
ones take the place of all older ones.
"""

import base64
import hashlib
import hmac
import secrets

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import RecoveryCode, User

HOW_MANY = 10
CHARS = 10


def make(user: User) -> tuple[str, ...]:
    """Ten new codes, which are shown once. The older ones are good no longer."""
    codes = tuple(_code() for _ in range(HOW_MANY))
    rows = [RecoveryCode(user=user, digest=_hashed(user, code)) for code in codes]
    with transaction.atomic():
        User.objects.select_for_update().filter(pk=user.pk).first()  # of two at once, the later one's count
        RecoveryCode.objects.filter(user=user).delete()
        RecoveryCode.objects.bulk_create(rows)
        audit.record("recovery-codes.made", subject_id=user.pk)
    return codes


def left(user: User) -> int:
    """How many are still good."""
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def spend(user: User, code: str) -> bool:
    """Whether this is one of the user's codes; it is spent by that."""
    if len(_plain(code)) != CHARS:
        return False
    with transaction.atomic():
        # Of any number of requests with one code, one changes the row.
        unspent = RecoveryCode.objects.filter(user=user, digest=_hashed(user, code), used_at=None)
        if not unspent.update(used_at=timezone.now()):
            return False
        audit.record("recovery-code.used", subject_id=user.pk, left=left(user))
    return True


def _code() -> str:
    """Like `k3vqa-7m2xd`: letters and digits that nobody takes for each other (RFC 4648, base 32)."""
    drawn = base64.b32encode(secrets.token_bytes(10)).decode().lower()[:CHARS]
    return f"{drawn[:5]}-{drawn[5:]}"


def _plain(code: str) -> str:
    """As people type it: capitals, blanks and hyphens do not count."""
    return "".join(character for character in code.lower() if character not in " -")


def _hashed(user: User, code: str) -> str:
    key = hashlib.sha256(b"accounts.recovery:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, f"{user.pk} {_plain(code)}".encode(), hashlib.sha256).hexdigest()
