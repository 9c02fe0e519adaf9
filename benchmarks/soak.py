"""
More than the gateway can carry, for a long time: whether those who are let in are answered in time, whether
those who are not hear it at once, and whether anything grows or stays behind.

    scripts/bench soak [--quick] [--minutes N] [--json FILE]

    unloaded    a few callers: how long answers take when nobody is in the way
    capacity    more and more callers, until no more are answered
    soak        one and a half times as many as that, for 20 minutes
    after       nobody asks: what is still held, and what the book says

Callers ask for chats, streamed and not, `/prompt`, answers from the cache and vectors; some leave in the
middle and some send nonsense. The gateway stands on PostgreSQL and Redis with limits and every default
filter, before a stand-in that takes a quarter of a second for an answer, as a fast model does. Load, stand-in
and stores run on the same cores. scripts/bench starts private stores.
"""

import argparse
import asyncio
import json
import os
import resource
import secrets
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.gateway import setting
from benchmarks.relaying.contenders import Relaying, StandIn
from benchmarks.relaying.samples import quantile
from benchmarks.sanitizing import figures
from benchmarks.soaking.holding import Holding, book, growth, settled, slope_an_hour
from benchmarks.soaking.mix import MODEL, MODEL_MS, SHARES, VECTORS, Mix, Tally

MINUTES, QUICK_MINUTES = 20.0, 1.0
OVERLOAD = 1.5
FIRST_RATE, STEP = 100.0, 1.4
CARRIED = 0.93  # of what is asked for: below, more callers only means more refusals
ACCOUNTS = 4
LOOK_SECONDS = 5.0
WARM_UP_SECONDS = 5.0
FEW_FILES = 500  # of less than these, a tenth is callers who happen to be there


class Soaked(Relaying):
    """The gateway with the models of this load."""

    def __init__(self, upstream: StandIn, **urls: str) -> None:
        super().__init__(upstream, **urls)
        self.tokens = [None] * ACCOUNTS

    def models(self) -> dict[str, str]:
        return super().models() | {MODEL: "chat", VECTORS: "embedding"}


async def unloaded(mix: Mix, *, seconds: float) -> Tally:
    """A tenth of the rate at which the search for capacity begins."""
    tally = await mix.come(FIRST_RATE / 10, seconds)
    tally.add(await mix.end())
    return tally


async def capacity(mix: Mix, *, seconds: float) -> float:
    """The most that were answered a second. Stops when a rate is not carried any more."""
    rate, most = FIRST_RATE, 0.0
    while True:
        _progress(f"capacity: {rate:.0f} requests a second")
        await mix.come(rate, WARM_UP_SECONDS / 2)
        tally = await mix.come(rate, seconds)
        served = (len(tally.all_answered) + tally.wrong + tally.unknown) / tally.seconds
        most = max(most, served)
        if served < CARRIED * tally.sent / tally.seconds or tally.refused:
            return most
        rate *= STEP


async def soak(mix: Mix, server: int, *, rate: float, minutes: float) -> tuple[Tally, Tally, Holding]:
    """What came of warming up, all that came after, and what was held meanwhile."""
    warm = await mix.come(rate, WARM_UP_SECONDS)
    all_of_it, holding = Tally(), Holding()
    for number in range(max(8, round(minutes * 60 / LOOK_SECONDS))):
        _progress(f"soak: {number * LOOK_SECONDS / 60:.1f} of {minutes:g} minutes")
        all_of_it.add(await mix.come(rate, LOOK_SECONDS))
        holding.look(server)
    return warm, all_of_it, holding


def spread(taken: Sequence[float]) -> dict[str, float]:
    ordered = sorted(taken)
    if not ordered:
        return {}
    return {f"p{round(at * 1000) / 10:g}_ms": quantile(ordered, at) for at in (0.5, 0.99, 0.999)}


async def run(options: argparse.Namespace, gateway: Soaked, url: str) -> dict[str, Any]:
    """Every figure."""
    assert gateway.process is not None
    mix = Mix(gateway, seed=secrets.randbelow(10_000))
    _progress("unloaded")
    await unloaded(mix, seconds=WARM_UP_SECONDS)
    calm = await unloaded(mix, seconds=15 if options.quick else 60)
    most = (
        options.rate / OVERLOAD if options.rate else await capacity(mix, seconds=4 if options.quick else 10)
    )
    await mix.end()
    before = book(url)
    rate = OVERLOAD * most
    warm, loaded, holding = await soak(mix, gateway.process.pid, rate=rate, minutes=options.minutes)
    last = await mix.end()
    held = settled(gateway)
    after = book(url)
    everything = Tally()
    for tally in (warm, loaded, last):
        everything.add(tally)
    return {
        "capacity_per_s": most,
        "offered_per_s": loaded.sent / loaded.seconds,
        "answered_per_s": loaded.answered_per_s,
        "refused_share": len(loaded.refused) / max(1, loaded.sent),
        "unloaded": {kind: spread(taken) for kind, taken in sorted(calm.answered.items())},
        "loaded": {kind: spread(taken) for kind, taken in sorted(loaded.answered.items())},
        "unloaded_all": spread(calm.all_answered),
        "loaded_all": spread(loaded.all_answered),
        "refusals": spread(loaded.refused),
        "broken": everything.broken,
        "holding": {
            "resident_mb": holding.resident_mb,
            "files": holding.files,
            "memory_growth": growth(holding.resident_mb),
            "file_growth": growth(holding.files, least=FEW_FILES),
            "memory_mb_an_hour": slope_an_hour(holding.at, holding.resident_mb),
            "files_an_hour": slope_an_hour(holding.at, holding.files),
        },
        "held_after": held,
        "book": {
            "acknowledged": len(everything.all_answered),
            "unknown": everything.unknown,
            "answered": after.answered - before.answered,
            "accepted": after.accepted,
            "twice": after.twice,
        },
    }


def report(found: dict[str, Any]) -> bool:
    """Prints the figures and the bars; whether all are met."""
    rows: list[list[figures.Cell]] = [
        [
            kind,
            *(
                found[when].get(kind, {}).get(at)
                for at in ("p50_ms", "p99_ms")
                for when in ("unloaded", "loaded")
            ),
        ]
        for kind in SHARES
        if kind in found["unloaded"]
    ]
    head = ["ms", "p50 unloaded", "p50 loaded", "p99 unloaded", "p99 loaded"]
    print(
        f"\nCapacity {found['capacity_per_s']:.0f} requests/s. Offered {found['offered_per_s']:.0f}, "
        f"answered {found['answered_per_s']:.0f}, refused {found['refused_share']:.0%}; "
        f"the model takes {MODEL_MS} ms.\n"
    )
    print(figures.table(head, rows) + "\n")
    book, holding = found["book"], found["holding"]
    missing = max(0, book["acknowledged"] - book["answered"])
    strange = max(0, book["answered"] - book["acknowledged"] - book["unknown"])
    bars = [
        (
            "p99 of answers, times unloaded",
            found["loaded_all"]["p99_ms"] / found["unloaded_all"]["p99_ms"],
            3,
        ),
        ("p99 of refusals, ms", found["refusals"].get("p99_ms", 0.0), 20),
        ("growth of memory, share", holding["memory_growth"], 0.05),
        ("growth of open files, share", holding["file_growth"], 0.1),
        ("still held afterwards", len(found["held_after"]), 0),
        ("broken answers", sum(found["broken"].values()), 0),
        ("answers without a row", missing, 0),
        ("rows of no answer", strange, 0),
        ("rows in progress", book["accepted"], 0),
        ("requests with two rows", book["twice"], 0),
    ]
    print("\n".join(figures.bar(what, value, most=most) for what, value, most in bars))
    print(
        f"\n  Memory {holding['memory_mb_an_hour']:+.1f} MB/h, open files {holding['files_an_hour']:+.1f}/h."
    )
    if found["broken"] or found["held_after"]:
        print(f"  {found['broken']} {found['held_after']}")
    return all(value <= most for _, value, most in bars)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="scripts/bench soak", description=__doc__.strip().split("\n")[0])
    made.add_argument("--quick", action="store_true", help="one minute, and a shorter search for capacity")
    made.add_argument("--minutes", type=float, help=f"how long; {MINUTES:g} by itself")
    made.add_argument("--rate", type=float, help="requests a second, instead of a search for capacity")
    made.add_argument("--json", type=Path, help="write every figure here")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    options.minutes = options.minutes or (QUICK_MINUTES if options.quick else MINUTES)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers end with us
    urls = {name: os.environ.get(f"BENCH_{name.upper()}", "") for name in ("database_url", "redis_url")}
    if not all(urls.values()):
        print(
            "BENCH_DATABASE_URL and BENCH_REDIS_URL are not set; scripts/bench starts stores.",
            file=sys.stderr,
        )
        return 2
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    described = setting(options, "")
    with ExitStack() as stack:
        _progress("starting")
        upstream = stack.enter_context(StandIn())
        gateway = stack.enter_context(Soaked(upstream, **urls))
        found = asyncio.run(run(options, gateway, urls["database_url"]))
    _progress("")
    report(found)
    if options.json:
        options.json.write_text(
            json.dumps({**described, "minutes": options.minutes, **found}, indent=2) + "\n"
        )
    return 0


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
