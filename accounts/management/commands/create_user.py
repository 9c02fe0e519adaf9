"""`manage.py create_user EMAIL`: an account for automation."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from accounts import services
from accounts.errors import UnknownRole
from accounts.models import User, UserManager
from accounts.roles import USER


class Command(BaseCommand):
    help = "Makes an account. Without --password-file it has no password: API keys, or a reset by e-mail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--first-name", default="")
        parser.add_argument("--last-name", default="")
        parser.add_argument(
            "--role", action="append", default=[], help="besides user; may come several times"
        )
        parser.add_argument("--password-file", type=Path, help="a file that holds the password")

    def handle(self, *args: Any, email: str, password_file: Path | None, **options: Any) -> None:
        normal = UserManager.normalize_email(email)
        names = {"first_name": options["first_name"], "last_name": options["last_name"]}
        try:
            validate_email(normal)
            password = password_file.read_text(encoding="utf-8").strip() if password_file else None
            if password is not None:
                validate_password(password, User(email=normal, **names))
            with transaction.atomic():
                user = User.objects.create_user(normal, password, **names)
                services.made(user)
                if options["role"]:
                    services.set_roles(user, {USER, *options["role"]})
        except OSError as error:
            raise CommandError(f"{password_file}: {error.strerror}.", returncode=2) from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=2) from None
        except UnknownRole as error:
            raise CommandError(f"There is no role {', '.join(error.names)}.", returncode=2) from None
        except IntegrityError:
            raise CommandError("There is an account with this e-mail.", returncode=1) from None
        self.stdout.write(str(user.pk))
