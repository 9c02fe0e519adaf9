"""
Log-ins to the admin's pages: rows like all others, so that they are listed, and ended, like all others.

    Django's login() ──► a Session, whose id the browser's session holds
    each page        ──► does it still stand? one query; else whoever asks is nobody
    Django's logout() ─► it is over

Django's signals are the one place that every way in and out passes.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import sessions
from accounts.models import Session, User

NAME = "accounts_session"


@receiver(user_logged_in)
def entered(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Somebody has logged in to the pages."""
    session = sessions.begin(user, lifetime=timedelta(seconds=settings.SESSION_COOKIE_AGE))
    request.session[NAME] = str(session.pk)


@receiver(user_logged_out)
def left(sender: Any, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    """Somebody has logged out of the pages."""
    if (id := session_id(request)) is not None:
        sessions.end([id], reason="logged-out")


def session_id(request: HttpRequest) -> UUID | None:
    """The session that a browser came by."""
    held = request.session.get(NAME)
    return UUID(held) if held else None


def standing(request: HttpRequest, user: Any) -> Any:
    """The user of a browser's session, if his log-in still stands; else nobody, and the browser forgets."""
    if not user.is_authenticated:
        return user
    id = session_id(request)
    if id is not None and sessions.standing(Session.objects.filter(pk=id, user=user)).exists():
        return user
    request.session.flush()
    return AnonymousUser()
