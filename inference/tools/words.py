"""
Tools for a chat template that knows none: what they are stands in the system message, calls are written as
models write them, and results come as the user's words.
"""

import json
from collections.abc import Sequence
from typing import Any

from inference.backends import Message, Tool, ToolUse
from inference.tools.notations import Notation

SYSTEM = """You can call tools. These are there, one in a line, as JSON:
{tools}

To call one, write nothing but
{call}
with its name and a JSON object of its arguments. The result comes with the next message.{must}"""
MUST = " Call a tool now."
MOST_NESTING = 64


def described(tool: Tool[str]) -> dict[str, Any]:
    """A tool as OpenAI's API writes it."""
    function: dict[str, Any] = {"name": tool.name, "description": tool.description}
    function["parameters"] = parsed(tool.parameters) or {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def parsed(text: str) -> dict[str, Any] | None:
    """The JSON object in it, if it is one, and not nested so deeply that walking through it would fail."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and not is_deep(value) else None


def is_deep(value: Any) -> bool:
    """Whether a JSON value is nested more than MOST_NESTING times."""
    level = [value]
    for _ in range(MOST_NESTING + 1):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(level)


def in_words(
    messages: Sequence[Message[str]], tools: Sequence[Tool[str]], use: ToolUse[str], notation: Notation
) -> list[Message[str]]:
    """The same conversation without calls and tools."""
    said: list[Message[str]] = []
    results = False
    for message in messages:
        if message.role == "tool":
            content = f"<tool_response>\n{message.content}\n</tool_response>"
            if results:
                content = f"{said.pop().content}\n{content}"
            said.append(Message("user", content))
        else:
            called = notation.whole([(call.name, call.arguments) for call in message.calls])
            content = "\n".join(text for text in (message.content, called) if text)
            said.append(Message(message.role, content))
        results = message.role == "tool"
    if not tools:
        return said
    text = SYSTEM.format(
        tools="\n".join(json.dumps(described(tool)["function"], ensure_ascii=False) for tool in tools),
        call=notation.whole([("NAME", "ARGUMENTS")]),
        must=MUST if use.kind != "auto" else "",
    )
    if said and said[0].role == "system":
        return [Message("system", f"{said[0].content}\n\n{text}"), *said[1:]]
    return [Message("system", text), *said]
