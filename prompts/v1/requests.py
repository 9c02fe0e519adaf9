"""
Bodies of OpenAI's API as `Ask`s. The names are OpenAI's; those of samplers that OpenAI has not are
llama.cpp's.

What a model would be told, or its answer would depend on, is done or refused, never dropped without a word.
What only speaks to OpenAI's own house (`user`, `metadata`, …) is ignored, unread.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from inference.backends import Format, Sampling
from prompts.asks import Ask, CacheUse, Said
from prompts.errors import RequestRefused
from prompts.v1.fields import Biases, Field, Flag, Integer, Number, OneOf, Text, Texts, check_names

MAX_MESSAGES = 2048
MAX_CHOICES = 16
MAX_STOPS = 16
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What this service takes, from its settings."""

    max_chars: int
    max_tokens: int
    temperature: float


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, in which request, and what he said about the cache (RFC 9111, 5.2.1)."""

    user_id: UUID
    request_id: str
    cache: CacheUse = "use"


MODEL = Text(200, 1)
SAMPLING: dict[str, Field] = {
    "temperature": Number(0, 2),
    "top_p": Number(0, 1),
    "top_k": Integer(-1, 1_000_000),
    "min_p": Number(0, 1),
    "typical_p": Number(0, 1),
    "repeat_penalty": Number(0.01, 10),
    "presence_penalty": Number(-2, 2),
    "frequency_penalty": Number(-2, 2),
    "logit_bias": Biases(),
    "seed": Integer(-(2**63), 2**63 - 1),
    "ignore_eos": Flag(),
}
SHARED: dict[str, Field] = {
    **SAMPLING,
    "model": MODEL,
    "n": Integer(1, MAX_CHOICES),
    "stop": Texts(Text(200, 1), MAX_STOPS, minimum=0),
    "stream": Flag(),
    "priority": OneOf(("interactive", "batch")),
    "deadline_seconds": Number(0.001, 86_400),
}
STREAM_OPTIONS: dict[str, Field] = {"include_usage": Flag(), "include_obfuscation": Flag()}
# Read by hand: their shapes are their own.
CHAT_SHAPED = ("messages", "response_format", "stream_options")
TEXT_SHAPED = ("prompt", "stream_options")
IGNORED = (
    *("user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier"),
)
CHAT_UNSUPPORTED = (
    *("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "audio", "prediction"),
    *("reasoning_effort", "verbosity", "web_search_options", "top_logprobs", "moderation"),
)
TEXT_UNSUPPORTED = ("suffix", "logprobs")


def read_chat(body: dict[str, Any], asker: Asker, bounds: Bounds) -> tuple[Ask, bool]:
    """The question of a `chat/completions` body, and whether its stream ends with the usage."""
    fields = {
        **SHARED,
        "max_tokens": Integer(1, bounds.max_tokens),
        "max_completion_tokens": Integer(1, bounds.max_tokens),
        "logprobs": Flag(),
        "store": Flag(),
    }
    check_names(body, {*fields, *CHAT_SHAPED, *IGNORED, "modalities"}, CHAT_UNSUPPORTED)
    given = read_fields(body, fields)
    for name in ("logprobs", "store"):
        if given.pop(name, False):
            refuse_unsupported(name)
    if body.get("modalities") not in (None, ["text"]):
        refuse_unsupported("modalities")
    limit = given.pop("max_tokens", bounds.max_tokens)
    limit = given.pop("max_completion_tokens", limit)
    ask = make_ask(
        given,
        asker,
        bounds,
        messages=read_messages(body.get("messages")),
        format=read_format(body.get("response_format")),
        max_tokens=limit,
    )
    return ask, wants_usage(body, streamed=ask.streamed)


def read_completion(body: dict[str, Any], asker: Asker, bounds: Bounds) -> tuple[Ask, bool]:
    """The same of a `completions` body: a text that is continued as it is."""
    fields = {
        **SHARED,
        "max_tokens": Integer(1, bounds.max_tokens),
        "best_of": Integer(1, MAX_CHOICES),
        "echo": Flag(),
    }
    check_names(body, {*fields, *TEXT_SHAPED, *IGNORED}, TEXT_UNSUPPORTED)
    given = read_fields(body, fields)
    if given.pop("echo", False):
        refuse_unsupported("echo")
    if given.pop("best_of", 1) > given.get("n", 1):
        refuse_unsupported("best_of")
    texts = Texts(Text(bounds.max_chars, 1), 1).read(required(body, "prompt"), "prompt")
    limit = given.pop("max_tokens", min(16, bounds.max_tokens))  # OpenAI's default
    ask = make_ask(given, asker, bounds, text=texts[0], max_tokens=limit)
    return ask, wants_usage(body, streamed=ask.streamed)


def read_fields(body: dict[str, Any], fields: dict[str, Field]) -> dict[str, Any]:
    """Those of `fields` that are there and not null."""
    return {
        name: fields[name].read(value, name)
        for name, value in body.items()
        if value is not None and name in fields
    }


def required(body: dict[str, Any], name: str, *, at: str = "") -> Any:
    if (value := body.get(name)) is None:
        param = f"{at}.{name}" if at else name
        raise RequestRefused(f"`{param}` is missing.", param=param, code="missing_required_parameter")
    return value


def refuse_unsupported(param: str) -> None:
    raise RequestRefused(f"`{param}` is not supported here.", param=param, code="unsupported_parameter")


def make_ask(given: dict[str, Any], asker: Asker, bounds: Bounds, **more: Any) -> Ask:
    """An Ask of fields that have been read."""
    ask = Ask(
        user_id=asker.user_id,
        request_id=asker.request_id,
        cache=asker.cache,
        sampling=read_sampling(given, temperature=bounds.temperature),
        model=given.get("model"),
        stop=given.get("stop", ()),
        choices=given.get("n", 1),
        streamed=given.get("stream", False),
        priority=given.get("priority", "interactive"),
        deadline_seconds=given.get("deadline_seconds"),
        **more,
    )
    if sum(map(len, ask.parts().values())) > bounds.max_chars:
        param = "messages" if ask.text is None else "prompt"
        sentence = f"The texts of a request may have {bounds.max_chars} characters together."
        raise RequestRefused(sentence, param=param, code="string_above_max_length")
    return ask


def read_sampling(given: dict[str, Any], *, temperature: float) -> Sampling:
    """What is not given is as this service has it. A seed of -1 is none, as in llama.cpp."""
    named = {name: given[name] for name in SAMPLING if name in given}
    if "repeat_penalty" in named:
        named["repetition_penalty"] = named.pop("repeat_penalty")
    if named.get("seed") == -1:
        del named["seed"]
    named["top_k"] = max(0, named["top_k"]) if "top_k" in named else Sampling(0).top_k
    return Sampling(**{"temperature": temperature, **named})


def wants_usage(body: dict[str, Any], *, streamed: bool) -> bool:
    if (options := body.get("stream_options")) is None:
        return False
    if not isinstance(options, dict):
        raise RequestRefused(
            "`stream_options` must be an object.", param="stream_options", code="invalid_type"
        )
    if not streamed:
        raise RequestRefused("`stream_options` needs `stream: true`.", param="stream_options")
    check_names(options, STREAM_OPTIONS, (), at="stream_options")
    return bool(read_fields(options, STREAM_OPTIONS).get("include_usage", False))


# -- messages --

MESSAGE_FIELDS = ("role", "content", "name")
# What an assistant's message carries when a client sends back what it got.
MESSAGE_UNSUPPORTED = (
    *("tool_calls", "function_call", "tool_call_id", "audio", "refusal", "annotations", "reasoning_content"),
)
NAME = Text(64)


def read_messages(messages: Any) -> tuple[Said, ...]:
    if messages is None:
        raise RequestRefused("`messages` is missing.", param="messages", code="missing_required_parameter")
    if not isinstance(messages, list):
        raise RequestRefused("`messages` must be an array.", param="messages", code="invalid_type")
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise RequestRefused(f"`messages` must have 1 to {MAX_MESSAGES} entries.", param="messages")
    return tuple(read_message(message, number) for number, message in enumerate(messages))


def read_message(message: Any, number: int) -> Said:
    at = f"messages[{number}]"
    if not isinstance(message, dict):
        raise RequestRefused(f"`{at}` must be an object.", param=at, code="invalid_type")
    role = message.get("role")
    if role in ("tool", "function"):
        sentence = f"`{at}.role`: tools are not supported here."
        raise RequestRefused(sentence, param=f"{at}.role", code="unsupported_parameter")
    known = ROLES.get(role) if isinstance(role, str) else None
    if known is None:
        raise RequestRefused(f"`{at}.role` must be one of: {', '.join(ROLES)}.", param=f"{at}.role")
    check_names(message, MESSAGE_FIELDS, MESSAGE_UNSUPPORTED, at=at)
    content = read_content(required(message, "content", at=at), f"{at}.content")
    name = message.get("name")
    return Said(
        f"/messages/{number}/content",
        known,  # type: ignore[arg-type]  # ROLES has nothing but roles
        content,
        "" if name is None else NAME.read(name, f"{at}.name"),
    )


def read_content(content: Any, param: str) -> str:
    """Parts of type text become lines of one text, so that a value that is split over two is still seen."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        sentence = f"`{param}` must be a string or an array of parts of type text."
        raise RequestRefused(sentence, param=param, code="invalid_type")
    texts = []
    for number, part in enumerate(content):
        at = f"{param}[{number}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text":
            sentence = (
                f"`{at}`: only parts of type text are taken; images, audio and files cannot be scanned."
            )
            raise RequestRefused(sentence, param=f"{at}.type", code="unsupported_content")
        check_names(part, ("type", "text"), (), at=at)
        text = required(part, "text", at=at)
        if not isinstance(text, str):
            raise RequestRefused(f"`{at}.text` must be a string.", param=f"{at}.text", code="invalid_type")
        texts.append(text)
    return "\n".join(texts)


# -- response_format --


def read_format(asked: Any) -> Format[str] | None:
    """`{"type": "text" | "json_object" | "json_schema" | "grammar", …}`; a grammar is in GBNF."""
    if asked is None:
        return None
    kind = asked.get("type") if isinstance(asked, dict) else None
    if kind in ("text", "json_object"):
        check_names(asked, ("type",), (), at="response_format")
        return None if kind == "text" else Format("json_object")
    if kind == "grammar":
        check_names(asked, ("type", "grammar"), (), at="response_format")
        grammar = required(asked, "grammar", at="response_format")
        return Format("grammar", Text(100_000, 1).read(grammar, "response_format.grammar"))
    if kind != "json_schema":
        param = "response_format.type"
        raise RequestRefused(f"`{param}` must be text, json_object, json_schema or grammar.", param=param)
    check_names(asked, ("type", "json_schema"), (), at="response_format")
    return Format("json_schema", read_schema(required(asked, "json_schema", at="response_format")))


def read_schema(described: Any) -> str:
    """The schema as JSON. Its name and description are for the caller's own reading."""
    at = "response_format.json_schema"
    if not isinstance(described, dict):
        raise RequestRefused(f"`{at}` must be an object.", param=at, code="invalid_type")
    check_names(described, ("name", "description", "schema", "strict"), (), at=at)
    schema = required(described, "schema", at=at)
    if not isinstance(schema, dict):
        raise RequestRefused(f"`{at}.schema` must be an object.", param=f"{at}.schema", code="invalid_type")
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
