"""`/v1/completions` and `/v1/models`."""

import pytest

from prompts import composition
from prompts.models import Prompt
from sanitization.policies import Policy
from tests.fakes import house_of
from tests.prompts.v1.conftest import chunks_of

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_text_is_continued_as_it_is(as_alice, parrot):
    response = await as_alice.post("completions", {"prompt": "I am ann@corp.com", "max_tokens": 9})
    assert response.status_code == 200
    body = response.json()
    assert body["object"] == "text_completion"
    assert body["id"].startswith("cmpl-")
    assert body["choices"] == [
        {"index": 0, "text": "I am ann@corp.com", "logprobs": None, "finish_reason": "stop"}
    ]
    (asked,) = parrot.generations
    assert (asked.text, asked.messages, asked.max_tokens) == ("I am [EMAIL_1]", (), 9)
    row = await Prompt.objects.aget()
    assert (row.prompt, row.parts) == ("I am [EMAIL_1]", [])


async def test_its_stream_has_openais_older_chunks(as_alice):
    response = await as_alice.post("completions", {"prompt": ["hello there"], "stream": True})
    *chunks, last, done = await chunks_of(response)
    assert done == "[DONE]"
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "hello there"
    assert last["choices"] == [{"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"}]
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}


async def test_the_operators_system_prompt_stands_before_a_raw_text(as_alice, parrot, journal):
    policy = Policy(system_prompt="You are the assistant of the harbour office.")
    composition.install(house_of(parrot, journal=journal, policy=policy))
    await as_alice.post("completions", {"prompt": "Once upon a time"})
    assert parrot.heard[0].startswith("You are the assistant of the harbour office.")
    assert parrot.heard[0].endswith("\n\nOnce upon a time")
    assert (await Prompt.objects.aget()).prompt == "Once upon a time"


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"prompt": None}, "prompt", "missing_required_parameter"),
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": ["a", "b"]}, "prompt", "invalid_value"),
        ({"prompt": [1, 2]}, "prompt", "invalid_value"),
        ({"echo": True}, "echo", "unsupported_parameter"),
        ({"best_of": 3}, "best_of", "unsupported_parameter"),
        ({"suffix": "x"}, "suffix", "unsupported_parameter"),
        ({"logprobs": 21}, "logprobs", "invalid_value"),
        ({"logprobs": True}, "logprobs", "invalid_type"),
        ({"messages": []}, "messages", "unknown_parameter"),
    ],
)
async def test_what_cannot_be_done_is_refused(as_alice, parrot, change, param, code):
    response = await as_alice.post("completions", {"prompt": "hi", **change})
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["param"], error["code"]) == (param, code)
    assert parrot.heard == []


async def test_the_models_are_listed_and_each_can_be_looked_up(as_alice):
    listed = (await as_alice.get("models")).json()
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["parrot"]
    assert listed["data"][0]["object"] == "model"
    assert (await as_alice.get("models/parrot")).json() == listed["data"][0]
    missing = await as_alice.get("models/gpt-9")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
