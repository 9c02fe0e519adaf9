"""
The door to RE2: patterns that match in linear time, with room for their automata, silent about hostile input.
"""

from collections.abc import Sequence
from typing import Any

import re2

_UNANCHORED = re2._re2.RE2.Anchor.UNANCHORED
_NOWHERE = (-1, -1)

Spans = list[tuple[int, int]]


def compile_pattern(pattern: str) -> Any:
    """An RE2 pattern; `re2` has no types. Raises re2.error."""
    return re2.compile(pattern, _options())


def _options() -> Any:
    options = re2.Options()
    options.max_mem = 64 << 20
    options.log_errors = False
    return options


class Searcher:
    """Finds the first match of a pattern, and does that often.

    The package's own `search` spends several times what RE2 does on making a match object, which counts when
    dozens of patterns look at every few characters. ASCII text, where bytes and characters are the same, goes
    to RE2 directly; a test holds the two ways against each other.
    """

    def __init__(self, pattern: str) -> None:
        self._regex = compile_pattern(pattern)
        self._match = self._regex._regexp.Match
        self.groups: dict[str, int] = dict(self._regex.groupindex)

    def spans(self, text: str, start: int = 0) -> Spans | None:
        """Where the first match from `start` on lies, then where its groups do, (-1, -1) for one that was not
        taken; None where nothing matches.
        """
        if text.isascii():
            data = text.encode()
            spans: Spans = self._match(_UNANCHORED, data, start, len(data))
            return None if spans[0] == _NOWHERE else spans
        found = self._regex.search(text, start)
        return None if found is None else [found.span(group) for group in range(found.re.groups + 1)]

    def over(self, text: str) -> "Cursor":
        """For many searches of one text, each from further on."""
        return Cursor(self._match, text)

    def start(self, text: str, start: int = 0) -> int:
        """Where the first match from `start` on begins; -1 where there is none."""
        spans = self.spans(text, start)
        return -1 if spans is None else spans[0][0]


class Cursor:
    """Searches one text from places that never go back, so what it costs to make it ready, and to tell bytes
    from characters, is paid once for the text and not for every search.
    """

    def __init__(self, match: Any, text: str) -> None:
        self._match = match
        self._text = text
        self._ascii = text.isascii()
        self._data = text.encode()
        self._size = len(self._data)
        self._char = self._byte = 0  # the same place, counted in both

    def spans(self, start: int) -> Spans | None:
        """As `Searcher.spans`."""
        if self._ascii:
            spans: Spans = self._match(_UNANCHORED, self._data, start, self._size)
            return None if spans[0] == _NOWHERE else spans
        self._byte += len(self._text[self._char : start].encode())
        self._char = start
        found: Spans = self._match(_UNANCHORED, self._data, self._byte, self._size)
        if found[0] == _NOWHERE:
            return None
        return [span if span == _NOWHERE else self._chars(*span) for span in found]

    def _chars(self, begin: int, end: int) -> tuple[int, int]:
        first = self._char + len(self._data[self._byte : begin].decode())
        return first, first + len(self._data[begin:end].decode())


class Among:
    """Tells in one pass which of some patterns match a text anywhere."""

    def __init__(self, owned: Sequence[tuple[int, str | None]]) -> None:
        """Each pattern with its owner; None is an owner that may always match."""
        self._certain = {owner for owner, pattern in owned if pattern is None}
        self._owners = [owner for owner, pattern in owned if pattern is not None]
        self._set = re2.Set.SearchSet(_options())
        for _, pattern in owned:
            if pattern is not None:
                self._set.Add(pattern)
        self._set.Compile()

    def owners(self, text: str) -> set[int]:
        if not self._owners:
            return set(self._certain)
        found = self._set.Match(text) or ()
        return self._certain.union(self._owners[number] for number in found)
