"""The address of OpenAI's responses."""

from functools import partial

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.viewsets import ViewSet

from prompts.askers import asker_of, body_of
from prompts.composition import house
from prompts.doors import door
from prompts.v1.responses import schema
from prompts.v1.responses.reading import read_response
from prompts.v1.responses.streaming import Events
from prompts.v1.responses.writing import whole
from prompts.v1.views import bounds, written


class ResponseViewSet(ViewSet):
    """OpenAI's responses."""

    @extend_schema(operation_id="v1_responses", request=schema.REQUEST, responses=schema.ANSWERS)
    async def create(self, request: HttpRequest) -> HttpResponseBase:
        """Answers a conversation of items. Texts are sanitized before the model sees them, answers before you
        do. Nothing is kept to be fetched or continued: each request brings its whole conversation."""
        asker = await asker_of(request)
        ask, echo = read_response(body_of(request), asker, bounds())
        asker.permits_model(ask, house())
        return await written(
            ask, request, as_whole=partial(whole, echo=echo), as_stream=partial(Events, echo=echo)
        )


responses = door(ResponseViewSet, {"post": "create"})
