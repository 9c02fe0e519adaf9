"""
Runs detectors over a text that arrives in pieces, and finds what they would find in the whole of it.

Why that is exact: let h be the leftmost place from which more text could still make or change a match of any
detector (`partial`). Whatever starts before h is decided. Each detector has searched everything before h, its
only state is a position, and the one character before h is kept for what a pattern asks about its left side.
So nothing is ever searched that the whole text would not show in the same way.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from sanitization.detectors import ALL
from sanitization.detectors.base import Detector, PatternDetector, compile_pattern
from sanitization.filters import Backlog, Stage
from sanitization.normalize import Normalized
from sanitization.partial import beginnings
from sanitization.policies import Policy
from sanitization.spans import Action, Direction, Span

__all__ = ["DetectorScan", "PatternDetector", "PatternFilter"]


@lru_cache(maxsize=64)
def _any_beginning(patterns: tuple[str, ...]) -> Any:
    return compile_pattern("(?:" + "|".join(map(beginnings, patterns)) + r")\z")


class DetectorScan:
    """One text's way through some detectors. `copy` is what they read it as."""

    def __init__(self, detectors: Sequence[Detector], copy: Normalized | None = None) -> None:
        self._copy = copy or Normalized()
        self._detectors = detectors
        self._positions = [0] * len(detectors)
        self._own_hold = [d for d in detectors if not isinstance(d, PatternDetector)]
        patterns = tuple(d.pattern for d in detectors if isinstance(d, PatternDetector))
        self._beginning = _any_beginning(patterns) if patterns else None
        self._decided = 0  # index in the copy: everything before it has been searched
        self._backlog = Backlog()
        self.settled = 0

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        spans: list[Span] = []
        self._backlog.add(piece)
        while block := self._backlog.take(len(self._copy.text), last=last):
            self._copy.append(block)
            spans += self._search(self._undecided())
        if last:
            spans += self._search(len(self._copy.text))
        return spans

    def _undecided(self) -> int:
        text, start = self._copy.text, self._decided
        limit = len(text)
        if self._beginning and (match := self._beginning.search(text, start)):
            limit = match.start()
        return min([limit, *(detector.hold(text, start) for detector in self._own_hold)])

    def _search(self, limit: int) -> list[Span]:
        """The findings that begin before `limit`; then lets go of the text before it."""
        copy, spans = self._copy, []
        lowered = copy.text.lower()
        for number, detector in enumerate(self._detectors if limit > self._decided else ()):
            start = self._positions[number]
            if not detector.keywords or any(keyword in lowered for keyword in detector.keywords):
                while found := detector.find(copy.text, start, limit):
                    begin, start = found
                    end = copy.place(start - 1) + 1
                    spans.append(Span(copy.place(begin), end, detector.rule, detector.score))
            self._positions[number] = max(start, limit)
        self.settled = copy.place(limit)
        kept = max(0, limit - 1)
        copy.drop(kept)
        self._decided = limit - kept
        self._positions = [position - kept for position in self._positions]
        return spans


class PatternFilter:
    """Finds values in prompts and answers. An operator's own filter of this kind names its `detectors`."""

    detectors: Iterable[type[Detector]] = ALL
    stage = Stage.VALUES

    def __init__(self) -> None:
        self._instances = tuple(detector() for detector in self.detectors)
        self.rules = frozenset(detector.rule for detector in self._instances)
        self._of(frozenset())  # compiles before the first prompt, not during it

    def open_prompt(self, policy: Policy) -> DetectorScan | None:
        return self._open("prompt", policy)

    def open_answer(self, policy: Policy) -> DetectorScan | None:
        return self._open("answer", policy)

    def _open(self, direction: Direction, policy: Policy) -> DetectorScan | None:
        off = frozenset(rule for rule in self.rules if policy.action(direction, rule) is Action.OFF)
        wanted = self._of(off)
        return DetectorScan(wanted) if wanted else None

    def _of(self, off: frozenset[str]) -> tuple[Detector, ...]:
        return tuple(detector for detector in self._instances if detector.rule not in off)
