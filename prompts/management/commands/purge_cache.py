"""`manage.py purge_cache`: takes out kept answers, and replies to requests with an Idempotency-Key."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.management.accounts import account
from prompts.caching.purging import purge
from prompts.caching.stores import MemoryStore, StoreAway
from prompts.composition import answers_store


class Command(BaseCommand):
    help = "Takes out kept answers of a user, of a policy or one version of it, of both together, or all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", metavar="EMAIL", help="whose own they are")
        parser.add_argument(
            "--policy", metavar="SLUG[@REVISION]", help="as x-gateway-policy says it, or every version"
        )
        parser.add_argument("--all", action="store_true")
        parser.add_argument("--dry-run", action="store_true", help="count, change nothing")

    def handle(self, *args: Any, user: str, policy: str, all: bool, dry_run: bool, **options: Any) -> None:
        if all == bool(user or policy):
            raise CommandError("Name --user, --policy or both, or else --all.", returncode=2)
        store = answers_store()
        if isinstance(store, MemoryStore):
            raise CommandError(
                "Without REDIS_URL each process keeps answers in its own memory. Start the service again."
            )
        owner = account(user).pk.hex if user else "*"
        try:
            count = purge(store, owner=owner, policy=policy or "*", dry_run=dry_run)
        except ValueError as error:
            raise CommandError("--policy is a slug, or slug@revision.", returncode=2) from error
        except StoreAway as error:
            raise CommandError("Redis cannot be reached. Nothing can be read from it either.") from error
        self.stdout.write(f"answers: {count} {'would go' if dry_run else 'gone'}")
