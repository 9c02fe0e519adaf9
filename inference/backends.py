"""
The one contract between the gateway and whatever answers: `Backend`.

Generic in the type of its text: the pipeline holds a `Backend[Sanitized]`, so the type checker refuses
every text that has not been through the chain, and this package need not know that type.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

Text = TypeVar("Text", bound=str, covariant=True)
TextIn = TypeVar("TextIn", bound=str, contravariant=True)

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Message(Generic[Text]):
    """One turn of a conversation."""

    role: Role
    content: Text


@dataclass(frozen=True, slots=True)
class Generation(Generic[Text]):
    """What a backend is asked for. `caller` is who to be fair to; `max_tokens` counts the answer only."""

    messages: tuple[Message[Text], ...]
    model: str
    max_tokens: int
    temperature: float
    caller: str
    request_id: str
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more of the answer, raw: whole characters, not yet sanitized."""

    text: str


@dataclass(frozen=True, slots=True)
class Ending:
    """The last thing a backend yields. Times in milliseconds from the moment of asking."""

    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    queue_ms: float
    first_token_ms: float


@dataclass(frozen=True, slots=True)
class Status:
    """`state`: loading, ready, or down with the reason in a sentence."""

    state: Literal["loading", "ready", "down"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What identifies the model that really answers: the revision changes whenever the weights do."""

    name: str
    revision: str
    context_tokens: int


class Backend(Protocol[TextIn]):
    """Something that answers. Implementations: `inference.local.LocalBackend`, `tests.fakes.Parrot`."""

    def answer(self, generation: Generation[TextIn]) -> AsyncGenerator[Piece | Ending, None]:
        """Yields pieces, then exactly one ending. Raises `InferenceError`s.

        Closing the iterator (or cancelling the task that reads it) gives up the job: the model is free
        within one step.
        """
        ...

    def choose(self, model: str | None) -> ModelCard:
        """The model that will answer for this name; None takes the default. Raises UnknownModel."""
        ...

    def status(self) -> Status: ...
