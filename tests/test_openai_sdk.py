"""The unchanged `openai` package against the real server with the real model: only `base_url` is ours."""

import asyncio
import json
import time

import httpx
import openai
import pytest
from pydantic import BaseModel

from tests.server import Server

pytestmark = [pytest.mark.server, pytest.mark.model]
EMAIL = "ann.smith@example.com"
REPEAT = [{"role": "user", "content": f"Repeat exactly: {EMAIL}"}]
STORY = [{"role": "user", "content": "Tell a very long story."}]
ENDLESS = {"ignore_eos": True}  # a model may find that a story is long enough after a sentence


@pytest.fixture(scope="module")
def server(tmp_path_factory, default_model_path):
    options = {"LLM_MODEL_PATH": str(default_model_path), "LLM_MAX_TOKENS": "1500"}
    with Server(tmp_path_factory.mktemp("served"), **options) as served:
        deadline = time.monotonic() + 60
        while served.get("/readyz")[0] != 200:
            assert time.monotonic() < deadline, served.get("/readyz")
            time.sleep(0.2)
        yield served


@pytest.fixture(scope="module")
def token(server):
    return server.token_of("alice@example.org")


@pytest.fixture(scope="module")
def client(server, token):
    with openai.OpenAI(base_url=f"{server.base}/v1", api_key=token, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def model(client):
    return client.models.list().data[0].id


def test_a_chat_completion(client, model):
    answer = client.chat.completions.create(model=model, messages=REPEAT, temperature=0, max_tokens=40)
    assert EMAIL in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == model
    assert answer.usage.completion_tokens > 2
    assert answer.usage.prompt_tokens_details.cached_tokens >= 0
    assert answer._request_id


def test_a_streamed_one_says_the_same_and_its_usage(client, model):
    asked = {"model": model, "messages": REPEAT, "temperature": 0, "max_tokens": 41}
    whole = client.chat.completions.create(**asked).choices[0].message.content
    chunks = list(
        client.chat.completions.create(
            **asked,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers={"Cache-Control": "no-cache"},
        )
    )
    *said, last, spent = chunks
    assert said[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in said) == whole
    assert last.choices[0].finish_reason == "stop"
    assert spent.choices == []
    assert spent.usage.total_tokens > 0


def test_the_streaming_helper_puts_the_chunks_together(client, model):
    with client.chat.completions.stream(model=model, messages=REPEAT, temperature=0) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert EMAIL in final.choices[0].message.content


async def test_the_asynchronous_client_whole_and_streamed(server, token, model):
    async with openai.AsyncOpenAI(base_url=f"{server.base}/v1", api_key=token, max_retries=0) as client:
        asked = {"model": model, "messages": REPEAT, "temperature": 0, "max_tokens": 42}
        answer = await client.chat.completions.create(**asked)
        stream = await client.chat.completions.create(**asked, stream=True)
        said = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert "".join(said) == answer.choices[0].message.content
        several = await asyncio.gather(*(client.models.list() for _ in range(4)))
        assert len(several) == 4


class City(BaseModel):
    name: str
    country: str


def test_parse_fills_a_pydantic_model(client, model):
    """The schema reaches the model's grammar; the small model's facts are its own."""
    answer = client.chat.completions.parse(
        model=model,
        messages=[{"role": "user", "content": "Paris is a city in France. Give name and country as JSON."}],
        response_format=City,
        temperature=0,
        max_tokens=200,
    )
    assert isinstance(answer.choices[0].message.parsed, City)


def test_a_raw_completion(client, model):
    answer = client.completions.create(
        model=model, prompt="The capital of France is", max_tokens=5, temperature=0
    )
    assert "Paris" in answer.choices[0].text
    chunks = client.completions.create(
        model=model, prompt="The capital of France is", max_tokens=5, temperature=0, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in chunks) == answer.choices[0].text


def test_models_and_moderations(client, model):
    assert client.models.retrieve(model).id == model
    checked = client.moderations.create(input=f"write to {EMAIL}")
    assert checked.results[0].flagged
    assert not client.moderations.create(input="good morning").results[0].flagged


def test_errors_become_the_sdks_own(server, token, client, model):
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-9", messages=REPEAT)
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model=model, messages=REPEAT, temperature=5)
    assert wrong.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "many words " * 3000}]
        )
    assert long.value.code == "context_length_exceeded"
    stranger = openai.OpenAI(base_url=f"{server.base}/v1", api_key="sk-nothing", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError) as refused:
        stranger.models.list()
    assert refused.value.code == "invalid_api_key"


def test_a_client_that_leaves_a_stream_frees_the_model(server, token, client, model):
    before = server.given_up()
    stream = client.chat.completions.create(
        model=model, messages=STORY, max_tokens=1500, stream=True, extra_body=ENDLESS
    )
    next(iter(stream))
    stream.close()
    is_free(server, token, before)


def test_a_client_that_gives_up_waiting_frees_the_model(server, token, client, model):
    before = server.given_up()
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=4).chat.completions.create(
            model=model, messages=[*STORY, *STORY], max_tokens=1500, extra_body=ENDLESS
        )
    is_free(server, token, before)


def is_free(server, token, before):
    server.until(lambda: server.given_up() == before + 1, "the model goes on with a story that nobody hears")
    assert server.post("/prompt", {"prompt": "Say hi.", "max_tokens": 4}, token=token)[0] == 201
    newest = server.get("/prompt?limit=2", token=token)[1]["results"]
    assert newest[1]["outcome"] == "cancelled"


def test_the_wire_is_what_a_plain_reader_of_events_expects(server, token, model):
    body = {"model": model, "messages": REPEAT, "stream": True, "max_tokens": 8}
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.stream("POST", f"{server.base}/v1/chat/completions", json=body, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["x-request-id"]
        lines = [line for line in answer.iter_lines() if line]
    assert lines.pop() == "data: [DONE]"
    assert all(json.loads(line.removeprefix("data: "))["choices"] for line in lines)


class Weather(BaseModel):
    """The weather of a city."""

    city: str


def test_a_required_tool_is_called_with_arguments_that_parse(client, model):
    asked = {
        "model": model,
        "messages": [{"role": "user", "content": "How is the weather in Oslo?"}],
        "tools": [openai.pydantic_function_tool(Weather, name="weather")],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "temperature": 0,
        "max_tokens": 80,
    }
    (choice,) = client.chat.completions.parse(**asked).choices
    assert choice.finish_reason == "tool_calls"
    (call,) = choice.message.tool_calls
    assert isinstance(call.function.parsed_arguments, Weather)
    with client.chat.completions.stream(**asked, extra_headers={"Cache-Control": "no-cache"}) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.done" in kinds
    assert final.choices[0].message.tool_calls[0].function.parsed_arguments == call.function.parsed_arguments
    result = {"role": "tool", "tool_call_id": call.id, "content": "It rains."}
    messages = [*asked["messages"], choice.message, result]
    answer = client.chat.completions.create(
        model=model, messages=messages, tools=asked["tools"], max_tokens=10
    )
    assert answer.choices[0].finish_reason in ("stop", "length", "tool_calls")


# -- responses --

FRESH = {"Cache-Control": "no-cache"}


def test_a_response_whole_and_streamed(client, model):
    asked = {"model": model, "input": REPEAT, "temperature": 0, "max_output_tokens": 40}
    answer = client.responses.create(**asked)
    assert (answer.status, answer.model, answer.error) == ("completed", model, None)
    assert EMAIL in answer.output_text
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer._request_id
    events = list(client.responses.create(**asked, stream=True, extra_headers=FRESH))
    said = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(said) == answer.output_text
    assert events[-1].response.output_text == answer.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_a_response_that_reaches_its_limit_says_so(client, model):
    answer = client.responses.create(
        model=model, input=STORY, max_output_tokens=5, temperature=0, extra_body=ENDLESS
    )
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def test_the_streaming_helper_of_responses_puts_the_events_together(client, model):
    with client.responses.stream(model=model, input=f"Repeat exactly: {EMAIL}", temperature=0) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert {"response.created", "response.output_text.delta", "response.output_item.done"} <= kinds
    assert EMAIL in final.output_text


async def test_the_asynchronous_client_of_responses(server, token, model):
    async with openai.AsyncOpenAI(base_url=f"{server.base}/v1", api_key=token, max_retries=0) as client:
        asked = {"model": model, "input": REPEAT, "temperature": 0, "max_output_tokens": 40}
        answer = await client.responses.create(**asked)
        async with client.responses.stream(**asked, extra_headers=FRESH) as stream:
            async for _ in stream:
                pass
            final = await stream.get_final_response()
        assert EMAIL in final.output_text == answer.output_text


def test_parse_of_responses_fills_a_pydantic_model(client, model):
    asked = {
        "model": model,
        "input": "Paris is a city in France. Give name and country as JSON.",
        "text_format": City,
        "temperature": 0,
        "max_output_tokens": 200,
    }
    assert isinstance(client.responses.parse(**asked).output_parsed, City)
    with client.responses.stream(**asked) as stream:
        assert isinstance(stream.get_final_response().output_parsed, City)


def test_a_conversation_with_a_tool_through_responses(client, model):
    asked = {
        "model": model,
        "tools": [openai.pydantic_function_tool(Weather, name="weather")["function"] | {"type": "function"}],
        "temperature": 0,
        "max_output_tokens": 80,
    }
    items = [{"role": "user", "content": "How is the weather in Oslo?"}]
    answer = client.responses.parse(**asked, input=items, tool_choice="required", parallel_tool_calls=False)
    (call,) = (item for item in answer.output if item.type == "function_call")
    assert Weather(**call.parsed_arguments)
    with client.responses.stream(**asked, input=items, tool_choice="required", extra_headers=FRESH) as stream:
        kinds = {event.type for event in stream}
    assert {"response.function_call_arguments.delta", "response.function_call_arguments.done"} <= kinds
    items += answer.output
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "It rains."})
    again = client.responses.create(**asked, input=items)
    assert again.output
    items += again.output
    items.append({"role": "user", "content": "And tomorrow?"})
    assert client.responses.create(**asked, input=items).status in ("completed", "incomplete")


def test_errors_of_responses_become_the_sdks_own(client, model):
    with pytest.raises(openai.BadRequestError) as kept:
        client.responses.create(model=model, input="hi", previous_response_id="resp_1")
    assert (kept.value.param, kept.value.code) == ("previous_response_id", "unsupported_parameter")
    with pytest.raises(openai.BadRequestError) as long:
        client.responses.create(model=model, input="many words " * 3000)
    assert (long.value.code, long.value.param) == ("context_length_exceeded", "input")


def test_a_client_that_leaves_a_response_frees_the_model(server, token, client, model):
    before = server.given_up()
    stream = client.responses.create(
        model=model, input=STORY, max_output_tokens=1500, stream=True, extra_body=ENDLESS
    )
    next(iter(stream))
    stream.close()
    is_free(server, token, before)


def test_nothing_raw_was_written_anywhere(server):
    for name, raw in server.written().items():
        assert EMAIL.encode() not in raw, name
