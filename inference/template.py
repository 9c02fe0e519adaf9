"""
Messages through a model's own chat template, with what people typed kept apart from what the template says.

The template is rendered with marks in place of the contents and cut at the marks, so that each content can
be turned into tokens as plain text: `<|im_start|>` typed by a user is twelve characters and no control token.
The same goes for every string of tools and of their calls.
"""

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.backends import Message, Tool, ToolUse
from inference.errors import GenerationFailed
from inference.runner import ModelBroken
from inference.tools.notations import notation_of
from inference.tools.words import described, in_words, parsed

# For files without a template of their own: what most small instruct models were trained with.
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the rendered prompt. `is_content`: typed by somebody, never to be read as control."""

    text: str
    is_content: bool


class GenerationTag(Extension):
    """Passes `{% generation %}` through: some templates mark with it what to train on."""

    tags = {"generation"}

    def parse(self, parser: Any) -> Any:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


# What schemas say themselves: templates look at these words, and no control token is one.
PLAIN_WORDS = (
    frozenset(
        (
            "type",
            "function",
            "name",
            "description",
            "parameters",
            "arguments",
            "properties",
            "required",
            "object",
        )
    )
    | frozenset(
        (
            "string",
            "integer",
            "number",
            "boolean",
            "array",
            "null",
            "items",
            "enum",
            "strict",
            "anyOf",
            "oneOf",
        )
    )
    | frozenset(("allOf", "additionalProperties", "$defs", "$ref", "format", "default", "id", ""))
)
# Marks are unguessable, so no text can hold one, and of private-use characters, so no template makes one.
# In JSON that the template writes, a mark begins with another character.
_OPEN, _OPEN_JSON, _CLOSE = "\ue000", "\ue002", "\ue001"


@dataclass
class Marks:
    """Marks that stand for texts. Those of contents (`once`) are all to be found again, once."""

    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    texts: list[str] = field(default_factory=list)
    once: set[int] = field(default_factory=set)
    _strings: dict[str, str] = field(default_factory=dict)

    def content(self, text: str, *, is_needed: bool = True) -> str:
        if is_needed:
            self.once.add(len(self.texts))
        return self._mark(text)

    def structure(self, value: Any) -> Any:
        """A JSON value with a mark for each string. Equal strings have one mark."""
        if isinstance(value, dict):
            return {self.structure(key): self.structure(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.structure(one) for one in value]
        if not isinstance(value, str) or value in PLAIN_WORDS:
            return value
        if value not in self._strings:
            self._strings[value] = self._mark(value)
        return self._strings[value]

    def _mark(self, text: str) -> str:
        self.texts.append(text)
        return f"{_OPEN}{self.secret}:{len(self.texts) - 1}{_CLOSE}"

    def cut(self, rendered: str) -> list[Segment]:
        """Raises TemplateError where a content is missing or repeated."""
        pieces = re.split(f"([{_OPEN}{_OPEN_JSON}]){self.secret}:([0-9]+){_CLOSE}", rendered)
        segments, seen = [Segment(pieces[0], is_content=False)], []
        for opening, number, after in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
            text = self.texts[int(number)]
            if opening == _OPEN_JSON:
                text = json.dumps(text, ensure_ascii=False)[1:-1]
            seen.append(int(number))
            segments += [Segment(text, is_content=True), Segment(after, is_content=False)]
        if sorted(one for one in seen if one in self.once) != sorted(self.once) or self.secret in "".join(
            pieces[0::3]
        ):
            raise jinja2.TemplateError("a content is missing or repeated")
        return [segment for segment in segments if segment.text]


def _to_json(value: Any, *, ensure_ascii: bool = False, **options: Any) -> str:
    """As templates call it. Marks are no ASCII, so that is never ensured."""
    return json.dumps(value, ensure_ascii=False, **options).replace(_OPEN, _OPEN_JSON)


class ChatTemplate:
    """A Jinja template out of a model file, run in a sandbox: a model file is data from somewhere. Raises
    ModelBroken if it is no template. `notation` is how its model writes calls of tools."""

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, loopcontrols]
        )
        environment.filters["tojson"] = _to_json
        try:
            self._template = environment.from_string(source or CHATML)
        except jinja2.TemplateError:
            raise ModelBroken("The chat template in the model file cannot be read.") from None
        self._tokens = {"bos_token": bos, "eos_token": eos}
        self._takes_tools = re.search(r"\btools\b", source) is not None
        self.notation = notation_of(source)

    def render(
        self,
        messages: Sequence[Message[str]],
        tools: Sequence[Tool[str]] = (),
        use: ToolUse[str] | None = None,
    ) -> list[Segment]:
        """The prompt in segments. Raises GenerationFailed if the template takes no such conversation."""
        if not messages:
            raise GenerationFailed
        if not tools and not any(message.calls or message.role == "tool" for message in messages):
            return self._render_words(messages)
        if self._takes_tools:
            try:
                return self._render(messages, tools)
            except (jinja2.TemplateError, TypeError, ValueError):
                pass  # it takes tools, and not these: they can still be put into words
        return self._render_words(in_words(messages, tools, use or ToolUse(), self.notation))

    def _render_words(self, messages: Sequence[Message[str]]) -> list[Segment]:
        try:
            return self._render(messages)
        except jinja2.TemplateError:
            pass  # some templates know no system role; the next best place is before the first question
        if messages[0].role == "system" and len(messages) > 1:
            try:
                return self._render(messages[1:], told=messages[0].content)
            except jinja2.TemplateError:
                pass
        raise GenerationFailed from None

    def _render(
        self, messages: Sequence[Message[str]], tools: Sequence[Tool[str]] = (), *, told: str | None = None
    ) -> list[Segment]:
        """`told` is said before the first message, by whoever says that."""
        marks = Marks()
        turns = [
            _turn(message, marks, told if number == 0 else None) for number, message in enumerate(messages)
        ]
        rendered = self._template.render(
            messages=turns,
            add_generation_prompt=True,
            raise_exception=_refuse,
            strftime_now=lambda pattern: datetime.now(UTC).strftime(pattern),
            tools=[marks.structure(described(tool)) for tool in tools] or None,
            **self._tokens,
        )
        return marks.cut(rendered)


def _turn(message: Message[str], marks: Marks, told: str | None) -> dict[str, Any]:
    """A message as templates know them. What stands beside calls, some leave out."""
    contents = [message.content] if told is None else [told, message.content]
    is_needed = not message.calls
    content = "\n\n".join(marks.content(text, is_needed=is_needed) for text in contents if text or is_needed)
    turn: dict[str, Any] = {"role": message.role, "content": content}
    if message.calls:
        turn["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": marks.structure(call.name),
                    "arguments": marks.structure(arguments)
                    if (arguments := parsed(call.arguments)) is not None
                    else marks.structure(call.arguments),
                },
            }
            for call in message.calls
        ]
    if message.role == "tool":
        turn["tool_call_id"] = message.call_id
    return turn


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)
