"""`manage.py ensure_admin`: the first administrator, from ADMIN_EMAIL and ADMIN_PASSWORD(_FILE)."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import services
from accounts.checks import first_admin


class Command(BaseCommand):
    help = "Makes the administrator that ADMIN_EMAIL names, if there is no such account yet."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ADMIN_EMAIL:
            self.stdout.write("ADMIN_EMAIL is not set: no administrator made.")
            return
        if wrong := first_admin():
            raise CommandError(f"{wrong[0].msg} {wrong[0].hint}", returncode=2)
        made = services.ensure_admin(email=settings.ADMIN_EMAIL, password=settings.ADMIN_PASSWORD)
        self.stdout.write("Administrator made." if made else "The administrator has an account already.")
