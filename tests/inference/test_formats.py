"""Whether an answer is what its schema asked for."""

import json
import time

import pytest

from inference.errors import AnswerUnfit
from inference.formats import check

AGE = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 0, "maximum": 150}},
    "required": ["age"],
    "additionalProperties": False,
}


def unfit(answer, schema):
    try:
        check(answer, json.dumps(schema))
    except AnswerUnfit:
        return True
    return False


def test_what_fits_passes():
    check('{"age": 30}', json.dumps(AGE))


@pytest.mark.parametrize(
    "answer", ['{"age": 200}', '{"age": "30"}', "{}", '{"age": 1, "b": 2}', '{"age": 3', ""]
)
def test_what_does_not_fit_is_told(answer):
    assert unfit(answer, AGE)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.org/schema"},
        {"$ref": "#/nowhere"},
        {"pattern": "(?=x)"},
        {"type": "no such type"},
        {"properties": 5},
        {"minimum": "x"},
        [],
    ],
)
def test_a_schema_that_cannot_be_applied_makes_an_answer_unfit(schema):
    assert any(unfit(answer, schema) for answer in ('{"age": "x"}', '"x"', "1"))


def test_patterns_of_callers_cost_linear_time():
    started = time.thread_time()
    assert unfit(json.dumps("a" * 50_000 + "!"), {"pattern": "^(a+)+$"})
    assert time.thread_time() - started < 2


def test_patterns_of_names_are_linear_too_and_mean_what_they_mean():
    schema = {"patternProperties": {"^(a+)+$": {"type": "integer"}}, "additionalProperties": False}
    assert not unfit('{"aaa": 1}', schema)
    assert unfit('{"aaa": "x"}', schema)
    assert unfit('{"b": 1}', schema)
    assert unfit(json.dumps({"a" * 50_000 + "!": 1}), schema)


def test_a_schema_that_refers_to_itself_is_followed_as_far_as_the_answer_goes():
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}}, "additionalProperties": False}
    assert not unfit('{"child": {"child": {}}}', tree)
    assert unfit('{"child": {"child": {"x": 1}}}', tree)


def test_nesting_beyond_reason_is_unfit_and_no_crash():
    assert unfit("[" * 100_000, {})
