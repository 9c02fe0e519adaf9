"""The local model on the event loop."""

import asyncio

import pytest

from inference.backends import Ending, Generation, Message, ModelCard, Piece, Sampling
from inference.engine import Engine
from inference.errors import ModelUnavailable, UnknownModel
from inference.local import LocalBackend
from tests.fakes import ScriptedRunner

CARD = ModelCard("tiny", "1", 512)


@pytest.fixture
async def backend_of():
    made = []

    async def make(runner):
        engine = Engine(lambda: runner, places=20, queue_seconds=60, timeout_seconds=60)
        made.append(LocalBackend(engine, CARD))
        engine.start()
        async with asyncio.timeout(5):
            while engine.status().state == "loading":
                await asyncio.sleep(0.001)
        return made[-1]

    yield make
    for backend in made:
        await asyncio.to_thread(backend.close)


def generation(text="hi", caller="alice", max_tokens=1000):
    return Generation((Message("user", text),), "tiny", max_tokens, Sampling(0.0), caller, "r")


async def collect(backend, asked):
    return [event async for event in backend.answer(asked)]


async def test_an_answer_comes_in_pieces_and_ends(backend_of):
    events = await collect(await backend_of(ScriptedRunner("hello")), generation())
    assert "".join(event.text for event in events if isinstance(event, Piece)) == "hello"
    assert isinstance(events[-1], Ending)


async def test_many_at_once_each_get_their_own(backend_of):
    backend = await backend_of(ScriptedRunner("hello"))
    answers = await asyncio.gather(*(collect(backend, generation(f"{n}", f"u{n}")) for n in range(10)))
    assert all(isinstance(events[-1], Ending) for events in answers)


async def test_callers_on_different_loops_share_the_model(backend_of):
    backend = await backend_of(ScriptedRunner("hello"))

    def elsewhere(name):
        return asyncio.run(collect(backend, generation(name, name)))

    answers = await asyncio.gather(
        *(asyncio.to_thread(elsewhere, name) for name in ("bob", "carol")), collect(backend, generation())
    )
    assert all(isinstance(events[-1], Ending) for events in answers)


@pytest.mark.parametrize("way", ["cancel", "close"])
async def test_a_caller_who_leaves_frees_the_model(backend_of, way):
    runner = ScriptedRunner("x" * 100_000, context_tokens=200_000)
    backend = await backend_of(runner)
    events = backend.answer(generation(max_tokens=100_000))
    await anext(events)
    if way == "close":
        await events.aclose()
    else:
        reading = asyncio.create_task(anext(events))
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await events.aclose()
    async with asyncio.timeout(5):
        await collect(backend, generation(max_tokens=1))
    assert sum(runner.steps) < 50_000


async def test_a_backend_without_an_engine_says_why():
    backend = LocalBackend(None, CARD, reason="The model is not downloaded.")
    assert backend.status().state == "down"
    with pytest.raises(ModelUnavailable, match="not downloaded"):
        await collect(backend, generation())


async def test_models_are_chosen_by_name():
    backend = LocalBackend(None, CARD)
    assert backend.choose(None) == backend.choose("tiny") == backend.choose("default") == CARD
    with pytest.raises(UnknownModel) as caught:
        backend.choose("gpt-9")
    assert caught.value.served == ("tiny", "default")
