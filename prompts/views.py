"""
`/prompt`: ask (asynchronous), and read or erase one's own rows (DRF, in a thread).

`PromptViewSet` owns the address: shape, schema and the four calls. Its `create` never occupies a thread: it
waits and streams on the event loop, and Django cancels it when the caller leaves.
"""

import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder
from rest_framework.viewsets import GenericViewSet

from accounts.access import Scope
from accounts.limits.headers import rate_headers
from accounts.models import User
from prompts import book
from prompts.askers import asker_of, body_of
from prompts.asks import Ask, plain
from prompts.composition import house
from prompts.doors import as_response, problem_of
from prompts.dry_run import dry_run
from prompts.events import AsideDelta, Begun, CallDelta, Delta, Done
from prompts.headers import cache_headers
from prompts.models import Prompt
from prompts.pipeline import answer
from prompts.sampling import SAMPLING, read_sampling
from prompts.serializers import (
    PAGE_ROWS,
    AskSerializer,
    BookQuerySerializer,
    DryRanSerializer,
    DryRunSerializer,
    PromptSerializer,
    fields_of,
)
from sanitization.services import validated
from sanitization.views import VIEW, PolicyView, checked, revision_of

logger = logging.getLogger("prompts.views")


def event_schema(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """One kind of server-sent event, as JSON Schema 2020-12 describes JSON inside a string."""
    return {
        "type": "object",
        "required": ["event", "data"],
        "properties": {
            "event": {"const": name},
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": data},
        },
    }


STREAM_EVENT = {
    "oneOf": [
        event_schema("delta", {"type": "object", "properties": {"text": {"type": "string"}}}),
        event_schema("done", {"$ref": "#/components/schemas/Prompt"}),
        event_schema("error", {"$ref": "#/components/schemas/Problem"}),
    ]
}


class NewestFirst(CursorPagination):
    """By position, never by number: page 1,000 costs what page 1 costs."""

    ordering = "-id"
    page_size = PAGE_ROWS


class PromptViewSet(GenericViewSet[Prompt]):
    """Prompts of the caller."""

    queryset = Prompt.objects.none()
    serializer_class = PromptSerializer
    pagination_class = NewestFirst
    lookup_value_converter = "uuid"
    key_scopes = {"GET": Scope.READ}  # POST is no call of DRF's; no key erases

    @extend_schema(
        operation_id="prompt_create",
        request=AskSerializer,
        responses={
            201: PromptSerializer,
            (200, "text/event-stream"): OpenApiResponse(
                STREAM_EVENT,
                description="With `stream: true`: events `delta` {text}, then `done` (the object that 201 "
                "describes) or `error` (a problem document).",
            ),
        },
    )
    async def create(self, request: HttpRequest) -> HttpResponseBase:
        """Asks the model. The prompt is sanitized before the model sees it, the answer before you do."""
        ask = await read_ask(request)
        events = answer(ask, house())
        if not ask.streamed:
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, Done):
                        headers = rate_headers(event.begun.standings) | cache_headers(event.begun)
                        answered = present(event, ask)
                        return JsonResponse(answered, status=201, encoder=JSONEncoder, headers=headers)
            raise AssertionError("the pipeline ends with Done or raises")
        # The first event decides the status: what is refused before it gets a plain problem document.
        begun = await anext(events)
        assert isinstance(begun, Begun)
        return StreamingHttpResponse(
            stream(events, ask, request),
            content_type="text/event-stream",
            headers={
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                **rate_headers(begun.standings),
                **cache_headers(begun),
            },
        )

    @extend_schema(operation_id="prompt_list", parameters=[BookQuerySerializer])
    def list(self, request: Request) -> Response:
        """Your own prompts, newest first, as the book keeps them."""
        asked = request.query_params.dict()
        asked.pop("cursor", None)  # the paginator's own
        query = BookQuerySerializer(data=asked)
        query.is_valid(raise_exception=True)
        wanted = dict(query.validated_data)
        assert isinstance(self.paginator, NewestFirst)
        self.paginator.page_size = wanted.pop("limit")
        rows = book.narrow(book.of_user(caller_id(request)), **wanted)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(PromptSerializer(page, many=True).data)

    @extend_schema(operation_id="prompt_retrieve")
    def retrieve(self, request: Request, pk: Any) -> Response:
        """One of your own prompts, as the book keeps it."""
        return Response(PromptSerializer(self._own(request, pk)).data)

    @extend_schema(operation_id="prompt_destroy", responses={204: None})
    def destroy(self, request: Request, pk: Any) -> Response:
        """Erases the texts and the findings of one of your own prompts. The row stays."""
        book.erase(self._own(request, pk))
        return Response(status=204)

    def _own(self, request: Request, pk: Any) -> Prompt:
        self.queryset = book.of_user(caller_id(request))
        self.kwargs = {"pk": pk}
        row: Prompt = self.get_object()
        return row


def caller_id(request: Request) -> UUID:
    """The id of a caller who has been let in."""
    assert isinstance(request.user, User)
    return request.user.id


async def read_ask(request: HttpRequest) -> Ask:
    """Who asks what, checked."""
    asker = await asker_of(request)
    fields = AskSerializer(data=body_of(request))
    fields.is_valid(raise_exception=True)
    wanted: dict[str, Any] = dict(fields.validated_data)
    messages = plain(wanted.pop("prompt"), wanted.pop("system"))
    sampling = read_sampling(wanted, temperature=settings.LLM_TEMPERATURE)
    for name in SAMPLING:
        wanted.pop(name, None)
    ask = Ask(
        user_id=asker.user_id,
        key_id=asker.key_id,
        bounds=asker.bounds,
        request_id=asker.request_id,
        cache=asker.cache,
        idempotency=asker.idempotency,
        is_to_be_kept=asker.is_to_be_kept,
        messages=messages,
        sampling=sampling,
        streamed=wanted.pop("stream"),
        **wanted,
    )
    asker.permits_model(ask, house())
    return ask


def present(done: Done, ask: Ask) -> Any:
    """The object of `POST /prompt`."""
    return PromptSerializer(
        fields_of(done, request_id=ask.request_id, conversation_id=ask.conversation_id)
    ).data


async def stream(
    events: AsyncGenerator[Begun | Delta | CallDelta | AsideDelta | Done, None],
    ask: Ask,
    request: HttpRequest,
) -> AsyncIterator[bytes]:
    """The pipeline's events after the first as server-sent events. Closing this closes the pipeline."""
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Delta):
                    yield server_sent("delta", {"text": event.text})
                elif isinstance(event, Done):
                    yield server_sent("done", present(event, ask))
    except Exception as error:
        problem = problem_of(error, request)
        if problem is None:
            logger.exception("stream broke")
            yield server_sent(
                "error", {"status": 500, "code": "internal-error", "title": "Internal Server Error"}
            )
        else:
            yield server_sent("error", problem.data)


def server_sent(name: str, data: Any) -> bytes:
    """One event of the stream (WHATWG HTML, 9.2.6). JSON holds no raw line break."""
    return f"event: {name}\ndata: {json.dumps(data, cls=JSONEncoder)}\n\n".encode()


async def create(request: HttpRequest) -> HttpResponseBase:
    """`PromptViewSet.create` with DRF's way of answering errors, without its threads."""
    try:
        return await PromptViewSet().create(request)
    except Exception as error:
        problem = problem_of(error, request)
        if problem is None:
            raise
        return as_response(problem)


ACTIONS: dict[str, Any] = {"get": "list", "post": "create"}
# POST never gets there; it is named so that `Allow` names it.
_book = PromptViewSet.as_view(ACTIONS)


@csrf_exempt  # there is no cookie to abuse
async def collection(request: HttpRequest) -> HttpResponseBase:
    """`/prompt`: POST on the event loop, the rest as DRF does it, in a thread."""
    if request.method == "POST":
        return await create(request)
    response: HttpResponse = await sync_to_async(_book)(request)
    return response


class DryRunViewSet(PolicyView):
    """Tries a revision of a policy on the book."""

    needs = {"POST": VIEW}

    @extend_schema(
        operation_id="policy_revisions_dry_run",
        request=DryRunSerializer,
        responses={200: DryRanSerializer},
    )
    def create(self, request: Request, slug: str, number: int) -> Response:
        """What a revision would have done to the newest prompts in the book: counts, never text."""
        wanted, revision = checked(DryRunSerializer, request), revision_of(slug, number)
        policy = validated(revision.document, slug=slug)
        return Response(DryRanSerializer(dry_run(policy, house().chain, **wanted)).data)


# What drf-spectacular and DRF's own tools look for on a view function.
collection.cls = PromptViewSet  # type: ignore[attr-defined]
collection.actions = ACTIONS  # type: ignore[attr-defined]
collection.initkwargs = {}  # type: ignore[attr-defined]
one = PromptViewSet.as_view({"get": "retrieve", "delete": "destroy"})
