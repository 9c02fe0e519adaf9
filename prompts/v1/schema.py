"""
What the OpenAPI schema says of `/v1`, from the declarations in `requests`. Shapes of answers are
OpenAI's, as far as this service fills them.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse

from prompts.v1 import requests
from prompts.v1.fields import Field, Integer, OneOf, Text, Texts

TEXT_FIELD = Text(settings.PROMPT_MAX_CHARS)
LIMIT = Integer(1, settings.LLM_MAX_TOKENS)


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def record(
    properties: dict[str, Any], needed: Sequence[str] = (), *, optional: dict[str, Field] | None = None
) -> dict[str, Any]:
    """An object with these fields and no other; null stands for an optional one that is not there."""
    described = {name: nullable(field.schema()) for name, field in (optional or {}).items()}
    return {
        "type": "object",
        "properties": {**properties, **described},
        "required": list(needed),
        "additionalProperties": False,
    }


def json_of(schema: dict[str, Any]) -> OpenApiResponse:
    return OpenApiResponse(schema)


def answers(whole: dict[str, Any]) -> dict[Any, Any]:
    """The answers of an address that can stream."""
    events = OpenApiResponse(
        {"type": "string"},
        description="With `stream: true`: chunks as server-sent events, then `[DONE]`, or an error instead.",
    )
    return {(200, "application/json"): OpenApiResponse(whole), (200, "text/event-stream"): events}


STRING, WHOLE = {"type": "string"}, {"type": "integer"}
_TEXT_PART = record({"type": OneOf(("text",)).schema(), "text": TEXT_FIELD.schema()}, ("type", "text"))
MESSAGE = record(
    {
        "role": OneOf(tuple(requests.ROLES)).schema(),
        "content": {"anyOf": [TEXT_FIELD.schema(), {"type": "array", "items": _TEXT_PART, "minItems": 1}]},
    },
    ("role", "content"),
    optional={"name": requests.NAME},
)
FORMAT = {
    "anyOf": [
        record({"type": OneOf(("text", "json_object")).schema()}, ("type",)),
        record(
            {
                "type": OneOf(("json_schema",)).schema(),
                "json_schema": record(
                    {"name": STRING, "description": STRING, "schema": {"type": "object"}, "strict": {}},
                    ("schema",),
                ),
            },
            ("type", "json_schema"),
        ),
        record(
            {"type": OneOf(("grammar",)).schema(), "grammar": Text(100_000, 1).schema()}, ("type", "grammar")
        ),
    ]
}
_STREAM = {"stream_options": nullable(record({}, optional=requests.STREAM_OPTIONS))}
_IGNORED: dict[str, Any] = {name: {"description": "Ignored."} for name in requests.IGNORED}
CHAT = {
    "application/json": record(
        {
            "messages": {"type": "array", "items": MESSAGE, "minItems": 1},
            "response_format": nullable(FORMAT),
            **_STREAM,
            **_IGNORED,
        },
        ("messages",),
        optional={**requests.SHARED, "max_tokens": LIMIT, "max_completion_tokens": LIMIT},
    )
}
COMPLETION = {
    "application/json": record(
        {"prompt": Texts(Text(settings.PROMPT_MAX_CHARS, 1), 1).schema(), **_STREAM, **_IGNORED},
        ("prompt",),
        optional={**requests.SHARED, "max_tokens": LIMIT},
    )
}
USAGE = {
    "type": "object",
    "required": ["prompt_tokens", "completion_tokens", "total_tokens"],
    "properties": {
        "prompt_tokens": WHOLE,
        "completion_tokens": WHOLE,
        "total_tokens": WHOLE,
        "prompt_tokens_details": {"type": "object", "properties": {"cached_tokens": WHOLE}},
    },
}


def _answer(kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    described = {"index": WHOLE, "finish_reason": {"enum": ["stop", "length", "content_filter"]}, **choice}
    choices = {"type": "object", "required": list(described), "properties": described}
    fields = {
        "id": STRING,
        "object": {"const": kind},
        "created": WHOLE,
        "model": STRING,
        "choices": {"type": "array", "items": choices},
        "usage": USAGE,
    }
    return {"type": "object", "required": list(fields), "properties": fields}


CHAT_ANSWER = _answer(
    "chat.completion",
    {
        "message": {
            "type": "object",
            "required": ["role", "content"],
            "properties": {"role": {"const": "assistant"}, "content": STRING},
        }
    },
)
TEXT_ANSWER = _answer("text_completion", {"text": STRING})
MODEL = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {"id": STRING, "object": {"const": "model"}, "created": WHOLE, "owned_by": STRING},
}
MODELS = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": MODEL}},
}
