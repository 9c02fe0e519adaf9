"""
Workloads that look at what one caller does to another: a long prompt among answers, a flood beside a single
prompt, callers who leave, cached answers beside generation. Each is a function of one contender, as in
`traffic`.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

from benchmarks.serving.load import Reply, ask
from benchmarks.serving.prompts import Messages, Prompts
from benchmarks.serving.servers import Contender
from benchmarks.serving.traffic import ANSWER_TOKENS, PROMPT_TOKENS, Sample, crowd, one

LONG_TOKENS, STREAMS, ENDLESS_TOKENS = 3000, 4, 3000
SETTLED, USUAL = 8, 40  # deltas of each stream before its gaps count, and that are looked at
FLOOD, PROBES = 200, 3
QUESTIONS, CACHED_PER_S = 20, 50
PATIENCE_SECONDS = 300

Task = asyncio.Task[Reply]


async def intrusion(contender: Contender, prompts: Prompts, *, long_tokens: int = LONG_TOKENS) -> Sample:
    """A long prompt arrives while four answers stream: what it does to them, and they to it."""
    quiet = await one(contender, prompts.question(long_tokens), 8)
    seen = [Reply(0.0) for _ in range(STREAMS)]
    async with _streaming(contender, [prompts.question(PROMPT_TOKENS) for _ in seen], seen) as tasks:
        await _until(lambda: min(len(reply.arrivals) for reply in seen) >= SETTLED, tasks)
        before = [len(reply.arrivals) for reply in seen]
        await _until(
            lambda: all(len(r.arrivals) >= at + USUAL for r, at in zip(seen, before, strict=True)), tasks
        )
        usual = [gap for reply, at in zip(seen, before, strict=True) for gap in reply.gaps[at:]]
        late = await one(contender, prompts.question(long_tokens), 8)
        gaps = [gap for reply in seen for gap in gaps_within(reply.arrivals, late.asked_at, late.arrivals[0])]
    median = statistics.median(usual)
    return {
        "usual_gap_s": median,
        "usual_largest_gap_s": max(usual),
        "largest_gap_s": max(gaps),
        "median_gap_s": statistics.median(gaps),
        "gap_ratio": max(gaps) / median,
        "prompt_tokens": late.prompt_tokens,
        "alone_s": quiet.first_seconds,
        "first_s": late.first_seconds,
        "first_ratio": late.first_seconds / quiet.first_seconds,
    }


def gaps_within(arrivals: Sequence[float], start: float, end: float) -> list[float]:
    """Those that overlap the time from `start` to `end`; one that is still open at the end counts so far."""
    closed = [b - a for a, b in pairwise(arrivals) if b > start and a < end]
    return [*closed, end - arrivals[-1]] if arrivals[-1] < end else closed


async def flood(
    contender: Contender, prompts: Prompts, *, prompts_at_once: int = FLOOD, probes: int = PROBES
) -> Sample:
    """The first account sends so many prompts at once; the second sends one, now and then."""
    quiet = [await one(contender, prompts.question(PROMPT_TOKENS), 8, account=1) for _ in range(probes + 2)]
    seen = [Reply(0.0) for _ in range(prompts_at_once)]
    questions = [prompts.question(PROMPT_TOKENS) for _ in seen]
    async with _streaming(contender, questions, seen, max_tokens=ANSWER_TOKENS) as tasks:
        await _until(lambda: any(reply.arrivals for reply in seen), tasks)
        probed = []
        for _ in range(probes):
            await asyncio.sleep(1.0)
            probed.append(await one(contender, prompts.question(PROMPT_TOKENS), 8, account=1))
        unanswered = sum(not task.done() for task in tasks)
        refused = sum(task.done() and task.exception() is not None for task in tasks)
    first = [reply.first_seconds for reply in probed]
    calm = statistics.median(reply.first_seconds for reply in quiet)
    return {
        "quiet_s": calm,
        "first_s": statistics.median(first),
        "worst_s": max(first),
        "first_ratio": statistics.median(first) / calm,
        "unanswered": unanswered,
        "refused": refused,
    }


async def leaving(contender: Contender, prompts: Prompts, *, times: int = 5) -> Sample:
    """With one slot: how many steps of an abandoned answer the next caller still waits for."""

    async def next_one() -> float:
        return (await one(contender, prompts.question(16), 1)).first_seconds

    quiet, streamed, whole, steps = [], [], [], []
    for _ in range(times):
        quiet.append(await next_one())
        left = Reply(0.0)
        async with _streaming(contender, [prompts.question(16)], [left]) as tasks:
            await _until(lambda reply=left: len(reply.arrivals) >= 16, tasks)
        streamed.append(await next_one())
        steps += left.gaps
        body = contender.body(prompts.question(16), ENDLESS_TOKENS, stream=False)
        task = asyncio.create_task(ask(contender.address(), body))
        await asyncio.sleep(0.5)
        assert not task.done(), "an answer without an end has ended"
        await _end([task])
        whole.append(await next_one())
    step, calm = statistics.median(steps), statistics.median(quiet)
    return {
        "quiet_s": calm,
        "step_s": step,
        "after_streamed_s": statistics.median(streamed),
        "after_whole_s": statistics.median(whole),
        "steps_streamed": max(0.0, statistics.median(streamed) - calm) / step,
        "steps_whole": max(0.0, statistics.median(whole) - calm) / step,
    }


async def cached(contender: Contender, prompts: Prompts, *, clients: int = 8, requests: int = 3) -> Sample:
    """Generation for eight callers, first alone, then beside fifty cached answers a second."""
    known = [prompts.question(PROMPT_TOKENS) for _ in range(QUESTIONS)]
    for question in known:
        await one(contender, question, 16)
    before = await crowd(contender, prompts, clients=clients, requests=requests)
    latencies: list[float] = []
    asking = asyncio.create_task(_ask_often(contender, known, latencies))
    try:
        beside = await crowd(contender, prompts, clients=clients, requests=requests)
    finally:
        await _end([asking])
    latencies.sort()
    return {
        "alone_tokens_per_s": before["tokens_per_s"],
        "beside_tokens_per_s": beside["tokens_per_s"],
        "kept": beside["tokens_per_s"] / before["tokens_per_s"],
        "cached_per_s": len(latencies) / beside["seconds"],
        "cached_median_s": statistics.median(latencies),
        "cached_p99_s": latencies[int(len(latencies) * 0.99)],
    }


async def _ask_often(contender: Contender, known: Sequence[Messages], latencies: list[float]) -> None:
    """Asks at a steady rate, whether answers come or not; a latency counts from when it was time to ask."""

    async def once(messages: Messages, due: float) -> None:
        await ask(contender.address(account=0), contender.body(messages, 16))
        latencies.append(time.perf_counter() - due)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(CACHED_PER_S * PATIENCE_SECONDS):
            due = started + number / CACHED_PER_S
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(once(known[number % len(known)], due))


@asynccontextmanager
async def _streaming(
    contender: Contender,
    questions: Sequence[Messages],
    seen: Sequence[Reply],
    *,
    max_tokens: int = ENDLESS_TOKENS,
) -> AsyncIterator[list[Task]]:
    """Answers to all of them while the block runs, which `seen` shows; then the callers leave."""
    tasks = [
        asyncio.create_task(ask(contender.address(), contender.body(question, max_tokens), into=reply))
        for question, reply in zip(questions, seen, strict=True)
    ]
    try:
        yield tasks
    finally:
        await _end(tasks)


async def _end(tasks: Iterable["asyncio.Task[object]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _until(condition: Callable[[], bool], tasks: Sequence[Task]) -> None:
    """Waits for it; raises what a task raised meanwhile, and TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.005)
