"""
How fast the book opens when it is thick: the admin's pages and `GET /prompt` over a million rows.

    scripts/bench book [--quick] [--json FILE]

Makes a database of its own (an SQLite file, or the empty PostgreSQL database that BENCH_DATABASE_URL names),
fills it, and asks for each page five times through Django's own test client, in this process, without HTTP.
Prints the median in milliseconds.
"""

import argparse
import json
import os
import platform
import secrets
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

ROWS, QUICK_ROWS = 1_000_000, 50_000
TIMES = 5
BATCH = 5_000
WORDS = ["please", "write", "a", "short", "answer", "about", "the", "weather", "and", "price", "of", "bread"]


def set_up(directory: str) -> None:
    """A Django of its own, on a database of its own."""
    os.environ.update(
        ENV_FILE=os.devnull,
        SECRET_KEY=secrets.token_urlsafe(50),
        DATA_DIR=directory,
        STATIC_ROOT=directory,
        DATABASE_URL=os.environ.get("BENCH_DATABASE_URL", ""),
        LOG_LEVEL="ERROR",
        DJANGO_SETTINGS_MODULE="gateway.settings",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def fill(rows: int) -> Any:
    """Rows of a thousand users over the past year; one in 100 has a finding, one in 10,000 a rare one.

    Returns an administrator and one of the users.
    """
    from django.db import connection

    from accounts.models import User
    from prompts.ids import floor
    from prompts.models import Prompt

    users = [User(email=f"user{n}@example.org", password="!") for n in range(1000)]
    User.objects.bulk_create(users)
    start = datetime.now(UTC) - timedelta(days=365)
    instance = secrets.token_hex(16)
    finding = {"rule": "email", "direction": "prompt", "part": "/prompt", "start": 0, "end": 9}
    finding |= {"output_start": 0, "output_end": 9, "action": "mask", "score": 0.9}
    for first in range(0, rows, BATCH):
        batch = []
        for n in range(first, min(first + BATCH, rows)):
            at = start + timedelta(days=365) * (n / rows)
            rules = ["iban"] if n % 10_000 == 0 else ["email"] if n % 100 == 0 else []
            words = " ".join(WORDS[(n + k) % len(WORDS)] for k in range(60))
            batch.append(
                Prompt(
                    id=UUID(int=floor(at).int | n),
                    created_at=at,
                    finished_at=at,
                    user=users[n % 1000],
                    instance_id=instance,
                    request_id=f"request-{n}",
                    outcome="blocked" if n % 1000 == 0 else "answered",
                    model="smollm2-135m",
                    policy="default@1",
                    prompt=f"{words} number{n}" + (" penguins" if n % 50_000 == 0 else ""),
                    response=words,
                    findings=[finding] if rules else [],
                    rules=rules,
                    total_ms=1000.0,
                )
            )
        Prompt.objects.bulk_create(batch)
        print(f"\r{first + len(batch):,} rows", end="", file=sys.stderr)
    print(file=sys.stderr)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return User.objects.create_superuser("root@example.org", "!"), users[7]


def measure(root: Any, user: Any) -> dict[str, float]:
    """Page to median milliseconds."""
    from django.test import Client

    from accounts.sessions import open_session
    from prompts.models import Prompt

    office = Client(headers={"Host": "localhost"})
    office.force_login(root)
    bearer = {"Authorization": f"Bearer {open_session(user).access}", "Host": "localhost"}
    book = "/admin/prompts/prompt/"
    middle = Prompt.objects.order_by("-id")[1000]
    pages = {
        "admin: the newest page": (office, book, {}),
        "admin: page 100": (office, book, {"p": "100"}),
        "admin: one row": (office, f"{book}{middle.pk}/change/", {}),
        "admin: the past week": (office, book, {"when": "week"}),
        "admin: outcome blocked (0.1 %)": (office, book, {"outcome": "blocked"}),
        "admin: rule email (1 %)": (office, book, {"rule": "email"}),
        "admin: rule iban (0.01 %)": (office, book, {"rule": "iban"}),
        "admin: search a common word": (office, book, {"q": "weather"}),
        "admin: search a rare word": (office, book, {"q": "penguins"}),
        "GET /prompt, newest": (Client(headers=bearer), "/prompt", {}),
        "GET /prompt?rule=email": (Client(headers=bearer), "/prompt", {"rule": "email"}),
    }
    found: dict[str, float] = {}
    for name, (client, path, query) in pages.items():
        took = []
        for _ in range(TIMES + 1):
            before = time.perf_counter()
            answer = client.get(path, query)
            took.append((time.perf_counter() - before) * 1000)
            assert answer.status_code == 200, (name, answer.status_code)
        found[name] = statistics.median(took[1:])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().split("\n")[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS:,} rows instead of {ROWS:,}")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    rows = QUICK_ROWS if options.quick else ROWS
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as directory:
        set_up(directory)
        from django.db import connection

        root, user = fill(rows)
        found = measure(root, user)
        vendor = connection.vendor
    print(f"{rows:,} rows on {vendor}, Python {platform.python_version()}, median of {TIMES}, ms")
    for name, median in found.items():
        print(f"  {name:<34}{median:8.0f}")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "vendor": vendor, "milliseconds": found}, indent=2))


if __name__ == "__main__":
    main()
