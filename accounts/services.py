"""Everything that changes an account's state. Raises `accounts.errors`; knows no HTTP."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

from accounts.errors import EmailTaken, NotAuthenticated, WrongCredentials
from accounts.models import User, UserManager
from accounts.tokens import SingleUseToken


@dataclass(frozen=True, slots=True)
class Pair:
    """What a log-in gives. `expires_in_seconds` is the access token's."""

    access: str
    refresh: str
    expires_in_seconds: int
    user_id: UUID


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
    return _pair(user)


def refresh(*, refresh_token: str) -> Pair:
    """A new pair for an old refresh token, which is dead afterwards. Raises NotAuthenticated."""
    token = _read(refresh_token)
    user = User.objects.filter(id=token["sub"], is_active=True).first()
    if user is None or not token.spend():
        raise NotAuthenticated
    return _pair(user)


def log_out(*, refresh_token: str) -> None:
    """Kills a refresh token. Raises NotAuthenticated for one that is not alive."""
    if not _read(refresh_token).spend():
        raise NotAuthenticated


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


def _read(raw: str) -> SingleUseToken:
    try:
        return SingleUseToken(raw)  # type: ignore[arg-type]  # takes str too
    except TokenError:
        raise NotAuthenticated from None


def _pair(user: User) -> Pair:
    refresh_token = SingleUseToken.of(user)
    access = AccessToken.for_user(user)
    return Pair(
        access=str(access),
        refresh=str(refresh_token),
        expires_in_seconds=int(access.lifetime.total_seconds()),
        user_id=user.id,
    )
