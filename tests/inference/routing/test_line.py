"""Who gets a place at a server that is full, and what everybody leaves behind. In memory; each test leaves no
place taken: the fixture looks."""

import asyncio

import pytest

from inference.backends import Ending, Piece
from inference.errors import DeadlineExceeded, GenerationFailed, ModelUnavailable, QueueFull
from inference.routing.health import LIMIT
from tests.inference.remote.conftest import collect, text_of, until
from tests.inference.routing.conftest import AWAY, answer, asked, in_line, model, narrow, server


async def test_no_server_answers_more_at_once_than_it_may(fleet):
    made = fleet(servers=[server("a", max_concurrent=2)], models=[model("m", "a")])
    made.up["a"].gate = asyncio.Event()
    answers = [asyncio.create_task(answer(made, str(number))) for number in range(5)]
    await until(lambda: made.router.waiting == 3)
    assert made.up["a"].running == 2
    made.up["a"].gate.set()
    events = await asyncio.gather(*answers)
    assert [text_of(each) for each in events] == ["a"] * 5
    assert [generation.messages[0].content for generation in made.up["a"].heard] == list("01234")


async def test_who_waits_goes_before_who_comes(fleet):
    made, gate = narrow(fleet)
    first, second = await in_line(made, "1", "2")
    gate.set()
    third = asyncio.create_task(answer(made, "3"))
    await asyncio.gather(first, second, third)
    assert [generation.messages[0].content for generation in made.up["a"].heard] == ["1", "2", "3"]


async def test_a_line_that_is_full_refuses_and_one_that_is_long_gives_up(fleet):
    made, gate = narrow(fleet, places=1, queue_seconds=0.05)
    first, second = await in_line(made, "1", "2")
    with pytest.raises(QueueFull):
        await answer(made)
    with pytest.raises(DeadlineExceeded):
        await second
    gate.set()
    await first


async def test_looking_again_is_no_new_wait_and_needs_no_new_place(fleet):
    made, gate = narrow(fleet, places=1, queue_seconds=60)
    first, second = await in_line(made, "1", "2")
    made.router.look_again()
    third = asyncio.create_task(answer(made))  # stands in line before the second is back
    await until(lambda: made.router.waiting == 2)
    made.clock.now += 59.99
    made.router.look_again()
    async with asyncio.timeout(30):
        errors = await asyncio.gather(second, third, return_exceptions=True)
    assert [type(error) for error in errors] == [DeadlineExceeded] * 2
    gate.set()
    await first


async def test_who_leaves_the_line_takes_no_place_with_him(fleet):
    made, gate = narrow(fleet)
    first, second, third = await in_line(made, "1", "2", "3")
    gate.set()
    await first
    second.cancel()  # perhaps with the place in his hands already
    await asyncio.gather(second, return_exceptions=True)
    assert text_of(await third) == "a"


async def test_who_waits_for_a_server_that_falls_ill_is_answered_by_another(fleet):
    models = [model("m", "a", fallbacks=("small",)), model("small", "b")]
    made = fleet(servers=[server("a", max_concurrent=1), server("b")], models=models)
    a = made.up["a"]
    a.gate, a.is_late, a.errors = asyncio.Event(), True, [GenerationFailed()]
    made.live("a").model("m").faults = LIMIT - 1
    first = asyncio.create_task(answer(made))
    await until(lambda: a.running == 1)
    waiting = asyncio.create_task(answer(made))
    await until(lambda: made.router.waiting == 1)
    a.gate.set()
    with pytest.raises(GenerationFailed):
        await first
    assert text_of(await waiting) == "b"


@pytest.mark.parametrize("way", ["close", "cancel"])
async def test_a_caller_who_leaves_frees_everything(fleet, way):
    made = fleet("a")
    made.up["a"].gate = asyncio.Event()
    events = made.router.answer(asked())
    assert isinstance(await anext(events), Piece)
    assert made.live("a").running == 1
    assert made.live("a").tokens > 0
    if way == "cancel":
        reading = asyncio.create_task(collect(events))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    await events.aclose()
    assert made.is_quiet()
    assert made.live("a").health.faults == 0


async def test_what_is_owed_shrinks_as_an_answer_comes(fleet):
    made = fleet("a")
    events = made.router.answer(asked("x" * 400, max_tokens=50))
    await anext(events)
    assert made.live("a").tokens == 49  # the prompt is paid for, and one token of the answer
    await collect(events)


async def test_time_spent_in_line_counts_as_waiting(fleet):
    made, gate = narrow(fleet)
    first, second = await in_line(made, "1", "2")
    made.clock.now += 3
    gate.set()
    await first
    (ending,) = (event for event in await second if isinstance(event, Ending))
    assert ending.queue_ms == 3000


async def test_the_callers_deadline_shrinks_in_line_and_with_every_attempt(fleet):
    made, gate = narrow(fleet)
    first = asyncio.create_task(answer(made, "1"))
    await until(lambda: made.up["a"].running == 1)
    second = asyncio.create_task(answer(made, "2", deadline_seconds=5.0))
    await until(lambda: made.router.waiting == 1)
    made.clock.now += 2
    gate.set()
    await asyncio.gather(first, second)
    assert made.up["a"].heard[1].deadline_seconds == 3.0

    made = fleet("a", "b")
    for up in made.up.values():
        up.errors, up.takes_seconds = [AWAY], 1.5
    with pytest.raises(ModelUnavailable):
        await answer(made, deadline_seconds=5.0)
    assert sorted(up.heard[0].deadline_seconds for up in made.up.values()) == [3.5, 5.0]
