"""Who asks, and how: the part of a request to the model that is the same at every address."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import UnsupportedMediaType

from accounts.access import Caller, Scope
from accounts.authentication import aidentify
from accounts.limits.quotas import Bound
from accounts.strict import parse_strictly
from prompts.asks import Ask, CacheUse, Idempotency
from prompts.caching.replies import idempotency_of
from prompts.errors import RequestRefused
from prompts.house import House

# The gateway may put something around it, to see it.
identify: Callable[..., Awaitable[Caller]] = aidentify


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, in which request, what he said about the cache (RFC 9111, 5.2.1), and what he calls the
    request if he may send it again."""

    caller: Caller
    request_id: str
    cache: CacheUse = "use"
    idempotency: Idempotency | None = None
    is_to_be_kept: bool = False

    @property
    def user_id(self) -> UUID:
        return self.caller.user_id

    @property
    def key_id(self) -> UUID | None:
        return self.caller.key_id

    @property
    def bounds(self) -> tuple[Bound, ...]:
        return self.caller.bounds

    def permits_model(self, ask: Ask, house: House) -> None:
        """Raises UnknownModel, and ModelNotAllowed for one that the caller's key does not name."""
        self.caller.permits_model(house.backend.choose(ask.model).name)


async def asker_of(request: HttpRequest, *, scope: Scope = Scope.PROMPT) -> Asker:
    """Raises what `aidentify` raises, and RequestRefused for a header that says nothing."""
    headers = request.headers
    caller = await identify(headers.get("Authorization"), scope=scope)
    wish = keep_wish(headers.get("X-Gateway-Cache"))
    again = None
    if (key := headers.get("Idempotency-Key")) is not None:
        path, secret = request.path.rstrip("/"), settings.SECRET_KEY.encode()
        again = idempotency_of(key, path, request.body, secret=secret)
    return Asker(caller, request.META["REQUEST_ID"], cache_use(headers.get("Cache-Control", "")), again, wish)


def cache_use(header: str) -> CacheUse:
    """Directives that say nothing here are passed over, as the RFC wants it."""
    directives = {word.strip().lower() for word in header.split(",")} if header else set()
    if "no-store" in directives:
        return "off"
    return "refresh" if "no-cache" in directives else "use"


def keep_wish(header: str | None) -> bool:
    """Whether the answer is to be kept whatever the samplers are. Raises RequestRefused."""
    if header is not None and header.strip().lower() != "keep":
        raise RequestRefused("`X-Gateway-Cache` is `keep`, or left out.", param="X-Gateway-Cache")
    return header is not None


def body_of(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in it. Raises UnsupportedMediaType and ParseError."""
    if request.content_type != "application/json":
        raise UnsupportedMediaType(request.content_type or "none")
    return parse_strictly(request.body)
