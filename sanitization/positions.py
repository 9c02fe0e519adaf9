"""Where things went when a text was rewritten, and where they came from."""

from bisect import bisect_left, bisect_right


class Edits:
    """The rewritten stretches of one text, in order; everything between them was copied.

    A position inside a rewritten stretch maps to the whole of it: starts to its start, ends to its end.
    """

    def __init__(self) -> None:
        self._in_starts: list[int] = []
        self._in_ends: list[int] = []
        self._out_starts: list[int] = []
        self._out_ends: list[int] = []

    def add(self, start: int, end: int, *, out_start: int, out_end: int) -> None:
        self._in_starts.append(start)
        self._in_ends.append(end)
        self._out_starts.append(out_start)
        self._out_ends.append(out_end)

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
