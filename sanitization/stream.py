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
from sanitization.fingerprints import Fingerprints
from sanitization.json_values import JsonValues
from sanitization.normalize import fold
from sanitization.placeholders import Placeholders
from sanitization.policies import EVERY_RULE, Policy
from sanitization.positions import Edits
from sanitization.rules import is_cleaned, version_of
from sanitization.spans import Action, Direction, Finding, Span
from sanitization.text import EMPTY, Sanitized, join

SLICE = 16_384
BEHIND = edges.LONGEST_RUN + 16  # how far back a stage remembers what it has let out


@dataclass(frozen=True, slots=True)
class NamedScan:
    """A scan, and its filter's name for the error message."""

    name: str
    scan: Scan


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of the findings of one text. `ends_at_block`: nothing follows a blocked finding."""

    direction: Direction
    policy: Policy
    placeholders: Placeholders
    fingerprints: Fingerprints
    ends_at_block: bool

    def action(self, span: Span) -> Action:
        return span.action or self.policy.action(self.direction, span.rule)

    def counts(self, span: Span, value: str) -> bool:
        """Whether this span is a finding: sure enough, and not a value that the policy allows."""
        if span.score < self.policy.threshold(span.rule):
            return False
        if not self.policy.allow:
            return True
        read = fold(value)[0].casefold()
        entries = self.policy.allow.get(span.rule, ()) + self.policy.allow.get(EVERY_RULE, ())
        return not any(_allows(fold(entry)[0].casefold(), read) for entry in entries)

    def fingerprint(self, span: Span, value: str) -> str:
        """Empty for what is cleaned: markup is no value."""
        return "" if is_cleaned(span.rule) else self.fingerprints.of(span.rule, value)

    def rewrite(self, group: Sequence["Found"], original: str, *, quote: str) -> str:
        """What stands in the place of a group of overlapping spans; `original` is their union. Where a value
        of JSON stands, `quote` makes a number a string.
        """
        new = self._name(group, original)
        return f"{quote}{new}{quote}" if quote and new and edges.is_number(original) else new

    def _name(self, group: Sequence["Found"], original: str) -> str:
        best = max(group, key=lambda one: (one.action.strength, *_weight(one.span)))
        strongest, replaced = best.span, any(one.span.replacement for one in group)
        if best.action is Action.REMOVE and (len(group) == 1 or not replaced):
            return strongest.replacement
        if best.action is Action.HASH:
            return self.fingerprints.name(strongest.rule, original)
        # One span's replacement does not speak for the union: it may repeat what another one hides.
        return self.placeholders.mint(strongest.rule, original)


def _allows(entry: str, value: str) -> bool:
    inner = entry.strip("*")
    if entry.startswith("*"):
        return inner in value if entry.endswith("*") else value.endswith(inner)
    return value.startswith(inner) if entry.endswith("*") else value == inner


def _weight(span: Span) -> tuple[float, int, str]:
    """The better evidence, then the longer span, names the placeholder; the rest is only for order."""
    return span.score, span.end - span.start, span.rule


@dataclass(frozen=True, slots=True)
class Found:
    """A span that counted, what was done about it, and the fingerprint of its value."""

    span: Span
    action: Action
    fingerprint: str


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
        self.found: list[Found] = []
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
            for span in named.scan.feed(piece, last=last):
                if not self.consumed <= span.start < span.end <= self._given:
                    raise ValueError("a span outside of what is open")
                action = self._ruling.action(span)
                if action is Action.OFF:
                    continue
                span, value = self._trimmed(span)
                if self._ruling.counts(span, value):
                    found = Found(span, action, self._ruling.fingerprint(span, value))
                    (self._flagged if action is Action.FLAG else self._waiting).append(found)
            self._ceiling.check()
            return named.scan.settled
        except Exception:  # noqa: BLE001  # whatever a filter raises may carry the text
            failure = ScreeningFailed(named.name)
        raise failure

    def _joined(self) -> str:
        if len(self._held) > 1:
            self._held = ["".join(self._held)]
        return self._held[0] if self._held else ""

    def _trimmed(self, span: Span) -> tuple[Span, str]:
        """A span that has not been let out, without the quoting at its ends, and its value."""
        at = span.start - self.consumed
        value = self._joined()[at : span.end - self.consumed]
        if is_cleaned(span.rule):
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
        self._waiting.sort(key=lambda one: (one.span.start, one.span.end, one.span.rule))
        done = 0
        for first, group, end in _groups(self._waiting):
            start = group[0].span.start
            if start >= frontier:
                break
            if end > frontier:
                frontier = start
                break
            yield self._copy(text[self.consumed - base : start - base])
            if self._blocks(group):
                self._close(group, start)
                return
            before = self._before(start - base)
            yield self._rewrite(group, start, text[start - base : end - base], before)
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

    def _quote(self, before: str) -> str:
        """What a string of JSON begins with here, empty where none can."""
        if self._json is None:
            return ""
        return edges.quote_behind_key(before) or ('"' if self._json.at_element else "")

    def _rewrite(self, group: Sequence[Found], start: int, original: str, before: str) -> str:
        self.found += group
        new = self._ruling.rewrite(group, original, quote=self._quote(before))
        self._follow(original)
        self.edits.add(
            start, start + len(original), out_start=self._emitted, out_end=self._emitted + len(new)
        )
        self.consumed += len(original)
        self._emitted += len(new)
        return new

    def _blocks(self, group: Sequence[Found]) -> bool:
        found = any(one.action is Action.BLOCK for one in group)
        self.blocked = self.blocked or found
        return found and self._ruling.ends_at_block

    def _close(self, group: Sequence[Found], start: int) -> None:
        """The text ends before this group."""
        self.found += group
        end = max(one.span.end for one in group)
        self.edits.add(start, end, out_start=self._emitted, out_end=self._emitted)
        self._keep_flags(start)
        self._scans, self._waiting, self._held = (), [], []

    def _keep_flags(self, frontier: int) -> None:
        self.found += [one for one in self._flagged if one.span.start < frontier]
        self._flagged = [one for one in self._flagged if one.span.start >= frontier]


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

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those whose place in the sanitized text is certain, in order of it."""
        located = [
            finding
            for number, stage in enumerate(self._stages)
            for found in stage.found
            if (finding := self._locate(number, found))
        ]
        return tuple(sorted(located, key=lambda f: (f.start, f.end, f.rule)))

    def _locate(self, number: int, found: Found) -> Finding | None:
        span = found.span
        start, end = span.start, span.end
        for stage in reversed(self._stages[:number]):
            start, end = stage.edits.back(start, end)
        out_start, out_end = self._stages[number].edits.forward(span.start, span.end)
        for stage in self._stages[number + 1 :]:
            if out_end > stage.consumed:
                return None
            out_start, out_end = stage.edits.forward(out_start, out_end)
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
            version=version_of(span.rule),
            fingerprint=found.fingerprint,
        )
