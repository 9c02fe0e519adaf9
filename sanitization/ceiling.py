"""
A hard limit on the work that one text may cause. Everything in the chain is linear, so this is for what
should not happen: a filter of somebody else's, a bug, a library that backtracks after all.
"""

import time


class CeilingReached(Exception):
    """The text has cost more than any text should."""


# Work that took so little is counted by the clock: to ask for the thread's own time costs as much again.
SHORT = 100e-6


class Ceiling:
    """Processor seconds of this thread: `seconds` for any text, `seconds_per_kilochar` for its length, and
    `seconds_per_piece` for each piece that it comes in: to take one costs as much as to read a kilobyte.

    They are counted while the chain works, not while it waits for more text, and compared between hooks: a
    call into C cannot be interrupted. The defaults are twenty to fifty times what a text usually costs.
    """

    def __init__(
        self, *, seconds: float = 2.0, seconds_per_kilochar: float = 0.02, seconds_per_piece: float = 0.002
    ) -> None:
        self._allowed = seconds
        self._per_char = seconds_per_kilochar / 1000
        self._per_piece = seconds_per_piece
        self._spent = 0.0
        self._since = self._clock = 0.0

    def begin(self, chars: int) -> None:
        """Work on a piece of so many characters begins, in this thread."""
        self._allowed += self._per_piece + chars * self._per_char
        self._since = time.thread_time()
        self._clock = time.perf_counter()

    def check(self) -> None:
        """Raises CeilingReached."""
        # No thread works longer than the clock goes on, and the clock is cheap to ask.
        if self._spent + time.perf_counter() - self._clock <= self._allowed:
            return
        if self._spent + time.thread_time() - self._since > self._allowed:
            raise CeilingReached

    def end(self) -> None:
        took = time.perf_counter() - self._clock
        self._spent += took if took < SHORT else time.thread_time() - self._since
