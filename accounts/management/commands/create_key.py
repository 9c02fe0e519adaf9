"""`manage.py create_key EMAIL NAME`: an API key for automation. Its secret is all that is printed."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import keys
from accounts.access import Scope
from accounts.limits.quotas import NAMES, Quota
from accounts.management.accounts import account
from accounts.models import MOST_OF_A_LIMIT


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
        for limit in NAMES:
            parser.add_argument(f"--{limit.replace('_', '-')}", type=int, help="a limit of the key")
        parser.add_argument("--days", type=int, help="how long it is good; without it, until it is revoked")

    def handle(self, *args: Any, email: str, name: str, days: int | None, **options: Any) -> None:
        key, secret = keys.create(
            account(email),
            name=name,
            scopes=options["scope"] or [Scope.PROMPT],
            model_names=options["model"],
            expires_at=timezone.now() + timedelta(days=days) if days else None,
            quota=quota_of(options),
        )
        self.stderr.write(f"key {key.pk}")
        self.stdout.write(secret)


def quota_of(options: dict[str, Any]) -> Quota:
    """Raises CommandError."""
    for name in NAMES:
        if options[name] is not None and not 1 <= options[name] <= MOST_OF_A_LIMIT:
            raise CommandError(
                f"--{name.replace('_', '-')}: write a whole number of 1 or more.", returncode=2
            )
    return Quota(*(options[name] for name in NAMES))
