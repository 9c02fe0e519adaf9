"""
What a model will need in memory, before any of it is taken, and what is free.

    weights    the tensors of the file
    kv         what the slots hold: keys and values of every position, of the window only in layers that
               slide, or one state a slot in recurrent layers
    compute    the largest step: its activations, and the logits of its outputs

The first two follow from the file's header; the third is fitted to measurements. Where a header leaves
something open (which layers slide), the larger is taken.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from inference import repacking
from inference.gguf import Damaged, Header, read_header
from inference.options import LlamaOptions
from inference.runner import ModelBroken

GIB = 1 << 30
# Bytes of a value in the KV memory: llama.cpp's blocks of 32.
_KV_BYTES = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
_CELLS = 256  # a slot's cells are a multiple of it
# Every so many layers one looks at everything, where the file does not say which.
_FULL_EVERY = {"gemma2": 2, "gemma3": 6, "gemma3n": 5, "gpt-oss": 2, "cohere2": 4}
_LIBRARY = 48 << 20  # llama.cpp's code and tables, the vocabulary, small buffers
CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """In bytes."""

    weights: int
    kv: int
    compute: int

    @property
    def total(self) -> int:
        return self.weights + self.kv + self.compute


def memory_needed(path: Path, options: LlamaOptions) -> MemoryNeed:
    """Raises ModelBroken if the file is no whole GGUF file."""
    return _need(_header(path), options)


def check_memory(path: Path, options: LlamaOptions, *, free: int | None = None) -> MemoryNeed:
    """What loading takes. Raises ModelBroken, saying what would fit, if it is more than is free."""
    header = _header(path)
    need = _need(header, options)
    free = free_bytes() if free is None else free
    if free is not None and need.total > free:
        found = _fitting(header, options, free=free)
        advice = (
            f"{' or '.join(found)} would fit."
            if found
            else "Use a smaller model, or one that is quantised more."
        )
        raise ModelBroken(
            f"The model needs {need.total / GIB:.1f} GiB, {free / GIB:.1f} GiB are free; {advice}"
            if found
            else f"The model needs {need.total / GIB:.1f} GiB, {free / GIB:.1f} GiB are free. {advice}"
        )
    return need


def fitting(path: Path, options: LlamaOptions, *, free: int) -> list[str]:
    """The changes of one setting that would make it fit, as a person would write them; none if none does."""
    return _fitting(_header(path), options, free=free)


def _fitting(header: Header, options: LlamaOptions, *, free: int) -> list[str]:
    found = []
    slots = options.slots // 2
    while slots and _need(header, replace(options, slots=slots)).total > free:
        slots //= 2
    if slots:
        found.append(f"LLM_SLOTS={slots}")
    context = options.context_tokens // 2
    while context >= _CELLS and _need(header, replace(options, context_tokens=context)).total > free:
        context //= 2
    if context >= _CELLS:
        found.append(f"LLM_CONTEXT={context}")
    return found


def free_bytes() -> int | None:
    """What this process may still take: of the machine, and of its control group. None if nobody says."""
    known = [free for free in (_machine_free(), _group_free()) if free is not None]
    return min(known, default=None)


def _machine_free() -> int | None:
    try:
        for line in MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _group_free() -> int | None:
    """Of the control group (version 2, then 1) that this process sees as its root, as in a container."""
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            limit = int((CGROUP / most).read_text())  # "max" is no limit
            taken = int((CGROUP / used).read_text())
            return max(0, limit - taken + _cached(CGROUP / most))
        except (OSError, ValueError):
            continue
    return None


def _cached(limit: Path) -> int:
    """File pages that the kernel gives back when they are wanted: counted as used, but free."""
    for line in limit.with_name("memory.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0


def _header(path: Path) -> Header:
    try:
        return read_header(path)
    except Damaged:
        raise ModelBroken(
            "The model file cannot be loaded: it is damaged, or not a GGUF this build knows."
        ) from None
    except OSError:
        raise ModelBroken("The model file cannot be read.") from None


def _need(header: Header, options: LlamaOptions) -> MemoryNeed:
    weights = header.weights + (repacking.added_bytes(header) if repacking.is_wanted(header, options) else 0)
    return MemoryNeed(weights, _kv(header, options), _compute(header, options))


def _context(header: Header, options: LlamaOptions) -> int:
    trained = header.number("context_length") or options.context_tokens
    return min(options.context_tokens, trained)


def _kv(header: Header, options: LlamaOptions) -> int:
    layers = header.number("block_count")
    width = header.number("embedding_length")
    if header.number("pooling_type", -1) >= 0 and not header.number("attention.causal", 1):
        return 0  # an encoder keeps nothing
    heads = max(1, header.number("attention.head_count", 1))
    size = width // heads
    of_head = header.number("attention.key_length", size) + header.number("attention.value_length", size)
    heads_kv = header.of_layers("attention.head_count_kv", layers, heads)
    every, in_window = _cells(header, options)
    slides = _slides(header, layers)
    held = 0.0
    for layer in range(layers):
        if _is_recurrent(header, layer, heads_kv[layer]):
            held += _state(header) * options.slots
        else:
            cells = in_window if slides[layer] else every
            held += heads_kv[layer] * of_head * _KV_BYTES[options.kv_type] * cells
    return int(held)


def _cells(header: Header, options: LlamaOptions) -> tuple[int, int]:
    """The positions kept by a layer that looks at everything, and by one that slides."""
    if options.kind == "embedding":
        step = max(options.step_tokens, _context(header, options))
        return _padded(step), _padded(step)
    window = header.number("attention.sliding_window")
    if options.is_shared:
        every = _padded(options.kv_tokens)
        return every, _padded(min(every, window * options.slots + options.step_tokens))
    every = _padded(_context(header, options))
    return every * options.slots, _padded(min(every, window + options.step_tokens)) * options.slots


def _padded(cells: int) -> int:
    return -(-cells // _CELLS) * _CELLS


def _slides(header: Header, layers: int) -> list[bool]:
    if not header.number("attention.sliding_window"):
        return [False] * layers
    pattern = header.values.get(f"{header.architecture}.attention.sliding_window_pattern")
    if isinstance(pattern, list) and len(pattern) >= layers:
        return [bool(each) for each in pattern[:layers]]
    every = pattern if isinstance(pattern, int) else _FULL_EVERY.get(header.architecture, 1)
    return [every > 1 and layer % every < every - 1 for layer in range(layers)]


def _is_recurrent(header: Header, layer: int, heads_kv: int) -> bool:
    if heads_kv == 0:
        return True
    if not (header.number("ssm.state_size") or header.number("wkv.head_size")):
        return False
    every = header.number("full_attention_interval")
    if every:
        return (layer + 1) % every != 0
    return f"blk.{layer}.attn_k.weight" not in header.tensors


def _state(header: Header) -> int:
    """Bytes of a recurrent layer's state (single precision): convolution and scan, or a matrix a head."""
    inner, state = header.number("ssm.inner_size"), header.number("ssm.state_size")
    if inner:
        groups = header.number("ssm.group_count")
        past = max(0, header.number("ssm.conv_kernel") - 1) * (inner + 2 * groups * state)
        return 4 * (past + inner * state)
    width = header.number("embedding_length")
    return 4 * width * (2 + header.number("wkv.head_size"))


def _compute(header: Header, options: LlamaOptions) -> int:
    step = options.step_tokens
    context = _context(header, options)
    if options.kind == "embedding":
        step = max(step, context)
    width = header.number("embedding_length")
    vocabulary = header.number("vocab_size") or header.lengths.get("tokenizer.ggml.tokens", 0)
    outputs = 0 if options.kind == "embedding" else step * vocabulary
    inner = header.number("feed_forward_length") + header.number("ssm.inner_size")
    activations = step * (8 * width + 3 * inner)
    heads = header.number("attention.head_count", 1)
    cells = options.kv_tokens if options.is_shared else context
    scores = 0 if options.flash_attention else step * heads * cells
    mask = step * cells
    return int(4 * (outputs + activations + scores) + 2 * mask) + _LIBRARY
