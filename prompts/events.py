"""What the pipeline tells whoever asked: that it has begun, more of an answer, that all is done and written
down."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from accounts.limits.ledger import Standing
from inference.backends import AsideKind, TokenLogprob
from prompts.journal import Part, Result, Usage
from sanitization.chain import Sanitized

# `prompts.sources` says what they mean.
CacheState = Literal["hit", "shared", "miss", "off"]
# Of a request with an Idempotency-Key; unavailable: it could not be seen whether it was answered before.
IdempotencyState = Literal["", "new", "replayed", "unavailable"]


@dataclass(slots=True)
class Times:
    """Where a prompt's time went, in milliseconds so far: screening the prompt, sanitizing the answer,
    waiting for the backend, and all of it."""

    screen_ms: float = 0.0
    sanitize_ms: float = 0.0
    backend_ms: float = 0.0
    total_ms: float = 0.0

    @property
    def overhead_ms(self) -> float:
        """What this gateway itself took."""
        return self.total_ms - self.backend_ms


@dataclass(frozen=True, slots=True)
class Begun:
    """The first event: something can be said now. Nothing in it is a secret. `id` is what the caller knows
    the answer by: its row, or where it is given again, the first one's. `standings` is where the caller
    stands with his limits."""

    id: UUID
    created_at: datetime
    model: str
    policy: str
    cache: CacheState
    times: Times
    standings: tuple[Standing, ...] = ()
    idempotency: IdempotencyState = ""


@dataclass(frozen=True, slots=True)
class ShownToken:
    """A token of an answer that its caller may see, with the alternatives that he may see too. `offset` is
    where it stands in the answer as it is shown, in code points."""

    token: TokenLogprob = field(repr=False)
    offset: int = 0


@dataclass(slots=True)
class Delta:
    """Some more of an answer, for the caller: sanitized, the caller's own values restored. `tokens` may be of
    an earlier text, where their alternatives had to wait; the text may be empty then."""

    text: str = field(repr=False)
    choice: int = 0
    tokens: tuple[ShownToken, ...] = ()


@dataclass(slots=True)
class CallDelta:
    """Some more of a call of a tool, for the caller. The first of each call has `id` and `name`, no other
    has."""

    call: int
    arguments: str = field(repr=False)
    id: str = ""
    name: str = field(default="", repr=False)
    choice: int = 0


@dataclass(slots=True)
class AsideDelta:
    """Some more of what is said beside an answer, for the caller: no part of it."""

    kind: AsideKind
    text: str = field(repr=False)
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of sanitized texts, in order."""

    begun: Begun
    vectors: tuple[tuple[float, ...], ...] = field(repr=False)
    usage: Usage


@dataclass(frozen=True, slots=True)
class ShownCall:
    """One whole call of a tool, for the caller alone."""

    id: str
    name: str = field(repr=False)
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """One whole answer, for the caller alone."""

    text: str = field(repr=False)
    finish_reason: str
    calls: tuple[ShownCall, ...] = ()
    tokens: tuple[ShownToken, ...] | None = None  # None: nobody asked for them
    asides: dict[AsideKind, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Done:
    """The last event: all of it, committed. `choices` and `own_emails` are for the caller alone; the rest is
    sanitized."""

    begun: Begun
    choices: tuple[Shown, ...]
    prompt_sent: Sanitized
    parts: tuple[Part, ...] = field(repr=False)  # what else was sent
    result: Result
    own_emails: tuple[str, ...] = field(repr=False)

    @property
    def response(self) -> str:
        return self.choices[0].text
