r"""
Reads a grammar in GBNF, llama.cpp's notation, and refuses what is wrong or too much, in linear time.

    root   ::= "yes" | "no" ("," ws item)*       # literals, alternatives, groups, repetitions
    item   ::= [a-zA-Z0-9_-]{1,20} | [^"\\\x00]  # classes; {m}, {m,}, {m,n}, * + ?
    ws     ::= [ \t]*

The grammar is a caller's text: nothing of it is repeated in an error. `inference.matching` runs it. Not read:
llama.cpp's `<token>` elements, which would let a caller name control tokens.

A grammar becomes a list of operations. A position is an index of it, where stands one of

    a Chars    one character of a set
    an int     the number of a rule, to be gone through before what follows
    None       the end of an alternative
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from inference.errors import FormatRefused

MOST_CHARACTERS = 256_000
MOST_OPERATIONS = 200_000
MOST_NESTING = 2000  # machine-made grammars nest their repetitions
# As llama.cpp reads them: a higher least number is refused, a higher most number is no limit.
MOST_REPETITIONS = 2000
_LAST = 0x10FFFF

_TOKEN = re.compile(
    r"""(?P<space>[ \t]++|\#[^\r\n]*+)
      | (?P<newline>\r\n|\r|\n)
      | (?P<name>[A-Za-z0-9-]++)
      | (?P<defined>::=)
      | (?P<literal>"(?>(?:[^"\\]|\\.)*)")
      | (?P<chars>\[(?>(?:[^\]\\]|\\.)*)\])
      | (?P<repeat>\{[ \t]*+[0-9]{1,9}[ \t]*+(?:,[ \t]*+(?:[0-9]{1,9})?[ \t]*+)?\})
      | (?P<sign>[|()*+?.])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([trn\\\"\[\]-]))|[^\\]", re.S
)
_NAMED = {"t": "\t", "r": "\r", "n": "\n"}


@dataclass(frozen=True, slots=True)
class Chars:
    """A set of characters: `ranges`, or all but them. `ascii` has a bit for each of the first 128."""

    ranges: tuple[tuple[int, int], ...]
    is_negated: bool
    ascii: int

    @classmethod
    def of(cls, ranges: Sequence[tuple[int, int]], *, is_negated: bool = False) -> "Chars":
        bits = 0
        for first, last in ranges:
            if first < 128 and first <= last:
                bits |= (1 << (min(last, 127) + 1)) - (1 << first)
        if is_negated:
            bits = ((1 << 128) - 1) & ~bits
        return cls(tuple(ranges), is_negated, bits)

    def has(self, code: int) -> bool:
        if code < 128:
            return bool(self.ascii >> code & 1)
        return any(first <= code <= last for first, last in self.ranges) != self.is_negated

    def has_any(self, low: int, high: int) -> bool:
        """Whether any character from `low` to `high` is in it."""
        if not self.is_negated:
            return any(first <= high and low <= last for first, last in self.ranges)
        for first, last in sorted(self.ranges):
            if first <= low <= last:
                low = last + 1
        return low <= high


Operation = Chars | int | None


@dataclass(frozen=True, slots=True)
class Grammar:
    """`starts[rule]` are the positions of a rule's alternatives; `root` is a rule."""

    operations: tuple[Operation, ...]
    starts: tuple[tuple[int, ...], ...]
    root: int


@lru_cache(maxsize=64)
def parse(text: str) -> Grammar:
    """Raises FormatRefused."""
    if len(text) > MOST_CHARACTERS:
        raise FormatRefused("The grammar is too long.")
    if "\0" in text:
        raise FormatRefused("The grammar holds a NUL character.")
    reader = _Reader(list(_tokens(text)))
    reader.read()
    return _assemble(reader)


def literal(text: str) -> str:
    """A text, as a grammar writes it."""
    for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(character, escape)
    return f'"{text}"'


def renamed(text: str, prefix: str) -> str:
    """The same grammar with `prefix` before the names of all its rules. It can be read already."""
    return _TOKEN.sub(lambda found: (prefix if found.lastgroup == "name" else "") + found[0], text)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            line = text.count("\n", 0, at) + 1
            raise FormatRefused(f"The grammar cannot be read at line {line}.")
        at = found.end()
        if found.lastgroup != "space":
            yield str(found.lastgroup), found.group()
    yield "end", ""


# An alternative is a list of Chars and rule numbers; a rule is a list of alternatives.
_Alternative = list[Chars | int]


@dataclass
class _Group:
    """What was read of a group (or of a rule's right side). `unit` is what a repetition would repeat."""

    alternatives: list[_Alternative] = field(default_factory=list)
    sequence: _Alternative = field(default_factory=list)
    unit: _Alternative = field(default_factory=list)

    def take(self, unit: _Alternative) -> None:
        self.sequence += self.unit
        self.unit = unit

    def turn(self) -> None:
        self.take([])
        self.alternatives.append(self.sequence)
        self.sequence = []

    def finished(self) -> list[_Alternative]:
        self.turn()
        return self.alternatives


@dataclass
class _Reader:
    """Reads without recursion. Synthesised rules have numbers and no names."""

    tokens: list[tuple[str, str]]
    at: int = 0
    size: int = 0
    numbers: dict[str, int] = field(default_factory=dict)
    rules: list[list[_Alternative] | None] = field(default_factory=list)

    def read(self) -> None:
        while self._skip_lines() != "end":
            name = self._take("name", "a rule's name")
            self._take("defined", "::=")
            number = self._number(name)
            self._skip_lines()
            self.rules[number] = self._alternatives()
            if self.kind not in ("newline", "end"):
                raise self._refused("something that ends no rule")

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0]

    @property
    def text(self) -> str:
        return self.tokens[self.at][1]

    def _refused(self, what: str) -> FormatRefused:
        line = 1 + sum(kind == "newline" for kind, _ in self.tokens[: self.at])
        return FormatRefused(f"The grammar cannot be read at line {line}: {what}.")

    def _take(self, kind: str, what: str) -> str:
        if self.kind != kind:
            raise self._refused(f"{what} is missing")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _skip_lines(self) -> str:
        while self.kind == "newline":
            self.at += 1
        return self.kind

    def _number(self, name: str) -> int:
        if name not in self.numbers:
            self.numbers[name] = self._add(None)
        return self.numbers[name]

    def _add(self, rule: list[_Alternative] | None) -> int:
        self.rules.append(rule)
        self._grow(1 + sum(len(alternative) + 1 for alternative in rule or ()))
        return len(self.rules) - 1

    def _grow(self, size: int) -> None:
        self.size += size
        if self.size > MOST_OPERATIONS:
            raise FormatRefused("The grammar is too large.")

    def _alternatives(self) -> list[_Alternative]:
        """A rule's right side, groups and all. Inside a group, lines may be broken."""
        groups = [_Group()]
        while True:
            group = groups[-1]
            if len(groups) > 1:
                self._skip_lines()
            kind, text = self.kind, self.text
            if kind == "repeat" or (kind == "sign" and text in "*+?"):
                if not group.unit:
                    raise self._refused("a repetition of nothing")
                group.unit = self._repeated(group.unit, *_times(text))
            elif kind == "sign" and text == "(":
                group.take([])
                groups.append(_Group())
                if len(groups) > MOST_NESTING:
                    raise FormatRefused("The grammar is nested too deeply.")
            elif kind == "sign" and text == ")" and len(groups) > 1:
                groups.pop()
                groups[-1].unit = [self._add(group.finished())]
            elif kind == "sign" and text == "|":
                group.turn()
            elif kind in ("literal", "chars", "name") or text == ".":
                group.take(self._unit(kind, text))
            elif len(groups) > 1:
                raise self._refused("a group is not closed")
            else:
                return group.finished()
            self.at += 1
            if text == "|":
                self._skip_lines()
            self._grow(len(group.unit))

    def _unit(self, kind: str, text: str) -> _Alternative:
        if kind == "name":
            return [self._number(text)]
        if kind == "literal":
            return [Chars.of([(code, code)]) for code in self._codes(text[1:-1])]
        if kind == "chars":
            return [self._class(text[1:-1])] if len(text) > 2 else []
        return [Chars.of([(0, _LAST)])]

    def _class(self, text: str) -> Chars:
        is_negated = text.startswith("^")
        written = list(_ESCAPE.finditer(text, 1 if is_negated else 0))
        codes = self._codes(text[1:] if is_negated else text)
        ranges: list[tuple[int, int]] = []
        at = 0
        while at < len(codes):
            first = last = codes[at]
            at += 1
            if at + 1 < len(codes) and written[at].group() == "-":
                last = codes[at + 1]
                at += 2
            ranges.append((first, last))
        return Chars.of(ranges, is_negated=is_negated)

    def _codes(self, text: str) -> list[int]:
        codes: list[int] = []
        at = 0
        while at < len(text):
            found = _ESCAPE.match(text, at)
            if found is None:
                raise self._refused("an escape that does not exist")
            hexadecimal = found[1] or found[2] or found[3]
            plain = _NAMED.get(found[4], found[4]) if found[4] else found[0]
            codes.append(int(hexadecimal, 16) if hexadecimal else ord(plain))
            at = found.end()
        return codes

    def _repeated(self, unit: _Alternative, least: int, most: int | None) -> _Alternative:
        """`least` copies, then a chain of optional ones, or a rule that goes on by itself."""
        if least > MOST_REPETITIONS:
            raise FormatRefused("The grammar repeats something too often.")
        symbol = unit[0] if len(unit) == 1 else self._add([unit])
        repeated: _Alternative = [symbol] * least
        if most is None or most > MOST_REPETITIONS:
            more = self._add([[]])
            self.rules[more] = [[symbol, more], []]
            repeated.append(more)
        elif most > least:
            rest = self._add([[symbol], []])
            for _ in range(most - least - 1):
                rest = self._add([[symbol, rest], []])
            repeated.append(rest)
        return repeated


def _times(text: str) -> tuple[int, int | None]:
    if text in "*+?":
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[text]
    least, comma, most = text[1:-1].replace(" ", "").replace("\t", "").partition(",")
    if not comma:
        return int(least), int(least)
    return int(least), int(most) if most else None


def _assemble(reader: _Reader) -> Grammar:
    if "root" not in reader.numbers:
        raise FormatRefused("The grammar has no rule named root.")
    rules: list[list[_Alternative]] = []
    for rule in reader.rules:
        if rule is None:
            raise FormatRefused("The grammar uses a rule that it does not define.")
        rules.append(rule)
    _refuse_left_recursion(rules)
    operations: list[Operation] = []
    starts: list[tuple[int, ...]] = []
    for rule in rules:
        begins = []
        for alternative in rule:
            begins.append(len(operations))
            operations += alternative
            operations.append(None)
        starts.append(tuple(begins))
    return Grammar(tuple(operations), tuple(starts), reader.numbers["root"])


def _refuse_left_recursion(rules: list[list[_Alternative]]) -> None:
    """A rule that can come to itself without a character would never end. (A repetition that goes on by
    itself is the last of its alternative, and adds nothing: it is left out.)"""
    empty = _may_be_empty(rules)
    edges: list[set[int]] = []
    for number, rule in enumerate(rules):
        found: set[int] = set()
        for alternative in rule:
            for at, symbol in enumerate(alternative):
                if not isinstance(symbol, int):
                    break
                if not (symbol == number and at == len(alternative) - 1 and at > 0):
                    found.add(symbol)
                if symbol not in empty:
                    break
        edges.append(found)
    waiting = [0] * len(rules)  # how many rules still come to this one first
    for found in edges:
        for symbol in found:
            waiting[symbol] += 1
    free = [number for number, count in enumerate(waiting) if count == 0]
    done = 0
    while free:
        done += 1
        for symbol in edges[free.pop()]:
            waiting[symbol] -= 1
            if waiting[symbol] == 0:
                free.append(symbol)
    if done < len(rules):
        raise FormatRefused("The grammar has a rule that begins with itself (left recursion).")


def _may_be_empty(rules: list[list[_Alternative]]) -> set[int]:
    """The rules that may match no character, by propagation from those that visibly do."""
    users: dict[int, list[tuple[int, int]]] = {}
    missing: dict[tuple[int, int], int] = {}
    empty: set[int] = set()
    fresh: list[int] = []
    for number, rule in enumerate(rules):
        for index, alternative in enumerate(rule):
            symbols = [symbol for symbol in alternative if isinstance(symbol, int)]
            if len(symbols) < len(alternative):
                continue  # a character is needed
            missing[number, index] = len(symbols)
            for symbol in symbols:
                users.setdefault(symbol, []).append((number, index))
            if not symbols and number not in empty:
                empty.add(number)
                fresh.append(number)
    while fresh:
        for number, index in users.get(fresh.pop(), ()):
            missing[number, index] -= 1
            if missing[number, index] == 0 and number not in empty:
                empty.add(number)
                fresh.append(number)
    return empty
