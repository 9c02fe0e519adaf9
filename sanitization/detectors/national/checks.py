"""
Check digits and dates that python-stdnum does not know, or knows more strictly than people write them.

Each takes a candidate of the right form, separators included, and says whether it can be one.
"""

import re
from datetime import date

from stdnum.de import vat

_NIF = "TRWAGMYFPDXBNJZSQVHLCKE"
_NINO_NEVER = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})
_VERHOEFF_D = (
    *("0123456789", "1234067895", "2340178956", "3401289567", "4012395678"),
    *("5987604321", "6598710432", "7659821043", "8765932104", "9876543210"),
)
_VERHOEFF_P = (
    *("0123456789", "1576283094", "5803796142", "8916043527"),
    *("9453126870", "4286573901", "2793806415", "7046913258"),
)
# GB/T 2260, and 83 on residence permits of people from Taiwan.
_CN_PROVINCES = """
    11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83
"""
# The last province code of each ten.
_TH_PROVINCES = (-1, 9, 7, 9, 9, 8, 7, 7, 6, 6)
_TW_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"


def _digits(text: str) -> list[int]:
    return [int(char) for char in text if char.isdigit()]


def _compact(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text).upper()


def _cross(numbers: list[int], weights: list[int]) -> int:
    """The sum of the digit sums of the weighted digits."""
    return sum(sum(divmod(number * weight, 10)) for number, weight in zip(numbers, weights, strict=True))


def _luhn(numbers: list[int]) -> bool:
    doubled = [sum(divmod(number * 2, 10)) for number in numbers[-2::-2]]
    return (sum(numbers[-1::-2]) + sum(doubled)) % 10 == 0


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def de_social(candidate: str) -> bool:
    """Deutsche Rentenversicherung, § 2 VKVV."""
    text = _compact(candidate)
    numbers = _digits(f"{text[:8]}{ord(text[8]) - 64:02}{text[9:]}")
    return _cross(numbers[:12], [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1]) % 10 == numbers[12]


def de_health(candidate: str) -> bool:
    """GKV, Anlage 1 to the guideline on § 290 SGB V."""
    numbers = _digits(f"{ord(candidate[0].upper()) - 64:02}{candidate[1:]}")
    return _cross(numbers[:10], [1, 2, 1, 2, 1, 2, 1, 2, 1, 2]) % 10 == numbers[10]


def de_idnr(candidate: str) -> bool:
    """§ 139b AO: ISO 7064, MOD 11,10; the first digit is no 0, no digit is there more than three times."""
    numbers = _digits(candidate)
    if max(map(numbers[:10].count, range(10))) > 3:
        return False
    product = 10
    for number in numbers[:10]:
        product = (((number + product) % 10 or 10) * 2) % 11
    return numbers[0] != 0 and (11 - product) % 10 == numbers[10]


def de_vat(digits: str) -> bool:
    return bool(vat.is_valid(digits))


def de_lanr(candidate: str) -> bool:
    """KBV guideline on § 75 (7) SGB V: the seventh digit checks the first six."""
    numbers = _digits(candidate)
    total = sum(number * weight for number, weight in zip(numbers, (4, 9, 4, 9, 4, 9), strict=False))
    return (10 - total % 10) % 10 == numbers[6]


def de_bsnr(candidate: str) -> bool:
    return candidate[:2] != "00"


def de_id_card(candidate: str) -> bool:
    """Cards before 2010 have a T and eight digits, of which none checks the others."""
    old = candidate[0] in "Tt" and len(candidate) == 9 and candidate[1:].isdigit()
    return old or de_document(candidate)


def de_document(candidate: str) -> bool:
    """ICAO Doc 9303, part 3, section 4.9: weights 7, 3, 1; letters count from 10."""
    text = candidate.upper()
    if not text[-1].isdigit() or not any(map(str.isdigit, text[:-1])):
        return False
    total = sum(int(char, 36) * (7, 3, 1)[at % 3] for at, char in enumerate(text[:-1]))
    return total % 10 == int(text[-1])


def es_nif(candidate: str) -> bool:
    """Real Decreto 1553/2005: the number modulo 23 names the letter; X, Y, Z stand for 0, 1, 2."""
    text = _compact(candidate)
    number = int(text[:-1].replace("X", "0", 1).replace("Y", "1", 1).replace("Z", "2", 1))
    return _NIF[number % 23] == text[-1]


def fi_hetu(candidate: str) -> bool:
    """DVV: a date, a sign for the century, and the remainder modulo 31."""
    text = candidate.upper()
    century = {"+": 1800, "-": 1900}.get(text[6]) or (2000 if text[6] in "ABCDEF" else 1900)
    day, month, year = int(text[:2]), int(text[2:4]), century + int(text[4:6])
    check = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(text[:6] + text[7:10]) % 31]
    return _is_date(year, month, day) and check == text[10]


def se_person(candidate: str) -> bool:
    """SKV 704: a date, 60 added to the day of a coordination number, and Luhn over the last ten."""
    numbers = re.sub(r"\D", "", candidate)
    if len(numbers) == 12 and numbers[:2] not in ("18", "19", "20"):
        return False
    short = numbers[-10:]
    month, day = int(short[2:4]), int(short[4:6]) % 60 or 60
    century = int(numbers[:2]) if len(numbers) == 12 else 20
    return _is_date(century * 100 + int(short[:2]), month, day) and _luhn(_digits(short))


def uk_nino(candidate: str) -> bool:
    return candidate[:2].upper() not in _NINO_NEVER


def uk_dl(candidate: str) -> bool:
    """DVLA: decade, month (50 added for women), day, year; surname padded with nines."""
    numbers = candidate[5:11]
    month, day = int(numbers[1:3]), int(numbers[3:5])
    padded = re.fullmatch(r"[A-Za-z]{1,5}9{0,4}", candidate[:5]) is not None
    return padded and (month % 50) in range(1, 13) and month < 63 and 1 <= day <= 31


def uk_postcode(candidate: str) -> bool:
    """Royal Mail's PAF: the last two letters are none of C, I, K, M, O, V."""
    text = _compact(candidate)
    return text == "GIR0AA" or (not set(text[-2:]) & set("CIKMOV") and text[0] not in "QVX")


def uk_vrm(candidate: str) -> bool:
    """DVLA INF104, for marks issued since 2001; older ones by their form."""
    text = _compact(candidate)
    if re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z]{3}", text):
        age = int(text[2:4])
        letters = not set(text[:2]) & set("IQZ") and not set(text[4:]) & set("IQ")
        return (2 <= age <= 29 or 51 <= age <= 79) and letters
    return not set(text) & set("IQ") and (text[0] not in "OUYZ" or text[1].isalpha())


def tr_plate(candidate: str) -> bool:
    return not set(candidate) & set("QWX")


def au_medicare(candidate: str) -> bool:
    numbers = _digits(candidate)
    total = sum(n * weight for n, weight in zip(numbers, (1, 3, 7, 9, 1, 3, 7, 9), strict=False))
    return total % 10 == numbers[8]


def cn_ric(candidate: str) -> bool:
    """GB 11643: a province, a date, and ISO 7064 mod 11-2. python-stdnum asks for the county as well, and
    fails with an error of its own on those that its list has no name for.
    """
    check = sum(int(char) * (1 << 17 - at) for at, char in enumerate(candidate[:17]))
    born = _is_date(int(candidate[6:10]), int(candidate[10:12]), int(candidate[12:14]))
    return candidate[:2] in _CN_PROVINCES and born and candidate[17].upper() == "10X98765432"[check % 11]


def in_aadhaar(candidate: str) -> bool:
    """UIDAI: Verhoeff, the first digit at least 2, no palindrome."""
    text = re.sub(r"\D", "", candidate)
    return text[0] > "1" and text != text[::-1] and verhoeff(text)


def verhoeff(text: str) -> bool:
    check = 0
    for at, char in enumerate(reversed(text)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[at % 8][int(char)])])
    return check == 0


def in_gstin(candidate: str) -> bool:
    return candidate[13] in "Zz"


def kr_rrn(candidate: str) -> bool:
    """A date, and a digit for century and sex. Since October 2020 nothing else can be checked."""
    return _kr_date(re.sub(r"\D", "", candidate))


def za_id(candidate: str) -> bool:
    """Department of Home Affairs: a date, and Luhn over all."""
    numbers = _digits(candidate)
    year, month, day = (numbers[at] * 10 + numbers[at + 1] for at in (0, 2, 4))
    return (_is_date(1900 + year, month, day) or _is_date(2000 + year, month, day)) and _luhn(numbers)


def kr_frn(candidate: str) -> bool:
    return _kr_date(re.sub(r"\D", "", candidate))


def _kr_date(text: str) -> bool:
    century = 1900 if text[6] in "1256" else 2000
    return _is_date(century + int(text[:2]), int(text[2:4]), int(text[4:6]))


def kr_dl(candidate: str) -> bool:
    """The first two digits are the region that issued it, 11 to 28."""
    return 11 <= int(candidate[:2]) <= 28


def ng_nin(candidate: str) -> bool:
    return verhoeff(candidate)


def ph_tin(candidate: str) -> bool:
    """Modulo 11 over the first eight digits, weights 9 to 2."""
    numbers = _digits(candidate)
    total = sum(number * weight for number, weight in zip(numbers, range(9, 1, -1), strict=False))
    return total % 11 == numbers[8]


def th_pin(candidate: str) -> bool:
    """The first digit is a kind of person, the next two are a province (ISO 3166-2:TH)."""
    numbers = _digits(candidate)
    total = sum(number * weight for number, weight in zip(numbers, range(13, 1, -1), strict=False))
    province = 0 <= numbers[2] <= _TH_PROVINCES[numbers[1]]
    return numbers[0] != 0 and province and (11 - total % 11) % 10 == numbers[12]


def tw_id(candidate: str) -> bool:
    """The letter counts as two digits."""
    place = _TW_LETTERS.index(candidate[0]) + 10
    numbers = [place // 10, place % 10, *_digits(candidate[1:])]
    return sum(n * w for n, w in zip(numbers, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1), strict=True)) % 10 == 0


def us_itin(candidate: str) -> bool:
    """IRS: the fourth and fifth digit are 50 to 65, 70 to 88, 90 to 92 or 94 to 99."""
    group = int("".join(map(str, _digits(candidate)[3:5])))
    return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or group >= 94


def us_mbi(candidate: str) -> bool:
    """CMS: no S, L, O, I, B or Z."""
    return not set(candidate.upper()) & set("SLOIBZ")


def us_npi(candidate: str) -> bool:
    """CMS: Luhn over the number behind 80840."""
    return _luhn([8, 0, 8, 4, 0, *_digits(candidate)])


def us_dl(candidate: str) -> bool:
    return any(map(str.isdigit, candidate))


def us_rtn(candidate: str) -> bool:
    """ABA: weights 3, 7, 1, and a first pair that is in use."""
    numbers = _digits(candidate)
    first = numbers[0] * 10 + numbers[1]
    in_use = first <= 12 or 21 <= first <= 32 or 61 <= first <= 72 or first == 80
    return in_use and sum(n * (3, 7, 1)[at % 3] for at, n in enumerate(numbers)) % 10 == 0


def digits(candidate: str) -> bool:
    return len(set(candidate)) > 2


def dea(candidate: str) -> bool:
    """DEA: odd places plus twice the even ones, modulo 10."""
    numbers = _digits(candidate[2:])
    total = sum(numbers[0:6:2]) + 2 * sum(numbers[1:6:2])
    return total % 10 == numbers[6]
