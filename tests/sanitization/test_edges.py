"""Masking leaves the quoting of JSON and code whole."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanitization.edges import trimmed
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from tests.sanitization.samples import CHAIN, VALUES, screen


@pytest.mark.parametrize(
    ("value", "backslashes", "left"),
    [
        ("nann@x.io", 1, "ann@x.io"),
        ("nann@x.io", 2, "nann@x.io"),
        ("u00e9ann@x.io", 3, "ann@x.io"),
        ("uann@x.io", 1, "uann@x.io"),
        ('"hunter2"', 0, "hunter2"),
        ("'hunter2'", 0, "hunter2"),
        ('\\"hunter2\\"', 0, "hunter2"),
        ('"hunter2\\"', 1, "hunter2"),
        ('hunter2",', 0, "hunter2"),
        ('hunter2"}', 0, "hunter2"),
        ("hunter2\\", 0, "hunter2"),
        ("hunter2\\\\", 0, "hunter2\\\\"),
        ('hun"ter2', 0, 'hun"ter2'),
        ('"a" "b"', 0, 'a" "b'),
        ("n", 1, "n"),
        ('""', 0, '""'),
        ("n" * 9, 64, "n" * 9),
    ],
)
def test_quoting_at_the_ends_is_no_part_of_a_value(value, backslashes, left):
    start, end = trimmed(value, backslashes=backslashes)
    assert value[start:end] == left


def test_an_address_behind_an_escape_leaves_the_escape():
    text, [finding], _ = screen('{"a": "x\\nann@example.com\\n"}')
    assert text == '{"a": "x\\n[EMAIL_1]\\n"}'
    assert (finding.start, finding.end) == (10, 25)


def test_a_number_of_an_object_becomes_a_string_in_answers():
    text = '{"card": 4111111111111111, "n": 12}'
    assert screen(text)[0] == '{"card": "[CREDIT_CARD_1]", "n": 12}'
    text = '[4111111111111111, {"a": [4111111111111111]}]'
    assert screen(text)[0] == '["[CREDIT_CARD_1]", {"a": ["[CREDIT_CARD_1]"]}]'
    assert screen(*text)[0] == screen(text)[0]
    assert screen("4111111111111111")[0] == "[CREDIT_CARD_1]"
    assert screen("[1], 4111111111111111, [2]")[0] == "[1], [CREDIT_CARD_1], [2]"
    text = '{"card": 4111111111111111, "n": 12}'
    prompt = CHAIN.screen_prompt({"/prompt": text}, Policy())
    assert prompt.texts["/prompt"] == '{"card": [CREDIT_CARD_1], "n": 12}'


@pytest.mark.parametrize(
    "policy", [Policy(), Policy(html="html"), Policy(html="off")], ids=["markdown", "html", "off"]
)
@pytest.mark.parametrize("fenced", [False, True], ids=["document", "block"])
def test_an_answer_that_is_json_stays_json_whatever_is_masked_in_it(policy, fenced):
    for value in VALUES:
        for made in (
            {"a": f"x\n{value}\ny", "b": "x"},
            {"a": f"\u0001\t{value}\\"},
            {value: [f"é{value}"], "password": value},
            {"a": json.dumps({"k": value}), "b": f"<a href='https://x.example'>{value}</a>"},
        ):
            written = json.dumps(made)
            answer = f"Here:\n```json\n{written}\n```\n" if fenced else written
            text, _, blocked = screen(answer, policy=policy)
            assert not blocked
            if fenced:
                text = text.removeprefix("Here:\n```json\n").removesuffix("\n```\n")
            assert isinstance(json.loads(text), dict), text


@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from([*VALUES, "\\", "\n", '"', "u00e9", " ", "'", ",", "}", "n", "https://x/"]),
        max_size=9,
    ),
    html=st.sampled_from(["markdown", "html", "off"]),
)
def test_json_of_any_string_stays_json(parts, html):
    written = json.dumps({"a": "".join(parts), "b": 1})
    stream = CHAIN.open_answer(Policy(html=html), Placeholders())
    sent = "".join([*map(stream.feed, written), stream.finish()])
    assert screen(written, policy=Policy(html=html))[0] == sent
    if not re.search(r"-----BEGIN", written):  # a key in progress hides all that follows
        assert list(json.loads(sent, strict=False)) == ["a", "b"]
