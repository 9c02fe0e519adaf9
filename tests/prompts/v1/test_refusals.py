"""What `/v1` refuses, and that every refusal has OpenAI's shape."""

import json

import pytest

from prompts.models import Prompt

pytestmark = pytest.mark.django_db(transaction=True)
HELLO = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "f"}}
DEEP = {"type": "function", "function": {"name": "f", "parameters": {}}}
DEEP["function"]["parameters"] = json.loads('{"a":' * 70 + "1" + "}" * 70)


def image(url, **more):
    return {"type": "image_url", "image_url": {"url": url, **more}}


PNG = "data:image/png;base64,iVBORw0KGgo="


def recording(data, format="wav"):
    return {"type": "input_audio", "input_audio": {"data": data, "format": format}}


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"role": "developer", "content": ""}]}, "messages", "invalid_value"),
        ({"messages": "hello"}, "messages", "invalid_type"),
        ({"messages": ["hello"]}, "messages[0]", "invalid_type"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "invalid_type"),
        *(
            ({"messages": [{"role": "user", "content": [part]}]}, f"messages[0].content[0].{at}", code)
            for part, at, code in (
                (image("https://example.org/x.png"), "image_url.url", "unsupported_content"),
                (image("data:image/svg+xml;base64,PHN2Zz4="), "image_url.url", "unsupported_content"),
                (image("data:image/png;base64,YW5uQGNvcnAuY29t"), "image_url.url", "invalid_value"),
                (image("data:image/png;base64,iVBORw0KGgo"), "image_url.url", "invalid_value"),
                (image(["x"]), "image_url.url", "unsupported_content"),
                (image(PNG, detail="close"), "image_url.detail", "invalid_value"),
                (image(PNG, colour=1), "image_url.colour", "unknown_parameter"),
                ({"type": "image_url", "image_url": PNG}, "image_url", "invalid_type"),
                (recording("bm9uc2Vuc2U="), "input_audio.data", "invalid_value"),
                (recording("UklGRg==", "flac"), "input_audio.format", "invalid_value"),
                ({"type": "input_audio", "input_audio": "x"}, "input_audio", "invalid_type"),
                ({"type": "file", "file": {}}, "type", "unsupported_content"),
            )
        ),
        (
            {"messages": [{"role": "system", "content": [image(PNG)]}, *HELLO]},
            "messages[0].content[0].type",
            "unsupported_content",
        ),
        (
            {"messages": [{"role": "user", "content": [image(PNG), {"type": "text", "text": "\ufffc"}]}]},
            "messages[0].content",
            "invalid_value",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
            "missing_required_parameter",
        ),
        (
            {"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]},
            "messages[0].tool_call_id",
            "invalid_value",
        ),
        (
            {"messages": [{"role": "assistant", "content": "x", "tool_calls": [{}]}]},
            "messages[0].tool_calls[0].type",
            "missing_required_parameter",
        ),
        (
            {"messages": [{"role": "user", "content": "x", "tool_calls": [{}]}]},
            "messages[0].tool_calls",
            "unsupported_parameter",
        ),
        (
            {"messages": [{"role": "function", "content": "x", "name": "f"}]},
            "messages[0].role",
            "invalid_value",
        ),
        ({"messages": [{**HELLO[0], "colour": 1}]}, "messages[0].colour", "unknown_parameter"),
        ({"messages": [{**HELLO[0], "name": "x" * 65}]}, "messages[0].name", "invalid_value"),
        ({"messages": [{"role": "user", "content": "x" * 100_001}]}, "messages", "string_above_max_length"),
        ({"temperature": "hot"}, "temperature", "invalid_type"),
        ({"temperature": True}, "temperature", "invalid_type"),
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"top_p": 1.1}, "top_p", "invalid_value"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": 1.5}, "n", "invalid_type"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"max_completion_tokens": 10**9}, "max_completion_tokens", "invalid_value"),
        ({"stop": ["a"] * 17}, "stop", "invalid_value"),
        ({"stop": ["a", 5]}, "stop[1]", "invalid_type"),
        ({"stop": ""}, "stop", "invalid_value"),
        ({"logit_bias": {"a": 1}}, "logit_bias", "invalid_value"),
        ({"logit_bias": {"5": 101}}, "logit_bias.5", "invalid_value"),
        ({"logit_bias": [5]}, "logit_bias", "invalid_type"),
        ({"seed": 2**63}, "seed", "invalid_value"),
        ({"priority": "now"}, "priority", "invalid_value"),
        ({"stream": 1}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        ({"stream": True, "stream_options": []}, "stream_options", "invalid_type"),
        ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x", "unknown_parameter"),
        ({"logprobs": 1}, "logprobs", "invalid_type"),
        ({"top_logprobs": 3}, "top_logprobs", "invalid_value"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "invalid_value"),
        ({"tools": {}}, "tools", "invalid_type"),
        ({"tools": [DEEP]}, "tools[0].function.parameters", "invalid_value"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        ({"tools": [{"type": "custom"}]}, "tools[0].type", "unsupported_parameter"),
        ({"tools": [{**TOOL, "colour": 1}]}, "tools[0].colour", "unknown_parameter"),
        ({"tools": [TOOL, TOOL]}, "tools", "invalid_value"),
        ({"tools": [TOOL] * 129}, "tools", "invalid_value"),
        (
            {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "tools[0].function.name",
            "invalid_value",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "a", "parameters": "x"}}]},
            "tools[0].function.parameters",
            "invalid_type",
        ),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice", "invalid_value"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice.function.name",
            "invalid_value",
        ),
        ({"tools": [TOOL], "parallel_tool_calls": 1}, "parallel_tool_calls", "invalid_type"),
        ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
        ({"store": True}, "store", "unsupported_parameter"),
        ({"modalities": ["text", "audio"]}, "modalities", "unsupported_parameter"),
        ({"response_format": "json"}, "response_format.type", "invalid_value"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        (
            {"response_format": {"type": "json_schema"}},
            "response_format.json_schema",
            "missing_required_parameter",
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
            "missing_required_parameter",
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"schema": DEEP["function"]["parameters"]},
                }
            },
            "response_format.json_schema.schema",
            "invalid_value",
        ),
        ({"response_format": {"type": "grammar", "grammar": ""}}, "response_format.grammar", "invalid_value"),
        ({"colour": "red"}, "colour", "unknown_parameter"),
        ({"ann@corp.com is my mail": 1}, None, "unknown_parameter"),
        ({"model": 5}, "model", "invalid_type"),
    ],
)
async def test_what_cannot_be_done_names_its_field_and_asks_no_model(as_alice, parrot, change, param, code):
    response = await as_alice.post("chat/completions", {"messages": HELLO, **change})
    assert response.status_code == 400, response.content
    error = response.json()["error"]
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert len(error["message"]) > 10
    assert "ann@" not in error["message"]
    assert parrot.heard == []
    assert await Prompt.objects.acount() == 0


@pytest.mark.parametrize("body", [" ", "{", "[]", b'{"messages": "\xff"}', "[" * 100_000, '{"a": "\\ud800"}'])
async def test_a_body_that_is_no_json_object_gets_a_sentence(as_alice, body):
    response = await as_alice.post("chat/completions", body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "unreadable_body"


async def test_null_means_that_a_field_is_not_there(as_alice):
    from prompts.v1 import requests

    names = [*requests.SHARED, *requests.IGNORED, *requests.CHAT_UNSUPPORTED, "response_format", "logprobs"]
    response = await as_alice.post("chat/completions", {"messages": HELLO, **dict.fromkeys(names)})
    assert response.status_code == 200, response.content


async def test_an_assistants_message_may_come_back_as_it_was_sent(as_alice):
    message = (await as_alice.chat("hello")).json()["choices"][0]["message"]
    message |= {"tool_calls": None, "function_call": None, "audio": None}
    assert (await as_alice.chat(messages=[*HELLO, message, *HELLO])).status_code == 200


async def test_a_model_that_is_not_served_is_not_found(as_alice):
    response = await as_alice.chat(model="gpt-9")
    assert response.status_code == 404
    error = response.json()["error"]
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "parrot" in error["message"]


@pytest.mark.parametrize(
    "path", ["chat/completions", "completions", "embeddings", "moderations", "models", "models/parrot"]
)
async def test_a_stranger_is_told_so_in_openais_shape(as_nobody, parrot, path):
    response = await (as_nobody.get(path) if "models" in path else as_nobody.post(path, {"messages": HELLO}))
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    error = response.json()["error"]
    assert (error["code"], error["type"]) == ("invalid_api_key", "invalid_request_error")
    assert parrot.heard == []


async def test_an_address_or_a_method_that_is_not_there_is_told_in_openais_shape(as_alice):
    missing = await as_alice.get("audio/speech")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    wrong = await as_alice.get("chat/completions")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert wrong["Allow"] == "POST"


async def test_a_body_of_another_type_is_refused(as_alice):
    response = await as_alice.client.post(
        "/v1/chat/completions", "a=b", content_type="text/plain", headers=as_alice.headers
    )
    assert response.status_code == 415
    assert response.json()["error"]["code"] == "unsupported_media_type"


async def test_a_book_that_cannot_be_written_answers_503_and_asks_no_model(as_alice, journal, parrot):
    journal.close()
    response = await as_alice.chat("hello")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "journal_unavailable"
    assert response["Retry-After"] == "5"
    assert parrot.heard == []
