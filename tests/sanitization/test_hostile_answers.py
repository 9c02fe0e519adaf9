"""Answers made to be expensive: the cost of every one is linear, and no slice of it keeps others waiting."""

import time

import pytest

from sanitization.ceiling import Ceiling
from sanitization.chain import Chain
from sanitization.controls import ControlFilter
from sanitization.markup import MarkupFilter
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from sanitization.stream import SLICE
from tests.effort import assert_affordable

# What must be cheap is this package's own part; the chain's other filters have tests of theirs.
CHAIN = Chain([ControlFilter(), MarkupFilter()], ceiling=lambda: Ceiling(seconds=60))
SIZE = 8 * SLICE
UNITS = [
    *["<b x=1>", "<b>", "</b>", "<", "<a href=", "</", "<!--", "&", "&#", "&amp;", "\"'", "<a x='", '<a x="'],
    *[
        '<a href="https://x.example/?a&lt">',
        "<a href=https://x>",
        "<https://a",
        "<https://x>",
        "<a@b>",
        "<i x ",
    ],
    *["`", "` `` <", "``<`", "\n`", "\n<", "\r", "\n", "\r\n", "\n```\n", "\n> ```\n", "~~~ <\n", "> ", "- "],
    *[
        "[](",
        "![",
        "](",
        "(",
        "a<b)",
        "\x1b[",
        "\x1b]",
        "\x1b",
        "\x90",
        "\x9b1",
        "\x1b]0;",
        "\x1bP<",
        "\x9d\n",
    ],
    *["\x1b\u202e", "\u202e", "\U000e0041", "\U0001f3f4\U000e0067", "\ud800"],
]
TEXTS = {unit: (unit * (SIZE // len(unit) + 1))[:SIZE] for unit in UNITS}
TEXTS["runs of backticks, each longer"] = "".join("`" * length + " <" for length in range(1, 510))
TEXTS["links that only bleach can judge"] = "".join(f'<a href="https://x/[{n}]">' for n in range(6000))
TEXTS["links of which none is like another"] = "".join(f"<a href=https://x/?{n}&b>" for n in range(6000))


def seconds(text: str, policy: Policy) -> tuple[float, float]:
    """What a text costs, and its most expensive slice."""
    stream = CHAIN.open_answer(policy, Placeholders())
    total = worst = 0.0
    for at in range(0, len(text) + 1, SLICE):
        since = time.thread_time()
        stream.feed(text[at : at + SLICE])
        if at + SLICE > len(text):
            stream.finish()
        spent = time.thread_time() - since
        total, worst = total + spent, max(worst, spent)
    return total, worst


@pytest.mark.parametrize("mode", ["markdown", "html"])
@pytest.mark.parametrize("name", TEXTS, ids=ascii)
def test_no_answer_is_expensive(name, mode):
    """At most 2 s for a megabyte, and 100 ms for a slice."""
    limit = 2.0 * len(TEXTS[name]) / 1_000_000 + 0.1
    assert_affordable(lambda: seconds(TEXTS[name], Policy(html=mode)), limit, 0.1)
