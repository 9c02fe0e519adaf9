"""
The only door to a model: what the engine may ask of it.

One sequence of tokens is held in the model's memory; `keep` cuts it, `decode` lengthens it, `sample` reads
what comes next. A runner is used by one thread. `inference.llama` stands behind it in production,
`tests.fakes.ScriptedRunner` in tests; both pass the same suite.
"""

from collections.abc import Sequence
from typing import Protocol

from inference.backends import Message, Sampling


class ModelBroken(Exception):
    """The model cannot be loaded, or can no longer be used. `reason` is a sentence without a path."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Runner(Protocol):
    """Raises ModelBroken where the model itself is beyond use; any other exception spoils one job only."""

    @property
    def context_tokens(self) -> int:
        """Tokens of prompt and answer together."""
        ...

    def tokens_of(self, messages: Sequence[Message[str]]) -> list[int]:
        """The conversation through the model's template, ready to be answered."""
        ...

    def keep(self, count: int) -> int:
        """Cuts what is held to its first `count` tokens; how many really stay (some models keep none)."""
        ...

    def decode(self, tokens: Sequence[int]) -> None:
        """Computes these after what is held. At most `step_tokens` of them."""
        ...

    def begin(self, sampling: Sampling) -> None:
        """Sets how `sample` chooses from here on; the seed is set."""
        ...

    def sample(self) -> int:
        """The next token, after the last one that was decoded."""
        ...

    def is_end(self, token: int) -> bool:
        """Whether the model ends its answer with this token."""
        ...

    def piece(self, token: int) -> bytes:
        """The token's text: bytes, because a character may be spread over several tokens."""
        ...

    def close(self) -> None: ...
