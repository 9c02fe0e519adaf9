"""
The two ways in which a vendor's key is recognized.

    Token   by itself: a prefix, an alphabet, a length            ghp_…, dapi…, glpat-…
    Named   beside its name: any 32 hexadecimal digits are a      DATADOG_API_KEY="…"
            key where somebody assigns them to `datadog_key`

A format with nothing special about it is a row of a table: `token(…)` or `named(…)` makes its class.

Neither a prefix nor a name makes a key: documentation writes `ghp_xxxxxxxx`. A candidate has to look random.
"""

import re
import types
from collections import Counter
from itertools import product
from math import log2
from typing import ClassVar

from sanitization.detectors.base import PatternDetector
from sanitization.detectors.wording import is_worded
from sanitization.rules import Category

# In a JSON string a line ends with the two characters \n: that letter in front of a token is no part of it.
LEFT = r"(?:[^A-Za-z0-9]|\\[nrt])"
RIGHT = r"(?:[^A-Za-z0-9_]|$)"

HEX = "[A-Fa-f0-9]"
UUID = f"{HEX}{{8}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{12}}"

# Between a name and its value: the rest of the name, perhaps one key more (`vendor:\n  api_key`), what
# assigns in code, in configuration files and in sentences, and quotes. XML has it on a line of its own.
_KEY = r"(?:[\"'`]?\)?[\s:={(>.,]{1,16}[\"'`]?[\w-]{1,24})??"
_ASSIGN = r"(?:=>|[:|?.+]{0,3}=|::?|\|\||>|,|\(|\bis\b)"
_BETWEEN = rf"[\w \t.-]{{0,32}}{_KEY}[\s'\"`\])]{{0,3}}{_ASSIGN}[\s'\"`=(]{{0,24}}"
_END = r"(?:[^A-Za-z0-9_.+/=-]|\.(?:[^A-Za-z0-9]|$)|$)"
# One random key in 40,000 has four `x` or `X` in a row: five of one case, or a part of nothing else.
_DUMMY = re.compile(
    r"(?-i:x{5}|X{5})|(?<![a-z0-9])x{4}(?![a-z0-9])|[*#]{4}|\.{3}|placeholder|your[_-]|_here\b|change_?me|replace_?me"
    r"|redacted|stringhere|dummy|abcdefghijklm",
    re.IGNORECASE,
)


def entropy(text: str) -> float:
    """Shannon entropy, bits per character."""
    return -sum(n / len(text) * log2(n / len(text)) for n in Counter(text).values())


class Secret(PatternDetector):
    """`randomness`: the least entropy of a value, bits per character. Hexadecimal digits have at most 4."""

    category = Category.SECRET
    score = 0.95
    randomness: ClassVar[float] = 2.5

    def accept(self, candidate: str) -> int:
        random = entropy(candidate) >= self.least(candidate) and not _DUMMY.search(candidate)
        return len(candidate) if random else 0

    def least(self, candidate: str) -> float:
        """`randomness` for this one."""
        return self.randomness


class Token(Secret):
    """A key that is recognized by itself. `value` is its pattern, and begins with a keyword."""

    value: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.pattern = rf"{LEFT}(?P<value>{cls.value}){RIGHT}"


class Named(Secret):
    """A key that is recognized beside a name: `names` is a pattern of lower-case names, `value` the key's."""

    score = 0.9
    randomness = 3.0
    names: ClassVar[str]
    value: ClassVar[str]

    def __init_subclass__(cls) -> None:
        if not cls.keywords:
            cls.keywords = tuple(cls.names.split("|"))
        cls.pattern = rf"(?i:{cls.names}){_BETWEEN}(?P<value>(?i:{cls.value})){_END}"

    def accept(self, candidate: str) -> int:
        # A name in code may happen to be as long as the key. One random key of 16 in 17 has no digit.
        is_name = not any(map(str.isdigit, candidate)) and is_worded(candidate)
        return 0 if is_name else super().accept(candidate)


def token(rule: str, prefixes: str, tail: str, summary: str, **more: object) -> type[Secret]:
    """A row of a table as a Token: one of these words, in this case, and behind it the pattern `tail`."""
    words = prefixes.split()
    value = f"(?:{'|'.join(map(_escaped, words))})(?:{tail})"
    keywords = tuple(word.lower() for word in words)
    return _row(Token, rule, summary, {"keywords": keywords, "value": value, **more})


def named(rule: str, names: str, value: str, summary: str, **more: object) -> type[Secret]:
    """A row of a table as a Named. In a name `_` is any way to join two words, or none."""
    keywords = tuple({one for name in names.split() for one in map("".join, product(*map(_joints, name)))})
    pattern = "|".join(_escaped(name).replace("_", "[ ._-]?") for name in names.split())
    return _row(Named, rule, summary, {"keywords": keywords, "names": pattern, "value": value, **more})


def _joints(char: str) -> tuple[str, ...]:
    return ("_", "-", " ", ".", "") if char == "_" else (char,)


def _escaped(word: str) -> str:
    return "".join(char if char.isalnum() or char in "_-" else f"\\{char}" for char in word)


def _row(form: type[Secret], rule: str, summary: str, own: dict[str, object]) -> type[Secret]:
    name = "".join(part.title() for part in rule.split("_"))
    own = {"__doc__": summary, "rule": rule, **own}
    return types.new_class(name, (form,), exec_body=lambda body: body.update(own))
