"""
A request as a span: from its first byte to the last of its answer, streams and callers who leave included.

Whose trace it is part of, a caller may say in `traceparent` where he is believed; any other request begins a
trace of its own. A stranger who could name the trace could mix his requests into somebody else's, and have
all of his sampled.
"""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from gateway.logs import trace_id
from gateway.proxies import Network, parsed
from gateway.tracing.facts import Fact, code_of, method_of, route_of
from gateway.tracing.spans import Seen, Tracer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Believes = Callable[[Scope], bool]

# What asks every few seconds, and files.
UNSEEN = ("/healthz", "/readyz", "/metrics", "/static/", "/favicon.ico")


class Traced:
    """The application, watched. `believes` says whose `traceparent` counts."""

    def __init__(self, application: Application, tracer: Tracer, *, believes: Believes) -> None:
        self._application = application
        self._tracer = tracer
        self._believes = believes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(UNSEEN):
            await self._application(scope, receive, send)
            return
        method = method_of(scope["method"])
        facts: dict[str, Fact] = {"http.request.method": method}
        said = traceparent_in(scope) if self._believes(scope) else ""
        with self._tracer.during(method, facts, kind="server", traceparent=said) as seen, seen.entered():
            trace_id.set(seen.trace_id)
            await self._application(scope, receive, watched(send, seen))


def watched(send: Send, seen: Seen) -> Send:
    """Notes how the answer begins."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            status = message["status"]
            seen.say({"http.response.status_code": status})
            if status >= 500:
                seen.fail(code_of(status))
        await send(message)

    return sending


def name_route(method: str, pattern: str | None) -> None:
    """Names the span that this task is in by its route, which nobody knows before the end."""
    route = route_of(pattern)
    if route:
        seen = Tracer.here()
        seen.rename(f"{method} {route}")
        seen.say({"http.route": route})


def traceparent_in(scope: Scope) -> str:
    """As it came; empty where there is none, or more than one."""
    found = [value for name, value in scope["headers"] if name == b"traceparent"]
    return found[0].decode("latin-1") if len(found) == 1 and len(found[0]) <= 64 else ""


def comes_from(networks: Sequence[Network]) -> Believes:
    """Whether the connection is of a trusted proxy."""

    def does(scope: Scope) -> bool:
        client = scope.get("client")
        peer = parsed(str(client[0])) if client else None
        return peer is not None and any(peer in network for network in networks)

    return does
