"""
How fast, how steady and how exact sanitization is, beside other tools, in one run.

    scripts/bench sanitization [--quick] [--only PART] [--json FILE] [--without-peers] [labelled files…]

    speed      processor time, in microseconds for 1,024 characters, of texts that are all different; all take
               turns with the same few of them, so whatever else the machine does hits all alike, and each
               begins its turn with ten milliseconds of other texts that do not count. Presidio's pattern
               recognizers and LLM Guard's secret scanner run in a process and an environment of their own
    hostile    seconds for texts made to be expensive, at half and at full length, and the longest that
               another thread of the process had to wait for its turn
    tail       what a streamed answer holds back, and what each of its tokens costs
    accuracy   precision and recall on labelled files (lines as `manage.py evaluate_detectors` reads them)

Needs no Django. The other tools are installed by the first run; without a network use --without-peers.
"""

import argparse
import gc
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.sanitizing import accuracy, figures, hostile, tail
from benchmarks.sanitizing.peers import NAMES, Peers, PeersUnavailable, versions
from benchmarks.sanitizing.texts import Writer
from sanitization.chain import Chain
from sanitization.evaluation import UnreadableLabels, read
from sanitization.filters import DEFAULT_FILTERS
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy

SEED = 20_261_124
VALUES_ALONE = ("sanitization.patterns.PatternFilter",)
SCORER_ALONE = ("sanitization.attacks.filters.AttackFilter",)
ENGLISH, OTHER_SCRIPTS, PRESIDIO = "English", ("Russian", "Persian", "Chinese"), "presidio"
TIMES_SLOWER = 40  # what Presidio's patterns are to be at least
MOST_ASCII, MOST_OTHER, MOST_SCORER = 150, 600, 250
MANY_LABELS = 25
OURS = ("values", "scorer", "prompt", "answer")
PARTS = ("speed", "tail", "hostile", "accuracy")
BLOCK = 5  # texts that one takes before it is another's turn
# In front of them each works for so many seconds on others, which are not counted: a process that has just
# waited for another one finds its caches empty, which says nothing about either. By time and not by number:
# the same two texts keep one of them busy for forty times as long as the other, and warm only that one.
WARMING = 0.01

Contender = Callable[[str], float]


def contenders(values: Chain, scorer: Chain, default: Chain, peers: Peers | None) -> dict[str, Contender]:
    """Each takes a text and says how many seconds it took."""
    policy = Policy()

    def timed(work: Callable[[str], object]) -> Contender:
        def contender(text: str) -> float:
            before = time.thread_time()
            work(text)
            return time.thread_time() - before

        return contender

    def prompt(chain: Chain) -> Contender:
        return timed(lambda text: chain.screen_prompt({"/prompt": text}, policy))

    def answer(text: str) -> object:
        return default.open_answer(policy, Placeholders()).whole(text)

    # The whole chain first: whoever comes behind another process finds the processor's caches empty.
    found = {"prompt": prompt(default), "answer": timed(answer)}
    found |= {"values": prompt(values), "scorer": prompt(scorer)}
    if peers is not None:
        found |= {name: lambda text, name=name: peers.ask(name, text).seconds for name in NAMES}
    return found


def speed(racers: dict[str, Contender], sizes: Sequence[int], blocks: int) -> list[dict[str, Any]]:
    """A row for each kind and size, from so many blocks of texts: µs for 1,024 characters by contender, and
    how many times ours the peers take for PII and secrets, as the median of the ratios within a block: the
    machine changes its speed between blocks.
    """
    writer, another, rows = Writer(SEED), Writer(SEED + 1), list[dict[str, Any]]()
    peers = [name for name in racers if name in NAMES]
    for kind in writer.kinds:
        for size in sizes:
            seconds: dict[str, list[float]] = defaultdict(list)
            times: dict[str, list[float]] = defaultdict(list)
            # New ones each time, for what was judged before is known.
            others = (another.text(kind, size) for _ in repeat(None))
            for _ in range(blocks):
                texts = [writer.text(kind, size) for _ in range(BLOCK)]
                for name, racer in racers.items():
                    _warm(racer, others)
                    seconds[name] += map(racer, texts)
                ours, *theirs = (median(seconds[name][-BLOCK:]) for name in ("values", *peers))
                for name, took in zip(peers, theirs, strict=True):
                    times[name].append(took / ours)
            count = blocks * BLOCK
            row = {name: figures.per_kilobyte(took, [size] * count) for name, took in seconds.items()}
            ratios = {name: median(found) for name, found in times.items()}
            facts = {"kind": kind, "characters": size, "texts": count}
            rows.append({**facts, "microseconds": row, "times": ratios})
            _progress(f"speed: {kind}, {size} characters")
    return rows


def _warm(racer: Contender, others: Iterator[str]) -> None:
    worked = 0.0
    while worked < WARMING:
        worked += racer(next(others))


def print_speed(rows: Sequence[dict[str, Any]]) -> None:
    peers = [name for name in rows[0]["microseconds"] if name in NAMES]
    names = [*OURS, *peers]
    head = ["text", "characters", "PII and secrets", "attack scorer", "whole prompt chain"]
    head += ["whole answer chain"]
    head += [*peers, *(f"{name}, times" for name in peers)]
    lines = []
    for row in rows:
        took = row["microseconds"]
        times = [row["times"][name] for name in peers]
        lines.append([row["kind"], row["characters"], *(took[name] for name in names), *times])
    print("\nSpeed, µs of processor time for 1,024 characters, median of texts that are all different")
    print(figures.table(head, lines))
    for row in rows:
        took, what = row["microseconds"], f"{row['kind']}, {row['characters']} characters"
        if row["kind"] == ENGLISH:
            print(figures.bar(f"{what}: PII and secrets", took["values"], most=MOST_ASCII))
            print(figures.bar(f"{what}: attack scorer", took["scorer"], most=MOST_SCORER))
            if PRESIDIO in took:
                times = row["times"][PRESIDIO]
                print(figures.bar(f"{what}: Presidio's patterns, times slower", times, least=TIMES_SLOWER))
        elif row["kind"] in OTHER_SCRIPTS:
            print(figures.bar(f"{what}: PII and secrets", took["values"], most=MOST_OTHER))


def print_hostile(cases: Sequence[hostile.Case], size: int) -> None:
    scale = size / 1_000_000
    print(f"\nHostile texts of {size // 2:,} and {size:,} characters")
    head = ["text", "direction", "half, s", "whole, s", "growth", "delay, ms", "misses"]
    print(figures.table(head, [case.row(scale) for case in cases]))
    slow, grown = max(case.full for case in cases), max(case.growth for case in cases)
    delay = max(case.delay for case in cases)
    print(figures.bar("seconds for the slowest", slow, most=hostile.MOST_SECONDS * scale))
    print(figures.bar("growth from half to whole", grown, most=hostile.MOST_GROWTH))
    print(
        figures.bar("milliseconds that another thread waited", delay * 1000, most=hostile.MOST_DELAY * 1000)
    )
    print(figures.bar("texts that were given up", sum(case.withheld for case in cases), most=0))


def print_tail(found: tail.Tail) -> None:
    print(
        f"\nHeld back of a streamed answer, plain English in tokens of four characters: at most "
        f"{found.longest} characters; to take a token through the whole answer chain costs "
        f"{found.microseconds:.0f} µs"
    )
    print(figures.bar("median of the characters that are held", found.median, most=tail.MOST_CHARACTERS))
    print(
        figures.bar("tokens that a character waits for, in the mean", found.mean_delay, most=tail.MOST_TOKENS)
    )


def print_accuracy(file: str, texts: int, results: dict[str, accuracy.Accuracy]) -> None:
    print(f"\nAccuracy on {file}, {texts} texts: recall and precision")
    labels = sorted({name for result in results.values() for name in result.scores})
    head = ["", *(column for name in results for column in (name, ""))]
    rows: list[list[figures.Cell]] = [
        ["all labels: mean recall, precision"]
        + [cell for one in results.values() for cell in (one.macro_recall, one.precision)],
        ["clean texts with a finding"] + [c for one in results.values() for c in (one.alarm_rate, None)],
    ]
    for label in labels if len(labels) <= MANY_LABELS else ():
        row: list[figures.Cell] = [label]
        for result in results.values():
            score = result.scores.get(label)
            row += [score.recall, score.precision] if score else [None, None]
        rows.append(row)
    print(figures.table(head, rows))


def judge(file: Path, chain: Chain, peers: Peers | None) -> tuple[int, dict[str, accuracy.Accuracy]]:
    """How many texts a labelled file has, and how everybody does. Raises UnreadableLabels, OSError."""
    with file.open("rb") as source:
        texts = list(read(source))
    results = {"ours": accuracy.ours(texts, chain, Policy())}
    if peers is not None:
        results |= {name: accuracy.theirs(texts, peers, name) for name in NAMES}
    return len(texts), results


def _progress(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.strip().split("\n")[0])
    made.add_argument("files", nargs="*", type=Path, help="labelled texts to measure accuracy on")
    made.add_argument("--quick", action="store_true", help="fewer texts and shorter hostile ones: a minute")
    made.add_argument("--only", action="append", choices=PARTS, help="this part; may be given several times")
    made.add_argument("--json", type=Path, help="write all figures here too")
    made.add_argument("--without-peers", action="store_true", help="do not install and run other tools")
    made.add_argument("--hostile-size", type=int, help="characters of the hostile texts")
    made.add_argument("--blocks", type=int, help="blocks of texts of each kind and size for the speed")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    values, scorer = Chain.from_paths(VALUES_ALONE), Chain.from_paths(SCORER_ALONE)
    default = Chain.from_paths(DEFAULT_FILTERS)
    with ExitStack() as stack:
        peers = None
        if not options.without_peers:
            try:
                peers = stack.enter_context(Peers())
            except PeersUnavailable as error:
                print(f"Going on without the other tools: {error}.", file=sys.stderr)
        report: dict[str, Any] = {
            "machine": figures.machine(),
            "seed": SEED,
            "filters": list(DEFAULT_FILTERS),
            "peers": versions() if peers else {},
        }
        _print_setting(report)
        parts = options.only or PARTS
        if "speed" in parts:
            sizes = (1024,) if options.quick else (1024, 8192)
            blocks = options.blocks or (3 if options.quick else 10)
            report["speed"] = speed(contenders(values, scorer, default, peers), sizes, blocks)
            print_speed(report["speed"])
        if "tail" in parts:
            report["tail"] = _tail(default, 10 if options.quick else 40)
        if "hostile" in parts:
            size = options.hostile_size or (200_000 if options.quick else 1_000_000)
            report["hostile"] = {
                "characters": size,
                "cases": _hostile(partial(Chain.from_paths, DEFAULT_FILTERS), size),
            }
        try:
            report["accuracy"] = _accuracy(options.files if "accuracy" in parts else (), values, peers)
        except (OSError, UnreadableLabels) as error:
            print(error, file=sys.stderr)
            return 2
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def _print_setting(report: dict[str, Any]) -> None:
    machine = report["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    print(
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}\n"
        f"{packages}; seed {report['seed']}; one process, one thread"
    )
    if report["peers"]:
        print("Beside it: " + ", ".join(f"{name} {version}" for name, version in report["peers"].items()))


def _tail(chain: Chain, texts: int) -> dict[str, float]:
    writer = Writer(SEED + 1)
    found = tail.measure(chain, Policy(), [writer.plain(2000) for _ in range(texts)])
    print_tail(found)
    return found.as_dict()


def _accuracy(files: Sequence[Path], chain: Chain, peers: Peers | None) -> dict[str, Any]:
    found = {}
    for file in files:
        texts, results = judge(file, chain, peers)
        print_accuracy(file.name, texts, results)
        found[file.name] = {name: result.as_dict() for name, result in results.items()}
    return found


def _hostile(new_chain: Callable[[], Chain], size: int) -> list[dict[str, object]]:
    cases = []
    # As the server does when it has started: what stays for good is not looked through again and again.
    gc.collect()
    gc.freeze()
    for name in hostile.NAMES:
        for direction in ("prompt", "answer"):
            _progress(f"hostile: {name}, {direction}")
            cases.append(hostile.measure(new_chain, Policy(), direction, name, size))
    print_hostile(cases, size)
    return [case.as_dict() for case in cases]


if __name__ == "__main__":
    sys.exit(main())
