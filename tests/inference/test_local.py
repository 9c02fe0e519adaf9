"""The local models on the event loop."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from inference.backends import (
    MARK,
    CallPiece,
    Ending,
    Format,
    Generation,
    Media,
    Message,
    ModelCard,
    Piece,
    Sampling,
    Status,
    Tool,
)
from inference.engine import Engine
from inference.errors import (
    AnswerUnfit,
    DeadlineExceeded,
    FormatRefused,
    ModelUnavailable,
    ParameterUnsupported,
    PromptTooLong,
    UnknownModel,
)
from inference.local import LocalBackend, Mailbox
from inference.options import EngineOptions
from tests.fakes import ScriptedRunner


class OneModel:
    """The roster of a process with one model, which is loaded."""

    def __init__(self, engine, kind="chat"):
        self.engine = engine
        self.card = ModelCard("tiny", "1", 512, kind)
        self.leases = 0

    def choose(self, model):
        if model not in (None, "tiny"):
            raise UnknownModel(("tiny",))
        return self.card

    @asynccontextmanager
    async def lease(self, name, *, wait_seconds):
        if self.engine is None:
            raise ModelUnavailable("The model is not downloaded.")
        self.leases += 1
        try:
            yield self.engine
        finally:
            self.leases -= 1

    def models(self):
        return ((self.card, self.engine.status() if self.engine else Status("down", "not there")),)

    def close(self):
        if self.engine is not None:
            self.engine.close(drain_seconds=0)


@pytest.fixture
async def backend_of():
    made = []

    async def make(runner):
        engine = Engine(lambda: runner, EngineOptions(places=20))
        made.append(LocalBackend(OneModel(engine, "embedding" if runner.embedding_size else "chat")))
        engine.start()
        async with asyncio.timeout(30):
            while engine.status().state == "loading":
                await asyncio.sleep(0.001)
        return made[-1]

    yield make
    for backend in made:
        await asyncio.to_thread(backend.close)


def generation(text="hi", caller="alice", max_tokens=1000, **more):
    return Generation((Message("user", text),), "tiny", max_tokens, Sampling(0.0), caller, "r", **more)


async def collect(backend, asked):
    return [event async for event in backend.answer(asked)]


def text_of(events, choice=0):
    return "".join(event.text for event in events if isinstance(event, Piece) and event.choice == choice)


async def test_an_answer_comes_in_pieces_and_ends(backend_of):
    events = await collect(await backend_of(ScriptedRunner("hello")), generation())
    assert text_of(events) == "hello"
    assert isinstance(events[-1], Ending)


async def test_many_at_once_each_get_their_own(backend_of):
    backend = await backend_of(ScriptedRunner("hello"))
    answers = await asyncio.gather(*(collect(backend, generation(f"{n}", f"u{n}")) for n in range(10)))
    assert all(isinstance(events[-1], Ending) for events in answers)


async def test_several_choices_each_come_whole_and_compute_the_prompt_once(backend_of):
    runner = ScriptedRunner("hello")
    backend = await backend_of(runner)
    events = await collect(backend, generation("x" * 100, choices=3))
    assert [text_of(events, choice) for choice in range(3)] == ["hello"] * 3
    endings = [event for event in events if isinstance(event, Ending)]
    assert sorted(ending.choice for ending in endings) == [0, 1, 2]
    assert sum(len(row.tokens) for rows in runner.steps for row in rows) < 100 + 3 * 12


async def test_a_model_that_makes_vectors_is_asked_no_question(backend_of):
    backend = await backend_of(ScriptedRunner(embedding_size=3))
    async with asyncio.timeout(30):
        with pytest.raises(UnknownModel):
            await collect(backend, generation())


async def test_a_deadline_counts_from_the_asking_and_not_from_when_the_model_was_there(backend_of):
    backend = await backend_of(ScriptedRunner("hello"))
    model, waits = backend._engines, []
    lease = model.lease

    @asynccontextmanager
    async def slow_lease(name, *, wait_seconds):
        waits.append(wait_seconds)
        await asyncio.sleep(0.1)
        async with lease(name, wait_seconds=wait_seconds) as engine:
            yield engine

    model.lease = slow_lease
    backend = LocalBackend(model, wait_seconds=30)
    with pytest.raises(DeadlineExceeded) as caught:
        await collect(backend, generation(deadline_seconds=0.05))
    assert caught.value.queued
    assert text_of(await collect(backend, generation(deadline_seconds=60))) == "hello"
    assert text_of(await collect(backend, generation())) == "hello"
    assert waits == [0.05, 30, 30]


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
    events = backend.answer(generation(max_tokens=100_000, choices=2))
    await anext(events)
    if way == "close":
        await events.aclose()
    else:
        reading = asyncio.create_task(anext(events))
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await events.aclose()
    async with asyncio.timeout(30):
        await collect(backend, generation(max_tokens=1))
    assert sum(len(row.tokens) for rows in runner.steps for row in rows) < 50_000
    assert backend._engines.leases == 0


async def test_a_prompt_that_does_not_fit_is_refused_before_it_waits(backend_of):
    backend = await backend_of(ScriptedRunner(context_tokens=10))
    with pytest.raises(PromptTooLong):
        await collect(backend, generation("x" * 10))
    assert backend._engines.leases == 0


async def test_an_answer_is_held_against_its_schema(backend_of):
    backend = await backend_of(ScriptedRunner("{}"))
    fits = Format("json_schema", '{"type": "object"}')
    assert text_of(await collect(backend, generation(format=fits))) == "{}"
    with pytest.raises(AnswerUnfit):
        await collect(backend, generation(format=Format("json_schema", '{"required": ["a"]}')))
    with pytest.raises(FormatRefused):
        await collect(backend, generation(format=Format("json_schema", "{")))


async def test_an_answer_that_was_cut_off_is_as_good_as_it_can_be(backend_of):
    backend = await backend_of(ScriptedRunner('{"a": 1}'))
    wanted = generation(format=Format("json_schema", '{"required": ["b"]}'), max_tokens=3)
    assert (await collect(backend, wanted))[-1].finish_reason == "length"


async def test_texts_become_vectors_however_many(backend_of):
    backend = await backend_of(ScriptedRunner(embedding_size=2))
    found = await backend.embed([f"text {n}" for n in range(50)], model="tiny", caller="alice")
    assert found.vectors == ((1.0, 0.0),) * 50
    assert found.prompt_tokens == 10 * 6 + 40 * 7


async def test_a_model_that_talks_makes_no_vectors(backend_of):
    backend = await backend_of(ScriptedRunner())
    with pytest.raises(UnknownModel):
        await backend.embed(["a"], model="tiny", caller="alice")


async def test_a_backend_without_an_engine_says_why():
    backend = LocalBackend(OneModel(None))
    assert backend.status().state == "down"
    with pytest.raises(ModelUnavailable, match="not downloaded"):
        await collect(backend, generation())


async def test_a_mailbox_joins_what_came_while_nobody_looked():
    mailbox = Mailbox()
    for event in (Piece("a"), Piece("b"), Piece("c", 1), Piece("d", 1), Ending("stop", 1, 1, 0.0, 0.0)):
        mailbox.deliver(event)
    assert await mailbox.take() == [Piece("ab"), Piece("cd", 1), Ending("stop", 1, 1, 0.0, 0.0)]


async def test_a_mailbox_loses_nothing_and_keeps_the_order():
    mailbox, count = Mailbox(), 20_000

    def post():
        for n in range(count):
            mailbox.deliver(Piece(f"{n},"))

    posting = asyncio.create_task(asyncio.to_thread(post))
    heard = ""
    async with asyncio.timeout(60):
        while heard.count(",") < count:
            heard += "".join(piece.text for piece in await mailbox.take())
    await posting
    assert heard == "".join(f"{n}," for n in range(count))


async def test_calls_of_tools_are_found_in_what_the_model_says(backend_of):
    said = 'Well.\n<tool_call>\n{"name": "f", "arguments": {"a": "b"}}\n</tool_call>'
    backend = await backend_of(ScriptedRunner(said))
    asked = Generation((Message("user", "hi"),), "tiny", 200, Sampling(0.0), "alice", "r", choices=2)
    asked = replace(asked, tools=(Tool("f", "", ""),))
    events = [event async for event in backend.answer(asked)]
    for choice in range(2):
        own = [event for event in events if event.choice == choice]
        assert "".join(event.text for event in own if isinstance(event, Piece)) == "Well."
        calls = [event for event in own if isinstance(event, CallPiece)]
        assert [event.name for event in calls if event.name] == ["f"]
        assert "".join(event.arguments for event in calls) == '{"a": "b"}'
        assert own[-1].finish_reason == "tool_calls"


async def test_without_tools_a_call_is_text(backend_of):
    said = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'
    backend = await backend_of(ScriptedRunner(said))
    asked = Generation((Message("user", "hi"),), "tiny", 200, Sampling(0.0), "alice", "r")
    *pieces, ending = [event async for event in backend.answer(asked)]
    assert "".join(piece.text for piece in pieces) == said
    assert ending.finish_reason == "stop"


async def test_tokens_are_told_beside_calls_too(backend_of):
    said = 'Well.<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    backend = await backend_of(ScriptedRunner(said))
    asked = generation(tools=(Tool("f", "", ""),), logprobs=0)
    pieces = [event async for event in backend.answer(asked) if isinstance(event, Piece)]
    told = b"".join(token.raw for piece in pieces for token in piece.logprobs)
    assert "".join(piece.text for piece in pieces) == "Well."
    assert told.startswith(b"Well.")


async def test_what_no_local_model_can_be_told_is_refused(backend_of):
    backend = await backend_of(ScriptedRunner("hello"))
    with pytest.raises(ParameterUnsupported, match="reasoning_effort, verbosity"):
        await collect(backend, generation(reasoning_effort="low", verbosity="low"))


async def test_more_choices_than_the_line_has_places_are_refused_for_good(backend_of):
    runner = ScriptedRunner("hello")
    backend = await backend_of(runner)
    with pytest.raises(ParameterUnsupported, match=r"^n$"):
        await collect(backend, generation(choices=21))
    assert not runner.steps
    assert text_of(await collect(backend, generation(choices=20)), 19) == "hello"


async def test_no_local_model_sees_or_hears(backend_of):
    backend = await backend_of(ScriptedRunner("hello"))
    shown = Message("user", MARK * 2, media=(Media("image", "image/png", ""), Media("audio", "wav", "")))
    with pytest.raises(ParameterUnsupported, match="image_url, input_audio"):
        await collect(backend, replace(generation(), messages=(shown,)))
