"""
The ASGI application: static files, a bound on request bodies, Django, and an orderly end.

    application ─┬─ lifespan ─► prompts.composition: opens and closes journal and model
                 ├─ /static/ ─► Starlette's StaticFiles over STATIC_ROOT
                 └─ the rest ─► BoundedBody ─► Django
"""

import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

from django.core.asgi import get_asgi_application

django_application: Any = get_asgi_application()

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from starlette.staticfiles import StaticFiles

from gateway.problems import MEDIA_TYPE, TABLE, document
from prompts import composition

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyTooLarge(Exception):
    """Raised into the application's `receive` when the body passes the bound."""


class BoundedBody:
    """Refuses request bodies over `limit` bytes: by their Content-Length before a byte is read, and by
    counting where there is none. Django itself would first spool all of it to disk."""

    def __init__(self, application: Application, *, limit: int) -> None:
        self.application = application
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self.limit:
            await self._refuse(send)
            return
        seen = 0
        started = False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                raise BodyTooLarge
            return message

        async def watched(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.application(scope, counted, watched)
        except BodyTooLarge:
            if not started:
                await self._refuse(send)

    @staticmethod
    async def _refuse(send: Send) -> None:
        body = json.dumps(document(TABLE[RequestDataTooBig])).encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def lifespan(receive: Receive, send: Send) -> None:
    """Opens what the service needs before the first request and closes it after the last."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            composition.open_house()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await composition.close_house()
            await send({"type": "lifespan.shutdown.complete"})
            return


static_files = StaticFiles(directory=settings.STATIC_ROOT, check_dir=False)
api = BoundedBody(django_application, limit=settings.MAX_BODY_BYTES)
STATIC_PREFIX = "/" + settings.STATIC_URL.strip("/") + "/"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """What gunicorn serves."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "http" and scope["path"].startswith(STATIC_PREFIX):
        mounted = {**scope, "root_path": scope.get("root_path", "") + STATIC_PREFIX.rstrip("/")}
        await static_files(mounted, receive, send)
    else:
        await api(scope, receive, send)
