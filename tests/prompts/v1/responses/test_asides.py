"""Reasoning and refusals as items of a response, whole and streamed, sanitized and restored."""

import pytest

from inference.backends import AsidePiece
from tests.prompts.v1.responses.conftest import checked, events_of, respond

pytestmark = pytest.mark.django_db(transaction=True)


async def output_of(caller, *, stream):
    answer = await respond(caller, "I am ann@corp.com", stream=stream)
    if not stream:
        return checked(answer)["output"]
    return (await events_of(answer))[-1]["response"]["output"]


@pytest.mark.parametrize("stream", [False, True])
async def test_reasoning_is_an_item_before_the_message(as_alice, parrot, stream):
    parrot.words = [
        AsidePiece("reasoning", "He is [EMAIL_1], not bob@co"),
        AsidePiece("reasoning", "rp.com."),
        "Yes",
    ]
    reasoning, message = await output_of(as_alice, stream=stream)
    assert (reasoning["type"], reasoning["summary"]) == ("reasoning", [])
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "He is ann@corp.com, not [EMAIL_2]."}]
    assert message["content"][0]["text"] == "Yes"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_is_a_part_of_a_message(as_alice, parrot, stream):
    parrot.words = [AsidePiece("refusal", "Not for bob@corp.com.")]
    (message,) = await output_of(as_alice, stream=stream)
    assert message["type"] == "message"
    assert message["content"] == [{"type": "refusal", "refusal": "Not for [EMAIL_2]."}]


async def test_what_is_said_beside_an_answer_comes_as_it_is_said(as_alice, parrot):
    parrot.words = [AsidePiece("reasoning", "Let me think. "), AsidePiece("reasoning", "Well."), "Yes"]
    events = await events_of(await respond(as_alice, "hi", stream=True))
    kinds = [event["type"].removeprefix("response.") for event in events]
    deltas = [kind for kind in kinds if kind.endswith(".delta")]
    assert deltas[0] == "reasoning_text.delta"
    assert deltas[-1] == "output_text.delta"
    assert deltas == sorted(deltas, reverse=True)
    assert kinds.count("reasoning_text.done") == kinds.count("output_text.done") == 1
