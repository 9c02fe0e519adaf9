"""
The items of `input` as turns of a conversation.

An answer of ours comes back as several items: its text, and each call of a tool. Chat templates know it as
one message of the assistant that has all of that, so neighbouring items of the assistant become one turn,
and a model reads the same as through chat completions.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from inference.backends import Role
from prompts.asks import Said
from prompts.errors import RequestRefused
from prompts.fields import Field, OneOf, Text, check_names, required
from prompts.v1.content import NO_MEDIA, MediaReaders, Parts, read_content
from prompts.v1.media import read_input_audio, read_input_image
from prompts.v1.requests import MAX_MESSAGES
from prompts.v1.tools import ID, MAX_CALLS, Calls

ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
}
# `prompt_cache_breakpoint` is for OpenAI's own cache, `parsed` and `logprobs` for who reads an answer: no
# model is told of them.
INPUT_TEXT: Parts = {"input_text": (("type", "text", "prompt_cache_breakpoint"), ())}
CONTENT: Parts = {**INPUT_TEXT, "output_text": (("type", "text", "parsed", "logprobs"), ("annotations",))}
MEDIA: MediaReaders = {"input_image": read_input_image, "input_audio": read_input_audio}
# What items carry when they were answers before. Neither is looked up anywhere.
ANSWERED: dict[str, Field] = {"id": Text(512), "status": OneOf(("in_progress", "completed", "incomplete"))}
# Of each kind of item: which fields are known, and which are known but not done.
NAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "message": (("type", "role", "content", *ANSWERED), ("phase",)),
    "function_call": (
        ("type", "call_id", "name", "arguments", "parsed_arguments", *ANSWERED),
        ("namespace", "caller", "async"),
    ),
    "function_call_output": (("type", "call_id", "output", *ANSWERED), ("name", "namespace", "caller")),
    "reasoning": (("type", "summary", "content", "encrypted_content", *ANSWERED), ()),
}


def read_input(given: Any) -> tuple[Said, ...]:
    """The turns of `input`: a text, or items. Pointers are those of the request."""
    if isinstance(given, str):
        return (Said("/input", "user", given),)
    if not isinstance(given, list):
        sentence = "`input` must be a string or an array of items."
        raise RequestRefused(sentence, param="input", code="invalid_type")
    if not 1 <= len(given) <= MAX_MESSAGES:
        raise RequestRefused(f"`input` must have 1 to {MAX_MESSAGES} items.", param="input")
    turns = Turns()
    for number, item in enumerate(given):
        turns.take(item, number)
    return tuple(turns.said)


class Turns:
    """The conversation while its items are read, in order."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self._calls = Calls()
        self._readers: dict[str, Callable[[dict[str, Any], str, str], None]] = {
            "message": self._message,
            "function_call": self._call,
            "function_call_output": self._output,
            "reasoning": self._reasoning,
        }

    def take(self, item: Any, number: int) -> None:
        at = f"input[{number}]"
        if not isinstance(item, dict):
            raise RequestRefused(f"`{at}` must be an object.", param=at, code="invalid_type")
        kind = kind_of(item, at)
        known, unsupported = NAMES[kind]
        check_names(item, known, unsupported, at=at)
        for name, field in ANSWERED.items():
            if item.get(name) is not None:
                field.read(item[name], f"{at}.{name}")
        self._readers[kind](item, at, f"/input/{number}")

    def _message(self, item: dict[str, Any], at: str, pointer: str) -> None:
        role = item.get("role")
        known = ROLES.get(role) if isinstance(role, str) else None
        if known is None:
            raise RequestRefused(f"`{at}.role` must be one of: {', '.join(ROLES)}.", param=f"{at}.role")
        media = MEDIA if known == "user" else NO_MEDIA
        content = read_content(required(item, "content", at=at), f"{at}.content", CONTENT, media)
        at_media = tuple(f"{pointer}/content/{place}" for place in content.at)
        said = Said(f"{pointer}/content", known, content.text, media=content.media, media_at=at_media)
        before = self._assistant
        if known == "assistant" and before is not None and before.calls and not before.content:
            self.said[-1] = replace(before, part=said.part, content=content.text)
        else:
            self.said.append(said)

    def _call(self, item: dict[str, Any], at: str, pointer: str) -> None:
        call = self._calls.add(ID.read(required(item, "call_id", at=at), f"{at}.call_id"), item, at)
        before = self._assistant
        if before is None:
            self.said.append(Said(f"{pointer}/content", "assistant", ""))
            before = self.said[-1]
        if len(before.calls) >= MAX_CALLS:
            raise RequestRefused(f"`input` may have at most {MAX_CALLS} calls in one turn.", param=at)
        self.said[-1] = replace(before, calls=(*before.calls, call), called_at=(*before.called_at, pointer))

    @property
    def _assistant(self) -> Said | None:
        """The turn before, if it is the assistant's."""
        return self.said[-1] if self.said and self.said[-1].role == "assistant" else None

    def _output(self, item: dict[str, Any], at: str, pointer: str) -> None:
        call_id = self._calls.answered(item, at, by="call_id")
        content = read_content(required(item, "output", at=at), f"{at}.output", INPUT_TEXT)
        self.said.append(Said(f"{pointer}/output", "tool", content.text, call_id=call_id))

    def _reasoning(self, item: dict[str, Any], at: str, pointer: str) -> None:
        """Chat templates leave out what was thought in turns before, and nobody here can read what OpenAI
        has encrypted: no model is told any of it."""


def kind_of(item: dict[str, Any], at: str) -> str:
    """One of NAMES. A message may leave its type out."""
    kind = item.get("type")
    if kind is None and "role" in item:
        return "message"
    if kind == "item_reference" or (kind is None and "id" in item):
        sentence = f"`{at}` refers to what was answered before, and nothing is kept: send the item itself."
        raise RequestRefused(sentence, param=at, code="unsupported_content")
    kind = required(item, "type", at=at)
    if not isinstance(kind, str):
        raise RequestRefused(f"`{at}.type` must be a string.", param=f"{at}.type", code="invalid_type")
    if kind not in NAMES:
        sentence = f"`{at}.type`: only these are taken: {', '.join(NAMES)}."
        raise RequestRefused(sentence, param=f"{at}.type", code="unsupported_content")
    return kind
