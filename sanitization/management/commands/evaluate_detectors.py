"""`manage.py evaluate_detectors FILE`: precision and recall on labelled texts."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sanitization.composition import chain as build_chain
from sanitization.composition import environment_policy
from sanitization.evaluation import Report, UnreadableLabels, evaluate, read
from sanitization.screening import with_every_rule


class Command(BaseCommand):
    help = "Prints precision and recall of each rule on labelled texts (JSON lines with text and spans)."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help='lines like {"text": "…", "spans": [[0, 15, "email"]]}')
        parser.add_argument("--rules", choices=["all"], help="all: also those that are off by default")
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
        parser.add_argument("--misses", type=int, default=0, metavar="N", help="list N misses, by position")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        chain, policy = build_chain(), environment_policy()
        if options["rules"] == "all":
            policy = with_every_rule(policy, chain)
        try:
            with file.open("rb") as source:
                report = evaluate(read(source), chain, policy)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.", returncode=2) from None
        except UnreadableLabels as error:
            raise CommandError(f"{file}: {error}", returncode=2) from None
        if options["json"]:
            scores = {name: score.as_dict() for name, score in sorted(report.scores.items())}
            self.stdout.write(json.dumps({"texts": report.texts, "scores": scores}, indent=2))
        else:
            self._table(report)
        for miss in report.misses[: options["misses"]]:
            self.stderr.write(f"line {miss.line}: {miss.kind} {miss.name} {miss.start}-{miss.end}")

    def _table(self, report: Report) -> None:
        self.stdout.write(f"{report.texts} texts\n{'':32} recall  precision  found missed  false")
        for name, score in sorted(report.scores.items()):
            self.stdout.write(
                f"{name:32} {_share(score.recall)}      {_share(score.precision)}"
                f" {score.found:6} {score.missed:6} {score.false:6}"
            )


def _share(value: float | None) -> str:
    return "     -" if value is None else f"{value:6.3f}"
