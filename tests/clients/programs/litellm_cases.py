"""The SDK of litellm: models named `openai/…`, with `api_base`."""

import json

import litellm
from setting import (
    BASE,
    EMAIL,
    KEY,
    MODEL,
    PARIS,
    PIRATE,
    REPEAT,
    TOO_LONG,
    TOOL,
    VECTORS,
    WEATHER,
    City,
    error_of,
)


def asked(prompt, **more):
    messages = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
    given = {"temperature": 0, "max_tokens": 60, "num_retries": 0, "api_key": KEY, **more}
    return {"model": f"openai/{MODEL}", "api_base": BASE, "messages": messages, **given}


def an_answer_has_the_callers_own_values_and_its_usage():
    answer = litellm.completion(**asked(REPEAT))
    assert EMAIL in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens > answer.usage.completion_tokens > 2


def a_streamed_one_says_the_same_and_its_usage():
    asking = asked(REPEAT, max_tokens=56)
    chunks = list(litellm.completion(**asking, stream=True, stream_options={"include_usage": True}))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    whole = litellm.completion(**asking)
    assert said == whole.choices[0].message.content
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens  # it makes up what a stream lacks


def a_stream_is_put_together_by_its_own_builder():
    chunks = list(litellm.completion(**asked(REPEAT, max_tokens=55), stream=True))
    assert EMAIL in litellm.stream_chunk_builder(chunks).choices[0].message.content


def a_system_message_is_part_of_the_prompt():
    messages = [{"role": "system", "content": PIRATE}, {"role": "user", "content": "Hello!"}]
    told, bare = (litellm.completion(**asked(each, max_tokens=20)) for each in (messages, messages[1:]))
    assert told.choices[0].message.content
    assert told.usage.prompt_tokens != bare.usage.prompt_tokens


async def the_asynchronous_calls_say_the_same():
    answer = await litellm.acompletion(**asked(REPEAT, max_tokens=54))
    stream = await litellm.acompletion(**asked(REPEAT, max_tokens=54), stream=True)
    said = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert EMAIL in answer.choices[0].message.content
    assert "".join(said) == answer.choices[0].message.content


def a_required_tool_is_called_and_its_result_answered():
    offered = {"tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False}
    called = litellm.completion(**asked(WEATHER, max_tokens=53), **offered).choices[0]
    (call,) = called.message.tool_calls
    assert called.finish_reason == "tool_calls"
    assert isinstance(json.loads(call.function.arguments)["city"], str)
    chunks = list(litellm.completion(**asked(WEATHER, max_tokens=53), **offered, stream=True))
    (streamed,) = litellm.stream_chunk_builder(chunks).choices[0].message.tool_calls
    assert streamed.function.arguments == call.function.arguments
    result = {"role": "tool", "tool_call_id": call.id, "content": "It rains."}
    messages = [{"role": "user", "content": WEATHER}, called.message, result]
    assert litellm.completion(**asked(messages, max_tokens=8), tools=[TOOL]).usage.completion_tokens > 0


def a_pydantic_model_is_the_form_of_an_answer():
    answer = litellm.completion(**asked(PARIS, max_tokens=150), response_format=City)
    City.model_validate_json(answer.choices[0].message.content)


def texts_become_vectors():
    made = litellm.embedding(
        model=f"openai/{VECTORS}", api_base=BASE, api_key=KEY, input=["a red car", "a blue car"]
    )
    one, other = (each["embedding"] for each in made.data)
    assert len(one) == len(other) > 8
    assert one != other


def a_wrong_key_is_an_authentication_error():
    refused = error_of(litellm.completion, **asked("Hello!", api_key="sk-nothing"))
    assert isinstance(refused, litellm.AuthenticationError), refused


def a_prompt_that_is_too_long_is_an_error_of_the_context_window():
    """Told by words of the message, which is how its fallbacks to longer windows work."""
    refused = error_of(litellm.completion, **asked(TOO_LONG))
    assert isinstance(refused, litellm.ContextWindowExceededError), refused


def an_unknown_model_is_not_found():
    refused = error_of(litellm.completion, **{**asked("Hello!"), "model": "openai/gpt-9"})
    assert isinstance(refused, litellm.NotFoundError), refused
