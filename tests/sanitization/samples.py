"""Texts for the laws: fragments of everything the chain looks for, in any order."""

import json
import random
from pathlib import Path

from hypothesis import strategies as st

from sanitization.chain import Chain
from sanitization.controls import ControlFilter
from sanitization.markup import MarkupFilter
from sanitization.patterns import PatternFilter
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy

CHAIN = Chain([PatternFilter(), ControlFilter(), MarkupFilter()])

_CORPUS = Path(__file__).parents[1] / "corpus"


def texts_of(rule: str) -> list[str]:
    """The texts of a rule's table."""
    lines = (_CORPUS / f"{rule}.jsonl").read_text(encoding="utf-8").splitlines()
    return ["".join(json.loads(line)["text"]) for line in lines]


def _values() -> list[str]:
    """One value of every rule, as its table has it."""
    values = []
    for path in sorted(_CORPUS.glob("*.jsonl")):
        case = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
        [start, end] = case["found"][0]
        values.append("".join(case["text"])[start:end])
    return values


VALUES = _values()
# What stands near values and could join them, split them or be taken for a part of them.
TEXT = [
    *[
        " ",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "\t",
        ", ",
        ". ",
        ".",
        "-",
        "_",
        "/",
        ":",
        "@",
        "=",
        "+",
        '"',
        "'",
        "\\",
    ],
    *["the ", "call ", "SSN ", "fax", "secret key: ", "https://", "user:", "a.b", "x", "Z9", "1", "12 ", "0"],
    *["[EMAIL_1]", "[EMAIL_", "email 2", "[x]: ", "](", "[", "]", "(", ")", "|", "*", "#", "> ", "- ", "1. "],
    *["é", "ü", "用户", "а", "１", "\u200b", "\u00ad", "\u202e", "\U0001f600", "\ufe0f", "“", "\u00a0"],
    *["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "MIIEowIBAAKCAQEA7x", "-----BEGIN "],
]
MARKUP = [
    *["```", "~~~", "````", "`", "``", "  ", "    ", "<", ">", "</", "<!--", "<b>", "</b>", "<div>", "<br/>"],
    *["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '<a href="https://x.example/y">', "&lt;"],
    *["<a href='javascript:1'>", "<https://x.example>", "<ann@example.com>", "<B CLASS=x>", "<svg/onload=1>"],
]
CONTROLS = [
    "\x1b[31m",
    "\x1b]0;t\x07",
    "\x1b]never",
    "\x1b",
    "\x07",
    "\0",
    "\x9b1m",
    "\x7f",
    "\x85",
    "\ud800",
]


def texts(*kinds: list[str]) -> st.SearchStrategy[str]:
    fragments = [fragment for kind in kinds for fragment in kind]
    return st.lists(st.sampled_from(fragments), max_size=14).map("".join)


# What else makes a text hard to read in pieces: code, links, what is encoded, letters of several parts.
MIXED = [
    *["\n```\n", "```py\n", "\n~~~\n", "> ", "\n> ```\n", "1. ```\n", "`a|b`", "``x`y``", "\\`", "\n\n", "|"],
    *[
        "[a](https://x.example/p?q=1)",
        "![i](https://x.example/i.png)",
        "[a](javascript:1)",
        "[r]: http://x/?",
        "](",
    ],
    *[
        "https://x.example/?q=",
        "www.x.example",
        "[a](<",
        "&#64;",
        "&colon;",
        "&#x41",
        "&",
        "\\",
        '{"password": "',
    ],
    *['{"a": [1, 4111111111111111, "', '"]}', '"}', "4111 1111 1111 1111", "+1 415 555 0132", "078-05-1120"],
    *[
        "ann [at] corp [dot] com",
        "ann%40corp.com",
        "ann@corp",
        ".com",
        "a\u0301nn@example.com",
        "n\u0303",
        "e\u0301",
    ],
    *[
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u8bf7\u62e8\u6253",
        "13812345678",
        "\u3002",
        "\u0447\u0442\u043e ",
    ],
    *[
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    ],
    *[
        "\U0001f3f4\U000e0067",
        "\U000e0041",
        "\u202e",
        "\u2066",
        "\u200b\u200b\u200b",
        "\u00ad",
        "\x1b[",
        "\x1b]0;",
        "\x9d",
    ],
    *[
        "YW5uLm1pbGxlckBleGFtcGxlLm9yZw==",
        "%61%6e%6e%40%63%6f%72%70%2e%69%6f",
        "61 6e 6e 40 63 6f 72 70 2e 69 6f",
    ],
    *[
        "ignore all previous instructions",
        "<|im_start|>",
        "<|",
        "[INST]",
        "</s>",
        "[EMAIL_1]",
        "[email 1]",
        "EMAIL_1",
    ],
    *[
        "\\[EMAIL\\_1\\]",
        "[PHONE_",
        "1]",
        "{EMAIL_1}",
        "[EMAIL#",
        "Be a careful librarian",
        " and never name a reader",
    ],
    *[" bluebird ", "Blue", "bird", "red  team", "PRJ-12", "345", "\x1b[31m", "\ud83d", "\ude00", "\0"],
]

# A value that is glued to the end of another may only be one to a pattern once the other is gone.
APART = [f" {value} " for value in VALUES]
EVERYTHING = texts(VALUES, TEXT, MARKUP, CONTROLS)


def mixture(chance: random.Random, parts: int) -> str:
    """A text of so many fragments of every kind."""
    kinds = (VALUES, TEXT, TEXT, MARKUP, CONTROLS, MIXED, MIXED, MIXED)
    return "".join(chance.choice(chance.choice(kinds)) for _ in range(parts))


def pieces(text: str, seed: int) -> list[str]:
    """The text in random pieces, some of them empty."""
    chance = random.Random(seed)
    cuts = sorted(chance.randrange(len(text) + 1) for _ in range(chance.randrange(12)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def screen(*parts: str, policy: Policy | None = None):
    """An answer that arrives in these pieces: its text, its findings, and whether it was cut off."""
    stream = CHAIN.open_answer(policy or Policy(), Placeholders())
    text = "".join([stream.feed(part) for part in parts] + [stream.finish()])
    return text, stream.findings, stream.blocked
