"""
Turns text into what the scorer of prompt attacks counts: hashed n-grams of characters and of words. Knows no
weights.

A text is read in chunks of about CHUNK characters that end at a blank, so that how it arrives changes
nothing. Each chunk is folded as all matching is (`sanitization.normalize`), put in lower case, and digits
become `0`. An n-gram counts where it stands first in its chunk: who says a thing ten times has
said it once. Where it stands is told in bins of BIN characters, so that any stretch of bins can be judged.

There is no loop over words or characters here, only arithmetic on whole arrays (`take` costs half of what an
index does). The hash of a word is a polynomial modulo 2**32, taken out of the running sum of all (Karp and
Rabin, 1987); feature hashing after Weinberger et al., "Feature Hashing for Large Scale Multitask Learning"
(2009), without the sign.
"""

import re
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from sanitization.normalize import fold

CHUNK = 4096
SLACK = 64  # a chunk without a blank behind CHUNK ends here
BIN = 128
BUCKETS = 1 << 18
CHAR_GRAMS = (3, 4, 5)

Buckets = npt.NDArray[np.uint32]
Places = npt.NDArray[np.intp]
Kinds = npt.NDArray[np.uint8]

_PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]{0,60}_[0-9]{1,9}\]")
_MASK = np.uint32(BUCKETS - 1)
_PRIME = np.uint32(16777619)
_INVERSE = np.uint32(pow(16777619, -1, 1 << 32))
_APART = np.uint32(0x9E3779B1)
# Code points from here on are ideographs and other signs that are words by themselves.
_KNOWN = 0x3000
_BLANK, _MARK, _LETTER = range(3)


@dataclass(frozen=True, slots=True)
class Reading:
    """The n-grams of a chunk that stand somewhere for the first time: their buckets and their bins, first
    `chars` of characters, then those of words. `places` says where in the chunk each bin begins, and the last
    one ends.
    """

    grams: Buckets
    bins: Places
    chars: int
    places: tuple[int, ...]


def chunk_end(text: str, start: int) -> int | None:
    """Where the chunk that starts here ends; None where only more text can tell."""
    limit = start + CHUNK + SLACK
    for at in range(start + CHUNK, min(limit, len(text))):
        if text[at].isspace():
            return at
    return limit if len(text) >= limit else None


def chunks(text: str) -> list[str]:
    """All chunks of a text that is whole."""
    found, start = [], 0
    while (end := chunk_end(text, start)) is not None:
        found.append(text[start:end])
        start = end
    return [*found, text[start:]] if start < len(text) else found


def read(chunk: str) -> Reading:
    """The features of one chunk."""
    folded, places = _folded(chunk)
    codes, kinds = _plain(folded)
    words, starts = _words(codes, kinds)
    grams = [*_char_grams(codes), *_word_grams(words)]
    bins = _bins(-(-len(codes) // CHUNK) * CHUNK)
    of_words = bins.take(starts)
    chars = sum(len(one) for one in grams[: len(CHAR_GRAMS)])
    where = [bins[: len(one)] for one in grams[: len(CHAR_GRAMS)]]
    where += [of_words[: len(one)] for one in grams[len(CHAR_GRAMS) :]]
    buckets, standing = _mixed(np.concatenate(grams)), np.concatenate(where)
    new = _first(buckets)
    new_chars = int(np.searchsorted(new, chars))
    edges = range(BIN, len(folded), BIN)
    inner = edges if places is None else (places[edge] for edge in edges)
    return Reading(buckets.take(new), standing.take(new), new_chars, (0, *inner, len(chunk)))


@dataclass(frozen=True, slots=True)
class Readings:
    """The n-grams of several chunks, each read as if it were alone: as in a `Reading`, but the bins are
    counted through all of them. `sizes` says how many each chunk has.
    """

    grams: Buckets
    bins: Places
    chars: int
    sizes: tuple[int, ...]


def read_each(chunks: Sequence[str]) -> Readings:
    """The features of several chunks, for much less than it costs to read one after the other."""
    texts = [_folded(chunk)[0] for chunk in chunks]
    sizes = tuple(max(1, -(-len(text) // BIN)) for text in texts)
    codes, kinds = _plain("  ".join(texts))
    lengths = np.array([len(text) + 2 for text in texts], dtype=np.intp)
    of_codes = np.repeat(np.arange(len(texts)), lengths)
    within = np.arange(len(codes)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    bins = np.maximum(within - 1, 0) // BIN + np.repeat(np.cumsum(sizes) - sizes, lengths)
    words, starts = _words(codes, kinds)
    of_words, word_bins = of_codes.take(starts), bins.take(starts)
    parts = [(grams, of_codes, bins) for grams in _char_grams(codes)]
    parts += [(grams, of_words, word_bins) for grams in _word_grams(words)]
    buckets, owners, standing = [], [], []
    for grams, owner, places in parts:
        # Of one chunk: its first and its last sign have the same owner.
        whole = np.flatnonzero(owner[: len(grams)] == owner[len(owner) - len(grams) :])
        buckets.append(grams.take(whole))
        owners.append(owner.take(whole))
        standing.append(places.take(whole))
    chars = sum(len(one) for one in buckets[: len(CHAR_GRAMS)])
    mixed = _mixed(np.concatenate(buckets))
    new = np.sort(np.unique(np.concatenate(owners) * BUCKETS + mixed, return_index=True)[1])
    new_chars = int(np.searchsorted(new, chars))
    return Readings(mixed.take(new), np.concatenate(standing).take(new), new_chars, sizes)


def _folded(chunk: str) -> tuple[str, list[int] | None]:
    folded, places = fold(chunk)
    if "[" in folded:  # a value that was masked says nothing
        folded = _PLACEHOLDER.sub(lambda found: "it".ljust(len(found[0])), folded)
    return folded, places


def _plain(text: str) -> tuple[Buckets, Kinds]:
    """The characters in lower case between two blanks, and of what kind they are."""
    if text.isascii():
        plain = np.frombuffer(b" %b " % text.encode().translate(_LOWER), dtype=np.uint8)
        return plain.astype(np.uint32), _tables()[1].take(plain)
    codes = np.frombuffer(f" {text} ".encode("utf-32-le", "replace"), dtype=np.uint32)
    lower, kinds = _tables()
    known = np.minimum(codes, _KNOWN)
    return np.where(known < _KNOWN, lower[known], codes), kinds[known]


def _small(char: str) -> str:
    """What a character below _KNOWN reads as."""
    if char.isspace():
        return " " if char == "\t" or unicodedata.category(char) == "Zs" else "\n"
    return "0" if char.isdigit() else char.lower()


_LOWER = bytes(ord(_small(chr(code))) for code in range(128)) + bytes(128)


@cache
def _tables() -> tuple[Buckets, Kinds]:
    """Of each code point below _KNOWN what it reads as and the kind; the last entry is for all others."""
    lower, kinds = np.arange(_KNOWN + 1, dtype=np.uint32), np.full(_KNOWN + 1, _MARK, dtype=np.uint8)
    for code in range(_KNOWN):
        small = _small(chr(code))
        if small == " ":
            kinds[code] = _BLANK
        elif unicodedata.category(chr(code))[0] in "LMN":
            kinds[code] = _LETTER
        if len(small) == 1:
            lower[code] = ord(small)
    return lower, kinds


def _words(codes: Buckets, kinds: Kinds) -> tuple[Buckets, Places]:
    """The hash of each word and of each mark, and where it begins."""
    change = kinds[1:] != kinds[:-1]
    change |= kinds[1:] == _MARK
    borders = np.flatnonzero(change) + 1
    told = np.flatnonzero(kinds.take(borders))  # what begins there is no blank, so something ends it
    starts, stops = borders.take(told), borders.take(told + 1)
    powers, inverses = _powers(-(-len(codes) // CHUNK) * CHUNK)
    sums = np.zeros(len(codes) + 1, dtype=np.uint32)
    np.cumsum(codes * inverses[: len(codes)], dtype=np.uint32, out=sums[1:])
    return (sums.take(stops) - sums.take(starts)) * powers.take(starts), starts


@lru_cache(maxsize=8)
def _bins(size: int) -> Places:
    """The bin of each place; the blank in front has none of its own."""
    return np.maximum(np.arange(size, dtype=np.intp) - 1, 0) // BIN


@lru_cache(maxsize=8)
def _powers(size: int) -> tuple[Buckets, Buckets]:
    """The powers of the base of word hashes, and their inverses."""
    both = np.ones((2, size), dtype=np.uint32)
    np.cumprod(np.full(size - 1, _PRIME), dtype=np.uint32, out=both[0, 1:])
    np.cumprod(np.full(size - 1, _INVERSE), dtype=np.uint32, out=both[1, 1:])
    return both[0], both[1]


def _char_grams(codes: Buckets) -> list[Buckets]:
    found, rolling = [], codes
    for size in range(2, CHAR_GRAMS[-1] + 1):
        rolling = rolling[: max(0, len(codes) - size + 1)] * _PRIME ^ codes[size - 1 :]
        if size in CHAR_GRAMS:
            found.append(rolling)
    return found


def _word_grams(single: Buckets) -> list[Buckets]:
    """One word, two, three, and two with any one between."""
    double = single[:-1] * _PRIME ^ single[1:]
    triple = double[:-1] * _PRIME ^ single[2:]
    spread = single[:-2] * _PRIME ^ single[2:]
    return [single, double, triple, spread ^ _APART]


def _mixed(hashes: Buckets) -> Buckets:
    """The finalizer of MurmurHash3 (Appleby), cut to the number of buckets."""
    hashes = hashes ^ hashes >> np.uint32(16)
    hashes *= np.uint32(0x85EBCA6B)
    hashes ^= hashes >> np.uint32(13)
    hashes *= np.uint32(0xC2B2AE35)
    hashes ^= hashes >> np.uint32(16)
    hashes &= _MASK
    return hashes


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.seen = np.zeros(BUCKETS, dtype=np.int32)


_SCRATCH = _Scratch()


def _first(buckets: Buckets) -> Places:
    """Where there is one that has not been before."""
    order = np.arange(len(buckets), dtype=np.int32)
    seen = _SCRATCH.seen
    seen[buckets[::-1]] = order[::-1]  # of those that are equal, the first is written last
    return np.flatnonzero(seen.take(buckets) == order)
