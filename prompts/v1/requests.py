"""
Bodies of OpenAI's API as `Ask`s. The names are OpenAI's; those of samplers that OpenAI has not are
llama.cpp's.

What a model would be told, or its answer would depend on, is done or refused, never dropped without a word.
What only speaks to OpenAI's own house (`user`, `metadata`, …) is ignored.
"""

from dataclasses import dataclass
from typing import Any, get_args

from inference.backends import Effort, Role, Verbosity
from prompts.askers import Asker
from prompts.asks import Ask, Said
from prompts.errors import RequestRefused
from prompts.fields import (
    Field,
    Flag,
    Integer,
    Labels,
    OneOf,
    Text,
    Texts,
    check_names,
    read_fields,
    required,
)
from prompts.sampling import DEADLINE, PRIORITY, SAMPLING, STOP, read_format, read_sampling
from prompts.v1 import tools
from prompts.v1.content import NO_MEDIA, Content, MediaReaders, read_content
from prompts.v1.media import read_image_url, read_input_audio
from prompts.v1.tools import Calls

MAX_MESSAGES = 2048
MAX_CHOICES = 16
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What this service takes, from its settings."""

    max_chars: int
    max_tokens: int
    temperature: float


MODEL = Text(200, 1)
SHARED: dict[str, Field] = {
    **SAMPLING,
    "model": MODEL,
    "n": Integer(1, MAX_CHOICES),
    "stop": STOP,
    "stream": Flag(),
    "priority": PRIORITY,
    "deadline_seconds": DEADLINE,
}
STREAM_OPTIONS: dict[str, Field] = {"include_usage": Flag(), "include_obfuscation": Flag()}
# Read by hand: their shapes are their own.
CHAT_SHAPED = ("messages", "response_format", "stream_options", *tools.NAMES)
TEXT_SHAPED = ("prompt", "stream_options")
_NAME = Text(512)
IGNORED: dict[str, Field] = {
    "user": _NAME,
    "metadata": Labels(),
    "safety_identifier": _NAME,
    "prompt_cache_key": _NAME,
    "prompt_cache_retention": _NAME,
    "service_tier": _NAME,
}
CHAT_UNSUPPORTED = (
    *("functions", "function_call", "audio", "prediction"),
    *("web_search_options", "moderation"),
)
TEXT_UNSUPPORTED = ("suffix",)
TOP_LOGPROBS = Integer(0, 20)  # OpenAI's most
# For models on other servers whose `fields` have them.
STYLE: dict[str, Field] = {
    "reasoning_effort": OneOf(get_args(Effort)),
    "verbosity": OneOf(get_args(Verbosity)),
}
CHAT_LOGPROBS: dict[str, Field] = {"logprobs": Flag(), "top_logprobs": TOP_LOGPROBS}
TEXT_LOGPROBS: dict[str, Field] = {"logprobs": TOP_LOGPROBS}


def read_chat(body: dict[str, Any], asker: Asker, bounds: Bounds) -> tuple[Ask, bool]:
    """The question of a `chat/completions` body, and whether its stream ends with the usage."""
    fields = {
        **SHARED,
        "max_tokens": Integer(1, bounds.max_tokens),
        "max_completion_tokens": Integer(1, bounds.max_tokens),
        **CHAT_LOGPROBS,
        **STYLE,
        "store": Flag(),
        **IGNORED,
    }
    check_names(body, {*fields, *CHAT_SHAPED, "modalities"}, CHAT_UNSUPPORTED)
    given = read_fields(body, fields)
    if given.pop("store", False):
        refuse_unsupported("store")
    if body.get("modalities") not in (None, ["text"]):
        refuse_unsupported("modalities")
    limit = given.pop("max_tokens", bounds.max_tokens)
    limit = given.pop("max_completion_tokens", limit)
    offer = tools.read_offer(body)
    ask = make_ask(
        given,
        asker,
        bounds,
        field="messages",
        messages=read_messages(body.get("messages")),
        format=read_format(body.get("response_format")),
        tools=offer.tools,
        tool_use=offer.use,
        max_tokens=limit,
        logprobs=read_logprobs(given),
        **{name: given.get(name) for name in STYLE},
    )
    refuse_silence(ask, "messages")
    return ask, wants_usage(body, streamed=ask.streamed)


def read_completion(body: dict[str, Any], asker: Asker, bounds: Bounds) -> tuple[Ask, bool]:
    """The same of a `completions` body: a text that is continued as it is."""
    fields = {
        **SHARED,
        "max_tokens": Integer(1, bounds.max_tokens),
        "best_of": Integer(1, MAX_CHOICES),
        "echo": Flag(),
        **TEXT_LOGPROBS,
        **IGNORED,
    }
    check_names(body, {*fields, *TEXT_SHAPED}, TEXT_UNSUPPORTED)
    given = read_fields(body, fields)
    if given.pop("echo", False):
        refuse_unsupported("echo")
    if given.pop("best_of", 1) > given.get("n", 1):
        refuse_unsupported("best_of")
    texts = Texts(Text(bounds.max_chars, 1), 1).read(required(body, "prompt"), "prompt")
    limit = given.pop("max_tokens", min(16, bounds.max_tokens))  # OpenAI's default
    ask = make_ask(
        given,
        asker,
        bounds,
        field="prompt",
        text=texts[0],
        max_tokens=limit,
        logprobs=given.get("logprobs"),
    )
    return ask, wants_usage(body, streamed=ask.streamed)


def refuse_silence(ask: Ask, field: str) -> None:
    """A conversation in which nobody says anything."""
    if not any(said.content or said.role != "system" for said in ask.messages):
        raise RequestRefused(f"`{field}` asks nothing: all of it is empty.", param=field)


def read_logprobs(given: dict[str, Any]) -> int | None:
    """How many alternatives of each token are wanted; None where tokens are not."""
    if given.get("logprobs", False):
        most: int = given.get("top_logprobs", 0)
        return most
    if given.get("top_logprobs"):
        raise RequestRefused("`top_logprobs` needs `logprobs: true`.", param="top_logprobs")
    return None


def refuse_unsupported(param: str) -> None:
    raise RequestRefused(f"`{param}` is not supported here.", param=param, code="unsupported_parameter")


def make_ask(given: dict[str, Any], asker: Asker, bounds: Bounds, *, field: str, **more: Any) -> Ask:
    """An Ask of fields that have been read; `field` is the one with its texts."""
    ask = Ask(
        user_id=asker.user_id,
        key_id=asker.key_id,
        bounds=asker.bounds,
        request_id=asker.request_id,
        cache=asker.cache,
        idempotency=asker.idempotency,
        is_to_be_kept=asker.is_to_be_kept,
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
        sentence = f"The texts of a request may have {bounds.max_chars} characters together."
        raise RequestRefused(sentence, param=field, code="string_above_max_length")
    return ask


def wants_usage(body: dict[str, Any], *, streamed: bool) -> bool:
    return bool(read_stream_options(body, STREAM_OPTIONS, streamed=streamed).get("include_usage", False))


def read_stream_options(body: dict[str, Any], fields: dict[str, Field], *, streamed: bool) -> dict[str, Any]:
    if (options := body.get("stream_options")) is None:
        return {}
    if not isinstance(options, dict):
        raise RequestRefused(
            "`stream_options` must be an object.", param="stream_options", code="invalid_type"
        )
    if not streamed:
        raise RequestRefused("`stream_options` needs `stream: true`.", param="stream_options")
    check_names(options, fields, (), at="stream_options")
    return read_fields(options, fields)


# -- messages --

MESSAGE_FIELDS = ("role", "content", "name")
ROLE_FIELDS = {"assistant": ("tool_calls", "reasoning_content", "refusal"), "tool": ("tool_call_id",)}
# What an assistant's message carries when a client sends back what it got.
MESSAGE_UNSUPPORTED = (
    *("tool_calls", "function_call", "tool_call_id", "audio", "refusal", "annotations", "reasoning_content"),
    "parsed",
)
NAME = Text(64)
BESIDE = Text(1_000_000)  # all texts together have a bound of their own
MEDIA: MediaReaders = {"image_url": read_image_url, "input_audio": read_input_audio}


def read_messages(messages: Any) -> tuple[Said, ...]:
    if messages is None:
        raise RequestRefused("`messages` is missing.", param="messages", code="missing_required_parameter")
    if not isinstance(messages, list):
        raise RequestRefused("`messages` must be an array.", param="messages", code="invalid_type")
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise RequestRefused(f"`messages` must have 1 to {MAX_MESSAGES} entries.", param="messages")
    calls = Calls()
    return tuple(read_message(message, number, calls) for number, message in enumerate(messages))


def read_message(message: Any, number: int, calls: Calls) -> Said:
    at = f"messages[{number}]"
    if not isinstance(message, dict):
        raise RequestRefused(f"`{at}` must be an object.", param=at, code="invalid_type")
    role = message.get("role")
    known = ROLES.get(role) if isinstance(role, str) else None
    if known is None:
        raise RequestRefused(f"`{at}.role` must be one of: {', '.join(ROLES)}.", param=f"{at}.role")
    fields = (*MESSAGE_FIELDS, *ROLE_FIELDS.get(known, ()))
    check_names(message, fields, MESSAGE_UNSUPPORTED, at=at)
    called = calls.read(message.get("tool_calls"), f"{at}.tool_calls")
    media = MEDIA if known == "user" else NO_MEDIA
    field, content = read_said(message, at, is_needed=not called, media=media)
    name, reasoning = message.get("name"), message.get("reasoning_content")
    return Said(
        f"/messages/{number}/{field}",
        known,
        content.text,
        "" if name is None else NAME.read(name, f"{at}.name"),
        called,
        calls.answered(message, at) if known == "tool" else "",
        reasoning="" if reasoning is None else BESIDE.read(reasoning, f"{at}.reasoning_content"),
        media=content.media,
        media_at=tuple(f"/messages/{number}/content/{place}" for place in content.at),
    )


def read_said(
    message: dict[str, Any], at: str, *, is_needed: bool, media: MediaReaders
) -> tuple[str, Content]:
    """What a message says, and in which field: an assistant may have refused."""
    content, refusal = message.get("content"), message.get("refusal")
    if refusal is not None:
        if content:
            sentence = f"`{at}` has `content` or a `refusal`, not both."
            raise RequestRefused(sentence, param=f"{at}.refusal")
        return "refusal", Content(BESIDE.read(refusal, f"{at}.refusal"))
    if content is None and not is_needed:
        return "content", Content("")
    content = required(message, "content", at=at)
    return "content", read_content(content, f"{at}.content", media=media)
