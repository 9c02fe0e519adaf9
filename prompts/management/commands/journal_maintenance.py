"""`manage.py journal_maintenance`: the book's months, and what of it has served its time. Once a day."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from prompts import maintenance


class Command(BaseCommand):
    help = "Makes the book's months ahead, drops those past retention whole, and takes old rows and texts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, change nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        try:
            for line in maintenance.run(dry_run=dry_run):
                self.stdout.write(line)
        except maintenance.AnotherRuns:
            self.stdout.write("Another journal_maintenance is at it: nothing to do.")
        except DatabaseError as error:
            raise CommandError(f"{error}".strip() + " Run it again: it goes on where it stopped.") from error
