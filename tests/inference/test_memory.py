"""Memory is counted before it is taken; headers of hostile files are read without believing them."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import memory
from inference.gguf import Damaged, read_header
from inference.memory import check_memory, fitting, memory_needed
from inference.options import LlamaOptions
from inference.runner import ModelBroken
from tests.inference import models

OPTIONS = LlamaOptions(slots=4, context_tokens=512, step_tokens=64)
MEBIBYTE = 1 << 20


def test_a_header_says_what_the_model_is(model_paths):
    header = read_header(model_paths["tiny"])
    assert header.architecture == "llama"
    assert header.number("block_count") == models.LAYERS
    assert header.number("attention.head_count_kv") == models.HEADS_KV
    assert header.lengths["tokenizer.ggml.tokens"] == 256 + len(models.PAIRS) + 3
    assert header.weights == pytest.approx(model_paths["tiny"].stat().st_size, rel=0.05)


def test_the_slots_memory_is_counted_as_llama_cpp_makes_it(model_paths):
    def kv(kind, **options):
        return memory_needed(model_paths[kind], LlamaOptions(**{"context_tokens": 512, **options})).kv

    of_token = models.LAYERS * models.HEADS_KV * models.HEAD * 2 * 2
    assert kv("tiny", slots=1) == 512 * of_token
    assert kv("tiny", slots=8) == 8 * kv("tiny", slots=1)
    assert kv("tiny", slots=8, kv_tokens=1024) == 1024 * of_token
    assert kv("tiny", slots=8, kv_type="q8_0") < 0.54 * kv("tiny", slots=8)
    assert kv("tiny", slots=1, context_tokens=10_000) == kv("tiny", slots=1), "it was trained for 512"
    assert kv("sliding", slots=1, step_tokens=64) == 0.75 * kv("tiny", slots=1)
    assert kv("recurrent", slots=4) == 4 * models.LAYERS * 4 * (3 * 128 + 128 * models.STATE)
    assert kv("recurrent", slots=4) / 4 < kv("hybrid", slots=1) < kv("tiny", slots=1)
    assert kv("embedding", slots=1) == 0


def test_a_model_that_does_not_fit_is_refused_with_what_would(model_paths):
    need = memory_needed(model_paths["tiny"], OPTIONS)
    check_memory(model_paths["tiny"], OPTIONS, free=need.total)
    free = need.total - need.kv // 2
    with pytest.raises(ModelBroken) as caught:
        check_memory(model_paths["tiny"], OPTIONS, free=free)
    assert "LLM_SLOTS=2 or LLM_CONTEXT=256 would fit" in caught.value.reason
    assert fitting(model_paths["tiny"], OPTIONS, free=free) == ["LLM_SLOTS=2", "LLM_CONTEXT=256"]
    with pytest.raises(ModelBroken, match="smaller model"):
        check_memory(model_paths["tiny"], OPTIONS, free=1000)
    assert fitting(model_paths["tiny"], OPTIONS, free=1000) == []


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({"memory.max": "max\n", "memory.current": "5\n", "memory.stat": ""}, 8000 * 1024),
        ({"memory.max": "6000000", "memory.current": "5000000", "memory.stat": "inactive_file 500"}, 1000500),
        ({"memory.max": "100", "memory.current": "500", "memory.stat": ""}, 0),
        ({}, 8000 * 1024),
    ],
)
def test_what_is_free_is_the_least_of_machine_and_container(tmp_path, monkeypatch, files, free):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 99999 kB\nMemAvailable:    8000 kB\n")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "MEMINFO", meminfo)
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.free_bytes() == free


def test_where_nobody_says_what_is_free_nothing_is_refused(tmp_path, monkeypatch, model_paths):
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "none")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.free_bytes() is None
    assert check_memory(model_paths["tiny"], OPTIONS).total > 0


# -- hostile files --


def gguf(*, tensors=0, values=0, body=b"", version=3):
    return b"GGUF" + struct.pack("<IQQ", version, tensors, values) + body


def text(raw):
    return struct.pack("<Q", len(raw)) + raw


HOSTILE = {
    "nothing": b"",
    "another format": b"PK\x03\x04" + b"\0" * 100,
    "another version": gguf(version=1),
    "more tensors than bytes": gguf(tensors=2**63),
    "more values than bytes": gguf(values=2**63),
    "a name without end": gguf(values=1, body=struct.pack("<Q", 2**62) + b"x" * 50),
    "a text without end": gguf(values=1, body=text(b"k") + struct.pack("<IQ", 8, 2**63)),
    "an array without end": gguf(values=1, body=text(b"k") + struct.pack("<IIQ", 9, 4, 2**62)),
    "texts without end": gguf(values=1, body=text(b"k") + struct.pack("<IIQ", 9, 8, 2**62) + b"\0" * 80),
    "an array of arrays": gguf(values=1, body=text(b"k") + struct.pack("<IIQ", 9, 9, 5)),
    "an unknown type": gguf(values=1, body=text(b"k") + struct.pack("<I", 77)),
    "a tensor of many dimensions": gguf(tensors=1, body=text(b"t") + struct.pack("<I", 2**31)),
    "a tensor beyond the end": gguf(
        tensors=1, body=text(b"t") + struct.pack("<IQIQ", 1, 5, 0, 2**40) + b"\0" * 64
    ),
    "no alignment": gguf(values=1, body=text(b"general.alignment") + struct.pack("<II", 4, 0)),
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_header_is_damaged(tmp_path, name):
    path = tmp_path / "model.gguf"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(Damaged):
        read_header(path)
    with pytest.raises(ModelBroken, match="damaged"):
        memory_needed(path, OPTIONS)


def test_a_file_that_is_not_there_cannot_be_read(tmp_path):
    with pytest.raises(ModelBroken, match="cannot be read"):
        memory_needed(tmp_path / "none", OPTIONS)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_changed_header_is_read_or_damaged(model_paths, tmp_path_factory, data):
    whole = model_paths["hybrid"].read_bytes()[:9000]
    at = data.draw(st.integers(0, 1500))
    changed = whole[:at] + data.draw(st.binary(min_size=1, max_size=8)) + whole[at + 1 :]
    path = tmp_path_factory.getbasetemp() / "changed.gguf"
    path.write_bytes(changed)
    try:
        need = memory_needed(path, OPTIONS)
    except ModelBroken:
        return
    assert need.total >= 0
