import traceback

import pytest

from sanitization import unscanned
from sanitization.chain import Chain, load_filter
from sanitization.detectors.base import Detector
from sanitization.errors import ScreeningFailed
from sanitization.filters import Stage
from sanitization.fingerprints import Fingerprints
from sanitization.patterns import DetectorScan, PatternDetector, PatternFilter
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from sanitization.spans import Action, Span
from tests.sanitization.samples import CHAIN, screen

FOUR = "ann.smith@example.com 4111 1111 1111 1111 DE89 3704 0044 0532 0130 00 AKIAIOSFODNN7" + "EXAMPLE"


class Ticket(PatternDetector):
    rule = "ticket"
    pattern = r"[^A-Z]TCK-\d{4}"


class TicketFilter(PatternFilter):
    """What an operator's own filter looks like."""

    detectors = (Ticket,)


class Fixed:
    """A filter that points at given spans of whatever it reads, once it has all of it."""

    stage = Stage.VALUES

    def __init__(self, *spans):
        self.spans = spans
        self.rules = frozenset(span.rule for span in spans)

    def open_prompt(self, policy):
        return self.Scan(self.spans)

    open_answer = open_prompt

    class Scan:
        settled = 0

        def __init__(self, spans):
            self.spans = spans

        def feed(self, piece, *, last):
            return self.spans if last else ()


class Broken(Fixed):
    class Scan(Fixed.Scan):
        def feed(self, piece, *, last):
            if "boom" in piece:
                raise ValueError(f"cannot read {piece}")
            return ()


def prompt(text, *filters, policy=None):
    return Chain(filters).screen_prompt({"/prompt": text}, policy or Policy())


def test_the_four_values_of_the_main_job_are_masked():
    screened = CHAIN.screen_prompt({"/prompt": FOUR}, Policy())
    assert screened.texts == {"/prompt": "[EMAIL_1] [CREDIT_CARD_1] [IBAN_1] [AWS_ACCESS_KEY_1]"}
    assert {"email", "credit_card", "iban", "aws_access_key"} <= set(screened.rules)
    assert screened.placeholders.originals("email") == ["ann.smith@example.com"]
    assert not screened.blocked


def test_numbers_follow_first_appearance_over_the_parts_in_order():
    parts = {"/system": "to bob@example.com", "/prompt": "ann@example.com, bob@example.com"}
    screened = CHAIN.screen_prompt(parts, Policy())
    assert screened.texts == {"/system": "to [EMAIL_1]", "/prompt": "[EMAIL_2], [EMAIL_1]"}
    assert [(f.part, f.start, f.end) for f in screened.findings] == [
        ("/system", 3, 18),
        ("/prompt", 0, 15),
        ("/prompt", 17, 32),
    ]


def test_a_finding_has_positions_in_the_original_and_in_the_result():
    chain = Chain([PatternFilter()], key=b"ours")
    [finding] = chain.screen_prompt({"/prompt": "é to ann@example.com!"}, Policy()).findings
    assert finding.as_dict() == {
        "rule": "email",
        "direction": "prompt",
        "part": "/prompt",
        "start": 5,
        "end": 20,
        "output_start": 5,
        "output_end": 14,
        "action": "mask",
        "score": 0.9,
        "version": 3,
        "fingerprint": Fingerprints(b"ours").of("email", "ann@example.com"),
    }


def test_what_is_invisible_inside_a_value_goes_with_it_and_what_follows_stays():
    screened = CHAIN.screen_prompt({"/prompt": "\u200bann\u200b@example.com\u200b!"}, Policy())
    assert screened.texts["/prompt"] == "\u200b[EMAIL_1]\u200b!"


def test_findings_of_early_and_late_stages_share_one_pair_of_texts():
    text = "\x1b[1mann\x07@example.com <b>\x00<script>"
    sanitized, findings, _ = screen(text)
    assert sanitized == "[EMAIL_1] <b>&lt;script>"
    places = {(f.rule, text[f.start : f.end], sanitized[f.output_start : f.output_end]) for f in findings}
    assert ("email", "ann\x07@example.com", "[EMAIL_1]") in places
    assert ("control_bytes", "\x07", "[EMAIL_1]") in places
    assert ("control_bytes", "\x00", "") in places
    assert ("markup", "<", "&lt;") in places


def test_a_flagged_finding_is_reported_and_left():
    screened = CHAIN.screen_prompt({"/prompt": "to ann@example.com"}, Policy.build(flag=["email"]))
    assert screened.texts["/prompt"] == "to ann@example.com"
    assert [(f.action, f.output_start, f.output_end) for f in screened.findings] == [(Action.FLAG, 3, 18)]


def test_a_rule_that_is_off_is_not_looked_for():
    screened = CHAIN.screen_prompt({"/prompt": "to ann@example.com"}, Policy.build(off=["email"]))
    assert (screened.texts["/prompt"], screened.findings) == ("to ann@example.com", ())


def test_a_blocked_prompt_is_sanitized_all_the_same():
    policy = Policy.build(block=["credit_card"])
    screened = CHAIN.screen_prompt({"/prompt": "4111 1111 1111 1111 of ann@example.com"}, policy)
    assert screened.blocked
    assert screened.blocking_rules == ("credit_card",)
    assert screened.texts["/prompt"] == "[CREDIT_CARD_1] of [EMAIL_1]"


def test_a_blocked_answer_ends_before_the_finding_and_nothing_follows():
    policy = Policy.build(block=["credit_card"])
    text = "ann@example.com has <b 4111 1111 1111 1111> and bob@example.com"
    stream = CHAIN.open_answer(policy, Placeholders())
    assert stream.feed(text) == "[EMAIL_1] has &lt;b "
    assert stream.blocked
    assert stream.feed("more") == stream.finish() == ""
    assert [f.rule for f in stream.findings] == ["email", "markup", "credit_card"]


def test_overlapping_masks_become_one_placeholder_and_both_count():
    one = Fixed(Span(2, 6, "left", 0.5), Span(4, 9, "right", 0.6))
    screened = prompt("0123456789", one)
    assert screened.texts["/prompt"] == "01[RIGHT_1]9"
    assert screened.rules == ("left", "right")
    assert screened.placeholders.originals("right") == ["2345678"]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([Span(2, 6, "a", 0.9), Span(4, 9, "b", 0.6, Action.REMOVE)], "019"),
        ([Span(2, 6, "a", 0.6), Span(4, 9, "b", 0.9, Action.FLAG)], "01[A_1]6789"),
        ([Span(2, 6, "a", 0.6), Span(4, 9, "b", 0.9, Action.OFF)], "01[A_1]6789"),
        ([Span(2, 6, "a", 0.6), Span(6, 9, "b", 0.9)], "01[A_1][B_1]9"),
        ([Span(2, 6, "a", 0.9), Span(4, 9, "b", 0.6, Action.REMOVE, "4-8")], "01[B_1]9"),
        ([Span(4, 9, "b", 0.6, Action.REMOVE, "<>")], "0123<>9"),
    ],
    ids=[
        "removal-wins",
        "flag-does-not-widen",
        "off-is-nothing",
        "touching",
        "no-replacement",
        "replacement",
    ],
)
def test_the_strongest_action_wins_where_spans_overlap(spans, expected):
    assert prompt("0123456789", Fixed(*spans)).texts["/prompt"] == expected


def test_a_filter_that_fails_stops_everything_and_says_nothing_of_the_text():
    text = "".join(["boom", " qua", "gga"])  # in pieces: a trace quotes the source of this test
    with pytest.raises(ScreeningFailed) as caught:
        prompt(text, Broken())
    assert caught.value.filter_name == "Broken"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert text[5:] not in "".join(traceback.format_exception(caught.value))


def test_after_a_failure_an_answer_stays_withheld():
    stream = Chain([Broken(), *[PatternFilter()]]).open_answer(Policy(), Placeholders())
    stream.feed("fine ")
    for _ in range(2):
        with pytest.raises(ScreeningFailed):
            stream.feed("boom")
    with pytest.raises(ScreeningFailed):
        stream.finish()


@pytest.mark.parametrize("span", [Span(5, 99, "x", 1), Span(3, 3, "x", 1), Span(-1, 2, "x", 1)])
def test_a_span_outside_of_the_text_is_a_failure(span):
    with pytest.raises(ScreeningFailed):
        prompt("0123456789", Fixed(span))


def test_a_filter_that_cannot_open_a_scan_is_a_failure():
    class Shut(Fixed):
        def open_prompt(self, policy):
            raise RuntimeError

    with pytest.raises(ScreeningFailed, match="Shut"):
        prompt("x", Shut())


def test_an_operators_filter_is_a_class_and_a_path():
    chain = Chain.from_paths([f"{__name__}.TicketFilter"])
    screened = chain.screen_prompt({"/prompt": "see TCK-1234"}, Policy())
    assert screened.texts["/prompt"] == "see[TICKET_1]"
    assert chain.rules - unscanned.IDS == {"ticket"}


def test_the_version_tells_chains_apart():
    assert Chain([PatternFilter()]).version == Chain([PatternFilter()]).version
    assert Chain([PatternFilter()]).version != Chain([TicketFilter()]).version


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("no.such.module", ImportError),
        ("sanitization.patterns.Nothing", AttributeError),
        ("sanitization.patterns.DetectorScan", TypeError),
        ("builtins.dict", AttributeError),
    ],
)
def test_a_path_that_names_no_filter_is_refused(path, error):
    with pytest.raises(error):
        load_filter(path)


def test_an_answer_continues_the_prompts_numbers_and_is_never_restored():
    screened = CHAIN.screen_prompt({"/prompt": "I am ann@example.com"}, Policy())
    stream = CHAIN.open_answer(Policy(), screened.placeholders)
    assert stream.feed("[EMAIL_1] or bob@example.com?") + stream.finish() == "[EMAIL_1] or [EMAIL_2]?"
    assert dict(screened.placeholders.entries) == {"[EMAIL_1]": "ann@example.com"}


def test_reprs_show_no_values():
    screened = CHAIN.screen_prompt({"/prompt": "ann@example.com"}, Policy())
    assert "ann@" not in repr(screened)
    assert "ann@" not in repr(screened.placeholders)


def test_a_long_undecided_tail_is_read_a_bounded_number_of_times():
    read = 0

    class Undecided(Detector):
        rule = "undecided"

        def hold(self, text, start):
            nonlocal read
            read += len(text)
            return start

        def find(self, text, start, limit):
            return None

    scan = DetectorScan([Undecided()])
    size = 100_000
    for _ in range(size // 4):
        scan.feed("aaaa", last=False)
    scan.feed("", last=True)
    assert size < read < 32 * size
