"""
The engine alone, without HTTP, in a process of its own, which prints its sample as JSON:

    python -m benchmarks.serving.room share|guesses|jobs --seed N [--model FILE] [--threads N] [--quick]

    share   how much of the time at 8 streams is neither computing nor choosing tokens
    guesses answers that repeat much of their prompts, with guessed tokens and without
    jobs    10,000 short jobs on a tiny model, of random lengths, with callers who leave and deadlines: what
            is left of them
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from benchmarks.serving.prompts import Prompts
from benchmarks.serving.servers import ROOT, Setting
from benchmarks.serving.traffic import ANSWER_TOKENS, PROMPT_TOKENS, Sample
from inference.backends import Ending, Generation, Message, Sampling
from inference.engine import Engine
from inference.figures import Figures
from inference.jobs import Job
from inference.options import EngineOptions, LlamaOptions

STREAMS = 8
JOBS, WARM_UP_JOBS, AT_ONCE = 10_000, 2_000, 48
LEAVING, HURRIED = 0.3, 0.1  # of all jobs
START_SECONDS, PATIENCE_SECONDS = 60, 600
SENTENCES = (
    "The town lies on a river that comes down from the hills in the north.",
    "Most people of the town work in the two paper mills beside the old bridge.",
    "In spring the river rises, and the lower streets of the town stand under water.",
    "A new school was opened in the town last autumn, with room for six hundred children.",
    "The market is held every Thursday on the square before the church of Saint Anne.",
    "Two trains a day stop at the station, one in the morning and one in the evening.",
    "The mayor has promised that the road to the coast will be repaired before winter.",
    "Visitors come for the museum of clocks, which was founded by a watchmaker's widow.",
    "The oldest house of the town is an inn that has never been closed for a single day.",
    "Farmers around the town grow barley, apples and a small sweet kind of onion.",
)


def sample(workload: str, setting: Setting, *, seed: int, quick: bool) -> Sample:
    """Runs one of them in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.serving.room", workload, "--seed", str(seed)]
    command += [
        "--model",
        str(setting.model),
        "--threads",
        str(setting.threads),
        *(["--quick"] if quick else []),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1800)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-2000:])
    found: Sample = json.loads(done.stdout)
    return found


def loaded(path: Path, options: LlamaOptions, *, places: int, speculation: bool = True) -> Engine:
    """An engine that is ready."""
    from inference.llama import LlamaRunner

    wanted = EngineOptions(places=places, speculation=speculation)
    engine = Engine(lambda: LlamaRunner(path, options=options), wanted)
    engine.start()
    deadline = time.monotonic() + START_SECONDS
    while engine.status().state != "ready":
        if time.monotonic() > deadline or engine.status().state == "down":
            raise RuntimeError(f"not loaded: {engine.status().reason}")
        time.sleep(0.02)
    return engine


def generation(
    text: str, max_tokens: int, *, caller: str, deadline_seconds: float | None = None
) -> Generation[str]:
    return Generation(
        messages=(Message("user", text),),
        model="",
        max_tokens=max_tokens,
        sampling=Sampling(0.0, ignore_eos=True),
        caller=caller,
        request_id="bench",
        deadline_seconds=deadline_seconds,
    )


# -- share --


def share(options: argparse.Namespace) -> Sample:
    """Eight streams until three answers of each are there."""
    llama = LlamaOptions(context_tokens=1024, slots=STREAMS, threads=options.threads)
    engine = loaded(options.model, llama, places=1000)
    prompts = Prompts((options.seed, "share"))
    answer_all(engine, prompts, STREAMS)
    before, began = engine.figures(), time.perf_counter()
    answer_all(engine, prompts, STREAMS * (1 if options.quick else 3))
    seconds, after = time.perf_counter() - began, engine.figures()
    engine.close()
    steps = after.steps - before.steps
    decode = after.decode_seconds - before.decode_seconds
    sampling = after.sampling_seconds - before.sampling_seconds
    python = after.python_seconds - before.python_seconds
    return {
        "seconds": seconds,
        "steps": steps,
        "step_s": (decode + sampling + python) / steps,
        "decode_share": decode / seconds,
        "sampling_share": sampling / seconds,
        "python_of_step": python / (decode + sampling + python),
        # Of all the time, what lies between steps included: the stricter figure.
        "python_share": 1 - (decode + sampling) / seconds,
        "tokens_per_s": (after.completion_tokens - before.completion_tokens) / seconds,
    }


def answer_all(engine: Engine, prompts: Prompts, count: int) -> None:
    """So many answers, all asked for at once."""
    ended: SimpleQueue[Any] = SimpleQueue()
    for number in range(count):
        text = prompts.question(PROMPT_TOKENS)[-1]["content"]
        asked = generation(text, ANSWER_TOKENS, caller=str(number % STREAMS))
        engine.submit(asked, engine.prepare(asked), lambda event: _pass_on_the_end(event, ended))
    for _ in range(count):
        event = ended.get(timeout=PATIENCE_SECONDS)
        if not isinstance(event, Ending):
            raise event


def _pass_on_the_end(event: Any, ended: "SimpleQueue[Any]") -> None:
    if isinstance(event, Ending | Exception):
        ended.put(event)


# -- guesses --

TASKS = (
    ("edits", "Copy this text word by word, and write the word city in place of town:\n\n"),
    ("summaries", "Summarize this text, with its own words:\n\n"),
)


def guesses(options: argparse.Namespace) -> Sample:
    """The same prompts one after the other, each with guesses and without. Ratios of tokens a second."""
    llama = LlamaOptions(context_tokens=1024, slots=1, threads=options.threads, flash_attention=True)
    engines = {
        guessing: loaded(options.model, llama, places=8, speculation=guessing) for guessing in (True, False)
    }
    for engine in engines.values():
        for _ in range(3):  # steps by which it learns the machine's speed
            spoken(engine, "What is a town?")
    chance, sample, changed = random.Random(options.seed), Sample(), 0
    for name, task in TASKS:
        seconds, tokens, steps = {True: 0.0, False: 0.0}, {True: 0, False: 0}, {True: 0, False: 0}
        for _ in range(2 if options.quick else 6):
            text = task + " ".join(chance.sample(SENTENCES, 6))
            said = {}
            for guessing in chance.sample((True, False), 2):
                before = engines[guessing].figures().steps
                began = time.perf_counter()
                said[guessing], count = spoken(engines[guessing], text)
                seconds[guessing] += time.perf_counter() - began
                tokens[guessing] += count
                steps[guessing] += engines[guessing].figures().steps - before
            changed += said[True] != said[False]
        rates = {guessing: tokens[guessing] / seconds[guessing] for guessing in (True, False)}
        sample[f"{name}_gain"] = rates[True] / rates[False]
        sample[f"{name}_tokens_a_step"] = tokens[True] / steps[True]
    for engine in engines.values():
        engine.close()
    return sample | {"changed": changed}


def spoken(engine: Engine, text: str) -> tuple[str, int]:
    """The whole answer at temperature 0, and its tokens."""
    asked = replace(generation(text, 160, caller="bench"), sampling=Sampling(0.0))
    events: SimpleQueue[Any] = SimpleQueue()
    engine.submit(asked, engine.prepare(asked), events.put)
    said = []
    while not isinstance(event := events.get(timeout=PATIENCE_SECONDS), Ending):
        if isinstance(event, Exception):
            raise event
        said.append(event.text)
    return "".join(said), event.completion_tokens


# -- jobs --


class Storm:
    """Sends jobs, a bounded number at once, some of whose callers leave or have no patience."""

    def __init__(self, engine: Engine, chance: random.Random) -> None:
        self._engine = engine
        self._chance = chance
        self._events: SimpleQueue[tuple[int, bool]] = SimpleQueue()  # a job, and whether it has ended
        self._outstanding: dict[int, Job] = {}
        self.sent = 0

    def run(self, jobs: int) -> None:
        """Raises queue.Empty if a job neither ends nor goes on."""
        for _ in range(jobs):
            self._send(self.sent)
            self.sent += 1
            while len(self._outstanding) >= AT_ONCE:
                self._take()
        while self._outstanding:
            self._take()

    def _send(self, number: int) -> None:
        chance, engine = self._chance, self._engine
        hurry = chance.uniform(0.001, 0.2) if chance.random() < HURRIED else None
        leaves_after = chance.randrange(12) if chance.random() < LEAVING else -1
        text = "".join(chance.choices("abcdefgh ijklmnop", k=chance.randint(1, 200)))
        asked = generation(text, chance.randint(1, 32), caller=str(number % 5), deadline_seconds=hurry)
        heard = 0

        def deliver(event: Any) -> None:
            nonlocal heard
            heard += 1
            if isinstance(event, Ending | Exception):
                self._events.put((number, True))
            elif heard == leaves_after:
                self._events.put((number, False))

        self._outstanding[number] = engine.submit(asked, engine.prepare(asked), deliver)
        if leaves_after == 0:
            self._events.put((number, False))

    def _take(self) -> None:
        number, _ = self._events.get(timeout=PATIENCE_SECONDS)
        job = self._outstanding.pop(number, None)
        if job is not None:
            self._engine.cancel(job)  # of one that has ended: nothing


def jobs(options: argparse.Namespace) -> Sample:
    """Memory after some of the jobs beside that after all of them; then every slot is filled to its brim."""
    from tests.inference.models import CONTEXT, make

    count, warm_up = (JOBS // 10, JOBS // 20) if options.quick else (JOBS, WARM_UP_JOBS)
    with tempfile.TemporaryDirectory() as folder:
        model = make("tiny", Path(folder) / "tiny.gguf")
        llama = LlamaOptions(context_tokens=CONTEXT, slots=STREAMS, threads=options.threads)
        engine = loaded(model, llama, places=1000)
        storm, began = Storm(engine, random.Random(options.seed)), time.perf_counter()
        storm.run(warm_up)
        warm = resident_bytes()
        storm.run(count - warm_up)
        seconds, grown = time.perf_counter() - began, resident_bytes() / warm
        figures = settled(engine)
        ended = figures.answered + figures.cancelled + figures.expired + figures.failed
        brim = filled(engine, CONTEXT)
        engine.close()
    return {
        "jobs": storm.sent,
        "seconds": seconds,
        "answered": figures.answered,
        "cancelled": figures.cancelled,
        "expired": figures.expired,
        "failed": figures.failed,
        "lost": storm.sent - ended,
        "slots_not_back": figures.running_jobs + STREAMS - brim,
        "memory_bytes": warm,
        "memory_ratio": grown,
    }


def settled(engine: Engine) -> Figures:
    """The figures once the engine has let go of everybody, or after a second."""
    deadline = time.monotonic() + 1
    while (figures := engine.figures()).running_jobs and time.monotonic() < deadline:
        time.sleep(0.01)
    return figures


def filled(engine: Engine, context: int) -> int:
    """How many slots can be filled with tokens to the last cell, all at once."""
    ended: SimpleQueue[Any] = SimpleQueue()
    for number in range(STREAMS):
        asked = generation(f"{number}", context, caller=str(number))
        engine.submit(asked, engine.prepare(asked), lambda event: _pass_on_the_end(event, ended))
    events = [ended.get(timeout=PATIENCE_SECONDS) for _ in range(STREAMS)]
    return sum(
        isinstance(event, Ending) and event.prompt_tokens + event.completion_tokens >= context
        for event in events
    )


def resident_bytes() -> int:
    """What this process holds of the machine's memory (man 5 proc)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().split("\n")[0])
    parser.add_argument("workload", choices=("share", "guesses", "jobs"))
    parser.add_argument("--model", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    workloads: dict[str, Callable[[argparse.Namespace], Sample]] = {
        "share": share,
        "guesses": guesses,
        "jobs": jobs,
    }
    print(json.dumps(workloads[options.workload](options)))


if __name__ == "__main__":
    main()
