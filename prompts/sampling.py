"""
How an answer is to be made, as callers say it, on `/prompt` and under `/v1`: the samplers, what ends
the answer, what it must look like. The names are OpenAI's; those that OpenAI has not are llama.cpp's.
"""

import json
from typing import Any

from inference.backends import Format, Sampling
from inference.tools.words import is_deep
from prompts.errors import RequestRefused
from prompts.fields import (
    Biases,
    Field,
    Flag,
    Integer,
    Number,
    OneOf,
    Text,
    Texts,
    check_names,
    record,
    required,
)

SAMPLING: dict[str, Field] = {
    "temperature": Number(0, 2),
    "top_p": Number(0, 1),
    "top_k": Integer(-1, 1_000_000),
    "min_p": Number(0, 1),
    "typical_p": Number(0, 1),
    "repeat_penalty": Number(0.01, 10),
    "presence_penalty": Number(-2, 2),
    "frequency_penalty": Number(-2, 2),
    "logit_bias": Biases(),
    "seed": Integer(-(2**63), 2**63 - 1),
    "ignore_eos": Flag(),
}
STOP = Texts(Text(200, 1), maximum=16, minimum=0)
PRIORITY = OneOf(("interactive", "batch"))
DEADLINE = Number(0.001, 86_400)


def read_sampling(given: dict[str, Any], *, temperature: float) -> Sampling:
    """What is not given is as this service has it. A seed of -1 is none, as in llama.cpp."""
    named = {name: given[name] for name in SAMPLING if name in given}
    if "repeat_penalty" in named:
        named["repetition_penalty"] = named.pop("repeat_penalty")
    if named.get("seed") == -1:
        del named["seed"]
    named["top_k"] = max(0, named["top_k"]) if "top_k" in named else Sampling(0).top_k
    return Sampling(**{"temperature": temperature, **named})


def read_format(asked: Any, *, at: str = "response_format", nested: bool = True) -> Format[str] | None:
    """`{"type": "text" | "json_object" | "json_schema" | "grammar", …}`; a grammar is in GBNF, a schema
    stands in a field `json_schema`, or beside the type where it is not `nested`."""
    if asked is None:
        return None
    kind = asked.get("type") if isinstance(asked, dict) else None
    if kind in ("text", "json_object"):
        check_names(asked, ("type",), (), at=at)
        return None if kind == "text" else Format("json_object")
    if kind == "grammar":
        check_names(asked, ("type", "grammar"), (), at=at)
        grammar = required(asked, "grammar", at=at)
        return Format("grammar", Text(100_000, 1).read(grammar, f"{at}.grammar"))
    if kind != "json_schema":
        param = f"{at}.type"
        raise RequestRefused(f"`{param}` must be text, json_object, json_schema or grammar.", param=param)
    if not nested:
        described = {name: value for name, value in asked.items() if name != "type"}
        return Format("json_schema", read_schema(described, at))
    check_names(asked, ("type", "json_schema"), (), at=at)
    return Format("json_schema", read_schema(required(asked, "json_schema", at=at), f"{at}.json_schema"))


def read_schema(described: Any, at: str) -> str:
    """The schema as JSON. Its name and description are for the caller's own reading."""
    if not isinstance(described, dict):
        raise RequestRefused(f"`{at}` must be an object.", param=at, code="invalid_type")
    check_names(described, ("name", "description", "schema", "strict"), (), at=at)
    schema = required(described, "schema", at=at)
    if not isinstance(schema, dict):
        raise RequestRefused(f"`{at}.schema` must be an object.", param=f"{at}.schema", code="invalid_type")
    if is_deep(schema):  # what one call of a stack reads, another a little deeper could not write again
        raise RequestRefused(f"`{at}.schema` is nested too deeply.", param=f"{at}.schema")
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


FORMAT = {
    "anyOf": [
        record({"type": OneOf(("text", "json_object")).schema()}, ("type",)),
        record(
            {
                "type": OneOf(("json_schema",)).schema(),
                "json_schema": record(
                    {
                        "name": {"type": "string"},
                        "description": {"type": "string"},
                        "schema": {"type": "object"},
                        "strict": {},
                    },
                    ("schema",),
                ),
            },
            ("type", "json_schema"),
        ),
        record(
            {"type": OneOf(("grammar",)).schema(), "grammar": Text(100_000, 1).schema()}, ("type", "grammar")
        ),
    ]
}
