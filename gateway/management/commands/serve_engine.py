"""`manage.py serve_engine`: the models of this machine as a service for gateways."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gateway import env

MIN_TOKEN_CHARS = 32
GUNICORN = ("-m", "gunicorn", "--config", "gateway/gunicorn.conf.py", "gateway.engine:application")


class Command(BaseCommand):
    help = "Serves the local models to gateways: OpenAI's API, no users; they send ENGINE_TOKEN as their key."

    def handle(self, *args: Any, **options: Any) -> None:
        if len(settings.ENGINE_TOKEN) < MIN_TOKEN_CHARS:
            raise CommandError(
                f"Set ENGINE_TOKEN (or ENGINE_TOKEN_FILE), at least {MIN_TOKEN_CHARS} characters. Make one "
                "with: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
                returncode=2,
            )
        if settings.BACKENDS_FILE:
            raise CommandError(
                "BACKENDS_FILE is for gateways; an engine serves its own models. Unset it here.", returncode=2
            )
        os.chdir(env.BASE_DIR)
        os.execv(sys.executable, (sys.executable, *GUNICORN))  # noqa: S606  (there is nothing of a caller in it)
