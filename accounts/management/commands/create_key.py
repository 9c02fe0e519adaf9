"""`manage.py create_key EMAIL NAME`: an API key for automation. Its secret is all that is printed."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts import keys
from accounts.access import Scope
from accounts.management.accounts import account


class Command(BaseCommand):
    help = "Makes an API key for an account and prints its secret, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("name")
        parser.add_argument(
            "--scope",
            action="append",
            choices=[scope.value for scope in Scope],
            help="prompt, if none is named",
        )
        parser.add_argument("--model", action="append", default=[], help="the models it may ask; none: all")
        parser.add_argument("--days", type=int, help="how long it is good; without it, until it is revoked")

    def handle(self, *args: Any, email: str, name: str, days: int | None, **options: Any) -> None:
        key, secret = keys.create(
            account(email),
            name=name,
            scopes=options["scope"] or [Scope.PROMPT],
            model_names=options["model"],
            expires_at=timezone.now() + timedelta(days=days) if days else None,
        )
        self.stderr.write(f"key {key.pk}")
        self.stdout.write(secret)
