"""
The copy that matching runs on: what a reader takes for the same character is the same character.

    removed      zero-width and bidi controls, soft hyphens, tag characters, variation selectors, fillers,
                 combining marks of no script (accents, circles, keycaps), control bytes other than tab and
                 line ends, the colours of terminals
    folded       every kind of space, dash and quotation mark; full-width and other compatibility forms
                 (NFKC); the digits of all scripts, in circles and with points too; letters of other scripts
                 that look like Latin ones
    decoded      HTML character references: `&#64;`, `&#x40`, `&commat;`

The fold looks at one character at a time, on purpose: nothing composes across a border, so a text that
arrives in pieces reads the same however it is cut. A character reference is read when all of it is there.
Case stays: patterns say whether it matters to them.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from html import unescape
from html.entities import html5
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from sanitization.lookalikes import LOOKALIKES

# Not in category Pd: minus sign, hyphen bullet, modifier and heavy minus, a line of a box, and the mark for a
# long vowel that Japanese telephone numbers are written with.
_DASHES = frozenset("\u2212\u2043\u02d7\u2796\u2500\u30fc")
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
# Combining marks: accents in four blocks, and what is drawn around a character.
_MARKS = ("\u0300\u036f", "\u1ab0\u1aff", "\u1dc0\u1dff", "\u20d0\u20ff", "\ufe20\ufe2f")
# Quotation marks, middle dots, slashes, colons, a blank; and a sign for "number", which would be two letters.
_SIGNS = {
    char: sign
    for sign, chars in (
        *(("'", "\u2018\u2019\u201b"), ('"', "\u201c\u201d\u201e"), (".", "\u00b7\u2027\u2219\u22c5")),
        *(("/", "\u2044\u2215"), (":", "\u2236\ua789"), (" ", "\u2800"), ("#", "\u2116")),
    )
    for char in chars
}

_PLAIN = bytes([*range(0x20, 0x7F), 9, 10, 13])
# Stands for a character that does not become exactly one; a private one that no text needs.
_IRREGULAR = "\uf8fe"
_MOST_PARTS = 6

# And what a terminal takes for a colour, or for the end of a coloured line (ECMA-48, SGR and EL): it ends
# with a letter, so what stands behind it would seem to be in the middle of a word. Other sequences end with
# any letter, which may be the first one of a value.
_REFERENCE = re.compile(
    r"&(?:#[0-9]{1,7};?|#[xX][0-9A-Fa-f]{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};)|\x1b\[[0-9;:]{0,24}[mK]"
)
_REFERENCE_BEGINNING = re.compile(
    r"(?:&(?:#(?:[0-9]{0,7}|[xX][0-9A-Fa-f]{0,6})|[A-Za-z][A-Za-z0-9]{0,31}|)"
    r"|\x1b(?:\[[0-9;:]{0,24})?)\Z"
)
_LONGEST_REFERENCE = 34
_SLICE = 16_384
_SHORT = 100  # texts that Python's own loop is faster with


Places = npt.NDArray[np.intp]


class _Fold(dict[int, str]):
    """Code point to what it reads as, filled as characters turn up."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        sign = LOOKALIKES.get(char) or _SIGNS.get(char) or str(unicodedata.digit(char, ""))
        folded = sign or "".join(map(_fold, unicodedata.normalize("NFKC", char)))
        if len(folded) != 1 or folded == _IRREGULAR:
            # No value is written with what stands for a whole sentence.
            _IRREGULARS[char] = folded if len(folded) <= _MOST_PARTS else char
            folded = _IRREGULAR
        self[code] = folded
        return folded


def _fold(char: str) -> str:
    category = unicodedata.category(char)
    if char in "\t\n\r" or " " <= char <= "~":
        return char
    if (
        category in ("Cc", "Cf")
        or char in _INVISIBLE
        or any(block[0] <= char <= block[1] for block in _MARKS)
    ):
        return ""
    if "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":  # variation selectors
        return ""
    if category == "Cs":  # half a surrogate pair: RE2 reads UTF-8, which has no such thing
        return "\ufffd"
    if category in ("Zl", "Zp"):
        return "\n"
    if category == "Zs":
        return " "
    if category == "Pd" or char in _DASHES:
        return "-"
    if category == "Nd":
        return str(unicodedata.decimal(char))
    return _SIGNS.get(char) or LOOKALIKES.get(char, char)


_FOLD = _Fold()
_IRREGULARS: dict[str, str] = {}
# The same for arithmetic on whole texts; 0 for what has not turned up.
_FOLDED_CODES = np.zeros(0x110000, dtype=np.uint32)


def _translated(text: str) -> str:
    """Each character as what it reads as, or as _IRREGULAR."""
    if len(text) < _SHORT:
        return text.translate(_FOLD)
    given = codes(text)
    read = _FOLDED_CODES.take(given)
    if not read.all():
        for code in np.unique(given[read == 0]).tolist():
            _FOLDED_CODES[code] = ord(_FOLD[code])
        read = _FOLDED_CODES.take(given)
    return read.tobytes().decode("utf-32-le")


def _read(text: str) -> tuple[str, Places | None]:
    """The folded text, without reading character references, and where each of its characters stood; None
    where every one kept its place.
    """
    if text.isascii() and not text.encode().translate(None, _PLAIN):
        return text, None
    folded = _translated(text)
    return (folded, None) if _IRREGULAR not in folded else _expanded(text, folded)


def _expanded(text: str, translated: str) -> tuple[str, Places]:
    """The text with each irregular character as what it becomes, and where each of its characters stood."""
    chars = codes(translated)
    irregular = chars == ord(_IRREGULAR)
    parts = [_IRREGULARS[text[at]] for at in np.flatnonzero(irregular).tolist()]
    counts = np.ones(len(chars), dtype=np.intp)
    counts[irregular] = np.fromiter(map(len, parts), dtype=np.intp, count=len(parts))
    places = np.arange(len(chars)).repeat(counts)
    read = chars.repeat(counts)
    read[irregular.repeat(counts)] = codes("".join(parts))
    return read.tobytes().decode("utf-32-le"), places


def codes(text: str) -> npt.NDArray[np.uint32]:
    """The code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def fold(text: str) -> tuple[str, list[int] | None]:
    """The folded text, without reading character references, and where each of its characters stood; None
    where every one kept its place.
    """
    if text.isascii() and text.isprintable():
        return text, None
    read, places = _read(text)
    return read, None if places is None else places.tolist()


def folded(text: str) -> Iterator[str]:
    """The folded text, without reading character references, a slice at a time: to translate a megabyte in
    one call would keep other threads waiting.
    """
    for at in range(0, len(text), _SLICE):
        yield _read(text[at : at + _SLICE])[0]


class Normalized:
    """The folded copy of a text that arrives in pieces, with its way back; forgets what `drop` lets go.

    It begins with one line end that is nowhere in the original, so that patterns can ask what stands
    before their match.
    """

    def __init__(self) -> None:
        self.text = "\n"
        self._dropped = 0  # characters of the copy that are gone
        # Where places jump: from `_at` of the copy on, characters stand at `_place` and after.
        self._at = [0]
        self._place = [-1]
        self._long: dict[int, int] = {}  # place of a character reference to its length
        self._given = 0
        self._pending = ""  # perhaps the beginning of a character reference

    def append(self, piece: str, *, last: bool = False) -> None:
        """Takes more of the original. With `last`, there is no more."""
        if self._pending:
            piece, self._pending = self._pending + piece, ""
        if "&" not in piece and "\x1b" not in piece:
            if piece.isascii() and piece.isprintable():
                self._extend(piece, None, len(piece))
            else:
                self._extend(*_read(piece), len(piece))
            return
        if not last and (tail := _REFERENCE_BEGINNING.search(piece, max(0, len(piece) - _LONGEST_REFERENCE))):
            piece, self._pending = piece[: tail.start()], piece[tail.start() :]
        self._extend(*self._decoded(piece), len(piece))

    def _decoded(self, piece: str) -> tuple[str, Places | None]:
        """A piece as it reads, with each character reference as what it stands for."""
        texts: list[str] = []
        places: list[int] = []

        def add(start: int, end: int) -> None:
            text, stood = _read(piece[start:end])
            texts.append(text)
            places.extend(range(start, end) if stood is None else (stood + start).tolist())

        done = 0
        for found in _REFERENCE.finditer(piece):
            if (char := _referenced(found[0])) is None:
                continue
            add(done, found.start())
            if char:
                texts.append(_read(char)[0])
                places += [found.start()] * len(texts[-1])
                self._long[self._given + found.start()] = len(found[0])
            done = found.end()
        if not done:
            return _read(piece)
        add(done, len(piece))
        return "".join(texts), np.array(places, dtype=np.intp)

    def _extend(self, text: str, places: Places | None, length: int) -> None:
        """Adds what a piece of this length reads as, and where in it each of the characters stood."""
        at, given = self._dropped + len(self.text), self._given
        if places is None:
            self._jump(at, given)
        elif len(places):
            self._jump(at, given + int(places[0]))
            behind = np.flatnonzero(np.diff(places) != 1) + 1
            self._at += (at + behind).tolist()
            self._place += (given + places[behind]).tolist()
        self.text += text
        self._given += length

    def _jump(self, at: int, place: int) -> None:
        """What stands at `at` of the copy stands at this place."""
        if self._at[-1] == at:  # nothing was appended since the last jump
            self._place[-1] = place
        elif self._place[-1] + at - self._at[-1] != place:
            self._at.append(at)
            self._place.append(place)

    @property
    def settled(self) -> int:
        """How much of the original the copy stands for."""
        return self._given

    def place(self, index: int) -> int:
        """Where text[index] stood in the original; at the end of the text, where the next one will."""
        if index == len(self.text):
            return self._given
        at = self._dropped + index
        jump = bisect_right(self._at, at) - 1
        return self._place[jump] + at - self._at[jump]

    def end(self, index: int) -> int:
        """Where what text[index] stands for ended in the original."""
        place = self.place(index)
        return place + self._long.get(place, 1)

    @property
    def shift(self) -> int | None:
        """By how much a place is more than its index, where that is the same in all of the text."""
        return None if self._long or len(self._at) > 1 else self._place[0] - self._at[0] + self._dropped

    def is_parted(self, begin: int, end: int, parts: Sequence[int]) -> bool:
        """Whether text[begin:end] is in groups of these lengths, with something that nobody sees between them
        and nowhere else: soft hyphens in the place of hyphens.
        """
        places = [self.place(at) for at in range(begin, end)]
        gaps = [at for at in range(1, len(places)) if places[at] - places[at - 1] > 1]
        return sum(parts) == end - begin and gaps == list(accumulate(parts[:-1]))

    def drop(self, count: int) -> None:
        """Forgets the first `count` characters."""
        self.text = self.text[count:]
        self._dropped += count
        gone = bisect_right(self._at, self._dropped) - 1
        if gone > 0:
            del self._at[:gone], self._place[:gone]
        if self._long:
            first = self.place(0)
            self._long = {place: size for place, size in self._long.items() if place >= first}


def _referenced(reference: str) -> str | None:
    """The character that a reference stands for, empty for a colour; None where it stands for itself."""
    if reference[0] != "&":
        return ""
    if reference[1] != "#" and reference[1:] not in html5:
        return None
    char = unescape(reference)
    return None if char in (reference, "\ufffd") else char


class Readable(Normalized):
    """A copy that changes nothing: half surrogate pairs, which RE2 cannot read, become NUL."""

    def append(self, piece: str, *, last: bool = False) -> None:
        self.text += piece if piece.isascii() else _HALF.sub("\0", piece)
        self._given += len(piece)


_HALF = re.compile("[\ud800-\udfff]")
