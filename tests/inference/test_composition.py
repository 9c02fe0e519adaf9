"""This process's models, from the settings."""

import asyncio
import threading
from pathlib import Path

import pytest

from inference import checks, composition
from inference.backends import Ending, Generation, Message, Piece, Sampling
from inference.errors import ModelLoading, ModelUnavailable
from inference.served import served
from inference.wanted import parse
from tests.fakes import ScriptedRunner
from tests.inference.files import write_header

MIB = 1 << 20


@pytest.fixture
def folder(settings, tmp_path):
    """The models' folder, with a default model in it that is nothing but a header."""
    settings.LLM_MODELS_DIR = tmp_path
    settings.LLM_MEMORY_MB = 1000
    write_header(tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf")
    return tmp_path


@pytest.fixture
def loaded(folder, monkeypatch):
    """What was loaded, in order: (name, options). Models spell their own names."""
    found = []

    def load(model, options):
        found.append((model.name, options))
        return ScriptedRunner(model.name)

    monkeypatch.setattr(composition, "load", load)
    yield found
    composition.close()


async def answer(model):
    generation = Generation((Message("user", "who?"),), model, 64, Sampling(0.0), "alice", "r")
    return [event async for event in composition.backend().answer(generation)]


def said(events):
    assert isinstance(events[-1], Ending)
    return "".join(event.text for event in events if isinstance(event, Piece))


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def test_nothing_is_loaded_where_no_server_asked_for_it():
    assert not {"engine", "roster"} & {thread.name for thread in threading.enumerate()}
    status = composition.backend().status()
    assert (status.state, status.reason) == ("down", "The model is not started in this process.")


def test_a_core_is_left_to_the_web_side(settings, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr("inference.machine._quotas", lambda root: [])
    assert composition.threads() == 3
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0}, raising=False)
    assert composition.threads() == 1
    settings.LLM_THREADS = 7
    assert composition.threads() == 7


async def test_prompts_choose_their_model_and_it_is_loaded_for_them(loaded, folder, settings):
    write_header(folder / "other.gguf")
    settings.LLM_MODELS = parse("other.gguf:slots=3")
    composition.start()
    await until(lambda: composition.backend().status().state == "ready")
    assert [name for name, _ in loaded] == ["smollm2-135m"]
    assert said(await answer("smollm2-135m")) == "smollm2-135m"
    assert said(await answer("other")) == "other"
    assert [name for name, _ in loaded] == ["smollm2-135m", "other"]
    assert loaded[1][1].slots == 3


async def test_models_that_do_not_fit_together_take_turns(loaded, folder, settings):
    for name in ("one", "two"):
        write_header(folder / f"{name}.gguf", weights=500 * MIB)
    settings.LLM_MODELS = parse("one.gguf,two.gguf")
    composition.start(eager=False)
    for name in ("one", "two", "one"):
        assert said(await answer(name)) == name
    assert [name for name, _ in loaded] == ["one", "two", "one"]


async def test_a_model_larger_than_the_memory_is_refused(loaded, folder, settings):
    write_header(folder / "large.gguf", weights=2000 * MIB)
    settings.LLM_MODELS = parse("large.gguf")
    composition.start(eager=False)
    with pytest.raises(ModelUnavailable, match="LLM_MEMORY_MB"):
        await answer("large")
    assert loaded == []


async def test_the_refusal_says_what_would_fit(loaded, folder, settings):
    layers = {"block_count": 32, "embedding_length": 2048, "context_length": 8192, "attention.head_count": 16}
    write_header(folder / "deep.gguf", weights=100 * MIB, **layers)
    settings.LLM_MODELS = parse("deep.gguf:slots=16:context=8192:name=own, deep.gguf")
    settings.LLM_SLOTS, settings.LLM_CONTEXT = 16, 4096
    settings.LLM_MEMORY_MB = 2000
    composition.start(eager=False)
    for model, names in (("own", "slots=4 in LLM_MODELS"), ("deep", "LLM_SLOTS=8 or LLM_CONTEXT=2048")):
        with pytest.raises(ModelUnavailable, match=f"{names}.* would fit"):
            await answer(model)
    assert loaded == []


async def test_a_prompt_waits_as_long_as_is_set(loaded, monkeypatch, settings):
    open_now = threading.Event()
    monkeypatch.setattr(composition, "load", lambda *_: open_now.wait(30) and ScriptedRunner("late"))
    settings.LLM_LOAD_WAIT_SECONDS = 0.02
    composition.start()
    with pytest.raises(ModelLoading):
        await answer("smollm2-135m")
    open_now.set()
    await until(lambda: composition.backend().status().state == "ready")
    assert said(await answer("smollm2-135m")) == "late"


def test_settings_become_options(folder, settings):
    settings.LLM_MODELS = parse("smollm2-135m:context=1000:gpu_layers=2:pinned")
    settings.LLM_KV_TYPE, settings.LLM_KV_TOKENS = "q8_0", 5000
    settings.LLM_QUEUE, settings.LLM_PREFIX_SCOPE, settings.LLM_SPECULATION = 5, "user", False
    settings.LLM_PREFIX_DIR = str(folder / "kept")
    (model,) = served()
    options = composition.llama_options(model, slots=2)
    assert (options.context_tokens, options.slots, options.gpu_layers) == (1000, 2, 2)
    assert (options.kv_type, options.kv_tokens, options.kind) == ("q8_0", 5000, "chat")
    assert options.flash_attention
    assert composition.llama_options(model, slots=200).step_tokens >= 200
    engine = composition.engine_options(model)
    assert (engine.places, engine.prefix_scope, engine.speculation) == (5, "user", False)
    assert engine.prefix_dir == folder / "kept" / "smollm2-135m-b179c9523d0e"
    settings.LLM_PREFIX_DIR = ""
    assert composition.engine_options(model).prefix_dir is None


@pytest.mark.parametrize(
    ("said", "kv_type", "option", "is_on"),
    [
        ("auto", "f16", "", False),  # a processor's kernel for it is slow
        ("auto", "q8_0", "", True),
        ("auto", "f16", ":gpu_layers=-1", True),
        ("auto", "f16", ":kind=embedding", True),
        (True, "f16", "", True),
        (False, "f16", ":gpu_layers=-1", False),
    ],
)
def test_flash_attention_is_on_where_it_is_needed_or_faster(folder, settings, said, kv_type, option, is_on):
    settings.LLM_MODELS = parse(f"one.gguf{option}")
    write_header(folder / "one.gguf", block_count=1, context_length=512)
    settings.LLM_FLASH_ATTENTION, settings.LLM_KV_TYPE, settings.LLM_GPU_LAYERS = said, kv_type, 0
    one = next(model for model in served() if model.wanted.source == "one.gguf")
    assert composition.llama_options(one, slots=1).flash_attention is is_on


def test_slots_are_as_many_as_fit(folder, settings):
    write_header(folder / "one.gguf", block_count=16, context_length=4096, **{"attention.head_count_kv": 4})
    settings.LLM_MODELS = parse("one.gguf,two.gguf")  # the second is not there, and counts nothing
    settings.LLM_MEMORY_MB = 0
    default, one, _ = models = served()

    def slots(megabytes, of=one):
        return composition.slots_of(of, models, budget_bytes=megabytes * MIB)

    assert slots(100_000) == 16
    each = composition.need(one, slots=2).total - composition.need(one, slots=1).total
    assert each == 16 * 2 * 64 * 2 * 4096  # keys and values of 64 half floats in each layer
    needed = [composition.need(model, slots=5).total for model in (default, one)]
    assert slots(-(-sum(needed) // MIB)) == slots(-(-sum(needed) // MIB), default) == 5
    settings.LLM_SLOTS = 7
    assert slots(1) == 7


def test_another_models_broken_file_takes_no_slots(folder, settings):
    (folder / "broken.gguf").write_bytes(b"GGUF")
    settings.LLM_MODELS = parse("broken.gguf")
    default, broken = models = served()
    assert composition.slots_of(default, models, budget_bytes=1000 * MIB) == 16
    with pytest.raises(composition.ModelBroken):
        composition.slots_of(broken, models, budget_bytes=1000 * MIB)


def test_no_model_is_asked_for_more_context_than_its_file_says_it_has(folder, settings):
    write_header(folder / "short.gguf", context_length=700)
    settings.LLM_MODELS = parse("short.gguf")
    assert served()[1].card().context_tokens == 700


def test_the_default_and_the_pinned_ones_are_needed(settings):
    settings.LLM_MODELS = parse("smollm2-135m,qwen3-4b:pinned,gemma-3-1b")
    assert composition.needed_names() == ("smollm2-135m", "qwen3-4b")


def test_the_memory_is_what_is_set_or_what_is_free_less_a_reserve(settings, monkeypatch):
    settings.LLM_MEMORY_MB = 300
    assert composition.memory_budget() == 300 * MIB
    settings.LLM_MEMORY_MB = 0
    monkeypatch.setattr("inference.machine.free_bytes", lambda: 1024 * MIB)
    assert composition.memory_budget() == 768 * MIB


def test_pinned_models_that_do_not_fit_together_are_told(folder, settings):
    assert checks.pinned_models_fit() == []
    write_header(folder / "one.gguf", weights=950 * MIB)
    settings.LLM_MODELS = parse("one.gguf:pinned")
    (found,) = checks.pinned_models_fit()
    assert found.id == "inference.W006"
    assert "LLM_MEMORY_MB" in found.hint


def test_nothing_of_a_path_is_in_what_callers_see(folder, settings):
    settings.LLM_MODELS = parse(f"{folder}/gone.gguf")
    assert str(folder) not in str(composition.backend().models())
    assert Path(served()[1].wanted.source).parent == folder
