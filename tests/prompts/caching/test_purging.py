"""What is kept by wish, for whom, and how it is taken out again."""

import asyncio
import io
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts import person
from accounts.models import User
from prompts.asks import Idempotency
from prompts.caching.answers import StoredCache
from prompts.caching.purging import forget, purge
from prompts.caching.redis_store import RedisStore
from prompts.caching.replies import Replies
from prompts.caching.stores import MemoryStore
from prompts.errors import AnswersUnavailable
from sanitization.policies import Policy
from tests.fakes import Notebook, Parrot, house_of
from tests.prompts.caching.test_flights import Gate, begun
from tests.prompts.test_pipeline import ask, collect

STRICT = Policy.build(slug="strict", block=("iban",))


def house_in(store, backend=None, **more):
    return house_of(
        backend or Parrot(),
        journal=Notebook(),
        cache=StoredCache(store, keep_seconds=60, max_bytes=100_000),
        replies=Replies(store, keep_seconds=60, max_bytes=100_000),
        **more,
    )


async def filled(store, *users):
    """An answer and a reply of each user, under two policies."""
    for user in users:
        for policy in (None, STRICT):
            house = house_in(store, policy=policy)
            await collect(ask("hello", temperature=0, user_id=user), house)
            await collect(ask("hello", user_id=user, idempotency=Idempotency("k", "b")), house)


async def test_answers_and_replies_go_by_user_and_by_policy(store):
    ann, bob = uuid4(), uuid4()
    await filled(store, ann, bob)
    assert await asyncio.to_thread(purge, store, dry_run=True) == 8
    assert await asyncio.to_thread(purge, store, policy=f"strict@{'0' * 16}") == 0
    assert await asyncio.to_thread(purge, store, policy=f"strict@{STRICT.revision}", owner=ann.hex) == 2
    assert await asyncio.to_thread(purge, store, policy="strict") == 2
    assert await asyncio.to_thread(purge, store, owner=bob.hex) == 2
    parrot = Parrot()
    _, done = await collect(ask("hello", temperature=0, user_id=ann), house_in(store, parrot))
    assert done.begun.cache == "hit"
    assert await asyncio.to_thread(purge, store) == 2
    _, done = await collect(ask("hello", temperature=0, user_id=ann), house_in(store, parrot))
    assert done.begun.cache == "miss"


@pytest.mark.parametrize("policy", ["", "a:b", "st?ict", "strict@*", "strict@12", "[a-z]"])
def test_what_is_no_policy_purges_nothing(policy):
    with pytest.raises(ValueError):
        purge(MemoryStore(max_bytes=1), policy=policy)


async def test_what_is_being_answered_when_its_user_is_forgotten_is_not_kept(store):
    gate, user = Gate(), uuid4()
    house = house_in(store, gate)
    asking = await begun(ask("hello", temperature=0, user_id=user), house)
    await gate.said_first.wait()
    await asyncio.to_thread(forget, store, user.hex)
    gate.open.set()
    shown, _ = await asking
    assert shown.startswith("an answer")
    assert await asyncio.to_thread(purge, store, dry_run=True) == 0


@pytest.fixture
def shared_store(own_redis, monkeypatch):
    store = RedisStore(own_redis.url)
    monkeypatch.setattr("prompts.management.commands.purge_cache.answers_store", lambda: store)
    monkeypatch.setattr("prompts.person.answers_store", lambda: store)
    yield store
    store.close()


def told(*arguments):
    out = io.StringIO()
    call_command("purge_cache", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_counts_and_takes_out(shared_store, alice, bob):
    asyncio.run(filled(shared_store, alice.pk, bob.pk))
    assert told("--user", alice.email, "--policy", "strict", "--dry-run") == "answers: 2 would go\n"
    assert told("--user", alice.email) == "answers: 4 gone\n"
    assert told("--policy", "strict") == "answers: 2 gone\n"
    assert told("--all") == "answers: 2 gone\n"


@pytest.mark.parametrize(
    "arguments", [(), ("--all", "--policy", "x"), ("--policy", "a b"), ("--user", "nobody@example.org")]
)
def test_the_command_says_what_is_wrong(shared_store, db, arguments):
    with pytest.raises(CommandError) as refused:
        told(*arguments)
    assert refused.value.returncode == 2


def test_the_command_says_where_there_is_nothing_that_it_could_reach(shared_store, own_redis, monkeypatch):
    own_redis.stop()
    with pytest.raises(CommandError, match="Redis"):
        told("--all")
    own_redis.start()
    monkeypatch.setattr(
        "prompts.management.commands.purge_cache.answers_store", lambda: MemoryStore(max_bytes=1)
    )
    with pytest.raises(CommandError, match="memory"):
        told("--all")


def test_erasing_a_user_takes_out_what_is_kept_for_him(shared_store, alice, bob):
    asyncio.run(filled(shared_store, alice.pk, bob.pk))
    assert person.erase(alice, dry_run=True)["answers"] == 4
    assert person.erase(alice)["answers"] == 4
    assert purge(shared_store, dry_run=True) == 4
    assert purge(shared_store, owner=bob.pk.hex, dry_run=True) == 4


def test_an_erasure_that_cannot_reach_them_is_not_done_and_can_be_asked_for_again(
    shared_store, own_redis, alice
):
    own_redis.stop()
    with pytest.raises(AnswersUnavailable):
        person.erase(alice)
    assert User.objects.filter(pk=alice.pk).exists()
    own_redis.start()
    person.erase(alice)
    assert not User.objects.filter(pk=alice.pk).exists()


async def test_an_answer_is_kept_where_the_caller_wishes_it(store):
    parrot, user = Parrot(), uuid4()
    house, asked = house_in(store, parrot), ask("hello", user_id=user, temperature=1, is_to_be_kept=True)
    states = [(await collect(asked, house))[1].begun.cache for _ in range(2)]
    assert states == ["miss", "hit"]
    _, done = await collect(ask("hello", user_id=user, temperature=1), house)
    assert done.begun.cache == "off"
    _, done = await collect(ask("hello", user_id=user, temperature=1, is_to_be_kept=True, cache="off"), house)
    assert done.begun.cache == "off"


async def test_a_policy_may_wish_it_for_everybody():
    store = MemoryStore(max_bytes=1_000_000)
    house = house_in(store, policy=STRICT, keeps_for=frozenset({"strict"}))
    asked = ask("hello", temperature=1)
    states = [(await collect(asked, house))[1].begun.cache for _ in range(2)]
    assert states == ["miss", "hit"]
    _, done = await collect(asked, house_in(store, keeps_for=frozenset({"strict"})))
    assert done.begun.cache == "off"


async def test_where_answers_are_shared_each_user_gets_his_own_values_and_no_others(store):
    parrot = Parrot("[EMAIL_1] and eve@corp.com and [EMAIL_2]")
    house = house_in(store, parrot, shares_answers=True)
    asked = [ask(f"{name}@corp.com?", temperature=0, user_id=uuid4()) for name in ("ann", "bob", "cyd")]
    answers = [await collect(one, house) for one in asked]
    assert [done.begun.cache for _, done in answers] == ["miss", "hit", "hit"]
    shown = [shown for shown, _ in answers]
    assert shown == [shown[0].replace("ann", name) for name in ("ann", "bob", "cyd")]
    assert shown[0].startswith("ann@corp.com and [EMAIL_")
    assert "eve@" not in shown[0]
    assert [done.own_emails for _, done in answers] == [(f"{n}@corp.com",) for n in ("ann", "bob", "cyd")]
    assert len(parrot.generations) == 1


async def test_where_answers_are_shared_users_at_the_same_moment_share_them_too():
    parrot = Parrot(pause_seconds=0.002)
    house = house_in(MemoryStore(max_bytes=1_000_000), parrot, shares_answers=True)
    names = [f"user{number}" for number in range(6)]
    asked = [ask(f"{name}@corp.com?", temperature=0, user_id=uuid4()) for name in names]
    answers = await asyncio.gather(*(collect(one, house) for one in asked))
    assert [shown for shown, _ in answers] == [f"{name}@corp.com?" for name in names]
    assert len(parrot.generations) == 1
    everything = house.journal.everything()
    assert not any(f"{name}@" in everything for name in names)


async def test_what_differs_in_its_placeholders_is_not_shared():
    parrot = Parrot()
    house = house_in(MemoryStore(max_bytes=1_000_000), parrot, shares_answers=True)
    await collect(ask("ann@corp.com?", temperature=0, user_id=uuid4()), house)
    # The same words for the model, where the caller typed them himself: nothing is his to be put back.
    shown, done = await collect(ask("[EMAIL_1]?", temperature=0, user_id=uuid4()), house)
    assert shown == "[EMAIL_1]?"
    assert done.begun.cache == "miss"
