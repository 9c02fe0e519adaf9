"""
One rewrite of a text that arrives in pieces: scans point at spans, and what is to go is replaced.

A stage knows from its scans up to where every span is final (the least `settled`). It lets text out up to
there, but never cuts a group of overlapping spans: what will be one placeholder stays together. What it lets
out therefore depends on the text alone, not on how it was cut, and so does what the next stage is given.

A hostile text is nothing but findings: each costs a few microseconds here, which is most of what it costs.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from sanitization import edges
from sanitization.ceiling import Ceiling
from sanitization.errors import ScreeningFailed
from sanitization.filters import Scan
from sanitization.json_values import JsonValues
from sanitization.positions import Edits
from sanitization.rulings import Found, Ruling, as_found
from sanitization.spans import Action, Span

STAYS = -1
BEHIND = edges.LONGEST_RUN + 16  # how far back a stage remembers what it has let out
# A member costs more to look up than to compare.
_OFF, _FLAG, _BLOCK = Action.OFF, Action.FLAG, Action.BLOCK
_START, _ORDER = itemgetter(0), itemgetter(0, 1, 2)  # of a `Found`


@dataclass(frozen=True, slots=True)
class NamedScan:
    """A scan, and its filter's name for the error message."""

    name: str
    scan: Scan


class Stage:
    """One rewrite of one text. Positions count from its start, in what this stage is given.

    `found` are the findings that have left, `places` where in what was let out begins and ends what took the
    place of each, two numbers for each; STAYS where it stays. With `quotes`, a number of JSON that is
    rewritten becomes a string.
    """

    def __init__(
        self, scans: Sequence[NamedScan], ruling: Ruling, ceiling: Ceiling, *, quotes: bool = False
    ) -> None:
        self._scans = scans
        self._ruling = ruling
        self._ceiling = ceiling
        self._held: list[str] = []  # what has been given and not let out, from position `consumed` on
        self._json = JsonValues() if quotes else None  # follows what has been let out, as it was given
        self._followed = 0  # up to where it has
        self._behind = ""  # the end of what has been let out, as it was given
        self._given = 0
        self._waiting: list[Found] = []
        self._flagged: list[Found] = []
        self.consumed = 0
        self._emitted = 0
        self.edits = Edits()
        self.found: list[Found] = []
        self.places: list[int] = []
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
        ruling, consumed, given, text = self._ruling, self.consumed, self._given, self._joined()
        treatment, before = ruling.treatment(spans[0].rule), self._behind[-1:]
        quoting, fingerprint = edges.QUOTING.search, ruling.fingerprint_once
        waiting: list[Found] = []
        latest, in_order = -1, True
        for start, end, rule, score, own, replacement in spans:
            if not consumed <= start < end <= given:
                raise ValueError("a span outside of what is open")
            if rule != treatment.rule:
                treatment = ruling.treatment(rule)
            action = own or treatment.action
            if action is _OFF:
                continue
            value, mark = text[start - consumed : end - consumed], ""
            if treatment.is_value:
                left = text[start - consumed - 1] if start > consumed else before
                mark = treatment.marks.get(value, "") if left != "\\" else ""
                if not mark and (left == "\\" or quoting(value)):
                    start, value = self._trimmed(start, value)
                    end, mark = start + len(value), ruling.fingerprint(rule, value)
                elif not mark:
                    mark = treatment.marks[value] = fingerprint(rule, value)
            if score < treatment.threshold or (treatment.allowed and treatment.allows(value)):
                continue
            found = as_found((start, end, rule, score, action, replacement, mark))
            if action is _FLAG:
                self._flagged.append(found)
            else:
                in_order = in_order and start > latest
                latest = start
                waiting.append(found)
        if waiting:
            self._wait(waiting, in_order=in_order)

    def _wait(self, found: list[Found], *, in_order: bool) -> None:
        """Puts findings among those that wait, in order. A scan's new ones belong to the end of them."""
        if not in_order:
            found.sort(key=_ORDER)
        waiting = self._waiting
        if waiting and found[0].start <= waiting[-1].start:
            first = bisect_left(waiting, found[0].start, key=_START)
            waiting[first:] = sorted((*waiting[first:], *found), key=_ORDER)
        else:
            waiting += found

    def _joined(self) -> str:
        if len(self._held) > 1:
            self._held = ["".join(self._held)]
        return self._held[0] if self._held else ""

    def _trimmed(self, start: int, value: str) -> tuple[int, str]:
        """Where a value, which has not been let out, begins without the quoting at its ends; and it."""
        before = self._before(start - self.consumed)
        first, end = edges.trimmed(value, backslashes=edges.run_before(before, len(before)))
        return start + first, value[first:end]

    def _before(self, at: int) -> str:
        """The last BEHIND characters before a place in what is held."""
        held = self._joined()[max(0, at - BEHIND) : at]
        missing = BEHIND - len(held)
        return self._behind[-missing:] + held if missing else held

    def _pass(self, frontier: int) -> str:
        """Lets out what lies before `frontier`, where nothing has been found."""
        text, size = self._joined(), frontier - self.consumed
        self._held = [text[size:]]
        self._follow(text, self.consumed, frontier)
        self._behind = (self._behind + text[:size])[-BEHIND:]
        return self._copied(text, self.consumed, frontier)

    def _advance(self, frontier: int) -> list[str]:
        """Lets out what lies before `frontier` and belongs to no group that reaches across it."""
        text, base, waiting, done = self._joined(), self.consumed, self._waiting, 0
        at, out, count = base, self._emitted, len(waiting)
        places, replace, json = self.places, self._ruling.replace, self._json
        sent: list[str] = []
        moves: list[int] = []  # of each group, as `Edits` takes them
        ends = False
        while done < count and not ends:
            start, end, _, _, action, _, _ = waiting[done]
            after = done + 1
            while after < count and waiting[after].start < end:
                end = max(end, waiting[after].end)
                after += 1
            if end > frontier:
                frontier = min(start, frontier)
                break
            sent.append(text[at - base : start - base])
            out += start - at
            original = text[start - base : end - base]
            if after == done + 1 and action is not _BLOCK:
                new = replace(waiting[done], original)
            else:
                ends, new = self._rewritten(waiting[done:after], original)
            if json is not None and new and edges.is_number(original):
                new = self._quoted(new, text, base, start)
            sent.append(new)
            stop = out + len(new)
            moves += (start, end, out, stop)
            places += (out, stop) * (after - done)
            at, out, done = end, stop, after
        self.found += waiting[:done]
        self.edits.extend(moves)
        self.consumed, self._emitted = at, out
        if ends:
            self._close(moves[-4])
        else:
            sent.append(self._copied(text, base, frontier))
            self._keep(text, base, frontier, done)
        return sent

    def _rewritten(self, group: Sequence[Found], original: str) -> tuple[bool, str]:
        """Whether this group of overlapping findings ends the text, and what takes its place."""
        for one in group:
            if one.action is _BLOCK:
                self.blocked = True
                if self._ruling.ends_at_block:
                    return True, ""
                break
        return False, self._ruling.rewrite(group, original)

    def _keep(self, text: str, base: int, frontier: int, done: int) -> None:
        """Goes on from `frontier`, before which `done` of the findings lay."""
        self._follow(text, base, frontier)
        del self._waiting[:done]
        self._behind = self._before(frontier - base)
        self._held = [text[frontier - base :]]
        self._keep_flags(frontier)

    def _copied(self, text: str, base: int, to: int) -> str:
        """Lets out what comes before this place as it is; `text`, which is held, begins at `base`."""
        start, self.consumed = self.consumed, to
        self._emitted += to - start
        return text[start - base : to - base]

    def _follow(self, text: str, base: int, to: int) -> None:
        """Lets the reader of JSON know of what comes before this place."""
        if self._json is not None and to > self._followed:
            self._json.feed(text[self._followed - base : to - base])
            self._followed = to

    def _quoted(self, new: str, text: str, base: int, start: int) -> str:
        """What takes the place of a number: a string, where the number is a value of JSON."""
        self._follow(text, base, start)
        quote = self._quote(start - base)
        return f"{quote}{new}{quote}"

    def _quote(self, at: int) -> str:
        """What a string of JSON begins with here, empty where none can."""
        at_element = self._json is not None and self._json.at_element
        return edges.quote_behind_key(self._before(at)) or ('"' if at_element else "")

    def _close(self, start: int) -> None:
        """The text ends before the group that begins here."""
        self.consumed = start
        self._keep_flags(start)
        self._scans, self._waiting, self._held = (), [], []

    def _keep_flags(self, frontier: int) -> None:
        if self._flagged:
            kept = [one for one in self._flagged if one.start < frontier]
            self.found += kept
            self.places += (STAYS, STAYS) * len(kept)
            self._flagged = [one for one in self._flagged if one.start >= frontier]
