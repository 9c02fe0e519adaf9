r"""
E-mail addresses that somebody spelled out, so that no machine should read them.

    marked    ann [at] corp [dot] com    ann(at)corp.com    ann@corp[.]com    ann%40corp.com
              nothing else is written so
    worded    ann at corp dot com    ann-at-corp-dot-com    ann @ corp.com    annATcorpDOTcom
              may be prose or code: it takes a top-level domain that is in use, and a name that is no word
              which stands in front of "at" in a sentence ("look at example dot com")

"jdoe at example.com", as archives of mailing lists have it, is left alone: so is "hosted at example.com".
"""

import re
from collections.abc import Sequence
from itertools import product

from sanitization.detectors.addresses import LONGEST_UNSPACED, NAME, SPACED, UNSPACED, Email
from sanitization.detectors.base import PatternDetector
from sanitization.matching import Searcher
from sanitization.normalize import fold

# English; German and Swedish; Spanish and Portuguese; French; Russian. The foreign ones are no English words.
_FOREIGN_AT = ("arroba", fold("собака")[0])
_AT = ("at", "ät")
_DOT = ("dot", "punkt", "punto", "ponto", "point", fold("точка")[0])
_JOINTS = (*_DOT[:4], "underscore", "dash", "hyphen")
_RULES = "-_*|/~\"'"  # `_at_`, `*dot*`


def _any(words: tuple[str, ...]) -> str:
    return rf"(?i:{'|'.join(words)})"


def _ruled(words: tuple[str, ...]) -> str:
    return "|".join(rf" {{0,2}}\{rule}{_any(words)}\{rule} {{0,2}}" for rule in _RULES)


_OPEN, _CLOSE = r" {0,3}[\[({<]{1,2} ?", r" ?[\])}>]{1,2} {0,3}"
_BRACKETED_AT = rf"{_OPEN}(?:{_any((*_AT, *_FOREIGN_AT))}|@){_CLOSE}"
_MARKED_AT = rf"{_BRACKETED_AT}| {{1,3}}{_any(_FOREIGN_AT)} {{1,3}}|%40|\\(?:u00|x)40"
_WORDED_AT = rf" {{1,3}}(?i:at) {{1,3}}|AT|\((?i:a)\)|{_ruled(_AT)}"
_SIGN = r" {0,2}@ {0,2}"
_MARKED_DOT = rf"{_OPEN}(?:{_any(_DOT)}|\.){_CLOSE}"
_DOTS = rf"(?:\.|{_MARKED_DOT}| {{1,3}}{_any(_DOT)} {{1,3}}|DOT|{_ruled(_DOT)})"

_WORD = rf"(?:[A-Za-z0-9{SPACED}][A-Za-z0-9{SPACED}_.+'-]{{0,63}}|[{UNSPACED}]{{1,{LONGEST_UNSPACED}}})"
_LOCAL = rf"{_WORD}(?:(?:{_MARKED_DOT}| {_any(_JOINTS)} ){_WORD}){{0,2}}"
_LABEL = rf"[{NAME}](?:[{NAME}-]{{0,30}}[{NAME}])?"
_MOST_DOTS = 4

# Top-level domains in use. First those that are no names of attributes: `a_at_b.c` and `a @ b.c` may be code.
_PLAIN_TOPS = """
    com org net edu gov mil de fr nl ch se fi dk pl cz sk hu ro gr pt ie ru ua jp cn kr uk eu au nz br mx ca
    za
"""
_MORE_TOPS = """
    int info biz name io ai app dev co me tv us it es be at no bg by kz hk tw in id my sg th vn ph pk bd ir il
    tr sa ae eg ng ke ar cl pe xyz online site shop cloud tech email mail example test рф
"""
# What stands in front of "at" in sentences.
_SENTENCES = """
    me us you him her it them everyone anyone someone people folks here there now today directly online live
    available website websites site sites page pages blog shop store more out up in off over is are was were
    be been being look looks looked looking visit visited find found finds reach reached see seen seeing work
    works worked working arrive arrived order ordered orders register registered sign signup login log logged
    check start started stay stop stopped meet met meeting read reading write writing sell sold sells buy
    bought host hosted hosting located based listed posted published download downloads documentation docs
    search shopping deals news event events talk talks lunch dinner speak speaking spoke aim aimed point good
    bad the a an all that this one
"""
_DETERMINERS = "the a an this that these my your our his her their its every each any some"
PLAIN_TOPS = frozenset(_PLAIN_TOPS.split())
TOPS = PLAIN_TOPS | frozenset(_MORE_TOPS.split())
SENTENCES, DETERMINERS = frozenset(_SENTENCES.split()), frozenset(_DETERMINERS.split())


def _domain() -> str:
    """Labels, and what stands between them, each in a group."""
    behind = ""
    for number in range(_MOST_DOTS, 0, -1):
        behind = rf"(?P<dot{number}>{_DOTS})(?P<label{number}>{_LABEL}){behind}"
        behind = f"(?:{behind})?" if number > 1 else behind
    return rf"(?P<first>{_LABEL}){behind}"


class SpelledEmail(PatternDetector):
    """E-mail addresses with `[at]`, `(dot)` and the like in them."""

    rule = Email.rule
    form_of = Email
    # Whatever is accepted has one of these in it.
    keywords = (
        *map("".join, product((*_AT, *_DOT), ("", " "), "])}>")),
        *map("".join, product("[({<", "@.", "])}>")),
        *map("".join, product(" ", "@.", "])}>")),
        *map("".join, product("@.", " ", "])}>")),
        *(f"{rule}{word}{rule}" for word in (*_AT, *_DOT) for rule in _RULES),
        *(f" {word} " for word in ("@", *_DOT)),
        *("(a)", "%40", "u0040", "x40", "dotcom", "dotorg", "dotnet", "dotedu", *_FOREIGN_AT),
    )
    pattern = (
        rf"[^{NAME}](?P<value>{_LOCAL}(?:{_MARKED_AT}|{_WORDED_AT}|{_SIGN})"
        rf"{_LABEL}(?:{_DOTS}{_LABEL}){{1,{_MOST_DOTS}}})"
    )
    _named = Searcher("|".join(map(re.escape, keywords)))
    # Every top-level domain has two letters behind a dot. To look for them is cheaper than to take a
    # candidate apart, and hostile texts have one in every second character.
    _may_end = re.compile(rf"(?:\.|{_any(_DOT)})[\W_]{{0,8}}[^\W\d_]{{2}}")
    _parts = Searcher(
        rf"(?P<local>{_LOCAL})(?:(?P<marked>{_MARKED_AT})|(?P<worded>{_WORDED_AT})|(?P<sign>{_SIGN})){_domain()}"
    )

    def places(self, window: str) -> Sequence[int] | None:
        return None if self._may_end.search(window) else ()

    def accept(self, candidate: str) -> int:
        if self._may_end.search(candidate) is None:
            return 0
        spans = self._parts.spans(candidate)
        assert spans is not None  # it is the same pattern, in parts
        parts = {name: candidate[slice(*spans[group])] for name, group in self._parts.groups.items()}
        at = parts["worded"] or parts["sign"]
        if at not in ("", "@") and _is_prose(parts["local"].lower(), parts["first"].lower()):
            return 0
        dots: list[str] = []
        length = 0
        for number in range(1, _MOST_DOTS + 1):
            if not parts[f"dot{number}"]:
                break
            dots.append(parts[f"dot{number}"])
            if _ends(at, dots, parts[f"label{number}"].lower()):
                length = spans[self._parts.groups[f"label{number}"]][1]
        return length if length and self._named.spans(candidate[:length].lower()) else 0


def _is_prose(local: str, first: str) -> bool:
    return local in SENTENCES or first in DETERMINERS or not any(map(str.isalpha, local))


def _ends(at: str, dots: list[str], label: str) -> bool:
    """Whether an address may end with this label; `at` is empty where it is marked."""
    if any(bracket in dots[-1] for bracket in "[({<") or (not at and dots[-1] == "."):
        return (label.isalpha() and len(label) > 1) or label.startswith("xn--")
    if not at or any(dot != "." for dot in dots):
        return label in TOPS
    if at.strip().lower() == "at" or at[0] in "@-" or at[-1] == "@":
        return False  # prose, what `Email` finds, `value-at-risk.net`, a mention of `@corp.com`
    return label in PLAIN_TOPS
