"""`/v1/responses` over HTTP, with a parrot behind it and the real book."""

import asyncio
from datetime import UTC, datetime

import httpx2
import openai
import pytest
from django.test import RequestFactory

from inference.backends import CallPiece, Ending, Format, Sampling
from inference.errors import GenerationFailed
from prompts import composition
from prompts.events import Begun, Times
from prompts.ids import uuid7
from prompts.models import Prompt
from prompts.v1.responses.streaming import Events
from prompts.v1.views import stream
from sanitization.policies import Policy
from tests.fakes import Notebook, Parrot, house_of
from tests.prompts.v1.responses.conftest import answered, checked, events_of, respond, text_of

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "write to ann@corp.com about 4111 1111 1111 1111"
STARTS = ("response.created", "response.in_progress")
MASKED = "write to [EMAIL_1] about [CREDIT_CARD_1]"


async def test_an_answer_has_openais_shape(as_alice):
    response = await respond(as_alice, TEXT)
    body = checked(response)
    row = await Prompt.objects.aget()
    assert row.response == MASKED
    assert body.pop("completed_at") >= body["created_at"]
    assert body == {
        "id": f"resp_{row.id.hex}",
        "object": "response",
        "created_at": int(row.created_at.timestamp()),
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": None,
        "model": "parrot",
        "output": [
            {
                "id": f"msg_{row.id.hex}",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}],
            }
        ],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": "default",
        "store": False,
        "temperature": 0.2,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 0.9,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 7,
            "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
            "output_tokens": 14,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 21,
        },
        "user": None,
    }
    assert response["x-request-id"] == row.request_id


async def test_a_conversation_is_sanitized_with_one_numbering_and_kept_so(as_alice, parrot):
    items = [
        {"role": "developer", "content": "Answer carol@corp.com."},
        {"type": "message", "role": "user", "content": "I am bob@corp.com"},
        {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hello bob@corp.com", "annotations": []}],
        },
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "and ann@corp.com?"},
                {"type": "input_text", "text": "!"},
            ],
        },
    ]
    response = await respond(as_alice, items, instructions="You serve ann@corp.com.")
    assert checked(response)["instructions"] == "You serve ann@corp.com."
    (heard,) = parrot.generations
    assert [(message.role, message.content) for message in heard.messages] == [
        ("system", "You serve [EMAIL_1].\n\nAnswer [EMAIL_2]."),
        ("user", "I am [EMAIL_3]"),
        ("assistant", "Hello [EMAIL_3]"),
        ("user", "and [EMAIL_1]?\n!"),
    ]
    row = await Prompt.objects.aget()
    assert (row.prompt, row.system) == ("and [EMAIL_1]?\n!", "You serve [EMAIL_1].\n\nAnswer [EMAIL_2].")
    assert row.parts[3] == {"part": "/input/2/content", "role": "assistant", "text": "Hello [EMAIL_3]"}
    assert {finding["part"] for finding in row.findings} == {
        "/instructions",
        *(f"/input/{number}/content" for number in range(4)),
    }
    assert "@corp" not in str(vars(row))


async def test_a_text_as_input_stands_under_its_own_pointer(as_alice):
    checked(await respond(as_alice, TEXT))
    row = await Prompt.objects.aget()
    assert (row.prompt, row.parts[0]["part"]) == (MASKED, "/input")


async def test_a_stream_has_openais_events_in_their_order(as_alice):
    events = await events_of(await respond(as_alice, TEXT, stream=True))
    row = await Prompt.objects.aget()
    kinds = [event["type"].removeprefix("response.") for event in events]
    opening = ["created", "in_progress", "output_item.added", "content_part.added"]
    closing = ["output_text.done", "content_part.done", "output_item.done", "completed"]
    deltas = kinds[len(opening) : -len(closing)]
    assert (kinds[:4], set(deltas), kinds[-4:]) == (opening, {"output_text.delta"}, closing)
    assert len(deltas) > 3
    first, last = events[0]["response"], events[-1]["response"]
    assert (first["status"], first["output"], first["usage"]) == ("in_progress", [], None)
    assert (last["status"], text_of(last), last["usage"]["total_tokens"]) == ("completed", TEXT, 21)
    assert {first["id"], last["id"]} == {f"resp_{row.id.hex}"}
    assert row.response == MASKED


async def test_a_streamed_answer_is_the_whole_one(as_alice):
    whole = checked(await respond(as_alice, TEXT, temperature=0))
    streamed = (await events_of(await respond(as_alice, TEXT, temperature=0, stream=True)))[-1]["response"]
    for body in (whole, streamed):
        for id in ("id", "created_at", "completed_at"):
            del body[id]
        del body["output"][0]["id"]
    assert streamed == whole


async def test_quotes_line_ends_and_strange_letters_survive_a_stream(as_alice, parrot):
    parrot.words = 'a "quote", a \\ and a\nline end, é, 漢, 🎈, \u2028, \0 {"delta":"'
    events = await events_of(await respond(as_alice, stream=True))
    assert text_of(events[-1]["response"]) == parrot.words.replace("\0", "")


async def test_every_field_that_speaks_to_the_model_reaches_it(as_alice, parrot):
    response = await respond(
        as_alice,
        model="parrot",
        temperature=0.5,
        top_p=0.8,
        top_k=12,
        seed=7,
        stop=["ann@corp.com"],
        max_output_tokens=20,
        priority="batch",
        deadline_seconds=30,
    )
    body = checked(response)
    (asked,) = parrot.generations
    assert asked.sampling == Sampling(0.5, top_k=12, top_p=0.8, seed=7)
    assert (asked.max_tokens, asked.stop, asked.priority) == (20, ("[EMAIL_1]",), "batch")
    assert (body["temperature"], body["top_p"], body["max_output_tokens"]) == (0.5, 0.8, 20)


async def test_effort_and_verbosity_reach_the_model_and_come_back(as_alice, parrot):
    body = checked(await respond(as_alice, reasoning={"effort": "high"}, text={"verbosity": "low"}))
    (asked,) = parrot.generations
    assert (asked.reasoning_effort, asked.verbosity) == ("high", "low")
    assert (body["reasoning"]["effort"], body["text"]["verbosity"]) == ("high", "low")


async def test_what_says_nothing_to_a_model_is_repeated_to_its_caller_and_to_nobody_else(as_alice, parrot):
    said = {
        "metadata": {"who": "dave@corp.com"},
        "user": "erin@corp.com",
        "safety_identifier": "frank@corp.com",
        "prompt_cache_key": "gina@corp.com",
        "max_tool_calls": 3,
    }
    ignored = {
        "service_tier": "auto",
        "store": False,
        "background": False,
        "truncation": "disabled",
        "top_logprobs": 0,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": None},
        "prompt_cache_options": {"mode": "implicit"},
        "parallel_tool_calls": True,
    }
    body = checked(await respond(as_alice, **said, **ignored))
    assert {name: body[name] for name in said} == said
    assert (body["service_tier"], body["store"]) == ("default", False)
    row = await Prompt.objects.aget()
    assert "@corp" not in str(vars(row)) + str(parrot.generations)


@pytest.mark.parametrize(
    ("format", "reaches"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, Format("json_object")),
        (
            {
                "type": "json_schema",
                "name": "x",
                "strict": True,
                "schema": {"enum": ["ann@corp.com", 1]},
            },
            Format("json_schema", '{"enum":["[EMAIL_1]",1]}'),
        ),
    ],
)
async def test_a_format_reaches_the_model_sanitized_and_is_repeated(as_alice, parrot, format, reaches):
    body = checked(await respond(as_alice, text={"format": format}))
    assert parrot.generations[0].format == reaches
    assert body["text"] == {"format": format}
    if reaches is not None and reaches.text:
        (finding,) = (await Prompt.objects.aget()).findings
        assert finding["part"] == "/text/format/schema"


class Ender(Parrot):
    """Ends for a reason of its own."""

    reason = "length"

    async def answer(self, generation):
        async for event in super().answer(generation):
            if isinstance(event, Ending):
                event = Ending(self.reason, 7, 3, 0.5, first_token_ms=1.0)
            yield event


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_reaches_its_limit_is_incomplete(as_alice, journal, stream):
    composition.install(house_of(Ender("a long sto"), journal=journal))
    body = await answered(await respond(as_alice, stream=stream), stream=stream)
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert (body["output"][0]["status"], body["completed_at"]) == ("incomplete", None)
    assert text_of(body) == "a long sto"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_the_policy_cuts_off_is_incomplete(as_alice, journal, stream):
    policy = Policy.build(block=("email",))
    composition.install(house_of(Parrot("Ask bob@corp.com now"), journal=journal, policy=policy))
    body = await answered(await respond(as_alice, "hi", stream=stream), stream=stream)
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "content_filter"})
    assert (text_of(body), body["output"][0]["status"]) == ("Ask ", "incomplete")
    assert (await Prompt.objects.aget()).outcome == "truncated"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_of_nothing_is_an_empty_message(as_alice, parrot, stream):
    parrot.words = ""
    body = await answered(await respond(as_alice, stream=stream), stream=stream)
    assert (len(body["output"]), text_of(body)) == (1, "")


async def test_headers_say_where_the_time_went_and_which_policy_held(as_alice):
    whole = await respond(as_alice, temperature=0)
    again = await respond(as_alice, temperature=0)
    streamed = await respond(as_alice, stream=True)
    assert [r["x-gateway-cache"] for r in (whole, again, streamed)] == ["miss", "hit", "off"]
    for response in (whole, again, streamed):
        assert response["x-gateway-policy"].startswith("default@")
        assert float(response["x-gateway-overhead-ms"]) >= 0
    assert "x-gateway-queue-ms" in whole


async def test_an_answer_of_chat_completions_is_kept_for_responses_too(as_alice, parrot):
    tool = {"type": "function", "name": "send_mail", "description": "for ann@corp.com", "parameters": {}}
    nested = {"type": "function", "function": {name: tool[name] for name in tool if name != "type"}}
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": TEXT}]
    parrot.words = ["Sending.", CallPiece(0, "send_mail", '{"to": "[EMAIL_1]"}')]
    await as_alice.chat(messages=messages, tools=[nested], seed=3, temperature=1)
    response = await respond(as_alice, TEXT, instructions="Be kind.", tools=[tool], seed=3, temperature=1)
    assert response["x-gateway-cache"] == "hit"
    assert len(checked(response)["output"]) == 2
    assert len(parrot.generations) == 1


@pytest.mark.parametrize("error", [None, ZeroDivisionError("of ann@corp.com")])
async def test_a_stream_that_breaks_says_so_twice_and_never_that_it_is_complete(as_alice, error):
    notebook = Notebook()

    def reply(heard):
        notebook.is_away = error is None
        return heard * 20

    composition.install(house_of(Parrot(reply=reply, error=error), journal=notebook))
    events = await events_of(await respond(as_alice, "plain words ", stream=True))
    failed, told = events[-2:]
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"]["code"] == "server_error"
    assert told["code"] == told["error"]["code"] == ("internal_error" if error else "journal_unavailable")
    assert told["message"] == failed["response"]["error"]["message"]
    assert "response.completed" not in {event["type"] for event in events}
    assert "ann@" not in str(events)


async def test_openais_client_raises_what_a_broken_stream_says(as_alice, parrot):
    parrot.words, parrot.error = "Some plain words. " * 20, GenerationFailed()
    response = await respond(as_alice, stream=True)
    raw = b"".join([chunk async for chunk in response.streaming_content])

    def replay(request):
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=raw)

    http = httpx2.Client(transport=httpx2.MockTransport(replay))
    with openai.OpenAI(api_key="x", base_url="http://gateway/v1", http_client=http) as client:
        stream, kinds = client.responses.create(model="default", input="x", stream=True), []
        with pytest.raises(openai.APIError) as raised:
            kinds += [event.type for event in stream]
        assert (raised.value.code, raised.value.type) == ("generation_failed", "server_error")


async def test_a_caller_who_leaves_a_stream_gives_the_model_up(as_alice, journal):
    parrot = Parrot("Some plain words. " * 200, pause_seconds=0.001)
    composition.install(house_of(parrot, journal=journal))
    response = await respond(as_alice, stream=True)
    came = []

    async def read():
        async for chunk in response.streaming_content:
            came.append(chunk)

    reading = asyncio.ensure_future(read())
    while len(came) < 2:
        await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert (parrot.running, parrot.closed_early) == (0, 1)
    for _ in range(100):
        if (outcome := (await Prompt.objects.aget()).outcome) != "accepted":
            break
        await asyncio.sleep(0.05)
    assert outcome == "cancelled"


async def test_a_stream_that_breaks_before_its_first_delta_has_begun_all_the_same():
    async def broken():
        raise GenerationFailed
        yield

    begun = Begun(uuid7(), datetime.now(UTC), "parrot", "default@1", "off", Times())
    request = RequestFactory().post("/v1/responses")
    raw = b"".join([chunk async for chunk in stream(broken(), Events(begun, {}), request)])
    kinds = [line for line in raw.decode().splitlines() if line.startswith("event: ")]
    assert kinds == [f"event: {kind}" for kind in (*STARTS, "response.failed", "error")]
