"""Each detector against its table of cases, and the tables against the detectors.

A case is a text and the spans that its rule finds in it. Texts are cut in two so that secret scanners do not
take the made-up keys for real ones.
"""

import json
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from sanitization.detectors import ALL, BY_RULE, collect
from sanitization.detectors.base import MAX_CANDIDATE, WINDOW, Detector, PatternDetector
from sanitization.patterns import DetectorScan, plan
from sanitization.policies import THRESHOLD

CORPUS = Path(__file__).parents[1] / "corpus"
CASES = [
    pytest.param(
        path.stem, "".join(case["text"]), [tuple(span) for span in case["found"]], id=f"{path.stem}-{n}"
    )
    for path in sorted(CORPUS.glob("*.jsonl"))
    for n, case in enumerate(map(json.loads, path.read_text(encoding="utf-8").splitlines()), start=1)
]
SAMPLES = [(rule, text, found) for rule, text, found in (case.values for case in CASES) if found]


@cache
def detectors(rule: str) -> tuple[Detector, ...]:
    return tuple(one() for one in ALL if one.rule == rule)


def find(rule: str, *pieces: str) -> list[tuple[int, int]]:
    scan = DetectorScan(plan(detectors(rule), frozenset({rule})))
    spans = [span for piece in pieces for span in scan.feed(piece, last=False)]
    spans += scan.feed("", last=True)
    return [(span.start, span.end) for span in spans if span.score >= THRESHOLD]


@pytest.mark.parametrize(("rule", "text", "found"), CASES)
def test_a_detector_finds_what_its_table_says_and_nothing_else(rule, text, found):
    assert find(rule, text) == found


@pytest.mark.parametrize(("rule", "text", "found"), SAMPLES)
def test_a_value_is_found_wherever_the_stream_is_cut(rule, text, found):
    for cut in range(len(text) + 1):
        assert find(rule, text[:cut], text[cut:]) == found, cut


@pytest.mark.parametrize(
    "before",
    [*range(WINDOW - MAX_CANDIDATE - 30, WINDOW - MAX_CANDIDATE + 2), *range(WINDOW - 40, WINDOW + 2)],
)
def test_a_value_is_found_wherever_the_window_of_a_search_ends(before):
    text = "." * before + " 4111 1111 1111 1111" + " 12" * 4
    assert BY_RULE["credit_card"]().find(text, 0, len(text)) == (before + 1, before + 20)
    assert find("credit_card", text) == [(before + 1, before + 20)]


def test_every_rule_has_positive_and_negative_cases_and_every_table_a_rule():
    tables = {}
    for rule, _, found in (case.values for case in CASES):
        tables.setdefault(rule, set()).add(bool(found))
    assert tables == {rule: {True, False} for rule in BY_RULE}


def test_a_duplicate_rule_is_an_error():
    class One(PatternDetector):
        rule = "twice"
        pattern = "a"

    class Two(PatternDetector):
        rule = "twice"
        pattern = "b"

    room = ModuleType(__name__)
    room.One, room.Two = One, Two
    with pytest.raises(TypeError, match="twice"):
        collect([room])
    Two.form_of = One
    assert collect([room]) == [One, Two]


def test_a_judged_pattern_without_an_end_is_refused():
    class Endless(PatternDetector):
        rule = "endless"
        pattern = "a+"

        def accept(self, candidate):
            return 0

    with pytest.raises(TypeError, match="endless"):
        Endless()


def test_a_number_that_the_library_fails_on_is_not_shown(monkeypatch):
    """It knows numbers by the edges of lists that others keep: one had no name for a county."""

    def fails(number):
        raise KeyError(number)

    monkeypatch.setattr("stdnum.nl.bsn.is_valid", fails)
    assert BY_RULE["nl_bsn"]().accept("111222333") == 9
