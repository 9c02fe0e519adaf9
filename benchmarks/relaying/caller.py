"""
The client: HTTP/1.1 by hand over connections that stay open, because what makes the load shares its cores
with what is measured. Knows as much of the protocol as the servers under measurement send.
"""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.serving.load import PATH, Refused

# The first text in an event; the role alone has an empty one.
FIRST_TEXT = re.compile(rb'"content": ?"[^"]')
TEXT = re.compile(rb'"content": ?"((?:[^"\\]|\\.)*)"')
COMPLETION_TOKENS = re.compile(rb'"completion_tokens": ?(\d+)')
END = b"\r\n\r\n"


@dataclass(slots=True)
class Reply:
    """An answer as it came. Seconds since it was asked for; `first_seconds` until the first text of a
    stream."""

    status: int
    body: bytes
    seconds: float
    first_seconds: float | None = None


class Line(asyncio.Protocol):
    """One connection: one request after another. Made by `connected`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._got = bytearray()
        self._head_end = 0
        self._length: int | None = None
        self._first_at: float | None = None
        self._is_stream = False
        self._hear: Callable[[bytes], None] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(EOFError("the connection was closed"))

    async def ask(self, request: bytes, *, hear: Callable[[bytes], None] | None = None) -> Reply:
        """The answer to a whole request. `hear` gets the bytes of a 200's body as they come, chunk sizes and
        all. Raises EOFError."""
        if self._transport is None:
            raise EOFError("not connected")
        self._got.clear()
        self._head_end, self._length, self._first_at, self._hear = 0, None, None, hear
        self._waiting = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self._transport.write(request)
        await self._waiting
        ended = time.perf_counter()
        first = None if self._first_at is None else self._first_at - began
        status = int(self._got[9:12])
        body = bytes(self._got[self._head_end :])
        return Reply(status, body if self._length is not None else unchunked(body), ended - began, first)

    def data_received(self, data: bytes) -> None:
        got = self._got
        got += data
        if not self._head_end:
            if (end := got.find(END)) < 0:
                return
            self._head_end = end + len(END)
            self._read_head(bytes(got[:end]).lower())
            data = bytes(got[self._head_end :])
        if self._is_stream:
            if self._first_at is None and FIRST_TEXT.search(got, self._head_end):
                self._first_at = time.perf_counter()
            if self._hear is not None and data:
                self._hear(data)
        if self._is_whole() and self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _read_head(self, head: bytes) -> None:
        found = re.search(rb"content-length: *(\d+)", head)
        self._length = int(found[1]) if found else None
        self._is_stream = b"text/event-stream" in head

    def _is_whole(self) -> bool:
        if self._length is not None:
            return len(self._got) - self._head_end >= self._length
        return self._got.endswith(b"0\r\n\r\n")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def connected(port: int) -> Line:
    _, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", port)
    return line


def request(port: int, body: bytes, *, token: str | None = None, path: str = PATH) -> bytes:
    """The bytes of a request."""
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"{authorization}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def answered(reply: Reply) -> Reply:
    """The reply if it is an answer. Raises Refused."""
    if reply.status != 200:
        raise Refused(reply.status, reply.body.decode(errors="replace"))
    if b'"error"' in reply.body[-300:]:
        raise Refused(200, reply.body[-300:].decode(errors="replace"))
    return reply


def unchunked(body: bytes) -> bytes:
    """A whole body without its chunk sizes (RFC 9112, 7.1)."""
    parts, at = [], 0
    while (end := body.find(b"\r\n", at)) >= 0:
        size = int(body[at:end].split(b";")[0], 16)
        if not size:
            break
        parts.append(body[end + 2 : end + 2 + size])
        at = end + size + 4
    return b"".join(parts)


class Texts:
    """The texts of a stream's events, as its bytes come: `take` gives what can be read by now."""

    def __init__(self) -> None:
        self._rest = b""
        self._body = b""
        self._left = 0  # of the chunk that has begun

    def take(self, data: bytes) -> str:
        """Chunks cut off, whole events read. Texts of ASCII letters only."""
        self._rest += data
        while self._rest:
            if not self._left:
                size, found, rest = self._rest.lstrip(b"\r\n").partition(b"\r\n")
                if not found:
                    break
                self._left, self._rest = int(size.split(b";")[0], 16), rest
                if not self._left:
                    break
            part = self._rest[: self._left]
            self._left -= len(part)
            self._rest = self._rest[len(part) :]
            self._body += part
        events, found, self._body = self._body.rpartition(b"\n\n")
        return b"".join(TEXT.findall(events)).decode("ascii") if found else ""
