"""
Responses, and the items of their output.

Which item of an incomplete answer was cut off is not said: all of them are incomplete, and no caller runs
half a call.
"""

from collections.abc import Sequence
from typing import Any, Literal

from prompts.events import Begun, CallDelta, Done, Shown, ShownCall, ShownToken
from prompts.journal import Usage
from prompts.v1.wire import logprobs

Status = Literal["in_progress", "completed", "incomplete"]
# Why an answer is incomplete, by its finish reason.
REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
# An item of the output: a text, or a call by its number. OpenAI's refusals are parts of a message.
TextItem = Literal["reasoning", "message", "refusal"]
Item = TextItem | int


def head(begun: Begun, echo: dict[str, Any]) -> dict[str, Any]:
    """What stays the same from a response's beginning to its end. The id is the book's, without its
    dashes."""
    return {
        "id": f"resp_{begun.id.hex}",
        "object": "response",
        "created_at": int(begun.created_at.timestamp()),
        "model": begun.model,
        **echo,
    }


IN_PROGRESS: dict[str, Any] = {
    "status": "in_progress",
    "completed_at": None,
    "error": None,
    "incomplete_details": None,
    "output": [],
    "usage": None,
}


def whole(done: Done, echo: dict[str, Any]) -> dict[str, Any]:
    """The body of a response that is not streamed."""
    return {**head(done.begun, echo), **ended(done, items_of(done.choices[0]))}


def items_of(shown: Shown) -> list[Item]:
    """What an answer consists of. One of nothing at all has an empty message."""
    texts: list[TextItem] = ["reasoning", "message", "refusal"]
    items: list[Item] = [item for item in texts if text_of(shown, item)]
    return [*items, *range(len(shown.calls))] or ["message"]


def text_of(shown: Shown, item: TextItem) -> str:
    return shown.text if item == "message" else shown.asides.get(item, "")


def ended(done: Done, items: Sequence[Item]) -> dict[str, Any]:
    """How a response ended, with these items in this order."""
    shown = done.choices[0]
    reason, completed_at = REASONS.get(shown.finish_reason), None
    if reason is None:
        completed_at = int(done.begun.created_at.timestamp() + done.begun.times.total_ms / 1000)
    return {
        **IN_PROGRESS,
        "status": status_of(shown),
        "completed_at": completed_at,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": [item_of(done, item) for item in items],
        "usage": usage(done.result.usage),
    }


def status_of(shown: Shown) -> Status:
    return "incomplete" if shown.finish_reason in REASONS else "completed"


def item_of(done: Done, item: Item) -> dict[str, Any]:
    shown = done.choices[0]
    if not isinstance(item, int):
        part = part_of(item, text_of(shown, item), shown.tokens or ())
        return text_item(done.begun, item, status_of(shown), [part])
    call = shown.calls[item]
    return function_call(call, status_of(shown), call.arguments)


def text_item(begun: Begun, item: TextItem, status: Status, content: list[dict[str, Any]]) -> dict[str, Any]:
    id = text_item_id(begun, item)
    if item == "reasoning":
        return {"id": id, "type": "reasoning", "status": status, "summary": [], "content": content}
    return {"id": id, "type": "message", "status": status, "role": "assistant", "content": content}


def text_item_id(begun: Begun, item: TextItem) -> str:
    return f"{'rs' if item == 'reasoning' else 'msg'}_{begun.id.hex}{'r' if item == 'refusal' else ''}"


def part_of(item: TextItem, text: str, tokens: Sequence[ShownToken] = ()) -> dict[str, Any]:
    if item == "message":
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs(tokens)}
    return (
        {"type": "refusal", "refusal": text}
        if item == "refusal"
        else {"type": "reasoning_text", "text": text}
    )


def function_call(call: ShownCall | CallDelta, status: Status, arguments: str) -> dict[str, Any]:
    return {
        "id": item_id(call.id),
        "type": "function_call",
        "status": status,
        "call_id": call.id,
        "name": call.name,
        "arguments": arguments,
    }


def item_id(call_id: str) -> str:
    """A call has two ids: its own, which its result names, and that of its item."""
    return f"fc_{call_id.removeprefix('call_')}"


def usage(spent: Usage) -> dict[str, Any]:
    return {
        "input_tokens": spent.prompt_tokens,
        "input_tokens_details": {"cached_tokens": spent.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": spent.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": spent.prompt_tokens + spent.completion_tokens,
    }
