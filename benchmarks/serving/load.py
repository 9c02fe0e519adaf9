"""
The client: one chat completion over plain HTTP/1.1, streamed, with the instant of everything that arrives.

Raw asyncio streams, because what makes the load shares its cores with what is measured. A connection for each
request; closing it is how a caller leaves. Knows no server's peculiarities: those are in `servers`.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

PATH = "/v1/chat/completions"
LIMIT = 1 << 20


class Refused(Exception):
    """Not an answer: another status than 200, or an error where an answer was streaming."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"status {status}: {text[:300]}")
        self.status = status


@dataclass(slots=True)
class Reply:
    """An answer as its caller saw it. Instants are of `time.perf_counter`; one arrival for each delta that
    holds text."""

    asked_at: float
    arrivals: list[float] = field(default_factory=list)
    text: str = ""
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    ended_at: float = 0.0

    @property
    def first_seconds(self) -> float:
        """Time to first token: until the first text of the answer."""
        return self.arrivals[0] - self.asked_at

    @property
    def gaps(self) -> list[float]:
        return [late - early for early, late in pairwise(self.arrivals)]

    @property
    def tokens(self) -> int:
        """As the server counts them; one for each delta where it does not."""
        return int(self.usage["completion_tokens"]) if self.usage else len(self.arrivals)

    @property
    def prompt_tokens(self) -> int:
        return int(self.usage["prompt_tokens"]) if self.usage else 0

    @property
    def cached_tokens(self) -> int:
        details = (self.usage or {}).get("prompt_tokens_details") or {}
        return int(details.get("cached_tokens") or 0)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to ask, and as whom."""

    port: int
    token: str | None = None
    host: str = "127.0.0.1"


async def ask(address: Address, body: dict[str, Any], *, into: Reply | None = None) -> Reply:
    """The whole answer, which `into` shows while it comes. Cancelling this closes the connection. Raises
    Refused, and OSError or EOFError where the server goes away."""
    reply = Reply(0.0) if into is None else into
    reply.asked_at = time.perf_counter()
    async with _connected(address, body) as (status, headers, reader):
        if status != 200:
            raise Refused(status, (await _whole(headers, reader)).decode(errors="replace"))
        if "text/event-stream" in headers.get("content-type", ""):
            async for event in _events(_chunks(headers, reader)):
                _take(reply, event)
        else:
            _take_whole(reply, json.loads(await _whole(headers, reader)))
    reply.ended_at = time.perf_counter()
    return reply


@asynccontextmanager
async def _connected(
    address: Address, body: dict[str, Any]
) -> AsyncIterator[tuple[int, dict[str, str], asyncio.StreamReader]]:
    data = json.dumps(body).encode()
    lines = [
        f"POST {PATH} HTTP/1.1",
        f"Host: {address.host}:{address.port}",
        "Content-Type: application/json",
        f"Content-Length: {len(data)}",
        "Connection: close",
    ]
    if address.token:
        lines.append(f"Authorization: Bearer {address.token}")
    reader, writer = await asyncio.open_connection(address.host, address.port, limit=LIMIT)
    try:
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
        status = int((await reader.readline()).split()[1])
        headers = {}
        while line := (await reader.readline()).strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        yield status, headers, reader
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _chunks(headers: dict[str, str], reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The body as it comes in."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int((await reader.readline()).split(b";")[0], 16):
            yield (await reader.readexactly(size + 2))[:-2]
    elif "content-length" in headers:
        yield await reader.readexactly(int(headers["content-length"]))
    else:
        while data := await reader.read(1 << 16):
            yield data


async def _whole(headers: dict[str, str], reader: asyncio.StreamReader) -> bytes:
    return b"".join([chunk async for chunk in _chunks(headers, reader)])


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """The parsed data of server-sent events until `[DONE]`; comments and other fields are passed over."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                yield json.loads(data)


def _take(reply: Reply, event: Any) -> None:
    """Takes an event into the reply. Raises Refused for an error."""
    if "error" in event:
        raise Refused(200, json.dumps(event["error"]))
    reply.usage = event.get("usage") or reply.usage
    for choice in event.get("choices") or ():
        reply.finish_reason = choice.get("finish_reason") or reply.finish_reason
        if text := (choice.get("delta") or {}).get("content"):
            reply.arrivals.append(time.perf_counter())
            reply.text += text


def _take_whole(reply: Reply, answer: Any) -> None:
    reply.arrivals.append(time.perf_counter())
    choice = answer["choices"][0]
    reply.text = choice["message"]["content"] or ""
    reply.finish_reason, reply.usage = choice["finish_reason"], answer.get("usage")
