"""instructor: answers as pydantic models, over the client of the openai package."""

from typing import Literal

import instructor
import openai
from pydantic import BaseModel
from setting import BASE, EMAIL, KEY, MODEL, PARIS, PIRATE, TOO_LONG, City, error_of


class Contact(BaseModel):
    """Somebody's address. The small model writes none from memory; the schema leaves it no choice."""

    email: Literal[EMAIL]


def client(mode=instructor.Mode.JSON_SCHEMA, *, key=KEY):
    return instructor.from_openai(openai.OpenAI(base_url=BASE, api_key=key, max_retries=0), mode=mode)


def asked(prompt, answer=City, **more):
    messages = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
    given = {"response_model": answer, "temperature": 0, "max_tokens": 150, "max_retries": 0, **more}
    return {"model": MODEL, "messages": messages, **given}


def a_model_is_filled_by_schema_by_tool_and_strictly():
    for mode in (instructor.Mode.JSON_SCHEMA, instructor.Mode.TOOLS, instructor.Mode.TOOLS_STRICT):
        city = client(mode).chat.completions.create(**asked(PARIS))
        assert isinstance(city, City), mode


def the_whole_completion_comes_with_it():
    city, completion = client().chat.completions.create_with_completion(**asked(PARIS))
    assert isinstance(city, City)
    assert completion.usage.completion_tokens > 2


def a_streamed_model_fills_up_to_the_same_one():
    partial = list(client().chat.completions.create_partial(**asked(PARIS, max_tokens=149)))
    whole = client().chat.completions.create(**asked(PARIS, max_tokens=149))
    assert partial[-1].model_dump() == whole.model_dump()
    assert len(partial) > 2


async def the_asynchronous_client_fills_it_too():
    async with openai.AsyncOpenAI(base_url=BASE, api_key=KEY, max_retries=0) as bare:
        made = instructor.from_openai(bare, mode=instructor.Mode.JSON_SCHEMA)
        assert isinstance(await made.chat.completions.create(**asked(PARIS, max_tokens=148)), City)


def a_value_of_prompt_and_schema_comes_back_in_its_field():
    assert client().chat.completions.create(**asked(f"Write to {EMAIL}.", Contact)).email == EMAIL


def a_system_message_is_part_of_the_prompt():
    messages = [{"role": "system", "content": PIRATE}, {"role": "user", "content": PARIS}]
    assert isinstance(client().chat.completions.create(**asked(messages)), City)


def a_wrong_key_is_an_authentication_error():
    refused = cause_of(client(key="sk-nothing"), "Hello!")
    assert isinstance(refused, openai.AuthenticationError), refused


def a_prompt_that_is_too_long_is_a_bad_request():
    refused = cause_of(client(), TOO_LONG)
    assert isinstance(refused, openai.BadRequestError), refused
    assert refused.code == "context_length_exceeded"


def cause_of(made, prompt):
    """The SDK's error, which instructor's retries wrap."""
    error = error_of(made.chat.completions.create, **asked(prompt))
    while error and not isinstance(error, openai.APIError):
        error = error.__cause__
    return error
