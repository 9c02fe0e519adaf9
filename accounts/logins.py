"""
Logging in: by e-mail, password and, where it is on, a code. The API and the admin's page both come here.

    a place ──► throttles ──► the password, hashed for unknown accounts too ──► the code ──► a session

Unknown, deactivated, wrong password, wrong code: one wording, and the same work.
"""

from typing import NoReturn

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from accounts import audit, hashers, sessions, throttles, totp
from accounts.errors import SecondFactorNeeded, WrongCredentials
from accounts.models import User, UserManager
from accounts.sessions import Pair


def log_in(*, email: str, password: str, code: str = "") -> Pair:
    """A pair of tokens. Raises WrongCredentials, SecondFactorNeeded, TooManyAttempts, Busy."""
    with hashers.a_place():
        user = recognize(email=email, password=password, code=code)
        with transaction.atomic():
            User.objects.filter(id=user.id).update(last_login=timezone.now())
            pair = sessions.open_session(user)
            audit.record(
                "login.ok", subject_id=user.pk, actor_id=user.pk, session=str(pair.session_id), by="api"
            )
        return pair


def recognize(*, email: str, password: str, code: str = "") -> User:
    """The user whom e-mail, password and code belong to. Raises as `log_in` does."""
    with hashers.a_place():
        throttles.guess_at(email)
        user, is_right = _weigh(email, password)
        if user is None or not is_right:
            _refuse(user, "password")
        if totp.is_on(user):
            if not code:
                throttles.take_back(email)
                raise SecondFactorNeeded
            if not totp.check(user, code):
                _refuse(user, "code")
        throttles.succeed(email)
        return user


def _weigh(email: str, password: str) -> tuple[User | None, bool]:
    """The account, if there is one, and whether it may come in by this password. One hash in every case."""
    user = User.objects.filter(email=UserManager.normalize_email(email)).first()
    if user is None:
        make_password(password)
        return None, False
    # check_password also replaces an imported bcrypt hash by Argon2.
    return user, user.check_password(password) and user.is_active


def _refuse(user: User | None, wrong: str) -> NoReturn:
    audit.record("login.failed", subject_id=user.pk if user else None, wrong=wrong)
    raise WrongCredentials


def entered_admin(user: User) -> None:
    """Somebody logged in to the admin's pages."""
    audit.record("login.ok", subject_id=user.pk, actor_id=user.pk, by="admin")
