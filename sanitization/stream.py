"""
Sanitizes a text while it arrives: what leaves is byte for byte what the whole text at once would give.

    piece ──► BYTES ──► VALUES ──► MARKUP ──► out         each stage: scans point, one rewrite

This is the only place that turns text into `Sanitized`; `sanitization.stages` does the rewriting.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter, ge

from sanitization.ceiling import Ceiling
from sanitization.errors import ScreeningFailed
from sanitization.rulings import Ruling
from sanitization.spans import Finding, as_finding
from sanitization.stages import STAYS, Stage
from sanitization.text import EMPTY, Sanitized, join

SLICE = 16_384
_PLACE_AND_RULE = attrgetter("start", "end", "rule")


class StreamSanitizer:
    """One text on its way through all stages. Whole is `feed(text)` and `finish()`.

    `blocked`: a finding blocks. Where `Ruling.ends_at_block`, the text ends before it and nothing follows.
    After ScreeningFailed every further call raises it again: what was not scanned is withheld.
    """

    def __init__(self, stages: Sequence[Stage], ruling: Ruling, ceiling: Ceiling, *, part: str) -> None:
        self._stages = stages
        self._ruling = ruling
        self._ceiling = ceiling
        self._part = part
        self._failed: str | None = None
        self._closed = False

    @property
    def blocked(self) -> bool:
        return any(stage.blocked for stage in self._stages)

    @property
    def ended(self) -> bool:
        """Whether a finding has ended the text: nothing follows."""
        return self.blocked and self._ruling.ends_at_block

    def feed(self, text: str) -> Sanitized:
        """What of the text so far may leave now."""
        return self._pass(text, last=False)

    def finish(self) -> Sanitized:
        """The rest."""
        return self._pass("", last=True)

    def whole(self, text: str) -> Sanitized:
        """All of a text that is here already, or all that is left of one."""
        return self._pass(text, last=True)

    def _pass(self, text: str, *, last: bool) -> Sanitized:
        if self._failed is not None:
            raise ScreeningFailed(self._failed)
        if len(text) <= SLICE:
            return self._slice(text, last=last)
        # A long text goes through in slices: the ceiling is looked at between them, and other threads get on.
        ends = max(len(text) - SLICE, 0) if last else len(text)
        sent = [self._slice(text[at : at + SLICE], last=False) for at in range(0, ends, SLICE)]
        if last:
            sent.append(self._slice(text[len(sent) * SLICE :], last=True))
        return join(sent)

    def _slice(self, text: str, *, last: bool) -> Sanitized:
        if self._closed:
            return EMPTY
        self._ceiling.begin(len(text))
        try:
            for stage in self._stages:
                if not text and not last:
                    break
                text = self._through(stage, text, last=last)
                last = last or self._ends(stage)
        except ScreeningFailed as error:
            self._failed = error.filter_name
            raise
        self._ceiling.end()
        self._closed = last
        return Sanitized(text)

    def _through(self, stage: Stage, text: str, *, last: bool) -> str:
        """A stage that held all of a text back lets it go at once: the next one takes it in slices again."""
        sent, at = [], 0
        while len(text) - at > SLICE and not self._ends(stage):
            sent.append(stage.feed(text[at : at + SLICE], last=False))
            at += SLICE
        if not self._ends(stage):
            sent.append(stage.feed(text[at:], last=last))
        return "".join(sent)

    def _ends(self, stage: Stage) -> bool:
        return stage.blocked and self._ruling.ends_at_block

    def has_left(self, end: int) -> bool:
        """Whether all of the original before this place has left, or what took its place."""
        for stage in self._stages:
            if end > stage.consumed:
                return False
            end = stage.edits.forward(end, end)[1]
        return True

    def unchanged(self, start: int, end: int) -> tuple[int, int] | None:
        """Where this stretch of the original, which has left, stands in the sanitized text; None where
        something of it was rewritten."""
        for stage in self._stages:
            if stage.edits.touches(start, end):
                return None
            start, end = stage.edits.forward(start, end)
        return start, end

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those whose place in the sanitized text is certain, in order of it."""
        located: list[Finding] = []
        for number, stage in enumerate(self._stages):
            if stage.found:
                located += self._located(number)
        starts = [one.start for one in located]
        if any(map(ge, starts, starts[1:])):  # rarely, and to sort very many keeps other threads waiting
            located.sort(key=_PLACE_AND_RULE)
        return tuple(located)

    def _located(self, number: int) -> Iterable[Finding]:
        """The findings of one stage. Stages that rewrote nothing moved nothing."""
        own, direction, part = self._stages[number], self._ruling.direction, self._part
        earlier, later = self._stages[:number], self._stages[number + 1 :]
        if any(stage.edits for stage in (*earlier, *later)) or STAYS in own.places:
            return self._moved(own, earlier, later)
        sure, version = _sure(later), self._versions(own)
        return [
            as_finding((rule, direction, part, start, end, place, to, action, score, version[rule], mark))
            for (start, end, rule, score, action, _, mark), place, to in zip(
                own.found, own.places[::2], own.places[1::2], strict=True
            )
            if to <= sure
        ]

    def _moved(self, own: Stage, earlier: Sequence[Stage], later: Sequence[Stage]) -> Iterator[Finding]:
        """The findings of a stage where others rewrote something too, or its own stay in the text."""
        direction, part = self._ruling.direction, self._part
        edits = [stage.edits for stage in reversed(earlier) if stage.edits]
        moved = any(stage.edits for stage in later)
        sure, version = _sure(later), self._versions(own)
        places = iter(own.places)
        for found, place, to in zip(own.found, places, places, strict=True):
            start, end, rule, score, action, _, mark = found
            if place == STAYS:
                place, to = own.edits.forward(start, end)
            if moved:
                if (there := _forward(place, to, later)) is None:
                    continue
                place, to = there
            elif to > sure:
                continue
            for one in edits:
                start, end = one.back(start, end)
            yield as_finding(
                (rule, direction, part, start, end, place, to, action, score, version[rule], mark)
            )

    def _versions(self, stage: Stage) -> dict[str, int]:
        """The versions of the rules of its findings."""
        return {rule: self._ruling.treatment(rule).version for rule in {one.rule for one in stage.found}}


def _sure(later: Sequence[Stage]) -> int:
    """Up to where what a stage let out has left, if none of these moved anything."""
    return min((stage.consumed for stage in later), default=sys.maxsize)


def _forward(start: int, end: int, stages: Sequence[Stage]) -> tuple[int, int] | None:
    """Where something stands behind these stages; None if it has not left them all."""
    for stage in stages:
        if end > stage.consumed:
            return None
        if stage.edits:
            start, end = stage.edits.forward(start, end)
    return start, end
