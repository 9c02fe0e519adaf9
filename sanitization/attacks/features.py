"""
Turns text into what the scorer of prompt attacks counts: hashed n-grams of characters and of words. Knows no
weights.

A text is read in chunks of about CHUNK characters that end at a blank, so that how it arrives changes
nothing. Each chunk is folded as all matching is (`sanitization.normalize`), put in lower case, and digits
become `0`. An n-gram counts where it stands first in its chunk: who says a thing ten times has
said it once. Where it stands is told in bins of BIN characters, so that any stretch of bins can be judged.

There is no loop over words or characters here, only arithmetic on whole arrays (`take` costs half of what
an index does), in as few calls as can be: of a short text a call costs more than what it does. The hash of
a word is a polynomial modulo 2**32, as in Karp and Rabin (1987), brought to its own beginning; feature
hashing after Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (2009), without the
sign.
"""

import re
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from sanitization.normalize import fold

CHUNK = 4096
SLACK = 64  # a chunk without a blank behind CHUNK ends here
BIN = 128
BUCKETS = 1 << 18
NONE = BUCKETS  # the bucket of an n-gram that would reach behind the end
CHAR_GRAMS = (3, 4, 5)
WORD_GRAMS = (1, 2, 3, 3)  # the last one without the word in its middle

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
_SHIFTS = np.uint32(16), np.uint32(13)


@dataclass(frozen=True, slots=True)
class Reading:
    """The n-grams of one chunk or of several, by their buckets. The kinds follow each other, those of
    characters first: one n-gram for each place (`chars` of them) or word (`words`) where it begins, in their
    order, NONE at the end of the text. `counts` is true where one is the first of its chunk.

    `edges` says which character and which word each bin begins with, and the last one ends before.
    `places` says where in the chunk each bin begins, and the last one ends (of several chunks: nothing).
    `sizes` says how many bins each chunk has.
    """

    grams: Places
    counts: npt.NDArray[np.bool_]
    chars: int
    words: int
    edges: tuple[Places, Places]
    places: tuple[int, ...]
    sizes: tuple[int, ...]

    def running(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Of what each n-gram is worth: the sum of all before each edge, of characters and of words."""
        at = self.chars * len(CHAR_GRAMS)
        of_chars = values[:at].reshape(len(CHAR_GRAMS), self.chars).sum(axis=0)
        of_words = values[at:].reshape(len(WORD_GRAMS), self.words).sum(axis=0)
        sums = np.empty((2, len(self.edges[0])), dtype=np.int64)
        for row, each, edges in zip(sums, (of_chars, of_words), self.edges, strict=True):
            before = np.zeros(len(each) + 1, dtype=np.int64)
            each.cumsum(out=before[1:])
            row[:] = before.take(edges)
        return sums


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
    grams, starts = _grams(codes, kinds)
    size = max(1, -(-len(folded) // BIN))
    borders = range(BIN, len(folded), BIN)
    inner = borders if places is None else (places[border] for border in borders)
    edges = _edges(_bins(size), starts, len(codes))
    return Reading(grams, _new(grams), len(codes), len(starts), edges, (0, *inner, len(chunk)), (size,))


def read_each(chunks: Sequence[str]) -> Reading:
    """The features of several chunks, for much less than it costs to read one after the other."""
    texts = [_folded(chunk)[0] for chunk in chunks]
    sizes = tuple(max(1, -(-len(text) // BIN)) for text in texts)
    codes, kinds = _plain("  ".join(texts))
    grams, starts = _grams(codes, kinds)
    lengths = [len(text) + 2 for text in texts]
    begins = [0, *accumulate(lengths)]
    bins = np.concatenate([begin + _bins(size) for begin, size in zip(begins, sizes, strict=False)])
    owners = np.repeat(np.arange(len(texts)), lengths)
    of_words = owners.take(starts)
    # Of one chunk: its first and its last sign have the same owner.
    parts = [(owners, size) for size in CHAR_GRAMS] + [(of_words, size) for size in WORD_GRAMS]
    whole = np.concatenate([_alike(part, size) for part, size in parts])
    standing = whole.nonzero()[0]
    owner = np.concatenate([part for part, _ in parts])
    keys = owner.take(standing) * BUCKETS + grams.take(standing)
    counts = np.zeros(len(grams), dtype=np.bool_)
    counts[standing.take(np.unique(keys, return_index=True)[1])] = True
    edges = _edges(bins, starts, len(codes))
    return Reading(grams, counts, len(codes), len(starts), edges, (), sizes)


def _alike(owners: Places, size: int) -> npt.NDArray[np.bool_]:
    """Where so many signs in a row have one owner."""
    found, count = np.zeros(len(owners), dtype=np.bool_), max(0, len(owners) - size + 1)
    found[:count] = owners[size - 1 :] == owners[:count]
    return found


def _edges(bins: Places, starts: Places, chars: int) -> tuple[Places, Places]:
    """The character and the word that each bin begins with, and the ends. `bins` begin at these characters,
    words at `starts`."""
    edges = np.append(bins, chars)
    return edges, starts.searchsorted(edges)


def _folded(chunk: str) -> tuple[str, list[int] | None]:
    folded, places = fold(chunk)
    if "[" in folded:  # a value that was masked says nothing
        folded = _PLACEHOLDER.sub(lambda found: "it".ljust(len(found[0])), folded)
    return folded, places


def _plain(text: str) -> tuple[Buckets, Kinds]:
    """The characters in lower case between two blanks, and of what kind they are."""
    if text.isascii():
        plain = b" %b " % text.encode().translate(_LOWER)
        codes = np.frombuffer(plain, dtype=np.uint8).astype(np.uint32)
        return codes, np.frombuffer(plain.translate(_ASCII_KINDS), dtype=np.uint8)
    codes = np.frombuffer(f" {text} ".encode("utf-32-le", "replace"), dtype=np.uint32)
    lower, kinds = _tables()
    known = np.minimum(codes, _KNOWN)
    return np.where(known < _KNOWN, lower[known], codes), kinds[known]


def _small(char: str) -> str:
    """What a character below _KNOWN reads as."""
    if char.isspace():
        return " " if char == "\t" or unicodedata.category(char) == "Zs" else "\n"
    return "0" if char.isdigit() else char.lower()


def _kind(char: str) -> int:
    """Of a character as it reads."""
    if char == " ":
        return _BLANK
    return _LETTER if unicodedata.category(char)[0] in "LMN" else _MARK


_LOWER = bytes(ord(_small(chr(code))) for code in range(128)) + bytes(128)
_ASCII_KINDS = bytes(_kind(chr(code)) for code in range(128)) + bytes(128)


@cache
def _tables() -> tuple[Buckets, Kinds]:
    """Of each code point below _KNOWN what it reads as and the kind; the last entry is for all others."""
    lower, kinds = np.arange(_KNOWN + 1, dtype=np.uint32), np.full(_KNOWN + 1, _MARK, dtype=np.uint8)
    for code in range(_KNOWN):
        small = _small(chr(code))
        kinds[code] = _BLANK if small == " " else _kind(chr(code))
        if len(small) == 1:
            lower[code] = ord(small)
    return lower, kinds


def _words(codes: Buckets, kinds: Kinds) -> tuple[Buckets, Places]:
    """The hash of each word and of each mark, and where it begins."""
    change = kinds[1:] != kinds[:-1]
    change |= kinds[1:] == _MARK
    borders = change.nonzero()[0]
    borders += 1
    told = kinds.take(borders).nonzero()[0]  # what begins there is no blank
    starts = borders.take(told)
    powers, inverses = _powers(-(-len(codes) // CHUNK) * CHUNK)
    sums = np.add.reduceat(codes * inverses[: len(codes)], borders, dtype=np.uint32)
    return sums.take(told) * powers.take(starts), starts


@lru_cache(maxsize=256)
def _bins(size: int) -> Places:
    """Where each bin begins; the blank in front belongs to the first."""
    begins = np.arange(size, dtype=np.intp) * BIN + 1
    begins[0] = 0
    return begins


@lru_cache(maxsize=8)
def _powers(size: int) -> tuple[Buckets, Buckets]:
    """The powers of the base of word hashes, and their inverses."""
    both = np.ones((2, size), dtype=np.uint32)
    np.cumprod(np.full(size - 1, _PRIME), dtype=np.uint32, out=both[0, 1:])
    np.cumprod(np.full(size - 1, _INVERSE), dtype=np.uint32, out=both[1, 1:])
    return both[0], both[1]


def _grams(codes: Buckets, kinds: Kinds) -> tuple[Places, Places]:
    """All n-grams as `Reading` has them, and where each word begins."""
    words, starts = _words(codes, kinds)
    chars, count, ends = len(codes), len(words), len(codes) * len(CHAR_GRAMS)
    every = np.zeros(ends + count * len(WORD_GRAMS), dtype=np.uint32)
    three, four, five = every[:ends].reshape(len(CHAR_GRAMS), chars)
    one, two, triple, spread = every[ends:].reshape(len(WORD_GRAMS), count)
    pair = codes[:-1] * _PRIME
    pair ^= codes[1:]
    for longer, shorter, size in ((three, pair, 3), (four, three, 4), (five, four, 5)):
        _lengthen(shorter, codes, size, longer)
    one[:] = words
    _lengthen(one, words, 2, two)
    _lengthen(two, words, 3, triple)
    if count > 2:  # two words with any one between
        np.multiply(words[:-2], _PRIME, out=spread[:-2])
        spread[:-2] ^= words[2:]
        spread ^= _APART
    _mix(every)
    grams = every.astype(np.intp)
    _close(grams[:ends], CHAR_GRAMS, chars)
    _close(grams[ends:], WORD_GRAMS, count)
    return grams, starts


def _close(grams: Places, sizes: Sequence[int], count: int) -> None:
    """Those that would reach behind the end are none, of each kind."""
    for end, size in zip(accumulate([count] * len(sizes)), sizes, strict=True):
        grams[max(end - count, end - size + 1) : end] = NONE


def _lengthen(grams: Buckets, signs: Buckets, size: int, longer: Buckets) -> None:
    """N-grams of `size` signs, from those that are one shorter."""
    count = max(0, len(signs) - size + 1)
    np.multiply(grams[:count], _PRIME, out=longer[:count])
    longer[:count] ^= signs[size - 1 :]


def _mix(hashes: Buckets) -> Buckets:
    """The finalizer of MurmurHash3 (Appleby), cut to the number of buckets; in place."""
    shifted = hashes >> _SHIFTS[0]
    hashes ^= shifted
    hashes *= np.uint32(0x85EBCA6B)
    hashes ^= np.right_shift(hashes, _SHIFTS[1], out=shifted)
    hashes *= np.uint32(0xC2B2AE35)
    hashes ^= np.right_shift(hashes, _SHIFTS[0], out=shifted)
    hashes &= _MASK
    return hashes


class _Scratch(threading.local):
    def __init__(self) -> None:
        self.seen = np.zeros(BUCKETS + 1, dtype=np.uint16)


_SCRATCH = _Scratch()
_ORDER = np.arange(1 << 16, dtype=np.uint16)
_BACKWARDS = _ORDER[::-1].copy()


def _new(grams: Places) -> npt.NDArray[np.bool_]:
    """Which of these stand here for the first time."""
    if len(grams) > len(_ORDER):  # many characters that read as several
        found = np.zeros(len(grams), dtype=np.bool_)
        found[np.unique(grams, return_index=True)[1]] = True
        return found
    order, seen = _ORDER[: len(grams)], _SCRATCH.seen
    # Of those that are equal, the first is written last.
    seen[grams[::-1].copy()] = _BACKWARDS[len(_BACKWARDS) - len(grams) :]
    new: npt.NDArray[np.bool_] = seen.take(grams) == order
    return new
