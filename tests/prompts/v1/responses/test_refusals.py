"""What `/v1/responses` refuses, and that no body whatever breaks it."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.errors import FormatRefused, PromptTooLong, QueueFull
from prompts import composition
from prompts.errors import RequestRefused
from prompts.models import Prompt
from prompts.v1.responses import reading
from prompts.v1.responses.reading import read_response
from sanitization.policies import Policy
from tests.fakes import Parrot, house_of
from tests.prompts.v1.responses.conftest import TOOL, checked, respond
from tests.prompts.v1.test_openai_fields import ASKER, BOUNDS

USER = {"role": "user", "content": "x"}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "x"}
SCHEMA = {"type": "json_schema", "name": "x", "schema": {}}


def content(*parts):
    return {"input": [{"role": "user", "content": list(parts)}]}


def nested(depth, key="a"):
    return json.loads(f'{{"{key}":' * depth + "1" + "}" * depth)


REFUSED = [
    ({"input": None}, "input", "missing_required_parameter"),
    ({"input": 5}, "input", "invalid_type"),
    ({"input": []}, "input", "invalid_value"),
    ({"input": [USER] * 2049}, "input", "invalid_value"),
    ({"input": ["x"]}, "input[0]", "invalid_type"),
    ({"input": [{}]}, "input[0].type", "missing_required_parameter"),
    ({"input": [{"type": 5}]}, "input[0].type", "invalid_type"),
    ({"input": [{"type": "web_search_call", "id": "x"}]}, "input[0].type", "unsupported_content"),
    ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]", "unsupported_content"),
    ({"input": [{"id": "msg_1"}]}, "input[0]", "unsupported_content"),
    ({"input": [{"type": "reasoning", "id": "r", "summary": []}]}, "input", "invalid_value"),
    ({"input": [{"role": "developer", "content": ""}]}, "input", "invalid_value"),
    ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role", "invalid_value"),
    ({"input": [{"role": ["user"], "content": "x"}]}, "input[0].role", "invalid_value"),
    ({"input": [{"role": "user"}]}, "input[0].content", "missing_required_parameter"),
    ({"input": [{**USER, "colour": 1}]}, "input[0].colour", "unknown_parameter"),
    ({"input": [{**USER, "phase": "commentary"}]}, "input[0].phase", "unsupported_parameter"),
    ({"input": [{**USER, "status": "done"}]}, "input[0].status", "invalid_value"),
    ({"input": [{**USER, "content": []}]}, "input[0].content", "invalid_type"),
    (content({"type": "text", "text": "x"}), "input[0].content[0].type", "unsupported_content"),
    (content({"type": ["input_text"]}), "input[0].content[0].type", "unsupported_content"),
    (
        content({"type": "input_image", "image_url": "data:,"}),
        "input[0].content[0].image_url",
        "unsupported_content",
    ),
    (content({"type": "input_file", "file_id": "x"}), "input[0].content[0].type", "unsupported_content"),
    (content({"type": "refusal", "refusal": "x"}), "input[0].content[0].type", "unsupported_content"),
    (content({"type": "input_text"}), "input[0].content[0].text", "missing_required_parameter"),
    (content({"type": "input_text", "text": 5}), "input[0].content[0].text", "invalid_type"),
    (
        content({"type": "output_text", "text": "x", "annotations": [{"type": "url_citation"}]}),
        "input[0].content[0].annotations",
        "unsupported_parameter",
    ),
    ({"input": [OUTPUT]}, "input[0].call_id", "invalid_value"),
    ({"input": [OUTPUT, CALL]}, "input[0].call_id", "invalid_value"),
    ({"input": [CALL, {**OUTPUT, "call_id": None}]}, "input[1].call_id", "missing_required_parameter"),
    ({"input": [CALL, {**OUTPUT, "output": {"a": 1}}]}, "input[1].output", "invalid_type"),
    (
        {"input": [CALL, {**OUTPUT, "output": [{"type": "output_text", "text": "x"}]}]},
        "input[1].output[0].type",
        "unsupported_content",
    ),
    ({"input": [{**CALL, "name": "a b"}]}, "input[0].name", "invalid_value"),
    ({"input": [{**CALL, "arguments": {}}]}, "input[0].arguments", "invalid_type"),
    ({"input": [{**CALL, "call_id": ""}]}, "input[0].call_id", "invalid_value"),
    ({"input": [{**CALL, "namespace": "x"}]}, "input[0].namespace", "unsupported_parameter"),
    ({"input": [CALL] * 129}, "input[128]", "invalid_value"),
    ({"input": "x" * 100_001}, "input", "string_above_max_length"),
    ({"instructions": ["x"]}, "instructions", "invalid_type"),
    ({"instructions": "x" * 100_001}, "instructions", "invalid_value"),
    ({"max_output_tokens": 0}, "max_output_tokens", "invalid_value"),
    ({"max_tokens": 5}, "max_tokens", "unknown_parameter"),
    ({"n": 2}, "n", "unknown_parameter"),
    ({"messages": []}, "messages", "unknown_parameter"),
    ({"temperature": "hot"}, "temperature", "invalid_type"),
    ({"metadata": {"a": 1}}, "metadata", "invalid_type"),
    ({"store": True}, "store", "unsupported_parameter"),
    ({"background": True}, "background", "unsupported_parameter"),
    ({"previous_response_id": "resp_1"}, "previous_response_id", "unsupported_parameter"),
    ({"conversation": {"id": "c"}}, "conversation", "unsupported_parameter"),
    ({"prompt": {"id": "p"}}, "prompt", "unsupported_parameter"),
    ({"moderation": {"model": "x"}}, "moderation", "unsupported_parameter"),
    ({"truncation": "auto"}, "truncation", "unsupported_parameter"),
    ({"top_logprobs": 2}, "top_logprobs", "invalid_value"),
    ({"top_logprobs": 21, "include": ["message.output_text.logprobs"]}, "top_logprobs", "invalid_value"),
    ({"include": ["everything"]}, "include[0]", "invalid_value"),
    ({"include": "x"}, "include", "invalid_type"),
    ({"reasoning": {"effort": "much"}}, "reasoning.effort", "invalid_value"),
    ({"reasoning": {"summary": "auto"}}, "reasoning.summary", "unsupported_parameter"),
    ({"reasoning": "high"}, "reasoning", "invalid_type"),
    ({"text": "json"}, "text", "invalid_type"),
    ({"text": {"verbosity": "lowest"}}, "text.verbosity", "invalid_value"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type", "invalid_value"),
    ({"text": {"format": {**SCHEMA, "name": None}}}, "text.format.name", "missing_required_parameter"),
    ({"text": {"format": {**SCHEMA, "schema": []}}}, "text.format.schema", "invalid_type"),
    ({"text": {"format": {**SCHEMA, "schema": nested(70)}}}, "text.format.schema", "invalid_value"),
    ({"text": {"format": {**SCHEMA, "json_schema": {}}}}, "text.format.json_schema", "unknown_parameter"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type", "unsupported_parameter"),
    ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools[0].type", "unsupported_parameter"),
    ({"tools": [{"type": "magic"}]}, "tools[0].type", "invalid_value"),
    ({"tools": [{"type": ["function"]}]}, "tools[0].type", "invalid_value"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].function", "unknown_parameter"),
    ({"tools": [{"type": "function"}]}, "tools[0].name", "missing_required_parameter"),
    ({"tools": [{**TOOL, "output_schema": {"a": 1}}]}, "tools[0].output_schema", "unsupported_parameter"),
    ({"tools": [{**TOOL, "parameters": nested(70)}]}, "tools[0].parameters", "invalid_value"),
    ({"tools": [TOOL, TOOL]}, "tools", "invalid_value"),
    (
        {"tools": [TOOL], "tool_choice": {"type": "function", "name": "g"}},
        "tool_choice.name",
        "invalid_value",
    ),
    (
        {"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}},
        "tool_choice.type",
        "unsupported_parameter",
    ),
    ({"tools": [TOOL], "tool_choice": {"type": "web_search"}}, "tool_choice.type", "unsupported_parameter"),
    ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
    ({"parallel_tool_calls": "auto"}, "parallel_tool_calls", "invalid_type"),
    ({"stream_options": {"include_obfuscation": True}}, "stream_options", "invalid_value"),
    (
        {"stream": True, "stream_options": {"include_usage": True}},
        "stream_options.include_usage",
        "unknown_parameter",
    ),
    ({"ann@corp.com is my mail": 1}, None, "unknown_parameter"),
]


@pytest.mark.parametrize(("change", "param", "code"), REFUSED)
def test_what_cannot_be_done_names_its_field_and_quotes_nothing(change, param, code):
    with pytest.raises(RequestRefused) as refused:
        read_response({"input": "hello", **change}, ASKER, BOUNDS)
    assert (refused.value.param, refused.value.code) == (param, code)
    assert len(refused.value.sentence) > 10
    assert "ann@" not in refused.value.sentence


@pytest.mark.django_db(transaction=True)
async def test_what_is_refused_gets_openais_envelope_and_asks_no_model(as_alice, parrot):
    for change, param, code in (REFUSED[0], REFUSED[-1]):
        response = await as_alice.post("responses", {"input": "hello", **change})
        assert response.status_code == 400, response.content
        error = response.json()["error"]
        assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert parrot.heard == []
    assert await Prompt.objects.acount() == 0


def test_null_means_that_a_field_is_not_there():
    names = [*reading.FIELDS, *reading.SHAPED, *reading.KEPT, *reading.UNSUPPORTED, "tools", "tool_choice"]
    assert read_response({**dict.fromkeys(names), "input": "hello"}, ASKER, BOUNDS) == read_response(
        {"input": "hello"}, ASKER, BOUNDS
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("error", "status", "code", "param"),
    [
        (QueueFull(retry_after_seconds=4), 503, "queue_full", None),
        (PromptTooLong(tokens=9, limit=5), 400, "context_length_exceeded", "input"),
        (FormatRefused("The schema has a `$ref` that leads nowhere."), 400, "invalid_value", "text.format"),
    ],
)
async def test_what_is_refused_before_its_first_word_gets_a_status(
    as_alice, parrot, error, status, code, param
):
    parrot.words, parrot.error = "", error
    for stream in (False, True):
        response = await respond(as_alice, stream=stream)
        assert (response.status_code, response["Content-Type"]) == (status, "application/json")
        told = response.json()["error"]
        assert (told["code"], told["param"]) == (code, param)
        assert (response.get("Retry-After") == "4") is (status == 503)


@pytest.mark.django_db(transaction=True)
async def test_a_blocked_prompt_is_refused_in_a_way_that_clients_know(as_alice, journal):
    composition.install(house_of(Parrot(), journal=journal, policy=Policy.build(block=("email",))))
    for stream in (False, True):
        response = await respond(as_alice, "I am ann@corp.com", stream=stream)
        error = response.json()["error"]
        assert (response.status_code, error["code"], error["param"]) == (400, "content_filter", "input")
    assert {row.outcome async for row in Prompt.objects.all()} == {"blocked"}


# -- attacks --


BROKEN = [
    "[" * 2_000_000,
    '{"input":' * 200_000,
    '{"input": "\\ud800"}',
    '{"input": [{"role": "user", "content": "\\udc00x"}]}',
    '{"input": "\\u0000"}',
    b'{"input": "\xff"}',
    '{"input": ' + "9" * 5000 + "}",
    '{"input": NaN}',
]


@pytest.mark.django_db(transaction=True)
async def test_a_body_that_is_no_json_object_gets_a_sentence(as_alice, parrot):
    for body in BROKEN:
        response = await as_alice.post("responses", body)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "unreadable_body")
    assert parrot.heard == []


DEEP = [
    '{"input": "x", "text": {"format": {"type": "json_schema", "name": "x", "schema": %s}}}',
    '{"input": "x", "tools": [{"type": "function", "name": "f", "parameters": %s}]}',
    '{"input": %s}',
    '{"input": [{"type": "reasoning", "summary": %s}, {"role": "user", "content": "x"}]}',
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("body", DEEP)
async def test_nesting_at_any_depth_is_answered_or_refused(as_alice, body):
    """Between what the reader takes and what goes on, there is no depth at which something breaks."""
    for depth in (20, 60, 65, 400, *range(900, 910)):
        response = await as_alice.post("responses", body % ('{"a":' * depth + "1" + "}" * depth))
        assert response.status_code in (200, 400), (depth, response.content)


@pytest.mark.django_db(transaction=True)
async def test_2048_items_and_as_many_calls_with_the_same_id_are_answered(as_alice, parrot):
    turns = [CALL, OUTPUT] * 1024
    checked(await respond(as_alice, turns))
    results = [message.call_id for message in parrot.generations[0].messages if message.role == "tool"]
    assert results == [f"call{number:05}" for number in range(1, 1025)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
KINDS = ["message", "function_call", "function_call_output", "reasoning", "item_reference", "function", "x"]
WORDS = st.sampled_from(
    [*KINDS, "input_text", "output_text", "user", "assistant", "developer", "c", "f", "{}"]
)
SOMETHING = WORDS | JSON
NAMES = [
    "type",
    "role",
    "content",
    "id",
    "call_id",
    "name",
    "arguments",
    "output",
    "status",
    "text",
    "summary",
]
PART = st.dictionaries(st.sampled_from(["type", "text", "annotations", "parsed"]), SOMETHING, max_size=4)
ITEM = st.dictionaries(st.sampled_from(NAMES), SOMETHING | st.lists(PART, max_size=2), max_size=7)
USUAL = st.sampled_from([USER, CALL, OUTPUT, {**USER, "role": "assistant"}])
BODY = st.fixed_dictionaries(
    {},
    optional={
        "input": st.lists(ITEM | USUAL, max_size=5) | SOMETHING,
        "tools": st.lists(ITEM | st.just(TOOL) | SOMETHING, max_size=2) | SOMETHING,
        "text": st.fixed_dictionaries({}, optional={"format": ITEM | SOMETHING}) | SOMETHING,
        **dict.fromkeys(
            (
                *("instructions", "tool_choice", "parallel_tool_calls", "reasoning", "include", "stream"),
                *("stream_options", "metadata", "store", "truncation", "max_output_tokens", "stop", "user"),
            ),
            SOMETHING,
        ),
    },
)


@given(body=BODY | st.dictionaries(st.text(max_size=9), JSON, max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_any_body_is_read_or_refused_and_what_is_read_can_be_written(body):
    try:
        ask, echo = read_response(body, ASKER, BOUNDS)
    except RequestRefused:
        return
    assert json.dumps(echo)
    assert all(isinstance(text, str) for text in ask.parts().values())
    assert all(part.startswith(("/input", "/instructions", "/t", "/stop")) for part in ask.parts())
