"""
Sessions: begun by a log-in, carried on by refresh tokens, ended by whoever may.

    open ──► refresh ──► refresh ──► …        each refresh token is spent by its use
                 └ the same token again: somebody else has it too ──► the session ends
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit, changes, origin, tokens
from accounts.errors import NotAuthenticated
from accounts.models import Session, User


@dataclass(frozen=True, slots=True)
class Pair:
    """What a log-in gives. `expires_in_seconds` is the access token's."""

    access: str
    refresh: str
    expires_in_seconds: int
    user_id: UUID
    session_id: UUID


def open_session(user: User) -> Pair:
    """A new session and its tokens."""
    return _pair(begin(user, lifetime=tokens.REFRESH_LIFETIME))


def begin(user: User, *, lifetime: timedelta) -> Session:
    """A new session from where the work in hand comes from, without tokens."""
    here, now = origin.current(), timezone.now()
    return Session.objects.create(
        user=user,
        device=here.device,
        address=here.address or None,
        refresh_id=uuid4(),
        created_at=now,
        last_used_at=now,
        expires_at=now + lifetime,
    )


def refresh(*, refresh_token: str) -> Pair:
    """A new pair for a refresh token, which is spent by that. Raises NotAuthenticated.

    A token that was spent before ends its session: one of the two who had it is a thief, and nobody knows
    which.
    """
    said = tokens.read_refresh(refresh_token)
    now, fresh = timezone.now(), uuid4()
    # A join with the user would have Django look for the row in a subquery of the UPDATE, which PostgreSQL
    # does not ask again about a row that it waited for: both of two at once would find the token unspent.
    active = User.objects.filter(is_active=True)
    alive = Session.objects.filter(id=said.session_id, ended_at=None, expires_at__gt=now, user__in=active)
    spent = alive.filter(refresh_id=said.id).update(
        refresh_id=fresh, last_used_at=now, expires_at=now + tokens.REFRESH_LIFETIME
    )
    if not spent:
        end(alive.values_list("id", flat=True), reason="refresh-token-reused")
        raise NotAuthenticated
    return _pair(Session.objects.get(id=said.session_id))


def log_out(*, refresh_token: str) -> None:
    """Ends the session of a refresh token. Raises NotAuthenticated for one that is not alive."""
    said = tokens.read_refresh(refresh_token)
    if not end([said.session_id], reason="logged-out"):
        raise NotAuthenticated


def standing(rows: QuerySet[Session]) -> QuerySet[Session]:
    """Those of these sessions that stand, the last used first."""
    alive = rows.filter(ended_at=None, expires_at__gt=timezone.now())
    return alive.order_by("-last_used_at")


def end(ids: Iterable[UUID], *, reason: str) -> int:
    """Ends sessions, and with them their access tokens, everywhere. How many of them stood."""
    with transaction.atomic():
        standing = Session.objects.select_for_update().filter(id__in=list(ids), ended_at=None)
        ended = list(standing.values_list("id", "user_id"))
        standing_ids = [id for id, _ in ended]
        Session.objects.filter(id__in=standing_ids).update(ended_at=timezone.now(), end_reason=reason)
        changes.record(standing_ids)
        for id, user_id in ended:
            audit.record("session.ended", subject_id=user_id, session=str(id), reason=reason)
    return len(standing_ids)


def end_all(user_id: UUID, *, reason: str, but: UUID | None = None) -> int:
    """Ends all sessions of a user but one, and has every process forget what it knew of the user."""
    with transaction.atomic():
        standing = Session.objects.filter(user_id=user_id, ended_at=None)
        if but is not None:
            standing = standing.exclude(id=but)
        count = standing.update(ended_at=timezone.now(), end_reason=reason)
        changes.record([user_id])
        if count:
            audit.record("sessions.ended", subject_id=user_id, count=count, reason=reason)
    return count


def _pair(session: Session) -> Pair:
    return Pair(
        access=tokens.access_token(session.user_id, session.id),
        refresh=tokens.refresh_token(
            session.user_id, session.id, id=session.refresh_id, expires_at=session.expires_at
        ),
        expires_in_seconds=int(tokens.ACCESS_LIFETIME.total_seconds()),
        user_id=session.user_id,
        session_id=session.id,
    )
