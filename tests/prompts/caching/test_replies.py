"""Requests with an Idempotency-Key, sent again."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from uuid import uuid4

import pytest

from inference.backends import Answering, CallPiece, Sampling, Tool, ToolUse
from inference.errors import QueueFull
from prompts.asks import Ask, plain
from prompts.caching.claims import Claims
from prompts.caching.flights import Flights
from prompts.caching.redis_store import RedisStore
from prompts.caching.replies import Replies, idempotency_of
from prompts.caching.stores import MemoryStore
from prompts.errors import IdempotencyKeyBusy, IdempotencyKeyReused, PromptBlocked, RequestRefused
from prompts.journal import Outcome
from prompts.pipeline import answer
from sanitization.policies import Policy
from tests.fakes import Notebook, Parrot, Shelf, house_of
from tests.prompts.caching.test_flights import Gate, begun
from tests.prompts.test_pipeline import CARD, collect

ALICE = uuid4()


def ask(prompt="write to ann@corp.com", *, key="k", user_id=ALICE, temperature=1.0, **more):
    return Ask(
        user_id=user_id,
        request_id="r",
        messages=plain(prompt),
        sampling=Sampling(temperature),
        idempotency=idempotency_of(key, "/p", prompt.encode(), secret=b"s") if key else None,
        **more,
    )


def replies_in(store):
    return Replies(store, keep_seconds=60, max_bytes=100_000)


def house_at(backend, **more):
    more.setdefault("replies", replies_in(MemoryStore(max_bytes=1_000_000)))
    return house_of(backend, **{"journal": Notebook(), "cache": Shelf(), **more})


class Changing(Parrot):
    """Says something else each time, as a model at a high temperature does."""

    def __init__(self, **more):
        super().__init__(**more)
        self.reply = lambda heard: f"{heard}, answer {len(self.generations)}"


async def test_the_same_request_gets_the_same_answer_and_its_own_values_whatever_the_samplers():
    parrot = Changing()
    house = house_at(parrot)
    first, one = await collect(ask(), house)
    again, other = await collect(ask(streamed=True), house)
    assert first == again == "write to ann@corp.com, answer 1"
    assert len(parrot.generations) == 1
    assert one.begun.id == other.begun.id
    assert one.begun.created_at == other.begun.created_at
    assert (one.begun.idempotency, other.begun.idempotency) == ("new", "replayed")
    assert (one.begun.cache, other.begun.cache) == ("off", "hit")
    assert one.result.usage == other.result.usage
    assert one.result.findings == other.result.findings
    assert (other.result.cached, other.result.charge.tokens) == (True, 0)
    assert len(house.journal.entries) == 2
    assert house.journal.outcomes == [Outcome.ANSWERED] * 2


async def test_another_body_is_refused_and_leaves_no_row():
    house = house_at(Parrot())
    await collect(ask("one"), house)
    with pytest.raises(IdempotencyKeyReused):
        await collect(ask("two"), house)
    assert len(house.journal.entries) == 1


@pytest.mark.parametrize("other", [{"key": "k2"}, {"user_id": uuid4()}, {"key": None}])
async def test_another_key_another_user_or_none_is_another_request(other):
    parrot = Changing()
    house = house_at(parrot)
    await collect(ask(), house)
    shown, done = await collect(ask(**other), house)
    assert shown.endswith("answer 2")
    assert done.begun.idempotency in ("new", "")


async def test_nothing_raw_and_no_body_is_kept():
    store = MemoryStore(max_bytes=1_000_000)
    house = house_at(Parrot("to eve@corp.com and [EMAIL_1]"), replies=replies_in(store))
    shown, _ = await collect(ask(key="my-ann@corp.com-key"), house)
    assert shown.endswith("ann@corp.com")
    kept = repr(store._kept)
    assert "corp.com" not in kept
    assert "my-" not in kept
    assert "[EMAIL_2]" in kept


async def test_no_store_keeps_no_answer_and_still_the_reply():
    parrot, shelf = Changing(), Shelf()
    house = house_at(parrot, cache=shelf)
    asked = ask(cache="off", temperature=0)
    assert await collect(asked, house) != await collect(replace(asked, idempotency=None), house)
    _, done = await collect(asked, house)
    assert done.begun.idempotency == "replayed"
    assert not shelf.kept


async def test_a_reply_and_a_kept_answer_are_found_by_each_other():
    parrot = Changing()
    house = house_at(parrot)
    first, _ = await collect(ask(temperature=0, key=None), house)
    second, done = await collect(ask(temperature=0), house)
    assert (done.begun.cache, done.begun.idempotency) == ("hit", "new")
    house.cache.kept.clear()
    third, done = await collect(ask(temperature=0), house)
    assert done.begun.idempotency == "replayed"
    assert first == second == third


@pytest.mark.parametrize("error", [QueueFull(retry_after_seconds=1), ZeroDivisionError()])
async def test_a_failure_does_not_pin_the_key(error):
    parrot = Parrot("partly", error=error)
    house = house_at(parrot)
    with pytest.raises(type(error)):
        await collect(ask(), house)
    parrot.error = None
    shown, done = await collect(ask("another body"), house)
    assert shown == "partly"
    assert done.begun.idempotency == "new"


async def test_neither_a_blocked_prompt_nor_a_caller_who_left_pins_the_key():
    house = house_at(Parrot(pause_seconds=0.01), policy=Policy.build(block=("credit_card",)))
    with pytest.raises(PromptBlocked):
        await collect(ask(CARD), house)
    left = await begun(ask("hello"), house)
    left.cancel()
    await asyncio.wait([left])
    shown, _ = await collect(ask("another body"), house)
    assert shown == "another body"


async def test_an_answer_that_was_cut_off_is_cut_off_again():
    house = house_at(Parrot(f"it is {CARD} and more"), policy=Policy.build(block=("credit_card",)))
    answers = [await collect(ask("hello"), house) for _ in range(2)]
    assert [shown for shown, _ in answers] == ["it is "] * 2
    assert house.journal.outcomes == [Outcome.TRUNCATED] * 2
    assert answers[1][1].choices[0].finish_reason == "content_filter"
    assert answers[1][1].begun.idempotency == "replayed"


async def test_sent_again_while_it_is_answered_it_joins_and_another_body_does_not():
    gate = Gate()
    house = house_at(gate)
    first = await begun(ask("hello"), house)
    second = await begun(ask("hello"), house, first=False)
    with pytest.raises(IdempotencyKeyReused):
        await collect(ask("another body"), house)
    gate.open.set()
    (said, one), (heard, other) = await asyncio.gather(first, second)
    assert said == heard
    assert len(gate.generations) == 1
    assert one.begun.id == other.begun.id
    assert (one.begun.idempotency, other.begun.idempotency) == ("new", "replayed")
    assert other.result.charge.tokens == 0


async def test_sent_twice_at_once_it_is_answered_once():
    parrot = Changing(pause_seconds=0.001)
    house = house_at(parrot)
    answers = await asyncio.gather(*(collect(ask(), house) for _ in range(20)))
    assert len({shown for shown, _ in answers}) == 1
    assert len({done.begun.id for _, done in answers}) == 1
    assert len(parrot.generations) == 1
    assert len(house.journal.entries) == 20


async def test_calls_of_tools_and_several_choices_come_again_with_their_ids():
    words = ["I call ", CallPiece(0, "send", '{"to": "'), CallPiece(0, arguments='eve@corp.com"}')]
    house = house_at(Parrot(words))
    asked = ask("hello", choices=2, tools=(Tool("send", "sends", "{}"),), tool_use=ToolUse())
    (_, one), (_, other) = [await collect_all(asked, house) for _ in range(2)]
    assert one.choices == other.choices
    assert one.choices[0].calls[0].id != one.choices[1].calls[0].id
    assert other.begun.idempotency == "replayed"


async def collect_all(asked, house):
    """All events, and the last."""
    async with aclosing(answer(asked, house)) as events:
        heard = [event async for event in events]
    return heard, heard[-1]


async def test_other_rules_make_another_request_of_it():
    parrot, store = Changing(), MemoryStore(max_bytes=1_000_000)
    await collect(ask(), house_at(parrot, replies=replies_in(store)))
    stricter = house_at(parrot, replies=replies_in(store), policy=Policy.build(block=("iban",)))
    shown, _ = await collect(ask(), stricter)
    assert shown.endswith("answer 2")


async def test_other_detectors_make_another_request_of_it():
    parrot, store = Changing(), MemoryStore(max_bytes=1_000_000)
    await collect(ask(), house_at(parrot, replies=replies_in(store)))
    newer = house_at(parrot, replies=replies_in(store))
    newer.chain.version = "newer"
    shown, done = await collect(ask(), newer)
    assert shown.endswith("answer 2")
    assert done.begun.idempotency == "new"
    shown, done = await collect(ask(), newer)
    assert (shown[-1], done.begun.idempotency) == ("2", "replayed")


async def test_the_model_that_really_answered_is_named_again():
    class Fallback(Parrot):
        async def answer(self, generation):
            yield Answering(replace(self.choose(None), name="other", revision="7"))
            async for event in super().answer(generation):
                yield event

    house = house_at(Fallback())
    models = [(await collect(ask(), house))[1].begun.model for _ in range(2)]
    assert models == ["other"] * 2


async def test_in_a_conversation_its_values_are_still_its_own():
    conversation, house = uuid4(), house_at(Changing())
    first, _ = await collect(ask(conversation_id=conversation), house)
    await collect(ask("then bob@corp.com", key=None, conversation_id=conversation), house)
    again, done = await collect(ask(conversation_id=conversation), house)
    assert first == again
    assert done.begun.idempotency == "replayed"


async def test_processes_join_each_other_and_know_each_others_bodies(own_redis):
    stores = [RedisStore(own_redis.url) for _ in range(3)]
    gate, parrot = Gate("hello to eve@corp.com " * 3), Parrot()
    here, there, hasty = (
        house_at(
            backend, replies=replies_in(store), flights=Flights(Claims(store, patience_seconds=patience))
        )
        for backend, store, patience in zip((gate, parrot, parrot), stores, (30, 30, 0.1), strict=True)
    )
    first = await begun(ask(), here)
    await gate.said_first.wait()
    second = await begun(ask(), there)
    with pytest.raises(IdempotencyKeyReused):
        await collect(ask("another body"), hasty)
    with pytest.raises(IdempotencyKeyBusy):
        await collect(ask(), hasty)
    assert hasty.journal.outcomes == [Outcome.REFUSED] * 2
    gate.open.set()
    (said, one), (heard, other) = await asyncio.gather(first, second)
    assert said == heard
    assert one.begun.id == other.begun.id
    assert not parrot.generations
    assert b"corp.com" not in own_redis.everything()
    for store in stores:
        store.close()


async def test_redis_away_means_that_it_is_answered_and_said_so(own_redis):
    store = RedisStore(own_redis.url)
    house = house_at(Changing(), replies=replies_in(store), flights=Flights(Claims(store)))
    own_redis.stop()
    answers = [await collect(ask(), house) for _ in range(2)]
    assert [shown[-1] for shown, _ in answers] == ["1", "2"]
    assert [done.begun.idempotency for _, done in answers] == ["unavailable"] * 2
    store.close()
    own_redis.start()


async def test_a_damaged_reply_is_none(caplog):
    store = MemoryStore(max_bytes=1_000)
    for damaged in (b"{", b"[]", b"{}", b'{"layout": 0}', b'{"layout": 1}'):
        await store.put("replies:n", damaged, 60)
        assert await replies_in(store).find("n", "b") is None


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "ключ", "\x7f"])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(RequestRefused):
        idempotency_of(key, "/p", b"", secret=b"s")


def test_marks_hide_what_they_mark_and_differ_by_path_and_secret():
    made = idempotency_of("key", "/p", b"body", secret=b"s")
    assert made == idempotency_of("key", "/p", b"body", secret=b"s")
    assert made.body != idempotency_of("key", "/q", b"body", secret=b"s").body
    assert made.key == idempotency_of("key", "/q", b"body", secret=b"s").key
    assert made.key != idempotency_of("key", "/p", b"body", secret=b"t").key
    assert made.body != idempotency_of("key", "/p", b"body", secret=b"t").body
