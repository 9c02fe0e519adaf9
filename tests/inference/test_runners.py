"""One contract for every runner: the scripted one, and llama.cpp with each kind of memory there is."""

import math

import llama_cpp
import pytest

from inference.backends import Format, Message, Sampling
from inference.errors import FormatRefused
from inference.llama.loading import LOOK_COST
from inference.runner import OutOfCells, Row
from tests.fakes import ScriptedRunner
from tests.inference.models import LAYERS, WIDTH

HELLO = [Message("user", "What is the capital of France? Answer in one short sentence.")]
# How far logits may differ, of the largest: sums are taken in another order, and memory is half precision.
CLOSE = 1e-2
GREEDY = Sampling(0.0, seed=1)
LLAMAS = {
    "tiny": ("tiny", {}),
    "shared": ("tiny", {"kv_tokens": 1024}),
    "quantised": ("tiny", {"kv_type": "q8_0", "flash_attention": True}),
    "fused": ("tiny", {"flash_attention": True}),
    "sliding": ("sliding", {}),
    "recurrent": ("recurrent", {}),
    "hybrid": ("hybrid", {}),
    "repacked": ("packed", {}),
}


@pytest.fixture(params=["scripted", *LLAMAS])
def runner(request, small):
    if request.param == "scripted":
        return ScriptedRunner("hello")
    return emptied(llama_of(request.param, small))


@pytest.fixture(params=list(LLAMAS))
def llama(request, small):
    return emptied(llama_of(request.param, small))


@pytest.fixture
def tiny(small):
    return emptied(small("tiny"))


def llama_of(name, small):
    kind, options = LLAMAS[name]
    return small(kind, **options)


def emptied(runner):
    for slot in range(runner.slots):
        runner.cut(slot, 0)
    return runner


def compute(runner, slot, tokens, *, size=64):
    """Tokens after what the slot holds; the last can be read as output 0."""
    for at in range(0, len(tokens), size):
        part = tokens[at : at + size]
        runner.step([Row(slot, part, 1 if at + size >= len(tokens) else 0)])


def answer(runner, slot, prompt, *, sampling=GREEDY, grammar="", most=12):
    """The tokens that follow what the slot was given last."""
    sampler = runner.sampler(sampling, grammar, prompt)
    tokens = []
    while len(tokens) < most:
        tokens.append(sampler.choose(0))
        if runner.is_end(tokens[-1]):
            break
        runner.step([Row(slot, tokens[-1:], 1)])
    sampler.close()
    return tokens


def text_of(runner, tokens):
    return b"".join(runner.piece(token) for token in tokens)


# -- what every runner does --


def test_a_conversation_becomes_tokens_and_is_answered(runner):
    prompt = runner.tokens_of(HELLO)
    assert 5 < len(prompt) < runner.context_tokens
    compute(runner, 0, prompt)
    assert answer(runner, 0, prompt)


def test_a_copied_beginning_is_as_good_as_one_computed(runner):
    prompt = runner.tokens_of(HELLO)
    compute(runner, 0, prompt)
    fresh = answer(runner, 0, prompt)
    runner.cut(0, 0)
    compute(runner, 0, prompt[:20])
    kept = runner.copy(0, 2, 20)
    assert kept == 20
    compute(runner, 2, prompt[kept:])
    assert answer(runner, 2, prompt) == fresh


def test_a_partial_copy_holds_what_it_says_and_answers_the_same(runner):
    prompt = runner.tokens_of(HELLO)
    compute(runner, 0, prompt)
    fresh = answer(runner, 0, prompt)
    kept = runner.copy(0, 3, 20)
    assert kept == (20 if runner.can_cut else 0)
    compute(runner, 3, prompt[kept:])
    assert answer(runner, 3, prompt) == fresh


def test_a_cut_slot_goes_on_as_if_the_rest_had_never_been(runner):
    prompt = runner.tokens_of(HELLO)
    compute(runner, 1, prompt)
    fresh = answer(runner, 1, prompt)
    kept = runner.cut(1, 20)
    assert kept == (20 if runner.can_cut else 0)
    compute(runner, 1, prompt[kept:])
    assert answer(runner, 1, prompt) == fresh


def test_cutting_to_more_than_is_held_keeps_what_is_held(runner):
    compute(runner, 1, runner.tokens_of(HELLO)[:5])
    assert runner.cut(1, 100) == 5
    assert runner.cut(1, 5) == 5
    assert runner.cut(1, 2) in (0, 2)
    assert runner.cut(1, 0) == 0


def test_the_source_of_a_copy_may_be_emptied_and_used_at_once(runner):
    prompt = runner.tokens_of(HELLO)
    compute(runner, 0, prompt[:30])
    assert runner.copy(0, 1, 30) == 30
    assert runner.cut(0, 0) == 0
    runner.step([Row(0, prompt[40:50], 1), Row(1, prompt[30:], 1)])
    copied = answer_of_output(runner, 1, prompt)
    emptied(runner)
    compute(runner, 2, prompt)
    assert answer_of_output(runner, 0, prompt) == copied


def answer_of_output(runner, output, prompt):
    sampler = runner.sampler(GREEDY, "", prompt)
    try:
        return sampler.choose(output)
    finally:
        sampler.close()


def test_a_copy_of_a_copy_is_a_copy(runner):
    prompt = runner.tokens_of(HELLO)
    compute(runner, 0, prompt)
    fresh = answer_of_output(runner, 0, prompt)
    emptied(runner)
    compute(runner, 0, prompt[:-1])
    count = len(prompt) - 1
    assert runner.copy(0, 1, count) == runner.copy(1, 3, count) == count
    runner.step([Row(3, prompt[-1:], 1)])
    assert answer_of_output(runner, 0, prompt) == fresh


def test_outputs_are_numbered_through_the_rows_of_a_step(runner):
    first, second = runner.tokens_of(HELLO)[:12], runner.tokens_of_text("quite another text")[:12]
    runner.step([Row(0, first, 1), Row(2, second, 1)])
    both = answer_of_output(runner, 0, first), answer_of_output(runner, 1, second)
    emptied(runner)
    compute(runner, 0, first)
    alone = answer_of_output(runner, 0, first)
    compute(runner, 2, second)
    assert both == (alone, answer_of_output(runner, 0, second))


def test_many_outputs_of_one_row_are_what_single_steps_would_give(runner):
    prompt = runner.tokens_of(HELLO)
    compute(runner, 0, prompt)
    said = answer(runner, 0, prompt, most=5)
    runner.cut(0, 0)
    compute(runner, 0, prompt[:-1])
    runner.step([Row(0, [prompt[-1], *said[:4]], 5)])
    sampler = runner.sampler(GREEDY, "", prompt)
    assert [sampler.choose(output) for output in range(5)] == said
    sampler.close()


def test_a_saved_slot_can_be_restored_into_another(runner, tmp_path):
    prompt = runner.tokens_of(HELLO)
    compute(runner, 0, prompt[:-1])
    file = tmp_path / "slot"
    runner.save(0, file, prompt[:-1])
    assert file.stat().st_mode & 0o777 == 0o600
    runner.step([Row(0, prompt[-1:], 1)])
    fresh = answer(runner, 0, prompt)
    assert runner.restore(2, file) == prompt[:-1]
    runner.step([Row(2, prompt[-1:], 1)])
    assert answer(runner, 2, prompt) == fresh


def test_a_file_that_is_not_there_restores_nothing(runner, tmp_path):
    assert runner.restore(1, tmp_path / "nothing") == []
    assert runner.cut(1, 10) == 0


def test_a_step_that_no_model_could_do_is_refused_and_its_slots_are_empty(runner):
    tokens = runner.tokens_of(HELLO)[:8]
    compute(runner, 1, tokens)
    for rows in (
        [],
        [Row(1, [], 0)],
        [Row(1, tokens, 1), Row(0, tokens, 1)],
        [Row(1, tokens, 9)],
        [Row(1, [*tokens] * 9, 1)],
    ):
        with pytest.raises((ValueError, AssertionError)):
            runner.step(rows)
    assert runner.cut(1, 100) == 0


def test_a_slot_holds_no_more_than_the_context(runner):
    size = min(runner.step_tokens, 64)
    for _ in range(runner.context_tokens // size):
        runner.step([Row(0, [65] * size, 0)])
    assert runner.cut(0, 10_000) == runner.context_tokens
    with pytest.raises((ValueError, AssertionError)):
        runner.step([Row(0, [65], 1)])


def test_formats_are_compiled_or_refused(runner):
    assert runner.compile(Format("json_object"))
    assert runner.compile(Format("json_schema", '{"type": "integer"}'))
    assert runner.compile(Format("grammar", 'root ::= "yes"'))
    for kind, text in (("json_schema", "{"), ("grammar", "no grammar at all"), ("grammar", "")):
        with pytest.raises(FormatRefused):
            runner.compile(Format(kind, text))


def test_pieces_of_the_end_show_nothing(runner):
    end = getattr(runner, "END", None) or runner.vocabulary.end_tokens[0]
    assert runner.is_end(end)
    assert runner.piece(end) == b""


def test_logprobs_give_the_token_and_its_likeliest_rivals(runner):
    prompt = runner.tokens_of(HELLO)
    compute(runner, 0, prompt)
    token = answer_of_output(runner, 0, prompt)
    found = runner.logprobs(0, token, top=3)
    assert found.raw == runner.piece(token)
    assert found.logprob <= 0
    assert [each.logprob for each in found.top] == sorted((e.logprob for e in found.top), reverse=True)
    assert len(found.top) == 3
    assert runner.logprobs(0, token, top=0).top == ()


# -- a memory with too few cells --


@pytest.fixture(params=["scripted", "shared"])
def crowded(request, small):
    if request.param == "scripted":
        return ScriptedRunner(slots=4, context_tokens=512, cells=1024)
    return emptied(small("tiny", kv_tokens=1024))


def test_a_full_memory_refuses_a_step_and_leaves_everything_as_it_was(crowded):
    prompt = crowded.tokens_of(HELLO)[:40]
    compute(crowded, 0, prompt)
    before = answer_of_output(crowded, 0, prompt)
    crowded.cut(0, 39)
    for slot in (1, 2):
        for _ in range(7):
            crowded.step([Row(slot, [66] * 64, 0)])
    crowded.step([Row(3, [67] * 64, 0)])
    with pytest.raises(OutOfCells):
        crowded.step([Row(3, [67] * 64, 0)])
    held = [crowded.cut(slot, 10_000) for slot in range(4)]
    assert held[:3] == [39, 448, 448]
    with pytest.raises(OutOfCells):
        crowded.step([Row(1, [66] * 32, 0), Row(3, [67] * 32, 0)])
    assert [crowded.cut(slot, 10_000) for slot in range(4)] == held
    crowded.cut(3, 0)
    crowded.step([Row(0, prompt[39:], 1)])
    assert answer_of_output(crowded, 0, prompt) == before


def test_a_look_costs_nothing_with_flash_attention_and_less_than_a_token_without(small):
    assert small("tiny", flash_attention=True).look_tokens == 0
    plain = small("tiny")
    parameters = llama_cpp.llama_model_n_params(plain._model)
    assert plain.look_tokens == pytest.approx(parameters / (2 * LAYERS * WIDTH) / LOOK_COST)


def test_copies_in_a_shared_memory_cost_no_cells(small):
    shared = emptied(small("tiny", kv_tokens=1024))
    for _ in range(7):
        shared.step([Row(0, [66] * 64, 0)])
    for target in (1, 2, 3):
        assert shared.copy(0, target, 448) == 448
    shared.step([Row(slot, [67] * 16, 1) for slot in range(4)])
    assert shared.copy_seconds == 0


# -- numbers: what may differ, and by how little --


def logits_after(runner, slot, tokens, *, size):
    runner.cut(slot, 0)
    compute(runner, slot, tokens, size=size)
    return runner.logits(0).copy()


def test_a_prompt_in_chunks_gives_the_logits_of_the_whole(llama):
    prompt = llama.tokens_of(HELLO)[:64]
    whole = logits_after(llama, 0, prompt, size=64)
    for size in (1, 7, 32):
        chunked = logits_after(llama, 0, prompt, size=size)
        assert abs(whole - chunked).max() < CLOSE * abs(whole).max()


def test_a_row_gives_the_same_logits_alone_and_among_others(llama):
    prompt = llama.tokens_of(HELLO)[:30]
    alone = logits_after(llama, 1, prompt, size=64)
    emptied(llama)
    llama.step([Row(0, prompt[5:20], 1), Row(1, prompt, 1)])
    together = llama.logits(1)
    assert abs(alone - together).max() < CLOSE * abs(alone).max()


def test_the_probabilities_of_all_tokens_sum_to_one(llama):
    prompt = llama.tokens_of(HELLO)
    compute(llama, 0, prompt)
    size = llama.vocabulary.size
    everything = llama.logprobs(0, 0, top=size).top
    assert len(everything) == size
    assert math.isclose(sum(math.exp(each.logprob) for each in everything), 1, rel_tol=1e-9)


def test_a_window_that_has_moved_on_cannot_be_gone_back_before(small):
    sliding = emptied(small("sliding"))
    prompt = [65 + at % 50 for at in range(400)]
    compute(sliding, 0, prompt)
    assert sliding.cut(0, 395) == 395
    assert sliding.copy(0, 1, 395) == 395
    assert sliding.cut(0, 20) == 0, "what a token there would attend to is gone"
    assert sliding.copy(1, 2, 20) == 0
    compute(sliding, 0, prompt[:21])
    fresh = answer_of_output(sliding, 0, prompt[:21])
    compute(sliding, 2, prompt[:21])
    assert answer_of_output(sliding, 0, prompt[:21]) == fresh
