"""
A generation as the body of a request, in OpenAI's words and those that servers added.

A field that a server does not know is left out where that changes nothing, and refused where it would.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from inference.backends import MARK, MEDIA_FIELDS, TOP_K, Format, Generation, Media, Message, Tool
from inference.errors import ParameterUnsupported
from inference.remote.options import RemoteOptions

PACE = 20  # tokens a second that a server says at least
CHAT, TEXT, EMBEDDINGS = "chat/completions", "completions", "embeddings"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field. `value` is what it has on the wire, None where it need not be sent. `matters` tells whether
    the answer would be another one without it."""

    name: str  # on the wire, and in the list of what a server knows
    value: Callable[[Generation[str]], Any]
    matters: bool = True
    known_as: str = ""  # in our own API, where that is another name


def _unless(value: Any, neutral: Any) -> Any:
    return None if value == neutral else value


def _bias(generation: Generation[str]) -> dict[str, float] | None:
    return {str(token): bias for token, bias in generation.sampling.logit_bias} or None


PARAMETERS = (
    Parameter("temperature", lambda g: g.sampling.temperature, matters=False),
    Parameter("top_p", lambda g: g.sampling.top_p, matters=False),
    Parameter("presence_penalty", lambda g: _unless(g.sampling.presence_penalty, 0)),
    Parameter("frequency_penalty", lambda g: _unless(g.sampling.frequency_penalty, 0)),
    Parameter("logit_bias", _bias),
    Parameter("seed", lambda g: g.sampling.seed),
    Parameter("stop", lambda g: list(g.stop) or None),
    Parameter("n", lambda g: _unless(g.choices, 1)),
    Parameter("min_p", lambda g: _unless(g.sampling.min_p, 0)),
    Parameter("typical_p", lambda g: _unless(g.sampling.typical_p, 1)),
    Parameter("ignore_eos", lambda g: _unless(g.sampling.ignore_eos, False)),
    Parameter("reasoning_effort", lambda g: g.reasoning_effort),
    Parameter("verbosity", lambda g: g.verbosity),
    Parameter("priority", lambda g: _unless(g.priority, "interactive"), matters=False),
    Parameter("deadline_seconds", lambda g: g.deadline_seconds, matters=False),
    Parameter("user", lambda g: g.caller, matters=False),
)
# Two names for one thing: a server knows one of them, or none.
REPETITION = ("repeat_penalty", "repetition_penalty")


def body_of(generation: Generation[str], options: RemoteOptions) -> tuple[str, dict[str, Any]]:
    """The path behind the base address, and the body. Raises ParameterUnsupported."""
    body: dict[str, Any] = {"model": generation.model, "stream": not comes_in_one(generation, options)}
    if body["stream"] and "stream_options" in options.fields:
        body["stream_options"] = {"include_usage": True}
    body[options.max_tokens_field] = generation.max_tokens
    lacking = _sample(generation, options.fields, body)
    lacking += _shape(generation, options.fields, body)
    if lacking:
        raise ParameterUnsupported(tuple(lacking))
    if generation.text is not None:
        return TEXT, {**body, "prompt": generation.text}
    return CHAT, {**body, "messages": [_message(one, options.fields) for one in generation.messages]}


def comes_in_one(generation: Generation[str], options: RemoteOptions) -> bool:
    """Whether the answer is asked for in one piece, which costs a small part of what a stream does. Not where
    it may take longer than a stream's first word: nothing would tell a slow server from one that hangs."""
    is_short = generation.max_tokens <= PACE * options.patience.first_byte_seconds
    return is_short and not (generation.streamed or options.always_stream)


def embedding_body(texts: Sequence[str], model: str) -> dict[str, Any]:
    return {"model": model, "input": list(texts), "encoding_format": "float"}


def _sample(generation: Generation[str], known: frozenset[str], body: dict[str, Any]) -> list[str]:
    """Fills in what the server knows; what it lacks and would need."""
    lacking = []
    for parameter in PARAMETERS:
        value = parameter.value(generation)
        if value is None:
            continue
        if parameter.name in known:
            body[parameter.name] = value
        elif parameter.matters:
            lacking.append(parameter.known_as or parameter.name)
    top_k, repetition = generation.sampling.top_k, generation.sampling.repetition_penalty
    if "top_k" in known:
        body["top_k"] = top_k or -1  # off; vLLM takes no 0
    elif top_k != TOP_K:  # the value that nobody has to ask for
        lacking.append("top_k")
    if repetition != 1:
        if name := next((name for name in REPETITION if name in known), None):
            body[name] = repetition
        else:
            lacking.append(REPETITION[0])
    return lacking


def _shape(generation: Generation[str], known: frozenset[str], body: dict[str, Any]) -> list[str]:
    """The same for tools, images, logprobs and the form of the answer."""
    lacking = _tools(generation, known, body)
    lacking += sorted({MEDIA_FIELDS[kind] for kind in generation.media_kinds} - known)
    if generation.logprobs is not None:
        if "logprobs" not in known:
            lacking.append("logprobs")
        elif generation.text is not None:
            body["logprobs"] = generation.logprobs
        else:
            body |= {"logprobs": True, "top_logprobs": generation.logprobs}
    if generation.format is not None and not _form(generation.format, known, body):
        lacking.append("response_format")
    return lacking


# -- tools --


def _message(said: Message[str], known: frozenset[str]) -> dict[str, Any]:
    """Earlier reasoning is left out where a server takes none: most models are not to see it again."""
    message = _said(said)
    if said.reasoning and "reasoning_content" in known:
        message["reasoning_content"] = said.reasoning
    return message


def _said(said: Message[str]) -> dict[str, Any]:
    if not said.calls:
        called = {"tool_call_id": said.call_id} if said.call_id else {}
        return {"role": said.role, "content": _content(said) if said.media else said.content, **called}
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in said.calls
    ]
    return {"role": said.role, "content": said.content or None, "tool_calls": calls}


def _content(said: Message[str]) -> list[dict[str, Any]]:
    """Text and media in turn. If a mark was masked together with what stood around it, all media follow the
    text: which of them was meant cannot be known."""
    texts = said.content.split(MARK)
    if len(texts) != len(said.media) + 1:
        texts = [said.content.replace(MARK, "")]
    parts: list[dict[str, Any]] = []
    for text, media in zip_longest(texts, said.media):
        if text and (line := text.strip("\n")):
            parts.append({"type": "text", "text": line})
        if media:
            parts.append(_media(media))
    return parts


def _media(one: Media) -> dict[str, Any]:
    if one.kind == "audio":
        return {"type": "input_audio", "input_audio": {"data": one.data, "format": one.type}}
    detail = {"detail": one.detail} if one.detail else {}
    return {"type": "image_url", "image_url": {"url": f"data:{one.type};base64,{one.data}", **detail}}


def _tools(generation: Generation[str], known: frozenset[str], body: dict[str, Any]) -> list[str]:
    """Fills in what may be called. A server that makes several calls where one is wanted needs no telling:
    only the first is read."""
    tools, use = generation.tools, generation.tool_use
    if "tools" not in known:
        has_tools = tools or any(message.calls or message.call_id for message in generation.messages)
        return ["tools"] if has_tools else []
    if not tools:
        return []
    body["tools"] = [_tool(tool) for tool in tools]
    if not use.is_parallel and "parallel_tool_calls" in known:
        body["parallel_tool_calls"] = False
    if use.kind == "auto":
        return []
    if "tool_choice" not in known:
        return ["tool_choice"]
    named = {"type": "function", "function": {"name": use.name}}
    body["tool_choice"] = named if use.kind == "named" else "required"
    return []


def _tool(tool: Tool[str]) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.parameters:
        function["parameters"] = json.loads(tool.parameters)
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


# -- the form of the answer --


def _form(asked: Format[str], known: frozenset[str], body: dict[str, Any]) -> bool:
    if asked.kind == "grammar":
        if "grammar_format" in known:  # our own engine's
            body["response_format"] = {"type": "grammar", "grammar": asked.text}
        elif "grammar" in known:
            body["grammar"] = asked.text
        return not known.isdisjoint({"grammar", "grammar_format"})
    if asked.kind not in known:
        return False
    body["response_format"] = {"type": asked.kind}
    if asked.kind == "json_schema":
        schema = json.loads(asked.text or "{}")
        body["response_format"]["json_schema"] = {"name": "answer", "schema": schema, "strict": True}
    return True
