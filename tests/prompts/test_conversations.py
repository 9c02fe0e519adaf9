"""Prompts of one conversation share their placeholders, and nobody else can read what they stand for."""

import asyncio
import json
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core.cache import cache as store

from prompts import composition, conversations
from prompts.conversations import Conversations, Seal, bounded
from prompts.errors import ConversationBusy, ConversationsUnavailable
from prompts.models import Prompt
from sanitization.placeholders import Memory, Placeholders
from tests.fakes import Shelf, house_of

ALICE, BOB, TALK = uuid4(), uuid4(), uuid4()


class Drawer:
    """A store in a dict. `away` makes every call fail."""

    def __init__(self):
        self.kept = {}
        self.away = False

    async def aget(self, key):
        await self._answer()
        return self.kept.get(key)

    async def aset(self, key, value, timeout):
        await self._answer()
        self.kept[key] = value

    async def aadd(self, key, value, timeout):
        await self._answer()
        return self.kept.setdefault(key, value) is value

    async def adelete(self, key):
        await self._answer()
        return self.kept.pop(key, None) is not None

    async def _answer(self):
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionError("ann@corp.com")


@pytest.fixture
def drawer():
    return Drawer()


def opened(drawer, secret=b"s" * 50):
    return Conversations(drawer, secret=secret, keep_seconds=60)


async def mint(talks, *values, user=ALICE, talk=TALK):
    async with talks.turn(user, talk) as turn:
        placeholders = Placeholders(memory=turn.memory)
        names = [placeholders.mint("email", value) for value in values]
        turn.memory = placeholders.memory()
    return names


async def test_a_value_has_the_same_name_in_every_turn(drawer):
    talks = opened(drawer)
    assert await mint(talks, "ann@x.io", "bob@x.io") == ["[EMAIL_1]", "[EMAIL_2]"]
    assert await mint(talks, "carl@x.io", "ann@x.io") == ["[EMAIL_3]", "[EMAIL_1]"]


async def test_nothing_lies_in_the_store_in_the_clear(drawer):
    await mint(opened(drawer), "ann@x.io")
    assert len(drawer.kept) == 1
    for key, value in drawer.kept.items():
        assert "ann" not in f"{key} {value}"
        assert "EMAIL" not in f"{key} {value}"


async def test_another_user_another_conversation_and_another_service_begin_anew(drawer):
    await mint(opened(drawer), "ann@x.io")
    [(_, sealed)] = drawer.kept.items()
    assert await mint(opened(drawer), "bob@x.io", user=BOB) == ["[EMAIL_1]"]
    # Even where somebody copies what is sealed to a place of their own.
    other = uuid4()
    drawer.kept = {f"conversation:{BOB}:{TALK}": sealed, f"conversation:{ALICE}:{other}": sealed}
    assert await mint(opened(drawer), "bob@x.io", user=BOB) == ["[EMAIL_1]"]
    assert await mint(opened(drawer), "bob@x.io", talk=other) == ["[EMAIL_1]"]
    drawer.kept = {f"conversation:{ALICE}:{TALK}": sealed}
    assert await mint(opened(drawer, secret=b"t" * 50), "bob@x.io") == ["[EMAIL_1]"]


@pytest.mark.parametrize(
    "spoil", [lambda b: b[:-1], lambda b: b"\x02" + b[1:], lambda b: b"", lambda b: "text"]
)
async def test_what_was_changed_in_the_store_is_nothing(drawer, spoil):
    await mint(opened(drawer), "ann@x.io")
    drawer.kept = {key: spoil(value) for key, value in drawer.kept.items()}
    assert await mint(opened(drawer), "bob@x.io") == ["[EMAIL_1]"]


def test_a_seal_is_never_the_same_twice_and_opens_only_in_its_place():
    seal = Seal(b"s" * 50)
    first, second = seal.close(b"x", b"here"), seal.close(b"x", b"here")
    assert first != second
    assert seal.open(first, b"here") == b"x"
    assert seal.open(first, b"there") is None
    for at in range(len(first)):
        assert seal.open(first[:at] + bytes([first[at] ^ 1]) + first[at + 1 :], b"here") is None


async def test_prompts_at_the_same_time_never_name_two_values_alike(drawer):
    talks = opened(drawer)
    values = [f"u{number}@x.io" for number in range(20)]
    named = await asyncio.gather(*(mint(talks, value) for value in values))
    assert len({name for [name] in named}) == len(values)
    assert await mint(talks, *values) == [name for [name] in named]


async def test_a_conversation_that_stays_locked_is_busy(drawer, monkeypatch):
    monkeypatch.setattr(conversations, "WAIT_SECONDS", 0.05)
    talks = opened(drawer)
    async with talks.turn(ALICE, TALK):
        with pytest.raises(ConversationBusy):
            await mint(talks, "ann@x.io")
        assert await mint(talks, "ann@x.io", user=BOB) == ["[EMAIL_1]"]
    assert await mint(talks, "ann@x.io") == ["[EMAIL_1]"]


async def test_a_turn_whose_lease_ran_out_overwrites_nothing(drawer):
    talks = opened(drawer)
    lock = f"conversation-lock:{ALICE}:{TALK}"

    async def take_too_long():
        async with talks.turn(ALICE, TALK) as turn:
            drawer.kept[lock] = "somebody else's"
            turn.memory = Memory((("email", "ann@x.io", "[EMAIL_1]"),), {"EMAIL": 2})

    with pytest.raises(ConversationBusy):
        await take_too_long()
    assert drawer.kept == {lock: "somebody else's"}


async def test_a_turn_that_fails_keeps_nothing_and_unlocks(drawer):
    talks = opened(drawer)

    async def fail():
        async with talks.turn(ALICE, TALK) as turn:
            turn.memory = Memory((("email", "ann@x.io", "[EMAIL_1]"),), {"EMAIL": 2})
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()
    assert drawer.kept == {}


async def test_a_store_that_is_away_says_so_and_no_more(drawer, caplog):
    drawer.away = True
    with pytest.raises(ConversationsUnavailable) as raised:
        await mint(opened(drawer), "ann@x.io")
    assert "ann" not in f"{raised.value} {raised.value.__cause__} {caplog.text}"


def test_what_is_kept_is_bounded_and_numbers_are_not_given_twice():
    placeholders = Placeholders()
    for number in range(conversations.MAX_VALUES + 10):
        placeholders.mint("email", f"u{number}@x.io")
    kept = bounded(placeholders.memory())
    assert len(kept.entries) == conversations.MAX_VALUES
    assert kept.entries[-1][2] == f"[EMAIL_{conversations.MAX_VALUES + 10}]"
    again = Placeholders(memory=kept)
    assert again.mint("email", "u0@x.io") == f"[EMAIL_{conversations.MAX_VALUES + 11}]"
    placeholders.mint("note", "x" * conversations.MAX_BYTES)
    assert bounded(placeholders.memory()).entries == ()


def test_a_memory_survives_its_document():
    placeholders = Placeholders()
    placeholders.mint("email", 'é"\n\ud800')
    memory = placeholders.memory()
    assert Memory.from_document(json.loads(json.dumps(memory.as_document()))) == memory
    assert "é" not in repr(memory)


# -- over HTTP --


@pytest.fixture
def talking(parrot, journal):
    """The house with conversations in Django's cache."""
    store.clear()
    kept = Conversations(store, secret=settings.SECRET_KEY.encode(), keep_seconds=60)
    house = house_of(parrot, journal=journal, cache=Shelf(), conversations=kept)
    composition.install(house)
    yield house
    composition.install(None)
    store.clear()


@pytest.mark.django_db(transaction=True)
async def test_a_conversation_remembers_its_values_for_its_user(as_alice, as_bob, talking, parrot):
    first = (await as_alice.ask("ann@corp.com", conversationId="new")).json()
    talk = first["conversationId"]
    assert UUID(talk).version == 7
    second = (await as_alice.ask("bob@corp.com and ann@corp.com", conversationId=talk)).json()
    assert (second["promptSent"], second["conversationId"]) == ("[EMAIL_2] and [EMAIL_1]", talk)
    assert second["emailsSanitized"] == ["bob@corp.com", "ann@corp.com"]
    third = (await as_alice.ask("again [EMAIL_1]", conversationId=talk)).json()
    assert (third["response"], third["emailsSanitized"]) == ("again ann@corp.com", [])
    stranger = (await as_bob.ask("again [EMAIL_1]", conversationId=talk)).json()
    assert stranger["response"] == "again [EMAIL_1]"
    assert (await as_alice.ask("again [EMAIL_1]")).json()["response"] == "again [EMAIL_1]"
    rows = [row async for row in Prompt.objects.values_list("prompt", "response")]
    assert "corp.com" not in str(rows)


@pytest.mark.django_db(transaction=True)
async def test_what_an_answer_made_up_is_never_the_name_of_a_later_value(as_alice, talking, parrot):
    parrot.words = "ask eve@corp.com"
    first = (await as_alice.ask("ann@corp.com", conversationId="new", temperature=0)).json()
    assert first["response"] == "ask [EMAIL_2]"
    talk = first["conversationId"]
    second = (await as_alice.ask("bob@corp.com", conversationId=talk)).json()
    assert second["promptSent"] == "[EMAIL_3]"


@pytest.mark.django_db(transaction=True)
async def test_an_answer_from_the_cache_means_what_it_meant(as_alice, talking, parrot):
    parrot.words = "[EMAIL_1] or eve@corp.com"
    first = (await as_alice.ask("ann@corp.com", conversationId="new", temperature=0)).json()
    assert first["response"] == "ann@corp.com or [EMAIL_2]"
    talk = (await as_alice.ask("x@corp.com y@corp.com", conversationId="new")).json()["conversationId"]
    other = (await as_alice.ask("x@corp.com", conversationId=talk, temperature=0)).json()
    assert other["cached"] is False
    assert "y@corp.com" not in other["response"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("wrong", ["", "x", 5, "new ", True, [], "urn:uuid:" + "0" * 32])
async def test_a_conversation_is_named_by_a_uuid(as_alice, talking, wrong):
    response = await as_alice.ask("hello", conversationId=wrong)
    assert (response.status_code, list(response.json()["errors"])) == (400, ["conversationId"])


@pytest.mark.django_db(transaction=True)
async def test_a_busy_conversation_is_a_conflict_and_no_store_is_a_503(as_alice, talking, monkeypatch):
    monkeypatch.setattr(conversations, "WAIT_SECONDS", 0.05)
    talk = (await as_alice.ask("ann@corp.com", conversationId="new")).json()["conversationId"]
    [row] = [row async for row in Prompt.objects.all()]
    await store.aset(f"conversation-lock:{row.user_id}:{talk}", "x", 10)
    response = await as_alice.ask("ann@corp.com", conversationId=talk)
    assert (response.status_code, response.json()["code"]) == (409, "conversation-busy")
    composition.install(replace(talking, conversations=None))
    response = await as_alice.ask("ann@corp.com", conversationId=talk)
    assert (response.status_code, response.json()["code"]) == (503, "conversations-unavailable")
