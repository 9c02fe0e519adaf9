"""Every text-bearing field of the openai package's types has been thought about, and is treated as the table
says."""

import json
from types import SimpleNamespace
from uuid import uuid4

import pytest

from prompts.errors import RequestRefused
from prompts.v1 import others
from prompts.v1.requests import IGNORED, Bounds, read_chat, read_completion
from tests.prompts.v1.openai_fields import ANSWERS, REQUESTS, text_fields
from tests.prompts.v1.openai_table import ANSWER_FIELDS, REQUEST_FIELDS

BOUNDS = Bounds(max_chars=100_000, max_tokens=100, temperature=0.5)
ASKER = SimpleNamespace(user_id=uuid4(), key_id=None, request_id="r", cache="use", bounds=())
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
        {"role": "assistant", "content": "m13", "name": "m14", "tool_calls": [CALL]},
        {"role": "tool", "content": "m15", "tool_call_id": "i1"},
    ],
    "stop": ["m16"],
    "tools": [{"type": "function", "function": TOOL}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["m17"]}}},
}
HI = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("roots", "table"), [(REQUESTS, REQUEST_FIELDS), (ANSWERS, ANSWER_FIELDS)], ids=["requests", "answers"]
)
def test_every_text_field_of_the_openai_package_is_classified(roots, table):
    fields = text_fields(roots)
    assert fields - set(table) == set(), "say in openai_table.py what becomes of these"
    assert set(table) - fields == set(), "the package has these no more"


def test_what_is_sanitized_is_among_the_parts_of_the_ask():
    ask, _ = read_chat(EVERYTHING, ASKER, BOUNDS)
    text = json.dumps(list(ask.parts().values()))
    assert [mark for mark in (f"m{number:02}" for number in range(1, 18)) if mark not in text] == []
    assert "i1" not in repr([said.calls for said in ask.messages])
    completion, _ = read_completion({"prompt": "m01", "stop": "m02"}, ASKER, BOUNDS)
    assert list(completion.parts().values()) == ["m01", "m02"]
    embedding, _ = others.read_embedding({"input": ["m01", "m02"]}, ASKER, BOUNDS)
    assert list(embedding.parts().values()) == ["m01", "m02"]


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
            for kind in ("image_url", "input_audio", "file", "refusal")
        ),
        {"messages": [{"role": "assistant", "content": "x", "refusal": "x"}]},
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
