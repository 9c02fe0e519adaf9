"""
The copy that matching runs on: what a reader takes for the same character is the same character.

    removed      zero-width and bidi controls, soft hyphens, tag characters, variation selectors, fillers,
                 control bytes other than tab and line ends
    folded       every kind of space, dash and quotation mark; full-width and other compatibility forms
                 (NFKC); the digits of all scripts; Cyrillic and Greek letters that look like Latin ones

The fold looks at one character at a time, on purpose: nothing composes across a border, so a text that
arrives in pieces reads the same however it is cut. Case stays: patterns say whether it matters to them.
"""

import re
import unicodedata
from array import array
from collections.abc import Callable

# The pairs that Unicode's intentional.txt calls "intentional confusables" (UTS 39), Cyrillic and Greek
# to Latin. Written as code points where a look-alike would fool the reader of this file too.
_LOOKALIKES = str.maketrans(
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03f2\u03f3\u03f9"
    "\u0405\u0406\u0408\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0430\u0435\u043e\u0440"
    "\u0441\u0443\u0445\u0455\u0456\u0458\u04ae\u04bb\u04c0\u04cf\u0501\u050c\u051a\u051b\u051c\u051d\u0261\u0131",
    "ABEZHIKMNOPTYXocjCSIJABEKMHOPCTXaeopcyxsijYhIldGQqWwgi",
)
_DASHES = frozenset("\u2212\u2043\u02d7")  # minus sign, hyphen bullet, modifier minus: not in category Pd
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
_QUOTES = {"\u2018": "'", "\u2019": "'", "\u201b": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"'}

_UNPLAIN = re.compile(r"[^\t\n\r -~]+")


class _Fold(dict[str, str]):
    """Character to what it reads as, filled as characters turn up."""

    def __missing__(self, char: str) -> str:
        self[char] = folded = "".join(_fold(part) for part in unicodedata.normalize("NFKC", char))
        return folded


def _fold(char: str) -> str:
    category = unicodedata.category(char)
    if char in "\t\n\r" or " " <= char <= "~":
        return char
    if category in ("Cc", "Cf") or char in _INVISIBLE:
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
    return _QUOTES.get(char) or char.translate(_LOOKALIKES)


_FOLD = _Fold()


def fold(text: str) -> tuple[str, list[int] | None]:
    """The folded text and where each of its characters stood; None where every one kept its place."""
    if not _UNPLAIN.search(text):
        return text, None
    pieces: list[str] = []
    places: list[int] = []
    done = 0
    for run in _UNPLAIN.finditer(text):
        pieces.append(text[done : run.start()])
        places.extend(range(done, run.start()))
        for at in range(run.start(), run.end()):
            pieces.append(folded := _FOLD[text[at]])
            places.extend([at] * len(folded))
        done = run.end()
    pieces.append(text[done:])
    places.extend(range(done, len(text)))
    return "".join(pieces), places


class Normalized:
    """The folded copy of a text that arrives in pieces, with its way back; forgets what `drop` lets go.

    It begins with one line end that is nowhere in the original, so that patterns can ask what stands
    before their match.
    """

    def __init__(self, folding: Callable[[str], tuple[str, list[int] | None]] = fold) -> None:
        self._folding = folding
        self.text = "\n"
        self._first = -1  # place of text[0] in the original, while places are consecutive
        self._places: array[int] | None = None
        self._given = 0

    def append(self, piece: str) -> None:
        folded, places = self._folding(piece)
        consecutive = places is None and self._first + len(self.text) == self._given
        if self._places is None and not consecutive:
            self._places = array("q", range(self._first, self._first + len(self.text)))
        if self._places is not None:
            own = range(len(piece)) if places is None else places
            self._places.extend(self._given + place for place in own)
        self.text += folded
        self._given += len(piece)

    def place(self, index: int) -> int:
        """Where text[index] stood in the original; at the end of the text, where the next one will."""
        if index == len(self.text):
            return self._given
        return self._first + index if self._places is None else self._places[index]

    def drop(self, count: int) -> None:
        """Forgets the first `count` characters."""
        first = self.place(count)
        self.text = self.text[count:]
        self._first = first
        if self._places is not None:
            del self._places[:count]
            if self._places == array("q", range(first, first + len(self._places))):
                self._places = None
