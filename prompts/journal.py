"""
What the book keeps of a prompt, and the promise that the pipeline relies on.

    accept ─► in progress ─► finish ─► one of the final outcomes
                        └─► (the process died) ─► interrupted, by whoever sees its lease run out

Knows no database: `prompts.writer` keeps these rows in one, `tests.fakes.Notebook` in a list.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from inference.backends import AsideKind
from sanitization.chain import EMPTY, Sanitized
from sanitization.spans import Finding

# A text that is nothing but findings would otherwise make a row of many megabytes.
MAX_FINDINGS = 1_000


class Outcome(StrEnum):
    """What became of a prompt. The values are public vocabulary: API, filters, metrics."""

    ACCEPTED = "accepted"  # in progress
    ANSWERED = "answered"
    BLOCKED = "blocked"  # the policy refused the prompt; no model saw it
    TRUNCATED = "truncated"  # the policy cut the answer off
    NOT_SCANNED = "not_scanned"  # a filter failed; the text went nowhere and is not kept
    REFUSED = "refused"  # no model took it: missing, loading, queue full, too long
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"  # the caller left
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # the process died in between


@dataclass(frozen=True, slots=True)
class Part:
    """One text of a request: its JSON pointer, as findings name it, and for a message who says it."""

    pointer: str
    text: Sanitized
    role: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"part": self.pointer, "role": self.role, "text": self.text}


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """A call of a tool in an answer. `arguments` are JSON, as far as the model wrote some."""

    name: Sanitized
    arguments: Sanitized


# What asides are called in OpenAI's objects, in the book and by findings.
ASIDE_FIELDS: dict[AsideKind, str] = {"reasoning": "reasoning_content", "refusal": "refusal"}


@dataclass(frozen=True, slots=True)
class AnsweredAside:
    """What was said beside an answer. There may be several of a kind."""

    kind: AsideKind
    text: Sanitized


@dataclass(frozen=True, slots=True)
class Answered:
    """One whole answer. `findings` are its own."""

    text: Sanitized
    findings: tuple[dict[str, Any], ...]
    finish_reason: str
    calls: tuple[AnsweredCall, ...] = ()
    asides: tuple[AnsweredAside, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As the book keeps it: the findings are with all others of the row."""
        kept: dict[str, Any] = {"text": self.text, "finish_reason": self.finish_reason}
        if self.calls:
            kept["tool_calls"] = [{"name": call.name, "arguments": call.arguments} for call in self.calls]
        if self.asides:
            kept["asides"] = [
                {"part": pointer, "text": aside.text}
                for pointer, aside in zip(
                    aside_pointers(aside.kind for aside in self.asides), self.asides, strict=True
                )
            ]
        return kept


def answered_of(fields: dict[str, Any]) -> Answered:
    """An answer as `asdict` and JSON left it: its texts were `Sanitized` when they were put there. Raises
    ValueError, TypeError, LookupError or AttributeError for anything else."""
    calls = tuple(AnsweredCall(_text(call["name"]), _text(call["arguments"])) for call in fields["calls"])
    asides = tuple(AnsweredAside(aside["kind"], _text(aside["text"])) for aside in fields["asides"])
    text, findings = _text(fields["text"]), tuple(fields["findings"])
    return Answered(text, findings, fields["finish_reason"], calls, asides)


def _text(stored: str) -> Sanitized:
    return Sanitized(stored)


def aside_pointers(kinds: Iterable[AsideKind]) -> Iterator[str]:
    """How findings call the asides of an answer, behind its own pointer: the first of a kind by its field,
    the others by a number too."""
    count: Counter[AsideKind] = Counter()
    for kind in kinds:
        number = count[kind]
        count[kind] += 1
        yield f"{ASIDE_FIELDS[kind]}/{number}" if number else ASIDE_FIELDS[kind]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the model counts them; of all choices together. `cached_tokens` of the prompt's were not
    computed again."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Charge:
    """What a prompt counts against the limits of these: its user, and the key that it came by."""

    subjects: tuple[UUID, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A prompt as it is accepted, sanitized. `findings` hold positions, never text.

    `prompt` is the question, of a conversation the newest; `system` is what the model is told to be.
    `parts` are the texts of the request that are not called `/prompt` or `/system`: of a conversation, all
    messages.
    """

    id: UUID
    created_at: datetime
    user_id: UUID
    request_id: str
    model: str
    policy: str
    prompt: Sanitized
    system: Sanitized
    findings: tuple[dict[str, Any], ...]
    parts: tuple[Part, ...] = ()
    key_id: UUID | None = None

    def without_text(self) -> "Entry":
        return replace(self, prompt=EMPTY, system=EMPTY, parts=())


@dataclass(frozen=True, slots=True)
class Result:
    """How it ended. Times in milliseconds since the prompt came; None where that never happened.

    `model` is what really answered, where that is not what was asked for. `findings` are all of them: the
    prompt's, then the answer's. `choices` are all answers, where there was more than one, or one that called
    tools or said something beside; `response` is the first. `charge` is written with the row, and as often:
    once.
    """

    outcome: Outcome
    response: Sanitized = EMPTY
    choices: tuple[Answered, ...] = ()
    findings: tuple[dict[str, Any], ...] = ()
    finish_reason: str = ""
    usage: Usage = Usage()
    cached: bool = False
    queue_ms: float | None = None
    first_token_ms: float | None = None
    total_ms: float = 0.0
    model: str = ""
    charge: Charge | None = None
    rules: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", rules_of(self.findings))

    def without_text(self) -> "Result":
        return replace(self, response=EMPTY, choices=())


def kept(findings: Sequence[Finding]) -> tuple[dict[str, Any], ...]:
    """The findings of one text as the book keeps them: MAX_FINDINGS at most, in order, of each rule at least
    the first.
    """
    if len(findings) <= MAX_FINDINGS:
        return tuple(finding.as_dict() for finding in findings)
    first = {finding.rule: number for number, finding in reversed(list(enumerate(findings)))}
    others = (number for number in range(len(findings)) if first[findings[number].rule] != number)
    numbers = [*first.values(), *others][:MAX_FINDINGS]
    return tuple(findings[number].as_dict() for number in sorted(numbers))


def rules_of(findings: tuple[dict[str, Any], ...]) -> tuple[str, ...]:
    """The distinct rules, sorted: what the book is searched by."""
    return tuple(sorted({finding["rule"] for finding in findings}))


@dataclass(frozen=True, slots=True)
class JournalState:
    """How far it is behind: rows that wait for the database, for how long those at hand have been waiting,
    and how many of them are in the spool."""

    waiting_rows: int = 0
    lag_seconds: float = 0.0
    spooled_rows: int = 0


class Journal(Protocol):
    """The book. Both calls raise `prompts.errors.JournalUnavailable` when the row cannot be committed."""

    @property
    def is_open(self) -> bool: ...

    def state(self) -> JournalState: ...

    def accept(self, entry: Entry) -> Awaitable[None]:
        """Returns once the row is committed as in progress."""
        ...

    def finish(self, id: UUID, result: Result) -> "asyncio.Future[None]":
        """Done once the final row is committed. The row is on its way as soon as this is called,
        awaited or not: a cancelled task need not stay for it."""
        ...
