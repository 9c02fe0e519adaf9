"""
Telephone numbers. Most of the work is not taking every other number for one.

Four kinds of evidence, each with rules of its own:

    international   `+` or `00`, a country code that exists, a length it allows
    told            a word such as "call" or "fax" beside it; then almost any grouping will do
    shaped          a grouping that hardly anything but telephone numbers has: 415-555-0132, 8 (495) 123-45-67
    trunk           the 0 that is dialled first within a country, and a number that one of REGIONS assigns

The numbering plans are those of the phonenumbers package. Its parser stays out of it: it costs some 100 µs
a candidate, and its regular expressions backtrack.
"""

import re
from functools import cache
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from sanitization.detectors.base import PatternDetector
from sanitization.detectors.wording import as_read
from sanitization.matching import Searcher

# Where a 0 is dialled first, in the order of population. Without one a bare number looks like any other:
# then its shape or a word beside it has to tell.
_REGIONS = """
    IN CN ID PK NG BR BD JP ET PH EG CD VN IR TR DE TH GB TZ FR ZA IT KE MM CO KR SD UG IQ DZ AR AF UA MA SA
    AU MY GH NP VE PE TW LK RO NL BE SE IL AT CH AE RS BG FI SK IE HR NZ JO LB GE AM MD LT SI
"""
REGIONS = tuple(_REGIONS.split())

# What may be said in front of a number.
_WORDS = """
    phones phone telephone tel telefon telefono teléfono telefone téléphone tél telefax telepon mobile mobil
    móvil celular cellulare cell cellphone landline hotline helpline switchboard call calling dial fax sms
    whatsapp viber signal rufnummer anrufen appelez llame ligue gsm τηλ τηλέφωνο κινητό телефон телефона тел
    моб факс звоните звонить
"""
_SHORT_WORDS = "ph tlf tlfn mob fon"  # only with a point or a colon behind them
_VERBS = "reach reached contact text ring answering message"  # alone they speak of anything
_UNSPACED_WORDS = """
    电话 電話 手机 手機 传真 傳真 热线 拨打 致电 联系方式 携帯 連絡先 전화 휴대폰 연락처
    هاتف جوال تلفن تماس موبایل همراه گوشی फोन मोबाइल โทร
"""
_LINKS = (
    "number|numbers|no|nr|num|me|us|him|her|them|back|is|at|on|under|via|by|or|phone|mobile|line|office|home|"
    "work|direct|now|today|please|our|my|the|desk|team"
)

_EXT = r"(?:[ ,;]{0,2}(?i:x|ext\.?|extn\.?|extension|доб\.?)[ :.=]{0,2}\d{1,6})?"
_GAP = r"(?:[ ()./_-]{0,4}|-\n)"  # `) - ` is the longest
# A hyphen, however it is set; and a number that was broken into lines or columns.
_HYPHEN = r"(?: ?[_-] ?|--|-\n)"
_BROKEN = r"\d{2,5}(?:-?[\n\t]\d{2,5}){2,4}"
_NUMBER = rf"[+(]{{0,2}}\d(?:{_GAP}\d){{5,16}}{_EXT}"
_BREAK = r"[^A-Za-z0-9\n+(]{1,3}"
_BEFORE = r"[^A-Za-z0-9\n+(]{1,6}"  # `"phone": ["`


def _read(words: str) -> str:
    """These words as one alternative, in every case, as the folded text has them."""
    return "|".join(sorted(map(re.escape, as_read(words.split())), key=lambda form: (-len(form), form)))


_TOLD = (
    rf"(?:(?i:{_read(_WORDS)})(?:(?:{_BREAK})?(?i:{_LINKS})){{0,4}}{_BEFORE}"
    rf"|(?i:{_read(_SHORT_WORDS)})[.:#]{{1,2}} ?"
    rf"|(?i:{_read(_VERBS)})(?:{_BREAK}(?i:{_LINKS})){{0,3}}{_BREAK}"
    rf"(?i:at|on|under|via|is|me|us|him|her|them){_BREAK}"
    rf"|(?i:my|his|her|our|their|your)(?:{_BREAK}(?i:new|old|other|second))? (?i:number|no\.?|nr\.?)"
    rf"(?:{_BREAK}(?i:is|was|now)){{0,2}}{_BREAK}"
    rf"|(?:{_read(_UNSPACED_WORDS)})[^A-Za-z0-9\n+(]{{0,4}})"
)
_TELLS = r"[ \t-]{0,2}[(-]?(?i:office|fax|mobile|cell|home|work|phone|tel)[ \t]{0,2}(?:[^A-Za-z0-9 \t]|$)"

_ONE = rf"(?:0{{0,2}}1(?:[ .]|{_HYPHEN}))?"  # the country code of North America
# What is common to no other kind of number; tried on dates, versions, sums, coordinates, ISBN and order
# numbers (tests/corpus/phone.jsonl).
_SHAPES = (
    # North America
    rf"{_ONE}\(\d{{3}}\)(?: {{1,2}}|{_HYPHEN})?\d{{3}}(?:[ .]|{_HYPHEN})\d{{4}}{_EXT}",
    rf"{_ONE}(?:\d{{3}}{_HYPHEN}\d{{3}}{_HYPHEN}|\d{{3}}\.\d{{3}}\.)\d{{4}}{_EXT}",
    # Russia, Kazakhstan, Belarus; then the same without the first digit, Turkey, Ukraine, Poland
    r"[78][ -]?\(?[3-9]\d{2}\)?[ -]?\d{3}[ -]\d{2}[ -]\d{2}",
    r"8 0\d{2} \d{3}-\d{2}-\d{2}",
    r"[1-9]\d{1,2}[ -]\d{3}-\d{2}-\d{2}",
    # China; Brazil; France
    r"1[3-9]\d-\d{4}-\d{4}",
    r"[1-9]\d (?:9\d{4}|[2-5]\d{3})-\d{4}",
    r"0[1-9](?:(?:\.\d{2}){4}|(?:-\d{2}){4})",
)
# The same with blanks alone, as they stand in any list of numbers: none may be in front of them or behind.
_SPACED_SHAPES = (
    # North America, and other freephone numbers
    rf"(?:0{{0,2}}1 )?[2-9]\d{{2}} [2-9]\d{{2}} \d{{4}}{_EXT}",
    r"1?800 \d{3} \d{3,4}|1300 \d{3} \d{3}",
    # Poland, Turkey, Ukraine; Spain; France; China; India; Mexico; many others
    r"[1-9]\d{1,2} \d{3} \d{2} \d{2}",
    r"[6-9]\d{2} \d{2} \d{2} \d{2}",
    r"0[1-9](?: \d{2}){4}",
    r"1[3-9]\d \d{4} \d{4}",
    r"[6-9]\d{4} \d{5}",
    r"(?:33|55|56|81) \d{4} \d{4}",
    r"0[1-9]\d \d{3} \d{3}",
)
_AREA = rf"\(\d{{1,5}}\)(?:{_HYPHEN}| {{1,2}})?\d{{2,8}}(?:(?:{_HYPHEN}| )\d{{2,5}}){{0,3}}"
_SHAPED = "|".join((*_SHAPES, _AREA))
_SPACED = "|".join(_SPACED_SHAPES)
# Between the groups of a number with `+`, where it is broken into lines or set with bullets.
_SPREAD = r"\)? ?(?:\r?\n|•) ?\(?"
_INTERNATIONAL = (
    rf"(?:\(?\+\(?[1-9](?:(?:{_GAP}|{_SPREAD})\d){{5,16}}|\(?00\(?[1-9](?:{_GAP}\d){{5,16}}){_EXT}"
)
_TRUNK_GAP = r"[ ()./-]{1,4}"
# Pairs of digits have shapes of their own: here some group is longer.
_TRUNK = (
    rf"\(?0(?:-?[1-9]\d{{2,5}}(?:{_TRUNK_GAP}\d{{2,8}}){{1,4}}|[1-9]\d{_TRUNK_GAP}\d{{2,8}}(?:{_TRUNK_GAP}\d{{2,8}}){{0,3}}"
    rf"|[1-9](?:{_TRUNK_GAP}\d\d)?{_TRUNK_GAP}\d{{3,8}}(?:{_TRUNK_GAP}\d{{2,8}}){{0,3}}){_EXT}"
)
_SPACED_END = r"(?:[^A-Za-z0-9 -]|[ -](?:[^0-9]|$)|$)"
_END = r"(?:[^A-Za-z0-9-]|-(?:[^0-9]|$)|$)"

_START = re.compile(r"[+(\d]")
_TOLD_PLAINLY = re.compile(r"\W[A-Za-z]{2,12}[^\w+(]{1,6}((?!00)[0-9]{6,15})\W?\Z")
_LETTER = re.compile(r"[^\W\d_]")
_EXTENSION = re.compile(_EXT[:-1] + r"\Z")
_GAPS = re.compile(r"[ ()./_\n\t-]+")
_SHAPE = re.compile("|".join(_SHAPES))
_SPACED_SHAPE = re.compile(_SPACED)
# As the codes of American towns and of many other things, and as thousands.
_UNSHAPED = re.compile(r"0\d{4}[-/]\d{4}|0\d\d(?: \d{3})+")
_AREA_NUMBER = re.compile(_AREA)
_YEAR = re.compile(r"\((?:19|20)\d\d\)")
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_DATE = re.compile(
    rf"(?:(?:{_DAY}([./-]){_MONTH}\1|{_MONTH}([./-]){_DAY}\2)(?:(?:19|20)\d\d(?=[ T-]|\Z)|\d\d(?=[ T]|\Z))"
    rf"|\d{{4}}([./-]){_MONTH}\3{_DAY}(?=[ T-]|\Z))"
)
_YEARS = re.compile(r"(?:19|20)\d\d ?[-/] ?(?:19|20)\d\d")
_SSN = re.compile(r"\d{3}-\d{2}-\d{4}")
_PAIRS = re.compile(r"\d\d(?:[ ./-]\d\d)*")
_MORE = re.compile(r"[.-]\d")
_UNDIGITS = {ord(char): None for char in " ()./_\n\t-+"}
_MAX_GROUPS = 8
_SPREADS = re.compile(rf"(?<!-){_SPREAD}")
_LINE_ENDS = re.compile(r"[ )]{0,2}\r?\n")
_ANY_GAP = re.compile(r"[ ()./_\r\n•-]+")
_FIRST_GROUP = re.compile(r"\(?\+\(?(\d{1,3})(?!\d)")
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
    version = 5
    pattern = (
        rf"[^A-Za-z0-9.+(](?:{_TOLD}(?:{_NUMBER}|{_BROKEN})(?:[^A-Za-z0-9]|$)|{_NUMBER}{_TELLS})"
        rf"|(?:[^A-Za-z0-9.]|[^0-9]\.){_INTERNATIONAL}{_END}"
        rf"|[^A-Za-z0-9.+(_#$-](?:(?:{_SHAPED}){_END}|{_TRUNK}{_END})"
        rf"|(?:[^A-Za-z0-9 .+(_#$-]|[^0-9] )(?:{_SPACED}){_SPACED_END}"
        r"|[㐀-鿿가-힣] ?1[3-9]\d{9}(?:[^A-Za-z0-9]|$)"
    )

    def extent(self, group: str, candidate: str) -> tuple[int, int]:
        """A match begins with one character of context, and perhaps words."""
        if told := _TOLD_PLAINLY.match(candidate):  # as nearly all are of which a text has very many
            return told.span(1)
        first, end = _START.search(candidate, 1), len(candidate)
        while end and not candidate[end - 1].isdigit():
            end -= 1
        if first is None or not end:
            return 0, 0
        begin = first.start()
        return begin, _end(candidate, begin, end)


def _end(candidate: str, begin: int, end: int) -> int:
    """Where the number ends that stands there in a candidate; 0 where none does."""
    number = candidate[begin:end]
    told = begin > 1 and any(map(str.isalpha, candidate[1:begin]))
    plain = number.isdigit()
    if told and plain and number[:2] != "00":
        return end if 6 <= len(number) <= 15 else 0
    if candidate[0] >= "\u3400" and plain and not told:
        return end  # the one form that needs Chinese in front of it
    if " " in number and _SPACED_SHAPE.fullmatch(number) and (begin > 1 or candidate[0] != " "):
        return end
    if number.startswith(("+", "(+")) and (spread := _SPREADS.search(number)):
        length = _length(number[: spread.start()], told=told, whole=False)
        length = length or _spread_length(number, before=candidate[:begin], after=candidate[end:])
        return begin + length if length else 0
    tells = any(map(str.isalpha, candidate[end:-1]))
    length = _length(number, told=told or tells, whole=tells)
    return begin + length if length else 0


def _length(number: str, *, told: bool, whole: bool) -> int:
    """How much of a candidate is the longest telephone number that it begins with; 0 where none is. With
    `whole`, all of it or nothing.
    """
    plain = number.isdigit()
    if not plain and _SHAPE.fullmatch(number):
        return len(number)
    international = number.startswith(("+", "(+", "00", "(00"))
    if whole or plain:
        ends = [len(number)]
    else:
        gaps = [gap.start() for gap in _GAPS.finditer(number) if gap.start()]
        ends = [*gaps[:_MAX_GROUPS], *([len(number)] if len(gaps) < _MAX_GROUPS else [])]
    for end in reversed(ends):
        text = number[:end]
        if end == len(number) and _LETTER.search(number):
            text = _EXTENSION.sub("", number)
        digits = text if plain else text.translate(_UNDIGITS)
        if not 6 <= len(digits) <= 18 or text.count("(") != text.count(")"):
            continue
        if international:
            if _international(text):
                return end
        elif told:
            if len(digits) <= 15 and not _is_other(text):
                return end
        elif 8 <= len(digits) <= 12 and _is_national(text, digits, number[end:]):
            return end
    return 0


def _spread_length(number: str, *, before: str, after: str) -> int:
    """How much of a candidate that goes over a line end or bullets is one complete number; 0 where none is.

    Columns of numbers look alike. So its plan has to assign it, its country code is a group by itself, no
    line ends behind that, only the area code is one digit, and it ends where a line of numbers does. Where
    nothing else stands in its lines, its groups must be those of no other number.
    """
    first = _FIRST_GROUP.match(number)
    if first is None or int(first[1]) not in COUNTRY_CODE_TO_REGION_CODE or number[first.end()] in "\r\n":
        return 0
    assigned = _assigned_under(int(first[1]))
    ends = [gap.start() for gap in _LINE_ENDS.finditer(number, first.end())]
    for end in reversed([*ends, len(number)]):
        text = number[:end]
        groups = _ANY_GAP.split(text[first.end() :].replace("(0)", "", 1))
        alone = before == "\n" and (number + after)[end : end + 1] in ("", "\r", "\n")
        plain = (
            text.isascii() and not set("(-") & set(text) and (len(groups) < 4 or max(map(len, groups)) < 4)
        )
        if text.count("\n") > 1 or (alone and plain) or text.count("(") != text.count(")"):
            continue
        if all(len(group) > 1 for group in groups[2:]) and assigned.spans("".join(groups)):
            return end
    return 0


@cache
def _assigned_under(code: int) -> Searcher:
    """What the plans of the regions with this country code assign."""
    plans = [_plan(region, code) for region in COUNTRY_CODE_TO_REGION_CODE[code]]
    assigned = "|".join(f"(?:{plan.general_desc.national_number_pattern})" for plan in plans)
    return Searcher(rf"\A(?:{assigned})\z")


def _is_other(text: str) -> bool:
    """Whether these digits are better known as something else."""
    return not text.isdigit() and bool(_DATE.match(text) or _SSN.fullmatch(text) or _YEARS.fullmatch(text))


def _is_national(text: str, digits: str, after: str) -> bool:
    """With an area code in brackets, or with the 0 in front and as some region assigns it."""
    if text.startswith("(") and _AREA_NUMBER.fullmatch(text):
        return not _YEAR.match(text)
    if len(digits) < 9 or not digits.startswith("0") or not _is_grouped(text, after):
        return False
    return _is_assigned(digits) and not _is_other(text)


def _is_grouped(text: str, after: str) -> bool:
    """Whether a national number is written as one: not in pairs, which have a shape of their own."""
    return not (_PAIRS.fullmatch(text) or _UNSHAPED.fullmatch(text) or _MORE.match(after))


def _international(text: str) -> bool:
    """A country code that exists and a length that its numbering plan has. Behind `00` a short one would be
    any number with two zeros.
    """
    digits = text.replace("(0)", "", 1).translate(_UNDIGITS)
    if digits.startswith("00"):
        digits = digits[2:]
        if len(digits) < 10:
            return False
    for size in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:size]))
        if regions:
            return len(digits) - size in _lengths(regions[0], int(digits[:size]))
    return False


@cache
def _lengths(region: str, code: int) -> frozenset[int]:
    """Of national numbers. Codes such as 800 belong to no country."""
    return frozenset(_plan(region, code).general_desc.possible_length)


def _plan(region: str, code: int) -> Any:
    metadata: Any = PhoneMetadata
    if region == "001":
        return metadata.metadata_for_nongeo_region(code)
    return metadata.metadata_for_region(region)


def _is_assigned(digits: str) -> bool:
    return _plans().spans(digits) is not None


@cache
def _plans() -> Searcher:
    """What REGIONS assign, as one linear pattern. Italy dials its 0 from abroad too, the others drop it."""
    patterns = set()
    for region in REGIONS:
        plan: Any = PhoneMetadata.metadata_for_region(region)
        for kind in _KINDS:
            description = getattr(plan, kind)
            if description is not None and description.national_number_pattern:
                patterns.add(description.national_number_pattern)
    assigned = "|".join(f"(?:{pattern})" for pattern in sorted(patterns))
    return Searcher(rf"\A0?(?:{assigned})\z")
