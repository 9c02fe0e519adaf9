"""
Telephone numbers. Most of the work is not taking every other number for one.

Three kinds of evidence, each with rules of its own:

    international   `+` or `00`, a country code that exists, a length it allows
    told            a word such as "call" or "fax" beside it; then almost any grouping will do
    national        the grouping of North America, or a trunk prefix and a number that one of REGIONS assigns

The numbering plans are those of the phonenumbers package. Its parser stays out of it: it costs some 100 µs
a candidate, and its regular expressions backtrack.
"""

import re
from functools import cache
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from sanitization.detectors.base import PatternDetector, compile_pattern

# Regions whose national numbers are recognized without a hint. All of these dial a 0 first; where nobody
# does, a bare number looks like any other and needs a word beside it.
REGIONS = (
    "GB",
    "DE",
    "FR",
    "IT",
    "NL",
    "BE",
    "AT",
    "CH",
    "SE",
    "FI",
    "IE",
    "IN",
    "AU",
    "NZ",
    "JP",
    "ZA",
    "BR",
)

_NUMBER = r"[+(]{0,2}\d(?:[ ()./-]{0,3}\d){5,16}(?: ?(?i:x|ext\.?|extension) ?\d{1,6})?"
_LED = r"[+(]" + _NUMBER  # such a mark needs no blank before it
_TOLD = (
    r"(?i:phones?|telephone|tel|mobile|cell|cellphone|landline|hotline|call|ring|dial|fax|sms|text|whatsapp|"
    r"contact|reach|answering)"
    r"[^A-Za-z0-9\n+(]{1,3}(?i:(?:number|no|me|us|him|her|them|is|at|on|under|via|by|or|phone)"
    r"[^A-Za-z0-9\n+(]{1,3}){0,4}"
)
_TELLS = r"[ \t-]{0,2}[(-]?(?i:office|fax|mobile|cell|home|work|phone|tel)"

_EXTENSION = re.compile(r" ?(?:x|ext\.?|extension) ?\d{1,6}$", re.IGNORECASE)
_DATE = re.compile(r"(?:\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})|\d{4}([./-])\d{1,2}\2\d{1,2})(?:[ T].*)?")
_SSN = re.compile(r"\d{3}-\d{2}-\d{4}")
_AMERICAN = re.compile(
    r"(?:\+?0{0,2}1[ .-])?(?:\(\d{3}\)[ -]?\d{3}[ .-]|\d{3}([.-])\d{3}\1)\d{4}"
    r"(?: ?(?:x|ext\.?|extension) ?\d{1,6})?"
)
_GAP = re.compile(r"[ ()./-]+")
MAX_GROUPS = 8
_AREA_CODE = re.compile(r"\(\d{1,5}\) ?\d[\d -]{5,9}")
_KINDS = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "uan",
)


class Phone(PatternDetector):
    """Telephone numbers with an international prefix, a telling word, or a national form."""

    rule = "phone"
    aliases = ("PHONE_NUMBER",)
    score = 0.75
    pattern = (
        rf"(?:[^A-Za-z0-9.+(](?:{_TOLD}(?P<told>{_NUMBER})|(?P<tells>{_NUMBER}){_TELLS}|(?P<alone>{_NUMBER}))"
        rf"|(?P<led>{_LED}))"
        r"(?:[^A-Za-z0-9]|$)"
    )

    def judge(self, group: str, candidate: str) -> int:
        if group == "alone" and candidate[0] in "123456789":
            american = _AMERICAN.match(candidate)
            return american.end() if american and _ends_number(candidate, american.end()) else 0
        ends = [match.start() for match in _GAP.finditer(candidate)][:MAX_GROUPS]
        if len(ends) < MAX_GROUPS:
            ends.append(len(candidate))
        if group == "tells":  # the word stands right behind the number, so it is the whole of it
            ends = [len(candidate)]
        for end in reversed(ends):
            if end and self._is_phone(candidate[:end], told=group in ("told", "tells")):
                return end
        return 0

    def _is_phone(self, text: str, *, told: bool) -> bool:
        number = _EXTENSION.sub("", text)
        digits = re.sub(r"\D", "", number)
        if not 6 <= len(digits) <= 15 or number.count("(") != number.count(")"):
            return False
        if _DATE.fullmatch(number) or _SSN.fullmatch(number):
            return False
        if number.startswith(("+", "(+")) or digits.startswith("00"):
            return _international(digits.removeprefix("00"))
        if told or _AMERICAN.fullmatch(number):
            return True
        grouped = len(digits) < len(number)
        if number.startswith("("):
            return 8 <= len(digits) <= 12 and _AREA_CODE.fullmatch(number) is not None
        return grouped and len(digits) >= 9 and digits.startswith("0") and _national(digits)


def _ends_number(text: str, end: int) -> bool:
    return not text[end : end + 1].isdigit()


def _international(digits: str) -> bool:
    """A country code that exists and a length that its numbering plan has."""
    for size in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:size]))
        if regions and regions[0] != "001":
            plan: Any = PhoneMetadata.metadata_for_region(regions[0])
            return len(digits) - size in plan.general_desc.possible_length
    return False


def _national(digits: str) -> bool:
    # Italy dials its 0 from abroad as well, the others drop it.
    plans = _plans()
    return plans.fullmatch(digits.removeprefix("0")) is not None or plans.fullmatch(digits) is not None


@cache
def _plans() -> Any:
    """What REGIONS assign, as one linear pattern."""
    patterns = []
    for region in REGIONS:
        plan: Any = PhoneMetadata.metadata_for_region(region)
        for kind in _KINDS:
            description = getattr(plan, kind)
            if description is not None and description.national_number_pattern:
                patterns.append(description.national_number_pattern)
    return compile_pattern("|".join(f"(?:{pattern})" for pattern in patterns))
