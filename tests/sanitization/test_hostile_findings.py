"""Texts of nothing but findings, or of what nearly is one, through every filter there is."""

import base64

import pytest

from sanitization.chain import Chain
from sanitization.filters import DEFAULT_FILTERS
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from tests.effort import assert_affordable, processor_seconds

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
    def seconds() -> float:
        chain = Chain.from_paths(DEFAULT_FILTERS)  # a new one: it knows what it has judged
        if direction == "prompt":
            return processor_seconds(lambda: chain.screen_prompt({"/prompt": TEXTS[name]}, Policy()))
        return processor_seconds(lambda: chain.open_answer(Policy(), Placeholders()).whole(TEXTS[name]))

    assert_affordable(lambda: (seconds(),), ENOUGH)
