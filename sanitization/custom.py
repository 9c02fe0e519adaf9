"""
An operator's own rules: words, phrases and RE2 patterns, as a policy lists them.

    word      not next to a letter, a digit or an underscore; scripts without blanks need a phrase
    phrase    anywhere; any run of blanks stands for any other
    pattern   RE2, at most WIDTH characters long, without anchors to the text's ends, never empty

All are read in the folded copy of a text (`normalize`), so look-alikes and invisible characters hide nothing.
Words and phrases go through one Aho-Corasick automaton, thousands of them at the cost of a few.
"""

import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import ahocorasick_rs
import numpy as np

from sanitization.errors import PolicyInvalid
from sanitization.expressions import WIDTH, detector_of
from sanitization.filters import Scan, Stage
from sanitization.normalize import Normalized, Places, codes, fold
from sanitization.patterns import DetectorScan, Plan
from sanitization.policies import CustomRule, Policy
from sanitization.spans import Action, Direction, Span

# Each pattern is looked for on its own, so they cost what they are; words and phrases do not.
MAX_PATTERNS = 100
# Of all words and phrases of a policy together: what the automaton's memory grows with.
MAX_CHARS = 300_000
# Of words and phrases that end in one another, such as `bird` and `bluebird`: all are found at one place.
MAX_NESTED = 16
# Policies whose rules are kept compiled, each for two directions.
MAX_COMPILED = 64

_BLANKS = dict.fromkeys(map(ord, "\t\n\r"), " ")


# -- what an operator may write --


def problems(rules: Mapping[int, CustomRule]) -> dict[int, str]:
    """What is wrong with the texts of these rules, by their number in the policy."""
    found: dict[int, str] = {}
    patterns = chars = 0
    for number, rule in rules.items():
        patterns += rule.kind == "pattern"
        chars += len(rule.text) if rule.kind != "pattern" else 0
        if rule.kind == "pattern" and patterns > MAX_PATTERNS:
            found[number] = f"A policy has at most {MAX_PATTERNS} patterns."
        elif chars > MAX_CHARS:
            found[number] = f"The words and phrases of a policy have at most {MAX_CHARS} characters together."
        elif (sentence := problem(rule)) is not None:
            found[number] = sentence
    return found or _crowded(rules)


def _crowded(rules: Mapping[int, CustomRule]) -> dict[int, str]:
    """The words and phrases in which too many others end: each would be found wherever the longest is."""
    texts = {number: _caseless(_read(rule.text)) for number, rule in rules.items() if rule.kind != "pattern"}
    times = Counter(texts.values())
    return {
        number: f"More than {MAX_NESTED} words and phrases of this policy are this one, or its end."
        for number, text in texts.items()
        if sum(times[text[start:]] for start in range(len(text))) > MAX_NESTED
    }


def problem(rule: CustomRule) -> str | None:
    """A sentence about why this cannot be looked for, or None."""
    if rule.kind == "pattern":
        try:
            detector_of(rule)
        except ValueError as error:
            return str(error)
        return None
    if len(rule.text) > WIDTH:
        return f"A {rule.kind} has at most {WIDTH} characters."
    if not any(text.strip() for text, _ in _readings(rule)):
        return "This has no character that could be looked for."
    return None


# -- how words and phrases are read --


class _Caseless(dict[int, str]):
    """Code point to what it reads as where case does not matter, filled as characters turn up.

    By way of the capital, since some letters look like Latin ones only in capitals, and one character at a
    time, since a text may be cut anywhere.
    """

    def __missing__(self, code: int) -> str:
        capital = chr(code).upper()
        reads = fold(capital)[0] if len(capital) == 1 else chr(code)
        lower = reads.lower()
        self[code] = lower if len(lower) == 1 else chr(code)
        return self[code]


_CASELESS = _Caseless()


def _caseless(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_CASELESS)


def _readings(rule: CustomRule) -> set[tuple[str, bool]]:
    """How a word or phrase can stand in the copy; True for one that only counts with characters left out.

    Accents written as characters of their own are not in the copy. Yet `Muller` is no `Müller`: without them
    it counts only where something was left out.
    """
    composed, apart = (unicodedata.normalize(form, rule.text) for form in ("NFC", "NFD"))
    accented = {(_read(composed), False)}
    if _read(apart) != _read(composed):
        accented.add((_read(apart), len(_read(apart)) < len(" ".join(apart.split()))))
    return {(_caseless(text) if rule.ignore_case else text, marked) for text, marked in accented if text}


def _read(text: str) -> str:
    return " ".join(fold(text)[0].split())


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


class Collapsed(Normalized):
    """The folded copy with every run of blanks as one space."""

    def __init__(self) -> None:
        super().__init__()
        self._after_blank = False

    def _extend(self, text: str, places: Places | None, length: int) -> None:
        text = text.translate(_BLANKS)
        after_blank = self._after_blank and text.startswith(" ")
        if text:
            self._after_blank = text[-1] == " "
        if after_blank or "  " in text:
            chars = codes(text)
            blank = chars == ord(" ")
            kept = ~(blank & np.append(after_blank, blank[:-1]))
            places = np.flatnonzero(kept) if places is None else places[kept]
            text = chars[kept].tobytes().decode("utf-32-le")
        super()._extend(text, places, length)


class Terms:
    """Words and phrases that are looked for in one way of reading: with case, or without.

    `begins` tells whether a tail of the text may still become one of them, or be one that has no end yet.
    """

    def __init__(self, rules: Sequence[CustomRule]) -> None:
        owners: dict[str, set[tuple[str, bool, bool]]] = {}
        for rule in rules:
            for text, marked in _readings(rule):
                owners.setdefault(text, set()).add((rule.rule, marked, rule.kind == "word"))
        self._texts = sorted(owners)
        self._owners = [sorted(owners[text]) for text in self._texts]
        self._automaton = ahocorasick_rs.AhoCorasick(self._texts, matchkind=ahocorasick_rs.MatchKind.Standard)
        self._whole: list[str] = []  # those of which some, or all, are only looked for as whole words
        self._inside: list[str] = []
        for text, ones in zip(self._texts, self._owners, strict=True):
            whole = [word and _is_word(text[0]) for _, _, word in ones]
            self._whole += [text] if any(whole) else []
            self._inside += [] if all(whole) else [text]
        self._firsts = frozenset(text[:size] for text in self._texts for size in (1, 2, 3))
        self.longest = max(map(len, self._texts), default=0)

    def find(self, text: str) -> Iterator[tuple[int, int, str, bool]]:
        """Where terms stand: begin, end, rule, and whether it only counts with characters left out."""
        for number, begin, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            alone: bool | None = None
            for rule, marked, word in self._owners[number]:
                if word and alone is None:
                    alone = _stands_alone(text, begin, end)
                if not word or alone:
                    yield begin, end, rule, marked

    def begins(self, text: str, start: int) -> bool:
        """Whether text[start:] is the beginning of a term, or all of it."""
        if text[start : start + 3] not in self._firsts:
            return False
        tail = text[start:]
        if _is_beginning(tail, self._inside):
            return True
        return not _is_word(text[start - 1]) and _is_beginning(tail, self._whole)


def _is_beginning(tail: str, terms: Sequence[str]) -> bool:
    place = bisect_left(terms, tail)
    return place < len(terms) and terms[place].startswith(tail)


def _stands_alone(text: str, begin: int, end: int) -> bool:
    """Whether neither side goes on as a word. There is a side before: the copy begins with a line end."""
    if _is_word(text[begin]) and _is_word(text[begin - 1]):
        return False
    return end == len(text) or not (_is_word(text[end - 1]) and _is_word(text[end]))


class TermScan:
    """One text's way through words and phrases.

    A term is certain once a character stands behind it. A place is held while all that follows it is the
    beginning of a term, so nothing that starts before the first such place can still come or change.
    """

    def __init__(self, readings: Sequence[tuple[bool, Terms]]) -> None:
        """Terms, each with whether case does not matter to them."""
        self._readings = readings
        self._longest = max(terms.longest for _, terms in readings)
        self._copy = Collapsed()
        self._decided = 1  # index in the copy: behind the line end it begins with
        self._seen = 1  # so much of the copy has been looked at for beginnings
        self._open: list[int] = []  # where what follows may still become a term
        self._behind: dict[str, int] = {}  # rule to the end of its last finding
        self.settled = 0

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        self._copy.append(piece, last=last)
        text = self._copy.text
        read = [(_caseless(text) if caseless else text, terms) for caseless, terms in self._readings]
        limit = len(text) if last else self._undecided(read, len(text))
        spans = self._find(read, limit) if limit > self._decided else []
        self.settled = self._copy.place(limit)
        self._forget(limit)
        return spans

    def _undecided(self, read: Sequence[tuple[str, Terms]], length: int) -> int:
        """The leftmost place from which more text could make or change a term."""
        new = range(max(self._seen, length - self._longest), length)
        places = [*self._open, *new]
        self._open = [at for at in places if any(terms.begins(text, at) for text, terms in read)]
        self._seen = length
        return self._open[0] if self._open else length

    def _find(self, read: Sequence[tuple[str, Terms]], limit: int) -> list[Span]:
        """The terms that begin before `limit`, of each rule those that do not overlap."""
        found = sorted(
            (begin, -end, rule, marked)
            for text, terms in read
            for begin, end, rule, marked in terms.find(text)
            if self._decided <= begin < limit
        )
        spans: list[Span] = []
        for begin, minus_end, rule, marked in found:
            end = -minus_end
            start, after = self._copy.place(begin), self._copy.place(end)
            if begin < self._behind.get(rule, 0) or (marked and after - start == end - begin):
                continue
            self._behind[rule] = end
            spans.append(Span(start, self._copy.end(end - 1), rule, 1.0))
        return spans

    def _forget(self, limit: int) -> None:
        """Lets go of all but one character before `limit`."""
        gone = limit - 1
        self._copy.drop(gone)
        self._decided = 1
        self._seen -= gone
        self._open = [at - gone for at in self._open]
        self._behind = {rule: end - gone for rule, end in self._behind.items() if end > limit}


# -- the filter --


class Compiled:
    """The custom rules of one policy that are on in one direction."""

    def __init__(self, rules: Sequence[CustomRule]) -> None:
        """Raises PolicyInvalid for rules that `documents` would have refused."""
        if wrong := problems(dict(enumerate(rules))):
            raise PolicyInvalid({f"/custom/{number}/text": sentence for number, sentence in wrong.items()})
        terms = [rule for rule in rules if rule.kind != "pattern"]
        by_case = [(case, [rule for rule in terms if rule.ignore_case is case]) for case in (True, False)]
        self._terms = [(case, Terms(some)) for case, some in by_case if some]
        detectors = [detector_of(rule) for rule in rules if rule.kind == "pattern"]
        self._plan = Plan(detectors) if detectors else None

    def open(self) -> Scan | None:
        if not self._terms and not self._plan:
            return None
        scans: list[Scan] = [TermScan(self._terms)] if self._terms else []
        if self._plan:
            scans.append(DetectorScan(self._plan))
        return scans[0] if len(scans) == 1 else Together(scans)


class Together:
    """Several scans of one text as one."""

    def __init__(self, scans: Sequence[Scan]) -> None:
        self._scans = scans

    @property
    def settled(self) -> int:
        return min(scan.settled for scan in self._scans)

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        return [span for scan in self._scans for span in scan.feed(piece, last=last)]


class CustomFilter:
    """Finds what the operator's own rules say, in both directions.

    It has no rules of its own: their ids, `custom_…`, come from each policy.
    """

    rules: frozenset[str] = frozenset()
    stage = Stage.VALUES

    def __init__(self) -> None:
        self._compiled: dict[tuple[Direction, str], Compiled] = {}

    def open_prompt(self, policy: Policy) -> Scan | None:
        return self._open("prompt", policy)

    def open_answer(self, policy: Policy) -> Scan | None:
        return self._open("answer", policy)

    def _open(self, direction: Direction, policy: Policy) -> Scan | None:
        if not policy.custom:
            return None
        key = (direction, policy.revision)
        compiled = self._compiled.get(key)
        if compiled is None:
            on = [one for one in policy.custom if policy.action(direction, one.rule) is not Action.OFF]
            compiled = Compiled(on)
            if len(self._compiled) >= MAX_COMPILED:
                self._compiled.clear()
            self._compiled[key] = compiled
        return compiled.open()
