"""Everything that changes an account's state. Raises `accounts.errors`; knows no HTTP."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import audit, changes, hashers, sessions, throttles
from accounts.errors import UnknownRole, WrongCredentials
from accounts.models import Session, User, UserManager
from accounts.roles import STAFF, USER


def ensure_admin(*, email: str, password: str) -> bool:
    """Makes the first administrator unless that account exists; whether it was made."""
    normal = UserManager.normalize_email(email)
    if User.objects.filter(email=normal).exists():
        return False
    try:
        with transaction.atomic():
            User.objects.create_superuser(normal, password)
    except IntegrityError:  # another process was faster
        return False
    return True


def set_active(users: QuerySet[User], *, active: bool) -> int:
    """Lets users in again, or keeps them out: all their sessions end. How many were changed."""
    with transaction.atomic():
        changed = list(users.exclude(is_active=active).values_list("id", flat=True))
        User.objects.filter(id__in=changed).update(
            is_active=active, awaits_email=False, awaits_approval=False
        )
        if not active:
            Session.objects.filter(user__in=changed, ended_at=None).update(
                ended_at=timezone.now(), end_reason="deactivated"
            )
        changes.record(changed)
        for id in changed:
            audit.record("user.activated" if active else "user.deactivated", subject_id=id)
    return len(changed)


def known_roles(names: Iterable[str]) -> list[Group]:
    """The groups of these names. Raises UnknownRole."""
    wanted = set(names)
    groups = list(Group.objects.filter(name__in=wanted))
    if unknown := wanted - {group.name for group in groups}:
        raise UnknownRole(tuple(sorted(unknown)))
    return groups


def set_roles(user: User, names: Iterable[str]) -> None:
    """Gives a user exactly these roles, and access to the admin if one of them has work there. All sessions
    end: what they were opened with is no longer what the user may do. Raises UnknownRole."""
    groups = known_roles(names)
    with transaction.atomic():
        user.groups.set(groups)
        roles_changed(user)


def roles_changed(user: User) -> None:
    """The user's groups were set: settles what follows from them."""
    is_staff = user.is_superuser or user.groups.filter(name__in=STAFF).exists()
    with transaction.atomic():
        User.objects.filter(id=user.id).update(is_staff=is_staff)
        user.is_staff = is_staff
        sessions.end_all(user.id, reason="roles-changed")
        audit.record(
            "roles.changed", subject_id=user.id, roles=sorted(user.groups.values_list("name", flat=True))
        )


def set_password(user: User, password: str, *, but: UUID | None = None) -> None:
    """Gives a user another, validated password. All sessions end, but for one that is named."""
    user.set_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        password_replaced(user, but=but)


def password_replaced(user: User, *, but: UUID | None = None) -> None:
    """The user's password was replaced: settles what follows from that."""
    with transaction.atomic():
        sessions.end_all(user.id, reason="password-changed", but=but)
        audit.record("password.changed", subject_id=user.id)


def made(user: User) -> None:
    """An administrator made this account."""
    user.groups.add(Group.objects.get_or_create(name=USER)[0])
    audit.record("user.made", subject_id=user.pk)


def noted(user: User) -> None:
    """Something about the account was edited: every process reads it anew."""
    with transaction.atomic():
        changes.record([user.pk])
        audit.record("user.changed", subject_id=user.pk)


def confirm_password(user: User, password: str) -> None:
    """Whoever holds the token also knows the password. Raises WrongCredentials, TooManyAttempts, Busy."""
    with hashers.a_place():
        throttles.guess_at(user.email)
        if not user.check_password(password):
            audit.record("login.failed", subject_id=user.pk, wrong="password", by="confirmation")
            raise WrongCredentials
        throttles.succeed(user.email)


def change_password(user: User, *, current: str, new: str, session_id: UUID | None) -> None:
    """The user's own change; the session that it came by stays. Raises WrongCredentials,
    TooManyAttempts."""
    confirm_password(user, current)
    set_password(user, new, but=session_id)
