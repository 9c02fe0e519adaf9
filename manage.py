#!/usr/bin/env python
"""Django's command line for this project."""

import os
import secrets
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    has_secret = os.environ.get("SECRET_KEY") or os.environ.get("SECRET_KEY_FILE")
    if sys.argv[1:2] == ["serve_engine"] and not has_secret:
        # An engine seals and signs nothing; it shall not need a gateway's secret.
        os.environ["SECRET_KEY"] = secrets.token_urlsafe(50)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
