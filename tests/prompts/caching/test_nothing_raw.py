"""Redis while answers are kept, shared and repeated in every way: no marked value is ever in it."""

import asyncio
from contextlib import aclosing
from itertools import product
from uuid import uuid4

from inference.backends import Called, CallPiece, Tool, ToolUse
from prompts.asks import Ask, Said
from prompts.caching.answers import StoredCache
from prompts.caching.claims import Claims
from prompts.caching.flights import Flights
from prompts.caching.redis_store import RedisStore
from prompts.caching.replies import Replies, idempotency_of
from prompts.pipeline import answer
from tests.fakes import Notebook, Parrot, house_of
from tests.prompts.test_pipeline import CARD, Sampling

MARKS = (
    "m4rk-prompt",
    "m4rk-system",
    "m4rk-tool",
    "m4rk-call",
    "m4rk-result",
    "m4rk-answer",
    "m4rk-made",
    "m4rk-key",
)


def mail(mark):
    return f"{mark}@corp.com"


WORDS = [
    *(f"[EMAIL_1] says {mail('m4rk-answer')} pays with {CARD}. " * 3),
    CallPiece(0, "send", f'{{"to": "{mail("m4rk-made")}", "from": "[EMA'),
    CallPiece(0, arguments='IL_1]"}'),
]


def asked(user, **more):
    call = Called("call_1", "send", f'{{"to": "{mail("m4rk-call")}"}}')
    return Ask(
        user_id=user,
        request_id="r",
        messages=(
            Said("/messages/0/content", "system", f"You serve {mail('m4rk-system')}"),
            Said("/messages/1/content", "user", f"I am {mail('m4rk-prompt')}, {CARD}"),
            Said("/messages/2/content", "assistant", "", calls=(call,)),
            Said("/messages/3/content", "tool", f"sent by {mail('m4rk-result')}", call_id="call_1"),
        ),
        tools=(Tool("send", f"sends as {mail('m4rk-tool')}", "{}"),),
        tool_use=ToolUse(),
        **more,
    )


async def shown(ask, house):
    async with aclosing(answer(ask, house)) as events:
        return [event async for event in events][-1].choices[0]


async def test_no_marked_value_is_ever_in_redis(own_redis):
    stores = [RedisStore(own_redis.url) for _ in range(2)]
    houses = [
        house_of(
            Parrot(WORDS, pause_seconds=0.002),
            journal=Notebook(),
            cache=StoredCache(store, keep_seconds=60, max_bytes=1 << 20),
            flights=Flights(Claims(store)),
            replies=Replies(store, keep_seconds=60, max_bytes=1 << 20),
            shares_answers=shares,
        )
        for store, shares in zip(stores, (False, True), strict=True)
    ]
    again = idempotency_of(mail("m4rk-key"), "/v1", mail("m4rk-prompt").encode(), secret=b"s")
    seen, user = [], uuid4()

    async def watch():
        while True:
            seen.append(await asyncio.to_thread(own_redis.everything))
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    ways = product(houses, (True, False), (None, again), (0.0, 1.0))
    for house, streamed, key, temperature in ways:
        sampling = Sampling(temperature)
        ask = asked(user, streamed=streamed, idempotency=key, sampling=sampling, is_to_be_kept=True)
        one, other = await asyncio.gather(shown(ask, house), shown(ask, house))
        assert one.text == other.text
        assert mail("m4rk-prompt") in one.text + one.calls[0].arguments or mail("m4rk-tool") in one.text
    watching.cancel()
    seen.append(own_redis.everything())
    kept = b"\n".join(seen)
    assert b"gateway:answers:" in kept
    assert b"gateway:replies:" in kept
    assert b"gateway:flights:" in kept
    assert b"[EMAIL_" in kept
    assert [mark for mark in (*MARKS, CARD, CARD.replace(" ", "")) if mark.encode() in kept] == []
    for store in stores:
        store.close()
