"""Schemas become grammars that make what the schema means; hostile ones are refused before they cost much."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends import Format
from inference.errors import FormatRefused
from inference.llama.formats import grammar_of
from tests.inference.test_grammars import is_matched

PERSON = {
    "type": "object",
    "title": "Person",
    "properties": {
        "name": {"type": "string", "maxLength": 300, "description": "of a person"},
        "age": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"enum": ["a", 'b"\\', "é🙂"]}, "maxItems": 400},
    },
    "required": ["name"],
    "additionalProperties": False,
}
TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "required": ["kids"],
        }
    },
}


def matches(schema, value, **dumping):
    grammar = grammar_of(Format("json_schema", json.dumps(schema)))
    return is_matched(grammar, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (
            PERSON,
            [{"name": "x"}, {"name": "x", "tags": ["a", 'b"\\', "é🙂"]}, {"name": "", "age": None}],
            [{}],
        ),
        (PERSON, [{"name": "x\ny"}], ['{"name": "x\ny"}', {"name": "x", "other": 1}, {"name": 5}]),
        (TREE, [{"kids": [{"kids": []}, {"kids": []}]}], [{"kids": [1]}]),
        ({"properties": {"é": {"type": "integer"}}, "required": ["é"]}, [{"é": 1}], [{"e": 1}]),
        ({"const": {"a": [1, None]}}, [{"a": [1, None]}], [{"a": [1]}]),
        ({"type": "string", "pattern": "^[a-z]{2}-\\d+[\\w.]$"}, ['"ab-12."'], ['"a-1"', '"ab-"']),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ['"ab"', '"abc"'], ['"a"', '"abcd"']),
        ({"type": "string", "maxLength": 100_000}, ['"' + "a" * 1000 + '"'], ["1"]),
        ({"type": ["string", "null"]}, ['"a"', "null"], ["1"]),
        ({}, [{"any": [1, "x"]}], ["x"]),
        (True, [{"any": 1}], ["x"]),
        ({"title": "Any"}, [{}], ["x"]),
        ({"type": "string", "format": "date"}, ['"2026-11-25"'], ['"2026-13-25"']),
    ],
)
def test_a_schema_makes_a_grammar_of_what_it_means(schema, good, bad):
    for value in good:
        assert matches(schema, value), value
    for value in bad:
        assert not matches(schema, value), value


def test_an_object_is_any_json_object_and_nothing_else():
    grammar = grammar_of(Format("json_object"))
    value = {"a": [1, -2.5e3, {"b": 'é\n"\\/'}], "c": None, "": True}
    for indent in (None, 2):
        assert is_matched(grammar, json.dumps(value, indent=indent))
        assert is_matched(grammar, json.dumps(value, indent=indent, ensure_ascii=False))
    for text in ("[]", "1", '{"a": 01}', '{"a": 1,}', "{'a': 1}", '{"a": "\n"}', "{" + " " * 100 + "}"):
        assert not is_matched(grammar, text)


def nested(count):
    return json.loads('{"items":' * count + "{}" + "}" * count)


def doubling(count):
    definitions = {}
    for at in range(count):
        twice = [{"$ref": f"#/$defs/b{at}"}] * 2
        definitions[f"a{at}"] = {"allOf": twice}
        definitions[f"b{at}"] = {"properties": {"p": {"$ref": f"#/$defs/a{at + 1}"}}}
    definitions[f"a{count}"] = {"type": "string"}
    return {"$ref": "#/$defs/a0", "$defs": definitions}


HOSTILE = {
    "itself": {"$ref": "#"},
    "a loop": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    "elsewhere": {"$ref": "https://example.org/schema.json"},
    "a file": {"$ref": "file:///etc/passwd"},
    "elsewhere in a constant": {"const": {"$ref": "https://example.org/schema.json"}},
    "nowhere": {"$ref": "#/$defs/missing"},
    "no text": {"$ref": 5},
    "a large enum": {"enum": list(range(5_000))},
    "a huge enum": {"enum": list(range(100_000))},
    "deep": nested(200),
    "doubling": doubling(60),
    "a long least": {"type": "string", "minLength": 10**9},
    "many items": {"type": "array", "items": {}, "minItems": 10**9},
    "fewer than none": {"type": "array", "items": {}, "minItems": -1},
    "a pattern that multiplies": {"type": "string", "pattern": "^((a{900}){900})$"},
    "a pattern of a giant number": {"type": "string", "pattern": "^a{999999999}$"},
    "a long pattern": {"type": "string", "pattern": "^" + "a?" * 5000 + "$"},
    "many properties": {"properties": {f"p{at}": {} for at in range(2000)}},
    "a long name": {"properties": {"p" * 5000: {}}},
    "an unknown type": {"type": "quark"},
    "false": False,
    "a list": [{}],
    "wrong types": {"type": "object", "properties": [], "required": 5},
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_schema_is_refused_at_once_and_nothing_of_it_is_repeated(name):
    started = time.thread_time()
    with pytest.raises(FormatRefused) as caught:
        grammar_of(Format("json_schema", json.dumps(HOSTILE[name])))
    assert time.thread_time() - started < 5
    assert len(caught.value.reason) < 120
    assert "example.org" not in caught.value.reason


@pytest.mark.parametrize("text", ["", "{", "[" * 60_000, '{"a":' * 10_000, "x" * 70_000, "null", "\ud800"])
def test_what_is_no_schema_is_refused(text):
    with pytest.raises(FormatRefused):
        grammar_of(Format("json_schema", text))


KEYWORDS = """type properties items enum const anyOf allOf $ref pattern required minItems maxItems minLength
maxLength format additionalProperties $defs x"""
WORDS = ["string", "object", "array", "integer", "#/$defs/x", "^(a|b)*[c]{1,2}$"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYWORDS.split()), inner | st.sampled_from(WORDS), max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_any_json_is_a_schema_or_refused(value):
    with suppress(FormatRefused):
        assert "root ::=" in grammar_of(Format("json_schema", json.dumps(value)))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "any"},
        {"properties": {"a": {"required": True}}},
        {"properties": []},
        {"items": [{"type": "string"}]},
        {"type": "string", "minLength": "x"},
        {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "pattern": "("},
        {"patternProperties": {"(": {}}},
    ],
)
def test_what_no_answer_could_be_checked_against_is_refused_before_there_is_one(schema):
    with pytest.raises(FormatRefused, match=r"no JSON schema|no regular expression"):
        grammar_of(Format("json_schema", json.dumps(schema)))


def test_notes_to_a_reader_may_be_anything():
    assert matches({"type": "string", "title": None, "examples": "x", "description": 5}, '"a"')
