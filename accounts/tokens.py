"""
Refresh tokens that can be spent once.

SimpleJWT keeps every refresh token in clear in its table of outstanding ones, so a stolen database dump would
be a bundle of keys. Here nothing is written when a token is made; when one is spent, its id goes on the
blacklist, and only its id.
"""

from datetime import UTC, datetime

from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken, Token

from accounts.models import User


class SingleUseToken(RefreshToken):
    """A refresh token. Reading one (`SingleUseToken(raw)`) raises TokenError if it is spent or expired."""

    @classmethod
    def of(cls, user: User) -> "SingleUseToken":
        """A new one; nothing is written. Skips BlacklistMixin.for_user, which would store it."""
        token: SingleUseToken = Token.for_user.__func__(cls, user)  # type: ignore[attr-defined]
        return token

    def spend(self) -> bool:
        """Puts it on the blacklist. True for exactly one of any number of callers at once."""
        outstanding, _ = OutstandingToken.objects.get_or_create(
            jti=self["jti"],
            defaults={
                "token": "",
                "created_at": datetime.fromtimestamp(self["iat"], UTC),
                "expires_at": datetime.fromtimestamp(self["exp"], UTC),
            },
        )
        _, is_first = BlacklistedToken.objects.get_or_create(token=outstanding)
        return is_first
