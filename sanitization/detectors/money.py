"""Numbers that move money: payment cards and bank accounts."""

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from sanitization.detectors.base import PatternDetector
from sanitization.normalize import codes

_MAESTRO = range(12, 20)
_LEAST_GROUPED = 13  # longer ones may stand in groups
# Issuer prefixes (ISO/IEC 7812) as ranges of the leading digits, with the lengths they are issued in:
# UATP, American Express, Diners, JCB, Visa, Mastercard, Maestro, Discover, UnionPay, RuPay, Mir, Troy.
_ISSUERS: tuple[tuple[range, Iterable[int]], ...] = (
    (range(1, 2), (15,)),
    (range(34, 35), (15,)),
    (range(37, 38), (15,)),
    (range(300, 306), (14, 16, 19)),
    (range(309, 310), (14, 16, 19)),
    (range(36, 37), (14, 16, 19)),
    (range(38, 40), (14, 16, 19)),
    (range(3528, 3590), range(16, 20)),
    (range(1800, 1801), (15,)),
    (range(2131, 2132), (15,)),
    (range(4, 5), (13, 16, 19)),
    (range(51, 56), (16,)),
    (range(2221, 2721), (16,)),
    (range(2200, 2205), range(16, 20)),
    (range(50, 51), _MAESTRO),
    (range(56, 59), _MAESTRO),
    (range(6304, 6305), _MAESTRO),
    (range(67, 68), _MAESTRO),
    (range(60, 61), range(16, 20)),
    (range(62, 63), range(16, 20)),
    (range(64, 66), range(16, 20)),
    (range(81, 83), (16,)),
    (range(9792, 9793), (16,)),
)
_LENGTHS: dict[str, frozenset[int]] = {
    str(prefix): frozenset(lengths) for prefixes, lengths in _ISSUERS for prefix in prefixes
}

_IBAN_REGISTRY = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20
    EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30
    KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23
    PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26
    UA29 VA22 VG24 XK20 YE30
"""
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _IBAN_REGISTRY.split()}


# The code of a digit to its value, and to the digit sum of twice its value.
_ONCE = bytes.maketrans(b"0123456789", bytes(range(10)))
_TWICE = bytes.maketrans(b"0123456789", bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]))
_DOUBLED = np.frombuffer(_TWICE[ord("0") : ord("9") + 1], dtype=np.uint8).astype(np.intp)
_NUMBER = re.compile(r"\d[\d .-]*\d")
_POINTED = re.compile(r"[A-Za-z]{2}\d\d(?:\.[A-Za-z0-9]{4}){2,7}(?:\.[A-Za-z0-9]{1,4})?")
_ZEROS = re.compile(r"\.0{1,2}\Z")


def luhn_valid(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1 annex B."""
    codes = digits.encode()
    return (sum(codes[-1::-2].translate(_ONCE)) + sum(codes[-2::-2].translate(_TWICE))) % 10 == 0


@lru_cache(maxsize=10_000)
def _issued_lengths(first: str) -> tuple[int, ...]:
    lengths = {length for size in range(1, 5) for length in _LENGTHS.get(first[:size], ())}
    return tuple(sorted(lengths, reverse=True))


def issued_lengths(digits: str) -> tuple[int, ...]:
    """The lengths in which some issuer gives out numbers that begin like this, the longest first."""
    return _issued_lengths(digits[:4])


@cache
def _issued() -> npt.NDArray[np.intp]:
    """`issued_lengths` of all beginnings of four digits, a bit for each length."""
    table = np.zeros(10_000, dtype=np.intp)
    for prefix, lengths in _LENGTHS.items():
        size = 10 ** (4 - len(prefix))
        table[int(prefix) * size : (int(prefix) + 1) * size] |= sum(1 << length for length in lengths)
    return table


def _may_begin(digits: npt.NDArray[np.intp], places: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """With which of the digits that stand at these places a card begins, as far as `extent` asks for a length
    that the issuer has, the check digit, and ends that are no part of a group.
    """
    count = len(digits)
    begins = np.zeros(count, dtype=bool)
    issued = _issued().take(digits[:-3] * 1000 + digits[1:-2] * 100 + digits[2:-1] * 10 + digits[3:])
    # The sums up to each digit, if those in even places count once, and if those in odd ones do.
    sums = np.zeros((2, count + 1), dtype=np.intp)
    odd = np.arange(count) & 1
    for parity in (0, 1):
        np.cumsum(np.where(odd == parity, digits, _DOUBLED.take(digits)), out=sums[parity, 1:])
    apart = np.diff(places) > 1
    ends, starts = np.append(apart, True), np.append(True, apart)
    for length in range(min(_MAESTRO), min(_MAESTRO.stop, count + 1)):
        even, uneven = sums[:, length:] - sums[:, :-length]
        right = np.where(odd[length - 1 :] == 0, even, uneven) % 10 == 0
        right &= ends[length - 1 :]
        right &= issued[: len(right)] >> length & 1 == 1
        if length <= _LEAST_GROUPED:
            right &= places[length - 1 :] - places[: len(right)] < length
        begins[: len(right)] |= right
    begins &= starts
    return begins


class CreditCard(PatternDetector):
    """Payment card numbers of 12 to 19 digits: issuer prefix and Luhn check digit.

    Digits may stand in groups. Other groups may follow: the number ends where a group ends, at the
    longest length that checks out.
    """

    rule = "credit_card"
    aliases = ("CREDIT_CARD",)
    version = 2
    score = 0.95
    # The digits of a fraction are no card, but spreadsheets write one as 4111111111111111.0.
    pattern = (
        r"(?:[^A-Za-z0-9.]|[^0-9]\.)"
        r"(?:\d(?:(?: ?- ?| {1,2})?\d){11,18}(?:\.0{1,2})?|\d{4}(?:\.\d{4}){3})"
        r"(?:[^A-Za-z0-9.]|\.(?:[^0-9]|$)|$)"
    )

    def extent(self, group: str, candidate: str) -> tuple[int, int]:
        """Without the context in front of it."""
        begin, stop = _NUMBER.search(candidate).span()  # type: ignore[union-attr]  # there is one
        return begin, self._end(candidate, begin, stop)

    def _end(self, candidate: str, begin: int, stop: int) -> int:
        """Where the card ends that begins there in a candidate; 0 where none does."""
        number = candidate[begin:stop]
        if "." in number:
            number = _ZEROS.sub("", number)
        digits = _digits(number)
        lengths = issued_lengths(digits)
        if not lengths or digits.strip(digits[0]) == "":
            return 0
        for length in lengths:
            if length <= len(digits) and luhn_valid(digits[:length]):
                end = _end_of(number, length)
                # Three groups of four are a part of something longer more often than a short card.
                if not number[end : end + 1].isdigit() and (length > _LEAST_GROUPED or length == end):
                    return stop if end == len(number) else begin + end
        return 0

    def places(self, window: str) -> Sequence[int]:
        """One and two characters before each digit with which `_may_begin` says that a card begins."""
        chars = codes(window)
        digits = np.flatnonzero((chars >= ord("0")) & (chars <= ord("9")))
        if not len(digits):
            return []
        first = digits[_may_begin(chars[digits].astype(np.intp) - ord("0"), digits)]
        places: list[int] = np.unique(np.concatenate((first - 2, first - 1))).tolist()
        return places


def _digits(number: str) -> str:
    return number.replace(" ", "").replace("-", "").replace(".", "")


def _end_of(candidate: str, length: int) -> int:
    """Where the first so many digits end."""
    end = length
    while (missing := length - len(_digits(candidate[:end]))) > 0:
        end += missing
    return end


class CardSecurityCode(PatternDetector):
    """The three or four digits that confirm a payment card, next to their name: CVV, CVC, security code."""

    rule = "card_security_code"
    score = 0.85
    keywords = ("cvv", "cvc", "card", "prüfnummer", "cryptogramme", "seguridad")
    pattern = (
        r"(?i:\b(?:cvv|cvc)2?|\bcard[ _-](?:security|verification)[ _-](?:code|number|value)|"
        r"kartenprüfnummer|cryptogramme(?: visuel)?|c[oó]digo de seguridad)"
        r"(?i:[ _-](?:code|number|no\.?|nr\.?))?[\"'`]?(?:\s{0,3}[:=#>]|\s(?i:is|was|ist|est|es))?[ \t]{0,3}"
        r"[\"'`]?(?P<value>\d{3,4})(?:[^\w.,%]|[.,](?:\D|$)|$)"
    )


class Iban(PatternDetector):
    """International bank account numbers: the country's length and ISO 7064 mod 97-10.

    Printed in groups or not, in capitals or small letters. Words that follow are not part of it.
    """

    rule = "iban"
    version = 2
    aliases = ("IBAN_CODE",)
    score = 0.95
    pattern = r"[^A-Za-z0-9](?P<value>[A-Za-z]{2}\d{2}(?:(?: ?- ?| {1,2}|\.)?[A-Za-z0-9]){11,30})"

    def accept(self, candidate: str) -> int:
        length = _IBAN_LENGTHS.get(candidate[:2].upper())
        places = [at for at, char in enumerate(candidate) if char.isalnum()]
        if length is None or len(places) < length:
            return 0
        end = places[length - 1] + 1
        if candidate[end : end + 1].isalnum():
            return 0
        if "." in candidate[:end] and not _POINTED.fullmatch(candidate[:end]):
            return 0  # the name of a machine
        account = "".join(candidate[at] for at in places[:length])
        if not (account[2:].isupper() or account[2:].islower() or account[2:].isdigit()):
            return 0  # words with numbers between them
        account = account.upper()
        rearranged = account[4:] + account[:4]
        return end if int("".join(str(int(char, 36)) for char in rearranged)) % 97 == 1 else 0
