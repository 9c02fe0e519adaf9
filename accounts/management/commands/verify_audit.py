"""`manage.py verify_audit`: looks through the audit trail for what was changed, inserted or removed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import audit

SHOWN = 20


class Command(BaseCommand):
    help = "Checks the chain of the audit trail and prints its head; note that elsewhere for --expect."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--expect", default="", help="a head that was printed earlier, NUMBER:DIGEST")

    def handle(self, *args: Any, expect: str, **options: Any) -> None:
        found = audit.verify()
        wrong = list(found.wrong)
        if expect and not audit.holds(expect):
            wrong.append("The expected head is not in the trail: an older state was put back.")
        for sentence in wrong[:SHOWN]:
            self.stderr.write(sentence)
        self.stdout.write(f"{found.events} events, head {found.head}")
        if wrong:
            raise CommandError(f"{len(wrong)} faults in the audit trail.", returncode=3)
