"""Grammars under which an answer is a call of tools."""

import json
from dataclasses import replace

import pytest

from inference.backends import Format, Generation, Message, Sampling, Tool, ToolUse
from inference.gbnf import parse
from inference.llama.formats import grammar_of as compile
from inference.matching import Matcher
from inference.tools.grammar import grammar_of
from inference.tools.notations import HERMES, LLAMA, MISTRAL

SCHEMA = {"type": "object", "properties": {"city": {"$ref": "#/$defs/c"}}, "required": ["city"]}
SCHEMA |= {"$defs": {"c": {"enum": ["Oslo", "Bergen"]}}, "additionalProperties": False}
TOOLS = (Tool("weather", "", json.dumps(SCHEMA)), Tool('say"', "", ""))


def grammar(notation, use, format=None):
    asked = Generation((Message("user", "hi"),), "m", 9, Sampling(0.0), "a", "r", format=format)
    return grammar_of(replace(asked, tools=TOOLS, tool_use=use), notation, compile)


def reads(text, notation, use, format=None):
    matcher = Matcher(parse(grammar(notation, use, format)))
    if not matcher.allows(text.encode()):
        return False
    matcher.accept(text.encode())
    return matcher.can_end


REQUIRED, ONE = ToolUse("required"), ToolUse("required", is_parallel=False)
OSLO = ("weather", '{"city": "Oslo"}')


@pytest.mark.parametrize("notation", [HERMES, LLAMA, MISTRAL])
def test_a_required_answer_is_calls_with_arguments_that_the_schemas_describe(notation):
    assert reads(notation.whole([OSLO]), notation, REQUIRED)
    assert reads(notation.whole([OSLO, ('say"', '{"a": 1}')]), notation, REQUIRED)
    assert not reads("Oslo is cold.", notation, REQUIRED)
    assert not reads(notation.whole([("weather", '{"city": "Rome"}')]), notation, REQUIRED)
    assert not reads(notation.whole([OSLO, OSLO]), notation, ONE)


def test_a_named_tool_is_the_only_one():
    assert reads(HERMES.whole([OSLO]), HERMES, ToolUse("named", "weather"))
    assert not reads(HERMES.whole([('say"', "{}")]), HERMES, ToolUse("named", "weather"))


def test_without_a_must_there_is_no_grammar_or_that_of_the_format_too():
    assert grammar(HERMES, ToolUse()) == ""
    format = Format("json_schema", '{"enum": ["yes"]}')
    assert reads('"yes"', HERMES, ToolUse(), format)
    assert reads(HERMES.whole([OSLO]), HERMES, ToolUse(), format)
    assert not reads("no", HERMES, ToolUse(), format)
