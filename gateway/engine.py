"""
The engine service: OpenAI's API on the local models, for gateways that reach it as a backend of the kind
`engine`. No users, no pipeline, no book: what it hears has been sanitized, and what it says will be.

    manage.py serve_engine ─► gunicorn ─► application ─► BoundedBody ─► token? ─► inference.local

Who has ENGINE_TOKEN may ask everything. `user` in a body is who to be fair to. `/metrics` is for whom the
gateway's is: METRICS_TOKEN, or programs on this machine.
"""

import asyncio
import hmac
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID, uuid4

from django.conf import settings

from accounts.access import Caller
from accounts.strict import parse_strictly
from gateway import reporting
from gateway.asgi import BoundedBody, Receive, Scope, Send
from gateway.logs import request_id
from gateway.metrics import processes
from gateway.metrics import views as pages
from gateway.metrics.counting import count_problem, count_request
from gateway.problems import INTERNAL, Row, envelope, row_for
from gateway.proxies import believe
from gateway.tracing import switch as tracing
from inference import composition
from inference.backends import (
    Backend,
    CallPiece,
    Ending,
    Event,
    Generation,
    Message,
    ModelCard,
    Piece,
    ToolUse,
)
from inference.errors import DeadlineExceeded, ModelLoading, QueueFull, UnknownModel
from prompts.askers import Asker
from prompts.asks import Ask
from prompts.calls import new_id
from prompts.events import Begun, CallDelta, Delta, Done, Embedded, Shown, ShownCall, ShownToken, Times
from prompts.ids import instant, uuid7
from prompts.journal import Outcome, Result, Usage
from prompts.v1 import others
from prompts.v1.requests import Bounds, read_chat, read_completion
from prompts.v1.views import model_object
from prompts.v1.wire import CHAT, TEXT, Chunks, Shape, server_sent, whole
from sanitization.chain import EMPTY

logger = logging.getLogger("gateway.requests")

NOBODY = UUID(int=0)
REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")  # of a gateway; nobody else names a request
BUSY = (QueueFull, ModelLoading, DeadlineExceeded)
UNKNOWN_TOKEN = Row(401, "not-authenticated", "Send ENGINE_TOKEN: Authorization: Bearer <token>.")
# The older shape has no place for the bytes of a token, and gateways read either.
TEXT_WITH_BYTES = replace(TEXT, logprobs=CHAT.logprobs)
NOT_HERE = Row(404, "not-found", "This engine has /v1/chat/completions, completions, embeddings, models.")


@dataclass(slots=True)
class Call:
    """One request and the way back."""

    scope: Scope
    body: bytes
    send: Send
    status: int = 0
    began_at: float = 0.0  # to answer
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in self.scope["headers"]
        }

    async def begin(self, status: int, content_type: str, **more: str) -> None:
        self.status, self.began_at = status, time.perf_counter()
        named = {"content-type": content_type, "x-request-id": request_id.get() or "", **more}
        headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def say(self, data: bytes, *, more: bool = True) -> None:
        await self.send({"type": "http.response.body", "body": data, "more_body": more})

    async def answer(self, content: Any, status: int = 200, **headers: str) -> None:
        await self.begin(status, "application/json", **headers)
        await self.say(json.dumps(content).encode(), more=False)

    async def refuse(self, row: Row, error: Exception | None = None) -> None:
        """A gateway that is told Retry-After leaves the whole engine alone for so long: no answer that failed
        says so."""
        count_problem(row.code)
        status, content = envelope(row, error)
        seconds = error.retry_after_seconds if isinstance(error, BUSY) else None
        await self.answer(content, status, **({"retry_after": str(seconds)} if seconds else {}))


async def service(scope: Scope, receive: Receive, send: Send) -> None:
    """One request; it ends when its gateway hangs up."""
    call = Call(scope, await whole_body(receive), send)
    began_at = time.perf_counter()
    own = call.headers.get("x-request-id", "")
    request_id.set(own if has_token(scope) and REQUEST_ID.fullmatch(own) else str(uuid4()))
    working, leaving = asyncio.ensure_future(respond(call)), asyncio.ensure_future(receive())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, leaving):
            task.cancel()
        results = await asyncio.gather(working, leaving, return_exceptions=True)
    elapsed_ms = round((time.perf_counter() - began_at) * 1000, 1)
    logger.info("request", extra={"status": call.status, "total_ms": elapsed_ms})
    method, path = call.scope["method"], call.scope["path"].rstrip("/")
    if call.status and (method, path) in DOORS:
        count_request(route=path, method=method, status=call.status, seconds=call.began_at - began_at)
    if isinstance(results[0], Exception):
        raise results[0]


async def whole_body(receive: Receive) -> bytes:
    """BoundedBody has bounded it."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def respond(call: Call) -> None:
    method, path = call.scope["method"], call.scope["path"].rstrip("/")
    if method == "GET" and path in ("/healthz", "/readyz"):
        await (call.answer({"status": "ok"}) if path == "/healthz" else ready(call))
    elif method == "GET" and path == "/metrics":
        await metrics(call)
    elif not has_token(call.scope):
        await call.refuse(UNKNOWN_TOKEN)
    elif (door := DOORS.get((method, path))) is None:
        await call.refuse(NOT_HERE)
    else:
        tracing.name_route(method, path)
        try:
            await door(call)
        except Exception as error:
            if call.status:
                raise
            if (row := row_for(error)) is None:
                logger.exception("engine service")
            await call.refuse(row or INTERNAL, error if row else None)


def has_token(scope: Scope) -> bool:
    """In the time that it takes for any."""
    given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return hmac.compare_digest(given, f"Bearer {settings.ENGINE_TOKEN}".encode())


async def metrics(call: Call) -> None:
    """What Prometheus reads, for whom it reads the gateway's."""
    names = (("HTTP_X_FORWARDED_FOR", "x-forwarded-for"),)
    meta = {"REMOTE_ADDR": (call.scope.get("client") or ("",))[0]}
    meta |= {name: call.headers[header] for name, header in names if header in call.headers}
    if not pages.may_read(call.headers.get("authorization", ""), believe(meta, settings.TRUSTED_PROXIES)):
        await call.refuse(pages.NO_TOKEN if settings.METRICS_TOKEN else pages.NOT_HERE)
        return
    body, content_type = await asyncio.to_thread(pages.engine_page, call.headers.get("accept", ""))
    await call.begin(200, content_type)
    await call.say(body, more=False)


async def ready(call: Call) -> None:
    """Whether the default and the pinned models are there."""
    needed = composition.needed_names()
    states = {
        card.name: status.state for card, status in composition.backend().models() if card.name in needed
    }
    is_ready = all(state in ("ready", "unloaded") for state in states.values())
    await call.answer({"status": "ready" if is_ready else "down", "models": states}, 200 if is_ready else 503)


async def models(call: Call) -> None:
    cards = [card for card, _ in composition.backend().models()]
    await call.answer({"object": "list", "data": [model_object(card) for card in cards]})


async def embeddings(call: Call) -> None:
    body, asker = parse_strictly(call.body), asker_of()
    ask, encoding = others.read_embedding(body, asker, bounds())
    card = backend().choose(ask.model)
    texts = [said.content for said in ask.messages]
    made = await backend().embed(texts, model=card.name, caller=str(body.get("user", "")))
    embedded = Embedded(begun_of(card), made.vectors, Usage(prompt_tokens=made.prompt_tokens))
    await call.answer(others.embeddings(embedded, encoding))


async def chat(call: Call) -> None:
    body = parse_strictly(call.body)
    await answer(call, body, *read_chat(body, asker_of(), bounds()), shape=CHAT)


async def completions(call: Call) -> None:
    body = parse_strictly(call.body)
    await answer(call, body, *read_completion(body, asker_of(), bounds()), shape=TEXT_WITH_BYTES)


DOORS: dict[tuple[str, str], Callable[[Call], Awaitable[None]]] = {
    ("POST", "/v1/chat/completions"): chat,
    ("POST", "/v1/completions"): completions,
    ("POST", "/v1/embeddings"): embeddings,
    ("GET", "/v1/models"): models,
}


def backend() -> Backend[str]:
    return tracing.seen_backend(composition.backend())


def bounds() -> Bounds:
    """The gateway has its own, and the model its context."""
    return Bounds(max_chars=settings.MAX_BODY_BYTES, max_tokens=1 << 20, temperature=settings.LLM_TEMPERATURE)


def asker_of() -> Asker:
    """Whoever has the token: nobody looks at a user's rights here."""
    return Asker(Caller(NOBODY, may_ask=True, user=cast(Any, None)), request_id.get() or "")


# -- answers --


async def answer(call: Call, body: dict[str, Any], ask: Ask, with_usage: bool, *, shape: Shape) -> None:
    """Streamed or whole. The first event decides the status."""
    card = backend().choose(ask.model)
    if card.kind != "chat":
        raise UnknownModel(tuple(each.name for each, _ in backend().models() if each.kind == "chat"))
    said = Said(begun_of(card), ask.choices)
    generation = generation_of(ask, card, caller=str(body.get("user", "")))
    async with aclosing(backend().answer(generation)) as events:
        if not ask.streamed:
            async for event in events:
                said.note(event)
            await call.answer(whole(said.done(), shape))
            return
        first = await anext(events)
        await call.begin(200, "text/event-stream; charset=utf-8", cache_control="no-store")
        chunks = Chunks(said.begun, shape, choices=ask.choices, with_usage=with_usage)
        try:
            await call.say(chunks.first() + said.note(first, chunks))
            async for event in events:
                if data := said.note(event, chunks):
                    await call.say(data)
        except Exception as error:
            row = row_for(error)
            if row is None:
                logger.exception("engine service")
            await call.say(server_sent(envelope(row or INTERNAL, error if row else None)[1]), more=False)
            return
        await call.say(chunks.last(said.done()), more=False)


def generation_of(ask: Ask, card: ModelCard, *, caller: str) -> Generation[str]:
    return Generation(
        messages=tuple(
            Message(said.role, said.content, said.calls, said.call_id, said.reasoning or None)
            for said in ask.messages
        ),
        text=ask.text,
        model=card.name,
        max_tokens=min(ask.max_tokens, card.context_tokens),
        sampling=ask.sampling,
        caller=caller,
        request_id=ask.request_id,
        stop=ask.stop,
        choices=ask.choices,
        logprobs=ask.logprobs,
        format=ask.format,
        priority=ask.priority,
        deadline_seconds=ask.deadline_seconds,
        tools=() if ask.tool_use is None else ask.tools,
        tool_use=ask.tool_use or ToolUse(),
        reasoning_effort=ask.reasoning_effort,
        verbosity=ask.verbosity,
    )


def shown(piece: Piece) -> tuple[ShownToken, ...]:
    return tuple(ShownToken(token) for token in piece.logprobs)


def begun_of(card: ModelCard) -> Begun:
    id = uuid7()
    return Begun(id, instant(id), card.name, policy="", cache="off", times=Times())


class Said:
    """What the model has said, for OpenAI's shapes."""

    def __init__(self, begun: Begun, choices: int) -> None:
        self.begun = begun
        self._texts: list[list[str]] = [[] for _ in range(choices)]
        self._calls: list[list[ShownCall]] = [[] for _ in range(choices)]
        self._tokens: list[list[ShownToken]] = [[] for _ in range(choices)]
        self._endings: dict[int, Ending] = {}

    def note(self, event: Event, chunks: Chunks | None = None) -> bytes:
        """The event as a chunk, where there is a stream."""
        if isinstance(event, Ending):
            self._endings[event.choice] = event
        elif isinstance(event, Piece):
            if chunks is not None:
                return chunks.text(Delta(event.text, event.choice, shown(event)))
            self._texts[event.choice].append(event.text)
            self._tokens[event.choice] += shown(event)
        elif isinstance(event, CallPiece):
            id = new_id() if event.name else ""
            if chunks is not None:
                return chunks.call(CallDelta(event.call, event.arguments, id, event.name, event.choice))
            calls = self._calls[event.choice]
            if event.name:
                calls.append(ShownCall(id, event.name, event.arguments))
            else:
                calls[-1] = replace(calls[-1], arguments=calls[-1].arguments + event.arguments)
        return b""

    def done(self) -> Done:
        endings = [self._endings[number] for number in range(len(self._texts))]
        usage = Usage(
            prompt_tokens=max(ending.prompt_tokens for ending in endings),
            completion_tokens=sum(ending.completion_tokens for ending in endings),
            cached_tokens=min(ending.cached_tokens for ending in endings),
        )
        said = zip(self._texts, self._calls, self._tokens, endings, strict=True)
        return Done(
            begun=self.begun,
            choices=tuple(
                Shown("".join(texts), ending.finish_reason, tuple(calls), tuple(tokens) or None)
                for texts, calls, tokens, ending in said
            ),
            prompt_sent=EMPTY,
            parts=(),
            result=Result(Outcome.ANSWERED, usage=usage),
            own_emails=(),
        )


# -- the server's side --

http = BoundedBody(service, limit=settings.MAX_BODY_BYTES)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """What gunicorn serves. The models have been loading since `InferenceConfig.ready`."""
    if scope["type"] == "http":
        await tracing.seen(http, has_token)(scope, receive, send)
    elif scope["type"] == "lifespan":
        await receive()
        reporting.open_reports()
        tracing.open_traces("llm-engine")
        watching = processes.watch()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        watching.cancel()
        await asyncio.to_thread(composition.close)
        await asyncio.to_thread(tracing.close_traces)
        await asyncio.to_thread(reporting.close_reports)
        await send({"type": "lifespan.shutdown.complete"})
