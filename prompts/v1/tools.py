"""
Tools in bodies of OpenAI's API: what may be called, and what was called before.

The ids of calls are theirs who made them, and tell a model nothing. They are looked at here, to see which
result belongs to which call, and become our own numbers: no text of a caller goes on in them.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from inference.backends import Called, Tool, ToolUse
from inference.tools.words import is_deep
from prompts.errors import RequestRefused
from prompts.fields import Field, Flag, Text, check_names, record, required

MAX_TOOLS = 128
MAX_CALLS = 128  # in one message
NAME = Text(64, 1)
DESCRIPTION = Text(100_000)
ARGUMENTS = Text(1_000_000)
ID = Text(200, 1)
_NAME_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
FUNCTION: dict[str, Field] = {"name": NAME, "description": DESCRIPTION, "strict": Flag()}
KINDS = ("none", "auto", "required")
NAMES = ("tools", "tool_choice", "parallel_tool_calls")
# Finds the function in a tool or in the choice of one, at this place, and says where it stands.
Unwrap = Callable[[Any, str], tuple[dict[str, Any], str]]


@dataclass(frozen=True, slots=True)
class Offer:
    """`use` None offers the tools to nobody."""

    tools: tuple[Tool[str], ...] = field(default=(), repr=False)
    use: ToolUse[str] | None = None


def nested(given: Any, at: str) -> tuple[dict[str, Any], str]:
    """Chat completions have it in a field `function`."""
    return _function(given, at), f"{at}.function"


def read_offer(body: dict[str, Any], unwrap: Unwrap = nested) -> Offer:
    """Of the fields `tools`, `tool_choice` and `parallel_tool_calls`."""
    given = body.get("tools")
    tools = () if given is None else _tools(given, unwrap)
    if not tools:
        for name in NAMES[1:]:
            if body.get(name) not in (None, "none", "auto") and not (name == NAMES[2] and given is not None):
                raise RequestRefused(f"`{name}` needs `tools`.", param=name)
        return Offer()
    is_parallel = body.get("parallel_tool_calls")
    is_parallel = True if is_parallel is None else Flag().read(is_parallel, "parallel_tool_calls")
    names = [tool.name for tool in tools]
    return Offer(tools, _use(body.get("tool_choice"), names, is_parallel=is_parallel, unwrap=unwrap))


def _tools(given: Any, unwrap: Unwrap) -> tuple[Tool[str], ...]:
    if not isinstance(given, list):
        raise RequestRefused("`tools` must be an array.", param="tools", code="invalid_type")
    if len(given) > MAX_TOOLS:
        raise RequestRefused(f"`tools` must have at most {MAX_TOOLS} entries.", param="tools")
    tools = tuple(_tool(*unwrap(one, f"tools[{number}]")) for number, one in enumerate(given))
    if len({tool.name for tool in tools}) < len(tools):
        raise RequestRefused("Each of `tools` needs a name of its own.", param="tools")
    return tools


def _tool(function: dict[str, Any], at: str) -> Tool[str]:
    check_names(function, (*FUNCTION, "parameters"), (), at=at)
    fields = {name: value for name, value in function.items() if name in FUNCTION and value is not None}
    read = {name: FUNCTION[name].read(value, f"{at}.{name}") for name, value in fields.items()}
    name = _name(function, at)
    parameters = function.get("parameters")
    param = f"{at}.parameters"
    if parameters is not None and not isinstance(parameters, dict):
        raise RequestRefused(f"`{param}` must be an object.", param=param, code="invalid_type")
    if parameters is not None and is_deep(parameters):
        raise RequestRefused(f"`{param}` is nested too deeply.", param=param)
    schema = json.dumps(parameters, ensure_ascii=False, separators=(",", ":")) if parameters else ""
    return Tool(name, read.get("description", ""), schema, read.get("strict", False))


def _function(given: Any, at: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise RequestRefused(f"`{at}` must be an object.", param=at, code="invalid_type")
    if (kind := required(given, "type", at=at)) != "function":
        code = "unsupported_parameter" if kind == "custom" else "invalid_value"
        raise RequestRefused(f"`{at}.type` must be function.", param=f"{at}.type", code=code)
    function = required(given, "function", at=at)
    if not isinstance(function, dict):
        param = f"{at}.function"
        raise RequestRefused(f"`{param}` must be an object.", param=param, code="invalid_type")
    check_names(given, ("type", "function", "id"), (), at=at)
    return function


def _name(function: dict[str, Any], at: str) -> str:
    name = NAME.read(required(function, "name", at=at), f"{at}.name")
    if not _NAME_SIGNS.issuperset(name):
        raise RequestRefused(f"`{at}.name` may have letters, digits and _ - . only.", param=f"{at}.name")
    return name


def _use(choice: Any, names: Sequence[str], *, is_parallel: bool, unwrap: Unwrap) -> ToolUse[str] | None:
    if choice is None or choice == "auto":
        return ToolUse("auto", is_parallel=is_parallel)
    if choice == "none":
        return None
    if choice == "required":
        return ToolUse("required", is_parallel=is_parallel)
    if not isinstance(choice, dict):
        sentence = f"`tool_choice` must be one of: {', '.join(KINDS)}, or name a function."
        raise RequestRefused(sentence, param="tool_choice")
    function, at = unwrap(choice, "tool_choice")
    check_names(function, ("name",), (), at=at)
    if (name := _name(function, at)) not in names:
        raise RequestRefused(f"`{at}.name` is none of the `tools`.", param=f"{at}.name")
    return ToolUse("named", name, is_parallel=False)


class Calls:
    """The calls of a conversation while its messages are read, in order."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}
        self._count = 0

    def read(self, given: Any, at: str) -> tuple[Called[str], ...]:
        """The `tool_calls` of an assistant's message."""
        if not given:
            return ()
        if not isinstance(given, list):
            raise RequestRefused(f"`{at}` must be an array.", param=at, code="invalid_type")
        if len(given) > MAX_CALLS:
            raise RequestRefused(f"`{at}` must have at most {MAX_CALLS} entries.", param=at)
        return tuple(self._call(one, f"{at}[{number}]") for number, one in enumerate(given))

    def _call(self, given: Any, at: str) -> Called[str]:
        function = _function(given, at)
        check_names(function, ("name", "arguments", "parsed_arguments"), (), at=f"{at}.function")
        id = ID.read(required(given, "id", at=at), f"{at}.id")
        return self.add(id, function, f"{at}.function")

    def add(self, id: str, function: dict[str, Any], at: str) -> Called[str]:
        """A call by its caller's id, of a `name` with `arguments`."""
        arguments = ARGUMENTS.read(required(function, "arguments", at=at), f"{at}.arguments")
        self._count += 1
        self._numbers[id] = f"call{self._count:05}"  # nine letters and digits: what Mistral's template wants
        return Called(self._numbers[id], _name(function, at), arguments)

    def answered(self, message: dict[str, Any], at: str, *, by: str = "tool_call_id") -> str:
        """Our id of the call whose result this message is."""
        param = f"{at}.{by}"
        id = ID.read(required(message, by, at=at), param)
        if id not in self._numbers:
            raise RequestRefused(f"`{param}` is the id of no call before it.", param=param)
        return self._numbers[id]


_NAMED = {"type": {"const": "function"}}
CALL = record(
    {
        "id": ID.schema(),
        **_NAMED,
        "function": record(
            {"name": NAME.schema(), "arguments": ARGUMENTS.schema(), "parsed_arguments": {}},
            ("name", "arguments"),
        ),
    },
    ("id", "type", "function"),
)
_PARAMETERS: dict[str, Any] = {"parameters": {"type": ["object", "null"]}}
TOOLS = {
    "type": "array",
    "maxItems": MAX_TOOLS,
    "items": record(
        {
            **_NAMED,
            "function": record(
                {**_PARAMETERS, "name": NAME.schema()},
                ("name",),
                optional={name: one for name, one in FUNCTION.items() if name != "name"},
            ),
        },
        ("type", "function"),
    ),
}
CHOICE = {
    "anyOf": [
        {"enum": list(KINDS)},
        record({**_NAMED, "function": record({"name": NAME.schema()}, ("name",))}, ("type", "function")),
    ]
}
