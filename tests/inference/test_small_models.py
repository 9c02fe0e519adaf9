"""Small models of several kinds in one memory, with the real engine and llama.cpp."""

import asyncio
import math

import pytest

from inference import composition
from inference.backends import Ending, Generation, Message, Sampling
from inference.errors import UnknownModel
from inference.served import served
from inference.wanted import parse

MIB = 1 << 20
CHAT = ("tiny", "sliding", "recurrent")


@pytest.fixture
def backend(settings, model_paths):
    """Serves tiny (the default), sliding, recurrent and embedding, with memory for two of them."""
    settings.LLM_MODEL_PATH = str(model_paths["tiny"])
    others = (f"{model_paths[kind]}:slots=2" for kind in CHAT)
    settings.LLM_MODELS = parse(
        ",".join([*others, f"{model_paths['embedding']}:kind=embedding:name=e5:slots=2"])
    )
    settings.LLM_CONTEXT = 128
    needs = sorted(composition.need(model, slots=2).total for model in served())
    settings.LLM_MEMORY_MB = sum(needs[-2:]) // MIB + 1
    composition.start(eager=False)
    yield composition.backend()
    composition.close()


async def answer(backend, model, text="Say something."):
    generation = Generation((Message("user", text),), model, 12, Sampling(0.0, ignore_eos=True), "alice", "r")
    return [event async for event in backend.answer(generation)]


async def test_models_of_every_kind_load_answer_and_leave(backend):
    first = {}
    for model in CHAT * 2:
        events = await answer(backend, model)
        assert isinstance(events[-1], Ending)
        assert events[-1].completion_tokens == 12
        # Whether it was loaded for the first time or again, it says the same.
        words = "".join(event.text for event in events[:-1])
        assert first.setdefault(model, words) == words
    assert composition.roster().figures().unloads >= 2
    assert len(composition.roster().engines()) == 2


async def test_an_embedding_model_makes_vectors_beside_the_others(backend):
    await answer(backend, "tiny")
    found = await backend.embed(["one", "another one"], model="e5", caller="alice")
    assert len(found.vectors) == 2
    for vector in found.vectors:
        assert math.isclose(math.hypot(*vector), 1.0, rel_tol=1e-4)
    assert found.vectors[0] != found.vectors[1]
    assert {card.kind for card, status in backend.models() if status.state == "ready"} == {
        "chat",
        "embedding",
    }
    with pytest.raises(UnknownModel):
        await backend.embed(["one"], model="tiny", caller="alice")


async def test_many_prompts_for_more_models_than_fit_are_all_answered(backend):
    asked = [answer(backend, CHAT[n % 3], f"Prompt {n}.") for n in range(24)]
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*asked)
    assert all(isinstance(events[-1], Ending) for events in answers)
    assert composition.roster().figures().held_bytes <= composition.memory_budget()
