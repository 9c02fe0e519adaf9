"""
The mixed load: callers of all kinds, who come when they come, whether others have been answered or not.

Arrivals are an open loop at a mean rate, with random gaps; nobody waits because others do. One connection for
each request in flight, used again. What makes the load shares its cores with what is measured, so a reply is
looked at no more than it takes to tell what it is.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

from benchmarks.relaying.caller import Line, connected
from benchmarks.relaying.standin import UNHURRIED
from benchmarks.relaying.texts import Letters
from benchmarks.serving.servers import Contender

MODEL_MS = 250
MODEL, VECTORS = f"{UNHURRIED}{MODEL_MS}", "vectors"
KNOWN = 50  # prompts whose answers are in the cache
LEAVES_SECONDS = 0.1
REFUSALS = (429, 503)
# Of a hundred callers.
SHARES = {
    "chat": 30,
    "chat streamed": 25,
    "prompt": 15,
    "cached": 10,
    "embeddings": 10,
    "leaves": 5,
    "wrong": 5,
}


@dataclass(slots=True)
class Tally:
    """What became of a stretch of load. Milliseconds by kind of those that were answered, and of those that
    were refused; `unknown` are answers whose caller left or whose connection broke."""

    seconds: float = 0.0
    sent: int = 0
    answered: dict[str, list[float]] = field(default_factory=dict)
    refused: list[float] = field(default_factory=list)
    wrong: int = 0  # requests that are not to be answered, and were not
    unknown: int = 0
    broken: dict[str, int] = field(default_factory=dict)  # what must not be, by what it is

    @property
    def all_answered(self) -> list[float]:
        return [taken for kind in self.answered.values() for taken in kind]

    @property
    def answered_per_s(self) -> float:
        return len(self.all_answered) / self.seconds if self.seconds else 0.0

    def add(self, other: "Tally") -> None:
        self.seconds += other.seconds
        self.sent += other.sent
        for kind, taken in other.answered.items():
            self.answered.setdefault(kind, []).extend(taken)
        self.refused += other.refused
        self.wrong += other.wrong
        self.unknown += other.unknown
        for what, count in other.broken.items():
            self.broken[what] = self.broken.get(what, 0) + count


class Mix:
    """Sends such load to a contender. `tally` is what has come of it since it was last taken."""

    def __init__(self, contender: Contender, *, seed: int) -> None:
        self._contender = contender
        self._chance = random.Random(seed)
        self._letters = Letters(seed)
        self._known = [self._letters.text() for _ in range(KNOWN)]
        self._free: list[Line] = []
        self._going: set[asyncio.Task[None]] = set()
        self._kinds, self._weights = list(SHARES), list(SHARES.values())
        self.tally = Tally()

    @property
    def in_flight(self) -> int:
        return len(self._going)

    def take(self) -> Tally:
        taken, self.tally = self.tally, Tally()
        return taken

    async def come(self, rate: float, seconds: float) -> Tally:
        """So many a second, for so long; what came of those that were over by then."""
        self.take()
        began = due = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            while due <= now:
                due += self._chance.expovariate(rate)
                self._send()
            await asyncio.sleep(max(0.0005, min(due - time.perf_counter(), 0.005)))
        tally = self.take()
        tally.seconds = time.perf_counter() - began
        return tally

    async def end(self, seconds: float = 30) -> Tally:
        """Waits for those in flight; what came of them."""
        if self._going:
            _, left = await asyncio.wait(self._going, timeout=seconds)
            for task in left:
                task.cancel()
            if left:
                self.tally.broken["never answered"] = len(left)
        for line in self._free:
            line.close()
        self._free.clear()
        return self.take()

    def _send(self) -> None:
        kind = self._chance.choices(self._kinds, self._weights)[0]
        self.tally.sent += 1
        task = asyncio.create_task(self._one(kind))
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def _one(self, kind: str) -> None:
        try:
            line = self._free.pop() if self._free else await connected(self._contender.port)
        except OSError:
            self._broke("no connection")
            return
        if kind == "leaves":
            await self._leave(line)
            return
        try:
            reply = await line.ask(self._request(kind))
        except EOFError:
            self.tally.unknown += 1
            line.close()
            return
        self._note(kind, reply.status, reply.body, reply.seconds * 1000)
        if line.is_open:
            self._free.append(line)

    async def _leave(self, line: Line) -> None:
        """In the middle of an answer."""
        asking = asyncio.create_task(line.ask(self._request("chat streamed")))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asking), LEAVES_SECONDS)
        line.close()
        with suppress(EOFError):
            await asking
        self.tally.unknown += 1

    def _note(self, kind: str, status: int, body: bytes, ms: float) -> None:
        tally = self.tally
        if kind == "wrong":
            tally.wrong += 400 <= status < 500
            if status in REFUSALS:
                tally.refused.append(ms)
            elif status < 400 or status >= 500:
                self._broke(f"status {status} for a wrong request")
        elif status in REFUSALS:
            tally.refused.append(ms)
        elif status not in (200, 201):
            self._broke(f"status {status}")
        elif b'"error"' in body[-300:]:
            self._broke("an answer that ends with an error")
        else:
            tally.answered.setdefault(kind, []).append(ms)

    def _broke(self, what: str) -> None:
        self.tally.broken[what] = self.tally.broken.get(what, 0) + 1

    # -- requests --

    def _request(self, kind: str) -> bytes:
        bodies: dict[str, Callable[[], tuple[str, object]]] = {
            "chat": lambda: ("/v1/chat/completions", self._chat(self._letters.text())),
            "chat streamed": lambda: ("/v1/chat/completions", self._chat(self._letters.text(), stream=True)),
            "prompt": lambda: ("/prompt", {"model": MODEL, "prompt": self._letters.text()}),
            "cached": lambda: (
                "/v1/chat/completions",
                self._chat(self._chance.choice(self._known), temperature=0),
            ),
            "embeddings": lambda: (
                "/v1/embeddings",
                {"model": VECTORS, "input": self._letters.text(), "encoding_format": "float"},
            ),
            "wrong": self._wrong,
        }
        path, body = bodies[kind]()
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        tokens = self._contender.tokens
        return _bytes(
            self._contender.port,
            path,
            data,
            tokens[self._chance.randrange(len(tokens))] or "",
            UUID(int=self._chance.getrandbits(128), version=4),
        )

    @staticmethod
    def _chat(text: str, **more: object) -> dict[str, object]:
        return {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}

    def _wrong(self) -> tuple[str, object]:
        return self._chance.choice(
            (
                ("/v1/chat/completions", b'{"messages": [{"role": "user", "content": "no end'),
                ("/v1/chat/completions", {"model": "nobody-knows", "messages": []}),
                ("/prompt", {"prompt": 7}),
                ("/v1/nowhere", {}),
            )
        )


def _bytes(port: int, path: str, body: bytes, token: str, id: UUID) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nX-Request-ID: {id}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
