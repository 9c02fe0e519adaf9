"""
The ASGI application: static files, a bound on request bodies, Django, and an orderly end.

    application ─┬─ lifespan ─► prompts.composition: opens and closes journal and model
                 ├─ /static/ ─► Starlette's StaticFiles over STATIC_ROOT
                 ├─ prompts ─► Orderly: in line, or refused ─┐
                 ├─ log-ins and registrations ─► NarrowDoor ─┤
                 ├─ health and metrics ──────────────────────┼─► BoundedBody ─► Django
                 └─ pages and other calls ─────► NarrowDoor ─┘
"""

import asyncio
import ctypes
import gc
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

from gateway.handler import Handler, get_application

django_application: Any = get_application()

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404
from rest_framework.exceptions import MethodNotAllowed
from starlette.exceptions import HTTPException as StaticError
from starlette.staticfiles import StaticFiles

from accounts import hashers
from accounts.errors import Busy
from gateway import reporting
from gateway.load import Full, Line
from gateway.metrics import gauging, processes
from gateway.metrics.counting import count_shed
from gateway.problems import TABLE, Row
from gateway.refusing import refusal, refuse, whole
from gateway.threads import Threads
from gateway.tracing import switch as tracing
from gateway.worker import Connection
from inference import fleet
from inference.routing.file import TableInvalid
from prompts import composition

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger("gateway.asgi")

# So many collections of the middle generation (7,000 objects that stayed) go before one of everything.
ALL_OF_IT = 100
DRAIN_BYTES = 64 << 20
DRAIN_SECONDS = 10
LAST_SECONDS = 3  # for answers that were told to end, to say so
PAGES_AT_ONCE = 64  # each has a thread, and asks for one of DATABASE_POOL connections
TOO_SLOW = Row(408, "body-too-slow", "The request body did not come in time. Send it in one go.")


class BodyTooLarge(Exception):
    """Raised into the application's `receive` when the body passes the bound."""


class BoundedBody:
    """Refuses request bodies over `limit` bytes: by their Content-Length before the application sees them,
    and by counting where there is none. Django itself would first spool all of it to disk.

    What a refused caller is still sending is read and dropped, up to `DRAIN_BYTES`: most clients look for
    an answer only when they have sent everything, and would see a broken pipe instead of the 413.
    """

    def __init__(self, application: Application, *, limit: int, idle_seconds: float = 30) -> None:
        self.application = application
        self.limit = limit
        self.idle_seconds = idle_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self.limit:
            if declared.isdigit() and int(declared) <= DRAIN_BYTES:
                await drain(receive)
            await refuse(send, TABLE[RequestDataTooBig], scope["path"])
            return
        seen = 0
        is_whole = started = False

        async def counted() -> MutableMapping[str, Any]:
            nonlocal seen, is_whole
            # Once the body is there, Django waits here for as long as it works, to see the caller leave.
            async with asyncio.timeout(None if is_whole else self.idle_seconds):
                message = await receive()
            seen += len(message.get("body", b""))
            is_whole = not message.get("more_body")
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
                if not is_whole:
                    await drain(receive)
                await refuse(send, TABLE[RequestDataTooBig], scope["path"])
        except TimeoutError:
            if is_whole:
                raise
            await refuse(send, TOO_SLOW, scope["path"])


def takes_a_hash(scope: Scope) -> bool:
    """Whether a stranger asks for something that has to be hashed."""
    return scope["method"] == "POST" and scope["path"].rstrip("/") in ("/auth/login", "/user/register")


def takes_a_model(scope: Scope) -> bool:
    """Whether somebody sends texts that have to be screened."""
    path = str(scope["path"])
    return scope["method"] == "POST" and (path.startswith("/v1/") or path.rstrip("/") == "/prompt")


WATCHED = ("/healthz", "/readyz", "/metrics")


def is_watched(scope: Scope) -> bool:
    """Whether this is how others see that we are well: it has to answer when nothing else does."""
    return scope["path"].rstrip("/") in WATCHED


def unsniffed(send: Send) -> Send:
    """Browsers take a static file for what its type says, and for nothing else."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
        await send(message)

    return sending


async def drain(receive: Receive) -> bool:
    """Reads and drops what is left of a request's body; whether nothing is left."""
    dropped = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while dropped < DRAIN_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return bool(message["type"] == "http.request")
    return False


class NarrowDoor:
    """Lets `limit` requests in at once and refuses the next with 503 and Retry-After, for about nothing.

    A burst that got as far as Django would hold up everybody's requests before it is refused there.
    """

    def __init__(self, application: Application, *, limit: int, row: Row = TABLE[Busy]) -> None:
        self.application = application
        self.limit = limit
        self.row = row
        self.inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.inside >= self.limit:
            count_shed("door")
            await send_away(scope, receive, send, self.row, retry_after_seconds=Busy.retry_after_seconds)
            return
        self.inside += 1
        try:
            await self.application(scope, receive, send)
        finally:
            self.inside -= 1


class Orderly:
    """Has requests wait for their turn in a line, and refuses those that would wait for too long."""

    def __init__(self, application: Application, line: Line) -> None:
        self.application = application
        self.line = line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self.line.place():
                with composition.house().pace.request() as opening:

                    async def body() -> MutableMapping[str, Any]:
                        message = await receive()
                        if not message.get("more_body"):  # a slow one is in nobody's way
                            opening.begins()
                        return message

                    await self.application(scope, body, send)
        except Full as full:
            count_shed(full.why)
            await send_away(scope, receive, send, TABLE[Full], retry_after_seconds=full.retry_after_seconds)


async def send_away(
    scope: Scope, receive: Receive, send: Send, row: Row, *, retry_after_seconds: int
) -> None:
    """Refuses a request that may be sent again, and keeps the connection: a new one would cost more."""
    is_whole = await drain(receive)
    await refuse(send, row, scope["path"], retry_after_seconds=retry_after_seconds, closes=not is_whole)


def turned_away(data: bytes) -> bytes | None:
    """The answer to a prompt that is all of `data`, where the line is full; None for whatever else it is."""
    full = line.full()
    if full is None or (request := whole(data)) is None:
        return None
    method, path = request
    if not takes_a_model({"method": method, "path": path}):
        return None
    count_shed(full.why)
    return refusal(TABLE[Full], path, retry_after_seconds=full.retry_after_seconds).as_bytes()


async def lifespan(receive: Receive, send: Send) -> None:
    """Opens what the service needs before the first request and closes it after the last."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                fleet.open_fleet()
                reporting.open_reports()
                tracing.open_traces("llm-gateway")
                composition.open_house()
            except Exception as error:  # without this message gunicorn would go on, with a closed book
                is_known = isinstance(error, TableInvalid)
                if not is_known:
                    logger.exception("not started")
                why = str(error) if is_known else type(error).__name__
                await send({"type": "lifespan.startup.failed", "message": why})
                return
            Handler.settle_in()
            Connection.turned_away = staticmethod(turned_away)
            gauging.look_now_and_then()
            watching = processes.watch()
            keep_for_good()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            watching.cancel()
            if not await line.empty(settings.LLM_DRAIN_SECONDS):
                await composition.close_models()  # what is still being answered ends with an error
                await line.empty(LAST_SECONDS)
            await composition.close_house()
            await asyncio.to_thread(tracing.close_traces)
            await asyncio.to_thread(reporting.close_reports)
            await send({"type": "lifespan.shutdown.complete"})
            return


def keep_for_good() -> None:
    """Rules, models and views stay as long as the process. The collector stops every thread while it looks
    them through, for 60 to 110 ms a time; it need not do so again.

    It looks all the rest through, a third of a second with a thousand streams open, as seldom as memory
    allows: prompts leave nothing to it (`tests/prompts/test_memory.py`)."""
    gc.collect()
    give_back_memory()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, ALL_OF_IT)


def give_back_memory() -> None:
    """What loading took and nobody holds any more, to the system. glibc keeps it otherwise; other C libraries
    have nothing to call."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


static_files = StaticFiles(directory=settings.STATIC_ROOT, check_dir=False)
threads = Threads()
bounded = BoundedBody(django_application, limit=settings.MAX_BODY_BYTES, idle_seconds=settings.CLIENT_SECONDS)


async def api(scope: Scope, receive: Receive, send: Send) -> None:
    """Django, with a thread for this request if it needs one."""
    async with threads.one():
        await bounded(scope, receive, send)


hashing_door = NarrowDoor(api, limit=hashers.QUEUE)
pages_door = NarrowDoor(api, limit=PAGES_AT_ONCE, row=TABLE[Full])
line = Line(
    places=settings.MAX_PROMPTS,
    room=lambda: composition.house().pace.room,
    when_calm=lambda go_on: composition.house().pace.when_calm(go_on),
)
prompts_door = Orderly(api, line)
gauging.line = line
STATIC_PREFIX = "/" + settings.STATIC_URL.strip("/") + "/"


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """What gunicorn serves."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    else:
        await tracing.seen(serve)(scope, receive, send)


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """One request."""
    if scope["type"] == "http" and scope["path"].startswith(STATIC_PREFIX):
        mounted = {**scope, "root_path": scope.get("root_path", "") + STATIC_PREFIX.rstrip("/")}
        try:
            await static_files(mounted, receive, unsniffed(send))
        except StaticError as error:  # no such file, or another method than GET
            missing = error.status_code == 404
            await refuse(send, TABLE[Http404] if missing else TABLE[MethodNotAllowed], scope["path"])
    else:
        await door_of(scope)(scope, receive, send)


def door_of(scope: Scope) -> Application:
    """Where a request is let in, or not."""
    if takes_a_model(scope):
        return prompts_door
    if takes_a_hash(scope):
        return hashing_door
    return api if is_watched(scope) else pages_door
