"""
Sanitizes JSON inside its strings: the arguments of tool calls, while they arrive.

    {"to": "ann\\u0040x.io", "n": 4111111111111111}
    {"to": "[EMAIL_1]", "n": "[CREDIT_CARD_1]"}

Each string, key or value, is one text for the chain, read with its escapes resolved and beside the key that
it belongs to (`"password": "…"` says more than the value alone). What is not changed is written as it was;
what is put in is escaped. A number literal is a text too, and becomes a string if something is found. So JSON
stays JSON, and its structure is the model's.

A string leaves when it ends: half an argument is of no use to a tool. Without escapes, it waits for the sign
behind it, and so does a number, both with their key: what is no JSON is a plain text from there on, and what
waited belongs to it (`{"to": 4711@x.io}`, `{"n": 4111 1111 1111 1111}`). So nothing goes unread. What follows
a blocked finding, and the token with it, does not leave.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sanitization.errors import ScreeningFailed
from sanitization.json_text import JsonReader, Kind, Token, escaped, units
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from sanitization.restore import Restorer, StringRestorer
from sanitization.spans import Action, Finding
from sanitization.stream import StreamSanitizer
from sanitization.text import Sanitized

# A key that can say what its value is. Another one, or a long value, or one with fenced code, which is read
# by lines, is a text of its own.
_TELLING_KEY = re.compile(r"[\w .$@-]{1,64}")
_LONGEST_WITH_KEY = 4096
_NUMBER = re.compile(r"-?[0-9]")
_ENDS = frozenset("{}[],")  # what ends a value, or begins one that holds others


@dataclass(frozen=True, slots=True)
class _Piece:
    """value[start:end], as it is (None) or with something new in its place."""

    start: int
    end: int
    new: str | None


class StructuredSanitizer:
    """One JSON document on its way through the chain. `open_text` opens the chain for a text of it.

    Used like a StreamSanitizer: whole is `feed(text)` and `finish()`, and findings index the document as it
    came and as it left, in code points.
    """

    def __init__(self, open_text: Callable[[], StreamSanitizer]) -> None:
        self._open_text = open_text
        self._json = JsonReader()
        self._waiting: list[Token] = []
        self._keys: list[str] = []  # of each open container: the one that its next value belongs to
        self._string: list[str] | None = None  # contents so far, raw
        self._is_key = False
        self._plain: StreamSanitizer | None = None
        self._plain_from = (0, 0)
        self._given = 0  # how much of the document is done
        self._sent = 0
        self._findings: list[Finding] = []
        self._failed: str | None = None
        self.blocked = False
        self._closed = False

    @property
    def findings(self) -> tuple[Finding, ...]:
        later = _moved(self._plain.findings, *self._plain_from) if self._plain else []
        return (*self._findings, *later)

    def feed(self, text: str) -> Sanitized:
        """What of the document so far may leave now."""
        return self._pass(text, last=False)

    def finish(self) -> Sanitized:
        """The rest."""
        return self._pass("", last=True)

    def whole(self, text: str) -> Sanitized:
        """All of a document that is here already."""
        return self._pass(text, last=True)

    def _pass(self, text: str, *, last: bool) -> Sanitized:
        if self._failed is not None:
            raise ScreeningFailed(self._failed)
        try:
            out = [self._wait(token) for token in self._json.feed(text)]
            if last:
                out.append(self._end())
        except ScreeningFailed as error:
            self._failed = error.filter_name
            raise
        return Sanitized("".join(out))

    def _wait(self, token: Token) -> str:
        """Takes tokens once it is certain that what they belong to is JSON."""
        kind, part = token
        if kind is Kind.BROKEN:
            waited = "".join(raw for _, raw in self._waiting)
            self._waiting.clear()
            return self._take((kind, waited + part))
        if kind is Kind.MARK and not self._waiting:
            return self._take(token)
        self._waiting.append(token)
        is_over = kind is Kind.MARK and part in _ENDS
        # Escapes hide a value from a plain text.
        is_escaped = kind is Kind.CLOSE and any("\\" in raw for _, raw in self._waiting)
        return self._take_waiting() if is_over or is_escaped else ""

    def _take_waiting(self) -> str:
        waiting, self._waiting = self._waiting, []
        return "".join(map(self._take, waiting))

    def _take(self, token: Token) -> str:
        kind, part = token
        if self._closed:
            return ""
        if self._plain is not None or kind is Kind.BROKEN:
            return self._as_plain(part)
        if kind in (Kind.OPEN, Kind.OPEN_KEY):
            self._string, self._is_key = [], kind is Kind.OPEN_KEY
            return ""
        if self._string is not None:
            if kind is Kind.TEXT:
                self._string.append(part)
                return ""
            return self._close_string('"')
        if kind is Kind.LITERAL:
            return self._literal(part)
        if part in ("{", "["):
            self._keys.append(self._key)
        elif part in ("}", "]"):
            self._keys.pop()
        return self._write(part, part)

    @property
    def _key(self) -> str:
        return self._keys[-1] if self._keys else ""

    def _write(self, raw: str, out: str) -> str:
        self._given += len(raw)
        self._sent += len(out)
        return out

    def _end(self) -> str:
        out = "" if self._json.in_string else "".join(map(self._wait, self._json.finish()))
        out += self._take_waiting()
        if self._closed:
            return out
        if self._string is not None:  # cut short, perhaps inside an escape
            half = self._json.held
            out += self._close_string("")
            out += "" if self._closed else self._write(half, half)
        if self._plain is not None:
            out += self._plain.finish()
            self._note_plain()
        self._closed = True
        return out

    # -- what is no JSON --

    def _as_plain(self, part: str) -> str:
        """From here on the document is a plain text."""
        if self._plain is None:
            self._plain, self._plain_from = self._open_text(), (self._given, self._sent)
        out = self._plain.feed(part)
        self._note_plain()
        return out

    def _note_plain(self) -> None:
        if self._plain is not None and self._plain.blocked:
            self.blocked = True
            self._closed = self._plain.ended

    # -- strings and numbers --

    def _literal(self, raw: str) -> str:
        if not _NUMBER.match(raw):
            return self._write(raw, raw)
        screened = self._screen(raw, self._key)
        if screened is None:
            return ""
        pieces, findings = screened
        places = range(len(raw) + 1)
        if all(piece.new is None for piece in pieces):
            return self._place(raw, raw, pieces, findings, places=places, opening=0)
        # What is left of a number is no number.
        new = "".join(raw[piece.start : piece.end] if piece.new is None else piece.new for piece in pieces)
        out = f'"{escaped(new)}"'
        return self._place(raw, out, [_Piece(0, len(raw), new)], findings, places=places, opening=1)

    def _close_string(self, quote: str) -> str:
        """Screens the string that is held; `quote` is what ends it."""
        inner = "".join(self._string or ())
        self._string = None
        text, places = _read(inner)
        screened = self._screen(text, "" if self._is_key else self._key)
        if self._is_key:
            self._keys[-1] = text
        if screened is None:
            return ""
        pieces, findings = screened
        raw = f'"{inner}{quote}'
        out = "".join(
            raw[places[piece.start] : places[piece.end]] if piece.new is None else escaped(piece.new)
            for piece in pieces
        )
        return self._place(raw, f'"{out}{quote}', pieces, findings, places=places, opening=1)

    def _place(
        self,
        raw: str,
        out: str,
        pieces: list[_Piece],
        findings: Sequence[Finding],
        *,
        places: Sequence[int],
        opening: int,
    ) -> str:
        """Notes where the findings of a token are in the document, and writes the token. `places` are the
        characters of its value in its raw form, `opening` is the length of what is written before it.
        """
        starts = [piece.start for piece in pieces]
        written = [self._sent + opening]  # where each piece begins in what leaves
        for piece in pieces:
            size = places[piece.end] - places[piece.start] if piece.new is None else len(escaped(piece.new))
            written.append(written[-1] + size)
        for finding in findings:
            first, last = bisect_right(starts, finding.start) - 1, bisect_left(starts, finding.end) - 1
            output_start, output_end = written[first], written[last + 1]
            if pieces[first].new is None:
                output_start += places[finding.start] - places[pieces[first].start]
            if pieces[last].new is None:
                output_end -= places[pieces[last].end] - places[finding.end]
            self._findings.append(
                finding._replace(
                    start=self._given + places[finding.start],
                    end=self._given + places[finding.end],
                    output_start=output_start,
                    output_end=output_end,
                )
            )
        return self._write(raw, out)

    def _screen(self, value: str, key: str) -> tuple[list[_Piece], list[Finding]] | None:
        """The value through the chain: its pieces, and the findings, which index it. None where it may not
        leave.
        """
        before, behind = _frame(value, key)
        stream = self._open_text()
        out = stream.whole(f"{before}{value}{behind}")
        self.blocked = self.blocked or stream.blocked
        if stream.ended:
            self._closed = True
            self._findings += [
                f._replace(
                    start=self._given,
                    end=self._given + max(len(value), 1),
                    output_start=self._sent,
                    output_end=self._sent,
                )
                for f in stream.findings
            ]
            return None
        start, end = len(before), len(before) + len(value)
        inside = [f for f in stream.findings if f.start < end and f.end > start]
        clipped = [f._replace(start=max(f.start, start) - start, end=min(f.end, end) - start) for f in inside]
        return _pieces(value, out, inside, start), clipped


def _read(inner: str) -> tuple[str, Sequence[int]]:
    """The value of a string, and where each of its characters begins in the raw form, behind the quote."""
    if "\\" not in inner:
        return inner, range(1, len(inner) + 2)
    read = units(inner)
    places = [1]
    for _, written in read:
        places.append(places[-1] + len(written))
    return "".join(char for char, _ in read), places


def _frame(value: str, key: str) -> tuple[str, str]:
    """What a value is read between, so that its key tells what it is."""
    fenced = "```" in value or "~~~" in value
    if not value or len(value) > _LONGEST_WITH_KEY or fenced or not _TELLING_KEY.fullmatch(key):
        return "", ""
    return f'"{key}": "', '"'


def _pieces(value: str, out: str, findings: Sequence[Finding], start: int) -> list[_Piece]:
    """What became of a value that stands at `start` of a text, by that text's sanitized form and findings."""
    pieces: list[_Piece] = []
    at = 0
    for first, last, new in _regions(out, findings):
        first, last = max(first - start, 0), min(last - start, len(value))
        if first > at:
            pieces.append(_Piece(at, first, None))
        pieces.append(_Piece(first, last, new))
        at = last
    if at < len(value):
        pieces.append(_Piece(at, len(value), None))
    return pieces


def _regions(out: str, findings: Sequence[Finding]) -> list[tuple[int, int, str]]:
    """The stretches that were rewritten, and what is there now. Overlapping ones are one."""
    regions: list[tuple[int, int, int, int]] = []
    for f in sorted(findings, key=lambda f: (f.start, f.end)):
        if f.action is Action.FLAG:
            continue
        region = (f.start, f.end, f.output_start, f.output_end)
        if regions and f.start < regions[-1][1]:
            old = regions.pop()
            region = (old[0], max(old[1], f.end), min(old[2], f.output_start), max(old[3], f.output_end))
        regions.append(region)
    return [(start, end, out[out_start:out_end]) for start, end, out_start, out_end in regions]


def _moved(findings: Sequence[Finding], given: int, sent: int) -> list[Finding]:
    """The findings of a text that begins at these places of the document, as it came and as it left."""
    return [
        f._replace(
            start=f.start + given,
            end=f.end + given,
            output_start=f.output_start + sent,
            output_end=f.output_end + sent,
        )
        for f in findings
    ]


class ArgumentsRestorer:
    """Puts the caller's own values back into the arguments of one call of a tool, while they stream.

    Only inside the arguments that the policy names for the tool, in the values of their strings (at any
    depth), JSON-escaped, and never inside a URL or a tag that such a string holds. Where the arguments are no
    JSON, nothing is restored from there on.
    """

    def __init__(self, placeholders: Placeholders, policy: Policy, tool: str) -> None:
        self._named = frozenset(policy.tools.get(tool, ()) if policy.restore else ())
        self._restorer = Restorer(placeholders, "off", unrestored=policy.unrestored)
        self._json = JsonReader()
        self._depth = 0
        self._key: list[str] | None = None  # an argument's name while it is read, raw
        self._is_named = False
        self._string: StringRestorer | None = None

    def restore(self, text: str) -> str:
        """All of the arguments. A restorer is good for one call."""
        return self.feed(text) + self.finish()

    def feed(self, text: str) -> str:
        """What may leave now."""
        return "".join(map(self._take, self._json.feed(text)))

    def finish(self) -> str:
        """The rest."""
        return "".join(map(self._take, self._json.finish())) + self._close()

    def _take(self, token: Token) -> str:
        kind, part = token
        if kind is Kind.TEXT:
            if self._key is not None:
                self._key.append(part)
            return self._string.feed(part) if self._string else part
        if kind in (Kind.CLOSE, Kind.BROKEN):
            held = self._close()
            if self._key is not None:
                self._is_named = "".join(char for char, _ in units("".join(self._key))) in self._named
                self._key = None
            return held + part
        if kind is Kind.OPEN_KEY and self._depth == 1:
            self._key = []
        elif kind is Kind.OPEN and self._is_named:
            self._string = self._restorer.string()
        elif part in ("{", "["):
            self._depth += 1
        elif part in ("}", "]"):
            self._depth -= 1
        return part

    def _close(self) -> str:
        """What of the open string is still held."""
        string, self._string = self._string, None
        return string.feed("", last=True) if string else ""
