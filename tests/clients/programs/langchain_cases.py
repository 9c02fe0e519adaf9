"""langchain-openai: `ChatOpenAI` and `OpenAIEmbeddings` with another `base_url`."""

from functools import reduce
from operator import add

import openai
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from setting import (
    BASE,
    EMAIL,
    KEY,
    MODEL,
    PARIS,
    PIRATE,
    REPEAT,
    TOO_LONG,
    VECTORS,
    WEATHER,
    City,
    Weather,
    error_of,
)


def model(**more):
    given = {"model": MODEL, "api_key": KEY, "temperature": 0, "max_tokens": 60, "max_retries": 0, **more}
    return ChatOpenAI(base_url=BASE, **given)


def an_answer_has_the_callers_own_values_and_its_usage():
    answer = model().invoke(REPEAT)
    assert EMAIL in answer.content
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.response_metadata["model_name"] == MODEL
    assert answer.usage_metadata["total_tokens"] > answer.usage_metadata["output_tokens"] > 2


def a_streamed_one_says_the_same_and_its_usage():
    chunks = list(model(max_tokens=59, stream_usage=True).stream(REPEAT))
    whole = reduce(add, chunks)
    assert whole.content == model(max_tokens=59).invoke(REPEAT).content
    assert len(chunks) > 3
    assert whole.usage_metadata["total_tokens"] > 10


def a_system_message_is_part_of_the_prompt():
    bare = model(max_tokens=20).invoke([HumanMessage("Hello!")])
    told = model(max_tokens=20).invoke([SystemMessage(PIRATE), HumanMessage("Hello!")])
    assert told.content
    assert told.usage_metadata["input_tokens"] != bare.usage_metadata["input_tokens"]


async def the_asynchronous_calls_say_the_same():
    answer = await model(max_tokens=58).ainvoke(REPEAT)
    streamed = [chunk.content async for chunk in model(max_tokens=58).astream(REPEAT)]
    assert EMAIL in answer.content
    assert "".join(streamed) == answer.content


def a_bound_tool_is_called_and_its_result_answered():
    bound = model().bind_tools([Weather], tool_choice="any", parallel_tool_calls=False)
    asked = [HumanMessage(WEATHER)]
    called = bound.invoke(asked)
    (call,) = called.tool_calls
    assert call["name"] == "Weather"
    assert isinstance(call["args"]["city"], str)
    result = ToolMessage("It rains.", tool_call_id=call["id"])
    answered = model(max_tokens=8).bind_tools([Weather]).invoke([*asked, called, result])
    assert answered.usage_metadata["output_tokens"] > 0


def a_streamed_call_is_the_same_one():
    bound = model(max_tokens=57).bind_tools([Weather], tool_choice="Weather", parallel_tool_calls=False)
    whole = reduce(add, bound.stream(WEATHER))
    (call,) = whole.tool_calls
    assert call["name"] == "Weather"
    assert call["args"] == bound.invoke(WEATHER).tool_calls[0]["args"]


def structured_output_by_schema_and_by_tool():
    for method in ("json_schema", "function_calling"):
        city = model(max_tokens=150).with_structured_output(City, method=method).invoke(PARIS)
        assert isinstance(city, City), method


def a_wrong_key_is_an_authentication_error():
    refused = error_of(model(api_key="sk-nothing").invoke, "Hello!")
    assert isinstance(refused, openai.AuthenticationError), refused
    assert refused.code == "invalid_api_key"


def a_prompt_that_is_too_long_is_its_own_error_and_a_bad_request():
    refused = error_of(model().invoke, TOO_LONG)
    assert isinstance(refused, openai.BadRequestError), refused
    assert isinstance(refused, ContextOverflowError), refused
    assert refused.code == "context_length_exceeded"


def texts_become_vectors():
    """Without `check_embedding_ctx_length=False` it sends ids of OpenAI's tokens, which no gateway reads."""
    made = OpenAIEmbeddings(base_url=BASE, api_key=KEY, model=VECTORS, check_embedding_ctx_length=False)
    one, other = made.embed_documents(["a red car", "a blue car"])
    assert len(one) == len(other) == len(made.embed_query("a car")) > 8
    assert one != other
