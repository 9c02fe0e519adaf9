"""Walks the types of the openai package: which of their fields can hold a text that somebody wrote."""

from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from openai.types import (
    Completion,
    CreateEmbeddingResponse,
    completion_create_params,
    embedding_create_params,
)
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat import completion_create_params as chat
from openai.types.responses import Response, ResponseStreamEvent, response_create_params
from pydantic import BaseModel
from typing_extensions import get_type_hints, is_typeddict

REQUESTS = (
    chat.CompletionCreateParamsBase,
    completion_create_params.CompletionCreateParamsBase,
    embedding_create_params.EmbeddingCreateParams,
)
ANSWERS = (ChatCompletion, ChatCompletionChunk, Completion, CreateEmbeddingResponse)
RESPONSE_REQUESTS = (response_create_params.ResponseCreateParamsBase,)
RESPONSE_ANSWERS = (Response, *get_args(get_args(ResponseStreamEvent)[0]))
NO_TEXT = (int, float, bool, type(None), bytes)


def is_record(one: Any) -> bool:
    return is_typeddict(one) or (isinstance(one, type) and issubclass(one, BaseModel))


def fields_of(record: Any) -> dict[str, Any]:
    if is_typeddict(record):
        return get_type_hints(record)
    return {name: field.annotation for name, field in record.model_fields.items()}


def read(one: Any) -> tuple[bool, set[Any]]:
    """Whether a value of this type can be a text by itself (or anything at all), and the records in it."""
    origin, args = get_origin(one), get_args(one)
    if is_record(one):
        return False, {one}
    if origin is Literal or one in NO_TEXT:
        return False, set()
    if origin in (Union, UnionType, Annotated) or (origin is not None and args):
        parts = [read(part) for part in (args[:1] if origin is Annotated else args)]
        return any(text for text, _ in parts), {found for _, records in parts for found in records}
    return True, set()  # str, object, Any


def text_fields(roots: Any) -> set[str]:
    """`module:Type.field` of every field that can hold a text, in the roots and in what they are made of."""
    found, seen, todo = set(), set(), list(roots)
    while todo:
        record = todo.pop()
        if record in seen:
            continue
        seen.add(record)
        for name, annotation in fields_of(record).items():
            is_text, records = read(annotation)
            if is_text:
                found.add(f"{record.__module__.removeprefix('openai.types.')}:{record.__name__}.{name}")
            todo += records
    return found
