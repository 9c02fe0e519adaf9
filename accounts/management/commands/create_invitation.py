"""`manage.py create_invitation`: a code that lets one person register, once."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import registration
from accounts.errors import UnknownRole


class Command(BaseCommand):
    help = "Makes an invitation and prints its code, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", default="", help="for this address alone")
        parser.add_argument(
            "--role", action="append", default=[], help="besides user; may come several times"
        )
        parser.add_argument("--days", type=int, default=7, help="how long it is good")

    def handle(self, *args: Any, email: str, role: list[str], days: int, **options: Any) -> None:
        expires_at = timezone.now() + timedelta(days=days)
        try:
            _, code = registration.invite(expires_at=expires_at, email=email, roles=role)
        except UnknownRole as error:
            raise CommandError(f"There is no role {', '.join(error.names)}.", returncode=2) from None
        self.stdout.write(code)
