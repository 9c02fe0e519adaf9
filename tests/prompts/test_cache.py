"""Kept answers, in whichever store this pass runs on."""

import pickle
from dataclasses import replace

import pytest
from django.conf import settings
from django.core.cache import cache

from inference.backends import Generation, Message, ModelCard, Sampling
from prompts.cache import CachedAnswer, StoredCache, answer_key
from prompts.journal import Answered, Usage
from sanitization.policies import Policy
from sanitization.text import EMPTY

ANSWER = CachedAnswer((Answered(EMPTY, ({"rule": "email", "start": 1},), "stop"),), Usage(3, 4, 1))
CARD = ModelCard("m", "1", 100)


def generation(**change):
    return replace(Generation((Message("user", "hi"),), "m", 5, Sampling(0.0), "alice", "r"), **change)


def key(*, generation_=None, card=CARD, policy=None, version="1", scope="alice"):
    return answer_key(generation_ or generation(), card, policy or Policy.build(), version, scope=scope)


async def test_what_is_put_is_got():
    kept = StoredCache(cache, keep_seconds=60)
    assert await kept.get("k") is None
    await kept.put("k", ANSWER)
    assert await kept.get("k") == ANSWER
    await cache.aclear()


async def test_an_entry_that_is_damaged_is_not_there(caplog):
    kept = StoredCache(cache, keep_seconds=60)
    for damaged in ("{", "[]", '{"response": "x"}', 5):
        await cache.aset("answer:k", damaged)
        assert await kept.get("k") is None
    await cache.aclear()


class Away:
    async def aget(self, key):
        raise ConnectionError("redis://user:secret@host")

    async def aset(self, key, value, timeout):
        raise ConnectionError("redis://user:secret@host")


async def test_a_store_that_is_away_costs_speed_and_no_answer(caplog):
    kept = StoredCache(Away(), keep_seconds=60)
    assert await kept.get("k") is None
    await kept.put("k", ANSWER)
    assert "secret" not in caplog.text
    assert len(caplog.records) == 2


@pytest.mark.redis
async def test_redis_holds_json_and_no_pickle():
    import redis

    await StoredCache(cache, keep_seconds=60).put("k", ANSWER)
    client = redis.Redis.from_url(settings.REDIS_URL)
    (name,) = client.keys("*answer:k")
    raw = client.get(name)
    assert 0 < client.ttl(name) <= 60
    client.flushdb()
    client.close()
    assert b'"finish_reason": "stop"' in raw
    assert pickle.loads(raw).startswith("{")  # Django wraps the text; what it wraps is plain JSON


@pytest.mark.parametrize(
    "other",
    [
        {"scope": "bob"},
        {"version": "2"},
        {"card": ModelCard("m", "2", 100)},
        {"card": ModelCard("n", "1", 100)},
        {"policy": Policy.build(off=("email",))},
        {"generation_": generation(max_tokens=6)},
        {"generation_": generation(sampling=Sampling(0.0, seed=1))},
        {"generation_": generation(stop=("x",))},
        {"generation_": generation(messages=(Message("user", "hi!"),))},
        {"generation_": generation(messages=(Message("system", "hi"),))},
        {"generation_": generation(messages=(Message("system", "a"), Message("user", "hi")))},
    ],
)
def test_all_that_an_answer_depends_on_is_in_the_key(other):
    assert key(**other) != key()


def test_who_asked_for_it_is_not_in_the_key_beyond_the_scope():
    assert key(generation_=generation(caller="bob", request_id="q")) == key()


def test_an_answer_that_may_differ_each_time_has_no_key():
    assert key(generation_=generation(sampling=Sampling(0.1))) is None
