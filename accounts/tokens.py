"""
The two tokens of a session, as signed texts: which session they belong to, and until when.

Whether the session still stands is not theirs to say. The database keeps the id of a refresh token, never the
token: what is in a stolen dump opens nothing without the signing key.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token

from accounts.errors import NotAuthenticated

ACCESS_LIFETIME: timedelta = AccessToken.lifetime
REFRESH_LIFETIME: timedelta = RefreshToken.lifetime


@dataclass(frozen=True, slots=True)
class Refreshing:
    """What a refresh token says."""

    session_id: UUID
    id: UUID


def access_token(user_id: UUID, session_id: UUID) -> str:
    """A token that opens the API until it expires or its session ends."""
    return _sign(AccessToken(), user_id, session_id)


def refresh_token(user_id: UUID, session_id: UUID, *, id: UUID, expires_at: datetime) -> str:
    """A token that is good for one new pair."""
    token = RefreshToken()
    token["jti"] = id.hex
    token["exp"] = int(expires_at.timestamp())
    return _sign(token, user_id, session_id)


def read_access(raw: str) -> UUID:
    """The session of a valid access token. Raises NotAuthenticated."""
    session_id, expires_at = _read_access(raw)
    if expires_at <= time.time():
        raise NotAuthenticated
    return session_id


@lru_cache(maxsize=4096)
def _read_access(raw: str) -> tuple[UUID, float]:
    """The session, and until when. A signature that was good stays good, and looking costs a request more
    than its limits do; what is not good is not remembered."""
    payload = _verified(AccessToken, raw)
    return _uuid(payload, "sid"), float(payload["exp"])


def read_refresh(raw: str) -> Refreshing:
    """What a valid refresh token says. Raises NotAuthenticated."""
    payload = _verified(RefreshToken, raw)
    return Refreshing(session_id=_uuid(payload, "sid"), id=_uuid(payload, "jti"))


def _sign(token: Token, user_id: UUID, session_id: UUID) -> str:
    token["sub"] = str(user_id)
    token["sid"] = str(session_id)
    return str(token)


def _verified(kind: type[Token], raw: str) -> dict[str, Any]:
    try:
        payload: dict[str, Any] = kind(raw).payload  # type: ignore[arg-type]  # takes str too
    except (TokenError, ValueError):
        raise NotAuthenticated from None
    return payload


def _uuid(payload: dict[str, Any], claim: str) -> UUID:
    try:
        return UUID(str(payload[claim]))
    except (KeyError, ValueError):
        raise NotAuthenticated from None
