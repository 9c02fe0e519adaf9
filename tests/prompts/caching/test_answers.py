"""Kept answers, and what they are kept under."""

import json
from dataclasses import replace

import pytest

from inference.backends import Generation, Message, ModelCard, Sampling
from prompts.caching.answers import CachedAnswer, StoredCache, answer_key
from prompts.caching.stores import MemoryStore, StoreAway
from prompts.journal import Answered, Usage
from sanitization.policies import Policy
from sanitization.text import EMPTY

ANSWER = CachedAnswer((Answered(EMPTY, ({"rule": "email", "start": 1},), "stop"),), Usage(3, 4, 1))
CARD = ModelCard("m", "1", 100)


def generation(**change):
    return replace(Generation((Message("user", "hi"),), "m", 5, Sampling(0.0), "alice", "r"), **change)


def key(*, generation_=None, card=CARD, policy=None, version="1", **more):
    more.setdefault("owner", "alice")
    return answer_key(generation_ or generation(), card, policy or Policy.build(), version, **more)


def cache_in(store, *, max_bytes=10_000):
    return StoredCache(store, keep_seconds=60, max_bytes=max_bytes)


async def test_what_is_put_is_got():
    kept = cache_in(MemoryStore(max_bytes=10_000))
    assert await kept.get("k") is None
    await kept.put("k", ANSWER)
    assert await kept.get("k") == ANSWER


async def test_an_entry_that_is_damaged_is_not_there(caplog):
    store = MemoryStore(max_bytes=10_000)
    for damaged in (b"{", b"[]", b'{"response": "x"}', b"5", b"\xff"):
        await store.put("answers:k", damaged, 60)
        assert await cache_in(store).get("k") is None
    assert len(caplog.records) == 5


class Away:
    async def get(self, name):
        raise StoreAway

    async def put(self, name, value, seconds):
        raise StoreAway


async def test_a_store_that_is_away_costs_speed_and_no_answer():
    kept = cache_in(Away())
    assert await kept.get("k") is None
    await kept.put("k", ANSWER)


async def test_an_answer_that_is_too_long_is_not_kept():
    size = len(json.dumps({"choices": [], "usage": {}}))
    store = MemoryStore(max_bytes=10_000)
    await cache_in(store, max_bytes=size).put("k", ANSWER)
    assert await cache_in(store).get("k") is None


@pytest.mark.parametrize(
    "other",
    [
        {"owner": "bob"},
        {"state": "x"},
        {"version": "2"},
        {"card": ModelCard("m", "2", 100)},
        {"card": ModelCard("n", "1", 100)},
        {"policy": Policy.build(off=("email",))},
        {"policy": Policy.build(slug="other")},
        {"generation_": generation(max_tokens=6)},
        {"generation_": generation(sampling=Sampling(0.0, seed=1))},
        {"generation_": generation(stop=("x",))},
        {"generation_": generation(choices=2)},
        {"generation_": generation(messages=(Message("user", "hi!"),))},
        {"generation_": generation(messages=(Message("system", "hi"),))},
        {"generation_": generation(messages=(Message("system", "a"), Message("user", "hi")))},
    ],
)
def test_all_that_an_answer_depends_on_is_in_the_key(other):
    assert key(**other) != key()


def test_who_asked_for_it_is_not_in_the_key_beyond_the_owner():
    assert key(generation_=generation(caller="bob", request_id="q")) == key()


def test_the_key_begins_with_what_it_can_be_purged_by():
    policy = Policy.build(slug="strict")
    assert key(policy=policy).startswith(f"alice:strict@{policy.revision}:")


def test_an_answer_that_may_differ_each_time_has_no_key_unless_it_is_wished_for():
    warm = generation(sampling=Sampling(0.1))
    assert key(generation_=warm) is None
    assert key(generation_=warm, is_wished=True) is not None
