import re

import pytest
import re2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sanitization.detectors import ALL, BY_RULE
from sanitization.detectors.base import LOOKBACK, PatternDetector
from sanitization.keywords import HUMP, MAX_LEAD, Keywords, lead, needs_mark, telling
from sanitization.patterns import MORE_OF_A_WORD, DetectorScan, plan


@pytest.mark.parametrize(
    ("pattern", "keywords", "expected"),
    [
        (r"ghp_[a-z]{36}", ("ghp_",), 0),
        (r"[^a-z](?P<value>gh[po]_[a-z]{36})", ("ghp_", "gho_"), 1),
        (r"[^a-z](?P<value>gh[po]_[a-z]{36})", ("ghp_",), None),
        (r"(?i:DATADOG|dd)_key", ("datadog", "dd_key"), 0),
        (r"(?:https?://)?hooks\.slack", ("hooks.slack", "http"), 0),
        (r"(?:https?://)?hooks\.slack", ("hooks.slack",), None),
        (r"\b.{0,2}token", ("token",), 2),
        (r"\b.{0,3}token", ("token",), None),
        (r"x*token", ("token",), None),
        (r"(?:ab){2}c", ("abab",), 0),
        (r"[kK][eE]y", ("key",), 0),
        (r"[^k]ey", ("key", "ey"), 1),
        (r"[^k]ey", ("key",), None),
        (r"(?:\b)*key", ("key",), None),
    ],
)
def test_how_much_of_a_match_stands_before_its_keyword(pattern, keywords, expected):
    assert lead(pattern, keywords) == expected


def test_the_end_of_a_text_may_be_the_beginning_of_a_keyword():
    words = Keywords([("ghp_", 0), ("github_pat_", 1), ("hub", 2)])
    assert [words.unfinished(text) for text in ("", "x", "xg", "xgh", "github_pa", "github_pat_", "ghp")] == [
        *(0, 0, 1, 2, 9, 0, 3)
    ]
    assert words.places("a github_pat_ and ghp") == {1: 2, 2: 5}


def test_a_word_that_tells_counts_where_it_is_a_word_and_a_long_one_also_where_it_begins_one():
    words = Keywords([("tin", 0), ("tax", 1), ("steuer", 2), ("tin", 3)], tellers={0, 1, 2})
    assert words.places("meeting about taxes, versteuert") == {3: 3}
    assert words.places("a tin: steuernummer") == {0: 2, 2: 7, 3: 2}
    assert words.places("his tin, then taxi") == {0: 4, 3: 4}
    assert words.places("xtin", 1) == {3: 1}, "what stands before `start` counts"
    assert words.places("no tax") == {1: 3}, "more of the text may show that it is one"


def test_a_word_that_tells_counts_where_it_is_one_of_those_that_make_a_name():
    words = Keywords([("tin", 0), ("taxid", 1)], tellers={0, 1})
    for text, expected in (
        ("userTinNumber", {0: 4}),
        ("meeTing, Tins", {}),
        ("theTaxidNo", {1: 3}),
        ("TIN", {0: 0}),
    ):
        assert words.places(text.lower(), text=text) == expected
    assert words.places("userTin".lower(), every=True) == {0: 4}, "its case is not known"


@settings(max_examples=400, deadline=None)
@given(st.text("tinaxTINAX [_1]é\n"))
def test_what_tells_is_among_the_keywords(text):
    words = ("tin", "taxin")
    told = any(re.search(telling(words), form.lower()) for form in (text, HUMP.sub(" ", text)))
    assert not told or Keywords([(word, 0) for word in words], tellers={0}).places(text.lower(), text=text)


@pytest.mark.parametrize("key", ["social_security", "socialSecurityNumber", "user-ssn", "userSsn", "SSN"])
def test_a_number_is_told_by_the_name_of_its_field(key):
    text = f'{{"{key}": "536904399"}}'
    assert [span.rule for span in DetectorScan([BY_RULE["us_ssn"]()]).feed(text, last=True)] == ["us_ssn"]


def test_what_tells_of_a_number_does_not_depend_on_where_the_look_back_ends():
    detector = BY_RULE["de_tax_id"]()
    number = "86095742719"
    told = [detector.rate(f"\n{word} {'.' * gap}{number}", 2 + len(word) + gap) == detector.score
            for gap in (LOOKBACK - 4, LOOKBACK - 3) for word in ("tin", "latin")]  # fmt: skip
    assert told == [True, False, False, False]


NEEDY = [one() for one in ALL if one.needs and issubclass(one, PatternDetector)]


@pytest.mark.parametrize("detector", NEEDY, ids=lambda one: one.rule)
def test_there_is_no_match_without_what_its_detector_needs(detector):
    form = re.compile(_for_python(detector.pattern), re.ASCII)

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(form))
    def holds(text):
        if (found := detector.find(text, 0, len(text))) is not None:
            assert re2.search(detector.needs, text[slice(*found)])

    holds()


def _for_python(pattern):
    """`re` has flags of a group, but no end of a text that is called \\z."""
    return pattern.replace(r"\z", r"\Z")


def test_a_detector_is_only_asked_where_its_keyword_or_its_need_is_in_the_text():
    asked = []

    class Asked(PatternDetector):
        def find(self, text, start, limit):
            asked.append(self.rule)
            return super().find(text, start, limit)

    class Led(Asked):
        rule = "led"
        keywords = ("token",)
        pattern = "token-[0-9]+"

    class Short(Asked):
        rule = "short"
        keywords = ("@",)
        pattern = "[a-z]@[a-z]"

    class Needy(Asked):
        rule = "needy"
        needs = r"\d"
        pattern = "[a-f]?[0-9]"

    scan = [Led(), Short(), Needy()]
    for text, expected in (
        ("nothing of the kind", set()),
        ("a TOKEN-", {"led"}),
        ("a@b", {"short"}),
        ("7", {"needy"}),
    ):
        asked.clear()
        DetectorScan(scan).feed(text, last=True)
        assert set(asked) == expected


def test_most_of_the_detectors_with_a_keyword_are_led_by_it():
    with_keyword = [one for one in ALL if one.keywords and min(map(len, one.keywords)) >= 3]
    assert len(plan(tuple(one() for one in with_keyword)).led) > len(with_keyword) / 2
    assert plan(tuple(one() for one in with_keyword)).lead <= MAX_LEAD


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"[a-z]+", False),
        (r"[a-z]+\d", True),
        (r"[a-z]+\d?", False),
        (r"[a-z]+\d{0,3}", False),
        (r"\w+", False),
        (r"[0-9_]x", True),
        (r"[^0-9]", False),
        (r"(?:a1|b)", False),
        (r"(?:a1|b@|c[:/])", True),
        (r"(?P<value>x(?:\d\d)+)", True),
        (r"x\.y", False),
    ],
)
def test_some_patterns_find_nothing_in_plain_words(pattern, expected):
    assert needs_mark(pattern) is expected


def test_most_of_the_detectors_without_a_keyword_need_a_mark():
    made = plan(tuple(one() for one in ALL))
    patterns = [made.detectors[number].pattern for number in made.always]
    assert sum(map(needs_mark, patterns)) > 0.6 * len(patterns)


def test_a_detector_of_plain_words_is_asked_where_no_mark_is():
    class Wordy(PatternDetector):
        rule = "wordy"
        pattern = "[a-z]+ly"

    class Marked(PatternDetector):
        rule = "marked"
        pattern = "[a-z]+[0-9]"

    scan = DetectorScan([Wordy(), Marked()])
    found = [
        span for piece in ("only ", "friends", "7 ", "sad", "ly. ") for span in scan.feed(piece, last=False)
    ]
    assert [(span.rule, span.start, span.end) for span in [*found, *scan.feed("", last=True)]] == [
        *[("wordy", 0, 4), ("marked", 5, 13), ("wordy", 14, 19)]
    ]


def test_a_word_that_is_held_waits_for_its_end_but_not_for_long():
    scan = DetectorScan([BY_RULE["email"]()])
    assert scan.feed("so ann", last=False) == []
    settled = scan.settled
    for piece in ("abel", "la", "s"):
        scan.feed(piece, last=False)
    assert scan.settled == settled == 3
    assert [(span.start, span.end) for span in scan.feed("@example.org ", last=False)] == [(3, 25)]
    for _ in range(40):
        scan.feed("long", last=False)
    assert scan._backlog.size <= MORE_OF_A_WORD
