"""One door to many servers, in memory. Each test leaves no place taken: the fixture looks."""

import asyncio

import pytest

from inference.backends import Answering, Status
from inference.errors import (
    BackendRefused,
    GenerationFailed,
    ModelUnavailable,
    NotThere,
    ParameterUnsupported,
    PromptTooLong,
    QueueFull,
    UnknownModel,
)
from inference.routing.health import LIMIT
from inference.routing.probes import Probes, probe
from inference.routing.table import Server, Table, Target
from tests.inference.remote.conftest import text_of, until
from tests.inference.routing.conftest import AWAY, answer, in_line, model, narrow, server


def cards(events):
    return [event.card.name for event in events if isinstance(event, Answering)]


async def test_a_server_is_asked_by_its_own_name_for_the_model(fleet):
    made = fleet(servers=[server("a")], models=[model("m", Target("a", "meta/m-8b"))])
    events = await answer(made)
    assert text_of(events) == "a"
    assert cards(events) == []
    assert made.up["a"].heard[0].model == "meta/m-8b"


async def test_names_aliases_and_the_default_lead_to_a_model(fleet):
    made = fleet(servers=[server("a")], models=[model("m", "a", aliases=("gpt-4o",)), model("n", "a")])
    router = made.router
    assert {router.choose(name).name for name in (None, "default", "M", "gpt-4o")} == {"m"}
    assert [card.name for card, _ in router.models()] == ["m", "n"]
    with pytest.raises(UnknownModel) as unknown:
        router.choose("gpt-9")
    assert unknown.value.served == ("m", "n", "default")


async def test_another_server_answers_where_one_fails_before_its_first_word(fleet):
    made = fleet("a", "b")
    for up in made.up.values():
        up.errors = [AWAY]
    first = text_of(await answer(fleet("a", "b")))
    made.up["b" if first == "a" else "a"].errors = []
    assert text_of(await answer(made)) != first
    assert sum(len(up.heard) for up in made.up.values()) == 2


async def test_an_answer_that_broke_off_is_not_begun_anew(fleet):
    made = fleet("a", "b")
    for up in made.up.values():
        up.errors, up.is_late = [GenerationFailed()], True
    with pytest.raises(GenerationFailed):
        await answer(made)
    assert sum(len(up.heard) for up in made.up.values()) == 1


async def test_the_error_is_the_last_ones_where_all_fail(fleet):
    made = fleet("a", "b")
    for up in made.up.values():
        up.errors = [QueueFull(retry_after_seconds=9)]
    with pytest.raises(QueueFull) as full:
        await answer(made)
    assert full.value.retry_after_seconds == 9
    with pytest.raises(QueueFull):  # both are left alone for those 9 seconds
        await answer(made)
    assert sum(len(up.heard) for up in made.up.values()) == 2
    made.clock.now += 10
    assert text_of(await answer(made)) in "ab"


@pytest.mark.parametrize("error", [BackendRefused(), PromptTooLong(tokens=9, limit=5)])
async def test_a_wrong_request_is_asked_once_and_no_fault_of_the_server(fleet, error):
    made = fleet("a", "b")
    for up in made.up.values():
        up.errors = [error] * 2 * LIMIT
    for _ in range(LIMIT):
        with pytest.raises(type(error)):
            await answer(made)
    assert sum(len(up.heard) for up in made.up.values()) == LIMIT
    assert {live.health.state(made.clock()) for live in made.router.lives()} == {"up"}


async def test_a_server_that_fails_is_left_alone_and_comes_back(fleet):
    made = fleet("a")
    made.up["a"].errors = [AWAY] * LIMIT
    for _ in range(LIMIT):
        with pytest.raises(ModelUnavailable):
            await answer(made)
    assert made.router.status().state == "down"
    with pytest.raises(ModelUnavailable) as nobody:
        await answer(made)
    assert 1 <= nobody.value.retry_after_seconds <= 8
    assert len(made.up["a"].heard) == LIMIT
    made.clock.now += 7
    assert text_of(await answer(made)) == "a"
    assert made.router.status() == Status("ready")


async def test_answers_that_break_off_eject_too(fleet):
    made = fleet("a")
    made.up["a"].errors, made.up["a"].is_late = [GenerationFailed()] * LIMIT, True
    for _ in range(LIMIT):
        with pytest.raises(GenerationFailed):
            await answer(made)
    assert made.live("a").state(made.clock(), "m") == "ejected"
    assert made.router.states() == {"a": "ejected"}, "it has no other model"


FAILURES = [(ModelUnavailable("silent"), False), (GenerationFailed(), True), (GenerationFailed(), False)]


def several(fleet):
    """One server with the models `m`, `n` and the vectors `e5`."""
    models = [model("m", "a"), model("n", "a"), model("e5", "a", kind="embedding")]
    return fleet(servers=[server("a")], models=models)


@pytest.mark.parametrize(("error", "is_late"), FAILURES)
async def test_a_model_that_fails_takes_no_other_of_its_server_away(fleet, caplog, error, is_late):
    made = several(fleet)
    made.up["a"].is_late = is_late
    made.up["a"].errors = [error] * LIMIT
    for _ in range(LIMIT):
        with pytest.raises(type(error)):
            await answer(made)
    assert text_of(await answer(made, model="n")) == "a"
    await made.router.embed(["x"], model="e5", caller="alice")
    assert made.router.states() == {"a": "failing"}
    states = {card.name: status.state for card, status in made.router.models()}
    assert states == {"m": "down", "n": "ready", "e5": "ready"}
    ejected = [(one.backend, one.model) for one in caplog.records if one.msg == "model ejected"]
    assert ejected == [("a", "m")]
    with pytest.raises(ModelUnavailable) as nobody:
        await answer(made)
    assert 1 <= nobody.value.retry_after_seconds <= 8
    made.clock.now += 7
    assert text_of(await answer(made)) == "a"
    assert made.router.states() == {"a": "up"}


async def test_a_model_is_tried_by_one_prompt_and_another_if_that_fails(fleet, caplog):
    """And the log says once that it is out, however many prompts failed at the same time."""
    made = several(fleet)
    a = made.up["a"]
    a.gate, a.is_late, a.errors = asyncio.Event(), True, [GenerationFailed()] * (LIMIT + 3)
    crowd = [asyncio.create_task(answer(made)) for _ in range(LIMIT + 2)]
    await until(lambda: a.running == len(crowd))
    a.gate.set()
    await asyncio.gather(*crowd, return_exceptions=True)
    assert [one.msg for one in caplog.records].count("model ejected") == 1
    made.clock.now += 7
    a.is_late = False
    with pytest.raises(GenerationFailed):
        await answer(made)
    made.clock.now += 14
    assert text_of(await answer(made)) == "a"


async def test_a_server_that_cannot_be_reached_is_left_alone_with_all_its_models(fleet):
    made = several(fleet)
    made.up["a"].errors = [AWAY] * LIMIT
    for name in ("m", "n", "m"):
        with pytest.raises(ModelUnavailable):
            await answer(made, model=name)
    with pytest.raises(ModelUnavailable):
        await made.router.embed(["x"], model="e5", caller="alice")
    assert len(made.up["a"].heard) == LIMIT
    assert made.router.states() == {"a": "ejected"}


async def test_a_model_that_is_busy_is_left_alone_and_its_neighbours_are_not(fleet):
    made = several(fleet)
    made.up["a"].errors = [QueueFull(retry_after_seconds=9)]
    for _ in range(2):
        with pytest.raises(QueueFull):
            await answer(made)
    assert len(made.up["a"].heard) == 1
    assert text_of(await answer(made, model="n")) == "a"
    assert made.router.states() == {"a": "up"}


async def test_a_place_that_a_failing_model_leaves_goes_to_who_waits_for_another(fleet):
    made = fleet(servers=[server("a", max_concurrent=1)], models=[model("m", "a"), model("n", "a")])
    a = made.up["a"]
    a.gate, a.is_late, a.errors = asyncio.Event(), True, [GenerationFailed()]
    made.live("a").model("m").faults = LIMIT - 1
    first = asyncio.create_task(answer(made))
    await until(lambda: a.running == 1)
    waiting = [asyncio.create_task(answer(made, model=name)) for name in ("m", "n")]
    await until(lambda: made.router.waiting == 2)
    a.gate.set()
    with pytest.raises(GenerationFailed):
        await first
    with pytest.raises(ModelUnavailable):
        await waiting[0]
    assert text_of(await waiting[1]) == "a"


async def test_a_probe_lets_a_model_be_asked_again_whose_time_is_over(fleet):
    made = several(fleet)
    made.up["a"].errors = [GenerationFailed()] * LIMIT
    for _ in range(LIMIT):
        with pytest.raises(GenerationFailed):
            await answer(made)
    live = made.live("a")
    before = live.openings(made.clock())
    assert await probe(live, made.clock)
    assert live.state(made.clock(), "m") == "ejected", "that the server is alive says nothing of the model"
    made.clock.now += 7
    assert await probe(live, made.clock)
    assert live.state(made.clock(), "m") == "up"
    assert live.openings(made.clock()) != before


async def test_second_attempts_end_with_their_budget(fleet):
    made = fleet("a", "b")
    for up in made.up.values():
        up.errors = [QueueFull(retry_after_seconds=1) for _ in range(200)]
    for _ in range(50):
        made.clock.now += 2
        with pytest.raises(QueueFull):
            await answer(made)
    assert sum(len(up.heard) for up in made.up.values()) <= 50 + 10 + 10


async def test_a_failure_that_nobody_else_could_mend_costs_no_second_attempt(fleet):
    alone, pair = model("alone", "c"), model("m", "a", "b")
    made = fleet(servers=[server("a"), server("b"), server("c")], models=[pair, alone])
    made.up["c"].errors = [QueueFull(retry_after_seconds=1) for _ in range(50)]
    for _ in range(50):
        with pytest.raises(QueueFull):
            await answer(made, model="alone")
        made.clock.now += 2
    for up in (made.up["a"], made.up["b"]):
        up.errors = [QueueFull(retry_after_seconds=1)]
    with pytest.raises(QueueFull):
        await answer(made)
    assert [len(made.up[name].heard) for name in "ab"] == [1, 1]


# -- fallbacks --


def two_models(fleet, **more):
    models = [model("m", "a", fallbacks=("small",)), model("small", "b", revision="s1")]
    return fleet(servers=[server("a"), server("b")], models=models, **more)


async def test_a_fallback_answers_and_says_so_first(fleet):
    made = two_models(fleet)
    made.up["a"].errors = [AWAY]
    events = await answer(made)
    assert isinstance(events[0], Answering)
    assert (events[0].card.name, events[0].card.revision) == ("small", "s1")
    assert text_of(events) == "b"
    assert made.up["b"].heard[0].model == "small"
    assert cards(await answer(made)) == []


async def test_a_model_is_ready_as_long_as_a_fallback_is(fleet):
    made = two_models(fleet)
    made.up["a"].errors = [AWAY] * LIMIT
    for _ in range(LIMIT):
        await answer(made)
    assert made.live("a").state(made.clock(), "m") == "ejected"
    assert made.router.status().state == "ready"


async def test_other_weights_of_the_same_name_are_said_too(fleet):
    targets = (Target("a", "m", revision="q4"), Target("b", "m", revision="q8"))
    made = fleet(servers=[server("a"), server("b")], models=[model("m", *targets)])
    made.up["a"].errors = [AWAY] * 5
    events = await answer(made)
    assert [event.card.revision for event in events if isinstance(event, Answering)] == ["q8"]
    assert made.router.choose("m").revision == "q4"


async def test_a_field_that_a_server_does_not_know_asks_the_next_one_but_no_other_model(fleet):
    made = two_models(fleet)
    made.up["a"].errors = [ParameterUnsupported(("top_k",))]
    with pytest.raises(ParameterUnsupported):
        await answer(made)
    assert made.up["b"].heard == []
    assert made.live("a").health.faults == 0


# -- another table --


async def test_another_table_leaves_answers_in_progress_alone(fleet):
    made = fleet("a", "b")
    before = made.router.lives()
    a = made.up["a"]
    a.gate = made.up["b"].gate = asyncio.Event()
    going = asyncio.create_task(answer(made))
    await until(lambda: sum(up.running for up in made.up.values()) == 1)
    used = next(live for live in before if live.running)
    other = "b" if used.server.name == "a" else "a"
    made.router.use(Table((server(other),), (model("m", other),)))
    assert [live.server.name for live in made.router.lives()] == [other]
    assert made.live(other) in before, "what is the same keeps its state"
    a.gate.set()
    assert text_of(await going) == used.server.name
    assert used.running == used.tokens == 0
    assert text_of(await answer(made)) == other


async def test_who_waits_for_a_server_that_is_taken_away_goes_to_another(fleet):
    made, gate = narrow(fleet)
    first, second = await in_line(made, "1", "2")
    made.router.use(Table((server("c"),), (model("m", "c"),)))
    assert text_of(await second) == "c"
    gate.set()
    assert text_of(await first) == "a"


async def test_a_draining_server_gets_nothing_new(fleet):
    made = fleet(servers=[server("a", draining=True), server("b")], models=[model("m", "a", "b")])
    assert {text_of(await answer(made, str(number))) for number in range(10)} == {"b"}


# -- vectors --


async def test_vectors_come_from_this_model_or_not_at_all(fleet):
    models = [model("m", "a"), model("e5", "a", "b", kind="embedding")]
    made = fleet(servers=[server("a"), server("b")], models=models)
    for up in made.up.values():
        up.errors = [AWAY]
    with pytest.raises(ModelUnavailable):
        await made.router.embed(["x"], model="e5", caller="alice")
    assert len((await made.router.embed(["x", "y"], model="e5", caller="alice")).vectors) == 2
    with pytest.raises(UnknownModel):
        await made.router.embed(["x"], model="m", caller="alice")
    with pytest.raises(UnknownModel) as caught:
        await answer(made, model="e5")
    assert caught.value.served == ("m",)


async def test_a_vector_opens_a_server_that_was_ejected(fleet):
    made = fleet(servers=[server("a", probe_seconds=0)], models=[model("e5", "a", kind="embedding")])
    made.up["a"].errors = [AWAY] * LIMIT
    for _ in range(LIMIT):
        with pytest.raises(ModelUnavailable):
            await made.router.embed(["x"], model="e5", caller="alice")
    made.clock.now += 7
    await made.router.embed(["x"], model="e5", caller="alice")
    assert made.live("a").health.state(made.clock()) == "up"
    assert made.router.status() == Status("ready")


# -- the models of this process, and probes --


async def test_a_local_model_that_loads_is_said_to_load(fleet):
    local = Server("here", "local", is_local=True)
    made = fleet(servers=[local], models=[model("m", "here")], local=lambda name: Status("loading"))
    assert made.router.status().state == "loading"


async def test_a_local_model_that_cannot_answer_says_nothing_about_the_others(fleet):
    local = Server("here", "local", is_local=True)
    made = fleet(servers=[local, server("b")], models=[model("m", "here", fallbacks=("n",)), model("n", "b")])
    made.up["here"].errors = [AWAY, QueueFull(retry_after_seconds=20)] * LIMIT
    for _ in range(2 * LIMIT):
        assert text_of(await answer(made)) == "b"
    assert text_of(await answer(made)) == "here"


async def test_a_server_that_lacks_one_model_is_asked_for_its_others_and_costs_no_budget(fleet):
    made = fleet(
        servers=[server("a"), server("b")], models=[model("m", "a", fallbacks=("n",)), model("n", "b")]
    )
    made.up["a"].errors = [NotThere("not there")] * 50
    for _ in range(50):
        assert text_of(await answer(made)) == "b"
    assert made.live("a").health.state(made.clock()) == "up"


async def test_a_probe_finds_a_dead_server_and_one_that_came_back(fleet):
    made = fleet("a")
    live, up = made.live("a"), made.up["a"]
    up.is_alive, up.errors = False, [AWAY]
    for _ in range(LIMIT):
        assert not await probe(live, made.clock)
    assert not live.may_take(made.clock(), "m")
    assert live.probed_ms is None
    up.is_alive, up.errors = True, []
    assert await probe(live, made.clock)
    assert live.may_take(made.clock(), "m")
    assert live.probed_ms == 0.0


async def test_probes_follow_the_table_and_end(fleet):
    made = fleet("a", "b", servers=[server("a", probe_seconds=0.001), server("b", probe_seconds=0)])
    seen = asyncio.Event()
    probes = Probes(changed=seen.set)
    made.up["a"].is_alive, made.up["a"].errors = False, [AWAY]
    probes.watch(made.router.lives())
    async with asyncio.timeout(30):
        await seen.wait()
    assert {live.server.name for live in probes._tasks} == {"a"}
    probes.watch(())
    assert probes._tasks == {}
    await probes.aclose()
