"""
What a caller asks, raw: it lives as long as the request does, and nothing here is ever written down.

One shape for `/prompt` (`plain`) and for conversations. Each text has the JSON pointer (RFC 6901) under which
it stands in the request: so findings name it, and so the book keeps it.
"""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from accounts.limits.quotas import Bound
from inference.backends import Format, Priority, Role, Sampling

# use: read and kept, where it is deterministic; refresh: not read; off: neither.
CacheUse = Literal["use", "refresh", "off"]

FORMAT_PARTS = {
    "json_schema": "/response_format/json_schema/schema",
    "grammar": "/response_format/grammar",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of a conversation. `part` is the pointer of its text; `name` is who speaks, if the caller says
    so: it is screened and kept, but chat templates have no place for it."""

    part: str
    role: Role
    content: str = field(repr=False)
    name: str = field(default="", repr=False)

    @property
    def name_part(self) -> str:
        return self.part.rpartition("/")[0] + "/name"


@dataclass(frozen=True, slots=True)
class Ask:
    """`text`, where it is not None, is continued as it is, in the place of `messages`. `choices` is how many
    answers are wanted: none of texts to embed. A `format`'s text is a
    JSON schema or a grammar. `streamed` says whether somebody reads along."""

    user_id: UUID
    request_id: str
    messages: tuple[Said, ...] = field(default=(), repr=False)
    text: str | None = field(default=None, repr=False)
    model: str | None = None
    max_tokens: int = 512
    sampling: Sampling = field(default_factory=lambda: Sampling(0.7))
    stop: tuple[str, ...] = field(default=(), repr=False)
    choices: int = 1
    format: Format[str] | None = field(default=None, repr=False)
    priority: Priority = "interactive"
    deadline_seconds: float | None = None
    streamed: bool = False
    cache: CacheUse = "use"
    conversation_id: UUID | None = None
    key_id: UUID | None = None  # the API key that it came by
    bounds: tuple[Bound, ...] = ()  # the limits that it is held to

    @property
    def subjects(self) -> tuple[UUID, ...]:
        """Who uses what this takes: the user, and the key if there is one."""
        return (self.user_id,) if self.key_id is None else (self.user_id, self.key_id)

    def parts(self) -> dict[str, str]:
        """Every text of the request by its pointer, in the order in which placeholders are numbered: what the
        model reads first, so that the same history always gets the same numbers."""
        parts = {said.part: said.content for said in self.messages}
        if self.text is not None:
            parts["/prompt"] = self.text
        parts |= {said.name_part: said.name for said in self.messages if said.name}
        parts |= {stop_part(number): word for number, word in enumerate(self.stop)}
        if self.format is not None and self.format.text is not None:
            parts[FORMAT_PARTS[self.format.kind]] = self.format.text
        return parts

    @property
    def question_part(self) -> str:
        """What is asked; of a conversation, what its user said last."""
        asked = [said.part for said in self.messages if said.role == "user"]
        return asked[-1] if asked else "/prompt"

    @property
    def json_parts(self) -> tuple[str, ...]:
        """The parts that are JSON and have to stay so."""
        is_schema = self.format is not None and self.format.kind == "json_schema"
        return (FORMAT_PARTS["json_schema"],) if is_schema else ()


def stop_part(number: int) -> str:
    return f"/stop/{number}"


def plain(prompt: str, system: str = "") -> tuple[Said, ...]:
    """The conversation of `/prompt`: one question, and what the model is told to be."""
    asked = Said("/prompt", "user", prompt)
    return (Said("/system", "system", system), asked) if system else (asked,)
