import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanitization.detectors import ALL
from sanitization.detectors.base import PatternDetector
from sanitization.matching import Searcher
from tests.sanitization.samples import EVERYTHING, VALUES

PATTERNS = [one.pattern for one in ALL if issubclass(one, PatternDetector)]


@given(text=EVERYTHING | st.sampled_from(VALUES), pattern=st.sampled_from(PATTERNS), start=st.integers(0, 3))
def test_the_short_way_finds_what_the_packages_own_search_finds(text, pattern, start):
    text = text.replace("\ud800", "")
    start = min(start, len(text))
    searcher = Searcher(pattern)
    found = searcher._regex.search(text, start)
    spans = searcher.spans(text, start)
    if found is None:
        assert spans is None
        assert searcher.start(text, start) == -1
    else:
        assert spans == [found.span(group) for group in range(found.re.groups + 1)]
        assert searcher.start(text, start) == found.start()


@pytest.mark.parametrize("text", ["a1", "é1", "用1", "\U0001f6001"])
def test_positions_are_code_points(text):
    assert Searcher("[0-9]").spans(text) == [(1, 2)]
    assert Searcher("(?P<x>b)?([0-9])").spans(text, 1) == [(1, 2), (-1, -1), (1, 2)]


@pytest.mark.parametrize("text", ["a1 b22 c333", "é1 ü22 用333", "１ x1 \U0001f600y22 z"])
def test_a_cursor_finds_from_every_place_what_a_search_from_there_finds(text):
    searcher = Searcher(r"[^\d](?P<digits>\d+)|(?P<never>@@)")
    cursor = searcher.over(text)
    for start in range(len(text) + 1):
        assert cursor.spans(start) == searcher.spans(text, start)
