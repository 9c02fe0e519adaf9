"""`manage.py bench_engine [MODEL]`: how fast a model runs here, in this process, without the web side."""

import asyncio
import json
import logging
import random
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from inference.composition import roster_of, threads
from inference.engine import Engine
from inference.errors import InferenceError
from inference.local import LocalBackend
from inference.measuring import Measured, Plan, measure
from inference.roster import Roster
from inference.served import Served, one

LOAD_SECONDS = 3600.0
COLUMNS = {
    "streams": "streams",
    "shared_tokens": "shared",
    "prompt_tokens": "prompt",
    "tokens_per_second": "tokens/s",
    "requests_per_second": "requests/s",
    "ttft_ms": "TTFT ms",
    "slowest_ttft_ms": "slowest",
    "step_ms": "step ms",
    "decode_ms": "decode ms",
    "sampling_ms": "sampling ms",
    "python_share": "Python",
    "computed_tokens": "computed",
}


def numbers(raw: str) -> tuple[int, ...]:
    """1,2,4 as an argument."""
    try:
        found = tuple(int(part) for part in raw.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise ArgumentTypeError("write whole numbers of 1 or more, as in 1,2,4")
    return found


def at_least(least: int) -> Any:
    def read(raw: str) -> int:
        if not raw.isdigit() or int(raw) < least:
            raise ArgumentTypeError(f"write a whole number of {least} or more")
        return int(raw)

    return read


class Command(BaseCommand):
    help = "Measures an engine in this process: tokens/s, time to the first token and step times."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", nargs="?", help="a name or a path; default: the default model")
        parser.add_argument("--streams", type=numbers, default=(1, 2, 4, 8), help="how many at once: 1,2,4,8")
        parser.add_argument("--prompt-tokens", type=at_least(1), default=105, help="of each prompt's own")
        parser.add_argument("--tokens", type=at_least(1), default=64, help="of each answer")
        parser.add_argument(
            "--shared-prefix",
            type=at_least(0),
            default=0,
            help="then also with so many tokens that all share",
        )
        parser.add_argument("--rounds", type=at_least(1), default=3, help="medians over so many")
        parser.add_argument("--json", type=Path, metavar="FILE", help="also as JSON, into a file")

    def handle(self, *args: Any, model: str | None, json: Path | None, **options: Any) -> None:
        served = one(model or settings.LLM_MODEL_PATH or settings.LLM_NAME)
        if served.lacks:
            raise CommandError(served.lacks, returncode=2)
        slots = served.wanted.slots or int(settings.LLM_SLOTS) or max(options["streams"])
        served = replace(served, wanted=replace(served.wanted, slots=slots))
        plans = [Plan(options["prompt_tokens"], options["tokens"], rounds=options["rounds"])]
        if options["shared_prefix"]:
            plans.append(replace(plans[0], shared_tokens=options["shared_prefix"]))
        roster = roster_of([served])
        roster.start()
        logging.disable(logging.INFO)
        try:
            load_seconds, measured = asyncio.run(self._measure(roster, served, plans, options["streams"]))
        except InferenceError as error:
            raise CommandError(getattr(error, "reason", str(error)), returncode=1) from None
        finally:
            roster.close()
            logging.disable(logging.NOTSET)
        self._print(served, load_seconds, measured)
        if json is not None:
            write(json, served, load_seconds, measured)

    async def _measure(
        self, roster: Roster[Engine], served: Served, plans: list[Plan], streams: tuple[int, ...]
    ) -> tuple[float, list[Measured]]:
        name = roster.choose(None).name
        backend = LocalBackend(roster, wait_seconds=LOAD_SECONDS)
        dice = random.Random(1)  # noqa: S311  (the same prompts every time; nothing secret)
        began = time.perf_counter()
        found: list[Measured] = []
        async with roster.lease(name, wait_seconds=LOAD_SECONDS) as engine:
            load_seconds = time.perf_counter() - began
            await measure(backend, engine, name, Plan(8, 4, rounds=1), streams=1, dice=dice)
            with tqdm(
                total=sum(plan.rounds for plan in plans) * len(streams),
                desc=served.name,
                unit="round",
                delay=2,
                file=sys.stderr,
                disable=not sys.stderr.isatty(),
            ) as bar:
                for plan in plans:
                    for count in streams:
                        each = await measure(
                            backend, engine, name, plan, streams=count, dice=dice, after_round=bar.update
                        )
                        found.append(each)
        return load_seconds, found

    def _print(self, served: Served, load_seconds: float, measured: list[Measured]) -> None:
        rows = [list(COLUMNS.values())]
        for each in measured:
            shown = {**asdict(each), "python_share": f"{each.python_share:.1%}"}
            rows.append([str(shown[name]) for name in COLUMNS])
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        for row in rows:
            self.stdout.write("  ".join(map(str.rjust, row, widths)))
        self.stdout.write("")
        self.stdout.write(
            f"{served.name}, loaded in {load_seconds:.1f} s; threads: {threads()}, slots: "
            f"{served.wanted.slots} of {served.context_tokens} tokens. Medians; every prompt is new; the web "
            "side is not in it."
        )


def write(path: Path, served: Served, load_seconds: float, measured: list[Measured]) -> None:
    """The same figures, for programs."""
    card = served.card()
    document = {
        "model": card.name,
        "revision": card.revision,
        "threads": threads(),
        "slots": served.wanted.slots,
        "context_tokens": served.context_tokens,
        "load_seconds": round(load_seconds, 2),
        "measured": [asdict(each) for each in measured],
    }
    try:
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}.", returncode=2) from None
