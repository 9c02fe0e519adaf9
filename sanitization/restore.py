"""
Puts the caller's own values back into the caller's copy of an answer, in one pass while it streams.

Only placeholders of the prompt are turned back, and the variants of them that `sanitization.variants` is sure
of; a value that was put in is never looked at again. What a value can do depends on where it would stand, so
it stays a placeholder

    in a URL                              a model could send it somewhere: https://x.example/?q=[EMAIL_1]
    in a Markdown link or image target,   the same, without a click where images load by themselves
      or a reference definition
    in an HTML tag                        it could end the attribute
    right behind `<` or `</`              it could begin a tag; an e-mail address there is an autolink

and everywhere else it is inserted as text. In `html` mode that means HTML-escaped. In `markdown` mode the
characters with which a value could begin markup or a link, or open or close code, become entities: `<`, `[`,
`]`, the backtick, and `~` in threes. Those that only style (`_`, `*`) stay, because they stand in ordinary
addresses and a reader wants to copy them; so does `&`. In code an entity shows as it is written, which is
ugly and harmless. In `off` mode nobody renders the text, and values are inserted as they are.

An answer that begins with `{` or `[` and has been JSON so far is read as JSON: inside its strings, which are
read with their escapes resolved, a value is JSON-escaped as well. In `markdown` mode what would become an
entity is a `\\u` escape there, so that a program reads the very value, and a page that shows the JSON shows
nothing alive.

Where the state of the text is in doubt, the placeholder stays. Control bytes of a value stay away everywhere.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from html import escape

from sanitization.json_text import JsonReader, Kind, escaped, units
from sanitization.placeholders import Placeholders
from sanitization.policies import HtmlMode
from sanitization.positions import Trace
from sanitization.variants import BARE, BRACKETED, OPENING, Names

# What changes where we are. Blanks do where they end something, line ends always.
_MARKS = r"\]\(|\]:|\\\)|[()>{}]|<[A-Za-z/!?]|//|[wW]{{3}}\."
_NAME = rf"(?P<bracketed>{BRACKETED})|(?P<bare>{BARE})"
_MARK = re.compile(_MARKS.format(r"\s"), re.ASCII)
# All that a name or a mark begins with: five times as fast as to try each of them at each character.
_FIRST = r"(?=[A-Zw\\/()\[\]{{}}<>［【{0}])"


def _events(blanks: str) -> re.Pattern[str]:
    return re.compile(f"{_FIRST.format(blanks)}(?:{_NAME}|{_MARKS.format(blanks)})", re.ASCII)


_EVENT = _events(r"\s")
_CALM_EVENT = _events(r"\n\r\v\f\x1c-\x1f")
# Most of what models write, piece by piece: nothing begins in it, and where it is calm, nothing ends.
_DULL = re.compile(r"[a-vx-z0-9 ,;:.!?'\"-]+")
# Ends that may be the beginning of a mark.
_HALF_MARK = re.compile(r"(?:[wW]{1,3}|[\]\\</])\Z")
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+")
# What a terminal would obey, and half surrogate pairs: answers have none, so values bring none.
_CONTROLS = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")
_LIVELY = re.compile(r"[<\[\]`]|~(?=~~)|(?<=~)~(?=~)|(?<=~~)~")


@dataclass(slots=True)
class _Place:
    """Where in the answer the next value would stand."""

    html_mode: HtmlMode
    behind_angle: bool = False
    in_url: bool = False
    in_tag: bool = False
    parentheses: int = 0  # open ones of a link target
    bracket_first: bool | None = None  # what the line began with; None before anything has
    definition: bool | None = None  # of a link: None outside, then whether its target has begun
    line_feeds: int = 0  # in a row, with nothing but blanks between; so that \r\n counts once
    returns: int = 0

    @property
    def forbidden(self) -> bool:
        return self.in_url or self.in_tag or self.parentheses > 0 or self.definition is not None

    @property
    def calm(self) -> bool:
        """Whether a blank changes nothing but what stands right before."""
        return not self.in_url and self.definition is None

    def text(self, plain: str) -> None:
        """Goes over text without events; where it is calm, blanks are none."""
        self.behind_angle = plain.endswith("<")
        if not plain.strip(" \t"):
            return
        self.line_feeds = self.returns = 0
        if self.definition is not None:
            self.definition = True
        if self.bracket_first is None and (first := re.search(r"[A-Za-z_\[]", plain)):
            self.bracket_first = first[0] == "["

    def blank(self, char: str) -> None:
        self.behind_angle = self.in_url = False
        if char not in "\r\n":
            return
        self.line_feeds += char == "\n"
        self.returns += char == "\r"
        self.bracket_first = None
        if self.definition:
            self.definition = None
        if max(self.line_feeds, self.returns) > 1:  # a blank line ends every construct of Markdown
            self.parentheses, self.definition = 0, None
            self.in_tag = self.in_tag and self.html_mode == "html"

    def mark(self, event: str) -> None:
        """Goes over an event that is not blank."""
        if event == "//" or event.endswith("."):
            self.in_url = True
        elif event[0] in "<>":
            self.in_tag = event[0] == "<"
        elif event == "](" or (event == "(" and self.parentheses):
            self.parentheses += 1
        elif event == ")" and self.parentheses:
            self.parentheses -= 1
        self.text(event)
        if event == "]:" and self.bracket_first and self.definition is None:
            self.definition = False

    def value(self, value: str, *, in_json: bool) -> str | None:
        """What to write for this value here; None where the placeholder stays."""
        if self.forbidden:
            return None
        if self.html_mode == "off":
            return escaped(value) if in_json else value
        if self.behind_angle:
            return value if self.html_mode == "markdown" and _ADDRESS.fullmatch(value) else None
        if self.html_mode == "html":
            return escaped(escape(value)) if in_json else escape(value)
        if in_json:
            return _LIVELY.sub(lambda char: f"\\u{ord(char[0]):04x}", escaped(value))
        return _LIVELY.sub(lambda char: f"&#{ord(char[0])};", value)


# So many characters that stay as they are (None), or that this stands for.
Step = tuple[int, str | None]


class _Reader:
    """Goes over one text and says what to do with it. Holds back only what more text could change."""

    def __init__(self, names: Names, values: dict[str, str], place: _Place, *, in_json: bool) -> None:
        self._names = names
        self._values = values
        self._in_json = in_json
        self.place = place
        self._text = ""
        self._at = 0  # what stands before is done, and only kept because patterns look back

    def feed(self, text: str, *, last: bool) -> list[Step]:
        if self.place.calm and self._at == len(self._text) and _DULL.fullmatch(text):
            self.place.text(text)
            self._text, self._at = text[-1], 1
            return [(len(text), None)]
        text, at = self._text + text, self._at
        end = len(text) if last else self._hold(text, at)
        steps: list[Step] = []
        while at < end:
            event = (_CALM_EVENT if self.place.calm else _EVENT).search(text, at)
            if event is None or event.start() >= end:
                break
            start = event.start()
            if start > at:
                self.place.text(text[at:start])
                steps.append((start - at, None))
            step = self._take(text, event)
            steps.append(step)
            at = start + step[0]
        if at < end:
            self.place.text(text[at:end])
            steps.append((end - at, None))
            at = end
        self._text, self._at = text[max(at - 1, 0) :], min(at, 1)
        return steps

    @property
    def held(self) -> str:
        return self._text[self._at :]

    def _hold(self, text: str, at: int) -> int:
        """Where the longest tail begins that more text could make something else."""
        half = _HALF_MARK.search(text, max(at, len(text) - 3))
        end = half.start() if half else len(text)
        for opening in OPENING.finditer(text, max(at, len(text) - self._names.reach)):
            if opening.start() >= end:
                break
            if self._names.may_become(text[opening.start() :]):
                return opening.start()
        return end

    def _take(self, text: str, event: re.Match[str]) -> Step:
        """Goes over an event, or over the first character of what only looks like a placeholder."""
        found, name = event.group(), None
        if event.lastgroup == "bracketed":
            name = self._names.bracketed(found, following=text[event.end() : event.end() + 1])
        elif event.lastgroup == "bare":
            name = self._names.bare(found)
        if name is not None and (value := self._value(name)) is not None:
            self.place.text("x")
            return len(found), value
        kind = event.lastgroup
        if kind == "bracketed":
            kind, found = self._beginning(text, event, is_name=name is not None)
        if found.isspace():
            self.place.blank(found)
        elif kind is None:
            self.place.mark(found)
        else:
            self.place.text(found)
        return len(found), None

    def _beginning(self, text: str, event: re.Match[str], *, is_name: bool) -> tuple[str | None, str]:
        """What to go over of a bracketed text that stays, and the kind of event it is."""
        found = event.group()
        if mark := _MARK.match(text, event.start()):
            return None, mark.group()
        if is_name and not any(char.isspace() for char in found):
            return "bracketed", found[:-1]  # its bracket may begin `](`
        return "bracketed", found[0]

    def _value(self, name: str) -> str | None:
        value = self._values.get(name)
        return None if value is None else self.place.value(value, in_json=self._in_json)


class StringRestorer:
    """The contents of one JSON string: read with escapes resolved, written as they were."""

    def __init__(self, reader: _Reader, trace: Trace | None = None) -> None:
        self.reader = reader
        self._trace = trace
        self._raw: list[str] = []  # how each held character was written

    def feed(self, raw: str, *, last: bool = False) -> str:
        pieces = units(raw)
        self._raw += [written for _, written in pieces]
        steps = self.reader.feed("".join(char for char, _ in pieces), last=last)
        out: list[str] = []
        at = 0
        for count, value in steps:
            out += self._raw[at : at + count] if value is None else [value]
            if self._trace is not None:
                self._trace.note(sum(map(len, self._raw[at : at + count])), value)
            at += count
        del self._raw[:at]
        return "".join(out)


class Restorer:
    """For one answer. `feed` and `finish` give what may leave; `restore` is for a text that is whole.

    Values of the rules in `unrestored` stay placeholders. Holds back only a tail that may become a
    placeholder, never much more than the longest of them.
    """

    def __init__(
        self,
        placeholders: Placeholders,
        html_mode: HtmlMode,
        *,
        unrestored: Collection[str] = (),
    ) -> None:
        self._values = {
            name: _CONTROLS.sub("", value) for name, value in placeholders.restorable(unrestored).items()
        }
        self._names = Names(placeholders.entries)
        self._mode = html_mode
        self._plain = _Reader(self._names, self._values, _Place(html_mode), in_json=False)
        self._json: JsonReader | None = JsonReader(containers_only=True)
        self._string: StringRestorer | None = None
        self._text = ""
        self._trace: Trace | None = None

    def __repr__(self) -> str:
        return f"<restorer of {len(self._values)} values>"

    def trace(self) -> Trace:
        """What becomes of each stretch of the text, if it is asked for before the first piece."""
        self._trace = self._trace or Trace()
        return self._trace

    def restore(self, text: str) -> str:
        """All of a text. A restorer is good for one."""
        return self.feed(text) + self.finish()

    def feed(self, text: str) -> str:
        """What may leave now."""
        if self._values:
            return self._pass(text, last=False)
        if self._trace is not None:
            self._trace.note(len(text), None)
        return text

    def finish(self) -> str:
        """The rest."""
        return self._pass("", last=True) if self._values else ""

    def string(self) -> StringRestorer:
        """For the contents of one string of a JSON document, in raw form."""
        place = _Place(self._mode)
        reader = _Reader(self._names, self._values, place, in_json=True)
        return StringRestorer(reader, self._trace)

    def _pass(self, text: str, *, last: bool) -> str:
        if self._json is None:
            return self._read(text, last=last)
        out: list[str] = []
        tokens = self._json.feed(text) + (self._json.finish() if last else [])
        for kind, part in tokens:
            if kind is Kind.BROKEN:
                out.append(self._break())
            if kind is Kind.TEXT and self._string is not None:
                out.append(self._string.feed(part))
                continue
            if kind is Kind.CLOSE and self._string is not None:
                out.append(self._string.feed("", last=True))
                self._string = None
            out.append(self._read(part, last=False))
            if kind in (Kind.OPEN, Kind.OPEN_KEY):
                self._string = self.string()
        if last:
            out += [self._break(), self._read("", last=True)]
        return "".join(out)

    def _break(self) -> str:
        """What follows is no JSON, and where the last string was, the text goes on."""
        out = ""
        if self._string is not None:
            out = self._read("", last=True) + self._string.feed("", last=True)
            self._plain.place = self._string.reader.place
        self._string = self._json = None
        return out

    def _read(self, text: str, *, last: bool) -> str:
        text_, out, at = self._plain.held + text, [], 0
        for count, value in self._plain.feed(text, last=last):
            out.append(text_[at : at + count] if value is None else value)
            if self._trace is not None:
                self._trace.note(count, value)
            at += count
        return "".join(out)
