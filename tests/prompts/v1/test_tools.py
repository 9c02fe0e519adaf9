"""Tools over `/v1/chat/completions`: offered, called, answered, with every text sanitized both ways."""

import json

import pytest

from inference.backends import Called, CallPiece
from prompts import composition
from prompts.models import Prompt
from sanitization.policies import Policy
from tests.fakes import Parrot, Shelf, house_of
from tests.prompts.v1.conftest import chunks_of

pytestmark = pytest.mark.django_db(transaction=True)


def tool(name="send_mail", description="Sends a mail.", **properties):
    parameters = {"type": "object", "properties": properties}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


MAIL = tool(to={"type": "string", "description": "such as boss@corp.com"}, body={"type": "string"})
CALLS = [
    "Sending. ",
    CallPiece(0, "send_mail"),
    CallPiece(0, "", '{"to": "[EMAIL'),
    CallPiece(0, "", '_2]", "cc": "bob\\u0040corp.com", "n": 1'),
    CallPiece(0, "", "}"),
    CallPiece(1, "send_mail", '{"to": "x"}'),
]
ASKED = {"content": "write to ann@corp.com", "tools": [MAIL]}


async def calls_of(response, *, stream):
    """Content, calls as [id, name, arguments], and the finish reason."""
    if not stream:
        (choice,) = response.json()["choices"]
        calls = choice["message"].get("tool_calls", [])
        made = [[one["id"], one["function"]["name"], one["function"]["arguments"]] for one in calls]
        return choice["message"]["content"], made, choice["finish_reason"]
    content, made, reason = "", [], None
    for chunk in (await chunks_of(response))[:-1]:
        (choice,) = chunk["choices"]
        content += choice["delta"].get("content") or ""
        reason = choice["finish_reason"]
        for one in choice["delta"].get("tool_calls", ()):
            if "id" in one:
                assert one["index"] == len(made)
                assert one["type"] == "function"
                made.append([one["id"], one["function"]["name"], ""])
            made[one["index"]][2] += one["function"]["arguments"]
    return content, made, reason


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_are_sanitized_inside_their_json_and_nothing_is_restored_unasked(
    as_alice, parrot, stream
):
    parrot.words = CALLS
    response = await as_alice.chat(**ASKED, stream=stream)
    content, made, reason = await calls_of(response, stream=stream)
    assert (content, reason) == ("Sending. ", "tool_calls")
    assert [name for _, name, _ in made] == ["send_mail", "send_mail"]
    assert json.loads(made[0][2]) == {"to": "[EMAIL_2]", "cc": "[EMAIL_3]", "n": 1}
    assert json.loads(made[1][2]) == {"to": "x"}
    assert len({id for id, _, _ in made}) == 2
    row = await Prompt.objects.aget()
    assert row.finish_reason == "tool_calls"
    assert row.choices[0]["tool_calls"][0]["name"] == "send_mail"
    assert "bob" not in json.dumps(row.choices)
    finding = next(one for one in row.findings if one["direction"] == "answer")
    assert finding["part"] == "/response/tool_calls/0/function/arguments"
    kept = row.answers[finding["part"]]
    assert kept[finding["output_start"] : finding["output_end"]] == "[EMAIL_3]"


@pytest.mark.parametrize("stream", [False, True])
async def test_values_come_back_where_the_policy_names_tool_and_argument(as_alice, journal, stream):
    policy = Policy(tools={"send_mail": ("to",)})
    composition.install(house_of(Parrot(CALLS), journal=journal, policy=policy))
    response = await as_alice.chat(**ASKED, stream=stream)
    _, made, _ = await calls_of(response, stream=stream)
    assert json.loads(made[0][2])["to"] == "ann@corp.com"
    row = await Prompt.objects.aget()
    assert "ann@" not in json.dumps([row.choices, row.parts, row.prompt])


async def test_what_is_offered_reaches_the_model_sanitized_and_its_schema_stays_json(as_alice, parrot):
    await as_alice.chat("hi", tools=[tool("f", "for ann@corp.com", a={"enum": ["ann@corp.com", 4]})])
    (asked,) = parrot.generations
    (offered,) = asked.tools
    assert (offered.name, offered.description) == ("f", "for [EMAIL_1]")
    assert json.loads(offered.parameters)["properties"] == {"a": {"enum": ["[EMAIL_1]", 4]}}
    row = await Prompt.objects.aget()
    assert "ann@" not in json.dumps(row.parts)
    assert {part["part"] for part in row.parts} >= {
        "/tools/0/function/name",
        "/tools/0/function/description",
        "/tools/0/function/parameters",
    }


async def test_a_call_and_its_result_go_back_to_the_model_sanitized(as_alice, parrot):
    called = {"id": "call_ann@corp.com", "type": "function"}
    called["function"] = {"name": "send_mail", "arguments": '{"to": "ann@corp.com"}'}
    messages = [
        {"role": "user", "content": "write to ann@corp.com"},
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": called["id"], "content": "sent to ann@corp.com"},
    ]
    assert (await as_alice.chat(messages=messages)).status_code == 200
    asked, call, result = parrot.generations[0].messages
    assert call.calls == (Called("call00001", "send_mail", '{"to": "[EMAIL_1]"}'),)
    assert (call.content, asked.content) == ("", "write to [EMAIL_1]")
    assert (result.role, result.call_id, result.content) == ("tool", "call00001", "sent to [EMAIL_1]")
    row = await Prompt.objects.aget()
    assert "ann@" not in json.dumps(row.parts)
    assert row.prompt == "write to [EMAIL_1]"


@pytest.mark.parametrize(
    ("choice", "kind", "name"),
    [
        (None, "auto", None),
        ("auto", "auto", None),
        ("required", "required", None),
        ({"type": "function", "function": {"name": "send_mail"}}, "named", "send_mail"),
    ],
)
async def test_the_choice_reaches_the_model(as_alice, parrot, choice, kind, name):
    await as_alice.chat("hi", tools=[MAIL], tool_choice=choice, parallel_tool_calls=False)
    use = parrot.generations[0].tool_use
    assert (use.kind, use.name, use.is_parallel) == (kind, name, False)


async def test_with_the_choice_none_no_model_is_told_of_tools(as_alice, parrot):
    await as_alice.chat("hi", tools=[MAIL], tool_choice="none")
    assert parrot.generations[0].tools == ()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_kept_answer_calls_again(as_alice, journal, stream):
    policy = Policy(tools={"send_mail": ("to",)})
    composition.install(house_of(parrot := Parrot(CALLS), journal=journal, cache=Shelf(), policy=policy))
    await as_alice.chat(**ASKED, temperature=0)
    again = await as_alice.chat(**ASKED, temperature=0, stream=stream)
    assert again["x-gateway-cache"] == "hit"
    content, made, reason = await calls_of(again, stream=stream)
    assert (content, reason, len(made)) == ("Sending. ", "tool_calls", 2)
    assert json.loads(made[0][2]) == {"to": "ann@corp.com", "cc": "[EMAIL_3]", "n": 1}
    await as_alice.chat(**ASKED, temperature=0, tool_choice="required")
    assert len(parrot.generations) == 2


async def test_a_policy_that_blocks_cuts_the_arguments_off(as_alice, journal):
    policy = Policy.build(block=("email",))
    words = [
        CallPiece(0, "send_mail", '{"a": "x", "to": "bob@corp.com", "b": "y"}'),
        CallPiece(1, "send_mail", "{}"),
    ]
    composition.install(house_of(Parrot(words), journal=journal, policy=policy))
    response = await as_alice.chat("hi", tools=[tool()])
    _, made, reason = await calls_of(response, stream=False)
    assert [arguments for _, _, arguments in made] == ['{"a": "x", "to": ']
    assert reason == "content_filter"


async def test_an_answer_of_calls_alone_has_no_content(as_alice, parrot):
    parrot.words = [CallPiece(0, "send_mail", "{}")]
    assert (await as_alice.chat("hi", tools=[MAIL])).json()["choices"][0]["message"]["content"] is None
