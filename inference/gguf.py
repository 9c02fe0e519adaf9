"""
The header of a GGUF file: what the model is, how large, and where its tensors lie; and the few pieces of
which a header is written. A model file is data from somewhere, so every count and length is checked against
the file before it is believed, and nothing large is kept.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MOST_VALUES = 10_000
MOST_TENSORS = 200_000
MOST_TEXT = 1_000  # longer ones (templates, vocabularies) are passed over
MOST_ITEMS = 2_000  # of an array that is kept; longer ones leave only their length

_FLOAT, _TEXT, _ARRAY = 6, 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Damaged(Exception):
    """It is no GGUF file, or not a whole one."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """What the header says of one: `shape` by the shortest stride first, `kind` is ggml's number of its type,
    `offset` counts from where the tensors begin."""

    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True, slots=True)
class Header:
    """`values` are the file's own, but for long texts and arrays; an array's length is in `lengths`.
    `weights` counts the bytes of all tensors. `tensors_at` is where their descriptions begin, `weights_at`
    where they themselves do, at a multiple of `alignment`, as does each of them."""

    values: dict[str, Any] = field(repr=False)
    lengths: dict[str, int] = field(repr=False)
    tensors: dict[str, Tensor] = field(repr=False)
    weights: int
    tensors_at: int
    weights_at: int
    alignment: int

    @property
    def architecture(self) -> str:
        return str(self.values.get("general.architecture", ""))

    def number(self, key: str, default: int = 0) -> int:
        """A value of this architecture; of one that differs by layer, the largest."""
        value = self.values.get(f"{self.architecture}.{key}", default)
        if isinstance(value, list):
            value = max((each for each in value if isinstance(each, int)), default=default)
        return int(value) if isinstance(value, int | float) else default

    def of_layers(self, key: str, layers: int, default: int = 0) -> list[int]:
        """A value of this architecture for each layer."""
        value = self.values.get(f"{self.architecture}.{key}", default)
        if isinstance(value, list) and len(value) >= layers:
            return [int(each) for each in value[:layers]]
        return [self.number(key, default)] * layers


def read_header(path: Path) -> Header:
    """Raises Damaged, or OSError."""
    with path.open("rb") as file:
        try:
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise Damaged("the file is empty") from None
    with view:
        return _Cursor(view).header()


def text(value: str) -> bytes:
    """As a GGUF file has it."""
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def entry(key: str, value: str | float) -> bytes:
    """A value of a header, of which texts and numbers of single precision are enough for us."""
    if isinstance(value, str):
        return text(key) + struct.pack("<I", _TEXT) + text(value)
    return text(key) + struct.pack("<If", _FLOAT, value)


def description(name: str, tensor: Tensor) -> bytes:
    """A tensor's, as it stands in a header."""
    shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
    return text(name) + shape + struct.pack("<IQ", tensor.kind, tensor.offset)


def beginning(*, tensors: int, values: int) -> bytes:
    """The first bytes of a file with so many of each."""
    return struct.pack("<4sIQQ", b"GGUF", 3, tensors, values)


class _Cursor:
    def __init__(self, view: mmap.mmap) -> None:
        self._view = view
        self._size = len(view)
        self._at = 0

    def header(self) -> Header:
        if self._take("4s")[0] != b"GGUF" or not 2 <= self._take("I")[0] <= 3:
            raise Damaged("not a GGUF file of a version we know")
        tensors, values = self._take("QQ")
        if values > MOST_VALUES or tensors > MOST_TENSORS:
            raise Damaged("more values or tensors than any model has")
        found: dict[str, Any] = {}
        lengths: dict[str, int] = {}
        for _ in range(values):
            key = self._text(most=MOST_TEXT)
            value, length = self._value(self._take("I")[0])
            if value is not None:
                found[key] = value
            if length is not None:
                lengths[key] = length
        alignment = found.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20:
            raise Damaged("an alignment that cannot be")
        tensors_at = self._at
        described = self._tensors(tensors)
        begin = -(-self._at // alignment) * alignment
        if begin + max((each.offset + 1 for each in described.values()), default=0) > self._size:
            raise Damaged("the file is not whole")
        weights = max(0, self._size - begin)
        return Header(found, lengths, described, weights, tensors_at, begin, alignment)

    def _tensors(self, count: int) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for _ in range(count):
            name = self._text(most=MOST_TEXT)
            (dimensions,) = self._take("I")
            if dimensions > 8:
                raise Damaged("a tensor of too many dimensions")
            shape = self._take(f"{dimensions}Q")
            kind, offset = self._take("IQ")
            tensors[name] = Tensor(shape, kind, offset)
        return tensors

    def _take(self, form: str) -> tuple[Any, ...]:
        form = "<" + form
        self._at += struct.calcsize(form)
        if self._at > self._size:
            raise Damaged("the file ends in its header")
        return struct.unpack_from(form, self._view, self._at - struct.calcsize(form))

    def _skip(self, size: int) -> None:
        self._at += size
        if self._at > self._size:
            raise Damaged("the file ends in its header")

    def _text(self, *, most: int) -> str:
        (length,) = self._take("Q")
        if length > most:
            raise Damaged("a name that is too long")
        return bytes(self._take(f"{length}s")[0]).decode("utf-8", "replace")

    def _value(self, kind: int) -> tuple[Any, int | None]:
        """The value, None if it is too large to keep; and the length of an array."""
        if kind in _NUMBERS:
            return self._take(_NUMBERS[kind])[0], None
        if kind == _TEXT:
            (length,) = self._take("Q")
            if length <= MOST_TEXT:
                self._at -= 8
                return self._text(most=MOST_TEXT), None
            self._skip(length)
            return None, None
        if kind != _ARRAY:
            raise Damaged("a value of a type that does not exist")
        inner, length = self._take("IQ")
        if inner == _TEXT:
            for _ in range(length):  # ends with the file at the latest: each takes eight bytes of it
                self._skip(self._take("Q")[0])
            return None, length
        if inner not in _NUMBERS:
            raise Damaged("an array of a type that does not exist")
        if length <= MOST_ITEMS:
            return list(self._take(f"{length}{_NUMBERS[inner]}")), length
        self._skip(length * struct.calcsize("<" + _NUMBERS[inner]))
        return None, length
