"""`manage.py erase_person EMAIL`: erases a user and the texts of his prompts; the counts stay."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts import person
from accounts.management.accounts import account


class Command(BaseCommand):
    help = "Erases a user and the texts of his prompts, for good. Anonymous statistics stay."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--dry-run", action="store_true", help="count, change nothing")

    def handle(self, *args: Any, email: str, dry_run: bool, **options: Any) -> None:
        verb = "would be touched" if dry_run else "touched"
        for name, count in person.erase(account(email), dry_run=dry_run).items():
            self.stdout.write(f"{name}: {count} {verb}")
