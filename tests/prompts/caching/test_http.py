"""Kept, shared and repeated answers, as callers meet them."""

import asyncio
import json

import pytest

from prompts.models import Prompt
from tests.prompts.v1.conftest import OpenAICaller, chunks_of


@pytest.fixture
def openai(served, alice, token_of):
    return OpenAICaller(token_of(alice))


@pytest.fixture
def openai_bob(served, bob, token_of):
    return OpenAICaller(token_of(bob))


BODY = {"messages": [{"role": "user", "content": "write to ann@corp.com"}], "temperature": 1}
KEY = {"Idempotency-Key": "order 66"}


def chosen(answered):
    return answered["choices"][0]["message"]["content"]


async def test_the_same_chat_request_gets_the_same_body_again(openai, parrot):
    first = await openai.post("chat/completions", BODY, **KEY)
    again = await openai.post("chat/completions", BODY, **KEY)
    assert first.status_code == again.status_code == 200
    assert json.loads(first.content) == json.loads(again.content)
    assert chosen(json.loads(again.content)) == "write to ann@corp.com"
    assert (first["x-gateway-idempotency"], again["x-gateway-idempotency"]) == ("new", "replayed")
    assert "idempotent-replayed" not in first
    assert again["idempotent-replayed"] == "true"
    assert first["x-request-id"] != again["x-request-id"]
    assert len(parrot.generations) == 1
    rows = [row async for row in Prompt.objects.order_by("id")]
    assert [row.cached for row in rows] == [False, True]
    assert len({row.response for row in rows}) == 1
    assert len({str(row.findings) for row in rows}) == 1


async def test_a_stream_comes_again_as_a_stream(openai, parrot):
    body = BODY | {"stream": True, "stream_options": {"include_usage": True}}
    first = await chunks_of(await openai.post("chat/completions", body, **KEY))
    again = await chunks_of(await openai.post("chat/completions", body, **KEY))
    said = [
        "".join(choice["delta"].get("content") or "" for chunk in chunks[:-1] for choice in chunk["choices"])
        for chunks in (first, again)
    ]
    assert said == ["write to ann@corp.com"] * 2
    assert {chunk["id"] for chunk in (*first[:-1], *again[:-1])} == {first[0]["id"]}
    assert first[-2]["usage"] == again[-2]["usage"]
    assert len(parrot.generations) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "user", "content": "write to bob@corp.com"}]},
        {"stream": True},
        {"temperature": 0.5},
    ],
)
async def test_another_body_is_refused_in_the_envelope_of_openai(openai, change):
    await openai.post("chat/completions", BODY, **KEY)
    refused = await openai.post("chat/completions", BODY | change, **KEY)
    error = json.loads(refused.content)["error"]
    assert refused.status_code == 422
    assert error["code"] == "idempotency_key_reused"
    assert "corp.com" not in error["message"]
    assert await Prompt.objects.acount() == 1


async def test_responses_come_again_too(openai, parrot):
    body = {"input": "write to ann@corp.com", "temperature": 1}
    first, again = [await openai.post("responses", body, **KEY) for _ in range(2)]
    assert first.status_code == 200
    assert json.loads(first.content)["output"] == json.loads(again.content)["output"]
    assert json.loads(first.content)["id"] == json.loads(again.content)["id"]
    assert again["idempotent-replayed"] == "true"
    streams = [
        await openai.post("responses", body | {"stream": True}, **{"Idempotency-Key": "s"}) for _ in "12"
    ]
    said = [b"".join([chunk async for chunk in one.streaming_content]) for one in streams]
    assert said[0].count(b"response.completed") == said[1].count(b"response.completed")
    assert b"write to ann@corp.com" in said[1]
    assert len(parrot.generations) == 2


async def test_answers_with_tokens_are_kept_nowhere(openai, parrot):
    body = BODY | {"temperature": 0, "logprobs": True}
    answers = [await openai.post("chat/completions", body, **KEY) for _ in range(2)]
    assert [one["x-gateway-cache"] for one in answers] == ["off", "off"]
    assert [one["x-gateway-idempotency"] for one in answers] == ["unavailable"] * 2
    assert len(parrot.generations) == 2


async def test_the_key_of_one_address_is_another_request_at_the_other(openai):
    await openai.post("chat/completions", BODY, **KEY)
    refused = await openai.post("completions", {"prompt": "hello"}, **KEY)
    assert refused.status_code == 422
    answered = await openai.post("completions", {"prompt": "hello"}, **{"Idempotency-Key": "another"})
    assert answered.status_code == 200


async def test_the_prompt_address_does_the_same_with_its_own_problems(as_alice):
    async def post(body, key="k"):
        headers = {**as_alice.headers, "Idempotency-Key": key}
        return await as_alice.client.post(
            "/prompt", json.dumps(body), content_type="application/json", headers=headers
        )

    body = {"prompt": "write to ann@corp.com", "temperature": 1}
    first, again = await post(body), await post(body)
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["response"] == again.json()["response"] == "write to ann@corp.com"
    assert (first.json()["cached"], again.json()["cached"]) == (False, True)
    assert again["idempotent-replayed"] == "true"
    assert again["x-gateway-cache"] == "hit"
    refused = await post(body | {"prompt": "other"})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency-key-reused")
    refused = await post(body, key="")
    assert (refused.status_code, refused.json()["code"]) == (400, "request-refused")


async def test_a_key_is_its_users_own(openai, openai_bob, parrot):
    await openai.post("chat/completions", BODY, **KEY)
    other = await openai_bob.post("chat/completions", BODY, **KEY)
    assert other["x-gateway-idempotency"] == "new"
    assert len(parrot.generations) == 2


async def test_a_caller_may_wish_for_the_same_answer_again(openai, parrot):
    wish = {"X-Gateway-Cache": "keep"}
    answers = [await openai.post("chat/completions", BODY, **wish) for _ in range(2)]
    assert [one["x-gateway-cache"] for one in answers] == ["miss", "hit"]
    assert len(parrot.generations) == 1
    refused = await openai.post("chat/completions", BODY, **{"X-Gateway-Cache": "always"})
    assert (refused.status_code, json.loads(refused.content)["error"]["param"]) == (400, "X-Gateway-Cache")


async def test_requests_at_the_same_moment_share_and_say_so(openai, parrot, served, monkeypatch):
    all_are_there, answer = asyncio.Event(), parrot.answer

    async def held(generation):
        await all_are_there.wait()
        async for event in answer(generation):
            yield event

    monkeypatch.setattr(parrot, "answer", held)
    body = BODY | {"temperature": 0}
    asking = [asyncio.create_task(openai.post("chat/completions", body)) for _ in range(5)]
    async with asyncio.timeout(60):
        while sum(flight.riders for flight in served.flights._flights.values()) < 5:
            await asyncio.sleep(0.001)
    all_are_there.set()
    answers = await asyncio.gather(*asking)
    assert sorted(one["x-gateway-cache"] for one in answers) == ["miss", *["shared"] * 4]
    assert {chosen(json.loads(one.content)) for one in answers} == {"write to ann@corp.com"}
    assert len({json.loads(one.content)["id"] for one in answers}) == 5
    assert len(parrot.generations) == 1
    assert await Prompt.objects.acount() == 5


async def test_who_shares_pays_like_for_a_hit(openai, openai_bob, parrot):
    from accounts.models import Usage

    parrot.pause_seconds = 0.02
    body = BODY | {"temperature": 0}
    answers = await asyncio.gather(*(openai.post("chat/completions", body) for _ in range(3)))
    usage = json.loads(answers[0].content)["usage"]
    spent = [row async for row in Usage.objects.all()]
    assert sum(row.requests for row in spent) == 3
    assert sum(row.tokens for row in spent) == usage["total_tokens"]
