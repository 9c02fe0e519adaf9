"""
The target of a Markdown link, read character by character as browsers and CommonMark 0.31 do while the text
arrives, and the origins that a policy lists. Knows nothing of what becomes of a link.
"""

import re
from html import unescape
from urllib.parse import urlsplit

# One character of an address: a character reference, an escape, or itself.
_TOKEN = re.compile(
    r"&(?:#[0-9]{1,7};?|#[xX][0-9A-Fa-f]{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};)|\\[!-/:-@\[-`{-~]|.", re.S
)
_TOKEN_BEGINNING = re.compile(
    r"(?:&(?:#(?:[0-9]{0,7}|[xX][0-9A-Fa-f]{0,6})|[A-Za-z][A-Za-z0-9]{0,31}|)|\\)\Z"
)
_PLAIN = re.compile(r"[^\s()<>?&\\]*+")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
# What an address may hold of blanks before its scheme, and of parentheses, escapes and references before its
# query. More is an attack, and bounding it keeps the work linear.
MAX_ODD = 24
MAX_SCHEME = 40
MAX_ADDRESS = 4_096
_PLAIN_SCHEME = re.compile(rf"([A-Za-z][A-Za-z0-9+.-]{{0,{MAX_SCHEME - 1}}}+):")


class MoreNeeded(Exception):  # no error: the answer goes on
    """More text must decide."""


class Address:
    """An address that begins at `first`, read character by character as it is meant."""

    def __init__(self, text: str, first: int, *, angle: bool, last: bool) -> None:
        self._text = text
        self._angle = angle  # `<…>` around it
        self._last = last
        self._depth = 0
        self.first = self.at = first

    def next(self) -> str:
        """The next character, empty at the end of the address."""
        if self.at >= len(self._text):
            return self._end_of_text()
        begun = self._text[self.at] in "&\\" and _TOKEN_BEGINNING.match(self._text, self.at)
        if begun and not self._last:
            raise MoreNeeded
        found = _TOKEN.match(self._text, self.at)
        assert found is not None
        written = found.group()
        if self._ends(written):
            return ""
        self.at = found.end()
        meant = unescape(written) if written[0] == "&" and len(written) > 1 else written[-1]
        return meant[:1]

    def _end_of_text(self) -> str:
        if self._last or self.at - self.first >= MAX_ADDRESS:
            return ""
        raise MoreNeeded

    def _ends(self, char: str) -> bool:
        if self._angle:
            return char in "\r\n>"
        self._depth += (char == "(") - (char == ")")
        return char.isspace() or char in "<>" or self._depth < 0

    def scheme(self) -> str | None:
        """The scheme, `//` for an address of another host under the same one, empty for a relative address;
        None where so many odd characters stand in the way that nobody could mean well.
        """
        if plain := _PLAIN_SCHEME.match(self._text, self.at):
            self.at = plain.end()
            return plain[1].lower()
        letters, odd = "", 0
        while char := self.next():
            if char <= " " or not char.isprintable():
                odd += 1
                if odd > MAX_ODD:
                    return None
            elif char == ":":
                return letters if _SCHEME.fullmatch(letters) else ""
            elif char in "/\\":
                return "//" if letters == "/" else "" if letters else self._second_slash()
            elif not (char.isascii() and (char.isalnum() or char in "+.-")) or len(letters) >= MAX_SCHEME:
                return ""
            else:
                letters += char.lower()
        return ""

    def _second_slash(self) -> str:
        while char := self.next():
            if char > " " and char.isprintable():
                return "//" if char in "/\\" else ""
        return ""

    def query(self) -> int | None:
        """Where its query begins, None if it has none; where it begins itself if it is too odd."""
        odd = 0
        while self.at - self.first < MAX_ADDRESS:
            plain = _PLAIN.match(self._text, self.at)
            assert plain is not None
            self.at = plain.end()
            start = self.at
            char = self.next()
            if not char:
                return None
            odd += 1
            if char == "?":
                return start
            if odd > MAX_ODD:
                return self.first
        return self.at

    def skip(self) -> int:
        """Goes to the end of the address, or as far as one may be long; says where that is."""
        while self.at - self.first < MAX_ADDRESS and self.next():
            pass
        return self.at


class Origins:
    """The origins that a policy lists."""

    def __init__(self, listed: tuple[str, ...]) -> None:
        self._exact = {origin.lower() for origin in listed if "*" not in origin}
        self._under = tuple(origin.lower().split("*.", 1) for origin in listed if "*" in origin)

    def __bool__(self) -> bool:
        return bool(self._exact or self._under)

    def has(self, address: str) -> bool:
        """Whether this plainly written address is of a listed origin. In doubt it is not."""
        if not self or not address.isascii() or "\\" in address or any(char <= " " for char in address):
            return False
        try:
            parts = urlsplit(address)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if not host or "@" in parts.netloc:
            return False
        tail = host + (f":{port}" if port else "")
        if f"{parts.scheme}://{tail}" in self._exact:
            return True
        return any(
            f"{parts.scheme}://" == scheme and tail.endswith(f".{base}") for scheme, base in self._under
        )
