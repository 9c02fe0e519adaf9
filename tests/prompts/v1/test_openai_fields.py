"""Every text-bearing field of the openai package's types has been thought about, and is treated as the table
says."""

import json
from types import SimpleNamespace
from typing import Literal, get_args, get_origin
from uuid import uuid4

import pytest
from openai.types.responses import ResponseInputItemParam, ToolParam

from prompts.errors import RequestRefused
from prompts.v1 import others
from prompts.v1.requests import IGNORED, Bounds, read_chat, read_completion
from prompts.v1.responses.items import NAMES
from prompts.v1.responses.reading import read_response
from tests.prompts.v1 import openai_responses_table as responses
from tests.prompts.v1.openai_fields import (
    ANSWERS,
    REQUESTS,
    RESPONSE_ANSWERS,
    RESPONSE_REQUESTS,
    fields_of,
    read,
    text_fields,
)
from tests.prompts.v1.openai_table import ANSWER_FIELDS, REQUEST_FIELDS

BOUNDS = Bounds(max_chars=100_000, max_tokens=100, temperature=0.5)
ASKER = SimpleNamespace(
    user_id=uuid4(),
    key_id=None,
    request_id="r",
    cache="use",
    bounds=(),
    idempotency=None,
    is_to_be_kept=False,
)
CALL = {
    "id": "i1",
    "type": "function",
    "function": {"name": "m01", "arguments": '{"a": "m02"}'},
}
TOOL = {"name": "m03", "description": "m04", "parameters": {"m05": ["m06"]}}
EVERYTHING = {
    "messages": [
        {"role": "developer", "content": "m07", "name": "m08"},
        {"role": "system", "content": "m09", "name": "m10"},
        {"role": "user", "content": [{"type": "text", "text": "m11"}], "name": "m12"},
        {
            "role": "assistant",
            "content": "m13",
            "name": "m14",
            "tool_calls": [CALL],
            "reasoning_content": "m18",
        },
        {"role": "assistant", "refusal": "m19"},
        {"role": "tool", "content": "m15", "tool_call_id": "i1"},
    ],
    "stop": ["m16"],
    "tools": [{"type": "function", "function": TOOL}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["m17"]}}},
}
HI = {"messages": [{"role": "user", "content": "hi"}]}


RESPONSE = {
    "instructions": "m01",
    "input": [
        {"role": "user", "content": "m02"},
        {"role": "developer", "content": [{"type": "input_text", "text": "m03"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "m04"}], "id": "i1"},
        {
            "type": "function_call",
            "id": "i2",
            "call_id": "i3",
            "name": "m05",
            "arguments": '{"a": "m06"}',
        },
        {
            "type": "reasoning",
            "id": "i4",
            "summary": [{"type": "summary_text", "text": "i5"}],
            "content": [{"type": "reasoning_text", "text": "i6"}],
            "encrypted_content": "i7",
        },
        {"type": "function_call_output", "id": "i8", "call_id": "i3", "output": "m07"},
        {
            "type": "function_call_output",
            "call_id": "i3",
            "output": [{"type": "input_text", "text": "m08"}],
        },
    ],
    "tools": [
        {"type": "function", "name": "m09", "description": "m10", "parameters": {"m11": ["m12"]}},
    ],
    "tool_choice": {"type": "function", "name": "m09"},
    "text": {
        "format": {"type": "json_schema", "name": "i9", "description": "i9", "schema": {"enum": ["m13"]}}
    },
    "metadata": {"i9": "i9"},
    "prompt_cache_key": "i9",
    "prompt_cache_options": {"comparison_response_id": "i9"},
    "safety_identifier": "i9",
    "user": "i9",
}


@pytest.mark.parametrize(
    ("roots", "table"),
    [
        (REQUESTS, REQUEST_FIELDS),
        (ANSWERS, ANSWER_FIELDS),
        (RESPONSE_REQUESTS, responses.REQUEST_FIELDS),
        (RESPONSE_ANSWERS, responses.ANSWER_FIELDS),
    ],
    ids=["requests", "answers", "requests of responses", "answers of responses"],
)
def test_every_text_field_of_the_openai_package_is_classified(roots, table):
    fields = text_fields(roots)
    found = {field: [name for name in names_of(field) if name in table] for field in fields}
    assert [field for field, names in found.items() if not names] == [], "say in the table what becomes of it"
    assert {name for names in found.values() for name in names} == set(table), "the package has some no more"
    assert [names for names in found.values() if len(names) > 1] == [], "one verdict each"
    wholes = {verdict for name, verdict in table.items() if name.endswith("*")}
    assert wholes <= {"refused", "never filled"}


def names_of(field):
    """The ways to name it in a table: itself, all of its record, all of its module."""
    record, module = field.rpartition(".")[0], field.partition(":")[0]
    return field, f"{record}.*", f"{module}:*"


def test_what_is_sanitized_is_among_the_parts_of_the_ask():
    ask, _ = read_chat(EVERYTHING, ASKER, BOUNDS)
    text = json.dumps(list(ask.parts().values()))
    assert [mark for mark in (f"m{number:02}" for number in range(1, 20)) if mark not in text] == []
    assert "i1" not in repr([said.calls for said in ask.messages])
    completion, _ = read_completion({"prompt": "m01", "stop": "m02"}, ASKER, BOUNDS)
    assert list(completion.parts().values()) == ["m01", "m02"]
    embedding, _ = others.read_embedding({"input": ["m01", "m02"]}, ASKER, BOUNDS)
    assert list(embedding.parts().values()) == ["m01", "m02"]


def test_what_responses_sanitize_is_among_the_parts_of_the_ask_and_nothing_else_is():
    ask, _ = read_response(RESPONSE, ASKER, BOUNDS)
    text = json.dumps(list(ask.parts().values()))
    assert [mark for mark in (f"m{number:02}" for number in range(1, 14)) if mark not in text] == []
    assert [mark for mark in (f"i{number}" for number in range(1, 10)) if mark in text] == []
    assert [
        mark for mark in (f"i{number}" for number in range(1, 10)) if f"'{mark}'" in everything(ask)
    ] == []


def kinds_of(union):
    """What `type` may be in the records of a union."""
    hints = [fields_of(record)["type"] for record in read(union)[1] if "type" in fields_of(record)]
    return sorted({kind for hint in hints for kind in literals(hint)})


def literals(hint):
    args = get_args(hint)
    return args if get_origin(hint) is Literal else [kind for arg in args for kind in literals(arg)]


def test_every_item_and_tool_that_the_package_knows_is_taken_or_refused_by_name():
    items = kinds_of(ResponseInputItemParam)
    assert len(items) > 25
    for kind in set(items) - set(NAMES):
        with pytest.raises(RequestRefused) as refused:
            read_response({"input": [{"type": kind, "id": "x"}, HI["messages"][0]]}, ASKER, BOUNDS)
        assert refused.value.code == "unsupported_content", kind
    tools = kinds_of(ToolParam)
    assert len(tools) > 10
    for kind in set(tools) - {"function"}:
        with pytest.raises(RequestRefused) as refused:
            read_response({"input": "x", "tools": [{"type": kind}]}, ASKER, BOUNDS)
        assert (refused.value.code, kind in refused.value.sentence) == ("unsupported_parameter", True)


def everything(ask):
    return repr([ask.messages, [said.calls for said in ask.messages], *ask.parts().items(), ask.tool_use])


@pytest.mark.parametrize(
    "more",
    [
        {"functions": [{"name": "f"}]},
        {"function_call": {"name": "f"}},
        {"audio": {"voice": "alloy", "format": "wav"}},
        {"prediction": {"type": "content", "content": "x"}},
        {"web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "x"}}}},
        {"moderation": {"model": "x"}},
        {"tools": [{"type": "custom", "custom": {"name": "x"}}]},
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{}]}}},
        *(
            {"messages": [{"role": "user", "content": [{"type": kind, kind: {}}]}]}
            for kind in ("file", "refusal")
        ),
        {"messages": [{"role": "assistant", "content": "x", "refusal": "x"}]},
        {"messages": [{"role": "user", "content": "x", "reasoning_content": "x"}]},
        {"messages": [{"role": "assistant", "content": "x", "audio": {"id": "x"}}]},
        {"messages": [{"role": "assistant", "content": "x", "function_call": {"name": "f"}}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "x", "type": "custom", "custom": {}}]}]},
        {"messages": [{"role": "function", "name": "f", "content": "x"}]},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_the_table_calls_refused_is_refused(more):
    with pytest.raises(RequestRefused):
        read_chat({**HI, **more}, ASKER, BOUNDS)


def test_what_the_table_calls_ignored_leaves_no_trace():
    names = {field.rpartition(".")[2] for field, verdict in REQUEST_FIELDS.items() if verdict == "ignored"}
    given = {name: {"a": "mark"} if name == "metadata" else "mark" for name in names & set(IGNORED)}
    assert len(given) == 4
    plain, _ = read_chat(HI, ASKER, BOUNDS)
    ask, _ = read_chat({**HI, **given}, ASKER, BOUNDS)
    assert ask == plain
