"""`manage.py purge`: takes away what has served its time; the audit trail stays. Once a day is enough."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from accounts import retention


class Command(BaseCommand):
    help = "Deletes sessions, invitations, keys, counters, accounts and prompts that have served their time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, change nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        for kind in retention.KINDS:
            if dry_run:
                self.stdout.write(f"{kind.name}: {retention.count(kind)} would go")
                continue
            gone = 0
            with tqdm(desc=kind.name, unit=" rows", disable=None, delay=2) as bar:  # to stderr
                for done in retention.purge(kind):
                    gone += done
                    bar.update(done)
            self.stdout.write(f"{kind.name}: {gone} gone")
