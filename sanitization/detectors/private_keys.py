"""Private keys as text: PEM, OpenSSH, PGP and SSH2 blocks."""

from typing import Any, ClassVar

from sanitization.detectors.base import Detector, compile_pattern
from sanitization.partial import beginnings

_MARK = r"-{{4,5}} ?{word} [A-Z0-9 ]{{0,40}}PRIVATE KEY(?: BLOCK)? ?-{{4,5}}"
_BEGIN = _MARK.format(word="BEGIN")
_END = _MARK.format(word="END")

# What may stand between the pieces of a key that was cut off: blanks, and what quoting, commenting or
# joining lines in source code adds (`"…\n" +`, `> …`, `# …`).
_BETWEEN = r"(?:\\[nrt]|[\s>|#*\"'+,;\\])*"
_HEADER = r"(?:[A-Z][A-Za-z-]{2,20}: ?[^\n\\]{0,200}(?:\n|\\n))"
_BODY = rf"{_BETWEEN}(?:{_HEADER}{_BETWEEN})*(?:[A-Za-z0-9+/=]{{16,}}{_BETWEEN})+[A-Za-z0-9+/=]{{0,15}}"
_SCRAP = rf"{_BETWEEN}[A-Za-z0-9+/=]{{1,15}}\z"


class PrivateKey(Detector):
    """From BEGIN to END, both included, whatever stands between them.

    The longest keys in use (RSA with 16,384 bits, PGP with subkeys) stay under LIMIT. Without an END that
    near, the key was cut off: what looks like its body goes with the BEGIN. A mere mention of the BEGIN
    line in prose is not a finding.
    """

    rule: ClassVar[str] = "private_key"
    score = 0.99
    keywords = ("private key",)
    LIMIT = 32_768

    def __init__(self) -> None:
        self._begin = compile_pattern(_BEGIN)
        self._end = compile_pattern(_END)
        self._body = compile_pattern(_BODY)
        self._body_goes_on = compile_pattern(rf"(?:{beginnings(_BODY)})\z")
        self._scrap = compile_pattern(_SCRAP)
        self._beginning = compile_pattern(rf"(?:{beginnings(_BEGIN)})\z")

    def find(self, text: str, start: int, limit: int) -> tuple[int, int] | None:
        while begin := self._begin.search(text, start):
            if begin.start() >= limit:
                return None
            if end := self._end_after(text, begin.end()):
                return begin.start(), int(end.end())
            rest = self._body.match(text, begin.end()) or self._scrap.match(text, begin.end())
            if rest:
                return begin.start(), rest.end()
            start = begin.end()
        return None

    def hold(self, text: str, start: int) -> int:
        while begin := self._begin.search(text, start):
            end = self._end_after(text, begin.end())
            if end is None and self._open(text, begin.end()):
                return int(begin.start())
            if end is not None and end.end() == len(text):
                return int(begin.start())  # one more dash could belong to it
            start = (end or begin).end()
        beginning = self._beginning.search(text, start)
        return len(text) if beginning is None else int(beginning.start())

    def _end_after(self, text: str, after: int) -> Any:
        if text.find("END ", after, after + self.LIMIT) < 0:  # a hundred times faster than the pattern
            return None
        return self._end.search(text, after, after + self.LIMIT)

    def _open(self, text: str, after: int) -> bool:
        """Whether an END may still come near enough, or the body go on."""
        if len(text) - after < self.LIMIT:
            return True
        return self._body_goes_on.match(text, after) is not None
