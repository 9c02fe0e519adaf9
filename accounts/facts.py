"""What the database says about a credential right now, in one query. `accounts.book` remembers it for
seconds."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import Permission
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.access import Caller, KeyFacts
from accounts.limits import definitions
from accounts.limits.quotas import Bound
from accounts.models import ApiKeySecret, Session

ASK = "prompts.add_prompt"


def _may_ask(user: str) -> Any:
    """Whether the user at this path holds the permission to ask, by a role, by himself, or as a superuser."""
    app, codename = ASK.split(".")
    right = Permission.objects.filter(content_type__app_label=app, codename=codename)
    return Exists(right.filter(Q(group__user=OuterRef(user)) | Q(user=OuterRef(user))))


def _sessions(session_id: UUID) -> QuerySet[Session]:
    standing = Session.objects.filter(
        id=session_id, ended_at=None, expires_at__gt=timezone.now(), user__is_active=True
    )
    rows = standing.select_related("user__limit")
    return rows.annotate(may_ask=_may_ask("user_id"), **definitions.of_roles("user_id"))


def _secrets(digest: str) -> QuerySet[ApiKeySecret]:
    now = timezone.now()
    good = ApiKeySecret.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=now),
        Q(key__expires_at=None) | Q(key__expires_at__gt=now),
        digest=digest,
        key__revoked_at=None,
        key__user__is_active=True,
    )
    rows = good.select_related("key__user__limit", "key__limit")
    return rows.annotate(may_ask=_may_ask("key__user_id"), **definitions.of_roles("key__user_id"))


def _by_session(session: Any) -> Caller:
    user = session.user
    return Caller(
        user_id=user.pk,
        may_ask=user.is_superuser or session.may_ask,
        session_id=session.pk,
        bounds=(Bound(user.pk, definitions.user_quota(session, user)),),
        user=user,
    )


def _by_key(secret: Any) -> Caller:
    key, user = secret.key, secret.key.user
    facts = KeyFacts(id=key.pk, scopes=frozenset(key.scopes), models=frozenset(key.model_names))
    return Caller(
        user_id=user.pk,
        may_ask=user.is_superuser or secret.may_ask,
        key=facts,
        bounds=(
            Bound(user.pk, definitions.user_quota(secret, user)),
            Bound(key.pk, key.quota),
        ),
        user=user,
    )


def of_session(session_id: UUID) -> Caller | None:
    """The caller of a session that stands."""
    session = _sessions(session_id).first()
    return None if session is None else _by_session(session)


async def aof_session(session_id: UUID) -> Caller | None:
    """`of_session` on the event loop."""
    session = await _sessions(session_id).afirst()
    return None if session is None else _by_session(session)


def of_key(digest: str) -> Caller | None:
    """The caller of a key's secret that is good."""
    secret = _secrets(digest).first()
    return None if secret is None else _by_key(secret)


async def aof_key(digest: str) -> Caller | None:
    """`of_key` on the event loop."""
    secret = await _secrets(digest).afirst()
    return None if secret is None else _by_key(secret)
