"""
The one contract between the gateway and whatever answers: `Backend`.

Generic in the type of its text: the pipeline holds a `Backend[Sanitized]`, so the type checker refuses
every text that has not been through the chain, and this package need not know that type.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

Text = TypeVar("Text", bound=str, covariant=True)
TextIn = TypeVar("TextIn", bound=str, contravariant=True)

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]
Priority = Literal["interactive", "batch"]
# What a model may say beside its answer: how it came to it, or why it gives none.
AsideKind = Literal["reasoning", "refusal"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
Verbosity = Literal["low", "medium", "high"]
MediaKind = Literal["image", "audio"]
Detail = Literal["auto", "low", "high"]

DEFAULT = "default"  # under this name too, callers ask for the first model
# What the makers of small instruct models recommend beside a low temperature.
TOP_K, TOP_P = 40, 0.9


@dataclass(frozen=True, slots=True)
class Tool(Generic[Text]):
    """A function that an answer may call. `parameters` is a JSON schema of its arguments, as JSON; empty
    where there is none."""

    name: Text
    description: Text
    parameters: Text
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ToolUse(Generic[Text]):
    """Whether an answer may call tools: if it likes (auto), at least one (required), or this one (named)."""

    kind: Literal["auto", "required", "named"] = "auto"
    name: Text | None = None
    is_parallel: bool = True  # whether several calls are wanted


@dataclass(frozen=True, slots=True)
class Called(Generic[Text]):
    """A call that an earlier answer made. `id` is this service's own name for it, no text of anybody's;
    `arguments` should be a JSON object."""

    id: str
    name: Text
    arguments: Text


# Where in a text an image or a recording stands.
MARK = "\ufffc"
# What one counts for where nobody has counted: tokens, and characters of prose that are as many.
MEDIA_TOKENS, MEDIA_CHARS = 1000, 4000
# What they are called where somebody is asked whether he takes them.
MEDIA_FIELDS: dict[MediaKind, str] = {"image": "image_url", "audio": "input_audio"}


@dataclass(frozen=True, slots=True)
class Media:
    """An image or a recording: no text, so nobody has looked for anything in it. `type` is `image/png` and
    the like, of recordings `wav` or `mp3`; `data` is base64; `detail` is how closely a model is to look."""

    kind: MediaKind
    type: str
    data: str = field(repr=False)
    detail: Detail | None = None


@dataclass(frozen=True, slots=True)
class Message(Generic[Text]):
    """One turn of a conversation. An assistant's may have `calls`, and `reasoning` that came before it; a
    tool's is the result of one of the calls, `call_id`. `media` stand where MARK does in the content, in
    order."""

    role: Role
    content: Text
    calls: tuple[Called[Text], ...] = ()
    call_id: str = ""
    reasoning: Text | None = None
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen; names and meanings are llama.cpp's samplers', applied in this order.

    `logit_bias` adds to the logits of tokens of the model that answers. The penalties look at the newest 64
    tokens of prompt and answer. `temperature` 0 takes the likeliest token of what the steps before leave.
    `seed` None is another one each time. `ignore_eos` goes on where the model would end.
    """

    temperature: float
    logit_bias: tuple[tuple[int, float], ...] = ()
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    top_k: int = TOP_K
    typical_p: float = 1.0
    top_p: float = TOP_P
    min_p: float = 0.0
    seed: int | None = None
    ignore_eos: bool = False


@dataclass(frozen=True, slots=True)
class Format(Generic[Text]):
    """What an answer must look like: any JSON object, JSON that a schema (`text`, as JSON) describes, or what
    a GBNF grammar (`text`) makes."""

    kind: Literal["json_object", "json_schema", "grammar"]
    text: Text | None = None


@dataclass(frozen=True, slots=True)
class Generation(Generic[Text]):
    """What a backend is asked for.

    `messages` go through the model's chat template; `text`, where it is not None, is continued as it is, in
    their place. `caller` is who to be fair to; `max_tokens` counts the answer only. `choices` answers are
    made, each with a seed of its own. `logprobs` asks for that many alternatives of each token (0: only the
    token's own). `deadline_seconds` is the caller's own patience, where it is less than the operator's.
    `streamed` says whether anybody reads along; where nobody does, the answer may come in one piece.
    `traceparent` (W3C Trace Context) says whose trace this is a part of, where there is one.
    """

    messages: tuple[Message[Text], ...]
    model: str
    max_tokens: int
    sampling: Sampling
    caller: str
    request_id: str
    text: Text | None = None
    stop: tuple[str, ...] = ()
    choices: int = 1
    logprobs: int | None = None
    format: Format[Text] | None = None
    priority: Priority = "interactive"
    deadline_seconds: float | None = None
    tools: tuple[Tool[Text], ...] = ()
    tool_use: ToolUse[Text] = ToolUse()
    streamed: bool = True
    reasoning_effort: Effort | None = None
    verbosity: Verbosity | None = None
    traceparent: str = ""

    @property
    def prompt_chars(self) -> int:
        """Characters of what was said, without the tools."""
        shown = sum(len(message.media) for message in self.messages) * MEDIA_CHARS
        return sum(len(message.content) for message in self.messages) + len(self.text or "") + shown

    @property
    def media_kinds(self) -> frozenset[MediaKind]:
        return frozenset(media.kind for message in self.messages for media in message.media)

    @property
    def tool_chars(self) -> int:
        """Characters of the tools that are offered, and of earlier calls."""
        offered = (len(tool.name) + len(tool.description) + len(tool.parameters) for tool in self.tools)
        called = (len(call.name) + len(call.arguments) for message in self.messages for call in message.calls)
        return sum(offered) + sum(called)


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token's natural-log probability as the model gives it, before any sampler, with the likeliest
    alternatives (their `top` is empty). `raw` are the token's bytes, which may be part of a character."""

    raw: bytes
    logprob: float
    top: tuple["TokenLogprob", ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more of an answer, raw: whole characters, not yet sanitized. `choice` counts from 0. `logprobs`
    are of the tokens since the last piece."""

    text: str
    choice: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()

    def and_then(self, more: "Piece") -> "Piece":
        """This and what follows it in the same choice, as one."""
        return Piece(self.text + more.text, self.choice, self.logprobs + more.logprobs)


@dataclass(frozen=True, slots=True)
class CallPiece:
    """Some more of a tool call in an answer, raw. Calls of a choice follow each other and count from 0; the
    first piece of each has its `name`, which is one of the tools that were offered, and no other has."""

    call: int
    name: str = ""
    arguments: str = ""
    choice: int = 0

    def and_then(self, more: "CallPiece") -> "CallPiece":
        """This and what follows it in the same call, as one."""
        return CallPiece(self.call, self.name, self.arguments + more.arguments, self.choice)


@dataclass(frozen=True, slots=True)
class AsidePiece:
    """Some more of what is said beside an answer, raw: not a part of it."""

    kind: AsideKind
    text: str
    choice: int = 0

    def and_then(self, more: "AsidePiece") -> "AsidePiece":
        """This and what follows it in the same aside, as one."""
        return AsidePiece(self.kind, self.text + more.text, self.choice)


@dataclass(frozen=True, slots=True)
class Ending:
    """The last thing a backend yields of a choice. Times in milliseconds from the moment of asking.
    `cached_tokens` of the prompt's tokens were not computed again."""

    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    queue_ms: float
    first_token_ms: float
    choice: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Embeddings:
    """A vector for each text, in order, each of length 1; and what they cost."""

    vectors: tuple[tuple[float, ...], ...] = field(repr=False)
    prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """`state`: unloaded (will be loaded when it is asked for), loading, ready, or down with the reason in a
    sentence."""

    state: Literal["unloaded", "loading", "ready", "down"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What identifies the model that really answers: the revision changes whenever the weights do."""

    name: str
    revision: str
    context_tokens: int
    kind: Literal["chat", "embedding"] = "chat"


@dataclass(frozen=True, slots=True)
class Answering:
    """Another model than `choose` named gives this answer: a fallback, or other weights of the same name.
    Comes once, before everything else of the answer. Book and cache name what is in `card`."""

    card: ModelCard


Event = Piece | CallPiece | AsidePiece | Ending | Answering


class Backend(Protocol[TextIn]):
    """Something that answers. Implementations: `inference.local.LocalBackend`,
    `inference.routing.router.Router`, `tests.fakes.Parrot`."""

    def answer(self, generation: Generation[TextIn]) -> AsyncGenerator[Event, None]:
        """Yields pieces, and exactly one ending for each choice, after its last piece; before all of them
        an `Answering` where that is not the chosen model. Raises `InferenceError`s.

        Closing the iterator (or cancelling the task that reads it) gives up the job: the model is free
        within one step.
        """
        ...

    async def embed(
        self, texts: Sequence[TextIn], *, model: str, caller: str, request_id: str = "", traceparent: str = ""
    ) -> Embeddings:
        """A vector for each text, from this embedding model and no other: vectors of two models do not
        compare. `request_id` and `traceparent` as in a `Generation`. Raises `InferenceError`s."""
        ...

    def choose(self, model: str | None) -> ModelCard:
        """The model that will answer for this name, unless an `Answering` says otherwise; None takes the
        default. Raises UnknownModel."""
        ...

    def models(self) -> tuple[tuple[ModelCard, Status], ...]:
        """Every model that can be asked for, the default first."""
        ...

    def status(self) -> Status:
        """The state of the default model."""
        ...
