"""
What the OpenAPI schema says of `/v1/responses`, from the declarations in `items` and `reading`. Of tools and
formats the answer repeats what was asked for.
"""

from typing import Any

from drf_spectacular.utils import OpenApiResponse

from prompts.fields import Flag, Labels, OneOf, Text, nullable, record
from prompts.v1 import media, tools
from prompts.v1.requests import MAX_MESSAGES, STYLE
from prompts.v1.responses import items, reading
from prompts.v1.schema import AUDIO_PART, LIMIT, STRING, TEXT_FIELD, WHOLE, json_of

BOOLEAN, NOTHING = {"type": "boolean"}, {"type": "null"}


def one_of(*names: str) -> dict[str, Any]:
    return OneOf(names).schema()


def filled(**fields: Any) -> dict[str, Any]:
    """Of an answer: each of these fields is always there, and no other."""
    return record(fields, tuple(fields))


# -- requests --

_TEXT = TEXT_FIELD.schema()
_INPUT_TEXT = record(
    {"type": one_of("input_text"), "text": _TEXT, "prompt_cache_breakpoint": {}}, ("type", "text")
)
_EMPTY = nullable({"type": "array", "maxItems": 0})
_OUTPUT_TEXT = record(
    {"type": one_of("output_text"), "text": _TEXT, "parsed": {}, "annotations": _EMPTY, "logprobs": {}},
    ("type", "text"),
)

_IMAGE = record(
    {"type": one_of("input_image"), "image_url": media.IMAGE_ADDRESS},
    ("type", "image_url"),
    optional={"detail": media.DETAIL},
)


def _content(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [_TEXT, {"type": "array", "items": {"anyOf": list(parts)}, "minItems": 1}]}


def _item(kind: str, needed: tuple[str, ...], **fields: Any) -> dict[str, Any]:
    needed = needed if kind == "message" else ("type", *needed)
    return record({"type": one_of(kind), **fields}, needed, optional=items.ANSWERED)


_ITEM = {
    "anyOf": [
        _item(
            "message",
            ("role", "content"),
            role=one_of(*(role for role in items.ROLES if role != "user")),
            content=_content(_INPUT_TEXT, _OUTPUT_TEXT),
        ),
        _item(
            "message",
            ("role", "content"),
            role=one_of("user"),
            content=_content(_INPUT_TEXT, _OUTPUT_TEXT, _IMAGE, AUDIO_PART),
        ),
        _item(
            "function_call",
            ("call_id", "name", "arguments"),
            call_id=tools.ID.schema(),
            name=tools.NAME.schema(),
            arguments=tools.ARGUMENTS.schema(),
            parsed_arguments={},
        ),
        _item(
            "function_call_output",
            ("call_id", "output"),
            call_id=tools.ID.schema(),
            output=_content(_INPUT_TEXT),
        ),
        _item("reasoning", (), summary={}, content={}, encrypted_content={}),
    ]
}
_NAMED: dict[str, Any] = {"type": one_of("function"), "name": tools.NAME.schema()}
_TOOL = record(
    {**_NAMED, "parameters": {"type": ["object", "null"]}},
    ("type", "name"),
    optional={name: field for name, field in tools.FUNCTION.items() if name != "name"},
)
_SCHEMA = record(
    {"type": one_of("json_schema"), "name": reading.FORMAT["name"].schema(), "schema": {"type": "object"}},
    ("type", "name", "schema"),
    optional={name: field for name, field in reading.FORMAT.items() if name != "name"},
)
_GRAMMAR = record({"type": one_of("grammar"), "grammar": Text(100_000, 1).schema()}, ("type", "grammar"))
_FORMAT = {"anyOf": [record({"type": one_of("text", "json_object")}, ("type",)), _SCHEMA, _GRAMMAR]}
_EFFORT, _VERBOSITY = (nullable(STYLE[name].schema()) for name in ("reasoning_effort", "verbosity"))
_ASKED_FALSE = nullable({"const": False})  # true is refused
REQUEST = {
    "application/json": record(
        {
            "input": {
                "anyOf": [
                    _TEXT,
                    {"type": "array", "items": _ITEM, "minItems": 1, "maxItems": MAX_MESSAGES},
                ]
            },
            "text": nullable(record({"format": nullable(_FORMAT), "verbosity": _VERBOSITY})),
            "reasoning": nullable(record({"effort": _EFFORT, **dict.fromkeys(reading.REASONING, NOTHING)})),
            "include": nullable({"type": "array", "items": one_of(*reading.INCLUDABLE)}),
            "tools": nullable({"type": "array", "maxItems": tools.MAX_TOOLS, "items": _TOOL}),
            "tool_choice": nullable({"anyOf": [one_of(*tools.KINDS), record(_NAMED, tuple(_NAMED))]}),
            "stream_options": nullable(record({}, optional=reading.STREAM_OPTIONS)),
            "store": _ASKED_FALSE,
            "background": _ASKED_FALSE,
            "truncation": nullable({"const": "disabled"}),
        },
        ("input",),
        optional={
            **{
                name: field
                for name, field in reading.FIELDS.items()
                if name not in ("store", "background", "truncation")
            },
            "instructions": TEXT_FIELD,
            "max_output_tokens": LIMIT,
        },
    )
}

# -- answers --

_STATUS = one_of("in_progress", "completed", "incomplete")
_TOKEN = {"token": STRING, "logprob": {"type": "number"}, "bytes": {"type": "array", "items": WHOLE}}
_TOP = {"type": "array", "items": filled(**_TOKEN)}
_TOKENS = {"type": "array", "items": filled(**_TOKEN, top_logprobs=_TOP)}
_PART = filled(type=one_of("output_text"), text=STRING, annotations=_EMPTY, logprobs=_TOKENS)
_REFUSAL = filled(type=one_of("refusal"), refusal=STRING)
_OUTPUT = {
    "anyOf": [
        filled(
            id=STRING,
            type=one_of("message"),
            status=_STATUS,
            role=one_of("assistant"),
            content={"type": "array", "items": {"anyOf": [_PART, _REFUSAL]}},
        ),
        filled(
            id=STRING,
            type=one_of("reasoning"),
            status=_STATUS,
            summary=_EMPTY,
            content={"type": "array", "items": filled(type=one_of("reasoning_text"), text=STRING)},
        ),
        filled(
            id=STRING,
            type=one_of("function_call"),
            status=_STATUS,
            call_id=STRING,
            name=STRING,
            arguments=STRING,
        ),
    ]
}
USAGE = filled(
    input_tokens=WHOLE,
    input_tokens_details=filled(cached_tokens=WHOLE, cache_write_tokens=WHOLE),
    output_tokens=WHOLE,
    output_tokens_details=filled(reasoning_tokens=WHOLE),
    total_tokens=WHOLE,
)
RESPONSE = filled(
    id=STRING,
    object=one_of("response"),
    created_at=WHOLE,
    completed_at=nullable(WHOLE),
    status=_STATUS,
    error=NOTHING,
    incomplete_details=nullable(filled(reason=one_of("max_output_tokens", "content_filter"))),
    model=STRING,
    output={"type": "array", "items": _OUTPUT},
    usage=USAGE,
    background=BOOLEAN,
    instructions=nullable(STRING),
    max_output_tokens=nullable(WHOLE),
    max_tool_calls=nullable(WHOLE),
    metadata=nullable(Labels().schema()),
    parallel_tool_calls=Flag().schema(),
    previous_response_id=NOTHING,
    prompt_cache_key=nullable(STRING),
    reasoning=filled(effort=_EFFORT, summary=NOTHING),
    safety_identifier=nullable(STRING),
    service_tier=STRING,
    store=BOOLEAN,
    temperature={"type": "number"},
    text={"type": "object", "required": ["format"]},
    tool_choice={},
    tools={"type": "array", "items": {"type": "object"}},
    top_logprobs=WHOLE,
    top_p={"type": "number"},
    truncation=one_of("disabled"),
    user=nullable(STRING),
)
_EVENTS = OpenApiResponse(
    {"type": "object", "required": ["event", "data"], "properties": {"event": STRING, "data": STRING}},
    description="With `stream: true`: OpenAI's events, the last of them `response.completed`, "
    "`response.incomplete`, or `response.failed` and `error`.",
)
ANSWERS: dict[Any, Any] = {
    (200, "application/json"): json_of(RESPONSE),
    (200, "text/event-stream"): _EVENTS,
}
