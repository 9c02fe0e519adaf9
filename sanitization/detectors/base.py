"""
What a detector is. It knows one rule; it does not know policies, streams or what becomes of a finding.

Scanning is greedy and has no state but a position, which is what streaming rests on: look for a match from
here; an accepted one is a finding and the search goes on behind it; a rejected one is nothing, and the
search goes on one character further.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import ClassVar

from sanitization.keywords import HUMP, telling
from sanitization.matching import Cursor, Searcher, Spans, compile_pattern
from sanitization.normalize import fold
from sanitization.partial import beginnings, is_led_by_one, width
from sanitization.rules import Category, Rule
from sanitization.spans import Action

__all__ = ["Detector", "PatternDetector", "compile_pattern"]

# What stands so far in front of a finding can be evidence for it. A text keeps that much of itself, and one
# character more.
LOOKBACK = 64

# `accept` looks at a candidate, and a rejected one is searched again from its second character. A bound on
# candidates keeps that linear.
MAX_CANDIDATE = 512
# Every search costs what it is given, match or not, so such a search is given a window at a time.
WINDOW = 8 * MAX_CANDIDATE


_NAMED = re.compile(r"\(\?P<\w+>")

# Matches of a window that are rejected one by one before the detector is asked about all that are left.
PATIENCE = 32

Find = Callable[[int, int], tuple[int, int] | None]


class Detector:
    """The first sentence of a detector's docstring describes its rule in the catalogue.

    `keywords`, lower case: no match without one of them in the text; empty when there is none to name.
    `needs` is an RE2 pattern for the same purpose where words do not do: no match without one of its own.
    `parts` are the lengths of the groups of a number that is written in groups: what nobody sees may part
    them.
    `form_of` is the detector that has the rule, where this one only knows other ways to write the same.
    """

    rule: ClassVar[str]
    form_of: ClassVar["type[Detector] | None"] = None
    category: ClassVar[Category] = Category.PII
    default: ClassVar[Action] = Action.MASK
    aliases: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1
    score: ClassVar[float] = 0.9
    keywords: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[str] = ""
    parts: ClassVar[tuple[int, ...]] = ()
    alone: ClassVar[float] = 0.0  # the best score without a word that tells, where there is one

    @classmethod
    def as_rule(cls) -> Rule:
        """What the catalogue says about it."""
        summary = " ".join((cls.__doc__ or "").split("\n\n")[0].split())
        first = re.match(r".*?[.](?= [A-Z]|$)", summary)
        return Rule(
            id=cls.rule,
            category=cls.category,
            summary=first[0] if first else summary,
            prompt=cls.default,
            answer=cls.default,
            aliases=cls.aliases,
            version=cls.version,
        )

    def find(self, text: str, start: int, limit: int) -> tuple[int, int] | None:
        """The first finding whose match begins in [start, limit)."""
        raise NotImplementedError

    def reader(self, text: str) -> "Reader":
        """`find` for one text, from places that never go back: for what is worth doing once for all of it."""
        return Reader(partial(self.find, text))

    @cached_property
    def rates(self) -> bool:
        """Whether not all of its findings have the same score."""
        return type(self).rate is not Detector.rate or bool(self.parts)

    def rate(self, text: str, begin: int) -> float:
        """The score of a finding that begins here. May look at LOOKBACK characters in front of it."""
        return self.score

    def hold(self, text: str, start: int) -> int:
        """The leftmost place from `start` on where more text could still make or change a match."""
        raise NotImplementedError


class Reader:
    """What a detector finds in one text, from places that never go back."""

    def __init__(self, find: Find) -> None:
        self.find = find

    def each(self, start: int, limit: int) -> Iterator[tuple[int, int]]:
        """Every finding whose match begins in [start, limit), each sought behind the one before."""
        while found := self.find(start, limit):
            yield found
            start = found[1]


class PatternDetector(Detector):
    """One RE2 pattern, in the subset that `partial` reads. A named group is what is found, the rest its
    context; without one, the whole match is.

    `reach`: once so many characters of a text are known from where a match begins, it is decided. None where
    that can take any number; a detector whose pattern has no end may know better.
    """

    pattern: ClassVar[str]
    reach: int | None = None

    def __init__(self) -> None:
        longest = width(self.pattern)
        own = type(self)
        self.judged = any(
            getattr(own, name) is not getattr(PatternDetector, name) for name in ("accept", "judge", "extent")
        )
        self.narrows = own.narrowed is not PatternDetector.narrowed
        if self.judged and (longest is None or longest > MAX_CANDIDATE):
            raise TypeError(f"{self.rule}: a pattern whose matches are judged needs an end")
        if longest is not None:
            self.reach = longest + 1
        # Of a match behind one character of context, no group has to tell where it is: that costs several
        # times the search.
        lead = int(is_led_by_one(self.pattern))
        self._searcher = Searcher(_NAMED.sub("(?:", self.pattern) if lead else self.pattern)
        self._groups = self._searcher.groups or {"": 0}
        # The only group that tells where a value is, its number, and what of it is context.
        self.single = (*next(iter(self._groups.items())), lead) if len(self._groups) == 1 else None

    @cached_property
    def _beginnings(self) -> Searcher:
        return Searcher(rf"(?:{beginnings(self.pattern)})\z")

    def accept(self, candidate: str) -> int:
        """How many leading characters of the candidate are a finding; 0 for none."""
        return len(candidate)

    def judge(self, group: str, candidate: str) -> int:
        """`accept` for patterns with several named groups: which one it was is evidence too."""
        return self.accept(candidate)

    def extent(self, group: str, candidate: str) -> tuple[int, int]:
        """Where in a candidate the finding begins and ends; an end of 0 for none. For patterns that take
        context with them: named groups, which would tell it, cost several times the search.
        """
        return 0, self.judge(group, candidate)

    def narrowed(self, text: str, begin: int, end: int) -> tuple[int, int] | None:
        """Which part of what was accepted is the finding; None if it is none after all."""
        return begin, end

    def reader(self, text: str) -> Reader:
        own = type(self).find is not PatternDetector.find
        return super().reader(text) if own else _Reader(self, text)

    def find(self, text: str, start: int, limit: int) -> tuple[int, int] | None:
        return next(_Reader(self, text).each(start, limit), None)

    def places(self, window: str) -> Sequence[int] | None:
        """All places in a window, sorted, where a match may begin that is accepted; None where nothing but
        judging tells. Asked where many in a row were rejected, and worth it where it judges all at once.
        """
        return None

    def over(self, text: str) -> Cursor:
        """For many searches of one text, each from further on."""
        return self._searcher.over(text)

    def place(self, spans: Spans) -> tuple[str, int, int]:
        """The group that tells where the value of a match is, and where; for patterns that have several."""
        # Groups are alternatives; others lie at -1.
        (begin, end), group = max((spans[number], name) for name, number in self._groups.items())
        return group, begin, end

    def hold(self, text: str, start: int) -> int:
        if self.reach is not None:
            start = max(start, len(text) - self.reach)
        found = self._beginnings.start(text, start)
        return len(text) if found < 0 else found


class _Reader(Reader):
    """What a `PatternDetector` finds in one text.

    Without judging there is no bound on matches, so each search is given all of the text. Else it is given a
    window, and what begins in it before `_sure` ends in it too.
    """

    def __init__(self, detector: "PatternDetector", text: str) -> None:
        self._detector = detector
        self._text = text
        self._base = self._sure = 0
        self._window = ""
        self._cursor: Cursor | None = None
        # Group and candidate to what the detector said.
        self._known: dict[tuple[str, str], tuple[int, int]] = {}
        self._patience = PATIENCE
        self._places: Sequence[int] | None = None  # of the window, where the detector may accept something

    def _over(self, start: int) -> Cursor:
        """The cursor of a window in which a search can begin here."""
        size = len(self._text)
        if self._detector.judged:
            # One character more, for what a pattern asks about its left side.
            self._base = max(0, start - 1)
            size = WINDOW
        self._window = self._text[self._base : self._base + size]
        stop = self._base + len(self._window)
        self._sure = stop if stop == len(self._text) else stop - MAX_CANDIDATE - 1
        self._cursor = self._detector.over(self._window)
        self._known.clear()
        self._patience, self._places = PATIENCE, None
        return self._cursor

    def each(self, start: int, limit: int) -> Iterator[tuple[int, int]]:
        detector, cursor, known, text = self._detector, self._cursor, self._known, self._text
        judged, narrows, single = detector.judged, detector.narrows, detector.single
        base, window, sure = self._base, self._window, min(self._sure, limit)
        while start < limit:
            if cursor is None or start >= self._sure:
                cursor = self._over(start)
                base, window, sure = self._base, self._window, min(self._sure, limit)
            spans = cursor.spans(start - base)
            if spans is None or base + spans[0][0] >= sure:
                start = sure
                continue
            if single is None:
                group, begin, end = detector.place(spans)
            else:
                group, number, lead = single
                begin, end = spans[number]
                begin += lead
            if judged:
                key = group, window[begin:end]
                if (extent := known.get(key)) is None:
                    # Once for each candidate: hostile texts repeat the same one in every few characters.
                    extent = known[key] = detector.extent(group, key[1])
                if not extent[1]:
                    start = self._behind(base + spans[0][0])
                    continue
                end = begin + extent[1]
                begin += extent[0]
            begin += base
            start = base + end
            if not narrows:
                yield begin, start
            elif (found := detector.narrowed(text, begin, start)) is not None:
                start = found[1]
                yield found

    def _behind(self, rejected: int) -> int:
        """Where to go on behind a match that began here and was rejected."""
        self._patience -= 1
        if self._patience > 0:
            return rejected + 1
        if self._places is None:
            self._places = self._detector.places(self._window)
        if self._places is None:
            return rejected + 1
        at = bisect_right(self._places, rejected - self._base)
        return min(self._base + self._places[at], self._sure) if at < len(self._places) else self._sure


_JOINTS = (" ", "-", "_", "")
# A placeholder says what was there, not what stands behind it; its beginning may lie before LOOKBACK.
_MASKED = re.compile(r"(?:\[[a-z][a-z0-9_]{0,60}|\A[a-z0-9_]{0,60})(?:_[0-9]{1,9}|#[a-z0-9]{12})\]")


class ContextualDetector(PatternDetector):
    """Numbers that only the words in front of them tell from any other: `context`, lower case, as they begin.

    Without one of them the number still is a finding, but a weak one, below the threshold of a policy that
    does not ask for more.
    """

    context: ClassVar[tuple[str, ...]] = ()
    score = 0.85
    weak: ClassVar[float] = 0.3

    def __init_subclass__(cls) -> None:
        # As they read: a Cyrillic word folds to other letters when it is in capitals. And as names have them:
        # social_security, socialSecurity.
        joined = [re.sub("[ -]", joint, word) for word in cls.context for joint in _JOINTS] + [*cls.context]
        both = [fold(form)[0].lower() for word in joined for form in (word, word.upper())]
        cls.keywords = tuple(dict.fromkeys(both))

    @property
    def best_alone(self) -> float:
        return max(self.weak, self.alone)

    @cached_property
    def _telling(self) -> re.Pattern[str]:
        return re.compile(telling(self.keywords) if self.keywords else r"(?!)")

    def rate(self, text: str, begin: int) -> float:
        # One character more, for what a word asks about its left side.
        before = text[max(0, begin - LOOKBACK - 1) : begin]
        told = any(self._telling.search(_MASKED.sub(" ", form.lower()), 1) for form in _forms(before))
        return self.score if told else self.weak


def _forms(before: str) -> Iterator[str]:
    """What stands before a number as it is, and with the words of its names apart."""
    yield before
    if HUMP.search(before):
        yield HUMP.sub(" ", before)
