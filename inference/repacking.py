"""
Weights that llama.cpp multiplies slowly, in a form for which it has fast kernels.

Q4_1 keeps 32 neighbours of a row as d*q + m, with q from 0 to 15. llama.cpp has kernels that multiply several
rows of Q4_0, which is d*(q - 8), at a time, and none for Q4_1. But

    d*q + m  =  d*(q - 8) + c        with  c = m + 8*d

so the same q and d are loaded as Q4_0, and what is left, each c times the sum of the 32 activations that it
stands before, is a product of two thin matrices: what llama.cpp calls an adapter (LoRA). Its first matrix
adds up (ones and zeros, exact), its second holds the c, in 8 bits. Both are Q8_0, whose kernels give the same
bits alone and in a batch. What that changes in a model's logits is less than the rounding of activations to
8 bits that every such kernel does (tests/inference/test_repacking.py, docs/MODELS.md).

Both files exist in memory only, for as long as they are read.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference import gguf
from inference.gguf import Header, Tensor
from inference.options import LlamaOptions

# Models whose graphs put every matrix below through llama.cpp's adapters (`build_lora_mm`): read in its
# source. An adapter for a matrix that is multiplied otherwise would be left out without a word.
ARCHITECTURES = frozenset({"llama", "qwen2", "qwen3"})
_MATRIX = re.compile(r"blk\.\d+\.(attn_(q|k|v|output)|ffn_(gate|up|down))\.weight")
_Q4_0, _Q4_1, _Q8_0 = 2, 3, 8  # ggml's numbers
_BLOCK = 32  # weights that share a scale, in all three
_Q4_0_BYTES, _Q4_1_BYTES, _Q8_0_BYTES = 18, 20, 34
_ROWS = 8  # that the kernels take at a time: a matrix has a multiple of it
_ALIGNMENT = 32  # of a file that says nothing else
_CHUNK_BLOCKS = 1 << 20

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Repacked:
    """Paths of a model file and of its adapter, which llama.cpp may open until the `with` statement ends."""

    model: Path
    adapter: Path


def matrices(header: Header) -> list[str]:
    """The tensors that would be repacked; none of a model that had better be loaded as it is."""
    if header.architecture not in ARCHITECTURES:
        return []
    return [
        name
        for name, tensor in header.tensors.items()
        if tensor.kind == _Q4_1
        and len(tensor.shape) == 2
        and tensor.shape[0] % _BLOCK == 0
        and tensor.shape[1] % _ROWS == 0
        and _MATRIX.fullmatch(name)
    ]


def is_wanted(header: Header, options: LlamaOptions) -> bool:
    """Whether to do it. A graphics card has kernels of its own."""
    return options.repack and not options.gpu_layers and options.kind == "chat" and bool(matrices(header))


def added_bytes(header: Header) -> int:
    """What the adapter takes beside the weights, less what these become smaller."""
    added = 0
    for name in matrices(header):
        columns, rows = header.tensors[name].shape
        rank = _rank(columns)
        added += rank * columns // _BLOCK * _Q8_0_BYTES + rows * rank // _BLOCK * _Q8_0_BYTES
        added -= rows * columns // _BLOCK * (_Q4_1_BYTES - _Q4_0_BYTES)
    return max(0, added)


@contextmanager
def repacked(path: Path, header: Header) -> Iterator[Repacked]:
    """The model of `path`. Raises OSError where there is no memory for it, or the file is not whole."""
    whole: Bytes = np.memmap(path, np.uint8, "r")
    weights, beginning = whole[header.weights_at :], whole[: header.tensors_at].tobytes()
    names = set(matrices(header))
    with _memory("model") as model, _memory("adapter") as adapter:
        _write_model(model, header, beginning, weights, names)
        _write_adapter(adapter, header, weights, names)
        yield Repacked(Path(f"/proc/self/fd/{model}"), Path(f"/proc/self/fd/{adapter}"))


@contextmanager
def _memory(name: str) -> Iterator[int]:
    """A file without a place on any disk."""
    if not hasattr(os, "memfd_create"):
        raise OSError("this system has no files in memory")
    file = os.memfd_create(name)
    try:
        yield file
    finally:
        os.close(file)


# -- the model --


def _write_model(file: int, header: Header, beginning: bytes, weights: Bytes, names: set[str]) -> None:
    """The same header but for the kind and the place of what is repacked, then the tensors in their order."""
    ordered = sorted(header.tensors.items(), key=lambda item: item[1].offset)
    ends = [tensor.offset for _, tensor in ordered[1:]] + [len(weights)]
    placed: dict[str, Tensor] = {}
    at = 0
    for (name, tensor), end in zip(ordered, ends, strict=True):
        size = end - tensor.offset
        if name in names:
            size = tensor.shape[0] * tensor.shape[1] // _BLOCK * _Q4_0_BYTES
        placed[name] = Tensor(tensor.shape, _Q4_0 if name in names else tensor.kind, at)
        at = _aligned(at + size, header.alignment)
    head = beginning + b"".join(gguf.description(name, placed[name]) for name in header.tensors)
    begin = _aligned(len(head), header.alignment)
    _write(file, head, 0)
    for (name, tensor), end in zip(ordered, ends, strict=True):
        at = begin + placed[name].offset
        if name not in names:
            _write(file, weights[tensor.offset : end], at)
            continue
        for blocks in _blocks(tensor, weights):
            q4_0 = np.concatenate((blocks[:, :2], blocks[:, 4:]), axis=1)
            _write(file, q4_0, at)
            at += q4_0.size


# -- the adapter --


def _write_adapter(file: int, header: Header, weights: Bytes, names: set[str]) -> None:
    entries = [
        gguf.entry("general.type", "adapter"),
        gguf.entry("general.architecture", header.architecture),
        gguf.entry("adapter.type", "lora"),
        gguf.entry("adapter.lora.alpha", 0.0),  # as it is: not scaled by its rank
    ]
    shapes: dict[str, tuple[int, int]] = {}
    for name in sorted(names):
        columns, rows = header.tensors[name].shape
        shapes[f"{name}.lora_a"] = columns, _rank(columns)
        shapes[f"{name}.lora_b"] = _rank(columns), rows
    placed: dict[str, Tensor] = {}
    at = 0
    for name, shape in shapes.items():
        placed[name] = Tensor(shape, _Q8_0, at)
        at = _aligned(at + shape[0] // _BLOCK * shape[1] * _Q8_0_BYTES, _ALIGNMENT)
    head = gguf.beginning(tensors=len(shapes), values=len(entries)) + b"".join(entries)
    head += b"".join(gguf.description(name, tensor) for name, tensor in placed.items())
    begin = _aligned(len(head), _ALIGNMENT)
    _write(file, head, 0)
    for name in sorted(names):
        columns, rows = header.tensors[name].shape
        _write(file, _sums(columns), begin + placed[f"{name}.lora_a"].offset)
        at = begin + placed[f"{name}.lora_b"].offset
        for blocks in _blocks(header.tensors[name], weights):
            part = _q8_0(_left(blocks).reshape(-1, columns // _BLOCK))
            _write(file, part, at)
            at += part.size


def _rank(columns: int) -> int:
    """A sum for each block of a row, and zeros up to whole blocks of these."""
    return _aligned(columns // _BLOCK, _BLOCK)


def _sums(columns: int) -> Bytes:
    """The matrix that adds up the activations of each block: Q8_0, where a scale of 1 makes it exact."""
    matrix = np.zeros((_rank(columns), columns // _BLOCK, _Q8_0_BYTES), np.uint8)
    one = np.concatenate((np.array([1], "<f2").view(np.uint8), np.ones(_BLOCK, np.uint8)))
    block = np.arange(columns // _BLOCK)
    matrix[block, block] = one
    return matrix


def _left(blocks: Bytes) -> NDArray[np.float32]:
    """The c of each block."""
    scales = np.ascontiguousarray(blocks[:, :4]).view("<f2").astype(np.float32)
    left: NDArray[np.float32] = scales[:, 1] + 8 * scales[:, 0]
    return left


def _q8_0(rows: NDArray[np.float32]) -> Bytes:
    """As ggml quantises: 32 neighbours share a scale, by which the largest is 127."""
    count, columns = rows.shape
    padded = np.zeros((count, _rank(columns * _BLOCK)), np.float32)
    padded[:, :columns] = np.nan_to_num(rows, posinf=0.0, neginf=0.0)
    groups = padded.reshape(-1, _BLOCK)
    scales = (np.abs(groups).max(axis=1) / 127).astype("<f2")
    divisors = np.where(scales == 0, 1, scales).astype(np.float32)
    quantised = np.clip(np.rint(groups / divisors[:, None]), -127, 127).astype(np.int8)
    return np.concatenate((scales[:, None].view(np.uint8), quantised.view(np.uint8)), axis=1)


# -- bytes --


def _blocks(tensor: Tensor, weights: Bytes) -> Iterator[Bytes]:
    """The Q4_1 blocks of a matrix, whole rows of it at a time. Raises OSError."""
    columns, rows = tensor.shape
    of_row = columns // _BLOCK
    found = weights[tensor.offset : tensor.offset + of_row * rows * _Q4_1_BYTES]
    if found.size < of_row * rows * _Q4_1_BYTES:
        raise OSError("the model file is not whole")
    blocks = found.reshape(-1, _Q4_1_BYTES)
    step = max(1, _CHUNK_BLOCKS // of_row) * of_row
    for at in range(0, len(blocks), step):
        yield blocks[at : at + step]


def _aligned(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _write(file: int, data: bytes | Bytes, at: int) -> None:
    rest = memoryview(data) if isinstance(data, bytes) else np.ascontiguousarray(data).reshape(-1).data
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written
