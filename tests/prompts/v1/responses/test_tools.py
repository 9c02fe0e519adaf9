"""Tools over `/v1/responses`: offered, called, answered, with every text sanitized both ways."""

import json

import pytest

from inference.backends import Called, CallPiece
from prompts import composition
from prompts.models import Prompt
from sanitization.policies import Policy
from tests.fakes import Parrot, house_of
from tests.prompts.v1.responses.conftest import TOOL, answered, calls_of, checked, events_of, respond, text_of

pytestmark = pytest.mark.django_db(transaction=True)
SENDING = "I am sending it to him now, as you said.\n\n"
CALLS = [
    SENDING,
    CallPiece(0, "send_mail"),
    CallPiece(0, "", '{"to": "[EMAIL'),
    CallPiece(0, "", '_2]", "cc": "bob\\u0040corp.com", "n": 1'),
    CallPiece(0, "", "}"),
    CallPiece(1, "send_mail", '{"to": "x"}'),
]
DESCRIBED = {**TOOL, "description": "Sends a mail for boss@corp.com."}


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_are_sanitized_inside_their_json_and_nothing_is_restored_unasked(
    as_alice, parrot, stream
):
    parrot.words = CALLS
    response = await respond(as_alice, "write to ann@corp.com", tools=[DESCRIBED], stream=stream)
    body = await answered(response, stream=stream)
    assert (body["status"], text_of(body)) == ("completed", SENDING)
    assert (body["tools"], body["tool_choice"]) == ([DESCRIBED], "auto")
    (first, arguments), second = calls_of(body)
    assert (first, json.loads(arguments)) == ("send_mail", {"to": "[EMAIL_2]", "cc": "[EMAIL_3]", "n": 1})
    assert second == ("send_mail", '{"to": "x"}')
    one, other = (item for item in body["output"] if item["type"] == "function_call")
    assert one["id"].startswith("fc_")
    assert one["call_id"].startswith("call_")
    assert len({one["id"], other["id"], one["call_id"], other["call_id"]}) == 4
    row = await Prompt.objects.aget()
    assert row.finish_reason == "tool_calls"
    assert "corp.com" not in json.dumps([row.choices, row.parts, row.prompt])


async def test_the_events_of_calls_come_in_openais_order(as_alice, parrot):
    parrot.words = CALLS
    events = await events_of(await respond(as_alice, tools=[TOOL], stream=True))
    items = [event["item"]["type"] for event in events if event["type"] == "response.output_item.added"]
    assert items == ["message", "function_call", "function_call"]
    added = next(event for event in events if event.get("output_index") == 1)
    assert (added["item"]["name"], added["item"]["arguments"]) == ("send_mail", "")
    done = [e for e in events if e["type"] == "response.function_call_arguments.done"]
    assert [(one["output_index"], one["name"]) for one in done] == [(1, "send_mail"), (2, "send_mail")]


@pytest.mark.parametrize("stream", [False, True])
async def test_values_come_back_where_the_policy_names_tool_and_argument(as_alice, journal, stream):
    policy = Policy(tools={"send_mail": ("to",)})
    words = [CallPiece(0, "send_mail", '{"to": "[EMAIL_1]"}')]
    composition.install(house_of(Parrot(words), journal=journal, policy=policy))
    response = await respond(as_alice, "write to ann@corp.com", tools=[TOOL], stream=stream)
    body = await answered(response, stream=stream)
    assert calls_of(body) == [("send_mail", '{"to": "ann@corp.com"}')]
    assert [item["type"] for item in body["output"]] == ["function_call"]
    row = await Prompt.objects.aget()
    assert "ann@" not in json.dumps([row.choices, row.parts, row.prompt])


async def test_a_text_that_is_held_back_until_calls_have_begun_is_not_lost(as_alice, parrot):
    """What could still become part of a finding shows at the end of all, in an item of its own or in the one
    that its beginning has."""
    for words, items in (
        ("[EMAIL", ["function_call", "message"]),
        (SENDING + "[EMAIL", ["message", "function_call"]),
    ):
        parrot.words = [words, CallPiece(0, "send_mail", '{"to": "x"}')]
        events = await events_of(await respond(as_alice, "I am ann@corp.com", tools=[TOOL], stream=True))
        response = events[-1]["response"]
        assert (text_of(response), [item["type"] for item in response["output"]]) == (words, items)


async def test_what_is_offered_reaches_the_model_sanitized_under_flat_pointers(as_alice, parrot):
    tool = {**DESCRIBED, "parameters": {"properties": {"a": {"enum": ["ann@corp.com", 4]}}}}
    checked(await respond(as_alice, tools=[tool]))
    (offered,) = parrot.generations[0].tools
    assert (offered.name, offered.description) == ("send_mail", "Sends a mail for [EMAIL_1].")
    assert json.loads(offered.parameters) == {"properties": {"a": {"enum": ["[EMAIL_2]", 4]}}}
    row = await Prompt.objects.aget()
    assert {finding["part"] for finding in row.findings} == {"/tools/0/description", "/tools/0/parameters"}
    assert {part["part"] for part in row.parts} >= {f"/tools/0/{n}" for n in ("name", "description")}


async def test_calls_and_their_results_go_back_to_the_model_as_turns(as_alice, parrot):
    """Text and calls of one answer are one turn, in whatever order they came; thoughts are left out."""
    call = {"type": "function_call", "name": "send_mail", "status": "completed"}
    first = {**call, "id": "fc_1", "call_id": "ann@corp.com", "arguments": '{"to": "ann@corp.com"}'}
    second = {**call, "id": "fc_2", "call_id": "c2", "arguments": "{}"}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "bob@corp.com"}
    said = {"type": "output_text", "text": "To ann@corp.com.", "annotations": [], "logprobs": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": [said]}
    results = [
        {"type": "function_call_output", "call_id": "c2", "output": "sent"},
        {
            "type": "function_call_output",
            "call_id": "ann@corp.com",
            "output": [{"type": "input_text", "text": "sent to ann@corp.com"}],
        },
    ]
    asked = {"role": "user", "content": "write to ann@corp.com"}
    heard = []
    for turn in ([message, thought, first, second], [thought, first, message, second]):
        body = checked(await respond(as_alice, [asked, *turn, *results], tools=[TOOL]))
        assert body["status"] == "completed"
        heard.append(parrot.generations[-1].messages)
    assert heard[0] == heard[1]
    _, called, one, other = heard[0]
    assert (called.role, called.content) == ("assistant", "To [EMAIL_1].")
    assert called.calls == (
        Called("call00001", "send_mail", '{"to": "[EMAIL_1]"}'),
        Called("call00002", "send_mail", "{}"),
    )
    assert (one.role, one.call_id, one.content) == ("tool", "call00002", "sent")
    assert (other.call_id, other.content) == ("call00001", "sent to [EMAIL_1]")
    async for row in Prompt.objects.all():
        assert "@corp" not in json.dumps([row.parts, row.prompt])
        assert row.prompt == "write to [EMAIL_1]"
    parts = {finding["part"] for finding in row.findings}
    assert parts == {"/input/0/content", "/input/2/arguments", "/input/3/content", "/input/6/output"}


async def test_calls_in_two_turns_stay_apart(as_alice, parrot):
    turns = []
    for number in range(2):
        call = {"type": "function_call", "call_id": f"c{number}", "name": "send_mail", "arguments": "{}"}
        turns += [call, {"type": "function_call_output", "call_id": f"c{number}", "output": "sent"}]
    checked(await respond(as_alice, [{"role": "user", "content": "go"}, *turns], tools=[TOOL]))
    roles = [message.role for message in parrot.generations[0].messages]
    assert roles == ["user", "assistant", "tool", "assistant", "tool"]


@pytest.mark.parametrize(
    ("choice", "kind", "name"),
    [
        (None, "auto", None),
        ("auto", "auto", None),
        ("required", "required", None),
        ({"type": "function", "name": "send_mail"}, "named", "send_mail"),
    ],
)
async def test_the_choice_reaches_the_model_and_is_repeated(as_alice, parrot, choice, kind, name):
    more = {"tool_choice": choice, "parallel_tool_calls": False}
    body = checked(await respond(as_alice, tools=[TOOL], **more))
    use = parrot.generations[0].tool_use
    assert (use.kind, use.name, use.is_parallel) == (kind, name, False)
    assert (body["tool_choice"], body["parallel_tool_calls"]) == (choice or "auto", False)


async def test_with_the_choice_none_no_model_is_told_of_tools(as_alice, parrot):
    body = checked(await respond(as_alice, tools=[TOOL], tool_choice="none"))
    assert parrot.generations[0].tools == ()
    assert (body["tools"], body["tool_choice"]) == ([TOOL], "none")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_policy_that_blocks_cuts_the_arguments_off_and_no_call_is_complete(as_alice, journal, stream):
    words = [
        CallPiece(0, "send_mail", '{"a": "x", "to": "bob@corp.com", "b": "y"}'),
        CallPiece(1, "send_mail", "{}"),
    ]
    policy = Policy.build(block=("email",))
    composition.install(house_of(Parrot(words), journal=journal, policy=policy))
    body = await answered(await respond(as_alice, tools=[TOOL], stream=stream), stream=stream)
    assert body["incomplete_details"] == {"reason": "content_filter"}
    assert calls_of(body) == [("send_mail", '{"a": "x", "to": ')]
    assert body["output"][0]["status"] == "incomplete"
