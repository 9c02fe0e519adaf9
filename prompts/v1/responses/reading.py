"""
Bodies of `responses` as `Ask`s. As in chat completions, what a model would be told, or its answer would
depend on, is done or refused.

An answer repeats much of its request, as OpenAI's does: the caller's own words, for him alone. Nothing of
that is sent or kept.
"""

from typing import Any

from inference.backends import Format
from prompts.askers import Asker
from prompts.asks import Ask, Places, Said
from prompts.errors import RequestRefused
from prompts.fields import Field, Flag, Integer, Labels, OneOf, Text, check_names, read_fields, required
from prompts.sampling import read_format
from prompts.v1 import tools
from prompts.v1.requests import (
    IGNORED,
    SHARED,
    STYLE,
    Bounds,
    make_ask,
    read_stream_options,
    refuse_silence,
    refuse_unsupported,
)
from prompts.v1.responses.items import read_input

PLACES = Places("/tools/{}", "/text/format/schema", "/text/format/grammar")
# Tools that run at OpenAI or speak protocols of its own, and a choice among tools that chat has not either.
UNDONE = (
    *("apply_patch", "code_interpreter", "computer", "computer_use_preview", "custom", "file_search"),
    *("image_generation", "local_shell", "mcp", "namespace", "programmatic_tool_calling", "shell"),
    *("tool_search", "web_search", "web_search_2025_08_26", "web_search_preview"),
    *("web_search_preview_2025_03_11", "allowed_tools"),
)
# All but the last tell more of what hosted tools, images and encrypted thoughts were: there is nothing to
# tell.
INCLUDABLE = (
    *("file_search_call.results", "web_search_call.results", "web_search_call.action.sources"),
    *("message.input_image.image_url", "computer_call_output.output.image_url"),
    *("code_interpreter_call.outputs", "reasoning.encrypted_content", "message.output_text.logprobs"),
)
LOGPROBS = INCLUDABLE[-1]
FIELDS: dict[str, Field] = {
    **{name: field for name, field in SHARED.items() if name != "n"},
    **IGNORED,
    "prompt_cache_options": Labels(),
    "max_tool_calls": Integer(0, 1_000_000),  # of hosted tools: there are none
    "parallel_tool_calls": Flag(),
    "truncation": OneOf(("auto", "disabled")),
    "top_logprobs": Integer(0, 20),
    "store": Flag(),
    "background": Flag(),
}
STREAM_OPTIONS: dict[str, Field] = {"include_obfuscation": Flag()}
# Read by hand: their shapes are their own.
SHAPED = ("input", "instructions", "max_output_tokens", "text", "reasoning", "include", "stream_options")
# What would have to be kept from one request to the next.
KEPT = ("previous_response_id", "conversation", "prompt")
UNSUPPORTED = ("access_programs", "background_options", "context_management", "image", "moderation")
REASONING = ("summary", "generate_summary", "context", "mode")
FORMAT: dict[str, Field] = {"name": Text(64, 1), "description": Text(100_000), "strict": Flag()}


def read_response(body: dict[str, Any], asker: Asker, bounds: Bounds) -> tuple[Ask, dict[str, Any]]:
    """The question, and what its answer repeats."""
    refuse_kept(body)
    fields = {
        **FIELDS,
        "instructions": Text(bounds.max_chars),
        "max_output_tokens": Integer(1, bounds.max_tokens),
    }
    check_names(body, {*fields, *SHAPED, *tools.NAMES}, (*KEPT, *UNSUPPORTED))
    given = read_fields(body, fields)
    refuse_undone(given)
    logprobs = read_logprobs(given, body.get("include"))
    offered = {name: body.get(name) for name in tools.NAMES[: None if body.get("tools") else 2]}
    offer = tools.read_offer(offered, unwrap)
    ask = make_ask(
        given,
        asker,
        bounds,
        field="input",
        messages=(*told(given.get("instructions")), *read_input(required(body, "input"))),
        format=read_text(body.get("text")),
        tools=offer.tools,
        tool_use=offer.use,
        max_tokens=given.get("max_output_tokens", bounds.max_tokens),
        logprobs=logprobs,
        reasoning_effort=read_style(body, "reasoning", "effort", "reasoning_effort", REASONING),
        verbosity=read_style(body, "text", "verbosity", "verbosity"),
        places=PLACES,
    )
    refuse_silence(ask, "input")
    read_stream_options(body, STREAM_OPTIONS, streamed=ask.streamed)
    return ask, echo(body, given, ask)


def told(instructions: str | None) -> tuple[Said, ...]:
    return (Said("/instructions", "system", instructions),) if instructions else ()


# -- what is not done --


def refuse_kept(body: dict[str, Any]) -> None:
    for name in KEPT:
        if body.get(name) is not None:
            sentence = f"`{name}`: nothing is kept here between requests. Send all of it as `input`."
            raise RequestRefused(sentence, param=name, code="unsupported_parameter")


def refuse_undone(given: dict[str, Any]) -> None:
    """`store` is true for OpenAI where it is not given; here nothing is stored, and answers say so."""
    for name in ("store", "background"):
        if given.get(name):
            refuse_unsupported(name)
    if given.get("truncation") == "auto":  # the model would be told less than the caller said
        refuse_unsupported("truncation")


def read_style(body: dict[str, Any], group: str, name: str, chats: str, undone: tuple[str, ...] = ()) -> Any:
    """How hard to think, or how much to say: chat completions have it as `chats`."""
    asked = body.get(group)
    if asked is None:
        return None
    if not isinstance(asked, dict):
        raise RequestRefused(f"`{group}` must be an object.", param=group, code="invalid_type")
    if group == "reasoning":
        check_names(asked, (name,), undone, at=group)
    given = asked.get(name)
    return None if given is None else STYLE[chats].read(given, f"{group}.{name}")


def read_logprobs(given: dict[str, Any], include: Any) -> int | None:
    """How many alternatives of each token are wanted; None where tokens are not."""
    if include is not None and not isinstance(include, list):
        raise RequestRefused("`include` must be an array.", param="include", code="invalid_type")
    field = OneOf(INCLUDABLE)
    included = {field.read(one, f"include[{number}]") for number, one in enumerate(include or ())}
    if LOGPROBS in included:
        most: int = given.get("top_logprobs", 0)
        return most
    if given.get("top_logprobs"):
        sentence = f"`top_logprobs` needs {LOGPROBS} in `include`."
        raise RequestRefused(sentence, param="top_logprobs")
    return None


# -- tools and formats, which stand flat where chat completions nest them --


def unwrap(given: Any, at: str) -> tuple[dict[str, Any], str]:
    """The function in a tool or in the choice of one."""
    if not isinstance(given, dict):
        raise RequestRefused(f"`{at}` must be an object.", param=at, code="invalid_type")
    if (kind := required(given, "type", at=at)) != "function":
        param = f"{at}.type"
        if not isinstance(kind, str) or kind not in UNDONE:
            raise RequestRefused(f"`{param}` must be function.", param=param)
        sentence = f"`{param}`: {kind} is not supported here, only function."
        raise RequestRefused(sentence, param=param, code="unsupported_parameter")
    known = ("type", *tools.FUNCTION, "parameters")
    check_names(given, known, ("allowed_callers", "async", "defer_loading", "output_schema"), at=at)
    return {name: value for name, value in given.items() if name in known and name != "type"}, at


def read_text(asked: Any) -> Format[str] | None:
    """`text`: what the answer must look like."""
    if asked is None:
        return None
    if not isinstance(asked, dict):
        raise RequestRefused("`text` must be an object.", param="text", code="invalid_type")
    check_names(asked, ("format", "verbosity"), (), at="text")
    if (format := asked.get("format")) is None:
        return None
    made = read_format(format, at="text.format", nested=False)
    if made is not None and made.kind == "json_schema":
        required(format, "name", at="text.format")
        for name, field in FORMAT.items():
            if format.get(name) is not None:
                field.read(format[name], f"text.format.{name}")
    return made


# -- what the answer repeats --


def echo(body: dict[str, Any], given: dict[str, Any], ask: Ask) -> dict[str, Any]:
    """Of a body that has been read."""
    said = (
        *("instructions", "max_output_tokens", "max_tool_calls", "metadata", "user"),
        *("prompt_cache_key", "safety_identifier"),
    )
    return {
        **{name: given.get(name) for name in said},
        "background": False,
        "parallel_tool_calls": given.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "reasoning": {"effort": ask.reasoning_effort, "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": ask.sampling.temperature,
        "text": {
            "format": (body.get("text") or {}).get("format") or {"type": "text"},
            **({"verbosity": ask.verbosity} if ask.verbosity else {}),
        },
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description or None,
                "parameters": one.get("parameters"),
                "strict": tool.strict,
            }
            for tool, one in zip(ask.tools, body.get("tools") or (), strict=True)
        ],
        "top_logprobs": ask.logprobs or 0,
        "top_p": ask.sampling.top_p,
        "truncation": "disabled",
    }
