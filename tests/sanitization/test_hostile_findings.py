"""Texts of nothing but findings, or of what nearly is one, through every filter there is."""

import base64
import time

import pytest

from sanitization.chain import Chain
from sanitization.filters import DEFAULT_FILTERS
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from tests.sanitization.test_hostile_answers import YARDSTICK_SECONDS, yardstick

CHAIN = Chain.from_paths(DEFAULT_FILTERS)
SIZE = 50_000
# What a megabyte may cost here is twice what it is to cost: this finds what is expensive, not what is slow.
ENOUGH = 4.0 * SIZE / 1_000_000

PIECES = ["a@b.co ", "ann%40corp.com ", "a [at] b.", "a@b dot ", "1-1-", "1 ", "12 34 ", "call 1234567 "]
PIECES += ["~~~", "```\n", "[a](http://x?y)", "<|im_start|>", "\u202e", "\u202ea", "\U000e0041 "]
TEXTS = {piece: (piece * SIZE)[:SIZE] for piece in PIECES}
TEXTS["different addresses"] = "".join(f"a{number}@b.co " for number in range(SIZE // 12))
TEXTS["different base64"] = " ".join(
    base64.b64encode(b"number %d is good" % number).decode() for number in range(SIZE // 30)
)
TEXTS["different hexadecimal"] = " ".join((b"number %d" % number).hex() for number in range(SIZE // 24))


@pytest.mark.parametrize("direction", ["prompt", "answer"])
@pytest.mark.parametrize("name", TEXTS, ids=ascii)
def test_no_text_of_nothing_but_findings_is_expensive(name, direction):
    """Where the yardstick takes what it took when that was promised: see test_hostile_answers.py."""
    for _ in range(8):
        before, since = yardstick(), time.thread_time()
        if direction == "prompt":
            CHAIN.screen_prompt({"/prompt": TEXTS[name]}, Policy())
        else:
            CHAIN.open_answer(Policy(), Placeholders()).whole(TEXTS[name])
        took = time.thread_time() - since
        slower = max(1.0, min(before, yardstick()) / YARDSTICK_SECONDS)
        if took < ENOUGH * slower:
            return
    pytest.fail(f"{took:.2f} s; {ENOUGH:.2f} s are allowed")
