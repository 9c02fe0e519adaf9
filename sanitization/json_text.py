r"""
Reads JSON (RFC 8259) while it arrives, as text: what is a string, what is a number, what only holds them
together. Keeps every character, so that what is not changed can be written as it was.

    {"a": [1, "b\n"]}      {  "  a  "  :  blank  [  1  ,  blank  "  b\n  "  ]  }
                           MARK OPEN_KEY TEXT CLOSE MARK …  LITERAL  …

It is strict about structure, escapes and literals. Raw control characters in strings pass, because readers
that let them pass exist, and what such a reader sees must have been looked at. From the first character that
no JSON has in its place, the text is BROKEN. Nesting is bounded, so memory is too.
"""

import re
from enum import Enum
from json.decoder import scanstring  # type: ignore[attr-defined]  # what `json.loads` itself uses

MAX_DEPTH = 500  # Python's own parser gives up at about twice that
MAX_LITERAL = 400

_BLANKS = " \t\n\r"
_STRUCTURE = re.compile(r"[ \t\n\r]+|[{}\[\],:\"]|[-+.0-9A-Za-z]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NUMBER_BEGINNING = re.compile(
    r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|(?:0|[1-9][0-9]*)(?:\.[0-9]+)?[eE][+-]?[0-9]*)?"
)
_WORDS = ("true", "false", "null")
_ESCAPE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})')
_ESCAPE_BEGINNING = re.compile(r"\\(?:u[0-9A-Fa-f]{0,3})?\Z")
_HIGH = re.compile(r"\\u[dD][89abAB][0-9A-Fa-f]{2}\Z")
_HIGH_AND_MORE = re.compile(r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\(?:u(?:[dD](?:[c-fC-F][0-9A-Fa-f]?)?)?)?\Z")
_UNIT = re.compile(
    r"\\u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\.|[^\\]", re.DOTALL
)
_STOP = re.compile(r'["\\]')
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_NEEDS_ESCAPE = re.compile('["\\\\\x00-\x1f]')


class Kind(Enum):
    """What a stretch of JSON text is. TEXT holds whole escapes, and both halves of a pair."""

    MARK = "blanks, braces, brackets, commas, colons"
    OPEN_KEY = "the quote before a key"
    OPEN = "the quote before another string"
    TEXT = "contents of a string, as written"
    CLOSE = "the quote behind a string"
    LITERAL = "a number, true, false or null"
    BROKEN = "no JSON any more"


Token = tuple[Kind, str]


class _Expected(Enum):
    VALUE = 1
    VALUE_OR_END = 2
    KEY = 3
    KEY_OR_END = 4
    COLON = 5
    COMMA_OR_END = 6
    END = 7


class JsonReader:
    """One document. With `containers_only`, it has to be an object or an array.

    The tokens' texts together are the text; their borders depend on the cuts, their kinds do not.
    """

    def __init__(self, *, containers_only: bool = False) -> None:
        self._containers_only = containers_only
        self._expected = _Expected.VALUE
        self._stack = bytearray()
        self.in_string = False
        self._held = ""  # part of a literal or of an escape
        self.broken = False

    @property
    def held(self) -> str:
        """What has been given and is not in a token yet."""
        return self._held

    def feed(self, text: str) -> list[Token]:
        return self._read(text, last=False)

    def finish(self) -> list[Token]:
        return self._read("", last=True)

    def _read(self, text: str, *, last: bool) -> list[Token]:
        text, self._held = self._held + text, ""
        tokens: list[Token] = []
        at = 0
        while at < len(text) and not self.broken:
            step = self._string if self.in_string else self._structure
            token = step(text, at, last=last)
            if token is None:
                self._held = text[at:]
                return tokens
            at += len(token[1])
            tokens.append(token)
        if at < len(text):
            tokens.append((Kind.BROKEN, text[at:]))
        return tokens

    def _break(self) -> Token:
        self.broken = True
        return Kind.BROKEN, ""

    # -- inside a string --

    def _string(self, text: str, at: int, *, last: bool) -> Token | None:
        """The next stretch of contents, or the closing quote; None where more text must decide."""
        stop = _STOP.search(text, at)
        if stop is None:
            return Kind.TEXT, text[at:]
        if stop.start() > at:
            return Kind.TEXT, text[at : stop.start()]
        if stop.group() == '"':
            self.in_string = False
            return Kind.CLOSE, '"'
        unit = _ESCAPE.match(text, at)
        if unit is None:
            open_ended = _ESCAPE_BEGINNING.match(text, at) is not None
            return None if open_ended and not last else self._break()
        pair = _UNIT.match(text, at)
        assert pair is not None
        if pair.end() - at == 6 and not last and (_HIGH.match(text, at) or _HIGH_AND_MORE.match(text, at)):
            return None  # the other half of a pair may follow
        return Kind.TEXT, pair.group()

    # -- outside --

    def _structure(self, text: str, at: int, *, last: bool) -> Token | None:
        found = _STRUCTURE.match(text, at)
        if found is None:
            return self._break()
        part = found.group()
        if part[0] in _BLANKS:
            return Kind.MARK, part
        if part[0] in "{[":
            return self._open(part)
        if part[0] in "}]":
            return self._close(part)
        if part == '"':
            return self._open_string()
        if part == ",":
            return self._comma()
        if part == ":":
            return self._expect(_Expected.COLON, then=_Expected.VALUE, part=part)
        return self._literal(part, is_whole=found.end() < len(text) or last)

    def _value_expected(self) -> bool:
        return self._expected in (_Expected.VALUE, _Expected.VALUE_OR_END)

    def _after_value(self) -> None:
        self._expected = _Expected.COMMA_OR_END if self._stack else _Expected.END

    def _open(self, part: str) -> Token:
        if not self._value_expected() or len(self._stack) >= MAX_DEPTH:
            return self._break()
        self._stack += part.encode()
        self._expected = _Expected.KEY_OR_END if part == "{" else _Expected.VALUE_OR_END
        return Kind.MARK, part

    def _close(self, part: str) -> Token:
        empty = _Expected.KEY_OR_END if part == "}" else _Expected.VALUE_OR_END
        opening = b"{" if part == "}" else b"["
        if self._expected not in (empty, _Expected.COMMA_OR_END) or not self._stack.endswith(opening):
            return self._break()
        self._stack.pop()
        self._after_value()
        return Kind.MARK, part

    def _open_string(self) -> Token:
        if self._expected in (_Expected.KEY, _Expected.KEY_OR_END):
            self.in_string, self._expected = True, _Expected.COLON
            return Kind.OPEN_KEY, '"'
        if not self._value_expected() or (self._containers_only and not self._stack):
            return self._break()
        self.in_string = True
        self._after_value()
        return Kind.OPEN, '"'

    def _comma(self) -> Token:
        then = _Expected.KEY if self._stack.endswith(b"{") else _Expected.VALUE
        return self._expect(_Expected.COMMA_OR_END, then=then, part=",")

    def _expect(self, expected: _Expected, *, then: _Expected, part: str) -> Token:
        if self._expected is not expected:
            return self._break()
        self._expected = then
        return Kind.MARK, part

    def _literal(self, part: str, *, is_whole: bool) -> Token | None:
        if (
            not self._value_expected()
            or len(part) > MAX_LITERAL
            or (self._containers_only and not self._stack)
        ):
            return self._break()
        if not is_whole:
            may_become = _NUMBER_BEGINNING.fullmatch(part) or any(word.startswith(part) for word in _WORDS)
            return None if may_become else self._break()
        if not (_NUMBER.fullmatch(part) or part in _WORDS):
            return self._break()
        self._after_value()
        return Kind.LITERAL, part


def units(raw: str) -> list[tuple[str, str]]:
    """The characters that the contents of a JSON string stand for, each with how it was written."""
    if "\\" not in raw:
        return [(char, char) for char in raw]
    return [(_decoded(found[0]), found[0]) for found in _UNIT.finditer(raw)]


def _decoded(unit: str) -> str:
    return unit if unit[0] != "\\" else str(scanstring(f'{unit}"', 0, False)[0])


def escaped(text: str) -> str:
    """This text as contents of a JSON string. Half surrogate pairs, which UTF-8 cannot hold, are escaped."""
    if _NEEDS_ESCAPE.search(text) is None and _HALF_PAIR.search(text) is None:
        return text
    return _HALF_PAIR.sub(
        lambda half: f"\\u{ord(half[0]):04x}", _NEEDS_ESCAPE.sub(lambda char: _ESCAPES[char[0]], text)
    )


_ESCAPES = {chr(code): f"\\u{code:04x}" for code in range(0x20)} | {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
