"""
What the gateway costs between a caller and a model server, beside LiteLLM's proxy.

    scripts/bench gateway [--quick] [--json FILE] [--only WORKLOAD…] [--rounds N]

    direct    a stand-in model server (loopback, no model), asked without anybody between
    ours      gunicorn with one worker in front of it, PostgreSQL and Redis: JSON web tokens, limits, every
              default filter both ways, the journal's rows committed before a call and before the last byte
    LiteLLM   its proxy with one worker in front of it: no users, no database, no guardrails

Where --contenders names them, also the least that a gateway of these parts can be: Django, a token, a script
in Redis (`stack`), the chain both ways and nothing else (`stack+chain`), two committed rows and nothing else
(`stack+chain+rows`).

Prompts and answers have 1 KB and two findings each, and none comes twice. A round takes one sample of each,
one after the other; what is added is the difference to `direct` in the same round, ratios are taken within
rounds, and the median counts. What makes the load, the stand-in and the stores run on the same cores.

scripts/bench starts private stores; BENCH_DATABASE_URL and BENCH_REDIS_URL name others (an empty database).
The first run installs LiteLLM into an environment of its own.
"""

import argparse
import asyncio
import json
import os
import resource
import secrets
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.environments import Unavailable
from benchmarks.relaying import samples
from benchmarks.relaying.contenders import (
    LiteLLM,
    Relaying,
    Stack,
    StackAndChain,
    StackChainAndRows,
    StandIn,
    litellm,
)
from benchmarks.relaying.streams import open_streams
from benchmarks.relaying.texts import Letters
from benchmarks.sanitizing import figures
from benchmarks.serving import machine
from benchmarks.serving.servers import Contender
from benchmarks.serving.traffic import Sample
from benchmarks.serving.verdicts import OURS, Bar, Samples, Verdict, judge

DIRECT, PEER = StandIn.name, LiteLLM.name
USUAL = (DIRECT, OURS, PEER)
FLOORS = (Stack, StackAndChain, StackChainAndRows)
ORDER = (*USUAL, *(floor.name for floor in FLOORS))
QUIET_CORES = 0.1  # what others may use before it is said that they did
SEPARATELY = ("p50_ms", "p99_ms", "first_ms")  # of these what is added counts


@dataclass(frozen=True, slots=True)
class Workload:
    """`sample(contender, …)` is taken once of each contender in a round, with `usual` or `quick` arguments.
    `shown` are figures without a bar."""

    name: str
    title: str
    sample: Callable[..., Awaitable[Sample]]
    bars: tuple[Bar, ...]
    usual: dict[str, Any]
    quick: dict[str, Any]
    contenders: tuple[str, ...] = ORDER
    shown: tuple[tuple[str, str], ...] = ()
    rounds: int = 5
    quick_rounds: int = 3
    with_letters: bool = field(default=True)


def _streams(streams: int, rate: int) -> Workload:
    return Workload(
        f"streams{streams}",
        f"{streams:,} open streams at {rate} tokens/s each",
        partial(open_streams, streams=streams, rate=rate),
        (
            Bar("streams", "open at once", at_least=streams),
            Bar("missing", "streams that broke", at_most=0),
            Bar("lost", "tokens lost", at_most=0),
            Bar("late", "tokens later than 1 s", at_most=0),
            Bar("reordered", "tokens out of order", at_most=0),
            Bar("broken", "tokens changed", at_most=0),
        ),
        usual={"seconds": 60},
        quick={"seconds": 10},
        contenders=(OURS,),
        shown=(
            ("worst_s", "slowest token, s"),
            ("tokens", "tokens"),
            ("server_cores", "cores"),
            ("resident_mb", "resident memory, MB"),
        ),
        rounds=1,
        quick_rounds=1,
        with_letters=False,
    )


WORKLOADS = (
    Workload(
        "alone",
        "1 client",
        samples.alone,
        (Bar("added_p50_ms", "added p50, ms", at_most=0.45, against=PEER),),
        usual={"requests": 300},
        quick={"requests": 80},
        shown=(("p50_ms", "p50, ms"), ("p99_ms", "p99, ms"), ("added_p99_ms", "added p99, ms")),
    ),
    Workload(
        "first",
        "1 client, streamed",
        samples.first,
        (Bar("added_first_ms", "added time to first token, ms", at_most=10),),
        usual={"requests": 200},
        quick={"requests": 60},
        contenders=USUAL,
    ),
    Workload(
        "crowd",
        f"{samples.CLIENTS} clients",
        samples.crowd,
        (Bar("requests_per_s", "requests/s", at_least=4.0, against=PEER),),
        usual={"seconds": 8},
        quick={"seconds": 3},
        shown=(("cpu_ms", "processor time a request, ms"),),
    ),
    Workload(
        "cached",
        f"{samples.CLIENTS} clients, answered before",
        samples.cached,
        (Bar("cached_gain", "requests/s, times uncached", at_least=1.3),),
        usual={"seconds": 8},
        quick={"seconds": 3},
        contenders=(OURS,),
        shown=(
            ("cached_requests_per_s", "requests/s"),
            ("cached_cpu_ms", "processor time a request, ms"),
        ),
    ),
    _streams(1000, 2),
    _streams(200, 10),
)
MEMORY = Bar("resident_mb", "resident memory, MB", at_most=200)


def take_round(
    running: Mapping[str, Contender], workloads: Sequence[Workload], options: argparse.Namespace
) -> dict[str, dict[str, Sample]]:
    """One sample of each workload and contender, by workload and contender."""
    found: dict[str, dict[str, Sample]] = {}
    for workload in workloads:
        arguments = workload.quick if options.quick else workload.usual
        for name in workload.contenders:
            if name not in running:
                continue
            _progress(f"{workload.name}: {name}")
            contender = running[name]
            more = [Letters(secrets.randbelow(10_000))] if workload.with_letters else [running[DIRECT]]
            taken = asyncio.run(_awaited(workload.sample(contender, *more, **arguments)))
            found.setdefault(workload.name, {})[name] = taken
    compare(found)
    return found


async def _awaited(sample: Awaitable[Sample]) -> Sample:
    return await sample


def compare(found: Mapping[str, dict[str, Sample]]) -> None:
    """Fills in what is added to the bare way, and what the cache gains, within a round."""
    for taken in found.values():
        for name, sample in taken.items():
            bare = taken.get(DIRECT, {})
            for figure in SEPARATELY:
                if name != DIRECT and figure in sample and figure in bare:
                    sample[f"added_{figure}"] = sample[figure] - bare[figure]
    cached, uncached = (found.get(name, {}).get(OURS) for name in ("cached", "crowd"))
    if cached and uncached:
        cached["cached_gain"] = cached["cached_requests_per_s"] / uncached["requests_per_s"]


def table(workload: Workload, verdicts: Sequence[Verdict], samples: Samples) -> str:
    """What was measured, and a line for each bar."""
    figures_shown = [*((verdict.bar.figure, verdict.bar.title) for verdict in verdicts), *workload.shown]
    names = [name for name in ORDER if name in samples]
    rows: list[list[figures.Cell]] = [
        [title, *(judge(Bar(figure, title), {OURS: samples[name]}).value for name in names)]
        for figure, title in figures_shown
    ]
    return "\n".join(
        [figures.table(["", *names], rows), *map(line, verdicts), *floor_lines(verdicts, samples)]
    )


def floor_lines(verdicts: Sequence[Verdict], samples: Samples) -> list[str]:
    """What the least of these parts reach of the same bars against LiteLLM."""
    found = []
    for verdict in verdicts:
        for floor in FLOORS:
            bar = Bar(verdict.bar.figure, verdict.bar.title, against=verdict.bar.against)
            if bar.against and floor.name in samples:
                value = judge(bar, {**samples, OURS: samples[floor.name]}).value
                reached = "-" if value is None else f"{value:.3g}"
                found.append(f"  {floor.name}: {bar.title}, times {bar.against}'s: {reached}")
    return found


def line(verdict: Verdict) -> str:
    """met or missed, as the other benchmarks say it."""
    bar = verdict.bar
    what = f"{bar.title}, times {bar.against}'s" if bar.against else bar.title
    if verdict.value is None:
        return f"  not measured  {what}"
    return figures.bar(what, verdict.value, most=bar.at_most, least=bar.at_least)


def run(options: argparse.Namespace) -> dict[str, dict[str, list[Sample]]]:
    """All samples, by workload and contender, in the order of the rounds."""
    chosen = [workload for workload in WORKLOADS if workload.name in options.only]
    samples: dict[str, dict[str, list[Sample]]] = {}
    with ExitStack() as stack:
        _progress("starting")
        upstream = stack.enter_context(StandIn())
        running: dict[str, Contender] = {DIRECT: upstream}
        urls = {name: os.environ[f"BENCH_{name.upper()}"] for name in ("database_url", "redis_url")}
        running[OURS] = stack.enter_context(Relaying(upstream, **urls))
        for floor in FLOORS:
            if floor.name in options.contenders:
                running[floor.name] = stack.enter_context(floor(upstream, **urls))
        if PEER in options.contenders:
            running[PEER] = stack.enter_context(LiteLLM(upstream))
        often = [workload for workload in chosen if workload.rounds > 1]
        for number in range(rounds(often, options)):
            _progress(f"round {number + 1}")
            add(samples, take_round(running, often, options))
            add(samples, {"memory": memory(running)})
        add(samples, take_round(running, [one for one in chosen if one not in often], options))
    return samples


def rounds(workloads: Sequence[Workload], options: argparse.Namespace) -> int:
    """How many of those that are taken more than once."""
    if not workloads:
        return 0
    usual = workloads[0].quick_rounds if options.quick else workloads[0].rounds
    return int(options.rounds or usual)


def add(samples: dict[str, dict[str, list[Sample]]], found: Mapping[str, Mapping[str, Sample]]) -> None:
    for workload, taken in found.items():
        for contender, sample in taken.items():
            samples.setdefault(workload, {}).setdefault(contender, []).append(sample)


def memory(running: Mapping[str, Contender]) -> dict[str, Sample]:
    """What each holds now, where the system says it."""
    return {
        name: {"resident_mb": megabytes}
        for name, contender in running.items()
        if contender.process and (megabytes := machine.resident_mb(contender.process.pid)) is not None
    }


def report(samples: Mapping[str, Samples]) -> dict[str, Any]:
    """Prints the tables; what a file keeps of them."""
    kept: dict[str, Any] = {}
    held = Workload("memory", "after each round, streams aside", _awaited, (MEMORY,), {}, {})
    for workload in (*WORKLOADS, held):
        taken = samples.get(workload.name)
        if not taken:
            continue
        verdicts = [judge(bar, taken) for bar in workload.bars]
        print(f"\n{workload.name}: {workload.title}\n{table(workload, verdicts, taken)}", flush=True)
        kept[workload.name] = {"samples": taken, "verdicts": [verdict.as_dict() for verdict in verdicts]}
    others = [
        one.get("other_cores", 0.0) for taken in samples.values() for all_ in taken.values() for one in all_
    ]
    if others and max(others) > QUIET_CORES:
        print(f"\n  Stand-in, stores and whatever else ran used up to {max(others):.1f} cores beside.")
    return kept


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="scripts/bench gateway", description=__doc__.strip().split("\n")[0])
    names = [workload.name for workload in WORKLOADS]
    made.add_argument("--quick", action="store_true", help="fewer rounds and requests: some minutes")
    made.add_argument("--json", type=Path, help="write every sample here")
    made.add_argument("--only", nargs="+", choices=names, default=names, help="these workloads")
    made.add_argument(
        "--contenders", nargs="+", choices=ORDER, default=USUAL, help="without LiteLLM: direct ours"
    )
    made.add_argument("--rounds", type=int, help="samples of each contender")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers end with us
    if not (os.environ.get("BENCH_DATABASE_URL") and os.environ.get("BENCH_REDIS_URL")):
        print(
            "BENCH_DATABASE_URL and BENCH_REDIS_URL are not set; scripts/bench starts stores.",
            file=sys.stderr,
        )
        return 2
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a thousand streams are thousands of sockets
    version = ""
    if PEER in options.contenders:
        try:
            LiteLLM.python, version = litellm()
        except Unavailable as error:
            print(f"LiteLLM cannot be had: {error}", file=sys.stderr)
            return 1
    described = setting(options, version)
    samples = run(options)
    _progress("")
    kept = report(samples)
    if options.json:
        options.json.write_text(json.dumps({**described, "workloads": kept}, indent=2) + "\n")
    return 0


def setting(options: argparse.Namespace, version: str) -> dict[str, Any]:
    """Says where and with what it is measured."""
    packages = ("Django", "gunicorn", "aiohttp", "psycopg", "redis")
    described = {
        "machine": figures.machine(),
        "packages": {name: metadata.version(name) for name in packages},
        "litellm": version,
        "commit": commit(),
        "quick": options.quick,
    }
    where, packages_used = described["machine"], described["packages"]
    print(
        f"{where['processor']}, {where['cores']} cores, {where['system']}, Python {where['python']}\n"
        f"{', '.join(f'{name} {number}' for name, number in packages_used.items())}\n"
        f"LiteLLM {version or '-'}, commit {described['commit']}"
    )
    return described


def commit() -> str:
    """Which state of the code this is; with a + if it has been changed since."""
    try:
        git = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
