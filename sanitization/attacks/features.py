"""
Turns text into what the scorer of prompt attacks counts: hashed n-grams of characters and words, and signals
of how the text is built. Knows no weights.

A text is read in blocks of about BLOCK characters that end at a blank, so that how it arrives changes
nothing. Each block is folded as all matching is (`sanitization.normalize`), put in lower case, digits become
`0` and blanks one space. The features of several blocks are the sum of theirs.

Feature hashing after Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009), without
the sign.
"""

import re
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sanitization.normalize import fold

BLOCK = 512
SLACK = 64  # a block without a blank behind BLOCK ends here
BUCKETS = 1 << 18
_MASK = np.uint32(BUCKETS - 1)
CHAR_GRAMS = (3, 4, 5)

Buckets = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float64]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?|[^\w\s]")
_BLANKS = re.compile(r"\s+")
_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]{0,60}_[0-9]{1,9}\]")
_DIGITS = str.maketrans("123456789", "000000000")
_PRIME = np.uint32(16777619)
_SALTS = {size: np.uint32(0x9E3779B1 * size & 0xFFFFFFFF) for size in (*CHAR_GRAMS, 101, 102, 103, 104)}

# What structure tells, each counted and divided by the square root of the number of words.
SIGNALS: dict[str, re.Pattern[str]] = {
    "role_label": re.compile(
        r"(?im)^[ \t>*#\[(<-]{0,4}(?:system|user|human|assistant|admin|developer|ai)[\])>*]{0,3} ?:"
    ),
    "rule_line": re.compile(r"(?:[=#*_~-] ?){5,12}"),
    "shouting": re.compile(r"\b[A-Z]{4,20}\b"),
    "bracketed_order": re.compile(r"[\[{<(](?:[A-Z][A-Za-z]{1,15}[ _]?){1,4}[\]}>)]"),
    "markup_comment": re.compile(r"<!--|/\*|\*/|-->"),
    "letters_apart": re.compile(r"\b(?:[A-Za-z][ .*_-]){4,8}[A-Za-z]\b"),
    "numbered_rule": re.compile(r"(?m)^[ \t]{0,4}(?:\d{1,2}[.)]|[-*•]) "),
    "quoted_order": re.compile(r"[\"“«'][A-Z][^\"”»'\n]{8,60}[\"”»']"),
}


@dataclass(frozen=True, slots=True)
class Block:
    """The features of one block: buckets of n-grams, first `chars` of characters, then those of words; counts
    of signals; its length in words and marks.
    """

    grams: Buckets
    chars: int
    signals: tuple[int, ...]
    length: int


def block_end(text: str, start: int) -> int | None:
    """Where the block that starts here ends; None where only more text can tell."""
    limit = start + BLOCK + SLACK
    for at in range(start + BLOCK, min(limit, len(text))):
        if text[at].isspace():
            return at
    return limit if len(text) >= limit else None


def blocks(text: str) -> list[str]:
    """All blocks of a text that is whole."""
    found, start = [], 0
    while (end := block_end(text, start)) is not None:
        found.append(text[start:end])
        start = end
    return [*found, text[start:]] if start < len(text) else found


def read(block: str) -> Block:
    """The features of one block."""
    folded = _PLACEHOLDER.sub("it", fold(block)[0])  # a value that was masked says nothing
    lowered = _BLANKS.sub(" ", folded.lower().translate(_DIGITS)).strip()
    words = _WORD.findall(lowered)
    signals = tuple(min(len(pattern.findall(folded)), 20) for pattern in SIGNALS.values())
    grams = [*_char_grams(f" {lowered} "), *_word_grams(words)]
    return Block(_mixed(np.concatenate(grams)), sum(map(len, grams[: len(CHAR_GRAMS)])), signals, len(words))


def _char_grams(text: str) -> list[Buckets]:
    codes = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
    found, rolling = [], codes
    for size in range(2, CHAR_GRAMS[-1] + 1):
        rolling = rolling[: max(0, len(codes) - size + 1)] * _PRIME ^ codes[size - 1 :]
        if size in CHAR_GRAMS:
            found.append(rolling ^ _SALTS[size])
    return found


def _word_grams(words: list[str]) -> list[Buckets]:
    """One word, two, three, and two with any one between."""
    single = np.array([zlib.crc32(word.encode("utf-8", "replace")) for word in words], dtype=np.uint32)
    double = single[:-1] * _PRIME ^ single[1:]
    triple = double[:-1] * _PRIME ^ single[2:]
    spread = single[:-2] * _PRIME ^ single[2:]
    return [single, double ^ _SALTS[102], triple ^ _SALTS[103], spread ^ _SALTS[104]]


def _mixed(hashes: Buckets) -> Buckets:
    """The finalizer of MurmurHash3 (Appleby), cut to the number of buckets."""
    hashes = hashes ^ hashes >> np.uint32(16)
    hashes = hashes * np.uint32(0x85EBCA6B)
    hashes ^= hashes >> np.uint32(13)
    hashes *= np.uint32(0xC2B2AE35)
    return (hashes ^ hashes >> np.uint32(16)) & _MASK
