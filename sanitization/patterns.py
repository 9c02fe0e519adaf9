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
from sanitization.keywords import MARK, MIN_LENGTH, Keywords, lead, needs_mark
from sanitization.matching import Among, Searcher
from sanitization.normalize import Normalized
from sanitization.partial import beginnings
from sanitization.policies import Policy
from sanitization.spans import Action, Direction, Span, as_span

__all__ = ["DetectorScan", "PatternDetector", "PatternFilter"]


# A tail that is longer is looked at by each detector for itself.
FAR = 256
# Matches of most detectors are no longer, and so begin no further from the end of a text that may go on.
NEAR = 512
# So much more of a word whose beginning is held waits for its end before it is read.
MORE_OF_A_WORD = 16
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
        self.apart: list[PatternDetector] = []
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
                self.apart.append(one)
        self.keywords = Keywords(owned, self.told)
        listed = {number for _, number in owned}
        self.asked = self.led | self.told  # each for its own hold, if its keyword is there
        self.always = [number for number in range(len(self.detectors)) if number not in listed]
        patterns = [(number, _pattern(self.detectors[number])) for number in self.always]
        self.among = Among(patterns)
        self.among_words = Among([one for one in patterns if one[1] is None or not needs_mark(one[1])])
        # The longer a match can be, the further back it may have begun; of most that is not far.
        near = [one for one in self.apart if one.reach is not None and one.reach <= NEAR]
        self._beginnings = [
            (_any_beginning(tuple(one.pattern for one in group)), reach)
            for group, reach in ((near, NEAR), ([one for one in self.apart if one not in near], None))
            if group
        ]

    def matching(self, text: str, start: int, named: Iterable[int]) -> list[int]:
        """The detectors that could find something that begins at `start` or behind it in this text as it is;
        `named` have a keyword in it.
        """
        among = self.among if MARK.search(text, start) else self.among_words
        # One character more, for what a pattern asks about its left side.
        possible = among.owners(text[max(0, start - 1) :]).union(named)
        needs: dict[int, bool] = {}
        found = []
        for number in sorted(possible):
            pattern = self.need.get(number)
            if pattern is not None and id(pattern) not in needs:
                needs[id(pattern)] = pattern.spans(text) is not None
            if pattern is None or needs[id(pattern)]:
                found.append(number)
        return found

    def undecided(self, text: str, lowered: str, start: int, named: Iterable[int]) -> int:
        """The leftmost place from `start` on where more text could still make or change a match; `named` have
        a keyword in the text.
        """
        limit = (
            max(start, len(text) - self.lead - self.keywords.unfinished(lowered)) if self.led else len(text)
        )
        if (found := self._begun(text, start)) < limit:
            # All of them together do not know how long each can be.
            far = len(text) - found > FAR
            limit = min(limit, *(one.hold(text, found) for one in self.apart)) if far else found
        for number in self.asked.intersection(named):
            limit = min(limit, self.detectors[number].hold(text, start))
        for detector in self.own_hold:
            limit = min(limit, detector.hold(text, start))
        return limit

    def _begun(self, text: str, start: int) -> int:
        """The leftmost place from `start` on where a match of those apart may have begun."""
        found = len(text)
        for beginning, reach in self._beginnings:
            at = beginning.start(text, start if reach is None else max(start, len(text) - reach))
            if 0 <= at < found:
                found = at
        return found


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


def _is_word(text: str) -> bool:
    """Scripts without blanks are no words: their text would wait for long."""
    return text.isalnum() and text.isascii()


class DetectorScan:
    """One text's way through some detectors. `copy` is what they read it as."""

    def __init__(self, detectors: Plan | Sequence[Detector], copy: Normalized | None = None) -> None:
        self._copy = copy or Normalized()
        self._plan = detectors if isinstance(detectors, Plan) else plan(tuple(detectors))
        self._behind: dict[int, int] = {}  # detector to where it goes on, if that is behind `_decided`
        self._decided = 0  # index in the copy: everything before it has been searched
        self._looked = 0  # index in the copy: up to there keywords have been looked for
        self._named: dict[int, int] = {}  # detector with a keyword in the copy to where the last one begins
        self._backlog = Backlog()
        self._in_word = False  # the tail that is held ends in a word
        self.settled = 0

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        spans: list[Span] = []
        self._backlog.add(piece)
        if self._in_word and not last and self._backlog.size <= MORE_OF_A_WORD and _is_word(piece):
            return spans  # a word that is held goes on: it stays held
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
        self._look(text, lowered)
        limit = len(text) if last else plan.undecided(text, lowered, self._decided, self._named)
        spans: list[Span] = []
        if limit > self._decided:
            for number in plan.matching(text, self._decided, self._named):
                spans += self._find(number, limit)
        self.settled = copy.place(limit)
        kept = max(0, limit - LOOKBACK - 1)
        copy.drop(kept)
        self._decided = limit - kept
        self._looked = len(copy.text)
        self._in_word = limit < len(text) and _is_word(text[-1])
        if self._named:
            self._named = {number: at - kept for number, at in self._named.items() if at >= kept}
        if self._behind:
            self._behind = {number: at - kept for number, at in self._behind.items() if at > limit}
        return spans

    def _look(self, text: str, lowered: str) -> None:
        """Looks for keywords in what is new: a long tail is read again and again while it is held."""
        keywords = self._plan.keywords
        looked = max(0, self._looked - keywords.longest)
        if len(lowered) == len(text):
            found = keywords.places(lowered, looked, text=text)
        else:  # some letters become two: a place is taken for a later one
            found = dict.fromkeys(keywords.places(lowered, looked, every=True), len(text))
        self._named |= found

    def _find(self, number: int, limit: int) -> list[Span]:
        """What one detector finds that begins before `limit`."""
        copy, detector = self._copy, self._plan.detectors[number]
        shift, rule, score, rates = copy.shift, detector.rule, detector.score, detector.rates
        least = score if number in self._plan.told else 0.0
        spans: list[Span] = []
        reader = detector.reader(copy.text)
        places = reader.each(max(self._decided, self._behind.get(number, 0)), limit)
        if not rates and shift is not None:
            spans = [as_span((begin + shift, end + shift, rule, score, None, "")) for begin, end in places]
            if spans:
                self._behind[number] = spans[-1].end - shift
            return spans
        while found := next(places, None):
            begin, end = found
            if rates and (score := self._rated(detector, begin, end)) < least:
                # Nothing: where no such word is near, nobody has even looked.
                places = reader.each(begin + 1, limit)
                continue
            self._behind[number] = end
            if shift is None:
                begin, end = copy.place(begin), copy.end(end - 1)
            else:
                begin, end = begin + shift, end + shift
            spans.append(as_span((begin, end, rule, score, None, "")))
        return spans

    def _rated(self, detector: Detector, begin: int, end: int) -> float:
        score = detector.rate(self._copy.text, begin)
        if detector.parts and score < detector.alone and self._copy.is_parted(begin, end, detector.parts):
            return detector.alone
        return score


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
