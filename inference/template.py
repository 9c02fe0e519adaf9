"""
Messages through a model's own chat template, with what people typed kept apart from what the template says.

The template is rendered with marks in place of the contents and cut at the marks, so that each content can be
turned into tokens as plain text: `<|im_start|>` typed by a user is twelve characters and no control token.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from inference.backends import Message
from inference.errors import GenerationFailed
from inference.runner import ModelBroken

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


class ChatTemplate:
    """A Jinja template out of a model file, run in a sandbox: a model file is data from somewhere. Raises
    ModelBroken if it is no template."""

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, loopcontrols]
        )
        environment.filters["tojson"] = lambda value, **options: json.dumps(
            value, ensure_ascii=False, **options
        )
        try:
            self._template = environment.from_string(source or CHATML)
        except jinja2.TemplateError:
            raise ModelBroken("The chat template in the model file cannot be read.") from None
        self._tokens = {"bos_token": bos, "eos_token": eos}

    def render(self, messages: Sequence[Message[str]]) -> list[Segment]:
        """The prompt in segments. Raises GenerationFailed if the template takes no such conversation."""
        if not messages:
            raise GenerationFailed
        try:
            return self._render([(message.role, [message.content]) for message in messages])
        except jinja2.TemplateError:
            pass  # some templates know no system role; the next best place is before the first question
        if messages[0].role == "system" and len(messages) > 1:
            rest = [(message.role, [message.content]) for message in messages[1:]]
            rest[0] = (rest[0][0], [messages[0].content, *rest[0][1]])
            try:
                return self._render(rest)
            except jinja2.TemplateError:
                pass
        raise GenerationFailed from None

    def _render(self, turns: Sequence[tuple[str, list[str]]]) -> list[Segment]:
        # Unguessable, so no text can hold one; private-use characters, so no template makes one.
        mark = f"\ue000{secrets.token_hex(16)}\ue001"
        contents = [content for _, parts in turns for content in parts]
        marked = [{"role": role, "content": "\n\n".join(mark for _ in parts)} for role, parts in turns]
        rendered = self._template.render(
            messages=marked,
            add_generation_prompt=True,
            raise_exception=_refuse,
            strftime_now=lambda pattern: datetime.now(UTC).strftime(pattern),
            tools=None,
            **self._tokens,
        )
        pieces = rendered.split(mark)
        if len(pieces) != len(contents) + 1:  # a template that repeats or drops a message
            raise jinja2.TemplateError("a content is missing or repeated")
        segments = [Segment(pieces[0], is_content=False)]
        for content, after in zip(contents, pieces[1:], strict=True):
            segments += [Segment(content, is_content=True), Segment(after, is_content=False)]
        return [segment for segment in segments if segment.text]


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)
