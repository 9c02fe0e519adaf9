"""
Who is asking: one function for DRF's views and for the asynchronous ones.

    Authorization: Bearer <access token>  ─► its session ─┐
    Authorization: Bearer lgw_…           ─► its hash ────┴─► accounts.book: the caller, or nobody

Every refusal is the same NotAuthenticated: what exactly was wrong is nobody's business. A store that is away
is no refusal: its error passes through, and becomes 503.

A key reaches what its scopes name. A view of DRF says which one each method takes (`key_scopes`); a view that
says nothing is out of reach of every key.
"""

import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import keys, tokens
from accounts.access import Caller, Scope
from accounts.book import book
from accounts.errors import NotAuthenticated
from accounts.facts import aof_key, aof_session, of_key, of_session
from accounts.models import User


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller shows: the name under which it is remembered, and how it is looked up."""

    name: str
    load: Callable[[], Caller | None]
    aload: Callable[[], Awaitable[Caller | None]]


def read_bearer(header: str | None) -> Credential:
    """The credential in a header, by its form and signature alone. Raises NotAuthenticated."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated
    token = token.strip()
    if token.startswith(keys.PREFIX):
        if not keys.is_secret(token):
            raise NotAuthenticated
        digest = keys.digest(token)
        return Credential(digest, lambda: of_key(digest), lambda: aof_key(digest))
    session_id = tokens.read_access(token)
    return Credential(str(session_id), lambda: of_session(session_id), lambda: aof_session(session_id))


def identify(header: str | None, *, scope: Scope | str | None = None) -> Caller:
    """The caller. No query for one who was here in the last seconds, else one.

    `scope` is what a key needs for this; None lets only sessions in. Raises NotAuthenticated, OutOfScope,
    MayNotAsk, AccessUnavailable.
    """
    credential = read_bearer(header)
    caller = book.find(credential.name, credential.load)
    if caller is None:
        raise NotAuthenticated
    caller.permits(scope)
    return caller


async def aidentify(header: str | None, *, scope: Scope | str | None = Scope.PROMPT) -> Caller:
    """`identify` on the event loop, where prompts are asked."""
    credential = read_bearer(header)
    caller = await book.afind(credential.name, credential.aload)
    if caller is None:
        raise NotAuthenticated
    caller.permits(scope)
    return caller


class BearerAuthentication(BaseAuthentication):
    """DRF's door to `identify`: `request.user` is the user, `request.auth` the caller.

    No header at all is nobody, which open views accept.
    """

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        if (header := request.headers.get("Authorization")) is None:
            return None
        view: Any = (request.parser_context or {}).get("view")
        scopes: dict[str, str] = getattr(view, "key_scopes", {})
        method = "GET" if request.method == "HEAD" else request.method or ""
        caller = identify(header, scope=scopes.get(method))
        # A copy: Django's permission checks write what they find into the user.
        return copy.copy(caller.user), caller

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def caller_of(request: Request) -> Caller:
    """Who has been let into a view of DRF."""
    assert isinstance(request.auth, Caller)
    return request.auth
