"""Texts made of the beginnings of numbers and addresses cost no more than other texts do, per character."""

import random
import time

import pytest

from sanitization.detectors import ALL, BY_RULE, base
from sanitization.detectors.base import LOOKBACK
from sanitization.filters import Backlog
from sanitization.patterns import DetectorScan, _made, plan
from sanitization.rules import RULES, Category
from tests.effort import assert_affordable

LENGTH = 60_000
# Seconds for all of it, some six times what it takes. What grows with the square takes tens of times as long.
ENOUGH = 0.6

PIECES = [
    *[
        "1 ",
        "0 ",
        "1-",
        "1-1-",
        "(0",
        "+1",
        "+1 ",
        "00",
        "01 ",
        "0199 ",
        "12 34 ",
        "4111 ",
        "4111-",
        "(415) ",
    ],
    *["call 1 ", "tel 11111111 ", "+49 30 1", "a.a.a.", "@", "a@", "a@b.", "::1:", "fe80:", "1.1.", "DE44 "],
    *["DE44", "ab", "eyJhbGciOiJIUzI1NiJ9.", "1", "-", "é1 ", "用1 ", "account ", "abcaba"],
]
VALUES = tuple(BY_RULE[rule]() for rule in BY_RULE if RULES[rule].category is Category.PII)


def _of(rule: str) -> list[base.Detector]:
    return [_made(one) for one in ALL if one.rule == rule]


def seconds(text: str) -> float:
    scan = DetectorScan(plan(VALUES))
    start = time.thread_time()
    scan.feed(text, last=False)
    scan.feed("", last=True)
    return time.thread_time() - start


@pytest.mark.parametrize("piece", PIECES)
def test_a_text_of_nothing_but_beginnings_is_cheap(piece):
    text = (piece * (LENGTH // len(piece) + 1))[:LENGTH]
    assert_affordable(lambda: (seconds(text),), ENOUGH)


def test_a_tail_that_is_held_is_not_looked_through_for_keywords_again_and_again(monkeypatch):
    scan = DetectorScan(plan(tuple(BY_RULE[rule]() for rule in ("jwt", "email", "us_passport"))))
    looked = []
    places = scan._plan.keywords.places

    def counted(lowered, start=0, **case):
        looked.append(len(lowered) - start)
        return places(lowered, start, **case)

    monkeypatch.setattr(scan._plan.keywords, "places", counted)
    for _ in range(300):
        scan.feed("abcd" * 25, last=False)
    scan.feed("", last=True)
    assert sum(looked) < 30_000 + 300 * (Backlog.BLOCK // 16 + LOOKBACK)


def test_a_keyword_that_came_before_what_is_held_still_counts():
    passport = BY_RULE["us_passport"]()
    text = "my passport is " + "x" * 36 + " 745410565"
    for size in (1, 7, 4000):
        scan = DetectorScan(plan((passport,)))
        spans = [
            span for at in range(0, len(text), size) for span in scan.feed(text[at : at + size], last=False)
        ]
        spans += scan.feed("", last=True)
        assert [(span.start, span.end) for span in spans] == [(52, 61)]


@pytest.mark.parametrize("piece", ["a.a.a.", "1-", "abc", "a1/", "é-", "AB12", "0", "a_b+"])
def test_text_without_blanks_is_let_out_while_it_comes(piece):
    scan = DetectorScan(plan(tuple(_made(one) for one in ALL)))
    text = (piece * 20_000)[:20_000]
    for at in range(0, len(text), 250):
        scan.feed(text[at : at + 250], last=False)
        assert at + 250 - scan.settled < 1500


@pytest.mark.parametrize("rule", ["credit_card", "email"])
def test_what_is_passed_over_at_once_would_have_been_rejected_one_by_one(rule, monkeypatch):
    source = random.Random(5)
    parts = [
        "4111 1111 1111 1111",
        "5500005555555559",
        "378282246310005",
        "4111.1111.1111.1111",
        "1-1-",
        "12 34 ",
    ]
    parts += [
        "4111 ",
        "6304000000000000",
        "a [at] b.",
        "ann [at] corp.com ",
        "ann at corp dot com ",
        "a@b dot ",
    ]
    parts += [" ", "1 ", "0", "7", " - ", "\n", "."]
    found = 0
    for size in (40, 400, 2_000):
        text = "\n" + "".join(source.choices(parts, k=size))
        each = []
        for patience in (1, 32, 10**9):
            monkeypatch.setattr(base, "PATIENCE", patience)
            each.append([list(one.reader(text).each(0, len(text))) for one in _of(rule)])
        assert each[0] == each[1] == each[2]
        found += sum(map(len, each[0]))
    assert found > 50
