"""
Guesses what an answer says next from what was said before: prompt look-up.

Edits and summaries repeat stretches of their prompt. Where the newest tokens occurred earlier, the tokens
that followed there are guessed to follow here; the model checks all guesses in one step, and what it would
not have said itself is thrown away. Pure. (Saxena, Prompt Lookup Decoding, 2023.)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

LONGEST, SHORTEST = 3, 2  # tokens that must have occurred
FIRST_ACCEPTANCE = 0.7
NEWEST_SHARE = 0.1
# An answer whose guesses failed is tried again so often, in tokens: it may come to a quotation later.
RETRY_TOKENS = 32


@dataclass(eq=False, slots=True)
class Lookup:
    """Of one answer. `acceptance` is the measured probability that a guess is right."""

    acceptance: float = FIRST_ACCEPTANCE
    _after: dict[tuple[int, ...], int] = field(default_factory=dict, repr=False)
    _seen: int = 0
    _tried_at: int = 0

    def guess(self, tokens: Sequence[int], length: int) -> list[int]:
        """At most `length` tokens that may follow, or none."""
        self._learn(tokens)
        if length < 1:
            if len(tokens) - self._tried_at < RETRY_TOKENS:
                return []
            length = 1
        for size in range(LONGEST, SHORTEST - 1, -1):
            at = self._after.get(tuple(tokens[-size:]))
            if at is not None and len(tokens) >= size:
                self._tried_at = len(tokens)
                return list(tokens[at : at + length])
        return []

    def note(self, *, guessed: int, right: int) -> None:
        """How the last guess turned out: tokens after the first wrong one say nothing."""
        for was_right in [1.0] * right + [0.0] * (right < guessed):
            self.acceptance += NEWEST_SHARE * (was_right - self.acceptance)

    def _learn(self, tokens: Sequence[int]) -> None:
        """Remembers where each run of tokens was followed by what, the newest place first; the very last
        run is followed by nothing yet."""
        for end in range(max(self._seen, SHORTEST), len(tokens)):
            for size in range(SHORTEST, LONGEST + 1):
                if end >= size:
                    self._after[tuple(tokens[end - size : end])] = end
        self._seen = max(self._seen, len(tokens))
