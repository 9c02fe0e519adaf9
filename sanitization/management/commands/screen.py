"""`manage.py screen [FILE|-]`: what the gateway would make of a text, or of many."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError

from sanitization.chain import Chain
from sanitization.composition import chain as build_chain
from sanitization.composition import environment_policy, named_policy
from sanitization.errors import PoliciesUnavailable, ScreeningFailed
from sanitization.policies import HTML_MODES, Policy
from sanitization.rules import catalogue
from sanitization.screening import Counts, Screening, screen, screen_lines, with_every_rule

SHOWN = 50


class Command(BaseCommand):
    help = "Sanitizes a text, or JSON lines of texts, as the gateway would, and says what it found."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", default="-", help="a file in UTF-8; - or nothing reads stdin")
        parser.add_argument("--direction", choices=["prompt", "answer"], default="prompt")
        parser.add_argument(
            "--policy", metavar="NAME", help="a policy of this service; default: the default one"
        )
        parser.add_argument("--html", choices=HTML_MODES, help="how the markup of answers is cleaned")
        parser.add_argument("--jsonl", action="store_true", help='reads lines like {"id": 1, "text": "…"}')
        parser.add_argument("--rules", choices=["all"], help="all: also those that are off by default")
        parser.add_argument("--fail", action="store_true", help="exit with 3 if anything is found")
        parser.add_argument("--entities", action="store_true", help="print the catalogue of rules as JSON")

    def handle(self, *args: Any, file: str, direction: Any, policy: str | None, **options: Any) -> None:
        chain = build_chain()
        if options["entities"]:
            self.stdout.write(json.dumps(catalogue(chain.rules), ensure_ascii=False, indent=2))
            return
        chosen = self._policy(policy)
        if options["html"]:
            chosen = replace(chosen, html=options["html"])
        if options["rules"] == "all":
            chosen = with_every_rule(chosen, chain)
        with _opened(file) as source:
            if options["jsonl"]:
                found = self._lines(source, chain, chosen, direction)
            else:
                found = self._text(source, chain, chosen, direction)
        if found and options["fail"]:
            raise CommandError("Something was found.", returncode=3)

    def _policy(self, name: str | None) -> Policy:
        """The policy of this name. Without a name and without a database, the environment's."""
        try:
            chosen = named_policy(name)
        except PoliciesUnavailable:
            if name is not None:
                raise CommandError("The database cannot be read.", returncode=1) from None
            self.stderr.write("The database cannot be read: this is the policy of the environment.")
            return environment_policy()
        if chosen is None:
            raise CommandError(f"There is no policy {name or 'default'} in force.", returncode=2)
        return chosen

    def _lines(self, source: BinaryIO, chain: Chain, policy: Policy, direction: Any) -> int:
        counts = Counts()
        try:
            for line in screen_lines(source, chain, policy, direction, counts):
                self.stdout.write(line)
        except BrokenPipeError:  # who reads has enough
            sys.stderr.close()
            raise SystemExit(0) from None
        if counts.errors:
            raise CommandError(
                f"{counts.errors} of {counts.texts} lines could not be screened.", returncode=1
            )
        return counts.findings

    def _text(self, source: BinaryIO, chain: Chain, policy: Policy, direction: Any) -> int:
        try:
            text = source.read().decode("utf-8")
        except UnicodeDecodeError:
            raise CommandError("This is not text in UTF-8.", returncode=2) from None
        try:
            result = screen(chain, policy, text, direction)
        except ScreeningFailed:
            raise CommandError(
                "The text could not be scanned, so nothing is printed.", returncode=1
            ) from None
        self.stdout.write(result.text, ending="")
        self._table(result)
        return len(result.findings)

    def _table(self, result: Screening) -> None:
        for finding in result.findings[:SHOWN]:
            place = f"{finding.start}-{finding.end}"
            self.stderr.write(f"{place:>15}  {finding.action.value:7} {finding.score:4.2f}  {finding.rule}")
        if len(result.findings) > SHOWN:
            self.stderr.write(f"… and {len(result.findings) - SHOWN} more")
        if result.blocked:
            self.stderr.write("blocked")


def _opened(file: str) -> BinaryIO:
    if file == "-":
        return sys.stdin.buffer
    try:
        return Path(file).open("rb")
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}.", returncode=2) from None
