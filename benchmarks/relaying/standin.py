"""
A model server that costs next to nothing, in a process of its own:

    python -m benchmarks.relaying.standin PORT

    stand-in    answers 1 KB at once, streamed in tokens of four characters or whole, as it is asked; two
                findings in each answer, none twice
    within-N    the same, but takes N milliseconds for it, as a model does; and makes vectors
    at-N        says N tokens a second (`ticks`) until somebody posts to /end

OpenAI's wire format over plain asyncio.
"""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.relaying.texts import Letters
from benchmarks.relaying.ticks import tick

ANSWERS, PACED, UNHURRIED = "stand-in", "at-", "within-"
PIECES = 8  # in which an unhurried answer comes
TOKEN_CHARS = 4
END = b"\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
NO_END = b"0\r\n\r\n"


def usage(tokens: int) -> dict[str, int]:
    return {"prompt_tokens": 256, "completion_tokens": tokens, "total_tokens": 256 + tokens}


def whole(text: str) -> bytes:
    """The body of an answer that is not streamed."""
    message = {"role": "assistant", "content": text}
    content = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": ANSWERS,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": usage(len(text) // TOKEN_CHARS),
    }
    return json.dumps(content).encode()


def event(delta: dict[str, str], reason: str | None = None, **more: Any) -> bytes:
    content = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": ANSWERS,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}],
        **more,
    }
    return b"data: " + json.dumps(content, separators=(",", ":")).encode() + b"\n\n"


def vectors(count: int) -> bytes:
    """The body of an answer in numbers."""
    data = [{"object": "embedding", "index": at, "embedding": [0.25, -0.5, 0.125]} for at in range(count)]
    content = {"object": "list", "data": data, "model": UNHURRIED, "usage": usage(0)}
    return json.dumps(content).encode()


BEFORE, AFTER = event({"content": "\0"}).split(rb"\u0000")
FIRST = event({"role": "assistant", "content": ""})


def said(text: str) -> bytes:
    """A token as an event. JSON would not change its text."""
    return BEFORE + text.encode() + AFTER


def last(tokens: int) -> bytes:
    return event({}, "stop") + event({}, choices=[], usage=usage(tokens)) + b"data: [DONE]\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Pacers:
    """The paced streams: those of the turns before end at their next token."""

    turn = 0


class Paced:
    """One of them: `say` sends its bytes, as long as somebody listens."""

    def __init__(self, rate: float, pacers: Pacers, say: Callable[[bytes], bool]) -> None:
        self._step = 1 / rate
        self._pacers, self._turn = pacers, pacers.turn
        self._say = say
        self._number = 0
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        if say(STREAM_HEAD + chunk(FIRST)):
            self._next()

    def _next(self) -> None:
        if self._turn != self._pacers.turn:
            self._say(chunk(last(self._number)) + NO_END)
            return
        if self._say(chunk(said(tick(self._number, time.monotonic())))):
            self._number += 1
            self._due += self._step
            self._loop.call_at(self._due, self._next)


class Conversation(asyncio.Protocol):
    """One connection."""

    def __init__(self, letters: Letters, pacers: Pacers) -> None:
        self._letters, self._pacers = letters, pacers
        self._got = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, found, rest = self._got.partition(END)
        if not found:
            return
        lower = head.lower()
        _, named, after = lower.partition(b"content-length:")
        length = int(after.split(b"\r\n")[0]) if named else 0
        if len(rest) < length:
            return
        self._got = rest[length:]
        self._answer(head.split(b" ", 2)[1], rest[:length])

    def _answer(self, path: bytes, body: bytes) -> None:
        if path == b"/end":
            self._pacers.turn += 1
        if path.endswith(b"/embeddings"):
            given = json.loads(body)["input"]
            self._send(vectors(len(given) if isinstance(given, list) else 1))
            return
        if not path.endswith(b"/chat/completions"):
            self._send(b'{"object":"list","data":[{"id":"stand-in","object":"model"}]}')
            return
        asked = json.loads(body)
        model = asked["model"]
        if model.startswith(PACED):
            Paced(float(model.removeprefix(PACED)), self._pacers, self._say)
            return
        ms = float(model.removeprefix(UNHURRIED)) if model.startswith(UNHURRIED) else 0.0
        text = self._letters.text()
        if not asked.get("stream"):
            self._later(ms / 1000, lambda: self._send(whole(text)))
            return
        tokens = [text[at : at + TOKEN_CHARS] for at in range(0, len(text), TOKEN_CHARS)]
        events = [chunk(said(token)) for token in tokens]
        parts = [b"".join([STREAM_HEAD, chunk(FIRST), *events, chunk(last(len(tokens))), NO_END])]
        if ms:
            size = -(-len(events) // PIECES)
            parts = [b"".join(events[at : at + size]) for at in range(0, len(events), size)]
            parts = [STREAM_HEAD + chunk(FIRST), *parts, chunk(last(len(tokens))) + NO_END]
        for number, part in enumerate(parts):
            self._later(ms / 1000 * number / max(1, len(parts) - 1), partial(self._say, part))

    @staticmethod
    def _later(seconds: float, say: Callable[[], object]) -> None:
        if seconds:
            asyncio.get_running_loop().call_later(seconds, say)
        else:
            say()

    def _send(self, body: bytes) -> None:
        self._say(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )

    def _say(self, data: bytes) -> bool:
        """Whether somebody still listens."""
        if self._transport is None:
            return False
        self._transport.write(data)
        return True


async def main(port: int) -> None:
    letters, pacers = Letters(secrets.randbelow(10_000)), Pacers()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(letters, pacers), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
