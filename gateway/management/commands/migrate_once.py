"""`manage.py migrate_once`: migrations and the first administrator, safe when several start at once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

# Any number that nothing else in this database locks: "gateway" in ASCII.
ADVISORY_LOCK = int.from_bytes(b"gateway", "big")


class Command(BaseCommand):
    help = "Migrates the database and makes the first administrator; a second one at the same time waits."

    def handle(self, *args: Any, **options: Any) -> None:
        Path(settings.DATA_DIR).mkdir(parents=True, exist_ok=True)
        with only_one():
            call_command("migrate", interactive=False, verbosity=options["verbosity"], stdout=self.stdout)
            if settings.ADMIN_EMAIL:
                call_command("ensure_admin", stdout=self.stdout)


@contextmanager
def only_one() -> Iterator[None]:
    """Waits for whoever migrates now: by the database where it is shared, by a file where it is one."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])
    else:
        with (Path(settings.DATA_DIR) / ".migrate.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
