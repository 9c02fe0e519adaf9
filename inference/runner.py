"""
The only door to a model: what the engine may ask of it.

A runner holds as many sequences of tokens as it has slots. `step` lengthens some of them at once, `cut`
shortens one, `copy` gives one slot what another holds, and a `Sampler` chooses what comes next. One thread
uses a runner; `tokens_of`, `tokens_of_text` and `compile` may be called from any. `inference.llama` stands
behind it in production, `tests.fakes.ScriptedRunner` in tests; both pass the same suite.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from inference.backends import Format, Message, Sampling, TokenLogprob, Tool, ToolUse
from inference.tools.notations import Notation


class ModelBroken(Exception):
    """The model cannot be loaded, or can no longer be used. `reason` is a sentence without a path."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OutOfCells(Exception):
    """The model's memory has no room for this step. Nothing of it was computed; what was held is held."""


@dataclass(frozen=True, slots=True)
class Row:
    """Tokens to compute after what `slot` holds. What may follow can be read after the last `outputs` of
    them; outputs are numbered from 0 through all rows of a step, in their order."""

    slot: int
    tokens: Sequence[int]
    outputs: int


class Sampler(Protocol):
    """Chooses the tokens of one answer. It remembers what it chose (penalties, grammar, randomness), and
    lives on where its job moves to another slot."""

    def choose(self, output: int) -> int:
        """The token after that output of the last step."""
        ...

    def close(self) -> None: ...


class Runner(Protocol):
    """Raises ModelBroken where the model itself is beyond use; any other exception spoils the jobs of that
    call only."""

    slots: int  # how many sequences can be held
    context_tokens: int  # of prompt and answer together, in one slot
    kv_tokens: int  # that all slots can hold together: slots * context_tokens where each has its own memory
    step_tokens: int  # the most that one step computes
    can_cut: bool  # whether a slot can forget only its end (recurrent models cannot)
    copy_seconds: float  # what copying a slot takes, measured while loading; 0 where it is free
    look_tokens: float  # that a row looks through in the time of computing one; 0: at none but its own
    embedding_size: int  # of an embedding model's vectors; 0 for a model that answers
    notation: Notation  # how the model writes calls of tools

    def tokens_of(
        self,
        messages: Sequence[Message[str]],
        tools: Sequence[Tool[str]] = (),
        use: ToolUse[str] | None = None,
    ) -> list[int]:
        """The conversation (and the tools that may be called) through the model's template, ready to be
        answered."""
        ...

    def tokens_of_text(self, text: str) -> list[int]:
        """Text to be continued (or embedded) as it is. Control tokens in it are text."""
        ...

    def cut(self, slot: int, count: int) -> int:
        """Cuts what `slot` holds to its first `count` tokens; how many really stay: a model that cannot cut
        there, or has dropped what lies before, keeps none."""
        ...

    def copy(self, source: int, target: int, count: int) -> int:
        """`target` holds the first `count` tokens of `source` instead of its own; how many it really
        holds."""
        ...

    def step(self, rows: Sequence[Row]) -> None:
        """Computes all rows at once: at most `step_tokens` tokens, each slot at most once, slots ascending.

        Raises OutOfCells. After any other exception the slots of these rows hold nothing.
        """
        ...

    def compile(self, format: Format[str]) -> str:
        """The grammar (GBNF) of a format. From any thread. Raises `inference.errors.FormatRefused`."""
        ...

    def sampler(self, sampling: Sampling, grammar: str, prompt: Sequence[int]) -> Sampler:
        """A sampler for an answer to `prompt` (its end is what penalties look at); the seed is set; `grammar`
        may be empty. Raises `inference.errors.FormatRefused`."""
        ...

    def logprobs(self, output: int, token: int, *, top: int) -> TokenLogprob:
        """What the model gave `token` after that output of the last step, with the `top` likeliest."""
        ...

    def embed(self, texts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        """The vectors of at most `slots` texts of at most `step_tokens` tokens together, each of length 1.
        Empties the slots."""
        ...

    def is_end(self, token: int) -> bool:
        """Whether the model ends its answer with this token."""
        ...

    def piece(self, token: int) -> bytes:
        """The token's text: bytes, because a character may be spread over several tokens."""
        ...

    def save(self, slot: int, path: Path, tokens: Sequence[int]) -> None:
        """Writes what `slot` holds (computed from `tokens`) to a private file, whole or not at all. Raises
        OSError."""
        ...

    def restore(self, slot: int, path: Path) -> list[int]:
        """Fills `slot` from such a file: its tokens, or none if the file is of another model or damaged."""
        ...

    def close(self) -> None: ...
