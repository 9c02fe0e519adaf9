"""
The addresses of OpenAI's API. A view reads, asks the pipeline, writes; what goes wrong becomes OpenAI's
envelope by the one problem table.
"""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Protocol

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.viewsets import ViewSet

from accounts.access import Scope
from accounts.limits.headers import rate_headers
from inference.backends import ModelCard
from inference.errors import UnknownModel
from prompts.askers import Asker, asker_of, body_of
from prompts.asks import Ask
from prompts.composition import house
from prompts.doors import door, problem_of
from prompts.events import AsideDelta, Begun, CallDelta, Delta, Done
from prompts.pipeline import answer, embed
from prompts.v1 import others, schema
from prompts.v1.requests import Bounds, read_chat, read_completion
from prompts.v1.wire import CHAT, TEXT, Chunks, Shape, headers, whole

logger = logging.getLogger("prompts.v1")

Reader = Callable[[dict[str, Any], Asker, Bounds], tuple[Ask, bool]]


def bounds() -> Bounds:
    return Bounds(
        max_chars=settings.PROMPT_MAX_CHARS,
        max_tokens=settings.LLM_MAX_TOKENS,
        temperature=settings.LLM_TEMPERATURE,
    )


async def respond(request: HttpRequest, read: Reader, shape: Shape) -> HttpResponseBase:
    """One answer of chat completions or completions."""
    asker = await asker_of(request)
    ask, with_usage = read(body_of(request), asker, bounds())
    asker.permits_model(ask, house())
    return await written(
        ask,
        request,
        as_whole=lambda done: whole(done, shape),
        as_stream=lambda begun: Chunks(begun, shape, choices=ask.choices, with_usage=with_usage),
    )


class Streamed(Protocol):
    """Writes the events of one streamed answer."""

    def first(self) -> bytes: ...
    def text(self, delta: Delta) -> bytes: ...
    def call(self, delta: CallDelta) -> bytes: ...
    def aside(self, delta: AsideDelta) -> bytes: ...
    def last(self, done: Done) -> bytes: ...
    def broken(self, envelope: dict[str, Any]) -> bytes: ...


async def written(
    ask: Ask,
    request: HttpRequest,
    *,
    as_whole: Callable[[Done], dict[str, Any]],
    as_stream: Callable[[Begun], Streamed],
) -> HttpResponseBase:
    """One answer, whole or streamed. The first event decides the status: what is refused before it gets a
    plain error."""
    events = answer(ask, house())
    if not ask.streamed:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done):
                    times, queue_ms = event.begun.times, event.result.queue_ms
                    return as_json(as_whole(event), headers(event.begun, times, queue_ms=queue_ms))
        raise AssertionError("the pipeline ends with Done or raises")
    begun = await anext(events)
    assert isinstance(begun, Begun)
    return StreamingHttpResponse(
        stream(events, as_stream(begun), request),
        content_type="text/event-stream; charset=utf-8",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no", **headers(begun, begun.times)},
    )


async def stream(
    events: AsyncGenerator[Begun | Delta | CallDelta | AsideDelta | Done, None],
    chunks: Streamed,
    request: HttpRequest,
) -> AsyncIterator[bytes]:
    """The events after the first. Closing this closes the pipeline."""
    ahead = chunks.first()
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Delta):
                    yield ahead + chunks.text(event)
                elif isinstance(event, CallDelta):
                    yield ahead + chunks.call(event)
                elif isinstance(event, AsideDelta):
                    yield ahead + chunks.aside(event)
                elif isinstance(event, Done):
                    yield ahead + chunks.last(event)
                ahead = b""
    except Exception as error:
        problem = problem_of(error, request)
        if problem is None:
            logger.exception("stream broke")
        yield ahead + chunks.broken(BROKEN if problem is None else problem.data)


BROKEN = {
    "error": {
        "message": "Something broke here. It was logged with this request's id.",
        "type": "server_error",
        "param": None,
        "code": "internal_error",
    }
}


def as_json(content: Any, more: dict[str, str] | None = None) -> HttpResponse:
    body = json.dumps(content, separators=(",", ":")).encode()
    return HttpResponse(body, content_type="application/json", headers=more)


class ChatViewSet(ViewSet):
    """OpenAI's chat completions."""

    @extend_schema(
        operation_id="v1_chat_completions", request=schema.CHAT, responses=schema.answers(schema.CHAT_ANSWER)
    )
    async def create(self, request: HttpRequest) -> HttpResponseBase:
        """Answers a conversation. Messages are sanitized before the model sees them, answers before you
        do."""
        return await respond(request, read_chat, CHAT)


class CompletionViewSet(ViewSet):
    """OpenAI's older completions, of a text as it is."""

    @extend_schema(
        operation_id="v1_completions", request=schema.COMPLETION, responses=schema.answers(schema.TEXT_ANSWER)
    )
    async def create(self, request: HttpRequest) -> HttpResponseBase:
        """Continues a text, without the model's chat template."""
        return await respond(request, read_completion, TEXT)


class EmbeddingViewSet(ViewSet):
    """Vectors of texts."""

    @extend_schema(
        operation_id="v1_embeddings",
        request=schema.EMBEDDING,
        responses={200: schema.json_of(schema.EMBEDDINGS)},
    )
    async def create(self, request: HttpRequest) -> HttpResponseBase:
        """A vector for each text, as it is after sanitizing."""
        asker = await asker_of(request)
        ask, encoding = others.read_embedding(body_of(request), asker, bounds())
        asker.permits_model(ask, house())
        made = await embed(ask, house())
        return as_json(others.embeddings(made, encoding), headers(made.begun, made.begun.times))


class ModerationViewSet(ViewSet):
    """What is found in texts."""

    @extend_schema(
        operation_id="v1_moderations",
        request=schema.MODERATION,
        responses={200: schema.json_of(schema.MODERATIONS)},
    )
    async def create(self, request: HttpRequest) -> HttpResponseBase:
        """What your policy finds in each text, as in a prompt. Nothing is stored, and no model is asked."""
        asker = await asker_of(request)
        ask = others.read_moderation(body_of(request), asker, bounds())
        moderated = await others.moderate(ask, house())
        return as_json(others.moderations(moderated, ask), rate_headers(moderated.standings))


class ModelViewSet(ViewSet):
    """What can be asked for."""

    @extend_schema(operation_id="v1_models", responses={200: schema.json_of(schema.MODELS)})
    async def index(self, request: HttpRequest) -> HttpResponseBase:
        """Every model, the default first."""
        asker = await asker_of(request, scope=Scope.MODELS)
        cards = [card for card, _ in house().backend.models() if asker.caller.sees_model(card.name)]
        return as_json({"object": "list", "data": [model_object(card) for card in cards]})

    @extend_schema(operation_id="v1_model", responses={200: schema.json_of(schema.MODEL)})
    async def retrieve(self, request: HttpRequest, id: str) -> HttpResponseBase:
        """One model."""
        asker = await asker_of(request, scope=Scope.MODELS)
        cards = {
            card.name: card for card, _ in house().backend.models() if asker.caller.sees_model(card.name)
        }
        if id not in cards:
            raise UnknownModel(tuple(cards))
        return as_json(model_object(cards[id]))


def model_object(card: ModelCard) -> dict[str, Any]:
    """`created` is not known. `max_model_len` is how other servers name the context's length."""
    return {
        "id": card.name,
        "object": "model",
        "created": 0,
        "owned_by": "llm-gateway",
        "max_model_len": card.context_tokens,
    }


chat = door(ChatViewSet, {"post": "create"})
completions = door(CompletionViewSet, {"post": "create"})
embeddings = door(EmbeddingViewSet, {"post": "create"})
moderations = door(ModerationViewSet, {"post": "create"})
models = door(ModelViewSet, {"get": "index"})
model = door(ModelViewSet, {"get": "retrieve"})
