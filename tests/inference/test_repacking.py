"""Weights in Q4_1 are computed as Q4_0 and an adapter, and are worth what they were."""

import os

import gguf
import numpy as np
import pytest

from inference import repacking
from inference.gguf import Header, Tensor, read_header
from inference.llama import LlamaOptions, LlamaRunner, loading, system_info
from inference.memory import memory_needed
from inference.runner import Row
from tests.inference.models import INNER, PACKED, WIDTH, unpacked
from tests.inference.test_runners import emptied

Q4_0, Q4_1, Q8_0 = (gguf.GGMLQuantizationType[name] for name in ("Q4_0", "Q4_1", "Q8_0"))
OPTIONS = LlamaOptions(slots=4, context_tokens=512, step_tokens=64)
TEXT = list(b"The harbour opens at six. Boats leave for the islands every hour.")
MATRIX = "blk.1.ffn_down.weight"

pytestmark = pytest.mark.skipif(
    "AVX2 = 1" not in system_info() or "REPACK = 1" not in system_info(),
    reason="this build of llama.cpp has no kernels to repack for",
)


def logits(runner):
    """After each token of a text."""
    emptied(runner).step([Row(0, TEXT[:64], 64)])
    return np.stack([runner.logits(at) for at in range(64)])


def distance(one, other):
    return float(np.sqrt(np.mean((one - other) ** 2)))


@pytest.fixture(params=PACKED)
def path(request, model_paths):
    return model_paths[request.param]


# -- what comes out --


@pytest.mark.parametrize("flash_attention", [False, True])
def test_what_is_computed_is_as_near_to_the_weights_as_without(path, tmp_path, flash_attention):
    truth = LlamaRunner(unpacked(path, tmp_path / "unpacked.gguf"), options=OPTIONS)
    exact = logits(truth)
    truth.close()
    found = {}
    for repack in (False, True):
        runner = small_runner(path, repack=repack, flash_attention=flash_attention)
        assert runner.is_repacked is repack
        found[repack] = distance(logits(runner), exact)
        runner.close()
    assert 0 < found[True] < 1.5 * found[False] < 0.1 * exact.std()


def small_runner(path, **options):
    return LlamaRunner(path, options=LlamaOptions(slots=4, context_tokens=512, step_tokens=64, **options))


@pytest.mark.model
def test_the_default_model_is_repacked_and_thinks_the_same(default_model_path):
    found = {}
    for repack in (False, True):
        runner = small_runner(default_model_path, repack=repack, flash_attention=True)
        assert runner.is_repacked is repack
        tokens = runner.tokens_of_text("The harbour opens at six, and boats leave for the islands. " * 8)[:64]
        runner.step([Row(0, tokens, 64)])
        raw = np.stack([runner.logits(at) for at in range(64)]).astype(np.float64)
        raw -= raw.max(axis=1, keepdims=True)
        found[repack] = raw - np.log(np.exp(raw).sum(axis=1, keepdims=True))
        runner.close()
    divergence = (np.exp(found[False]) * (found[False] - found[True])).sum(axis=1)
    assert divergence.mean() < 0.03, "what rounding alone brings is a hundredth of a nat"


@pytest.mark.model
def test_with_flash_attention_a_token_has_the_same_logits_alone_and_in_a_batch(default_model_path):
    """So a guess may be checked beside others, and an answer does not depend on who else asks."""
    runner = small_runner(default_model_path, flash_attention=True)
    tokens = runner.tokens_of_text("Dogs travel free of charge. The harbour closes at ten, says the sign.")
    before, after = tokens[:-6], tokens[-6:]
    for slot in range(4):
        runner.step([Row(slot, before, 0)])
    alone = []
    for token in after:
        runner.step([Row(0, [token], 1)])
        alone.append(runner.logits(0).copy())
    for at, token in enumerate(after):
        runner.step([Row(1, [token], 1), Row(2, [5 + at], 1)])
        assert np.array_equal(runner.logits(0), alone[at])
    runner.step([Row(3, after, 6)])
    assert all(np.array_equal(runner.logits(at), alone[at]) for at in range(6))
    runner.close()


# -- what is written --


@pytest.fixture
def files(path):
    """The two files in memory, as another program reads them."""
    with repacking.repacked(path, read_header(path)) as made:
        yield gguf.GGUFReader(made.model), gguf.GGUFReader(made.adapter)


def test_the_rest_of_the_file_is_as_it_was(path, files):
    before, after = gguf.GGUFReader(path), files[0]
    assert list(after.fields) == list(before.fields)
    assert (
        after.fields["tokenizer.ggml.tokens"].contents() == before.fields["tokenizer.ggml.tokens"].contents()
    )
    repacked = 0
    for old, new in zip(before.tensors, after.tensors, strict=True):
        assert (old.name, list(old.shape)) == (new.name, list(new.shape))
        if old.tensor_type == Q4_1:
            assert new.tensor_type == Q4_0
            repacked += 1
        else:
            assert new.tensor_type == old.tensor_type
            assert np.array_equal(new.data, old.data)
    assert repacked == 14


def test_both_files_together_are_worth_what_the_weights_are(path, files):
    model, adapter = ({each.name: each for each in reader.tensors} for reader in files)
    for tensor in gguf.GGUFReader(path).tensors:
        if tensor.tensor_type != Q4_1:
            continue
        first, second = (
            gguf.dequantize(adapter[f"{tensor.name}.lora_{letter}"].data, Q8_0) for letter in "ab"
        )
        found = gguf.dequantize(model[tensor.name].data, Q4_0) + second @ first
        exact = gguf.dequantize(tensor.data, Q4_1)
        assert np.abs(found - exact).max() <= np.abs(second).max() / 254 * 1.01
        assert np.abs(found - exact).max() < 0.01 * exact.std()


def test_nothing_of_it_is_left(path):
    before = set(os.listdir("/proc/self/fd"))
    runner = small_runner(path)
    runner.close()
    with repacking.repacked(path, read_header(path)) as made:
        assert made.model.exists()
    assert not made.model.exists()
    assert set(os.listdir("/proc/self/fd")) == before


# -- where it is not done --


def header_of(tensors, architecture="llama"):
    described = {name: Tensor(shape, kind, 0) for name, (shape, kind) in tensors.items()}
    return Header({"general.architecture": architecture}, {}, described, 1000, 0, 0, 32)


def test_only_matrices_for_which_there_are_kernels_and_adapters():
    good = {MATRIX: ((INNER, WIDTH), 3)}
    assert repacking.matrices(header_of(good)) == [MATRIX]
    assert repacking.matrices(header_of(good, "gemma3")) == []
    for other in (
        {MATRIX: ((INNER, WIDTH), 2)},  # Q4_0 has its kernels
        {MATRIX: ((INNER, WIDTH + 4), 3)},
        {MATRIX: ((INNER + 8, WIDTH), 3)},
        {MATRIX: ((INNER, WIDTH, 8), 3)},
        {"blk.1.ffn_down_exps.weight": ((INNER, WIDTH), 3)},
        {"token_embd.weight": ((INNER, WIDTH), 3)},
        {f"{MATRIX}.more": ((INNER, WIDTH), 3)},
    ):
        assert repacking.matrices(header_of(other)) == []


def test_not_on_a_graphics_card_nor_where_it_is_not_wanted(model_paths):
    header = read_header(model_paths["packed"])
    assert repacking.is_wanted(header, OPTIONS)
    for options in ({"repack": False}, {"gpu_layers": 1}, {"kind": "embedding"}):
        assert not repacking.is_wanted(header, LlamaOptions(**options))
    assert not repacking.is_wanted(read_header(model_paths["tiny"]), OPTIONS)


def test_a_model_is_loaded_as_it_is_where_there_is_no_room_for_two(model_paths, monkeypatch):
    header = read_header(model_paths["packed"])
    twice = 2 * (header.weights + repacking.added_bytes(header))
    for free, is_repacked in ((twice, False), (twice + 1, True), (None, True)):
        monkeypatch.setattr(loading, "free_bytes", lambda free=free: free)
        runner = small_runner(model_paths["packed"])
        assert runner.is_repacked is is_repacked
        runner.close()


@pytest.mark.parametrize("fault", ["no files in memory", "memory is full", "llama.cpp refuses"])
def test_a_model_is_loaded_as_it_is_where_it_cannot_be_done(model_paths, monkeypatch, caplog, fault):
    def full(*_):
        raise OSError(28, "No space left on device")

    if fault == "no files in memory":
        monkeypatch.delattr(os, "memfd_create")
    elif fault == "memory is full":
        monkeypatch.setattr(os, "pwrite", full)
    else:
        monkeypatch.setattr(repacking.gguf, "entry", lambda key, value: something_else(key))
    runner = small_runner(model_paths["packed"])
    assert not runner.is_repacked
    assert "model not repacked" in caplog.text
    assert logits(runner).std() > 0
    runner.close()


def something_else(key):
    return repacking.gguf.text(key) + b"\x08\0\0\0" + repacking.gguf.text("something else")


def test_a_file_that_ends_in_a_matrix_is_said_to(model_paths, tmp_path):
    whole = model_paths["packed"].read_bytes()
    header = read_header(model_paths["packed"])
    last = max(repacking.matrices(header), key=lambda name: header.tensors[name].offset)
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[: header.weights_at + header.tensors[last].offset + 100])
    with pytest.raises(OSError, match="not whole"), repacking.repacked(path, header):
        pass


def test_what_it_takes_is_counted(model_paths):
    header = read_header(model_paths["packed"])
    added = repacking.added_bytes(header)
    with repacking.repacked(model_paths["packed"], header) as made:
        readers = [gguf.GGUFReader(path) for path in (made.model, made.adapter)]
        held = sum(int(tensor.n_bytes) for reader in readers for tensor in reader.tensors)
    assert header.weights + added == pytest.approx(held, rel=0.001), "but for what aligns them"
    without = memory_needed(model_paths["packed"], LlamaOptions(repack=False)).weights
    assert memory_needed(model_paths["packed"], LlamaOptions()).weights == without + added
