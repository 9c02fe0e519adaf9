"""
Runs detectors over a text that arrives in pieces, and finds what they would find in the whole of it.

Why that is exact: let h be the leftmost place from which more text could still make or change a match of any
detector (`partial`). Whatever starts before h is decided. Each detector has searched everything before h, its
only state is a position, and the one character before h is kept for what a pattern asks about its left side.
So nothing is ever searched that the whole text would not show in the same way.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from sanitization.detectors import ALL
from sanitization.detectors.base import LOOKBACK, ContextualDetector, Detector, PatternDetector
from sanitization.filters import Backlog, Stage
from sanitization.keywords import MIN_LENGTH, Keywords, lead
from sanitization.matching import Among, Searcher
from sanitization.normalize import Normalized
from sanitization.partial import beginnings
from sanitization.policies import Policy
from sanitization.spans import Action, Direction, Span

__all__ = ["DetectorScan", "PatternDetector", "PatternFilter"]


# A tail that is no longer is looked through for keywords again: that forgets those that are gone.
LOOKED_AGAIN = 4 * LOOKBACK
# Policies whose plans are kept. More than an installation has at a time.
MAX_PLANS = 256


class Plan:
    """How some detectors are searched for together. The same for every text, so it is made once."""

    def __init__(self, detectors: Sequence[Detector], *, eager: frozenset[str] = frozenset()) -> None:
        """`eager` are the contextual ones whose weak findings are wanted too."""
        self.detectors = tuple(detectors)
        self.told: set[int] = set()  # those that need a word in front, which is in the text already or not
        self.led: set[int] = set()  # those whose keyword stands at the beginning of every match
        self.need: dict[int, Searcher] = {}  # those with a pattern for the same purpose
        self.own_hold: list[Detector] = []
        self.lead = 0
        owned: list[tuple[str, int]] = []
        apart: list[str] = []
        for number, one in enumerate(self.detectors):
            told = isinstance(one, ContextualDetector) and one.rule not in eager
            weak = isinstance(one, ContextualDetector) and not told
            long = not weak and one.keywords and min(map(len, one.keywords)) >= MIN_LENGTH
            if long or told:
                owned += [(word, number) for word in one.keywords]
            if one.needs and (long or told):
                self.need[number] = _compiled(one.needs)
            if told:
                self.told.add(number)
            elif not isinstance(one, PatternDetector):
                self.own_hold.append(one)
            elif long and (first := lead(one.pattern, one.keywords)) is not None:
                self.led.add(number)
                self.lead = max(self.lead, first)
            else:
                apart.append(one.pattern)
        self.keywords = Keywords(owned)
        listed = {number for _, number in owned}
        self.always = [number for number in range(len(self.detectors)) if number not in listed]
        self.among = Among([(number, _pattern(self.detectors[number])) for number in self.always])
        self.apart = _any_beginning(tuple(apart)) if apart else None

    def may_match(self, text: str, named: set[int]) -> set[int]:
        """The detectors that could find something in this text, or in it and what follows it; `named` have a
        keyword in it.
        """
        return named | self.among.owners(text)

    def matching(self, text: str, possible: Iterable[int]) -> list[int]:
        """Those of them that could find something in this text as it is: what they need is there too.

        Not for `undecided`: what a match needs may be the part of it that is still to come.
        """
        needs: dict[int, bool] = {}
        found = []
        for number in sorted(possible):
            pattern = self.need.get(number)
            if pattern is not None and id(pattern) not in needs:
                needs[id(pattern)] = pattern.spans(text) is not None
            if pattern is None or needs[id(pattern)]:
                found.append(number)
        return found

    def undecided(self, text: str, lowered: str, start: int, possible: Iterable[int]) -> int:
        """The leftmost place from `start` on where more text could still make or change a match."""
        limit = (
            max(start, len(text) - self.lead - self.keywords.unfinished(lowered)) if self.led else len(text)
        )
        if self.apart and 0 <= (found := self.apart.start(text, start)) < limit:
            limit = found
        for number in (self.led | self.told).intersection(possible):
            limit = min(limit, self.detectors[number].hold(text, start))
        for detector in self.own_hold:
            limit = min(limit, detector.hold(text, start))
        return limit


def _pattern(detector: Detector) -> str | None:
    return detector.pattern if isinstance(detector, PatternDetector) else None


@lru_cache(maxsize=64)
def plan(detectors: tuple[Detector, ...], eager: frozenset[str] = frozenset()) -> Plan:
    """The plan for these detectors; made once."""
    return Plan(detectors, eager=eager)


_MADE: dict[type[Detector], Detector] = {}


def _made(detector: type[Detector]) -> Detector:
    """The one instance of a detector. It has no state, and plans are kept by instances."""
    if detector not in _MADE:
        _MADE[detector] = detector()
    return _MADE[detector]


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Searcher:
    return Searcher(pattern)


@lru_cache(maxsize=64)
def _any_beginning(patterns: tuple[str, ...]) -> Searcher:
    return Searcher("(?:" + "|".join(map(beginnings, patterns)) + r")\z")


class DetectorScan:
    """One text's way through some detectors. `copy` is what they read it as."""

    def __init__(self, detectors: Plan | Sequence[Detector], copy: Normalized | None = None) -> None:
        self._copy = copy or Normalized()
        self._plan = detectors if isinstance(detectors, Plan) else plan(tuple(detectors))
        self._behind: dict[int, int] = {}  # detector to where it goes on, if that is behind `_decided`
        self._decided = 0  # index in the copy: everything before it has been searched
        self._looked = 0  # index in the copy: up to there `_owners` has the detectors with a keyword
        self._owners: set[int] = set()
        self._backlog = Backlog()
        self.settled = 0

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        spans: list[Span] = []
        self._backlog.add(piece)
        while block := self._backlog.take(len(self._copy.text), last=last):
            self._copy.append(block)
            if last and not self._backlog.waiting:
                break
            spans += self._read(last=False)
        if last:
            self._copy.append("", last=True)
            spans += self._read(last=True)
        return spans

    def _read(self, *, last: bool) -> list[Span]:
        """The findings in all that is decided; then lets go of the text before it."""
        copy, plan = self._copy, self._plan
        text, lowered = copy.text, copy.text.lower()
        possible = plan.may_match(text, self._named(text))
        limit = len(text) if last else plan.undecided(text, lowered, self._decided, possible)
        spans: list[Span] = []
        if limit > self._decided:
            for number in plan.matching(text, possible):
                spans += self._find(number, limit)
        self.settled = copy.place(limit)
        kept = max(0, limit - LOOKBACK)
        copy.drop(kept)
        self._decided = limit - kept
        self._looked = len(copy.text)
        if self._looked <= LOOKED_AGAIN:
            self._owners, self._looked = set(), 0
        self._behind = {number: at - kept for number, at in self._behind.items() if at > limit}
        return spans

    def _named(self, text: str) -> set[int]:
        """The detectors with a keyword in the text, and perhaps some that had one in what is gone. A long
        tail is read again and again while it is held: only what is new of it is looked through.
        """
        keywords = self._plan.keywords
        self._owners |= keywords.owners(text[max(0, self._looked - keywords.longest) :].lower())
        return self._owners

    def _find(self, number: int, limit: int) -> list[Span]:
        """What one detector finds that begins before `limit`."""
        copy, detector = self._copy, self._plan.detectors[number]
        spans: list[Span] = []
        start = max(self._decided, self._behind.get(number, 0))
        find = detector.finder(copy.text)
        while found := find(start, limit):
            begin, start = found
            score = detector.rate(copy.text, begin)
            if number in self._plan.told and score < detector.score:
                start = begin + 1  # nothing: where no such word is near, nobody has even looked
                continue
            spans.append(Span(copy.place(begin), copy.end(start - 1), detector.rule, score))
            self._behind[number] = start
        return spans


class PatternFilter:
    """Finds values in prompts and answers. An operator's own filter of this kind names its `detectors`."""

    detectors: Iterable[type[Detector]] = ALL
    stage = Stage.VALUES

    def __init__(self) -> None:
        self._instances = tuple(_made(detector) for detector in self.detectors)
        self.rules = frozenset(detector.rule for detector in self._instances)
        self._plans: dict[tuple[Direction, str], Plan] = {}
        self._plan_of("prompt", Policy())  # compiles before the first prompt, not during it

    def open_prompt(self, policy: Policy) -> DetectorScan | None:
        return self._open("prompt", policy)

    def open_answer(self, policy: Policy) -> DetectorScan | None:
        return self._open("answer", policy)

    def _open(self, direction: Direction, policy: Policy) -> DetectorScan | None:
        wanted = self._plan_of(direction, policy)
        return DetectorScan(wanted) if wanted.detectors else None

    def _plan_of(self, direction: Direction, policy: Policy) -> Plan:
        key = (direction, policy.revision)
        known = self._plans.get(key)
        if known is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            on = (one for one in self._instances if policy.action(direction, one.rule) is not Action.OFF)
            weak = (one for one in self._instances if isinstance(one, ContextualDetector))
            eager = frozenset(one.rule for one in weak if policy.threshold(one.rule) <= one.best_alone)
            known = self._plans[key] = plan(tuple(on), eager)
        return known
