"""
Joins neighbouring spans of a text that has very many of them.

A finding costs several microseconds, and hostile text can have one in every two characters: a megabyte of
`</` would cost ten seconds. Nobody reads so many findings. So behind the first FREE spans of a text,
neighbours become one, with the few characters between them as part of what takes their place. Whether spans
are joined depends on the text alone, not on how it is cut.
"""

from collections.abc import Iterable

from sanitization.spans import Span

FREE = 256  # findings of a text that are reported one by one
GAP = 8  # characters that may stand between neighbours
LONGEST = 4096  # characters of a joined span, so that little is held back


class Joiner:
    """Takes the spans of one text, in order, and gives them back, joined. All are certain (score 1) and none
    overlap. `mixes`: spans of different rules are joined too, under the rule of the first, which makes no
    difference where the same is done about all of them.
    """

    def __init__(self, *, mixes: bool = False) -> None:
        self._mixes = mixes
        self._given = 0
        self._start = self._end = 0  # of the span that is still open; equal where none is
        self._rule = ""
        self._parts: list[str] = []  # what takes its place
        self._between: list[str] = []  # what has been kept behind it
        self._gap = 0

    def add(self, start: int, end: int, rule: str, replacement: str = "") -> list[Span]:
        """The spans that are complete, now that this one has come."""
        if self._start == self._end:
            done = []
        elif (rule == self._rule or self._mixes) and end - self._start <= LONGEST:
            self._parts += (*self._between, replacement)
            self._between, self._gap = [], 0
            self._end = end
            return []
        else:
            done = self.close()
        if self._given < FREE:
            self._given += 1
            return [*done, Span(start, end, rule, 1.0, replacement=replacement)]
        self._start, self._end, self._rule, self._parts = start, end, rule, [replacement]
        return done

    def keep(self, text: str) -> list[Span]:
        """Text that stays came next: the spans that are complete because of it."""
        if self._start == self._end or not text:
            return []
        self._gap += len(text)
        if self._gap > GAP:
            return self.close()
        self._between.append(text)
        return []

    def take(
        self, units: Iterable[tuple[int, int, str, str]], text: str, start: int, end: int, *, base: int
    ) -> list[Span]:
        """`add` for many spans (start, end, rule, replacement) of a text whose first character stands at
        `base`, and `keep` for what is between them from `start` to `end`, which is several times faster.
        """
        spans: list[Span] = []
        done, mixes = start, self._mixes
        begun, rule_of, parts, between, gap = self._start, self._rule, self._parts, self._between, self._gap
        is_open = begun != self._end
        for first, stop, rule, replacement in units:
            if (
                is_open
                and gap + first - done <= GAP
                and stop - begun <= LONGEST
                and (rule == rule_of or mixes)
            ):
                if gap:
                    parts += between
                    between.clear()
                    gap = self._gap = 0
                if first > done:
                    parts.append(text[done - base : first - base])
                if replacement:
                    parts.append(replacement)
                self._end = done = stop
                continue
            spans += self.keep(text[done - base : first - base])
            spans += self.add(first, stop, rule, replacement)
            begun, rule_of, parts, between, gap = (
                self._start,
                self._rule,
                self._parts,
                self._between,
                self._gap,
            )
            is_open, done = begun != self._end, stop
        return spans + self.keep(text[done - base : end - base])

    def close(self) -> list[Span]:
        """Nothing joins the open span any more."""
        if self._start == self._end:
            return []
        done = Span(self._start, self._end, self._rule, 1.0, replacement="".join(self._parts))
        self._start = self._end
        self._parts, self._between, self._gap = [], [], 0
        return [done]

    def settled(self, position: int) -> int:
        """Up to where all spans have been given, if all that start before `position` have been added."""
        return position if self._start == self._end else min(self._start, position)
