"""The same request, asked while it is being answered."""

import asyncio
from contextlib import aclosing
from uuid import uuid4

import pytest

from inference.backends import CallPiece, Tool, ToolUse
from inference.errors import DeadlineExceeded, GenerationFailed, QueueFull
from prompts.caching.flights import Flights
from prompts.errors import JournalUnavailable
from prompts.events import Begun, CallDelta, Delta
from prompts.journal import Outcome
from prompts.pipeline import answer
from sanitization.policies import Policy
from tests.fakes import Notebook, Parrot, Shelf, house_of
from tests.prompts.test_pipeline import ask, collect

LONG = "an answer of many words, to ann@corp.com " * 5


class Gate:
    """A Parrot that says its first words, and the rest once it is let."""

    def __init__(self, words=LONG, **more):
        self.parrot = Parrot(words, **more)
        self.open = asyncio.Event()
        self.said_first = asyncio.Event()
        self.generations = self.parrot.generations
        self.choose, self.models, self.status = self.parrot.choose, self.parrot.models, self.parrot.status

    async def answer(self, generation):
        async with aclosing(self.parrot.answer(generation)) as events:
            count = 0
            async for event in events:
                yield event
                count += 1
                if count == 20:
                    self.said_first.set()
                    await self.open.wait()


def house_at(backend, **more):
    return house_of(backend, **{"cache": Shelf(), "journal": Notebook(), **more})


async def begun(asked, house, *, first=True):
    """A caller who has been boarded: his task."""
    task = asyncio.create_task(collect(asked, house))
    async with asyncio.timeout(30):
        while sum(flight.riders for flight in house.flights._flights.values()) < (1 if first else 2):
            await asyncio.sleep(0)
            if task.done():
                break
    return task


async def test_the_same_prompt_at_the_same_time_is_generated_once_and_each_has_a_row_and_his_own_values():
    gate, user = Gate(), uuid4()
    house = house_at(gate)
    one = await begun(ask("write to ann@corp.com", temperature=0, user_id=user), house)
    other = await begun(ask("write to bob@corp.com", temperature=0, user_id=user), house, first=False)
    gate.open.set()
    (said, first), (heard, second) = await asyncio.gather(one, other)
    assert len(gate.generations) == 1
    assert said == heard  # the model's own words: its address is nobody's here
    assert "[EMAIL_2]" in said
    assert (first.begun.cache, second.begun.cache) == ("miss", "shared")
    assert (first.result.cached, second.result.cached) == (False, True)
    assert first.result.usage == second.result.usage
    assert first.result.findings[1:] == second.result.findings[1:] != ()
    assert first.result.response == second.result.response
    assert house.journal.outcomes == [Outcome.ANSWERED] * 2
    assert len(house.journal.entries) == 2
    assert not len(house.flights)


async def test_each_who_shares_gets_his_own_values_back():
    user, parrot = uuid4(), Parrot(pause_seconds=0.001, cut=1)
    house = house_at(parrot)
    addresses = [f"user{number}@corp.com" for number in range(8)]
    asked = [ask(f"{address} wrote", temperature=0, user_id=user) for address in addresses]
    answers = await asyncio.gather(*(collect(one, house) for one in asked))
    assert [shown for shown, _ in answers] == [f"{address} wrote" for address in addresses]
    assert len(parrot.generations) == 1
    assert "@corp.com" not in house.journal.everything() + repr(house.cache.kept)


async def test_who_comes_later_hears_all_of_it_from_the_beginning_and_as_it_comes():
    gate, user = Gate(cut=1), uuid4()
    house = house_at(gate)
    leader = await begun(ask("hello", temperature=0, user_id=user, streamed=True), house)
    await gate.said_first.wait()
    async with aclosing(answer(ask("hello", temperature=0, user_id=user, streamed=True), house)) as events:
        assert (await anext(events)).cache == "shared"
        early = (await anext(events)).text
        while len(early) < 5:
            early += (await anext(events)).text
        assert not leader.done()  # the model has not gone on
        assert LONG.startswith(early)
        gate.open.set()
        rest = [event.text async for event in events if isinstance(event, Delta)]
    shown, _ = await leader
    assert early + "".join(rest) == shown


@pytest.mark.parametrize("streamed", [(True, False), (False, True), (False, False)])
async def test_streams_and_whole_answers_share(streamed):
    gate, user = Gate(cut=1), uuid4()
    house = house_at(gate)
    first, second = (ask("hello", temperature=0, user_id=user, streamed=one) for one in streamed)
    leader = await begun(first, house)
    follower = await begun(second, house, first=False)
    gate.open.set()
    (said, _), (heard, _) = await asyncio.gather(leader, follower)
    assert said == heard
    assert len(gate.generations) == 1


async def test_a_stream_that_joins_an_answer_nobody_read_along_is_not_made_to_wait_for_its_end():
    gate, user = Gate("word " * 100, cut=1), uuid4()
    house = house_at(gate)
    leader = await begun(ask("hello", temperature=0, user_id=user), house)
    joined = answer(ask("hello", temperature=0, user_id=user, streamed=True), house)
    async with aclosing(joined):
        assert isinstance(await anext(joined), Begun)  # with the gate closed
        gate.open.set()
        async for _ in joined:
            pass
    await leader


async def test_several_answers_and_calls_of_tools_are_shared():
    def piece(number, name="", arguments=""):
        return CallPiece(number, name, arguments)

    words = [
        "I call ",
        piece(0, "send", '{"to": "'),
        piece(0, arguments='eve@corp.com"}'),
        piece(1, "send", "{}"),
    ]
    parrot, user = Parrot(words, pause_seconds=0.005), uuid4()
    house = house_at(parrot)
    tools = (Tool("send", "sends", "{}"),)
    asked = ask("hello", temperature=0, user_id=user, choices=2, tools=tools, tool_use=ToolUse())

    async def calls():
        async with aclosing(answer(asked, house)) as events:
            heard = [event async for event in events]
        told = [
            (one.choice, one.call, one.name, one.arguments) for one in heard if isinstance(one, CallDelta)
        ]
        return told, heard[-1]

    (first, one), (second, other) = await asyncio.gather(calls(), calls())
    assert first == second != []
    assert len(parrot.generations) == 1
    assert [shown.text for shown in one.choices] == [shown.text for shown in other.choices]
    assert one.choices[0].calls[0].id != other.choices[0].calls[0].id
    assert one.result.choices == other.result.choices
    assert "eve@corp.com" not in house.journal.everything()


async def test_nobody_shares_across_users():
    parrot = Parrot(pause_seconds=0.001)
    house = house_at(parrot)
    await asyncio.gather(*(collect(ask("hello", temperature=0, user_id=uuid4()), house) for _ in range(3)))
    assert len(parrot.generations) == 3


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0.5}, {"cache": "off"}, {"cache": "refresh"}, {"max_tokens": 9}, {"priority": "batch"}],
)
async def test_what_is_not_the_same_or_shall_be_new_is_not_shared(change):
    parrot, user = Parrot(pause_seconds=0.001), uuid4()
    house = house_at(parrot)
    same = {"temperature": 0, "user_id": user}
    await asyncio.gather(
        collect(ask("hello", **same), house), collect(ask("hello", **(same | change)), house)
    )
    assert len(parrot.generations) == 2


async def test_the_first_one_who_leaves_strands_nobody_and_pays_for_what_came():
    gate, user = Gate(), uuid4()
    house = house_at(gate)
    leader = await begun(ask("hello", temperature=0, user_id=user), house)
    follower = await begun(ask("hello", temperature=0, user_id=user), house, first=False)
    await gate.said_first.wait()
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    gate.open.set()
    shown, done = await follower
    assert shown.startswith("an answer")
    assert done.begun.cache == "shared"
    assert not done.result.cached  # what the first one left unpaid, the next one pays
    assert sorted(house.journal.outcomes) == [Outcome.ANSWERED, Outcome.CANCELLED]
    charged = {row.outcome: row.charge.tokens for rows in house.journal.results.values() for row in rows}
    assert charged[Outcome.CANCELLED] > 0
    assert charged[Outcome.ANSWERED] == done.result.usage.prompt_tokens + done.result.usage.completion_tokens


async def test_one_pays_and_who_follows_does_not():
    gate, user = Gate(), uuid4()
    house = house_at(gate)
    leader = await begun(ask("hello", temperature=0, user_id=user), house)
    follower = await begun(ask("hello", temperature=0, user_id=user), house, first=False)
    gate.open.set()
    (_, first), (_, second) = await asyncio.gather(leader, follower)
    assert first.result.charge.tokens > 0
    assert second.result.charge.tokens == 0


async def test_when_the_last_one_leaves_the_model_is_free_and_nothing_is_kept():
    gate, user = Gate(), uuid4()
    house = house_at(gate)
    callers = [
        await begun(ask("hello", temperature=0, user_id=user), house, first=not number) for number in range(2)
    ]
    await gate.said_first.wait()
    callers[0].cancel()
    await asyncio.wait([callers[0]])
    assert gate.parrot.running == 1
    callers[1].cancel()
    await asyncio.wait([callers[1]])
    assert gate.parrot.running == 0
    assert not house.cache.kept
    assert not len(house.flights)
    gate.open.set()
    _, done = await collect(ask("hello", temperature=0, user_id=user), house)
    assert done.begun.cache == "miss"


@pytest.mark.parametrize("error", [QueueFull(retry_after_seconds=3), GenerationFailed(), ZeroDivisionError()])
async def test_a_failure_is_everybodys_who_waited_for_it_and_nobodys_after(error):
    parrot, user = Parrot("partly", error=error, pause_seconds=0.001), uuid4()
    house = house_at(parrot)
    asked = ask("hello", temperature=0, user_id=user)
    failed = await asyncio.gather(*(collect(asked, house) for _ in range(3)), return_exceptions=True)
    assert failed == [error] * 3
    assert len(parrot.generations) == 1
    assert len(house.journal.outcomes) == 3
    assert house.journal.outcomes[0] not in (Outcome.ANSWERED, Outcome.CANCELLED)
    charged = [row.charge.tokens for rows in house.journal.results.values() for row in rows]
    assert sum(tokens > 0 for tokens in charged) <= 1
    parrot.error = None
    shown, _ = await collect(asked, house)
    assert shown == "partly"


async def test_a_callers_own_deadline_ends_his_waiting_and_not_the_others():
    gate, user = Gate(), uuid4()
    house = house_at(gate)
    patient = await begun(ask("hello", temperature=0, user_id=user), house)
    with pytest.raises(DeadlineExceeded):
        await collect(ask("hello", temperature=0, user_id=user, deadline_seconds=0.05), house)
    gate.open.set()
    shown, _ = await patient
    assert shown.startswith("an answer")
    assert len(gate.generations) == 1
    assert sorted(house.journal.outcomes) == [Outcome.ANSWERED, Outcome.TIMED_OUT]


async def test_nobody_joins_a_caller_whose_deadline_reaches_the_model():
    parrot, user = Parrot(pause_seconds=0.001), uuid4()
    house = house_at(parrot)
    asked = [
        ask("hello", temperature=0, user_id=user, deadline_seconds=9),
        ask("hello", temperature=0, user_id=user),
    ]
    await asyncio.gather(*(collect(one, house) for one in asked))
    assert [one.deadline_seconds for one in parrot.generations] == [9, None]


async def test_an_answer_that_the_policy_cuts_off_is_cut_off_for_everybody_and_not_kept():
    parrot, user = Parrot("the key is 4111 1111 1111 1111 and more", cut=1, pause_seconds=0.001), uuid4()
    house = house_at(parrot, policy=Policy.build(block=("credit_card",)))
    asked = ask("hello", temperature=0, user_id=user)
    (one, first), (other, second) = await asyncio.gather(collect(asked, house), collect(asked, house))
    assert one == other == "the key is "
    assert len(parrot.generations) == 1
    assert [done.result.finish_reason for done in (first, second)] == ["content_filter"] * 2
    assert house.journal.outcomes == [Outcome.TRUNCATED] * 2
    assert not house.cache.kept


async def test_a_row_that_cannot_be_committed_is_its_own_callers_trouble():
    gate, user = Gate(), uuid4()
    house = house_at(gate)
    leader = await begun(ask("hello", temperature=0, user_id=user), house)
    house.journal.is_away = True
    with pytest.raises(JournalUnavailable):
        await collect(ask("hello", temperature=0, user_id=user), house)
    house.journal.is_away = False
    gate.open.set()
    shown, _ = await leader
    assert shown.startswith("an answer")


async def test_hundreds_share_in_any_order_of_coming_and_going():
    parrot, user = Parrot(LONG, cut=1, pause_seconds=0.0005), uuid4()
    house = house_at(parrot)

    async def caller(number):
        await asyncio.sleep(number * 0.0007)
        task = asyncio.create_task(collect(ask("hello", temperature=0, user_id=user), house))
        if number % 3 == 0:
            await asyncio.sleep(0.003)
            task.cancel()
        return await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 60)

    ended = [result for (result,) in await asyncio.gather(*(caller(number) for number in range(200)))]
    shown = {result[0] for result in ended if isinstance(result, tuple)}
    assert len(shown) == 1
    assert all(isinstance(one, tuple | asyncio.CancelledError) for one in ended)
    assert len(house.journal.outcomes) == len(house.journal.entries)
    assert parrot.running == 0
    assert not len(house.flights)


async def test_flights_of_another_event_loop_are_nobodys():
    flights = Flights()

    class Stranger:
        loop = object()

    flights._flights["k"] = Stranger()
    assert flights.find("k") is None
