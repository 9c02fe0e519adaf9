"""
How accounts come to be, and how a lost password is replaced.

    open          anybody
    invitation    whoever has a code, which is good once
    approval      anybody, once an administrator agrees
    closed        nobody; administrators make accounts

With EMAIL_CONFIRMATION a link comes by e-mail first, and the answer is the same whether there was an account
or not.

Links carry a signed token (Django's, over the account's state): nothing to steal from the database, and good
once.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from accounts import audit, mail, services, throttles
from accounts.errors import (
    EmailRefused,
    EmailTaken,
    InvitationWrong,
    LinkWrong,
    RegistrationClosed,
)
from accounts.models import Invitation, User, UserManager
from accounts.roles import USER

CONFIRMATION = """\
Somebody, probably you, registered at {site} with this address. Confirm it here:

{link}

If it was not you, do nothing.
"""
ALREADY = """\
Somebody, probably you, tried to register at {site} with this address.
There is an account with it already. If you lost its password, ask for another one there.
"""
RESET = """\
Somebody, probably you, asked for another password at {site}. This link is good once, for {hours} hours:

{link}

If it was not you, do nothing: your password stays.
"""


class Mode(StrEnum):
    OPEN = "open"
    INVITATION = "invitation"
    APPROVAL = "approval"
    CLOSED = "closed"


class ConfirmationTokens(PasswordResetTokenGenerator):
    """Good until the address is confirmed, for the registration that it was sent for, and for nothing else:
    whoever registers the same address later chooses another password."""

    key_salt = "accounts.registration.confirm"

    def _make_hash_value(self, user: object, timestamp: int) -> str:
        assert isinstance(user, User)
        return f"{user.pk}{timestamp}{user.email}{user.awaits_email}{user.password}"


confirmations, resets = ConfirmationTokens(), PasswordResetTokenGenerator()


def register(
    *, email: str, first_name: str, last_name: str, password: str, invitation: str = ""
) -> User | None:
    """Makes an account, by the mode that is set; the password has been validated. None where an e-mail tells
    the rest.

    Raises RegistrationClosed, EmailRefused, InvitationWrong, EmailTaken, TooManyAttempts.
    """
    throttles.register_from_here()
    mode, normal = Mode(settings.REGISTRATION), UserManager.normalize_email(email)
    if mode is Mode.CLOSED:
        raise RegistrationClosed
    if settings.REGISTRATION_DOMAINS and normal.rpartition("@")[2] not in settings.REGISTRATION_DOMAINS:
        raise EmailRefused
    code = _standing(invitation, normal) if mode is Mode.INVITATION else None
    if (known := User.objects.filter(email=normal).first()) is not None:
        if settings.EMAIL_CONFIRMATION and known.awaits_email:
            _register_anew(known, first_name, last_name, password)
        else:
            _already(normal, password)
        return None
    awaits = {
        "awaits_email": settings.EMAIL_CONFIRMATION,
        "awaits_approval": mode is Mode.APPROVAL,
        "is_active": not settings.EMAIL_CONFIRMATION and mode is not Mode.APPROVAL,
    }
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                normal, password, first_name=first_name, last_name=last_name, **awaits
            )
            if code is not None:
                _use(code, user)
            audit.record("user.registered", subject_id=user.pk, actor_id=user.pk, mode=mode.value)
    except IntegrityError:
        _already(normal, password)
        return None
    if settings.EMAIL_CONFIRMATION:
        _send_confirmation(user)
        return None
    return user


def _register_anew(user: User, first_name: str, last_name: str, password: str) -> None:
    """Nobody confirmed the address so far: whoever registers last gets the link that counts, so that nobody
    can keep an address from its owner. The work is that of any registration."""
    user.set_password(password)
    with transaction.atomic():
        changed = User.objects.filter(pk=user.pk, awaits_email=True).update(
            first_name=first_name, last_name=last_name, password=user.password, date_joined=timezone.now()
        )
        if not changed:  # confirmed a moment ago
            return
        audit.record("user.registered", subject_id=user.pk, actor_id=user.pk, mode="again")
    _send_confirmation(user)


def _already(email: str, password: str) -> None:
    """Somebody has this e-mail. Where addresses are confirmed, he alone is told; the work is the same."""
    if not settings.EMAIL_CONFIRMATION:
        raise EmailTaken
    make_password(password)
    mail.send(to=email, subject="You have an account already", text=ALREADY.format(site=settings.PUBLIC_URL))


# -- links --


def confirm(token: str) -> User:
    """The address belongs to its owner. Raises LinkWrong."""
    user = _owner(token, confirmations)
    if not user.awaits_email:
        raise LinkWrong
    with transaction.atomic():
        # With the password that the link was sent for, and no other that came a moment ago.
        waiting = User.objects.filter(pk=user.pk, awaits_email=True, password=user.password)
        if not waiting.update(awaits_email=False, is_active=not user.awaits_approval):
            raise LinkWrong
        audit.record("user.confirmed", subject_id=user.pk, actor_id=user.pk)
    user.refresh_from_db()
    return user


def ask_for_reset(email: str) -> None:
    """Sends a link for another password, if there is such an account; nobody learns whether. Raises
    TooManyAttempts."""
    throttles.register_from_here()
    user = User.objects.filter(email=UserManager.normalize_email(email), is_active=True).first()
    if user is None:
        return
    audit.record("password.reset-asked", subject_id=user.pk)
    hours = settings.PASSWORD_RESET_TIMEOUT // 3600
    link = f"{settings.PUBLIC_URL}/account/reset?token={token_for(user, resets)}"
    mail.send(
        to=user.email,
        subject="Another password",
        text=RESET.format(site=settings.PUBLIC_URL, link=link, hours=hours),
    )


def reset(token: str, password: str) -> User:
    """Another password, which has been validated, for the account of a link; it may log in again at once,
    whatever was guessed. Raises LinkWrong."""
    user = _owner(token, resets)
    if not user.is_active:
        raise LinkWrong
    with transaction.atomic():
        services.set_password(user, password)
        throttles.unlock(user.email)
        audit.record("password.reset", subject_id=user.pk, actor_id=user.pk)
    return user


def owner_of_reset(token: str) -> User:
    """Whose password a link replaces. Raises LinkWrong."""
    return _owner(token, resets)


def token_for(user: User, kind: PasswordResetTokenGenerator) -> str:
    return f"{urlsafe_base64_encode(force_bytes(user.pk.hex))}.{kind.make_token(user)}"


def _owner(token: str, kind: PasswordResetTokenGenerator) -> User:
    who, _, signed = token.partition(".")
    try:
        user = User.objects.get(pk=urlsafe_base64_decode(who).decode("ascii"))
    except (ValueError, User.DoesNotExist, ValidationError):
        raise LinkWrong from None
    if not kind.check_token(user, signed):
        raise LinkWrong
    return user


def _send_confirmation(user: User) -> None:
    link = f"{settings.PUBLIC_URL}/account/confirm?token={token_for(user, confirmations)}"
    mail.send(
        to=user.email,
        subject="Confirm your address",
        text=CONFIRMATION.format(site=settings.PUBLIC_URL, link=link),
    )


# -- invitations --


def invite(
    *, expires_at: datetime, email: str = "", roles: Sequence[str] = (), by: User | None = None
) -> tuple[Invitation, str]:
    """An invitation and its code, which is shown once. With an e-mail it is for that address alone. Raises
    UnknownRole."""
    services.known_roles(roles)
    code = secrets.token_urlsafe(24)
    with transaction.atomic():
        made = Invitation.objects.create(
            digest=_hashed(code),
            email=UserManager.normalize_email(email),
            roles=list(roles),
            created_by=by,
            expires_at=expires_at,
        )
        audit.record("invitation.created", subject_id=made.pk, roles=list(roles))
    return made, code


def withdraw(invitation: Invitation) -> None:
    """It is good no longer."""
    with transaction.atomic():
        Invitation.objects.filter(pk=invitation.pk, used_at=None).update(expires_at=timezone.now())
        audit.record("invitation.withdrawn", subject_id=invitation.pk)


def _standing(code: str, email: str) -> Invitation:
    throttles.guess_from_here()
    good = Invitation.objects.filter(digest=_hashed(code), used_at=None, expires_at__gt=timezone.now())
    found = good.first()
    if found is None or found.email not in ("", email):
        raise InvitationWrong
    throttles.give_back_here()
    return found


def _use(invitation: Invitation, user: User) -> None:
    """Of two who come at once with one code, one gets in."""
    unused = Invitation.objects.filter(pk=invitation.pk, used_at=None)
    if not unused.update(used_at=timezone.now(), used_by=user):
        raise InvitationWrong
    if invitation.roles:
        services.set_roles(user, {*invitation.roles, USER})


def _hashed(code: str) -> str:
    key = hashlib.sha256(b"accounts.invitations:" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, code.encode(), hashlib.sha256).hexdigest()
