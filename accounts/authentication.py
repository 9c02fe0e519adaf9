"""
Who is asking: one function for DRF's views and for the asynchronous ones.

    Authorization: Bearer <access token> ─► read_bearer (no database) ─► the user: exists, is active

Every refusal is the same NotAuthenticated: what exactly was wrong is nobody's business. A database that is
away is no refusal: its error passes through, and becomes 503.
"""

from uuid import UUID

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

from accounts.errors import NotAuthenticated
from accounts.models import User


def read_bearer(header: str | None) -> UUID:
    """The user id in a valid access token. Raises NotAuthenticated."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated
    try:
        return UUID(str(AccessToken(token.strip())["sub"]))  # type: ignore[arg-type]  # takes str too
    except (TokenError, KeyError, ValueError):
        raise NotAuthenticated from None


def identify(header: str | None) -> User:
    """The caller. One query."""
    user_id = read_bearer(header)
    try:
        return User.objects.get(id=user_id, is_active=True)
    except User.DoesNotExist:
        raise NotAuthenticated from None


async def aidentify(header: str | None) -> User:
    """The caller, on the event loop. One query."""
    user_id = read_bearer(header)
    try:
        return await User.objects.aget(id=user_id, is_active=True)
    except User.DoesNotExist:
        raise NotAuthenticated from None


class BearerAuthentication(BaseAuthentication):
    """DRF's door to `identify`. No header at all is nobody, which open views accept."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        if (header := request.headers.get("Authorization")) is None:
            return None
        return identify(header), None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
