"""
What the book costs: a prompt that is accepted and ended in it, beside the same two statements committed bare.

    scripts/bench journal [--quick] [--json FILE] [--rounds N]

    bare    one connection, one thread: INSERT, commit, UPDATE, commit, with values that were made before.
            Each statement travels with its commit (autocommit), which is the cheapest that there is
    ours    the writer of the book (`strict`), from an event loop: `accept`, then `finish`. Beside the row it
            writes what user and key have used, and locks it first. What follows behind (statistics, search)
            nobody waits for, and is told apart

    alone   1 client: what a prompt waits for its two commits. Ours and bare take turns, prompt by prompt
    crowd   64 clients, 64 users with a key each: rows a second, beside one bare connection

Prompts and answers have 1 KB and two findings each. A difference is the median of those between neighbours,
a ratio is taken within a round, and the median of the rounds counts. Loop, writer and PostgreSQL share the
cores of this machine.

scripts/bench starts a private PostgreSQL that keeps what it is told (`fsync`); BENCH_DATABASE_URL names
another (an empty database).
"""

import argparse
import asyncio
import json
import os
import platform
import secrets
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.book import set_up
from benchmarks.sanitizing import figures
from benchmarks.serving.traffic import Sample
from benchmarks.serving.verdicts import OURS, Bar, Samples, judge

ALONE, CROWD, BARE = "alone", "crowd", "bare"
ROUNDS, QUICK_ROUNDS = 7, 3


@dataclass(frozen=True, slots=True)
class Workload:
    """`prompts` of ours a round, or `quick_prompts`. `shown` are figures without a bar."""

    title: str
    bars: tuple[Bar, ...]
    shown: tuple[tuple[str, str], ...]
    prompts: int
    quick_prompts: int


WORKLOADS = {
    ALONE: Workload(
        "1 client",
        (Bar("added_ms", "more than two bare commits, ms", at_most=0.5),),
        (("ms", "two commits, ms"), ("p99_ms", "p99, ms")),
        prompts=400,
        quick_prompts=100,
    ),
    CROWD: Workload(
        "64 clients, beside one that does it bare",
        (
            Bar("gain", "rows/s, times one by one", at_least=5),
            Bar("missing", "rows that are not in the book", at_most=0),
        ),
        (
            ("rows_per_s", "rows/s"),
            ("group_rows", "changes a transaction"),
            ("cpu_us", "processor time a row, µs, without PostgreSQL's"),
            ("behind_us", "counted and indexed behind, µs a row"),
        ),
        prompts=6400,
        quick_prompts=1600,
    ),
}


def measure(options: argparse.Namespace, folder: Path) -> dict[str, dict[str, list[Sample]]]:
    """All samples, by workload and by who made them. The first round warms up and is not kept."""
    import psycopg
    from django.conf import settings

    from benchmarks.booking.samples import Bare, Groups, alone, crowd
    from benchmarks.relaying.texts import Letters
    from prompts.leases import Lease
    from prompts.writer import DatabaseJournal

    groups = Groups()
    journal = DatabaseJournal(Lease(folder / "instances"), spool=folder / "spool", watches=[groups])
    journal.open()
    samples: dict[str, dict[str, list[Sample]]] = {ALONE: {}, CROWD: {}}
    sizes = {name: one.quick_prompts if options.quick else one.prompts for name, one in WORKLOADS.items()}
    named = settings.DATABASES["default"]
    where = {"host": named["HOST"], "port": named["PORT"], "user": named["USER"], "dbname": named["NAME"]}
    try:
        with psycopg.connect(**where, password=named["PASSWORD"] or None, autocommit=True) as connection:
            bare, letters = Bare(connection), Letters(secrets.randbelow(10_000))
            for number in range(rounds(options) + 1):
                _progress(f"round {number} of {rounds(options)}" if number else "warming up")
                found = {
                    ALONE: asyncio.run(alone(journal, bare, letters, prompts=sizes[ALONE])),
                    CROWD: asyncio.run(crowd(journal, bare, letters, prompts=sizes[CROWD], groups=groups)),
                }
                for workload, taken in found.items() if number else ():
                    for name, sample in taken.items():
                        samples[workload].setdefault(name, []).append(sample)
    finally:
        journal.close()
        _progress("")
    return samples


def rounds(options: argparse.Namespace) -> int:
    return int(options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS))


def report(samples: Mapping[str, Samples]) -> dict[str, Any]:
    """Prints the tables; what a file keeps of them."""
    kept: dict[str, Any] = {}
    for name, workload in WORKLOADS.items():
        taken = samples[name]
        verdicts = [judge(bar, taken) for bar in workload.bars]
        rows: list[list[figures.Cell]] = [
            [title, *(judge(Bar(figure, title), {OURS: taken[who]}).value for who in (BARE, OURS))]
            for figure, title in workload.shown
        ]
        print(f"\n{name}: {workload.title}\n{figures.table(['', BARE, OURS], rows)}")
        for verdict in verdicts:
            assert verdict.value is not None  # both have taken part
            bar = verdict.bar
            print(figures.bar(bar.title, verdict.value, most=bar.at_most, least=bar.at_least), flush=True)
        kept[name] = {"samples": taken, "verdicts": [verdict.as_dict() for verdict in verdicts]}
    return kept


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="scripts/bench journal", description=__doc__.strip().split("\n")[0])
    made.add_argument("--quick", action="store_true", help="fewer rounds and prompts: half a minute")
    made.add_argument("--json", type=Path, help="write every sample here")
    made.add_argument("--rounds", type=int, help="samples of each")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if not os.environ.get("BENCH_DATABASE_URL"):
        print("BENCH_DATABASE_URL is not set; scripts/bench starts a PostgreSQL.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        set_up(folder, os.environ["BENCH_DATABASE_URL"])
        described = setting(options)
        kept = report(measure(options, Path(folder)))
    if options.json:
        options.json.write_text(json.dumps({**described, "workloads": kept}, indent=2) + "\n")
    return 0


def setting(options: argparse.Namespace) -> dict[str, Any]:
    """Says where and with what it is measured."""
    from django.db import connection

    from benchmarks.gateway import commit

    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = cursor.fetchone()[0]
        told = {}
        for name in ("fsync", "synchronous_commit"):
            cursor.execute(f"SHOW {name}")
            told[name] = cursor.fetchone()[0]
    machine = figures.machine()
    print(
        f"{machine['processor']}, {machine['cores']} cores, Python {platform.python_version()}, "
        f"PostgreSQL {version} ({', '.join(f'{name} {value}' for name, value in told.items())}), "
        f"commit {commit()}, median of {rounds(options)} rounds"
    )
    return {"machine": machine, "postgresql": version, **told, "commit": commit(), "quick": options.quick}


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
