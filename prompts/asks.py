"""
What a caller asks, raw: it lives as long as the request does, and nothing here is ever written down.

One shape for `/prompt` (`plain`) and for conversations. Each text has the JSON pointer (RFC 6901) under which
it stands in the request: so findings name it, and so the book keeps it.
"""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from accounts.limits.quotas import Bound
from inference.backends import (
    Called,
    Effort,
    Format,
    Media,
    Priority,
    Role,
    Sampling,
    Tool,
    ToolUse,
    Verbosity,
)

# use: read and kept, where it is deterministic; refresh: not read; off: neither.
CacheUse = Literal["use", "refresh", "off"]


@dataclass(frozen=True, slots=True)
class Places:
    """Where a request has what not every address writes alike, as JSON pointers: a tool by its number, the
    texts of a format."""

    tool: str = "/tools/{}/function"
    json_schema: str = "/response_format/json_schema/schema"
    grammar: str = "/response_format/grammar"


PLACES = Places()


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of a conversation. `part` is the pointer of its text; `name` is who speaks, if the caller says
    so: it is screened and kept, but chat templates have no place for it. `calls` are of tools, and `call_id`
    is the one whose result this is. `called_at` are the pointers of the calls, where those do not stand
    beside the text. `reasoning` came before the text. `media` stand where `inference.backends.MARK` does in
    the content, and `media_at` are their pointers."""

    part: str
    role: Role
    content: str = field(repr=False)
    name: str = field(default="", repr=False)
    calls: tuple[Called[str], ...] = field(default=(), repr=False)
    call_id: str = ""
    called_at: tuple[str, ...] = ()
    reasoning: str = field(default="", repr=False)
    media: tuple[Media, ...] = ()
    media_at: tuple[str, ...] = ()

    @property
    def reasoning_part(self) -> str:
        return self.part.rpartition("/")[0] + "/reasoning_content"

    @property
    def name_part(self) -> str:
        return self.part.rpartition("/")[0] + "/name"

    def call_part(self, number: int, field: str) -> str:
        """The pointer of the `name` or the `arguments` of one of its calls."""
        if self.called_at:
            return f"{self.called_at[number]}/{field}"
        return f"{self.part.rpartition('/')[0]}/tool_calls/{number}/function/{field}"

    def parts(self) -> dict[str, str]:
        """What it says and calls."""
        parts = {self.reasoning_part: self.reasoning} if self.reasoning else {}
        parts[self.part] = self.content
        for number, call in enumerate(self.calls):
            parts[self.call_part(number, "name")] = call.name
            parts[self.call_part(number, "arguments")] = call.arguments
        return parts


@dataclass(frozen=True, slots=True)
class Idempotency:
    """What a request that may be sent again is known by: keyed hashes of the caller's word for it, and of its
    body."""

    key: str
    body: str


@dataclass(frozen=True, slots=True)
class Ask:
    """`text`, where it is not None, is continued as it is, in the place of `messages`. `choices` is how many
    answers are wanted: none of texts to embed. `logprobs` asks for the tokens of the answers, with so many
    alternatives of each. A `format`'s text is a JSON schema or a grammar. `streamed` says whether somebody
    reads along. `tools` may be called as `tool_use` says, where it is not None."""

    user_id: UUID
    request_id: str
    messages: tuple[Said, ...] = field(default=(), repr=False)
    text: str | None = field(default=None, repr=False)
    model: str | None = None
    max_tokens: int = 512
    sampling: Sampling = field(default_factory=lambda: Sampling(0.7))
    stop: tuple[str, ...] = field(default=(), repr=False)
    choices: int = 1
    logprobs: int | None = None
    format: Format[str] | None = field(default=None, repr=False)
    tools: tuple[Tool[str], ...] = field(default=(), repr=False)
    tool_use: ToolUse[str] | None = None
    reasoning_effort: Effort | None = None
    verbosity: Verbosity | None = None
    priority: Priority = "interactive"
    deadline_seconds: float | None = None
    streamed: bool = False
    cache: CacheUse = "use"
    is_to_be_kept: bool = False  # the answer, also where the same prompt may get another each time
    idempotency: Idempotency | None = None
    conversation_id: UUID | None = None
    key_id: UUID | None = None  # the API key that it came by
    bounds: tuple[Bound, ...] = ()  # the limits that it is held to
    places: Places = PLACES

    @property
    def subjects(self) -> tuple[UUID, ...]:
        """Who uses what this takes: the user, and the key if there is one."""
        return (self.user_id,) if self.key_id is None else (self.user_id, self.key_id)

    def parts(self) -> dict[str, str]:
        """Every text of the request by its pointer, in the order in which placeholders are numbered: what the
        model reads first, so that the same history always gets the same numbers."""
        parts: dict[str, str] = {}
        for number, tool in enumerate(self.tools):
            fields = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
            parts |= {self.tool_part(number, name): text for name, text in fields.items() if text}
        for said in self.messages:
            parts |= said.parts()
        if self.text is not None:
            parts["/prompt"] = self.text
        parts |= {said.name_part: said.name for said in self.messages if said.name}
        parts |= {stop_part(number): word for number, word in enumerate(self.stop)}
        if self.format is not None and self.format.text is not None:
            parts[self.format_part] = self.format.text
        return parts

    def unscanned(self) -> dict[str, str]:
        """What nobody can look into, by its pointer: `image` or `audio`."""
        return {
            at: media.kind
            for said in self.messages
            for at, media in zip(said.media_at, said.media, strict=True)
        }

    def tool_part(self, number: int, field: str) -> str:
        """The pointer of a tool's `name`, `description` or `parameters`."""
        return f"{self.places.tool.format(number)}/{field}"

    @property
    def format_part(self) -> str:
        """The pointer of a schema or a grammar."""
        is_grammar = self.format is not None and self.format.kind == "grammar"
        return self.places.grammar if is_grammar else self.places.json_schema

    @property
    def question_part(self) -> str:
        """What is asked; of a conversation, what its user said last."""
        asked = [said.part for said in self.messages if said.role == "user"]
        return asked[-1] if asked else "/prompt"

    @property
    def json_parts(self) -> tuple[str, ...]:
        """The parts that are JSON and have to stay so."""
        is_schema = self.format is not None and self.format.kind == "json_schema"
        schemas = (self.tool_part(number, "parameters") for number in range(len(self.tools)))
        arguments = (
            said.call_part(number, "arguments") for said in self.messages for number in range(len(said.calls))
        )
        return (*schemas, *arguments, *((self.format_part,) if is_schema else ()))


def stop_part(number: int) -> str:
    return f"/stop/{number}"


def plain(prompt: str, system: str = "") -> tuple[Said, ...]:
    """The conversation of `/prompt`: one question, and what the model is told to be."""
    asked = Said("/prompt", "user", prompt)
    return (Said("/system", "system", system), asked) if system else (asked,)
