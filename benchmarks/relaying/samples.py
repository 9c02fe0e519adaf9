"""
What is asked of a contender in one round, and what came of it. Times are in milliseconds.

Callers are a closed loop: each asks again when it has its answer. Every prompt is a new one, except where
answers from the cache are what is measured.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from benchmarks.relaying.caller import Line, Reply, answered, connected, request
from benchmarks.relaying.standin import ANSWERS
from benchmarks.relaying.texts import SIZE, Letters
from benchmarks.serving.machine import Usage
from benchmarks.serving.servers import Contender
from benchmarks.serving.traffic import Sample

CLIENTS = 16
KNOWN = 20  # prompts whose answers are in the cache
DETERMINISTIC = {"temperature": 0}


async def alone(contender: Contender, letters: Letters, *, requests: int) -> Sample:
    """One client, one request after another."""
    asked = [letters.question(ANSWERS) for _ in range(requests)]
    async with lines(contender, 1) as (line,):
        taken = sorted([(await ask(line, contender, body)).seconds * 1000 for body in asked])
    return {"p50_ms": quantile(taken, 0.5), "p99_ms": quantile(taken, 0.99)}


async def first(contender: Contender, letters: Letters, *, requests: int) -> Sample:
    """One client; time to the first text of streamed answers."""
    asked = [letters.question(ANSWERS, stream=True) for _ in range(requests)]
    taken = []
    async with lines(contender, 1) as (line,):
        for body in asked:
            reply = await ask(line, contender, body)
            assert reply.first_seconds is not None, "an answer without text"
            taken.append(reply.first_seconds * 1000)
    taken.sort()
    return {"first_ms": quantile(taken, 0.5), "first_p99_ms": quantile(taken, 0.99)}


async def crowd(contender: Contender, letters: Letters, *, seconds: float, clients: int = CLIENTS) -> Sample:
    """So many clients: requests a second, and the processor time that one took of the server."""

    def bodies() -> Iterator[bytes]:
        while True:
            yield letters.question(ANSWERS)

    return await _throughput(contender, bodies(), seconds, clients)


async def cached(contender: Contender, letters: Letters, *, seconds: float, clients: int = CLIENTS) -> Sample:
    """The same of prompts that were answered before."""
    known = [letters.question(ANSWERS, **DETERMINISTIC) for _ in range(KNOWN)]
    async with lines(contender, 1) as (line,):
        for body in known:
            await ask(line, contender, body)

    def bodies() -> Iterator[bytes]:
        while True:
            yield from known

    sample = await _throughput(contender, bodies(), seconds, clients)
    return {f"cached_{name}": value for name, value in sample.items()}


async def _throughput(contender: Contender, bodies: Iterator[bytes], seconds: float, clients: int) -> Sample:
    counts = [0] * clients
    async with lines(contender, clients) as all_lines:
        usage = Usage(contender.process.pid if contender.process else None)
        began = time.perf_counter()

        async def caller(number: int, line: Line) -> None:
            while time.perf_counter() - began < seconds:
                await ask(line, contender, next(bodies))
                counts[number] += 1

        await asyncio.gather(*(caller(number, line) for number, line in enumerate(all_lines)))
        took, cores = time.perf_counter() - began, usage.cores()
    sample = {"requests_per_s": sum(counts) / took, **cores}
    if "server_cores" in cores:
        sample["cpu_ms"] = cores["server_cores"] * took / sum(counts) * 1000
    return sample


async def ask(line: Line, contender: Contender, body: bytes) -> Reply:
    """One answer, looked at so far that it cannot be an empty one. Raises Refused, EOFError."""
    reply = answered(await line.ask(request(contender.port, body, token=contender.tokens[0])))
    assert len(reply.body) > SIZE // 2, "an answer without its text"
    return reply


@asynccontextmanager
async def lines(contender: Contender, count: int) -> AsyncIterator[Sequence[Line]]:
    made = [await connected(contender.port) for _ in range(count)]
    try:
        yield made
    finally:
        for line in made:
            line.close()


def quantile(ordered: Sequence[float], at: float) -> float:
    """Of numbers in order, the one at this place."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * at))]
