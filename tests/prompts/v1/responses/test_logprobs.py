"""Tokens of a response, where `include` asks for them."""

import pytest

from tests.prompts.v1.responses.conftest import checked, events_of, respond
from tests.prompts.v1.test_logprobs import SAID, words

pytestmark = pytest.mark.django_db(transaction=True)
INCLUDE = {"include": ["message.output_text.logprobs"]}


async def test_tokens_stand_beside_the_text_and_say_nothing_that_it_does_not(as_alice, parrot):
    parrot.words = words(*SAID)
    body = checked(await respond(as_alice, **INCLUDE, top_logprobs=2))
    (part,) = body["output"][0]["content"]
    assert part["logprobs"][0] == {
        "token": "Hi",
        "logprob": -0.25,
        "bytes": [72, 105],
        "top_logprobs": [{"token": "No", "logprob": -3.0, "bytes": [78, 111]}],
    }
    assert [one["token"] for one in part["logprobs"]] == ["Hi", ",", " yes", "."]
    assert "corp" not in str(body)
    assert body["top_logprobs"] == parrot.generations[0].logprobs == 2


async def test_streamed_tokens_come_with_deltas_and_once_more_at_the_end(as_alice, parrot):
    parrot.words = words(*SAID)
    events = await events_of(await respond(as_alice, **INCLUDE, stream=True))
    deltas = [event for event in events if event["type"] == "response.output_text.delta"]
    told = [one for event in deltas for one in event["logprobs"]]
    (done,) = (event for event in events if event["type"] == "response.output_text.done")
    assert [one["token"] for one in told] == ["Hi", ",", " yes", "."]
    assert told == done["logprobs"] == events[-1]["response"]["output"][0]["content"][0]["logprobs"]
    assert "corp" not in str(events)


async def test_nobody_is_told_of_tokens_who_did_not_ask(as_alice, parrot):
    parrot.words = words(*SAID)
    body = checked(await respond(as_alice))
    assert body["output"][0]["content"][0]["logprobs"] == []
    assert parrot.generations[0].logprobs is None


async def test_an_answer_with_its_tokens_may_be_sent_back(as_alice, parrot):
    parrot.words = words(*SAID)
    output = checked(await respond(as_alice, **INCLUDE))["output"]
    checked(await respond(as_alice, [*output, {"role": "user", "content": "and now?"}]))
    assert "token" not in str(parrot.heard)
