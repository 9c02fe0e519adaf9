"""
Sanitizes a text while it arrives: what leaves is byte for byte what the whole text at once would give.

    piece ──► BYTES ──► VALUES ──► MARKUP ──► out         each stage: scans point, one rewrite

A stage knows from its scans up to where every span is final (the least `settled`). It lets text out up to
there, but never cuts a group of overlapping spans: what will be one placeholder stays together. What it lets
out therefore depends on the text alone, not on how it was cut, and so does what the next stage is given.

This is the only place that turns text into `Sanitized`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sanitization import edges
from sanitization.ceiling import Ceiling
from sanitization.errors import ScreeningFailed
from sanitization.filters import Scan
from sanitization.json_values import JsonValues
from sanitization.positions import Edits
from sanitization.rulings import Found, Ruling
from sanitization.spans import Action, Finding, Span
from sanitization.text import EMPTY, Sanitized, join

SLICE = 16_384
BEHIND = edges.LONGEST_RUN + 16  # how far back a stage remembers what it has let out

# A finding, and where in what its stage lets out stands what was put in its place; None where it stays.
Placed = tuple[Found, tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class NamedScan:
    """A scan, and its filter's name for the error message."""

    name: str
    scan: Scan


class Stage:
    """One rewrite of one text. Positions count from its start, in what this stage is given.

    With `quotes`, a number of JSON that is rewritten becomes a string.
    """

    def __init__(
        self, scans: Sequence[NamedScan], ruling: Ruling, ceiling: Ceiling, *, quotes: bool = False
    ) -> None:
        self._scans = scans
        self._ruling = ruling
        self._ceiling = ceiling
        self._held: list[str] = []  # what has been given and not let out, from position `consumed` on
        self._json = JsonValues() if quotes else None  # follows what has been let out, as it was given
        self._behind = ""  # the end of what has been let out, as it was given
        self._given = 0
        self._waiting: list[Found] = []
        self._flagged: list[Found] = []
        self.consumed = 0
        self._emitted = 0
        self.edits = Edits()
        self.found: list[Placed] = []
        self.blocked = False

    def feed(self, piece: str, *, last: bool) -> str:
        """What is final now. After a block that ends the text, nothing more."""
        self._held.append(piece)
        self._given += len(piece)
        frontier = self._given
        for named in self._scans:
            frontier = min(frontier, self._ask(named, piece, last=last))
        if last:
            frontier = self._given
        if frontier <= self.consumed:
            return ""
        return "".join(self._advance(frontier)) if self._waiting or self._flagged else self._pass(frontier)

    def _ask(self, named: NamedScan, piece: str, *, last: bool) -> int:
        """Takes a scan's new spans; returns up to where it is done."""
        try:
            if spans := named.scan.feed(piece, last=last):
                self._take(spans)
            self._ceiling.check()
            return named.scan.settled
        except Exception:  # noqa: BLE001  # whatever a filter raises may carry the text
            failure = ScreeningFailed(named.name)
        raise failure

    def _take(self, spans: Sequence[Span]) -> None:
        """Keeps those of a scan's spans that are findings."""
        ruling = self._ruling
        for span in spans:
            if not self.consumed <= span.start < span.end <= self._given:
                raise ValueError("a span outside of what is open")
            treatment = ruling.treatment(span.rule)
            action = span.action or treatment.action
            if action is Action.OFF:
                continue
            span, value = self._trimmed(span, trims=treatment.is_value)
            if treatment.counts(span, value):
                mark = ruling.fingerprint(span.rule, value) if treatment.is_value else ""
                found = Found(span, action, mark)
                (self._flagged if action is Action.FLAG else self._waiting).append(found)

    def _joined(self) -> str:
        if len(self._held) > 1:
            self._held = ["".join(self._held)]
        return self._held[0] if self._held else ""

    def _trimmed(self, span: Span, *, trims: bool) -> tuple[Span, str]:
        """A span that has not been let out, without the quoting at its ends, and its value."""
        at, text = span.start - self.consumed, self._joined()
        value = text[at : span.end - self.consumed]
        if not trims or not edges.may_trim(text[at - 1] if at else self._behind[-1:], value):
            return span, value
        before = self._before(at)
        start, end = edges.trimmed(value, backslashes=edges.run_before(before, len(before)))
        if end - start == len(value):
            return span, value
        return replace(span, start=span.start + start, end=span.start + end), value[start:end]

    def _before(self, at: int) -> str:
        """The last BEHIND characters before a place in what is held."""
        held = self._joined()[max(0, at - BEHIND) : at]
        missing = BEHIND - len(held)
        return self._behind[-missing:] + held if missing else held

    def _pass(self, frontier: int) -> str:
        """Lets out what lies before `frontier`, where nothing has been found."""
        text, size = self._joined(), frontier - self.consumed
        self._held = [text[size:]]
        let_out = self._copy(text[:size])
        self._behind = (self._behind + let_out)[-BEHIND:]
        return let_out

    def _advance(self, frontier: int) -> Iterator[str]:
        """Lets out what lies before `frontier` and belongs to no group that reaches across it."""
        text = self._joined()
        base = self.consumed
        self._waiting.sort(key=_order)
        done = 0
        for first, group, end in _groups(self._waiting):
            start = group[0].span.start
            if start >= frontier:
                break
            if end > frontier:
                frontier = start
                break
            if start > self.consumed:
                yield self._copy(text[self.consumed - base : start - base])
            if self._blocks(group):
                self._close(group, start)
                return
            yield self._rewrite(group, text[start - base : end - base], at=start - base)
            done = first + len(group)
        yield self._copy(text[self.consumed - base : frontier - base])
        self._waiting = self._waiting[done:]
        self._behind = self._before(frontier - base)
        self._held = [text[frontier - base :]]
        self._keep_flags(frontier)

    def _copy(self, text: str) -> str:
        self._follow(text)
        self.consumed += len(text)
        self._emitted += len(text)
        return text

    def _follow(self, text: str) -> None:
        if self._json is not None and text:
            self._json.feed(text)

    def _rewrite(self, group: Sequence[Found], original: str, *, at: int) -> str:
        """What takes the place of a group that stands at this place of what is held. A number that is a value
        of JSON becomes a string.
        """
        new = self._ruling.rewrite(group, original)
        if self._json is not None:
            if new and edges.is_number(original):
                quote = self._quote(at)
                new = f"{quote}{new}{quote}"
            self._json.feed(original)
        start, out_start = self.consumed, self._emitted
        self.consumed = end = start + len(original)
        self._emitted = out_end = out_start + len(new)
        self.edits.add(start, end, out_start=out_start, out_end=out_end)
        place = (out_start, out_end)
        self.found += [(one, place) for one in group]
        return new

    def _quote(self, at: int) -> str:
        """What a string of JSON begins with here, empty where none can."""
        at_element = self._json is not None and self._json.at_element
        return edges.quote_behind_key(self._before(at)) or ('"' if at_element else "")

    def _blocks(self, group: Sequence[Found]) -> bool:
        for one in group:
            if one.action is Action.BLOCK:
                self.blocked = True
                return self._ruling.ends_at_block
        return False

    def _close(self, group: Sequence[Found], start: int) -> None:
        """The text ends before this group."""
        self.found += [(one, (self._emitted, self._emitted)) for one in group]
        end = max(one.span.end for one in group)
        self.edits.add(start, end, out_start=self._emitted, out_end=self._emitted)
        self._keep_flags(start)
        self._scans, self._waiting, self._held = (), [], []

    def _keep_flags(self, frontier: int) -> None:
        if self._flagged:
            self.found += [(one, None) for one in self._flagged if one.span.start < frontier]
            self._flagged = [one for one in self._flagged if one.span.start >= frontier]


def _order(one: Found) -> tuple[int, int, str]:
    span = one.span
    return span.start, span.end, span.rule


def _groups(found: Sequence[Found]) -> Iterator[tuple[int, Sequence[Found], int]]:
    """Runs of overlapping spans in a sorted list: index of the first, the run, the end of its union."""
    first = 0
    while first < len(found):
        after, end = first + 1, found[first].span.end
        while after < len(found) and found[after].span.start < end:
            end = max(end, found[after].span.end)
            after += 1
        yield first, found[first:after], end
        first = after


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
        """All of a text that is here already."""
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
                text = stage.feed(text, last=last)
                last = last or (stage.blocked and self._ruling.ends_at_block)
        except ScreeningFailed as error:
            self._failed = error.filter_name
            raise
        self._ceiling.end()
        self._closed = last
        return Sanitized(text)

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
        located = [
            finding
            for number, stage in enumerate(self._stages)
            for found, place in stage.found
            if (finding := self._locate(number, found, place))
        ]
        return tuple(sorted(located, key=lambda f: (f.start, f.end, f.rule)))

    def _locate(self, number: int, found: Found, place: tuple[int, int] | None) -> Finding | None:
        span = found.span
        out_start, out_end = place or self._stages[number].edits.forward(span.start, span.end)
        for stage in self._stages[number + 1 :]:
            if out_end > stage.consumed:
                return None
            out_start, out_end = stage.edits.forward(out_start, out_end)
        start, end = span.start, span.end
        for stage in reversed(self._stages[:number]):
            start, end = stage.edits.back(start, end)
        return Finding(
            rule=span.rule,
            direction=self._ruling.direction,
            part=self._part,
            start=start,
            end=end,
            output_start=out_start,
            output_end=out_end,
            action=found.action,
            score=span.score,
            version=self._ruling.treatment(span.rule).version,
            fingerprint=found.fingerprint,
        )
