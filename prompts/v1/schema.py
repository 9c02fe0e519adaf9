"""
What the OpenAPI schema says of `/v1`, from the declarations in `requests`. Shapes of answers are
OpenAI's, as far as this service fills them.
"""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse

from prompts.fields import Integer, OneOf, Text, Texts, nullable, record
from prompts.sampling import FORMAT
from prompts.v1 import media, others, requests, tools

TEXT_FIELD = Text(settings.PROMPT_MAX_CHARS)
INPUT = Text(settings.PROMPT_MAX_CHARS, 1)
LIMIT = Integer(1, settings.LLM_MAX_TOKENS)
STRING, WHOLE = {"type": "string"}, {"type": "integer"}


def json_of(schema: dict[str, Any]) -> OpenApiResponse:
    return OpenApiResponse(schema)


def answers(whole: dict[str, Any]) -> dict[Any, Any]:
    """The answers of an address that can stream."""
    events = OpenApiResponse(
        {"type": "object", "required": ["data"], "properties": {"data": STRING}},
        description="With `stream: true`: chunks as server-sent events, then `[DONE]`, or an error instead.",
    )
    return {(200, "application/json"): OpenApiResponse(whole), (200, "text/event-stream"): events}


_TEXT_PART = record({"type": OneOf(("text",)).schema(), "text": TEXT_FIELD.schema()}, ("type", "text"))
_IMAGE = record({"url": media.IMAGE_ADDRESS}, ("url",), optional={"detail": media.DETAIL})
AUDIO_PART = record(
    {
        "type": OneOf(("input_audio",)).schema(),
        "input_audio": record(
            {"data": media.BASE64, "format": OneOf(tuple(media.RECORDINGS)).schema()}, ("data", "format")
        ),
    },
    ("type", "input_audio"),
)
_IMAGE_PART = record({"type": OneOf(("image_url",)).schema(), "image_url": _IMAGE}, ("type", "image_url"))


def _content(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [TEXT_FIELD.schema(), {"type": "array", "items": {"anyOf": [*parts]}, "minItems": 1}]}


_CONTENT, _SHOWN = _content(_TEXT_PART), _content(_TEXT_PART, _IMAGE_PART, AUDIO_PART)
_CALLS = {"type": "array", "items": tools.CALL, "minItems": 1, "maxItems": tools.MAX_CALLS}


def _message(*roles: str, needed: tuple[str, ...] = ("content",), **more: Any) -> dict[str, Any]:
    fields = {"role": OneOf(roles).schema(), "content": _CONTENT, **more}
    return record(fields, ("role", *needed), optional={"name": requests.NAME})


_REASONING: dict[str, Any] = {"reasoning_content": nullable(requests.BESIDE.schema())}
MESSAGE = {
    "anyOf": [
        _message("system", "developer"),
        _message("user", content=_SHOWN),
        _message("assistant", **_REASONING),
        _message(
            "assistant", content=nullable(_CONTENT), needed=("tool_calls",), tool_calls=_CALLS, **_REASONING
        ),
        _message(
            "assistant",
            content={"type": "null"},
            needed=("refusal",),
            refusal=requests.BESIDE.schema(),
            **_REASONING,
        ),
        _message("tool", needed=("content", "tool_call_id"), tool_call_id=tools.ID.schema()),
    ]
}
_STREAM = {"stream_options": nullable(record({}, optional=requests.STREAM_OPTIONS))}
CHAT = {
    "application/json": record(
        {
            "messages": {"type": "array", "items": MESSAGE, "minItems": 1},
            "response_format": nullable(FORMAT),
            "tools": nullable(tools.TOOLS),
            "tool_choice": nullable(tools.CHOICE),
            "parallel_tool_calls": nullable({"type": "boolean"}),
            **_STREAM,
        },
        ("messages",),
        optional={
            **requests.SHARED,
            **requests.IGNORED,
            **requests.CHAT_LOGPROBS,
            **requests.STYLE,
            "max_tokens": LIMIT,
            "max_completion_tokens": LIMIT,
        },
    )
}
COMPLETION = {
    "application/json": record(
        {"prompt": Texts(Text(settings.PROMPT_MAX_CHARS, 1), 1).schema(), **_STREAM},
        ("prompt",),
        optional={**requests.SHARED, **requests.IGNORED, **requests.TEXT_LOGPROBS, "max_tokens": LIMIT},
    )
}
EMBEDDING = {
    "application/json": record(
        {"input": Texts(INPUT, others.MAX_INPUTS).schema()}, ("input",), optional=others.EMBEDDING
    )
}
_INPUT_PART = record({"type": OneOf(("text",)).schema(), "text": INPUT.schema()}, ("type", "text"))
_PARTS = {"type": "array", "items": _INPUT_PART, "minItems": 1, "maxItems": others.MAX_INPUTS}
MODERATION = {
    "application/json": record(
        {"input": {"anyOf": [Texts(INPUT, others.MAX_INPUTS).schema(), _PARTS]}},
        ("input",),
        optional=others.MODERATION,
    )
}


def _object(**fields: Any) -> dict[str, Any]:
    """Of an answer: each of these fields is always there."""
    return {"type": "object", "required": list(fields), "properties": fields}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


USAGE = _object(
    prompt_tokens=WHOLE,
    completion_tokens=WHOLE,
    total_tokens=WHOLE,
    prompt_tokens_details=_object(cached_tokens=WHOLE),
)


def _answer(kind: str, **choice: Any) -> dict[str, Any]:
    finish_reason = {"enum": ["stop", "length", "content_filter", "tool_calls"]}
    return _object(
        id=STRING,
        object={"const": kind},
        created=WHOLE,
        model=STRING,
        choices=_array(_object(index=WHOLE, finish_reason=finish_reason, **choice)),
        usage=USAGE,
    )


_ANSWERED = _object(role={"const": "assistant"}, content=nullable(STRING))
_ANSWERED["properties"]["tool_calls"] = _array(
    _object(id=STRING, type={"const": "function"}, function=_object(name=STRING, arguments=STRING))
)
_ANSWERED["properties"] |= {"refusal": nullable(STRING), "reasoning_content": STRING}
NUMBER = {"type": "number"}
_TOKEN = {"token": STRING, "logprob": NUMBER, "bytes": _array(WHOLE)}
_TOKENS = _array(_object(**_TOKEN, top_logprobs=_array(_object(**_TOKEN))))
CHAT_ANSWER = _answer("chat.completion", message=_ANSWERED, logprobs=nullable(_object(content=_TOKENS)))
TEXT_ANSWER = _answer(
    "text_completion",
    text=STRING,
    logprobs=nullable(
        _object(
            tokens=_array(STRING),
            token_logprobs=_array(NUMBER),
            top_logprobs=_array({"type": "object", "additionalProperties": NUMBER}),
            text_offset=_array(WHOLE),
        )
    ),
)
EMBEDDINGS = _object(
    object={"const": "list"},
    data=_array(
        _object(
            object={"const": "embedding"},
            index=WHOLE,
            embedding={"anyOf": [_array({"type": "number"}), STRING]},
        )
    ),
    model=STRING,
    usage=_object(prompt_tokens=WHOLE, total_tokens=WHOLE),
)
_FINDING = _object(rule=STRING, start=WHOLE, end=WHOLE, action=STRING, score={"type": "number"})
MODERATIONS = _object(
    id=STRING,
    model=STRING,
    results=_array(
        _object(
            flagged={"type": "boolean"},
            categories=_object(**{name: {"type": "boolean"} for name in others.CATEGORIES}),
            category_scores=_object(**{name: {"type": "number"} for name in others.CATEGORIES}),
            findings=_array(_FINDING),
        )
    ),
)
MODEL = _object(id=STRING, object={"const": "model"}, created=WHOLE, owned_by=STRING)
MODELS = _object(object={"const": "list"}, data=_array(MODEL))
