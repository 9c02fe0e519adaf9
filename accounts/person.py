"""
The rights of the person: everything that is stored about a user, and its erasure.

Each room that stores something about users registers a `Part`, from its AppConfig; accounts has its own.
Erasing takes the parts in their order and the account last, so that one that fails can be asked for again.

What stays after an erasure: the prompts' rows without texts, findings and user (for statistics), and the
audit trail, with ids that no longer lead to anybody and without addresses.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import audit, changes, recovery, sessions, throttles, totp
from accounts.limits.quotas import NAMES
from accounts.models import ApiKey, Attempt, AuditEvent, Invitation, Limit, Session, Usage, User


@dataclass(frozen=True, slots=True)
class Part:
    """What one room has. `export` yields JSON-able rows; `count` and `erase` count the rows touched."""

    name: str
    export: Callable[[UUID], Iterator[dict[str, Any]]]
    count: Callable[[UUID], int]
    erase: Callable[[UUID], int]


_parts: dict[str, Part] = {}


def register(part: Part) -> None:
    """Adds a room's part; a later one of the same name replaces it."""
    _parts[part.name] = part


def export(user: User) -> dict[str, Any]:
    """Everything that is stored about a user, as JSON-able values. Secrets and hashes are nobody's data.

    The audit trail remembers that it was asked for.
    """
    audit.record("person.exported", subject_id=user.pk)
    return {
        "exportedAt": timezone.now().isoformat(),
        "account": _account(user),
        "sessions": list(
            Session.objects.filter(user=user).values(
                "id",
                "device",
                "address",
                "created_at",
                "last_used_at",
                "expires_at",
                "ended_at",
                "end_reason",
            )
        ),
        "apiKeys": list(
            ApiKey.objects.filter(user=user).values(
                *("id", "name", "scopes", "model_names", "created_at"),
                *("expires_at", "last_used_at", "revoked_at"),
            )
        ),
        "limits": list(Limit.objects.filter(_of(user)).values("key_id", *NAMES)),
        "usage": list(_usage(user).values("subject", "month", "requests", "tokens")),
        "auditTrail": list(
            _events(user.pk).values("number", "at", "action", "details", "address", "request_id")
        ),
        **{part.name: list(part.export(user.pk)) for part in _parts.values()},
    }


def erase(user: User, *, dry_run: bool = False) -> dict[str, int]:
    """Erases a user. How many rows were touched, or would be."""
    counts = {part.name: part.count(user.pk) for part in _parts.values()}
    counts |= {
        "sessions": Session.objects.filter(user=user).count(),
        "apiKeys": ApiKey.objects.filter(user=user).count(),
        "limits": Limit.objects.filter(_of(user)).count(),
        "usage": _usage(user).count(),
        "auditAddresses": _events(user.pk).exclude(address="").count(),
        "accounts": 1,
    }
    if dry_run:
        return counts
    with transaction.atomic():  # first of all nobody comes in by this account any more
        User.objects.filter(pk=user.pk).update(is_active=False, awaits_email=False, awaits_approval=False)
        sessions.end_all(user.pk, reason="erased")
    for part in _parts.values():
        counts[part.name] = part.erase(user.pk)
    with transaction.atomic():
        audit.record("person.erased", subject_id=user.pk)
        audit.erase_addresses(user.pk)
        Invitation.objects.filter(email=user.email).update(email="")
        Attempt.objects.filter(subject=throttles.of_account(user.email)).delete()
        _usage(user).delete()
        User.objects.filter(pk=user.pk).delete()
        changes.record([user.pk])
    return counts


def _account(user: User) -> dict[str, Any]:
    return {
        "id": user.pk,
        "email": user.email,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "isActive": user.is_active,
        "roles": sorted(user.groups.values_list("name", flat=True)),
        "dateJoined": user.date_joined,
        "lastLogin": user.last_login,
        "secondFactor": totp.is_on(user),
        "recoveryCodesLeft": recovery.left(user),
    }


def _of(user: User) -> Q:
    return Q(user=user) | Q(key__user=user)


def _usage(user: User) -> QuerySet[Usage]:
    """Months of his own and of his keys."""
    return Usage.objects.filter(
        Q(subject=user.pk) | Q(subject__in=ApiKey.objects.filter(user=user).values("pk"))
    )


def _events(user_id: UUID) -> Any:
    own = AuditEvent.objects.filter(actor_id=user_id) | AuditEvent.objects.filter(subject_id=user_id)
    return own.order_by("number")
