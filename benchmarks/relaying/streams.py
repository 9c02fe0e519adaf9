"""
Many streams open at once, each at a steady pace: whether every token arrives, in order and in time.

They are opened a few at a time, stay open together for so many seconds, and end together.
"""

import asyncio
import re
import sys
import time

from benchmarks.relaying.caller import COMPLETION_TOKENS, Texts, answered, connected, request
from benchmarks.relaying.standin import PACED
from benchmarks.relaying.ticks import Judge
from benchmarks.serving.machine import Usage, resident_mb
from benchmarks.serving.servers import Contender
from benchmarks.serving.traffic import Sample

OPENING = 32  # at once


class Listener:
    """One stream: it is open when its first token is there."""

    def __init__(self) -> None:
        self.judge = Judge()
        self.is_open = asyncio.Event()
        self.is_whole = False
        self._texts = Texts()

    def hear(self, data: bytes) -> None:
        if text := self._texts.take(data):
            self.judge.take(text, time.monotonic())
            self.is_open.set()

    async def listen(self, contender: Contender, body: bytes) -> None:
        """Until the stream ends."""
        line = await connected(contender.port)
        try:
            reply = await line.ask(request(contender.port, body, token=contender.tokens[0]), hear=self.hear)
        finally:
            line.close()
            self.is_open.set()
        sent = re.findall(COMPLETION_TOKENS, answered(reply).body)
        self.judge.end(int(sent[-1]))
        self.is_whole = True


async def open_streams(
    contender: Contender, upstream: Contender, *, streams: int, rate: int, seconds: float
) -> Sample:
    """A stream that breaks is counted, and said on stderr."""
    body = (
        b'{"model":"%s%d","stream":true,"stream_options":{"include_usage":true},"max_tokens":20000,'
        b'"messages":[{"role":"user","content":"Tell me, and take your time."}]}' % (PACED.encode(), rate)
    )
    listeners = [Listener() for _ in range(streams)]
    tasks: list[asyncio.Task[None]] = []
    door = asyncio.Semaphore(OPENING)

    async def open_one(listener: Listener) -> None:
        async with door:
            tasks.append(asyncio.create_task(listener.listen(contender, body)))
            await listener.is_open.wait()

    opening = time.monotonic()
    await asyncio.gather(*map(open_one, listeners))
    opened = time.monotonic()
    usage = Usage(contender.process.pid if contender.process else None)
    await asyncio.sleep(seconds)
    cores = usage.cores()
    held = resident_mb(contender.process.pid) if contender.process else None
    open_at_end = sum(not task.done() for task in tasks)
    line = await connected(upstream.port)
    await line.ask(request(upstream.port, b"{}", path="/end"))
    line.close()
    async with asyncio.timeout(60):
        results = await asyncio.gather(*tasks, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        print(f"  {len(errors)} streams broke, one with {errors[0]!r}", file=sys.stderr)
    judges = [listener.judge for listener in listeners]
    return {
        "streams": float(open_at_end),
        "missing": float(sum(not listener.is_whole for listener in listeners)),
        "opening_s": opened - opening,
        "tokens": float(sum(judge.seen for judge in judges)),
        "lost": float(sum(judge.lost for judge in judges)),
        "late": float(sum(judge.late for judge in judges)),
        "reordered": float(sum(judge.reordered for judge in judges)),
        "broken": float(sum(judge.broken for judge in judges)),
        "worst_s": max(judge.worst_seconds for judge in judges),
        **cores,
        **({} if held is None else {"resident_mb": held}),
    }
