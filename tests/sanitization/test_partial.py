import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from sanitization.detectors import ALL
from sanitization.detectors.base import PatternDetector
from sanitization.partial import beginnings, width
from sanitization.patterns import DetectorScan, _made, plan

PATTERNS = [
    r"ab",
    r"\bab\b",
    r"[ab]{2,4}c",
    r"(?:ab|ac)+d",
    r"a(?:b(?:c)?)?",
    r"[^ab]a?b*",
    r"(?i)AB[^c]",
    r"a.b",
    r"(?s:a.)b",
    r"a*?b",
    r"(?P<value>a|bc)(?:[^a]|$)",
    r"a{40,50}b",
]


def spans(pattern, *pieces):
    class Plain(PatternDetector):
        rule = "plain"

    Plain.pattern = pattern
    scan = DetectorScan([Plain()])
    found = [span for piece in pieces for span in scan.feed(piece, last=False)]
    return [(span.start, span.end) for span in found + list(scan.feed("", last=True))]


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=60, deadline=None)
@given(text=st.text("abcd \nA", max_size=12) | st.just("a" * 45 + "b"))
def test_any_pattern_of_the_subset_streams_exactly(pattern, text):
    whole = spans(pattern, text)
    assert spans(pattern, *text) == whole
    for cut in range(len(text) + 1):
        assert spans(pattern, text[:cut], text[cut:]) == whole


@pytest.mark.parametrize(
    ("pattern", "text", "held"),
    [
        ("abc", "xxab", "ab"),
        ("abc", "abc", ""),  # decided: nothing can change it
        ("abc+", "abcc", "abcc"),  # could go on
        (r"abc\b", "abc", "abc"),  # the next character decides
        (r"\bab", "xa", ""),  # no boundary before it
        ("[ab]{1,3}c", "abab", "bab"),
        ("ab|b", "a", "a"),
        ("a(?:bc)?", "ab", "ab"),
    ],
)
def test_exactly_the_tail_that_could_still_matter_is_held(pattern, text, held):
    match = re2.search(rf"(?:{beginnings(pattern)})\z", text)
    assert text[match.start() :] == held


@pytest.mark.parametrize(
    "pattern", [r"a(?=b)", r"(?<!a)b", r"(a)\1", r"^a", r"a(?>b)", r"(?i:a(?-i:b))", r"a(b"]
)
def test_what_cannot_be_streamed_is_refused(pattern):
    with pytest.raises(ValueError, match="cannot be streamed"):
        beginnings(pattern)


def test_width_is_the_longest_match():
    assert width(r"a{2,5}(?:bc|d)") == 7
    assert width(r"a+") is None


BEGUN = [
    "https://user:" + "p" * 380,
    "a" * 60 + " [at] " + "b" * 60 + " [dot] " + "c" * 40,
    '"' + "x" * 30 + '"@' + "d" * 200,
    "eyJhbGciOiJIUzI1NiJ9." + "x" * 700,
    "a." * 30 + "b@" + "c." * 100,
    "tel: +49 (30) - 123 - 456",
    "4111 1111 1111",
    "DE44 5001",
]


@pytest.mark.parametrize("front", ["", "word " * 200, "12 34 " * 200])
@pytest.mark.parametrize("begun", BEGUN)
def test_nothing_counts_as_decided_that_a_detector_holds_back(front, begun):
    everything = plan(tuple(_made(one) for one in ALL))
    text = f"\n{front}{begun}"
    undecided = everything.undecided(text, text.lower(), 1, range(len(everything.detectors)))
    assert undecided <= min(one.hold(text, 1) for one in everything.apart)
    assert undecided >= len(text) - 1200, "and little else"
