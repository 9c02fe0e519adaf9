"""`manage.py unlock_account EMAIL`: ends the pause after guesses; with --totp-off, the second factor too."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts import audit, throttles, totp
from accounts.management.accounts import account


class Command(BaseCommand):
    help = "Ends the pause of an account that was guessed at, and its second factor where the device is lost."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--totp-off", action="store_true", help="also switch the second factor off")

    def handle(self, *args: Any, email: str, totp_off: bool, **options: Any) -> None:
        user = account(email)
        was_paused = throttles.unlock(user.email)
        audit.record("user.unlocked", subject_id=user.pk)
        was_on = totp_off and totp.switch_off(user)
        self.stdout.write("Unlocked." if was_paused else "Nothing was tried at this account.")
        if was_on:
            self.stdout.write("The second factor is off.")
