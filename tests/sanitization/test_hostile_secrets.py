"""Texts made of the beginnings of secrets cost no more than other texts do, per character."""

import time

import pytest

from sanitization.detectors import BY_RULE
from sanitization.detectors.credentials import JsonWebToken
from sanitization.detectors.private_keys import PrivateKey
from sanitization.patterns import DetectorScan, plan
from sanitization.rules import RULES, Category
from tests.effort import assert_affordable

LENGTH = 60_000
# Seconds for all of it. Unbounded work on each repetition takes tens of times as long.
ENOUGH = 0.6

PIECES = [
    *["-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA"],
    *["key=", "password=", "token: ", "api_key=abc1def2ghi3jkl4 ", "ey", "eyJhbGciOiJIUzI1NiJ9.", "a://b:"],
    *[
        "sk-",
        "sk-proj-",
        "sk-aaaaaaaaaaaaaaaa ",
        "xoxb-",
        "glpat-",
        "glagent-",
        "pypi-",
        "curl -u a:b ",
        "AKIA",
    ],
    *["data:\n a: AAAAAAAA\n", "kind: Secret\ndata:\n", "datadog_key=0123", "twitter discord algolia adobe "],
]
SECRETS = tuple(BY_RULE[rule]() for rule in BY_RULE if RULES[rule].category is Category.SECRET)


def seconds(*pieces: str) -> float:
    scan = DetectorScan(plan(SECRETS, frozenset(detector.rule for detector in SECRETS)))
    start = time.thread_time()
    for piece in pieces:
        scan.feed(piece, last=False)
    scan.feed("", last=True)
    return time.thread_time() - start


@pytest.mark.parametrize("piece", PIECES)
def test_a_text_of_nothing_but_beginnings_is_cheap(piece):
    text = (piece * (LENGTH // len(piece) + 1))[:LENGTH]
    assert_affordable(lambda: (seconds(text),), ENOUGH)


@pytest.mark.parametrize("piece", PIECES[:6])
def test_in_pieces_of_four_characters_it_costs_what_pieces_cost(piece):
    text = (piece * (LENGTH // len(piece) + 1))[:LENGTH]
    harmless = ("word " * (LENGTH // 5 + 1))[:LENGTH]
    cut = [text[at : at + 4] for at in range(0, LENGTH, 4)]
    plain = [harmless[at : at + 4] for at in range(0, LENGTH, 4)]
    assert_affordable(lambda: (seconds(*cut) - 10 * seconds(*plain),), ENOUGH)


def test_a_key_that_never_ends_is_held_and_redacted_up_to_the_limit():
    begin, limit = "-----BEGIN PRIVATE KEY-----", PrivateKey.LIMIT
    text = begin + "\n" + "MIIEowIBAAKCAQEA7xQz5B9d" * 5000
    scan = DetectorScan(plan((PrivateKey(),), frozenset({"private_key"})))
    spans, held = [], 0
    for at in range(0, len(text), 997):
        spans += scan.feed(text[at : at + 997], last=False)
        held = max(held, min(len(text), at + 997) - scan.settled)
    spans += scan.feed("", last=True)
    assert [(span.start, span.end) for span in spans] == [(0, len(begin) + limit)]
    assert held < 1.2 * limit


@pytest.mark.parametrize("size", [JsonWebToken.LIMIT - 400, JsonWebToken.LIMIT + 400])
def test_a_token_is_found_up_to_the_limit_however_it_is_cut(size):
    text = f" eyJhbGciOiJIUzI1NiJ9.ey{'Jza' * (size // 3)}.{'sIgn' * 200} and eyJhbGciOiJIUzI1NiJ9."
    found = {}
    for piece in (len(text), 997, 61):
        scan = DetectorScan(plan((JsonWebToken(),), frozenset({"jwt"})))
        spans, held = [], 0
        for at in range(0, len(text), piece):
            spans += scan.feed(text[at : at + piece], last=False)
            held = max(held, min(len(text), at + piece) - scan.settled)
        spans += scan.feed("", last=True)
        found[piece] = [(span.start, span.end) for span in spans]
        assert held < 1.2 * JsonWebToken.LIMIT
    assert found[997] == found[61] == found[len(text)]
    assert bool(found[61]) == (size < JsonWebToken.LIMIT)
