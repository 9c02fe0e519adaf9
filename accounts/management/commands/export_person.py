"""`manage.py export_person EMAIL`: everything that is stored about a user, as JSON."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder

from accounts import person
from accounts.management.accounts import account


class Command(BaseCommand):
    help = "Prints everything that is stored about a user, as JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        everything = person.export(account(email))
        self.stdout.write(json.dumps(everything, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False))
