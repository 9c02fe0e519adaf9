"""`manage.py import_users FILE`: takes the users of the NestJS service, who keep their passwords."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.imports import UnreadableFile, read, take

SHOWN = 20


class Command(BaseCommand):
    help = "Imports users of the NestJS service (JSON array, JSON lines or CSV: e-mail, names, bcrypt hash)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the export")
        parser.add_argument("--dry-run", action="store_true", help="check and count, change nothing")

    def handle(self, *args: Any, file: Path, dry_run: bool, **options: Any) -> None:
        if not file.is_file():
            raise CommandError(f"{file}: no such file.", returncode=2)
        try:
            report = take(read(file), dry_run=dry_run)
        except UnreadableFile as error:
            raise CommandError(f"{file}: {error}", returncode=2) from None
        for number, reason in report.wrong[:SHOWN]:
            self.stderr.write(f"record {number}: {reason}")
        if len(report.wrong) > SHOWN:
            self.stderr.write(f"… and {len(report.wrong) - SHOWN} more")
        verb = "would be imported" if dry_run else "imported"
        self.stdout.write(f"{report.imported} {verb}, {report.existing} existing, {len(report.wrong)} wrong")
        if report.wrong:
            raise CommandError("Some records were not imported.", returncode=1)
