"""Calls of tools in answers, however these are cut."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends import CallPiece, Piece
from inference.tools.notations import HERMES, LLAMA, MISTRAL
from inference.tools.parser import MOST_HEAD, CallParser

NAMES = {"weather", "send_mail"}
ALL = [HERMES, LLAMA, MISTRAL]


def parsed(notation, pieces, **more):
    """The text, and each call as [name, arguments]."""
    parser, text, calls = CallParser(notation, NAMES, **more), "", []
    events = [event for piece in pieces for event in parser.feed(piece)] + parser.finish()
    for event in events:
        if isinstance(event, Piece):
            text += event.text
        elif event.name:
            assert event.call == len(calls)
            calls.append([event.name, event.arguments])
        else:
            assert event.call == len(calls) - 1
            calls[-1][1] += event.arguments
    assert parser.called == len(calls)
    return text, calls


CASES = [
    (HERMES, '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>', "", 1),
    (HERMES, 'Let me see.\n<tool_call>{"name":"weather","arguments":{}}</tool_call>', "Let me see.", 1),
    (HERMES, '<tool_call>{"arguments": {"a": [1, {"b": "}"}]}, "name": "weather"}</tool_call>', "", 1),
    (HERMES, '<tool_call>{"name": "weather"}</tool_call> bye', "bye", 1),
    (
        HERMES,
        '<tool_call>{"name": "weather", "arguments": {"a": "\\"}{"}, "id": "7"}</tool_call>\n\n' * 2,
        "",
        2,
    ),
    (HERMES, '<tool_call>{"id": 5, "name": "weather", "arguments": {"a": 1}}\n</tool_call>', "", 1),
    (HERMES, "a < b and <tool", "a < b and <tool", 0),
    (HERMES, "<tool_call>none</tool_call>", "<tool_call>none</tool_call>", 0),
    (LLAMA, '{"name": "weather", "parameters": {"city": "Oslo"}}', "", 1),
    (LLAMA, '<|python_tag|>{"name": "weather", "parameters": {"city": "Oslo"}}', "", 1),
    (LLAMA, '{"name": "weather", "parameters": {}}; {"name": "send_mail", "parameters": {"a": "b"}}', "", 2),
    (LLAMA, 'The JSON is {"name": "weather", "parameters": {}}', None, 0),
    (LLAMA, '<|python_tag|>search.call(query="x")', None, 0),
    (MISTRAL, '[TOOL_CALLS] [{"name": "weather", "arguments": {"a": 1}}]', "", 1),
    (
        MISTRAL,
        '[TOOL_CALLS][{"name":"weather","arguments":{}}, {"name":"send_mail","arguments":{"x":[]}}]',
        "",
        2,
    ),
    (MISTRAL, 'Well [TOOL_CALLS]weather[ARGS]{"a": 1}[TOOL_CALLS]send_mail{"b": 2}', "Well", 2),
    (MISTRAL, '[TOOL_CALLS]weather[CALL_ID]abc123[ARGS]{"a": 1}', "", 1),
]


@pytest.mark.parametrize(("notation", "answer", "text", "count"), CASES)
def test_calls_are_found_in_the_notation_of_the_model(notation, answer, text, count):
    said, calls = parsed(notation, [answer])
    assert said == (answer if text is None else text)
    assert len(calls) == count
    assert all(isinstance(json.loads(arguments), dict) for _, arguments in calls)


@pytest.mark.parametrize("notation", ALL)
def test_a_call_of_a_tool_that_nobody_offered_is_text(notation):
    answer = notation.whole([("rm", '{"path": "/"}')])
    assert parsed(notation, [answer]) == (answer, [])


@pytest.mark.parametrize("notation", ALL)
def test_what_history_writes_the_parser_reads(notation):
    calls = [["weather", '{"city": "Oslo"}'], ["send_mail", '{"to": "a\\"b"}']]
    assert parsed(notation, [notation.whole([tuple(call) for call in calls])]) == ("", calls)


def test_arguments_leave_while_they_come():
    parser = CallParser(HERMES, NAMES)
    parser.feed('<tool_call>{"name": "weather", "arguments": ')
    assert parser.feed('{"city": ') == [CallPiece(0, "weather"), CallPiece(0, "", '{"city": ')]
    assert parser.feed('"Os') == [CallPiece(0, "", '"Os')]


def test_an_answer_that_ends_within_a_call_leaves_what_came_of_it():
    assert parsed(HERMES, ['<tool_call>{"name": "weather", "arguments": {"city": "O']) == (
        "",
        [["weather", '{"city": "O']],
    )
    half = '<tool_call>{"name": "wea'
    assert parsed(HERMES, [half]) == (half, [])


@pytest.mark.parametrize("arguments", ['{"to": ann@corp.com}', "{'to': 'x; y'}", '{"city": Oslo; x}'])
def test_arguments_that_are_no_json_stay_together(arguments):
    answer = f'<tool_call>{{"name": "weather", "arguments": {arguments}}}</tool_call> bye'
    assert parsed(HERMES, [answer]) == ("bye", [["weather", arguments]])


def test_a_call_whose_braces_are_forgotten_ends_at_its_closer():
    answer = '<tool_call>{"name": "weather", "arguments": {"city": Oslo</tool_call> bye'
    assert parsed(HERMES, [answer]) == ("bye", [["weather", '{"city": Oslo']])


def test_without_parallel_calls_there_is_one():
    answer = 'a<tool_call>{"name": "weather", "arguments": {}}</tool_call>' * 3 + "b"
    assert parsed(HERMES, [answer], is_parallel=False) == ("aa", [["weather", "{}"]])


def test_what_is_held_back_is_bounded():
    for beginning in ("<tool_call>", '<tool_call>{"name": "', '<tool_call>{"arguments": {"a": "'):
        parser = CallParser(HERMES, NAMES)
        parser.feed(beginning)
        said = "".join(event.text for _ in range(MOST_HEAD + 100) for event in parser.feed("x"))
        assert len(said) >= MOST_HEAD - 100


PARTS = [
    "<tool_call>",
    "</tool_call>",
    "<|python_tag|>",
    "[TOOL_CALLS]",
    "[ARGS]",
    '{"name": "weather"',
    "}",
    "{",
]
PARTS += [
    '"arguments": {',
    '"parameters": {"a": "',
    '"',
    "\\",
    ", ",
    ";",
    " ",
    "\n",
    "[",
    "]",
    "weather",
    "12",
    "-",
]
PARTS += ['{"name": "send_mail", "arguments": {"to": "x"}}', "tru", "true", "text"]


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(ALL), st.lists(st.sampled_from(PARTS), max_size=14), st.integers(0, 2**32))
def test_how_an_answer_is_cut_changes_nothing(notation, parts, seed):
    answer = "".join(parts)
    whole = parsed(notation, [answer])
    assert parsed(notation, list(answer)) == whole
    dice, cuts = random.Random(seed), []
    rest = answer
    while rest:
        size = dice.randint(1, 9)
        cuts.append(rest[:size])
        rest = rest[size:]
    assert parsed(notation, cuts) == whole
