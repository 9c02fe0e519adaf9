"""What the tests of `/v1/responses` share. The openai package's own types say what is right."""

import json

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

EVENT = TypeAdapter(ResponseStreamEvent)
# Which field of an item's end has the whole of its deltas.
WHOLE = {
    "output_text.done": "text",
    "reasoning_text.done": "text",
    "refusal.done": "refusal",
    "function_call_arguments.done": "arguments",
}
TOOL = {
    "type": "function",
    "name": "send_mail",
    "description": "Sends a mail.",
    "parameters": {"type": "object", "properties": {"to": {"type": "string"}}},
    "strict": False,
}


async def respond(caller, input="hello", **more):
    return await caller.post("responses", {"input": input, **more})


def checked(response):
    """The body of a good answer, held against the package's type, strictly."""
    assert response.status_code == 200, response.content
    Response.model_validate_json(response.content, strict=True)
    return response.json()


async def events_of(response):
    """The events of a stream, each held against the package's type of that name, and all of them against
    OpenAI's order."""
    assert response.status_code == 200, getattr(response, "content", "")
    assert response["Content-Type"].startswith("text/event-stream")
    raw = b"".join([chunk async for chunk in response.streaming_content]).decode()
    assert raw.endswith("\n\n")
    events = []
    for number, event in enumerate(raw.removesuffix("\n\n").split("\n\n")):
        name, data = event.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
        assert events[-1]["sequence_number"] == number
        assert EVENT.validate_json(data.removeprefix("data: "), strict=True).type == events[-1]["type"]
    check_order(events)
    return events


def check_order(events):
    """Each item is opened once, filled, and closed once; deltas together are what its end says."""
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    said, items = {}, {}
    for event in events[2:]:
        at, kind = event.get("output_index"), event["type"].removeprefix("response.")
        if kind == "output_item.added":
            assert at == len(items)
            items[at], said[at] = event["item"], ""
        elif kind.endswith(".delta"):
            assert event["item_id"] == items[at]["id"]
            said[at] += event["delta"]
        elif kind in WHOLE:
            assert said[at] == event[WHOLE[kind]]
        elif kind == "output_item.done":
            assert event["item"]["id"] == items[at]["id"]
            items[at] = event["item"]
        elif kind in ("completed", "incomplete"):
            assert event["response"]["output"] == list(items.values())
    assert events[-1]["type"] in ("response.completed", "response.incomplete", "error")


def text_of(body):
    """What the message of a response says."""
    (message,) = (item for item in body["output"] if item["type"] == "message")
    (part,) = message["content"]
    return part["text"]


def calls_of(body):
    return [(item["name"], item["arguments"]) for item in body["output"] if item["type"] == "function_call"]


async def answered(response, *, stream):
    """The response itself, however it came."""
    if not stream:
        return checked(response)
    return (await events_of(response))[-1]["response"]
