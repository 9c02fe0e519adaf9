"""Everything that changes an account's state. Raises `accounts.errors`; knows no HTTP."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import changes, sessions
from accounts.errors import EmailTaken, UnknownRole, WrongCredentials
from accounts.models import Session, User, UserManager
from accounts.roles import STAFF
from accounts.sessions import Pair


def register(*, email: str, first_name: str, last_name: str, password: str) -> User:
    """Makes an account; the password has been validated. Raises EmailTaken, also when two come at once."""
    normal = UserManager.normalize_email(email)
    if User.objects.filter(email=normal).exists():  # spares the hash, the constraint decides
        raise EmailTaken
    try:
        with transaction.atomic():
            return User.objects.create_user(normal, password, first_name=first_name, last_name=last_name)
    except IntegrityError:
        raise EmailTaken from None


def log_in(*, email: str, password: str) -> Pair:
    """A pair of tokens. Raises WrongCredentials, after the same work for known and unknown accounts."""
    user = User.objects.filter(email=UserManager.normalize_email(email)).first()
    if user is None:
        make_password(password)
        raise WrongCredentials
    # check_password also replaces an imported bcrypt hash by Argon2.
    if not user.check_password(password) or not user.is_active:
        raise WrongCredentials
    User.objects.filter(id=user.id).update(last_login=timezone.now())
    return sessions.open_session(user)


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
        User.objects.filter(id__in=changed).update(is_active=active)
        if not active:
            Session.objects.filter(user__in=changed, ended_at=None).update(
                ended_at=timezone.now(), end_reason="deactivated"
            )
        changes.record(changed)
    return len(changed)


def set_roles(user: User, names: Iterable[str]) -> None:
    """Gives a user exactly these roles, and access to the admin if one of them has work there. All sessions
    end: what they were opened with is no longer what the user may do. Raises UnknownRole."""
    wanted = set(names)
    groups = list(Group.objects.filter(name__in=wanted))
    if unknown := wanted - {group.name for group in groups}:
        raise UnknownRole(tuple(sorted(unknown)))
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


def set_password(user: User, password: str, *, but: UUID | None = None) -> None:
    """Gives a user another, validated password. All sessions end, but for one that is named."""
    user.set_password(password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        sessions.end_all(user.id, reason="password-changed", but=but)


def change_password(user: User, *, current: str, new: str, session_id: UUID | None) -> None:
    """The user's own change; the session that it came by stays. Raises WrongCredentials."""
    if not user.check_password(current):
        raise WrongCredentials
    set_password(user, new, but=session_id)
