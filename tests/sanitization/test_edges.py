"""Masking leaves the quoting of JSON and code whole."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanitization.edges import trimmed
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from tests.sanitization.samples import CHAIN, VALUES, pieces, screen


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
    assert screen("[4111111111111111.0]")[0] == '["[CREDIT_CARD_1]"]'
    assert screen("ids[4111111111111111], [x, 4111111111111111]")[0] == (
        "ids[[CREDIT_CARD_1]], [x, [CREDIT_CARD_1]]"
    )
    text = '{"card": 4111111111111111, "n": 12}'
    prompt = CHAIN.screen_prompt({"/prompt": text}, Policy())
    assert prompt.texts["/prompt"] == '{"card": [CREDIT_CARD_1], "n": 12}'


def test_a_number_of_json_in_a_string_becomes_a_string_of_that_json():
    text = json.dumps({"a": json.dumps({"n": 4111111111111111, "b": json.dumps({"n": 4111111111111111})})})
    read = json.loads(json.loads(screen(text)[0])["a"])
    assert (read["n"], json.loads(read["b"])["n"]) == ("[CREDIT_CARD_1]", "[CREDIT_CARD_1]")


NUMBERS = [int(value) for value in VALUES if value.isdigit() and value[0] != "0"]
DOCUMENTS = st.recursive(
    st.sampled_from(
        [*NUMBERS, 4111111111111111, 12, -1.5e9, True, False, None, "x", '[4, "', "é\\", "{,", ""]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "ssn", "[1"]), inner),
    max_leaves=12,
)
SURROUNDINGS = [
    *[
        ("", ""),
        ("Here: ", "\n"),
        ("```json\n", "\n```\n"),
        ("So:\n\n~~~\n", "\n~~~\nand [1, 2"),
        ("a `", "` b"),
    ],
    *[("- one\n\n  ```\n", ""), ("[a](b) [1, 2, x] {", "}"), ("f([", "])"), ("[[0, ", "]"), ("x = ", ";")],
]


@settings(max_examples=300, deadline=None)
@given(
    document=st.lists(DOCUMENTS) | st.dictionaries(st.sampled_from(["a", "b"]), DOCUMENTS),
    indent=st.sampled_from([None, 1, 4]),
    around=st.sampled_from(SURROUNDINGS),
    html=st.sampled_from(["markdown", "html", "off"]),
    seed=st.integers(0, 2**32),
)
def test_json_stays_json_wherever_it_stands_in_an_answer(document, indent, around, html, seed):
    before, behind = around
    written = json.dumps(document, indent=indent, ensure_ascii=bool(seed % 2))
    answer = f"{before}{written}{behind}"
    policy = Policy(html=html)
    text = screen(answer, policy=policy)[0]
    assert screen(*pieces(answer, seed), policy=policy)[0] == text
    assert text.startswith(before)
    assert text.endswith(behind)
    read = json.loads(text[len(before) : len(text) - len(behind)])
    assert _shape(read) == _shape(document)


def _shape(value):
    """The structure of a document, whatever its numbers and strings have become."""
    if isinstance(value, dict):
        return {str(key): _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else None


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
