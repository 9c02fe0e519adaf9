"""
How fast an engine is: answers from 1 to n streams at once, with and without a shared beginning.

Every prompt is new (random common words), so nothing but the shared beginning is computed before. What the
engine itself counted (`inference.figures`) says where the time went.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

from inference.backends import Backend, Ending, Generation, Sampling

# Of one token each with most vocabularies, after a blank.
_WORDS = """
the of and to in is was for that it with as his on be at by had not are but from or have an they
which one you were her all she there would their we him been has when who will more no if out so
said what up its about into than them can only other new some could time these two may then do first
any my now such like our over man me even most made after also did many before must through back
years where much your way well down should because each just those people how too little state good
very make world still own see men work long get here between both life being under never day same
another know while last might us great old year off come since against go came right used take three
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """Tokens are about as many: a word more or less. `shared_tokens` begin every prompt of one round."""

    prompt_tokens: int
    answer_tokens: int
    shared_tokens: int = 0
    rounds: int = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians over the rounds; step times are means. `python_share` is what a step takes beside computing and
    choosing tokens; `computed_tokens` are the prompts' tokens that were not had from a shared beginning."""

    streams: int
    shared_tokens: int
    prompt_tokens: int
    tokens_per_second: float
    requests_per_second: float
    ttft_ms: float
    slowest_ttft_ms: float
    step_ms: float
    decode_ms: float
    sampling_ms: float
    python_share: float
    computed_tokens: int


class Counted(Protocol):
    """Whose `figures` are read before and after; `inference.engine.Engine` in production."""

    def figures(self) -> Any: ...


def texts(plan: Plan, count: int, *, dice: random.Random) -> list[str]:
    """Prompts that share their beginning and nothing else."""

    known = _WORDS.split()

    def words(number: int) -> str:
        return " ".join(dice.choice(known) for _ in range(number))

    shared = words(plan.shared_tokens)
    return [f"{shared} {words(plan.prompt_tokens)}".strip() for _ in range(count)]


async def measure(
    backend: Backend[str],
    engine: Counted,
    model: str,
    plan: Plan,
    *,
    streams: int,
    dice: random.Random,
    after_round: Callable[[], None] = lambda: None,
) -> Measured:
    """Asks `streams` prompts at once, so many rounds. Raises InferenceErrors."""
    rounds: list[tuple[float, list[tuple[float, Ending]]]] = []
    before = engine.figures()
    for number in range(plan.rounds):
        prompts = texts(plan, streams, dice=dice)
        began = time.perf_counter()
        answers = await asyncio.gather(
            *(_ask(backend, model, text, plan, seed=number * streams + n) for n, text in enumerate(prompts))
        )
        rounds.append((time.perf_counter() - began, list(answers)))
        after_round()
    return _summary(rounds, before, engine.figures(), plan, streams)


async def _ask(
    backend: Backend[str], model: str, text: str, plan: Plan, *, seed: int
) -> tuple[float, Ending]:
    """Seconds to the first text, and the ending."""
    generation: Generation[str] = Generation(
        messages=(),
        text=text,
        model=model,
        max_tokens=plan.answer_tokens,
        # Not greedy: a small model repeats itself then, and guessing ahead would be measured, not computing.
        sampling=Sampling(0.8, seed=seed, ignore_eos=True),
        caller=f"stream-{seed}",
        request_id=f"bench-{seed}",
    )
    began = time.perf_counter()
    first = 0.0
    async for event in backend.answer(generation):
        first = first or time.perf_counter() - began
        if isinstance(event, Ending):
            return first, event
    raise AssertionError("a backend yields an ending or raises")


def _summary(
    rounds: Sequence[tuple[float, list[tuple[float, Ending]]]],
    before: Any,
    after: Any,
    plan: Plan,
    streams: int,
) -> Measured:
    spent = {each.name: getattr(after, each.name) - getattr(before, each.name) for each in fields(after)}
    steps = max(1, spent["steps"])
    endings = [ending for _, answers in rounds for _, ending in answers]
    firsts = [[first for first, _ in answers] for _, answers in rounds]
    busy = spent["decode_seconds"] + spent["sampling_seconds"] + spent["python_seconds"]

    def per_second(count: Callable[[list[tuple[float, Ending]]], float]) -> float:
        return statistics.median(count(answers) / seconds for seconds, answers in rounds)

    return Measured(
        streams=streams,
        shared_tokens=plan.shared_tokens,
        prompt_tokens=round(statistics.median(ending.prompt_tokens for ending in endings)),
        tokens_per_second=round(per_second(lambda each: sum(end.completion_tokens for _, end in each)), 1),
        requests_per_second=round(per_second(len), 2),
        ttft_ms=round(statistics.median(map(statistics.median, firsts)) * 1000, 1),
        slowest_ttft_ms=round(statistics.median(map(max, firsts)) * 1000, 1),
        step_ms=round(busy / steps * 1000, 2),
        decode_ms=round(spent["decode_seconds"] / steps * 1000, 2),
        sampling_ms=round(spent["sampling_seconds"] / steps * 1000, 2),
        python_share=round(spent["python_seconds"] / busy, 4) if busy else 0.0,
        computed_tokens=spent["prefill_tokens"],
    )
