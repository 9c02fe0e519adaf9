"""Many models in one memory: loading on demand, leases, leaving, faults. A fake engine, real threads."""

import asyncio
import random
import threading
import time
from contextlib import AsyncExitStack

import pytest

from inference import loading
from inference.backends import ModelCard, Status
from inference.errors import ModelLoading, ModelUnavailable, QueueFull, UnknownModel
from inference.roster import Roster
from inference.runner import ModelBroken
from inference.seats import Entry, Seat, leavers

GIB = 1 << 30
SOON = 30.0  # of a machine that has other things to do


class Engine:
    """Loads when `gate` is open, or is `down` with a reason; knows who is alive beside it."""

    alive: set["Engine"] = set()
    most_loading = 0
    loading_now = 0
    lock = threading.Lock()

    def __init__(self, name, *, gate=None, reason="", seconds=0.0):
        self.name, self.gate, self.reason, self.seconds = name, gate, reason, seconds
        self.state = Status("loading")
        self.users = 0
        self.is_closed = False

    def start(self):
        with self.lock:
            Engine.loading_now += 1
            Engine.most_loading = max(Engine.most_loading, Engine.loading_now)
            Engine.alive.add(self)
        threading.Thread(target=self._load, daemon=True).start()

    def _load(self):
        if self.gate is not None:
            self.gate.wait(SOON)
        time.sleep(self.seconds)
        with self.lock:
            Engine.loading_now -= 1
        self.state = Status("down", self.reason) if self.reason else Status("ready")

    def status(self):
        return self.state

    def close(self, *, drain_seconds):
        assert self.users == 0, "unloaded under somebody's hands"
        self.is_closed = True
        Engine.alive.discard(self)


class House:
    """Rosters of named fake models, each of `gib` of memory unless `sizes` says otherwise."""

    def __init__(self):
        self.made = []
        self.rosters = []
        self.gates, self.reasons, self.sizes, self.lacking = {}, {}, {}, {}
        self.seconds = 0.0
        self.clock = time.monotonic

    def roster(self, *names, budget=2, pinned=(), eager=True, start=True, places=256, aliases=None):
        entries = [self.entry(name, name in pinned, (aliases or {}).get(name, ())) for name in names]
        roster = Roster(entries, budget_bytes=budget * GIB, places=places, clock=self.clock)
        self.rosters.append(roster)
        if start:
            roster.start(eager=eager)
        return roster

    def entry(self, name, pinned, aliases):
        def make():
            if isinstance(reason := self.reasons.get(name, ""), Exception):
                raise reason
            engine = Engine(name, gate=self.gates.get(name), reason=reason, seconds=self.seconds)
            self.made.append(engine)
            return engine

        return Entry(
            describe=lambda: ModelCard(name, "1", 512),
            make=make,
            memory_bytes=lambda: self.sizes.get(name, 1) * GIB,
            size_bytes=lambda: 100 << 20,
            aliases=aliases,
            pinned=pinned,
            lacks=lambda: self.lacking.get(name, ""),
        )

    def times(self, name):
        return sum(engine.name == name for engine in self.made)


@pytest.fixture
def house(monkeypatch):
    monkeypatch.setattr(loading, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(loading, "BLOCKED_SECONDS", 0.002)
    monkeypatch.setattr(loading, "WATCH_SECONDS", 0.005)
    Engine.alive, Engine.most_loading, Engine.loading_now = set(), 0, 0
    made = House()
    yield made
    for gate in made.gates.values():
        gate.set()
    for roster in made.rosters:
        roster.close()
    assert Engine.alive == set()


def state_of(roster, name):
    return {card.name: status.state for card, status in roster.models()}[name]


async def until(condition):
    async with asyncio.timeout(SOON):
        while not condition():
            await asyncio.sleep(0.001)


async def use(roster, name, wait_seconds=SOON):
    async with roster.lease(name, wait_seconds=wait_seconds) as engine:
        assert engine.name == name
        assert engine.status().state == "ready"
        return engine


# -- names --


def test_models_are_chosen_by_name_alias_and_default(house):
    roster = house.roster("one", "two", start=False, aliases={"two": ("Two.gguf",)})
    assert roster.choose(None).name == roster.choose("default").name == roster.choose(" ONE ").name == "one"
    assert roster.choose("two.GGUF").name == "two"
    assert house.roster("one", "two", start=False, aliases={"one": ("two",)}).choose("two").name == "two"
    with pytest.raises(UnknownModel) as caught:
        roster.choose("gpt-9")
    assert caught.value.served == ("one", "two", "default")


async def test_a_roster_that_was_not_started_says_so(house):
    roster = house.roster("one", start=False)
    assert roster.status() == Status("down", "The model is not started in this process.")
    with pytest.raises(ModelUnavailable, match="not started"):
        await use(roster, "one")


# -- loading --


async def test_the_default_is_loaded_at_the_start_and_others_when_they_are_asked_for(house):
    roster = house.roster("one", "two", "three", pinned=("three",), budget=3)
    await until(lambda: state_of(roster, "three") == state_of(roster, "one") == "ready")
    assert state_of(roster, "two") == "unloaded"
    await use(roster, "two")
    assert state_of(roster, "two") == "ready"
    assert roster.figures().loads == 3
    assert set(roster.engines()) == {"one", "two", "three"}


async def test_nothing_is_loaded_unasked_where_nothing_shall_be(house):
    roster = house.roster("one", "two", pinned=("two",), eager=False)
    await asyncio.sleep(0.02)
    assert house.made == []
    assert roster.status() == Status("unloaded")
    roster.load("two")
    await until(lambda: state_of(roster, "two") == "ready")


async def test_many_who_ask_at_once_share_one_load(house):
    roster = house.roster("one", "two", eager=False)
    engines = await asyncio.gather(*(use(roster, "two") for _ in range(50)))
    assert len(set(engines)) == 1
    assert house.times("two") == 1


async def test_loads_take_turns(house):
    house.seconds = 0.01
    names = [f"m{n}" for n in range(6)]
    roster = house.roster(*names, budget=6)
    await asyncio.gather(*(use(roster, name) for name in names))
    assert Engine.most_loading == 1


async def test_a_model_that_takes_longer_than_one_can_wait_is_said_to_load_and_goes_on(house):
    house.gates["two"] = threading.Event()
    roster = house.roster("one", "two")
    with pytest.raises(ModelLoading) as caught:
        await use(roster, "two", wait_seconds=0.02)
    assert caught.value.name == "two"
    assert 1 <= caught.value.retry_after_seconds < 60
    await until(lambda: state_of(roster, "two") == "loading")
    house.gates["two"].set()
    await until(lambda: state_of(roster, "two") == "ready")


async def test_when_to_come_back_is_measured_by_earlier_loads(house):
    house.gates["one"] = threading.Event()
    house.clock = lambda: 1000.0
    roster = house.roster("one", "two", budget=1, eager=False)
    seat = roster._seats.all[0]
    seat.load_seconds = 42.0
    with pytest.raises(ModelLoading) as caught:
        await use(roster, "one", wait_seconds=0)
    assert caught.value.retry_after_seconds == 42
    with pytest.raises(ModelLoading) as caught:  # behind it in the line, of a size that takes 1.5 s
        await use(roster, "two", wait_seconds=0)
    assert caught.value.retry_after_seconds == 44


async def test_those_who_wait_for_a_load_are_bounded(house):
    house.gates["one"] = threading.Event()
    roster = house.roster("one", places=2)
    waiting = [asyncio.create_task(use(roster, "one")) for _ in range(2)]
    await asyncio.sleep(0.01)
    with pytest.raises(QueueFull):
        await use(roster, "one")
    house.gates["one"].set()
    await asyncio.gather(*waiting)


# -- leaving --


async def test_the_longest_unused_model_leaves_for_another(house):
    roster = house.roster("one", "two", "three", eager=False)
    await use(roster, "one")
    await use(roster, "two")
    await use(roster, "one")
    await use(roster, "three")
    assert set(roster.engines()) == {"one", "three"}
    assert roster.figures().held_bytes == 2 * GIB
    assert roster.figures().unloads == 1
    assert state_of(roster, "two") == "unloaded"


async def test_a_pinned_model_stays(house):
    roster = house.roster("one", "two", "three", pinned=("one",))
    await use(roster, "one")
    for name in ("two", "three", "two", "three"):
        await use(roster, name)
        assert "one" in roster.engines()
    assert house.times("one") == 1


async def test_an_idle_model_leaves_before_a_busy_one_that_is_longer_unused(house):
    roster = house.roster("one", "two", "three", eager=False)
    async with roster.lease("one", wait_seconds=SOON):
        await use(roster, "two")
        await use(roster, "three")
        assert set(roster.engines()) == {"one", "three"}


async def test_a_model_in_use_leaves_when_its_last_answer_has_ended_and_comes_back_for_those_who_wait(house):
    roster = house.roster("one", "two", budget=1, eager=False)
    async with roster.lease("one", wait_seconds=SOON) as engine:
        engine.users += 1
        other = asyncio.create_task(use(roster, "two"))
        await until(lambda: state_of(roster, "one") == "unloaded")  # for new callers
        late = asyncio.create_task(use(roster, "one"))
        await asyncio.sleep(0.02)
        assert not engine.is_closed
        assert not other.done()
        assert not late.done()
        engine.users -= 1
    assert (await other).name == "two"
    assert (await late) is not engine
    assert house.times("one") == 2


async def test_two_models_that_are_always_in_use_both_get_their_turns(house):
    roster = house.roster("one", "two", budget=1, eager=False)
    served = {"one": 0, "two": 0}

    async def ask_again_and_again(name):
        while min(served.values()) < 20:
            async with roster.lease(name, wait_seconds=SOON):
                served[name] += 1
                await asyncio.sleep(0.001)

    async with asyncio.timeout(SOON):
        await asyncio.gather(*(ask_again_and_again(name) for name in ["one", "two"] * 4))


async def test_a_model_that_nobody_waits_for_any_more_is_not_loaded(house):
    roster = house.roster("one", "two", budget=1, eager=False)
    async with roster.lease("one", wait_seconds=SOON):
        waiting = asyncio.create_task(use(roster, "two"))
        await until(lambda: state_of(roster, "one") == "unloaded")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await until(lambda: state_of(roster, "one") == "ready")
        await use(roster, "one", wait_seconds=0)
    assert house.times("two") == 0


def test_a_busy_model_stays_as_long_as_its_load_took():
    card = ModelCard("x", "1", 1)
    entry = Entry(lambda: card, lambda: Engine("x"), lambda: GIB)
    busy = Seat(entry, card, engine=Engine("x"), leases=1, held_bytes=GIB, ready_at=100.0, load_seconds=5.0)
    wanted = Seat(entry, card, needs=GIB)
    assert leavers(wanted, [busy, wanted], GIB, now=104.0) == []
    assert leavers(wanted, [busy, wanted], GIB, now=105.0) == [busy]


def test_no_more_models_leave_than_have_to():
    card = ModelCard("x", "1", 1)
    entry = Entry(lambda: card, lambda: Engine("x"), lambda: GIB)
    idle = [Seat(entry, card, engine=Engine("x"), held_bytes=GIB, used_at=float(n)) for n in (3, 1, 2)]
    assert leavers(Seat(entry, card, needs=2 * GIB), idle, 4 * GIB, now=9.0) == [idle[1]]
    assert leavers(Seat(entry, card, needs=2 * GIB), idle, 3 * GIB, now=9.0) == [idle[1], idle[2]]


# -- what cannot be loaded --


async def test_a_model_larger_than_the_memory_is_refused_with_a_sentence(house, monkeypatch):
    monkeypatch.setattr(loading, "BACKOFF_SECONDS", 0.01)
    house.sizes["two"] = 3
    roster = house.roster("one", "two")
    with pytest.raises(
        ModelUnavailable, match="needs 3072 MiB of memory, and 2048 MiB are allowed"
    ) as caught:
        await use(roster, "two")
    assert "LLM_MEMORY_MB" in caught.value.reason
    await asyncio.sleep(0.05)
    assert state_of(roster, "two") == "down"
    assert house.times("two") == 0
    assert roster.figures().failures == 1  # nobody asked again


async def test_what_does_not_fit_beside_the_pinned_ones_is_refused_too(house):
    house.sizes["two"] = 2
    roster = house.roster("one", "two", pinned=("one",))
    await use(roster, "one")
    with pytest.raises(ModelUnavailable, match="1024 MiB are allowed beside the pinned models"):
        await use(roster, "two")


async def test_a_missing_file_is_said_to_be_missing_and_found_when_it_is_there(house):
    house.lacking["two"] = "The model two is not downloaded."
    roster = house.roster("one", "two")
    with pytest.raises(ModelUnavailable, match="not downloaded"):
        await use(roster, "two")
    assert {card.name: status for card, status in roster.models()}["two"] == Status(
        "down", "The model two is not downloaded."
    )
    del house.lacking["two"]
    assert state_of(roster, "two") == "unloaded"
    await use(roster, "two")


async def test_a_default_model_that_was_missing_is_loaded_when_it_comes(house, monkeypatch):
    monkeypatch.setattr(loading, "MISSING_SECONDS", 0.01)
    house.lacking["one"] = "The model one is not downloaded."
    roster = house.roster("one")
    await until(lambda: roster.figures().failures)
    assert roster.status().state == "down"
    del house.lacking["one"]
    await until(lambda: roster.status().state == "ready")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("The file is damaged.", "damaged"),
        (ModelBroken("This build cannot load it."), "cannot load"),
        (ZeroDivisionError("/secret/path"), "the log says"),
    ],
)
async def test_a_load_that_fails_is_visible_and_tried_again_when_somebody_asks_later(
    house, monkeypatch, fault, said
):
    now = [1000.0]
    house.clock = lambda: now[0]
    monkeypatch.setattr(loading, "BACKOFF_SECONDS", 0.5)
    house.reasons["two"] = fault
    roster = house.roster("one", "two")
    with pytest.raises(ModelUnavailable, match=said) as caught:
        await use(roster, "two")
    assert caught.value.retry_after_seconds == 1
    with pytest.raises(ModelUnavailable, match=said):  # at once, and nothing is tried
        await use(roster, "two")
    assert roster.figures().failures == 1
    house.reasons["two"] = ""
    now[0] += 0.6
    await asyncio.sleep(0.06)
    assert state_of(roster, "two") == "down"  # nobody asked
    await use(roster, "two")
    await use(roster, "one")


async def test_each_failure_doubles_the_while(house, monkeypatch):
    monkeypatch.setattr(loading, "BACKOFF_SECONDS", 100.0)
    house.reasons["one"] = "No."
    now = [1000.0]
    house.clock = lambda: now[0]
    roster = house.roster("one", budget=1, eager=False)
    seconds = []
    for _ in range(4):
        with pytest.raises(ModelUnavailable) as caught:
            await use(roster, "one")
        seconds.append(caught.value.retry_after_seconds)
        now[0] += seconds[-1]
    assert seconds == [100, 200, 300, 300]


async def test_a_model_that_breaks_in_use_is_closed_and_a_pinned_one_comes_back_by_itself(house, monkeypatch):
    monkeypatch.setattr(loading, "BACKOFF_SECONDS", 0.02)
    roster = house.roster("one", pinned=("one",))
    engine = await use(roster, "one")
    engine.state = Status("down", "The engine stopped on a fault.")
    await until(lambda: engine.is_closed)
    await until(lambda: roster.status().state == "ready")
    assert await use(roster, "one") is not engine


async def test_who_asks_while_an_engine_mends_itself_waits_for_it(house):
    roster = house.roster("one")
    engine = await use(roster, "one")
    engine.state = Status("loading")
    waiting = asyncio.create_task(use(roster, "one"))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    engine.state = Status("ready")
    assert await waiting is engine


# -- the end --


async def test_closing_tells_those_who_wait_and_frees_everything(house):
    house.gates["two"] = threading.Event()
    roster = house.roster("one", "two")
    await use(roster, "one")
    waiting = asyncio.create_task(use(roster, "two"))
    await until(lambda: state_of(roster, "two") == "loading")
    await asyncio.to_thread(roster.close)
    with pytest.raises(ModelUnavailable, match="shutting down"):
        await waiting
    with pytest.raises(ModelUnavailable, match="shutting down"):
        await use(roster, "one")
    assert Engine.alive == set()
    assert roster.figures().held_bytes == 0


async def test_answers_in_progress_are_given_their_time(house):
    drained = []
    roster = house.roster("one")
    engine = await use(roster, "one")
    engine.close = lambda *, drain_seconds: drained.append(drain_seconds) or Engine.alive.discard(engine)
    await asyncio.to_thread(roster.close, drain_seconds=70)
    assert 40 < drained[0] <= 70


# -- all at once --


@pytest.mark.parametrize("seed", range(4))
def test_callers_of_many_loops_who_come_and_go_never_lose_a_lease_or_the_memory(house, monkeypatch, seed):
    monkeypatch.setattr(loading, "BACKOFF_SECONDS", 0.01)
    names = [f"m{n}" for n in range(5)]
    house.seconds = 0.001
    roster = house.roster(*names, budget=3, pinned=("m0",))
    over = []

    async def one(name, dice):
        async with roster.lease(name, wait_seconds=dice.choice([0, 0.01, SOON])) as engine:
            with Engine.lock:
                engine.users += 1
            try:
                assert engine.name == name
                assert not engine.is_closed or engine.state.state == "down"  # it broke in this moment
                await asyncio.sleep(dice.random() * 0.003)
                if len(Engine.alive) > 3:
                    over.append(len(Engine.alive))
                if dice.random() < 0.01:
                    engine.state = Status("down", "Broke.")
            finally:
                with Engine.lock:
                    engine.users -= 1

    async def many(dice):
        answered = 0
        for _ in range(40):
            tasks = [asyncio.create_task(one(dice.choice(names), dice)) for _ in range(8)]
            await asyncio.sleep(dice.random() * 0.002)
            for task in tasks:
                if dice.random() < 0.2:
                    task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                answered += outcome is None
                assert outcome is None or isinstance(
                    outcome, asyncio.CancelledError | ModelLoading | ModelUnavailable
                ), outcome
        return answered

    answered = []
    threads = [
        threading.Thread(target=lambda n=n: answered.append(asyncio.run(many(random.Random(seed * 10 + n)))))
        for n in range(4)
    ]
    # An engine that broke is closed under its users: that is no fault of the roster.
    monkeypatch.setattr(Engine, "close", closing_checked)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(answered) == 4
    assert min(answered) > 20
    assert over == []
    assert all(seat.leases == 0 and not seat.waiters for seat in roster._seats.all)


def closing_checked(self, *, drain_seconds):
    assert self.users == 0 or self.state.state == "down", "unloaded under somebody's hands"
    self.is_closed = True
    Engine.alive.discard(self)


async def test_everything_still_works_with_many_leases_at_once(house):
    roster = house.roster("one", "two")
    async with AsyncExitStack() as stack:
        for _ in range(200):
            await stack.enter_async_context(roster.lease("one", wait_seconds=SOON))
        await use(roster, "two")
    assert roster._seats.all[0].leases == 0
