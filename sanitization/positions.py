"""Where things went when a text was rewritten, and where they came from."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


class Edits:
    """The rewritten stretches of one text, in order; everything between them was copied.

    A position inside a rewritten stretch maps to the whole of it: starts to its start, ends to its end.
    """

    def __init__(self) -> None:
        self._in_starts: list[int] = []
        self._in_ends: list[int] = []
        self._out_starts: list[int] = []
        self._out_ends: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._in_starts)

    def add(self, start: int, end: int, out_start: int, out_end: int) -> None:
        self.extend((start, end, out_start, out_end))

    def extend(self, moves: Sequence[int]) -> None:
        """`add` for many: four numbers for each."""
        self._in_starts += moves[0::4]
        self._in_ends += moves[1::4]
        self._out_starts += moves[2::4]
        self._out_ends += moves[3::4]

    def touches(self, start: int, end: int) -> bool:
        """Whether something of this stretch of the text as it was has been rewritten."""
        before = bisect_left(self._in_starts, end) - 1
        return before >= 0 and self._in_ends[before] > start

    def forward(self, start: int, end: int) -> tuple[int, int]:
        """From the text as it was to the text as it is."""
        if not self._in_starts:
            return start, end
        return _mapped(start, end, (self._in_starts, self._in_ends), (self._out_starts, self._out_ends))

    def back(self, start: int, end: int) -> tuple[int, int]:
        """From the text as it is to the text as it was."""
        if not self._in_starts:
            return start, end
        return _mapped(start, end, (self._out_starts, self._out_ends), (self._in_starts, self._in_ends))


class Trace:
    """Of a text that is rewritten from its beginning on: what became of each of its stretches."""

    def __init__(self) -> None:
        self._edits = Edits()
        self._done = self._written = 0

    def note(self, size: int, new: str | None) -> None:
        """The next characters stay as they are (None), or this is in their place."""
        if new is not None and size:
            out = self._written
            self._edits.add(self._done, self._done + size, out, out + len(new))
        self._done += size
        self._written += size if new is None else len(new)

    def has_left(self, end: int) -> bool:
        return end <= self._done

    def unchanged(self, start: int, end: int) -> tuple[int, int] | None:
        """Where this stretch, which has left, stands now; None where something of it was rewritten."""
        return None if self._edits.touches(start, end) else self._edits.forward(start, end)


def _mapped(
    start: int, end: int, here: tuple[list[int], list[int]], there: tuple[list[int], list[int]]
) -> tuple[int, int]:
    before = bisect_right(here[0], start) - 1
    if before < 0:
        new_start = start
    elif start < here[1][before]:
        new_start = there[0][before]
    else:
        new_start = start - here[1][before] + there[1][before]
    before = bisect_left(here[0], end) - 1
    if before < 0:
        new_end = end
    elif end <= here[1][before]:
        new_end = there[1][before]
    else:
        new_end = end - here[1][before] + there[1][before]
    return new_start, max(new_start, new_end)
