"""A model and its context in memory, as the options say. Raises ModelBroken."""

import ctypes
import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp as C  # noqa: N812

from inference import repacking
from inference.gguf import Damaged, Header, read_header
from inference.llama.library import system_info
from inference.memory import free_bytes
from inference.options import LlamaOptions
from inference.runner import ModelBroken

logger = logging.getLogger("inference.llama")

_KV_TYPES = {"f16": C.GGML_TYPE_F16, "q8_0": C.GGML_TYPE_Q8_0, "q4_0": C.GGML_TYPE_Q4_0}
_POOLING_NONE, _POOLING_MEAN, _POOLING_RANK = 0, 1, 4
MOST_SLOTS = 256  # llama.cpp's own limit
# 3.6 µs a token looked at, where computing one takes 6.3 ms and 135 million, or 4.2 repacked: SmolLM2, AVX2.
LOOK_COST, LOOK_COST_REPACKED = 2.0, 3.0
_SAMPLES, _SAMPLE_BYTES = 32, 1 << 16


def check_options(options: LlamaOptions) -> None:
    """Against what llama.cpp would end the process for, or refuse without a word."""
    if not 1 <= options.slots <= MOST_SLOTS:
        raise ModelBroken(f"LLM_SLOTS is a number from 1 to {MOST_SLOTS}.")
    if options.context_tokens < 8 or options.step_tokens < options.slots or options.threads < 1:
        raise ModelBroken("The context, a step (a token a slot at least) or the threads are set too low.")
    if options.is_shared and options.kv_tokens < options.slots:
        raise ModelBroken("LLM_KV_TOKENS is less than a token for each slot (LLM_SLOTS).")
    if options.kv_type != "f16" and not options.flash_attention:
        raise ModelBroken("A quantised KV memory needs flash attention.")


@dataclass(frozen=True, slots=True)
class Opened:
    """Pointers of the C library. The adapter, if there is one, belongs to the model and ends with it."""

    model: Any
    adapter: Any = None


def open_model(path: Path, options: LlamaOptions) -> Opened:
    header = _worth_repacking(path, options)
    if header is not None and (opened := _open_repacked(path, header)) is not None:
        return opened
    wanted = C.llama_model_default_params()
    wanted.n_gpu_layers = options.gpu_layers
    model = C.llama_model_load_from_file(os.fsencode(path), wanted)
    if not model:
        raise ModelBroken("The model file cannot be loaded: it is damaged, or not a GGUF this build knows.")
    return Opened(model)


def _worth_repacking(path: Path, options: LlamaOptions) -> Header | None:
    """The file's header if this build has the kernels for it, and there is memory for a second copy while it
    loads."""
    if not all(feature in system_info() for feature in ("AVX2 = 1", "REPACK = 1")):
        return None
    try:
        header = read_header(path)
    except (Damaged, OSError):
        return None  # whoever loads it says why
    free = free_bytes()
    needed = 2 * (header.weights + repacking.added_bytes(header))
    return header if repacking.is_wanted(header, options) and (free is None or needed < free) else None


def _open_repacked(path: Path, header: Header) -> Opened | None:
    """None, with a line in the log, where it cannot be done: it is loaded as it is then."""
    model = None
    try:
        with repacking.repacked(path, header) as files:
            wanted = C.llama_model_default_params()
            wanted.n_gpu_layers, wanted.load_mode = 0, C.LLAMA_LOAD_MODE_NONE
            model = C.llama_model_load_from_file(os.fsencode(files.model), wanted)
            adapter = C.llama_adapter_lora_init(model, os.fsencode(files.adapter)) if model else None
    except OSError as error:
        logger.warning("model not repacked: %s", type(error).__name__)
        return None
    if model and adapter:
        return Opened(model, adapter)
    logger.warning("model not repacked: llama.cpp takes it only as it is")
    if model:
        C.llama_model_free(model)
    return None


def open_context(opened: Opened, options: LlamaOptions, *, kv_tokens: int, step_tokens: int) -> Any:
    wanted = C.llama_context_default_params()
    wanted.n_ctx = kv_tokens
    wanted.n_seq_max = options.slots
    wanted.kv_unified = options.is_shared
    # Rows of different lengths are computed one after the other; none is longer than a step.
    wanted.n_batch = wanted.n_ubatch = step_tokens
    wanted.n_threads = wanted.n_threads_batch = options.threads
    wanted.type_k = wanted.type_v = _KV_TYPES[options.kv_type]
    wanted.flash_attn_type = 1 if options.flash_attention else 0
    wanted.swa_full = False
    wanted.no_perf = True
    if options.kind == "embedding":
        # All texts of a call as one batch, whatever their lengths: a vector is pooled from one computation.
        wanted.n_ctx, wanted.kv_unified = step_tokens, True
        wanted.embeddings = True
        wanted.pooling_type = _pooling(opened.model)
    context = C.llama_init_from_model(opened.model, wanted)
    if not context and options.kv_type != "f16":
        raise ModelBroken(f"This model cannot keep its memory as {options.kv_type}. Use f16.")
    if not context:
        raise ModelBroken("There is not enough memory for the model. Use a smaller one, or less LLM_CONTEXT.")
    if opened.adapter:
        adapters = (C.llama_adapter_lora_p_ctypes * 1)(opened.adapter)
        if C.llama_set_adapters_lora(context, adapters, 1, (ctypes.c_float * 1)(1.0)):
            C.llama_free(context)
            raise ModelBroken("The model cannot be loaded repacked. Set LLM_REPACK=false.")
    return context


def look_tokens(opened: Opened) -> float:
    """How many tokens a row looks through, without flash attention, in the time that computing a token takes:
    by the multiplications of both, of which those of a look take LOOK_COST as long."""
    model = opened.model
    of_a_look = 2 * int(C.llama_model_n_layer(model)) * int(C.llama_model_n_embd(model))
    cost = LOOK_COST_REPACKED if opened.adapter else LOOK_COST
    return int(C.llama_model_n_params(model)) / max(1, of_a_look) / cost


def _pooling(model: Any) -> int:
    """What the model says; the mean where it says nothing."""
    stated = metadata(model, f"{metadata(model, 'general.architecture')}.pooling_type")
    pooling = int(stated) if stated.isdigit() else _POOLING_NONE
    if pooling == _POOLING_RANK:
        raise ModelBroken("This model ranks texts; it makes no vectors of them.")
    return _POOLING_MEAN if pooling == _POOLING_NONE else pooling


def metadata(model: Any, key: str) -> str:
    """A value of the model file as text; empty if there is none."""
    buffer = ctypes.create_string_buffer(256)
    size = C.llama_model_meta_val_str(model, key.encode(), buffer, len(buffer))
    return buffer.value.decode("utf-8", "replace") if size >= 0 else ""


def fingerprint(path: Path, options: LlamaOptions, *, is_repacked: bool) -> bytes:
    """Differs where what a slot holds means something else: another model (told by its size, its header and
    samples of its weights), another layout, another build."""
    digest = hashlib.blake2b(digest_size=32)
    layout = (options.kv_type, options.flash_attention, options.is_shared, is_repacked)
    size = path.stat().st_size
    digest.update(repr((size, layout, C.__version__)).encode())
    with path.open("rb") as file:
        digest.update(file.read(1 << 20))
        for sample in range(_SAMPLES):
            file.seek(size * sample // _SAMPLES)
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.digest()
