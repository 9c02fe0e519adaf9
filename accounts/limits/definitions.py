"""
Whose limits are which: read with whatever else is read about a caller, changed here.

    a user    his own, where they say nothing his roles' (the highest of each), then the settings'
    a key     its own, counted besides its owner's

A change is told like a revoked key is (`accounts.changes`): every process goes by it within half a second.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import BigIntegerField, Case, F, OuterRef, Subquery, Value, When

from accounts import audit, changes
from accounts.limits.quotas import NAMES, NO_LIMIT, Bound, Quota
from accounts.models import ApiKey, Limit, User

_HIGHEST = 1 << 62  # stands for no limit while the highest is looked for
_PREFIX = "role_"


def default() -> Quota:
    """The settings'."""
    return Quota(
        requests_per_minute=settings.LIMIT_REQUESTS_PER_MINUTE,
        tokens_per_minute=settings.LIMIT_TOKENS_PER_MINUTE,
        streams=settings.LIMIT_STREAMS,
        monthly_tokens=settings.LIMIT_MONTHLY_TOKENS,
    )


def of_roles(user: str) -> dict[str, Subquery]:
    """Annotations for a query about users, whose id is at this path: what `user_quota` reads."""
    return {_PREFIX + name: _highest(name, user) for name in NAMES}


def _highest(name: str, user: str) -> Subquery:
    said = Limit.objects.filter(role__user=OuterRef(user)).exclude(**{name: None})
    number = Case(
        When(**{name: NO_LIMIT}, then=Value(_HIGHEST)), default=F(name), output_field=BigIntegerField()
    )
    return Subquery(said.annotate(number=number).order_by("-number").values("number")[:1])


def user_quota(row: Any, user: User) -> Quota:
    """The user's, of a row that has the annotations of `of_roles`."""
    numbers = (getattr(row, _PREFIX + name) for name in NAMES)
    roles = Quota(*(NO_LIMIT if number == _HIGHEST else number for number in numbers))
    return user.quota.before(roles).before(default())


def bound_of(user_id: UUID) -> Bound:
    """Of a user who need not be the caller. One query; raises User.DoesNotExist."""
    rows = User.objects.select_related("limit").annotate(**of_roles("pk"))
    user = rows.get(pk=user_id)
    return Bound(user.pk, user_quota(user, user))


def bound_of_key(key: ApiKey) -> Bound:
    return Bound(key.pk, key.quota)


def set_of_key(key: ApiKey, quota: Quota) -> None:
    """Gives a key these limits in place of those that it had."""
    with transaction.atomic():
        numbers = dict(zip(NAMES, quota.numbers, strict=True))
        if quota.limits_anything:
            Limit.objects.update_or_create(key=key, defaults=numbers)
        else:
            Limit.objects.filter(key=key).delete()
        changed(Limit(key=key, **numbers))


def changed(limit: Limit) -> None:
    """This was set, or is about to go: settles what follows from that. Part of the caller's transaction."""
    key = limit.key if limit.key_id else None
    user_id = key.user_id if key else limit.user_id
    changes.record([limit.key_id or limit.user_id or changes.EVERYBODY])
    details: dict[str, Any] = {name: getattr(limit, name) for name in NAMES}
    if key:
        details["key"] = str(key.pk)
    if limit.role_id:
        details["role"] = str(limit.role)
    audit.record("limits.changed", subject_id=user_id, **details)
