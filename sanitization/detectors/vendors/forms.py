"""
The two ways in which a vendor's key is recognized.

    Token   by itself: a prefix, an alphabet, a length            ghp_…, dapi…, glpat-…
    Named   beside its name: any 32 hexadecimal digits are a      DATADOG_API_KEY="…"
            key where somebody assigns them to `datadog_key`

Neither a prefix nor a name makes a key: documentation writes `ghp_xxxxxxxx`. A candidate has to look random.
"""

import re
from collections import Counter
from math import log2
from typing import ClassVar

from sanitization.detectors.base import PatternDetector
from sanitization.rules import Category

LEFT = r"[^A-Za-z0-9]"
RIGHT = r"(?:[^A-Za-z0-9_]|$)"

# What stands between a name and its value: the rest of the name, quotes, and what assigns in code, in
# configuration files and in JSON.
_BETWEEN = r"[\w \t.-]{0,20}[\s'\"`]{0,3}(?:=>|:{1,3}=|\|\||\?=|[=>:,])[\s'\"`=]{0,5}"
_END = r"(?:[^A-Za-z0-9_.+/=-]|\.(?:[^A-Za-z0-9]|$)|$)"
_DUMMY = re.compile(r"[x*#.]{4}|placeholder|your[_-]|changeme|redacted|stringhere", re.IGNORECASE)


def entropy(text: str) -> float:
    """Shannon entropy, bits per character."""
    return -sum(n / len(text) * log2(n / len(text)) for n in Counter(text).values())


class Secret(PatternDetector):
    """`randomness`: the least entropy of a value, bits per character. Hexadecimal digits have at most 4."""

    category = Category.SECRET
    score = 0.95
    randomness: ClassVar[float] = 2.5

    def accept(self, candidate: str) -> int:
        random = entropy(candidate) >= self.randomness and not _DUMMY.search(candidate)
        return len(candidate) if random else 0


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
        # A name in code that happens to be as long as the key: almost no random key is without a digit.
        return super().accept(candidate) if any(map(str.isdigit, candidate)) else 0
