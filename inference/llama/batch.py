"""
A step's rows as the arrays that llama.cpp reads.

This is per-token code: the arrays are made once and filled through numpy, never element by element.
"""

import ctypes
from collections.abc import Sequence

import llama_cpp as C  # noqa: N812
import numpy as np

from inference.runner import Row


class Batch:
    """Room for `tokens` tokens of `slots` sequences. `struct` is what llama_decode takes; it points into
    arrays that live as long as this object."""

    def __init__(self, *, tokens: int, slots: int) -> None:
        self._token = np.zeros(tokens, np.int32)
        self._pos = np.zeros(tokens, np.int32)
        self._wanted = np.zeros(tokens, np.int8)
        self._counts = np.ones(tokens, np.int32)  # each token belongs to one sequence
        self._ids = np.arange(slots, dtype=np.int32)
        # llama.cpp wants a pointer to each token's sequence ids: addresses of elements of `_ids`.
        self._address = self._ids.ctypes.data + np.arange(slots, dtype=np.uintp) * self._ids.itemsize
        self._sequences = np.full(tokens, self._ids.ctypes.data, np.uintp)
        self.struct = C.llama_batch(
            n_tokens=0,
            token=self._token.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            embd=None,
            pos=self._pos.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            n_seq_id=self._counts.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            seq_id=self._sequences.ctypes.data_as(ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
            logits=self._wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(self, rows: Sequence[Row], held: Sequence[int]) -> list[int]:
        """Writes the rows, each after the `held` tokens of its slot; the index of each output's token."""
        tokens: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        outputs: list[int] = []
        for row in rows:
            count, at = len(row.tokens), held[row.slot]
            tokens += row.tokens
            positions += range(at, at + count)
            slots += [row.slot] * count
            outputs += range(len(tokens) - row.outputs, len(tokens))
        size = len(tokens)
        self._token[:size] = tokens
        self._pos[:size] = positions
        self._sequences[:size] = self._address[slots]
        self._wanted[:size] = 0
        self._wanted[outputs] = 1
        self.struct.n_tokens = size
        return outputs
