"""Addresses of people and machines: e-mail, IPv4, IPv6."""

import ipaddress
import re

from sanitization.detectors.base import PatternDetector

# Letters beyond ASCII, by block, without the punctuation and symbols between them: RE2 knows \pL, but
# Python's parser, which derives the streaming form of every pattern, does not.
SPACED = (
    "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u0dff\u10a0-\u177f\u1800-\u1fff\u2c00-\u2dff"
    "\ua000-\ud7ff\ufb00-\ufdcf"
)
# Scripts without blanks between words: what stands before a sign is a sentence, of which a name is the end.
UNSPACED = "\u0e00-\u109f\u1780-\u17ff\u3040-\u9fff\uf900-\ufaff"
LETTERS = SPACED + UNSPACED
NAME = f"A-Za-z0-9{LETTERS}"
LONGEST_UNSPACED = 16


# What stands before the IPv4 tail of an IPv6 address, and the character before that.
_LONGEST_FRONT = 40
_IPV6_FRONT = re.compile(r"[^A-Za-z0-9:.\]]([0-9A-Fa-f:]{2,39})\Z")


# What stands before the version of a program.
_LONGEST_WORD = 16
_VERSION = re.compile(r"(?:^|[^a-z])(?:version|release)[\"']?\s?[=:]?\s?[\"']?\Z")
_PRODUCT = re.compile(r"[a-z]/\Z")

_LONGEST_LOCAL = 128
_MARKS = "_.!#$%&'*+^~-"
_FEW = f"{{0,{LONGEST_UNSPACED}}}"
_MANY = f"{{0,{_LONGEST_LOCAL - 1 - 2 * LONGEST_UNSPACED}}}"
_ATOM = (
    rf"(?:[{UNSPACED}]{_FEW}[A-Za-z0-9{SPACED}][A-Za-z0-9{SPACED}{_MARKS}]{_MANY}|[{UNSPACED}])"
    rf"[{UNSPACED}{_MARKS}]{_FEW}"
)
_DOMAIN = (
    rf"(?:(?:[{NAME}][{NAME}-]*\.){{1,30}}(?:xn--[A-Za-z0-9-]{{1,59}}|[A-Za-z{LETTERS}]{{2,63}}[{NAME}]*)"
    r"|\[(?:IPv6:)?[0-9A-Fa-f:.]{3,50}\])"
)


class Email(PatternDetector):
    """E-mail addresses as people write them: RFC 5321 with quoted local parts and address literals,
    internationalized names (RFC 6531), and addresses that are spelled out (`sanitization.detectors.spelled`).

    Knowingly left out: comments, and `/` and `=`, which in prose end a path or an assignment. What is glued
    to the end goes with the address. A local part of more than 96 characters loses its front, and so does one
    of more than 16 letters in a row of a script without blanks.
    """

    rule = "email"
    version = 3
    aliases = (
        "EMAIL_ADDRESS",
        "EMAIL",
    )
    keywords = ("@",)
    pattern = f"{_ATOM}@{_DOMAIN}"

    def hold(self, text: str, start: int) -> int:
        """Nothing begins an address that has no sign near by: text without blanks would be held for ever."""
        found = super().hold(text, start)
        while len(text) - found > _LONGEST_LOCAL and text.find("@", found, found + _LONGEST_LOCAL + 1) < 0:
            sign = text.find("@", found)
            found = super().hold(text, (sign if sign >= 0 else len(text)) - _LONGEST_LOCAL)
        return found


class QuotedEmail(PatternDetector):
    """E-mail addresses with a quoted local part; the quotes may be escaped, as in JSON.

    Of at most four words: what stands between quotes is held back until it is decided.
    """

    rule = Email.rule
    form_of = Email
    keywords = ("@",)
    _WORD = r'(?:[^"\\\s]|\\[^\n]){1,32}'
    _ESCAPED = r'\\"[^"\\\s]{1,32}(?: [^"\\\s]{1,32}){0,3}\\"'
    pattern = (
        rf'[\s<(\[{{,:;=>](?P<value>"{_WORD}(?: {_WORD}){{0,3}}"@{_DOMAIN})'
        rf'|[\s<(\[{{,:;=>"](?P<escaped>{_ESCAPED}@{_DOMAIN})'
    )


class IPv4(PatternDetector):
    """Dotted quads, with a network's prefix length if it has one; also `10[.]0[.]0[.]1`. Five numbers, a
    letter in front, or a word that says so make a version instead.
    """

    rule = "ipv4"
    version = 3
    aliases = ("IP_ADDRESS",)
    keywords = (".",)
    pattern = (
        r"[^A-Za-z0-9.](?P<value>(?:\d{1,3}(?:\.|\[\.\])){3}\d{1,3}(?:/\d{1,2})?)"
        r"(?:[^A-Za-z0-9.]|\.(?:\D|$)|$)"
    )

    def accept(self, candidate: str) -> int:
        return len(candidate) if _is_ip(candidate.replace("[.]", ".")) else 0

    def narrowed(self, text: str, begin: int, end: int) -> tuple[int, int] | None:
        """All but versions, and those that are the end of an IPv6 address, which is one finding."""
        is_other = _ends_ipv6(text, begin, end) or _is_version(text, begin, end)
        return None if is_other else (begin, end)


class IPv6(PatternDetector):
    """RFC 4291 addresses in full, shortened and with an IPv4 tail; a zone after `%` belongs to it."""

    rule = "ipv6"
    aliases = ("IP_ADDRESS",)
    keywords = (":",)
    pattern = (
        r"[^A-Za-z0-9:.\]](?P<value>[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}"
        r"(?:(?:\.\d{1,3}){3})?(?:%[A-Za-z0-9]{1,15})?(?:/\d{1,3})?)(?:[^A-Za-z0-9:.]|\.(?:\D|$)|$)"
    )

    def accept(self, candidate: str) -> int:
        address = candidate[:-1] if candidate.endswith(":") and candidate[-2:] != "::" else candidate
        if not _is_ip(address):
            return 0
        # `a::b` is an address to the letter, and a name in several programming languages.
        telling = any(char.isdigit() for char in address) or address.count(":") > 3
        return len(address) if telling else 0


def _ends_ipv6(text: str, begin: int, end: int) -> bool:
    if text[begin - 1] != ":":
        return False
    front = _IPV6_FRONT.search(text[max(0, begin - _LONGEST_FRONT) : begin])
    return front is not None and _is_ip(front[1] + text[begin:end])


def _is_version(text: str, begin: int, end: int) -> bool:
    """Behind a word for it, or behind the name of a program where no machine has such an address: browsers
    call themselves Chrome/120.0.0.0.
    """
    before = text[max(0, begin - _LONGEST_WORD) : begin].lower()
    product = _PRODUCT.search(before) and text.startswith(".0.0.0", end - 6)
    return bool(product or _VERSION.search(before))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return True
