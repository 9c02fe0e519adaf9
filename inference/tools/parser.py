"""
Finds calls of tools in an answer while it comes.

    TEXT ──opener──► HEAD ──name, `{`──► ARGUMENTS ──`}`──► TAIL ──► AFTER ──► TEXT, or the next HEAD
      ▲               │ no call, or of a tool that nobody offered
      └───────────────┘

What is no call is text, the opener with it. Arguments leave while they come. What is held back has a bound,
and how the answer is cut changes nothing. Pure: no clock, no model.
"""

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from inference.backends import CallPiece, Piece
from inference.tools.notations import Notation

MOST_HEAD = 4096  # characters before the arguments, or of a call whose arguments come before its name
MOST_TAIL = 256
MOST_BLANKS = 16
MOST_CALLS = 128
MOST_DEPTH = 500

Event = Piece | CallPiece

_BLANKS = re.compile(r"[ \t\r\n]*+")
_STRING = re.compile(r'"(?>(?:[^"\\]|\\.)*)"', re.DOTALL)
_SCALAR = re.compile(r"-?[0-9][0-9.eE+-]*+|true|false|null")
_NAMED = re.compile(
    r"([A-Za-z0-9_.\[\]-]{1,200}?)(?:\[CALL_ID\][A-Za-z0-9_-]{1,64})?(?:\[ARGS\])?(?=[ \t\r\n]*+\{)"
)
_NAME_BEGINNING = re.compile(r"[A-Za-z0-9_.\[\]-]{0,300}[ \t\r\n]{0,16}\Z")
_TAIL = re.compile(
    r'[ \t\r\n]*+(?>(?:,[ \t\r\n]*+"(?>(?:[^"\\]|\\.)*)"[ \t\r\n]*+:[ \t\r\n]*+'
    r'(?:"(?>(?:[^"\\]|\\.)*)"|[^\s,{}\[\]"]++)[ \t\r\n]*+)*)\}',
    re.DOTALL,
)
# In an object, outside of its strings: what changes the depth, and what begins a closer.
_EVENT = re.compile(r'["{}\[\]<]')
_STRING_EVENT = re.compile(r'["\\]')


class ObjectEnd:
    """Looks for the end of a JSON object. Most of what no JSON has there belongs to it too
    (`{"to": ann@x.io}`): of a value that is half in arguments and half in text, nobody would see what it is.
    At `<` it is none any more: a model that forgets a brace still writes its closer."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = self._is_escaped = False

    def find(self, text: str, at: int = 0) -> tuple[int, bool]:
        """Up to where `text` belongs to the object, and whether that is its end."""
        while at < len(text):
            if self._is_escaped:
                self._is_escaped = False
                at += 1
                continue
            found = (_STRING_EVENT if self._in_string else _EVENT).search(text, at)
            if found is None:
                return len(text), False
            at, sign = found.end(), found.group()
            if self._in_string:
                self._is_escaped, self._in_string = sign == "\\", sign == "\\"
            elif sign == '"':
                self._in_string = True
            elif sign in "{[":
                self._depth += 1
            elif sign in "}]":
                self._depth -= 1
                if self._depth == 0:
                    return at, True
            else:
                return found.start(), True
            if self._depth > MOST_DEPTH:
                return found.start(), True
        return at, False


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a call, `end` characters long. `arguments` are all of them, where they stand in it."""

    name: str
    end: int
    arguments: str | None = None
    is_plain: bool = False  # name and arguments without an object around them


class _More(Exception):
    """The text ends before it can be said what it is."""


class CallParser:
    """One answer. `names` are the tools that may be called; `called` counts the calls so far. Without
    `is_parallel`, a second call and what comes behind it are dropped."""

    def __init__(
        self, notation: Notation, names: Collection[str], *, choice: int = 0, is_parallel: bool = True
    ) -> None:
        self._notation = notation
        self._names = names
        self._choice = choice
        self._most = MOST_CALLS if is_parallel else 1
        self._held = ""
        self._before = ""  # of a head: what is text too where it turns out to be no call
        self._step: Callable[[bool], list[Event] | None] = self._text
        self._may_be_bare = notation.is_bare
        self._is_behind_call = self._in_list = False
        self._is_plain = False
        self._end = ObjectEnd()
        self.called = 0

    def feed(self, text: str) -> list[Event]:
        """What is certain now."""
        self._held += text
        return self._read(last=False)

    def finish(self) -> list[Event]:
        """The rest."""
        return self._read(last=True)

    def _read(self, *, last: bool) -> list[Event]:
        events: list[Event] = []
        while self._held and (step := self._step(last)) is not None:
            events += step
        return events

    def _say(self, text: str) -> list[Event]:
        return [Piece(text, self._choice)] if text else []

    def _take(self, size: int) -> str:
        taken, self._held = self._held[:size], self._held[size:]
        return taken

    # -- the states: None needs more --

    def _text(self, last: bool) -> list[Event] | None:
        if self._is_behind_call:
            self._held = self._held.lstrip(" \t\r\n")
            if not self._held:
                return None
        if self._may_be_bare:
            at = _blanks(self._held, 0)
            if at == len(self._held) and not last and at <= MOST_BLANKS:
                return None
            self._may_be_bare = False
            if self._held[at : at + 1] == "{" and at <= MOST_BLANKS:
                self._before, self._step = self._take(at), self._head
                return []
        self._is_behind_call = False
        at = self._held.find(self._notation.opener)
        if at >= 0:
            start = self._start_of_blanks(at)
            text = self._take(start)
            self._before = self._take(at - start + len(self._notation.opener))
            self._step = self._head
            return self._say(text)
        size = len(self._held) if last else self._start_of_blanks(len(self._held) - self._beginning())
        return self._say(self._take(size)) if size else None

    def _head(self, last: bool) -> list[Event] | None:
        try:
            head = self._head_of(self._held)
        except _More:
            if not last and len(self._held) <= MOST_HEAD:
                return None
            head = None
        if head is None or head.end > MOST_HEAD or head.name not in self._names:
            text, self._before = self._before, ""
            self._step = self._text
            return self._say(text)
        if self.called == self._most:
            self._step = self._drop
            return []
        self._take(head.end)
        self._is_plain, self._end = head.is_plain, ObjectEnd()
        self._step = self._arguments if head.arguments is None else self._after
        self.called += 1
        return [CallPiece(self.called - 1, head.name, head.arguments or "", self._choice)]

    def _arguments(self, last: bool) -> list[Event] | None:
        size, is_end = self._end.find(self._held)
        if is_end:
            self._step = self._after if self._is_plain else self._tail
        text = self._take(size)
        return [CallPiece(self.called - 1, "", text, self._choice)] if text else []

    def _tail(self, last: bool) -> list[Event] | None:
        found = _TAIL.match(self._held)
        if found is not None and found.end() <= MOST_TAIL:
            self._take(found.end())
        else:
            following = self._held.lstrip(" \t\r\n")[:1]
            if following in ("", ",") and not last and len(self._held) <= MOST_TAIL:
                return None
        self._step = self._after
        return []

    def _after(self, last: bool) -> list[Event] | None:
        self._held = self._held.lstrip(" \t\r\n")
        if not self._held:
            return None
        closer, self._is_behind_call = self._notation.closer, True
        if closer:
            if not last and len(self._held) < len(closer) and closer.startswith(self._held):
                return None
            if self._held.startswith(closer):
                self._take(len(closer))
        elif self._in_list and self._held[0] in ",]":
            self._before = self._take(1)
            self._in_list = self._before == ","
            if self._in_list:
                self._step = self._head
                return []
        elif self._notation.is_bare:
            if self._held[0] == ";":
                self._take(1)
            self._may_be_bare = True
        self._step = self._text
        return []

    def _drop(self, last: bool) -> list[Event] | None:
        self._held = ""
        return None

    # -- what is held --

    def _beginning(self) -> int:
        """How much of the end may be the beginning of an opener."""
        opener = self._notation.opener
        longest = min(len(self._held), len(opener) - 1)
        return next((size for size in range(longest, 0, -1) if self._held.endswith(opener[:size])), 0)

    def _start_of_blanks(self, end: int) -> int:
        """Where the blanks before `end` begin, a few of them at most: they go with a call."""
        least = max(0, end - MOST_BLANKS)
        return least + len(self._held[least:end].rstrip(" \t\r\n"))

    def _head_of(self, text: str) -> Head | None:
        """The head that `text` begins with; None where it begins with none. Raises _More."""
        at = _blanks(text, 0)
        if self._notation.is_list and not self._in_list and text[at : at + 1] == "[":
            at = _blanks(text, at + 1)
            head = _head_of_object(text, at)
            self._in_list = head is not None and head.name in self._names
            return head
        if at < len(text) and text[at] == "{":
            return _head_of_object(text, at)
        if at == len(text):
            raise _More
        return self._named_head(text, at) if self._notation.is_list and not self._in_list else None

    @staticmethod
    def _named_head(text: str, at: int) -> Head | None:
        """`name{`, `name[ARGS]{` or `name[CALL_ID]id[ARGS]{`."""
        found = _NAMED.match(text, at)
        if found is not None:
            return Head(found[1], _blanks(text, found.end()), is_plain=True)
        if _NAME_BEGINNING.match(text, at):
            raise _More
        return None


def _blanks(text: str, at: int) -> int:
    """Where the blanks at `at` end."""
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _expect(text: str, at: int, signs: str) -> tuple[str, int]:
    """The sign there, blanks before it left out, and where what follows it begins; empty for another one."""
    at = _blanks(text, at)
    if at == len(text):
        raise _More
    return (text[at], _blanks(text, at + 1)) if text[at] in signs else ("", at)


def _value(text: str, at: int) -> tuple[object, int] | None:
    """A string or another scalar there, and where it ends."""
    if at == len(text):
        raise _More
    found = (_STRING if text[at] == '"' else _SCALAR).match(text, at)
    if found is None:
        if text[at] == '"' or (len(text) - at < 5 and text[at:].isalpha()) or text[at:] == "-":
            raise _More
        return None
    if found.end() == len(text) and text[at] != '"':
        raise _More  # a number may go on
    try:
        return json.loads(found.group(), strict=False), found.end()
    except ValueError:
        return None


def _head_of_object(text: str, at: int) -> Head | None:
    """`{"name": "…", "arguments": {`, in either order, other scalars between them."""
    sign, at = _expect(text, at, "{")
    name: object = None
    arguments: str | None = None
    while sign:
        key = _value(text, at) if text[at : at + 1] in ('"', "") else None
        if key is None:
            return None
        sign, at = _expect(text, key[1], ":")
        if not sign:
            return None
        if text[at : at + 1] == "{":
            if key[0] not in ("arguments", "parameters"):
                return None
            if isinstance(name, str):
                return Head(name, at)
            end, is_end = ObjectEnd().find(text, at)
            if not is_end:
                raise _More
            arguments, at = text[at:end], end
        elif (value := _value(text, at)) is None:
            return None
        else:
            name, at = (value[0] if key[0] == "name" else name), value[1]
        sign, at = _expect(text, at, ",}")
        if sign == "}":
            return Head(name, at, arguments or "{}") if isinstance(name, str) else None
    return None
