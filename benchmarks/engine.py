"""
How fast and how fair the engine is behind the whole gateway, beside llama.cpp's own servers.

    scripts/bench engine [--quick] [--json FILE] [--only WORKLOAD…] [--contenders NAME…] [--threads N]

    ours               gunicorn, SQLite, JSON web tokens, the default policy: everything a caller goes through
    llama-server       built from the source of the same llama-cpp-python, with its defaults
    llama-server -np   the same with as many slots as ours and as many tokens of context in each
    llama-cpp-python   `python -m llama_cpp.server`

All get the same model file, threads and prompts, over HTTP, streamed, at temperature 0, with a fixed number
of tokens. A round takes one sample of each, one after the other, with prompts that nobody has seen; each
workload starts servers of its own. Ratios are taken within rounds, and the median counts. What makes the load
runs on the same cores; `load_cores` in the JSON says how much of them it took.

The first run builds llama-server (a quarter of an hour); see benchmarks/serving/peers.py.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.sanitizing import figures
from benchmarks.serving import peers, room
from benchmarks.serving.machine import Usage
from benchmarks.serving.prompts import Prompts
from benchmarks.serving.servers import (
    Contender,
    Gateway,
    LlamaCppPython,
    LlamaServer,
    LlamaServerSlots,
    Setting,
)
from benchmarks.serving.traffic import Sample
from benchmarks.serving.verdicts import OURS, Samples, Verdict, judge
from benchmarks.serving.workloads import ALL, WORKLOADS, Workload
from inference.machine import cores

MODEL = Path("data/models/SmolLM2-135M-Instruct.Q4_1.gguf")
QUIET_CORES = 0.1  # what others may use before it is said that they did


def contenders(names: Sequence[str]) -> dict[str, Callable[..., Contender]]:
    """What starts each of them; the peers are built if need be. Raises PeersUnavailable."""
    if any(name.startswith("llama-server") for name in names):
        LlamaServer.binary = peers.llama_server()
    if LlamaCppPython.name in names:
        LlamaCppPython.python = peers.llama_cpp_python()
    kinds = (Gateway, LlamaServer, LlamaServerSlots, LlamaCppPython)
    return {kind.name: kind for kind in kinds if kind.name in names}


def take(
    workload: Workload, starters: dict[str, Callable[..., Contender]], options: argparse.Namespace
) -> Any:
    """All samples of a workload, by contender."""
    variables = workload.variables | dict(pair.split("=", 1) for pair in options.set)
    setting = Setting(options.model.resolve(), options.threads, workload.slots, variables=variables)
    rounds = options.rounds or (workload.quick_rounds if options.quick else workload.rounds)
    if workload.sample is None:
        seeds = range(options.seed, options.seed + rounds)
        return {OURS: [room.sample(workload.name, setting, seed=seed, quick=options.quick) for seed in seeds]}
    arguments = workload.quick if options.quick else {}
    samples: dict[str, list[Sample]] = {}
    with ExitStack() as stack:
        running = []
        for name, start in starters.items():
            _progress(f"{workload.name}: starting {name}")
            running.append(stack.enter_context(start(setting, accounts=workload.accounts)))
        for number in range(rounds):
            for contender in running:
                _progress(f"{workload.name}: round {number + 1} of {rounds}, {contender.name}")
                prompts = Prompts((options.seed, workload.name, number))
                usage = Usage(contender.process.pid if contender.process else None)
                taken = asyncio.run(workload.sample(contender, prompts, **arguments))
                samples.setdefault(contender.name, []).append(taken | usage.cores())
    return samples


def table(workload: Workload, verdicts: Sequence[Verdict], samples: Samples) -> str:
    names = [name for name in ALL if any(name in verdict.medians for verdict in verdicts)]
    rows: list[list[figures.Cell]] = []
    for verdict in verdicts:
        met = {True: "met", False: "NOT MET", None: None}[verdict.is_met]
        value = f"{verdict.value:.2f}" if verdict.value is not None else None
        measured = [verdict.medians.get(name) for name in names]
        rows.append([verdict.bar.title, *measured, verdict.bar.text, value, met])
    shown = figures.table(["", *names, "bar", "measured", ""], rows)
    other = max(sample.get("other_cores", 0.0) for taken in samples.values() for sample in taken)
    note = f"\n  Disturbed: something else used up to {other:.1f} cores." if other > QUIET_CORES else ""
    return f"\n{workload.name}: {workload.title}\n{shown}{note}"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.strip().split("\n")[0])
    names = [workload.name for workload in WORKLOADS]
    made.add_argument("--quick", action="store_true", help="fewer rounds and requests: some minutes")
    made.add_argument("--json", type=Path, help="write every sample here")
    made.add_argument("--only", nargs="+", choices=names, default=names, help="these workloads")
    made.add_argument("--contenders", nargs="+", choices=ALL, help="these, whatever the workload asks for")
    made.add_argument("--threads", type=int, default=default_threads(), help="llama.cpp's, of everybody")
    made.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="variables of our server")
    made.add_argument("--rounds", type=int, help="samples of each contender")
    made.add_argument("--model", type=Path, default=MODEL, help="a GGUF file")
    made.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32), help="to repeat a run")
    return made


def default_threads() -> int:
    """As the gateway decides: one less than the cores."""
    return max(1, cores() - 1)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers end with us
    if not options.model.is_file():
        print("The model is not there; manage.py download_model fetches it.", file=sys.stderr)
        return 2
    chosen = [workload for workload in WORKLOADS if workload.name in options.only]
    wanted = {name for workload in chosen for name in options.contenders or workload.contenders}
    try:
        starters = contenders([name for name in ALL if name in wanted])
    except peers.PeersUnavailable as error:
        print(f"The other servers cannot be had: {error}", file=sys.stderr)
        return 1
    report: dict[str, Any] = _setting(options)
    failed = False
    for workload in chosen:
        takes_part = options.contenders or workload.contenders
        mine = {name: start for name, start in starters.items() if name in takes_part}
        try:
            samples = take(workload, mine, options)
        except Exception as error:  # noqa: BLE001 one workload that cannot be taken leaves the others
            _progress("")
            print(f"\n{workload.name}: {type(error).__name__}: {error}")
            failed = True
            continue
        verdicts = [judge(bar, samples) for bar in workload.bars]
        _progress("")
        print(table(workload, verdicts, samples), flush=True)
        entry = {"title": workload.title, "samples": samples, "verdicts": [v.as_dict() for v in verdicts]}
        report["workloads"][workload.name] = entry
        if options.json:
            options.json.write_text(json.dumps(report, indent=2) + "\n")
    return 1 if failed else 0


def _setting(options: argparse.Namespace) -> dict[str, Any]:
    version, build = peers.requirement(os.uname().machine)
    machine = figures.machine()
    print(
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}\n"
        f"llama-cpp-python {version}, {' '.join(build)}\n"
        f"{options.model.name}, {options.threads} thread(s), seed {options.seed}"
    )
    return {
        "machine": machine,
        "llama_cpp_python": version,
        "build": build,
        "model": options.model.name,
        "threads": options.threads,
        "seed": options.seed,
        "quick": options.quick,
        "set": options.set,
        "workloads": {},
    }


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
