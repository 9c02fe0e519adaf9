"""
Django's way from ASGI to the middleware and back, without its detours.

Django goes into the request's thread to say that a request begins, and once more to close the response. What
is done there is to give back database connections, which `gateway.threads` does by itself, and what needs no
thread: caches and the request are closed on the loop. Two waits for a thread cost a prompt more than its way
through the middleware. And a body is held in memory here: `gateway.asgi` has bounded it.
"""

import asyncio
import io
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import close_old_connections, reset_queries
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Handler(ASGIHandler):
    """One for the process. `settle_in` before the first request of a server."""

    @staticmethod
    def settle_in() -> None:
        """What needs the request's thread when a request begins and ends is done elsewhere: nothing has to go
        into it any more."""
        signals.request_started.disconnect(reset_queries)
        signals.request_started.disconnect(close_old_connections)
        signals.request_finished.disconnect(close_old_connections)

    async def read_body(self, receive: Receive) -> io.BytesIO:
        """Raises RequestAborted."""
        body = io.BytesIO()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestAborted
            body.write(message.get("body", b""))
            if not message.get("more_body", False):
                body.seek(0)
                return body

    async def handle(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One request. It is cancelled when the caller leaves."""
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        set_script_prefix(get_script_prefix(scope))
        await signals.request_started.asend(sender=self.__class__, scope=scope)
        request, refusal = self.create_request(scope, body)
        if refusal is not None:
            await self.send_response(refusal, send)
            refusal.close()
            return
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        working = asyncio.create_task(self._answer(request, send))
        await asyncio.wait((leaving, working), return_when=asyncio.FIRST_COMPLETED)
        for task in (leaving, working):
            if task.done():
                with suppress(RequestAborted):
                    task.result()
            else:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        if working.cancelled():
            await signals.request_finished.asend(sender=self.__class__)
        else:
            working.result().close()

    async def _answer(self, request: Any, send: Send) -> HttpResponseBase:
        response: HttpResponseBase = await self.run_get_response(request)
        try:
            with suppress(asyncio.CancelledError):  # the caller left while he was answered
                await self.send_response(response, send)
        finally:
            await end(response)
        return response


async def end(response: HttpResponseBase) -> None:
    """Ends what is streamed. Of a caller who left while he did not read, Django would leave it to the garbage
    collector, and so long the prompt would be in progress and its model busy."""
    if response.streaming and getattr(response, "is_async", False):
        iterator = response._iterator  # type: ignore[attr-defined]
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


def get_application() -> Handler:
    """As `django.core.asgi.get_asgi_application`."""
    import django

    django.setup(set_prefix=False)
    return Handler()
