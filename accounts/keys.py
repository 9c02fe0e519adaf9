"""
API keys: made, shown once, replaced with an overlap, revoked.

A secret reads `lgw_` + 40 characters + 6 of checksum: the CRC-32 of what stands before it, in base 62, as
GitHub's tokens have it. So one that was mistyped costs no query, and a detector can tell a real one from an
example (`sanitization.detectors.vendors.ai.LlmGatewayKey` knows the same form).

The database has an HMAC of each secret under a key derived from SECRET_KEY. The secrets are random, so a slow
hash would buy nothing; the key makes a stolen table useless without the settings.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import audit, changes
from accounts.access import Scope
from accounts.limits import definitions
from accounts.limits.quotas import Quota
from accounts.models import ApiKey, ApiKeySecret, User

PREFIX = "lgw_"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_CHARS = 40  # 238 bits
CHECKSUM_CHARS = 6
VISIBLE_CHARS = 12
FORM = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM_CHARS + CHECKSUM_CHARS}}}")
NOTHING_SAID = Quota()
LONGEST_OVERLAP = timedelta(days=30)


def checksum(text: str) -> str:
    """CRC-32 in base 62, six characters."""
    number, digits = zlib.crc32(text.encode("ascii")), ""
    for _ in range(CHECKSUM_CHARS):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits


def new_secret() -> str:
    """A fresh one, from the operating system's randomness."""
    body = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARS))
    return body + checksum(body)


def is_secret(text: str) -> bool:
    """Whether this has the form and the checksum of a secret."""
    return FORM.fullmatch(text) is not None and hmac.compare_digest(
        checksum(text[:-CHECKSUM_CHARS]), text[-CHECKSUM_CHARS:]
    )


def digest(secret: str) -> str:
    """Under what the database knows a secret."""
    pepper = hashlib.sha256(b"accounts.keys:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(pepper, secret.encode(), hashlib.sha256).hexdigest()


def create(
    user: User,
    *,
    name: str,
    scopes: Sequence[Scope | str],
    model_names: Sequence[str] = (),
    expires_at: datetime | None = None,
    quota: Quota = NOTHING_SAID,
) -> tuple[ApiKey, str]:
    """A new key and its secret, which nobody can read again."""
    secret = new_secret()
    with transaction.atomic():
        key = ApiKey.objects.create(
            user=user,
            name=name,
            scopes=sorted({str(scope) for scope in scopes}),
            model_names=sorted(set(model_names)),
            expires_at=expires_at,
        )
        if quota.limits_anything:
            definitions.set_of_key(key, quota)
        _add_secret(key, secret)
        audit.record("key.created", subject_id=user.pk, key=str(key.pk), scopes=key.scopes)
    return key, secret


def rotate(key: ApiKey, *, overlap: timedelta) -> str:
    """Another secret for a key; the ones that it had are good for `overlap` longer, and then never again."""
    secret, now = new_secret(), timezone.now()
    with transaction.atomic():
        later = Q(expires_at=None) | Q(expires_at__gt=now + overlap)
        ApiKeySecret.objects.filter(later, key=key).update(expires_at=now + overlap)
        _add_secret(key, secret)
        changes.record([key.pk])
        audit.record("key.rotated", subject_id=key.user_id, key=str(key.pk))
    return secret


def revoke(keys: QuerySet[ApiKey]) -> int:
    """Ends keys, on every process within half a second. How many of them stood."""
    with transaction.atomic():
        standing = list(keys.filter(revoked_at=None).values_list("id", "user_id"))
        ids = [id for id, _ in standing]
        ApiKey.objects.filter(id__in=ids).update(revoked_at=timezone.now())
        changes.record(ids)
        for id, user_id in standing:
            audit.record("key.revoked", subject_id=user_id, key=str(id))
    return len(ids)


def standing(rows: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
    """Those of these keys that have not been revoked, the newest first."""
    return (
        rows.filter(revoked_at=None)
        .order_by("-created_at")
        .select_related("limit")
        .prefetch_related("secrets")
    )


def _add_secret(key: ApiKey, secret: str) -> None:
    ApiKeySecret.objects.create(key=key, prefix=secret[:VISIBLE_CHARS], digest=digest(secret))
