"""
What has served its time goes: sessions that are over, old invitations, keys that nobody can use, throttle
counters, addresses that nobody confirmed; and what other rooms add to KINDS.

    purge ──► for each kind: BATCH rows, a transaction, BATCH rows, …

Two at once share the work. The audit trail never goes: each of its events vouches for all before it. What
somebody did stays there when the row is gone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session as BrowserSession
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import person
from accounts.models import ApiKey, ApiKeySecret, Attempt, Invitation, RecoveryCode, Session, Usage, User
from accounts.throttles import FORGET_HOURS

BATCH = 500


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of rows: those of `rows()` have served their time. `remove` takes some of them away, in a
    transaction; `prepare` comes before the first of these."""

    name: str
    rows: Callable[[], QuerySet[Any]]
    remove: Callable[[QuerySet[Any]], Any] = QuerySet.delete
    prepare: Callable[[], None] = lambda: None


def count(kind: Kind) -> int:
    """How many would go."""
    return kind.rows().count()


def purge(kind: Kind) -> Iterator[int]:
    """Takes them away, batch by batch; how many each had. Rows that another purge has are left to it."""
    kind.prepare()
    skip = connection.features.has_select_for_update_skip_locked
    behind: dict[str, Any] = {}  # what is done is not looked at again: it may be there still, only emptier
    while True:
        with transaction.atomic():
            rows = kind.rows().filter(**behind).order_by("pk")
            locked = rows.select_for_update(skip_locked=skip, of=_itself())
            ids = [row.pk for row in locked[:BATCH]]
            if ids:
                kind.remove(kind.rows().model._default_manager.filter(pk__in=ids))
        yield len(ids)
        if len(ids) < BATCH:
            return
        behind = {"pk__gt": ids[-1]}


def _itself() -> tuple[str, ...]:
    return ("self",) if connection.features.has_select_for_update_of else ()


def _before(days: float) -> Any:
    return timezone.now() - timedelta(days=days)


def _sessions() -> QuerySet[Session]:
    """Over for so long that its address speaks for nobody any more (`throttles.KNOWN_DAYS`)."""
    then = _before(settings.RETAIN_SESSIONS_DAYS)
    return Session.objects.filter(Q(ended_at__lt=then) | Q(expires_at__lt=then), last_used_at__lt=then)


def _invitations() -> QuerySet[Invitation]:
    then = _before(settings.RETAIN_INVITATIONS_DAYS)
    return Invitation.objects.filter(Q(used_at__lt=then) | Q(expires_at__lt=then))


def _keys() -> QuerySet[ApiKey]:
    then = _before(settings.RETAIN_KEYS_DAYS)
    return ApiKey.objects.filter(Q(revoked_at__lt=then) | Q(expires_at__lt=then))


def _forget_keys(keys: QuerySet[ApiKey]) -> None:
    """With what they used, which nobody could find afterwards: a key's months know it by its id alone."""
    Usage.objects.filter(subject__in=list(keys.values_list("pk", flat=True))).delete()
    keys.delete()


def _secrets() -> QuerySet[ApiKeySecret]:
    """Of keys that have others: what was good until a rotation's overlap was over."""
    return ApiKeySecret.objects.filter(expires_at__lt=_before(settings.RETAIN_KEYS_DAYS))


def _attempts() -> QuerySet[Attempt]:
    """The next attempt would begin anew anyway."""
    return Attempt.objects.filter(last_at__lt=_before(FORGET_HOURS / 24), free_at__lt=timezone.now())


def _unconfirmed() -> QuerySet[User]:
    """The link is dead by now, and somebody else's registration waits for the address."""
    then = _before(settings.RETAIN_UNCONFIRMED_DAYS)
    return User.objects.filter(awaits_email=True, is_active=False, last_login=None, date_joined__lt=then)


def _erase(users: QuerySet[User]) -> None:
    for user in users:
        person.erase(user)


KINDS: list[Kind] = [
    Kind("sessions", _sessions),
    Kind("browser sessions", lambda: BrowserSession.objects.filter(expire_date__lt=timezone.now())),
    Kind("invitations", _invitations),
    Kind("API keys", _keys, _forget_keys),
    Kind("secrets of API keys", _secrets),
    Kind("attempts", _attempts),
    Kind("unconfirmed accounts", _unconfirmed, _erase),
    Kind("used recovery codes", lambda: RecoveryCode.objects.filter(used_at__lt=_before(1))),
]
