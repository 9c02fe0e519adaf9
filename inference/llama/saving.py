"""
What a slot holds, in a private file: a beginning that every conversation shares outlives a restart.

    "LLMG" version | fingerprint of model and layout | digest of all that follows | tokens | state

llama.cpp trusts what it reads; so only a file whose digest is right, of this very model, is given to it.
"""

import ctypes
import hashlib
import os
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp as C  # noqa: N812
import numpy as np

_MAGIC = b"LLMG\x01\x00\x00\x00"
_HEAD = struct.Struct("<8s32s32sQQ")  # magic, fingerprint, digest, tokens, bytes of state


def write(path: Path, context: Any, slot: int, tokens: Sequence[int], *, fingerprint: bytes) -> None:
    """Raises OSError."""
    size = int(C.llama_state_seq_get_size(context, slot))
    state = np.empty(max(1, size), np.uint8)
    written = int(C.llama_state_seq_get_data(context, _address(state), size, slot))
    if not 0 < written <= size:
        raise OSError("the slot's state cannot be read")
    body = np.array(tokens, np.int32).tobytes(), state[:written].data
    digest = hashlib.blake2b(digest_size=32)
    for part in body:
        digest.update(part)
    head = _HEAD.pack(_MAGIC, fingerprint, digest.digest(), len(tokens), written)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".slot-")  # readable by its owner alone
    try:
        with os.fdopen(handle, "wb") as file:
            for each in (head, *body):
                file.write(each)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read(path: Path, *, fingerprint: bytes, most_tokens: int) -> tuple[list[int], bytes]:
    """Tokens and state; none of them if the file is not this model's, or not whole."""
    nothing: tuple[list[int], bytes] = ([], b"")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return nothing
            magic, whose, digest, tokens, size = _HEAD.unpack(head)
            length = path.stat().st_size - _HEAD.size
            if magic != _MAGIC or whose != fingerprint or not 0 < tokens <= most_tokens:
                return nothing
            if length != 4 * tokens + size:
                return nothing
            body = file.read(length)
    except OSError:
        return nothing
    if hashlib.blake2b(body, digest_size=32).digest() != digest:
        return nothing
    return np.frombuffer(body, np.int32, tokens).tolist(), body[4 * tokens :]


def load(context: Any, slot: int, state: bytes) -> bool:
    """Whether the slot holds it now."""
    raw = np.frombuffer(state, np.uint8)
    return int(C.llama_state_seq_set_data(context, _address(raw), len(state), slot)) == len(state)


def _address(array: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
