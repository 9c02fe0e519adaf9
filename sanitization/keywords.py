"""
Which detectors can find anything in a text at all: those with a keyword in it.

One Aho-Corasick automaton looks for the keywords of all detectors at once. Most of them begin with their
keyword, behind a character or two of context: such a detector is *led*. Where its keyword is not in the text,
all that a match could have begun with is the end of the text, if that is the beginning of a keyword.

Of those without a keyword most find nothing in plain words: each of their matches holds a *mark*, a digit
above all.
"""

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import ahocorasick_rs

from sanitization.partial import Node, parsed

# A led detector has at most so many characters in front of its keyword. They are held back in every text.
MAX_LEAD = 2
# Keywords that are shorter are everywhere; to look for one costs less than to hear about all of them.
MIN_LENGTH = 3
_MAX_STEPS = 20_000
_ANY = "\0"
# So many letters of a word that tells may be the beginning of a longer one: a `pan` is no panel.
LEAST_STEM = 5
# What plain words do not hold. One search for it says more about most texts than all the patterns would.
MARK = re.compile(r"[0-9@:/_~+=#]")
# Where a word begins in the middle of a name: userPassport, taxNumber.
HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def telling(words: Iterable[str]) -> str:
    """For `re`: any of these lower-case words where it tells, at the beginning of a word; a short one only
    where it is all of it. The text is in lower case, as it is or with a blank at each HUMP.
    """
    stems = (re.escape(word) + ("" if len(word) >= LEAST_STEM else "(?![a-z])") for word in words)
    return rf"(?<![a-z])(?:{'|'.join(stems)})"


def _is_hump(text: str, lowered: str, at: int) -> bool:
    """Whether HUMP matches here, between two letters; `lowered` is the text in lower case."""
    return "A" <= text[at] <= "Z" and text[at - 1] == lowered[at - 1]


class Keywords:
    """The keywords of some detectors, lower case, and which detector each belongs to. Those of `tellers` only
    count where they may tell.
    """

    def __init__(self, owned: Sequence[tuple[str, int]], tellers: Container[int] = ()) -> None:
        # Each keyword once, whoever owns it; twice where it has to tell for some of its owners only.
        owners: dict[tuple[str, bool], list[int]] = defaultdict(list)
        for word, owner in owned:
            owners[word, owner in tellers].append(owner)
        words = [word for word, _ in owners]
        self._owners = list(owners.values())
        self._telling = [telling for _, telling in owners]
        self._stems = [len(word) >= LEAST_STEM for word in words]
        self._automaton = ahocorasick_rs.AhoCorasick(
            words,
            matchkind=ahocorasick_rs.MatchKind.Standard,
            # A DFA is no faster and takes 10 MB, which push all else out of the processor's caches: whole
            # requests took a tenth more.
            implementation=ahocorasick_rs.Implementation.ContiguousNFA,
        )
        self._beginnings = frozenset(word[:size] for word in words for size in range(1, len(word)))
        sizes: dict[str, set[int]] = defaultdict(set)  # how long the beginnings with this end are
        for beginning in self._beginnings:
            sizes[beginning[-2:]].add(len(beginning))
        self._sizes = {end: sorted(found, reverse=True) for end, found in sizes.items()}
        self.longest = max(map(len, words), default=1) - 1  # of what can be there of an unfinished one

    def places(self, lowered: str, start: int = 0, *, text: str = "", every: bool = False) -> dict[int, int]:
        """The detectors whose keywords occur in this lower-case text, and where the last of them begins, as
        far as that is at `start` or behind it. `text` is the same in its own case, which shows the words of
        names. At the ends of what is known a word may tell; with `every`, it may anywhere.
        """
        places: dict[int, int] = {}
        if not self._owners:
            return places
        owners, telling, stems, text = self._owners, self._telling, self._stems, text or lowered
        found = self._automaton.find_matches_as_indexes(
            lowered[start:] if start else lowered, overlapping=True
        )
        for number, begin, end in found:
            at, to = begin + start, end + start
            if telling[number] and not every:
                if at and "a" <= lowered[at - 1] <= "z" and not _is_hump(text, lowered, at):
                    continue
                if (
                    not stems[number]
                    and "a" <= lowered[to : to + 1] <= "z"
                    and not _is_hump(text, lowered, to)
                ):
                    continue
            for owner in owners[number]:
                places[owner] = at
        return places

    def unfinished(self, lowered: str) -> int:
        """How many characters at the end of this text could be the beginning of a keyword."""
        for size in self._sizes.get(lowered[-2:], ()):
            if size <= len(lowered) and lowered[-size:] in self._beginnings:
                return size
        return 1 if lowered[-1:] in self._beginnings else 0


@lru_cache(maxsize=4096)
def lead(pattern: str, keywords: tuple[str, ...]) -> int | None:
    """The most characters that a match of this pattern has in front of its first keyword; None where that may
    be more than MAX_LEAD, or cannot be told. `(?i)` makes no difference: keywords are lower case.
    """
    try:
        return _Walk(keywords).most(list(parsed(pattern)))
    except (_TooMuch, RecursionError):
        return None


class _TooMuch(Exception):
    """The pattern has too many beginnings, or one without a keyword."""


Rest = tuple[Node, "Rest"] | None


class _Walk:
    """Goes along every way in which a match can begin, until a keyword is complete."""

    def __init__(self, keywords: Sequence[str]) -> None:
        self._keywords = keywords
        self._longest = max(map(len, keywords))
        self._steps = 0
        self._most = 0

    def most(self, nodes: Sequence[Node]) -> int:
        self._go("", _chained(nodes, None))
        return self._most

    def _go(self, read: str, rest: Rest) -> None:
        """`read` is what was matched so far; _ANY stands for a character that is not certain."""
        self._steps += 1
        if ends := [len(read) - len(word) for word in self._keywords if read.endswith(word)]:
            self._most = max(self._most, min(ends))
            if self._most > MAX_LEAD:
                raise _TooMuch
            return
        if rest is None or self._steps > _MAX_STEPS or len(read) >= MAX_LEAD + self._longest:
            raise _TooMuch
        node, after = rest
        for first, following in _ways(node, after):
            self._go(read + first, following)


def _chained(nodes: Sequence[Node], after: Rest) -> Rest:
    for node in reversed(nodes):
        after = (node, after)
    return after


def _ways(node: Node, after: Rest) -> Iterator[tuple[str, Rest]]:
    """What the next character can be, and what follows it."""
    kind, value = str(node[0]), node[1]
    if kind == "LITERAL":
        yield chr(value).lower(), after
    elif kind in ("NOT_LITERAL", "ANY"):
        yield _ANY, after
    elif kind == "IN":
        single = len(value) <= 8 and all(str(item[0]) == "LITERAL" for item in value)
        for char in {chr(item[1]).lower() for item in value} if single else {_ANY}:
            yield char, after
    elif kind == "AT":
        yield "", after
    elif kind == "BRANCH":
        for branch in value[1]:
            yield "", _chained(list(branch), after)
    elif kind == "SUBPATTERN":
        yield "", _chained(list(value[3]), after)
    elif kind in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, inner = value
        if least:
            again: Node = (node[0], (least - 1, most - 1 if _finite(most) else most, inner))
            yield "", _chained(list(inner), (again, after) if most > 1 else after)
        else:
            yield "", after
            if most:
                once: Node = (node[0], (1, most, inner))
                yield "", (once, after)
    else:
        raise _TooMuch


def _finite(most: Any) -> bool:
    return int(most) < 1 << 20  # Python writes "no limit" as its largest count


def needs_mark(pattern: str) -> bool:
    """Whether there is a MARK in whatever this pattern matches."""
    return any(map(_holds_mark, parsed(pattern)))


def _holds_mark(node: Node) -> bool:
    kind, value = str(node[0]), node[1]
    if kind == "LITERAL":
        return MARK.match(chr(value)) is not None
    if kind == "IN":
        return all(map(_is_mark, value))
    if kind == "BRANCH":
        return all(any(map(_holds_mark, branch)) for branch in value[1])
    if kind == "SUBPATTERN":
        return any(map(_holds_mark, value[3]))
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        return value[0] > 0 and any(map(_holds_mark, value[2]))
    return False


def _is_mark(item: Node) -> bool:
    """Whether an item of a character class stands for nothing but marks."""
    kind, value = str(item[0]), item[1]
    if kind == "LITERAL":
        return MARK.match(chr(value)) is not None
    if kind == "RANGE":
        return all(MARK.match(chr(code)) for code in range(value[0], min(value[1], value[0] + 64) + 1))
    return kind == "CATEGORY" and str(value) == "CATEGORY_DIGIT"
