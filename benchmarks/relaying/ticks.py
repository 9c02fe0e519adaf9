"""
The tokens of a paced stream: each says its number and when it was sent, in letters that no detector takes for
anything; and the judge of how they arrive.

Sender and reader share the machine and its monotonic clock.
"""

import math
import time
from dataclasses import dataclass

LETTERS = "bcdfghjklmnpqrstvwxz"
NUMBER, INSTANT = 4, 7  # letters of each: 160,000 tokens, two weeks of milliseconds
WORD = NUMBER + INSTANT
LATE_SECONDS = 1.0


def tick(number: int, sent_at: float) -> str:
    """A token: a word, and the space before it."""
    return " " + _word(number, NUMBER) + _word(int(sent_at * 1000) % len(LETTERS) ** INSTANT, INSTANT)


def read(word: str) -> tuple[int, float]:
    """The number, and when it was sent. Raises ValueError for anything else."""
    if len(word) != WORD:
        raise ValueError(word)
    return _value(word[:NUMBER]), _value(word[NUMBER:]) / 1000


def _word(value: int, length: int) -> str:
    letters = []
    for _ in range(length):
        value, digit = divmod(value, len(LETTERS))
        letters.append(LETTERS[digit])
    return "".join(reversed(letters))


def _value(word: str) -> int:
    value = 0
    for letter in word:
        value = value * len(LETTERS) + LETTERS.index(letter)
    return value


@dataclass(slots=True)
class Judge:
    """Of one stream. `worst_seconds` is the longest that a token took from the sender to its reader."""

    seen: int = 0
    lost: int = 0
    reordered: int = 0
    late: int = 0
    broken: int = 0
    worst_seconds: float = 0.0
    _next: int = 0
    _rest: str = ""

    def take(self, text: str, at: float | None = None) -> None:
        """Some more of the answer, cut anywhere."""
        now = time.monotonic() if at is None else at
        *words, self._rest = (self._rest + text).split(" ")
        if len(self._rest) == WORD:  # whole, though nothing is behind it yet
            words, self._rest = [*words, self._rest], ""
        for word in filter(None, words):
            try:
                number, sent_at = read(word)
            except ValueError:
                self.broken += 1
                continue
            self.seen += 1
            if number < self._next:  # behind one that was sent later, or once more
                self.reordered += 1
                self.lost -= 1
            else:
                self.lost += number - self._next
                self._next = number + 1
            waited = math.remainder(now - sent_at, len(LETTERS) ** INSTANT / 1000)
            self.worst_seconds = max(self.worst_seconds, waited)
            self.late += waited > LATE_SECONDS

    def end(self, sent: int) -> None:
        """The stream is over, and its sender says how many tokens he sent."""
        self.broken += bool(self._rest)
        self.lost += sent - self._next
