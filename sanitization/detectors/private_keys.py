"""Private keys as text: PEM, OpenSSH, PGP and SSH2 blocks, PuTTY files, JSON Web Keys."""

from typing import ClassVar

from sanitization.detectors.base import Detector, PatternDetector
from sanitization.matching import Searcher, compile_pattern
from sanitization.partial import beginnings
from sanitization.rules import Category

MARK = 80  # longer than any BEGIN or END line
SOON = 512  # within so many characters behind its BEGIN line, a body begins

_MARK = r"-{{4,5}} ?{word} [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)? ?-{{4,5}}"
_BEGIN = _MARK.format(word="BEGIN")
_END = _MARK.format(word="END")

# What may stand between the pieces of a key that was cut off: blanks, and what quoting, commenting or
# joining lines in source code adds (`"…\n" +`, `> …`, `# …`).
_BETWEEN = r"(?:\\[nrt]|[\s>|#*\"'+,;\\])*"
_HEADER = r"(?:[A-Z][A-Za-z-]{2,20}: ?[^\n\\]{0,200}(?:\n|\\n))"
_BODY = rf"{_BETWEEN}(?:{_HEADER}{_BETWEEN})*(?:[A-Za-z0-9+/=]{{16,}}{_BETWEEN})+[A-Za-z0-9+/=]{{0,15}}"
_SCRAP = rf"{_BETWEEN}[A-Za-z0-9+/=]{{1,15}}\z"
_BLANKS = " \t\r\n>|#*\"'+,;\\"
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
# The shortest private key, of 32 bytes, has 44 characters in base64. Documentation has `...` or a word.
MIN_BODY = 32


def _has_key(between: str) -> bool:
    """Whether there is anything of a key behind a BEGIN line."""
    return sum(char in _BASE64 for char in between.partition("END ")[0]) >= MIN_BODY


class PrivateKey(Detector):
    """From BEGIN to END, both included, whatever stands between them.

    The longest keys in use (RSA with 16,384 bits, PGP with subkeys) stay under LIMIT. Without an END that
    near, the key was cut off: what looks like its body goes with the BEGIN, up to LIMIT, which is also what
    a stream holds back at most. A mere mention of the BEGIN line in prose is not a finding.
    """

    rule: ClassVar[str] = "private_key"
    category = Category.SECRET
    score = 0.99
    keywords = ("private key",)
    LIMIT = 32_768

    def __init__(self) -> None:
        self._begin = Searcher(_BEGIN)
        self._end = Searcher(_END)
        self._body = compile_pattern(_BODY)
        self._scrap = compile_pattern(_SCRAP)
        self._beginning = Searcher(rf"(?:{beginnings(_BEGIN)})\z")

    def find(self, text: str, start: int, limit: int) -> tuple[int, int] | None:
        clear = 0
        while begin := self._begin_after(text, start):
            first, after = begin
            if first >= limit:
                return None
            end, clear = self._end_after(text, after, clear)
            if end:
                if _has_key(text[after : min(end, after + SOON)]):
                    return first, end
                start = after
                continue
            if rest := self._rest_after(text, after):
                return first, rest
            start = after
        return None

    def _rest_after(self, text: str, after: int) -> int | None:
        """Where what looks like the body of a key that was cut off ends."""
        rest = None
        if text[after : after + SOON].lstrip(_BLANKS)[:1] in ("", "-"):
            return None  # a body does not begin so; text full of BEGIN lines would cost a search for each
        if self._body.match(text[after : after + SOON]):  # matching costs what it is given
            rest = self._body.match(text[after : after + self.LIMIT])
        elif len(text) - after < SOON:
            rest = self._scrap.match(text[after:])
        return after + int(rest.end()) if rest else None

    def hold(self, text: str, start: int) -> int:
        clear = 0
        while begin := self._begin_after(text, start):
            first, after = begin
            end, clear = self._end_after(text, after, clear)
            if end is None and len(text) - after < self.LIMIT:
                return first  # an END may still come near enough, or the body go on
            if end == len(text):
                return first  # one more dash could belong to it
            start = end or after
        start = max(start, len(text) - MARK)
        found = self._beginning.start(text, start) if text.find("-", start) >= 0 else -1
        return len(text) if found < 0 else found

    def _begin_after(self, text: str, start: int) -> tuple[int, int] | None:
        """The next BEGIN line, by its end too. Looks only where the word is."""
        while (word := text.find("BEGIN ", start)) >= 0:
            base = max(start, word - 8)
            if spans := self._begin.spans(text[base : word + MARK]):
                return base + spans[0][0], base + spans[0][1]
            start = word + 1
        return None

    def _end_after(self, text: str, after: int, clear: int) -> tuple[int | None, int]:
        """Where the next END line ends, if one is near enough; and up to where there is no word END.

        The second is for the next call: BEGIN lines that stand close together look at nothing twice.
        """
        last = after + self.LIMIT
        at = max(after, clear)
        while (word := text.find("END ", at, last)) >= 0:
            base = max(after, word - 8)
            if spans := self._end.spans(text[base : min(word + MARK, last)]):
                return base + spans[0][1], clear
            at = word + 1
        return None, max(clear, min(last, len(text)) - MARK)  # a line may have been cut there


class PuttyKey(PatternDetector):
    """The private part of a PuTTY key file (PPK, versions 1 to 3)."""

    rule = "putty_private_key"
    category = Category.SECRET
    score = 0.99
    keywords = ("private-lines:",)
    _NEXT = r"(?:\\[nr]|\s){1,6}"
    _LINE = "[A-Za-z0-9+/=]{16,}"
    pattern = rf"Private-Lines: ?\d{{1,4}}{_NEXT}(?P<value>{_LINE}(?:{_NEXT}{_LINE})*)"


class JsonWebKey(PatternDetector):
    """The private and symmetric values of a JSON Web Key (RFC 7518, section 6)."""

    rule = "jwk_private_key"
    category = Category.SECRET
    keywords = ('"d"', '"k"', '"dp"', '"dq"', '"qi"')
    pattern = r'"(?:d|k|dp|dq|qi)"\s{0,3}:\s{0,3}"(?P<value>[A-Za-z0-9_-]{32,})"'
