"""
Server-sent events (WHATWG HTML, 9.2.6), byte by byte: bytes in, the data of whole events out.

Knows no HTTP and no JSON. Stricter than a browser in two ways: what is no UTF-8 is an error and not a
replacement character, and an event has a largest size.
"""

from collections.abc import Iterator

BOM = b"\xef\xbb\xbf"


class Malformed(Exception):
    """What came is not what was agreed on. `why` is a word for the log; it repeats nothing of the bytes."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class EventStream:
    """One stream. Cut anywhere, it gives the same events. An event that its empty line has not ended when
    the stream ends is dropped, as the standard has it."""

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []  # of the line that has not ended
        self._data: list[bytes] = []  # of the event that has not ended
        self._part_bytes = self._data_bytes = 0
        self._ended_in_cr = False
        self._is_first_line = True

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The data of the events that end here; read it to its end. Raises Malformed after the last good
        one."""
        if self._ended_in_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # the other half of a CRLF
            self._ended_in_cr = False
        if not chunk:
            return
        self._ended_in_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            if self._parts:
                line = b"".join([*self._parts, line])
                self._parts.clear()
                self._part_bytes = 0
            if (data := self._read(line)) is not None:
                yield data
        if rest:
            self._parts.append(rest)
            self._part_bytes += len(rest)
            self._check(self._part_bytes)

    def _read(self, line: bytes) -> str | None:
        """The data of the event that this line ends, if it ends one."""
        self._check(len(line))
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(BOM)
        if not line:
            return self._dispatch() if self._data else None
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value[1:] if value.startswith(b" ") else value)
            self._data_bytes += len(line)
        return None

    def _dispatch(self) -> str:
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data.clear()
        self._data_bytes = 0
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("not UTF-8") from None

    def _check(self, line_bytes: int) -> None:
        if self._data_bytes + line_bytes > self._max_bytes:
            raise Malformed("too long")
