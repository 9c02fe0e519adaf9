"""
The openai package for Python, beyond what tests/test_openai_sdk.py does with it: API keys, headers, its own
retries, its classes of errors, tools as raw deltas, vectors.
"""

import asyncio
import json

import openai
import pytest
from pydantic import BaseModel

from tests.clients.conftest import make_key
from tests.clients.programs.names import MODEL, VECTORS
from tests.upstream import chunk, dies, says

pytestmark = [pytest.mark.clients, pytest.mark.server, pytest.mark.model]
HELLO = [{"role": "user", "content": "Hello!"}]
STORY = {"messages": [{"role": "user", "content": "Tell a very long story."}], "max_tokens": 500}
PARIS = [{"role": "user", "content": "Paris is a city in France. Give name and country as JSON."}]
ENDLESS = {"ignore_eos": True}


class City(BaseModel):
    name: str
    country: str


class Weather(BaseModel):
    """The weather of a city."""

    city: str


@pytest.fixture(scope="module")
def sdk(gateway, key):
    """Makes clients; they are closed at the end."""
    made = []

    def make(api_key=key, **more):
        made.append(
            openai.OpenAI(base_url=f"{gateway.base}/v1", api_key=api_key, **{"max_retries": 0, **more})
        )
        return made[-1]

    yield make
    for client in made:
        client.close()


def test_the_headers_of_an_answer_can_be_read_before_it(sdk):
    completions = sdk().chat.completions
    raw = completions.with_raw_response.create(model=MODEL, messages=HELLO, max_tokens=4, temperature=0)
    assert raw.parse().choices[0].message.content
    assert raw.headers["x-request-id"] == raw.parse()._request_id
    assert float(raw.headers["x-gateway-overhead-ms"]) > 0
    asked = {"model": MODEL, "messages": HELLO, "max_tokens": 4, "stream": True}
    with completions.with_streaming_response.create(**asked) as raw:
        assert raw.headers["content-type"].startswith("text/event-stream")
        assert list(raw.iter_lines())[-2:] == ["data: [DONE]", ""]


def test_a_client_tries_again_when_retry_after_says_so(gateway, token, sdk):
    """The key may have one answer in progress. The story is left when the next request has been refused."""
    own = make_key(gateway, token, limits={"streams": 1})
    story = sdk(own).chat.completions.create(model=MODEL, **STORY, stream=True, extra_body=ENDLESS)
    next(iter(story))
    asked = {"model": MODEL, "messages": HELLO, "max_tokens": 4}
    with pytest.raises(openai.RateLimitError) as refused:
        sdk(own).chat.completions.create(**asked)
    assert refused.value.code == "rate_limit_exceeded"
    assert int(refused.value.response.headers["retry-after"]) >= 1
    leaving = {"response": [lambda response: story.close()]}
    patient = sdk(own, max_retries=5, http_client=openai.DefaultHttpxClient(event_hooks=leaving))
    assert patient.chat.completions.with_raw_response.create(**asked).retries_taken >= 1


def test_a_budget_that_is_spent_is_not_tried_again(gateway, token, sdk):
    own = make_key(gateway, token, limits={"monthlyTokens": 1})
    with pytest.raises(openai.RateLimitError) as refused:
        sdk(own, max_retries=5).chat.completions.create(model=MODEL, messages=HELLO, max_tokens=4)
    assert refused.value.code == "insufficient_quota"
    assert refused.value.response.request.headers["x-stainless-retry-count"] == "0"


def test_what_a_key_may_not_do_is_a_permission_error(gateway, token, sdk):
    narrow = make_key(gateway, token, scopes=["models"])
    assert sdk(narrow).models.list().data
    with pytest.raises(openai.PermissionDeniedError):
        sdk(narrow).chat.completions.create(model=MODEL, messages=HELLO)
    other = make_key(gateway, token, models=["another-model"])
    with pytest.raises(openai.PermissionDeniedError):
        sdk(other).chat.completions.create(model=MODEL, messages=HELLO)


def test_a_server_that_dies_in_the_middle_is_an_error_and_no_end(scripted, sdk):
    scripted.scripts = [dies(chunk("Once "), chunk("upon "))]
    chunks = []
    with pytest.raises(openai.APIError):
        chunks.extend(sdk().chat.completions.create(model="scripted", messages=HELLO, stream=True))
    assert not any(each.choices[0].finish_reason for each in chunks)
    with pytest.raises(openai.InternalServerError):
        sdk().chat.completions.create(model="scripted", messages=HELLO)


def test_a_client_tries_again_when_a_server_failed(scripted, sdk):
    scripted.scripts = [dies(), says("Here I am.")]
    client = sdk(max_retries=2)
    raw = client.chat.completions.with_raw_response.create(model="scripted", messages=HELLO)
    assert raw.parse().choices[0].message.content == "Here I am."


def test_a_call_streams_its_id_and_name_first_and_then_its_arguments(sdk):
    asked = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "How is the weather in Oslo?"}],
        "tools": [openai.pydantic_function_tool(Weather, name="weather")],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
        "temperature": 0,
        "max_tokens": 80,
    }
    chunks = list(sdk().chat.completions.create(**asked, stream=True))
    first, *more = [call for each in chunks for call in each.choices[0].delta.tool_calls or ()]
    assert (first.index, first.type, first.function.name) == (0, "function", "weather")
    assert first.id
    assert all(each.id is None and each.function.name is None for each in more)
    arguments = (first.function.arguments or "") + "".join(each.function.arguments for each in more)
    assert isinstance(json.loads(arguments)["city"], str)
    whole = sdk().chat.completions.create(**asked).choices[0]
    assert whole.message.tool_calls[0].function.arguments == arguments
    assert chunks[-1].choices[0].finish_reason == whole.finish_reason


async def test_the_asynchronous_client_parses_streams_and_makes_vectors(gateway, key):
    async with openai.AsyncOpenAI(base_url=f"{gateway.base}/v1", api_key=key, max_retries=0) as client:
        asked = {
            "model": MODEL,
            "messages": PARIS,
            "temperature": 0,
            "max_tokens": 150,
            "response_format": City,
        }
        async with client.chat.completions.stream(**asked) as stream:
            kinds = {event.type async for event in stream}
            streamed = (await stream.get_final_completion()).choices[0].message.parsed
        assert {"chunk", "content.delta", "content.done"} <= kinds
        assert (await client.chat.completions.parse(**asked)).choices[0].message.parsed == streamed
        inputs = ("a red car", "a blue car")
        made = await asyncio.gather(*(client.embeddings.create(model=VECTORS, input=each) for each in inputs))
        one, other = (each.data[0].embedding for each in made)
        assert len(one) == len(other) > 8
        assert one != other
        floats = await client.embeddings.create(model=VECTORS, input=inputs[0], encoding_format="float")
        assert floats.data[0].embedding == pytest.approx(one, abs=1e-5)
