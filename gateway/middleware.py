"""
Django's middleware, kept off the hot path where it has nothing to do.

Django runs every hook of a synchronous middleware in a thread, which costs an asynchronous request about
a millisecond each. Hooks that only compute run on the event loop here (`Inline`); hooks that read the
database run in a thread, and only for pages (`PageOnly`), because the API has neither cookies nor forms.

    RequestId > Security > Sessions > Common > Csrf > Authentication > Messages > FrameOptions > view
"""

import logging
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject

from accounts import browser, origin
from gateway.logs import request_id
from gateway.metrics.counting import count_request
from gateway.proxies import believe
from gateway.tracing import switch as tracing
from prompts.afterwards import afterwards
from prompts.ids import uuid7

logger = logging.getLogger("gateway.requests")


def is_page(path: str) -> bool:
    """Whether a person with a browser, cookies and forms is at this path."""
    return path == "/" or path.startswith(("/admin", "/account/"))


async def following(middleware: MiddlewareMixin, request: HttpRequest) -> HttpResponseBase:
    """The rest of the chain; on the event loop Django's `get_response` is a coroutine function."""
    response: HttpResponseBase = await middleware.get_response(request)  # type: ignore[misc]
    return response


class Inline(MiddlewareMixin):
    """For hooks that only compute: run them where the request is, not in a thread."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase | None = None
        if hasattr(self, "process_request"):
            response = self.process_request(request)
        if response is None:
            response = await following(self, request)
        if hasattr(self, "process_response"):
            response = self.process_response(request, response)
        return response


class PageOnly(MiddlewareMixin):
    """For hooks that read sessions and users: only pages have them."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        if is_page(request.path):
            response: HttpResponseBase = await super().__acall__(request)
            return response
        return await following(self, request)


class RequestId(Inline):
    """Gives each request an id (`X-Request-ID`, answered too), its origin, and one log line without its text.

    A caller's own id is taken only if it is a UUID: anything freer could carry a secret into the log. Ours
    grow with time, so that the book's index of them grows at its end.
    """

    def process_request(self, request: HttpRequest) -> None:
        try:
            own = str(UUID(request.headers.get("X-Request-ID", "")))
        except ValueError:
            own = str(uuid7())
        request.META["REQUEST_ID"] = own
        request.META["REQUEST_STARTED"] = time.perf_counter()
        request_id.set(own)
        address = believe(request.META, settings.TRUSTED_PROXIES)
        origin.arrive(
            address=address,
            device=request.headers.get("User-Agent", ""),
            request_id=own,
            user=lambda: getattr(request, "user", None),
        )

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response["X-Request-ID"] = request.META["REQUEST_ID"]
        route = request.resolver_match.route if request.resolver_match else None
        elapsed = time.perf_counter() - request.META["REQUEST_STARTED"]
        method = request.method if request.method in KNOWN_METHODS else "other"
        tracing.name_route(method, route)
        afterwards.put(tell, route=route, method=method, status=response.status_code, seconds=elapsed)
        return response


def tell(*, route: str | None, method: str, status: int, seconds: float) -> None:
    """The log and the metrics of a request whose answer begins."""
    count_request(route=route, method=method, status=status, seconds=seconds)
    total_ms = round(seconds * 1000, 1)
    logger.info("request", extra={"method": method, "route": route, "status": status, "total_ms": total_ms})


KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


# Scripts, pictures and calls only from here; styles of a page may stand in it. A JSON answer needs nothing at
# all.
PAGES_MAY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
DATA_MAY = "default-src 'none'; frame-ancestors 'none'"


class Cors(CorsMiddleware):
    """Lets pages of CORS_ORIGINS call the API. Only computes, and is asynchronous by itself."""


class Security(Inline, SecurityMiddleware):
    """HTTPS redirect, HSTS, nosniff, referrer, opener; what a page may load; answers are not stored."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response = super().process_response(request, response)
        is_html = response.get("Content-Type", "").startswith("text/html")
        response.headers.setdefault("Content-Security-Policy", PAGES_MAY if is_html else DATA_MAY)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if not is_html:  # tokens, prompts, personal data (RFC 6749, 5.1)
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class Common(Inline, CommonMiddleware):
    """Checks the host, sets Content-Length."""


class FrameOptions(Inline, XFrameOptionsMiddleware):
    """No framing."""


class Sessions(PageOnly, SessionMiddleware):
    """Browser sessions, for pages."""


class Authentication(PageOnly, AuthenticationMiddleware):
    """The user of a browser session, for pages, as long as his log-in stands."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        user: Any = request.user
        request.user = SimpleLazyObject(lambda: browser.standing(request, user))  # type: ignore[assignment]

        async def auser() -> Any:
            return await sync_to_async(lambda: request.user)()

        request.auser = auser


class Messages(PageOnly, MessageMiddleware):
    """The admin's one-time messages."""


class Csrf(PageOnly, CsrfViewMiddleware):
    """Form tokens, for pages. API calls carry no cookie that a foreign page could abuse."""

    async def process_view(  # type: ignore[override]  # Django accepts both; this one costs no thread
        self, request: HttpRequest, callback: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        if not is_page(request.path):
            return None
        check = super().process_view
        response: HttpResponseBase | None = await sync_to_async(check)(request, callback, args, kwargs)
        return response
