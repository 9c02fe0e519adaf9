"""Both stores by the same tests, and what only one of them has to bear."""

import asyncio
import time

import pytest

from accounts.redis_line import SOCKET_SECONDS
from prompts.caching.redis_store import RedisStore
from prompts.caching.stores import MemoryStore, StoreAway


async def test_a_value_is_there_for_its_time(store):
    assert await store.get("a:b") is None
    await store.put("a:b", b"\x00 value", 60)
    assert await store.get("a:b") == b"\x00 value"
    await store.put("a:b", b"other", 60)
    assert await store.get("a:b") == b"other"
    await store.put("a:b", b"third", 0.05)
    async with asyncio.timeout(30):
        while await store.get("a:b") is not None:
            await asyncio.sleep(0.02)


async def test_what_has_a_name_like_this_is_purged_and_nothing_else(store):
    names = ("answers:ann:p@1:x", "answers:ann:p@2:y", "answers:bob:p@1:x", "replies:ann:p@1:x")
    for name in names:
        await store.put(name, b"v", 60)
    assert store.purge("answers:ann:*", dry_run=True) == 2
    assert await store.get("answers:ann:p@1:x")
    assert store.purge("answers:ann:*") == 2
    assert [name for name in names if await store.get(name)] == list(names[2:])
    assert store.purge("*:p@1:*") == 2


async def test_memory_holds_no_more_than_its_bound_and_keeps_what_is_asked_for():
    store = MemoryStore(max_bytes=100)
    for number in range(10):
        await store.put(f"n{number}", b"x" * 20, 60)
        await store.get("n0")
    assert store.bytes <= 100
    assert await store.get("n0")
    assert await store.get("n1") is None
    await store.put("huge", b"x" * 101, 60)
    assert await store.get("huge") is None
    assert await store.get("n0")


async def test_callers_at_once_share_round_trips(own_redis):
    store = RedisStore(own_redis.url)
    await asyncio.gather(*(store.put(f"n{number}", b"%d" % number, 60) for number in range(500)))
    values = await asyncio.gather(*(store.get(f"n{number}") for number in range(500)))
    assert values == [b"%d" % number for number in range(500)]
    store.close()


async def test_a_redis_that_hangs_is_waited_for_once_and_then_left_alone_until_it_is_well(
    own_redis, hasty, caplog
):
    store = RedisStore(own_redis.url)
    await store.put("a", b"v", 60)
    own_redis.hang()
    began = time.monotonic()
    refused = await asyncio.gather(*(store.get("a") for _ in range(20)), return_exceptions=True)
    assert all(isinstance(error, StoreAway) for error in refused)
    assert time.monotonic() - began < SOCKET_SECONDS * 10
    assert not store.works
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(StoreAway):
            await store.get("a")
    assert time.monotonic() - began < SOCKET_SECONDS * 10  # a hundred times no time-out
    own_redis.go_on()
    while not store.works:
        await asyncio.sleep(0.05)
    assert await store.get("a") == b"v"
    assert [record.message for record in caplog.records] == ["cache away", "cache is back"]
    store.close()


async def test_a_redis_that_is_gone_comes_back_empty_and_is_used_again(own_redis):
    store = RedisStore(own_redis.url)
    await store.put("a", b"v", 60)
    own_redis.stop()
    with pytest.raises(StoreAway):
        await store.get("a")
    with pytest.raises(StoreAway):
        store.purge("*")
    own_redis.start()
    while not store.works:
        await asyncio.sleep(0.05)
    assert await store.get("a") is None
    store.close()


async def test_a_redis_that_is_full_keeps_nothing_more_and_still_answers(own_redis):
    store = RedisStore(own_redis.url)
    await store.put("a", b"v", 60)
    with own_redis.client() as client:
        client.config_set("maxmemory", "1")
        client.config_set("maxmemory-policy", "noeviction")
    with pytest.raises(StoreAway):
        await store.put("b", b"v", 60)
    assert store.works
    assert await store.get("a") == b"v"
    store.close()
