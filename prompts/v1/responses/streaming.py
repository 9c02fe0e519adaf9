"""
A streamed response: server-sent events (WHATWG HTML, 9.2.6), each with its name and its number.

    response.created, response.in_progress
    for each item   response.output_item.added, for a text also response.content_part.added
                    deltas
    at the end      what each item says as a whole, response.output_item.done
    response.completed, response.incomplete, or response.failed and error

Items are closed together, at the end: until the last word is checked, some of each may be held back. Deltas
of one may come between those of another, and `output_index` says whose they are.

As in `wire.Chunks`, an event of a delta is three pieces of bytes put together, and its number.
"""

import json
from json.encoder import encode_basestring_ascii as quoted  # what json.dumps calls for a string
from typing import Any

from prompts.events import AsideDelta, Begun, CallDelta, Delta, Done
from prompts.v1.responses.writing import (
    IN_PROGRESS,
    Item,
    TextItem,
    ended,
    function_call,
    head,
    item_id,
    item_of,
    part_of,
    text_item,
    text_item_id,
)
from prompts.v1.wire import logprobs

MARK = "\0"
# How the events of a text are called, and what they say beside it.
EVENTS: dict[TextItem, tuple[str, dict[str, Any]]] = {
    "message": ("response.output_text", {"logprobs": []}),
    "refusal": ("response.refusal", {}),
    "reasoning": ("response.reasoning_text", {}),
}


class Events:
    """The events of one streamed response."""

    def __init__(self, begun: Begun, echo: dict[str, Any]) -> None:
        self._begun = begun
        self._head = as_json(head(begun, echo))[:-1] + b","  # written three times
        self._number = -1
        self._items: list[Item] = []
        self._texts: dict[TextItem, tuple[bytes, bytes]] = {}  # around the text of deltas
        self._calls: list[tuple[bytes, bytes]] = []

    # -- as it comes --

    def first(self) -> bytes:
        """Before the first word."""
        return self._response("response.created", IN_PROGRESS) + self._response(
            "response.in_progress", IN_PROGRESS
        )

    def text(self, delta: Delta) -> bytes:
        if delta.tokens:
            return self._tokens(delta)
        return self._more("message", delta.text)

    def _tokens(self, delta: Delta) -> bytes:
        """A text with its tokens, or with those of earlier ones."""
        opening = b"" if "message" in self._texts else self._open_text("message")
        place = self._place_of("message", self._items.index("message"))
        told = {**place, "delta": delta.text, "logprobs": logprobs(delta.tokens)}
        return opening + self._event("response.output_text.delta", **told)

    def aside(self, delta: AsideDelta) -> bytes:
        """Some more of what is said beside an answer."""
        return self._more(delta.kind, delta.text)

    def _more(self, item: TextItem, text: str) -> bytes:
        opening = b"" if item in self._texts else self._open_text(item)
        return opening + self._delta(self._texts[item], text)

    def call(self, delta: CallDelta) -> bytes:
        """Some more of a call of a tool."""
        opening = self._open_call(delta) if delta.id else b""
        return opening + (self._delta(self._calls[delta.call], delta.arguments) if delta.arguments else b"")

    def _open_text(self, item: TextItem) -> bytes:
        at = len(self._items)
        self._items.append(item)
        place = self._place_of(item, at)
        event, more = EVENTS[item]
        self._texts[item] = self._around(f"{event}.delta", {**place, "delta": MARK, **more})
        begun = text_item(self._begun, item, "in_progress", [])
        return self._event("response.output_item.added", output_index=at, item=begun) + self._event(
            "response.content_part.added", **place, part=part_of(item, "")
        )

    def _open_call(self, call: CallDelta) -> bytes:
        at = len(self._items)
        self._items.append(call.call)
        place = {"item_id": item_id(call.id), "output_index": at}
        self._calls.append(self._around("response.function_call_arguments.delta", {**place, "delta": MARK}))
        item = function_call(call, "in_progress", "")
        return self._event("response.output_item.added", output_index=at, item=item)

    def _place_of(self, item: TextItem, at: int) -> dict[str, Any]:
        return {"item_id": text_item_id(self._begun, item), "output_index": at, "content_index": 0}

    # -- the end --

    def last(self, done: Done) -> bytes:
        """After the last word."""
        closing = [] if self._items else [self._open_text("message")]
        closing += [self._close(done, item, at) for at, item in enumerate(self._items)]
        end = ended(done, self._items)
        return b"".join(closing) + self._response(f"response.{end['status']}", end)

    def _close(self, done: Done, item: Item, at: int) -> bytes:
        whole = item_of(done, item)
        if not isinstance(item, int):
            place, part = self._place_of(item, at), whole["content"][0]
            event, more = EVENTS[item]
            said = {name: part[name] for name in ("text", "refusal", *more) if name in part}
            told = self._event(f"{event}.done", **place, **said)
            told += self._event("response.content_part.done", **place, part=part)
        else:
            place = {"item_id": whole["id"], "output_index": at}
            named = {"name": whole["name"], "arguments": whole["arguments"]}
            told = self._event("response.function_call_arguments.done", **place, **named)
        return told + self._event("response.output_item.done", output_index=at, item=whole)

    def broken(self, envelope: dict[str, Any]) -> bytes:
        """Instead of an end, where something went wrong after the first word. The second event has the error
        twice: as OpenAI describes it, and as it sends it, which is what its clients raise."""
        error = envelope["error"]
        named = {name: error[name] for name in ("message", "type", "param")}
        failed = {**IN_PROGRESS, "status": "failed", "error": {"code": "server_error", **named}}
        told = {name: error[name] for name in ("code", "message", "param")}
        return self._response("response.failed", failed) + self._event("error", **told, error=error)

    # -- bytes --

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        return named_event(kind, as_json({"type": kind, **fields, "sequence_number": self._number}))

    def _response(self, kind: str, state: dict[str, Any]) -> bytes:
        """An event with the whole response."""
        self._number += 1
        response = self._head + as_json(state)[1:]
        return named_event(
            kind,
            b'{"type":"%b","response":%b,"sequence_number":%d}' % (kind.encode(), response, self._number),
        )

    def _around(self, kind: str, fields: dict[str, Any]) -> tuple[bytes, bytes]:
        """What stands before the text of each delta, and between it and the event's number."""
        event = as_json({"type": kind, **fields})[:-1] + b',"sequence_number":'
        before, after = event.split(quoted(MARK).encode())
        return b"event: %b\ndata: %b" % (kind.encode(), before), after

    def _delta(self, around: tuple[bytes, bytes], text: str) -> bytes:
        self._number += 1
        before, after = around
        return before + quoted(text).encode("ascii") + after + b"%d}\n\n" % self._number


def as_json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def named_event(kind: str, data: bytes) -> bytes:
    """One event. JSON holds no raw line break."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
