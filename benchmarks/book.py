"""
How fast the book opens when it is thick: the admin's pages, `/api/journal`, search, statistics.

    scripts/bench book [--quick] [--rows N] [--sqlite] [--statistics] [--times N] [--json FILE]

Fills a book of ten million rows over the past year on a PostgreSQL of its own, or of a million in an SQLite
file, and asks for each page 20 times, in this process, without HTTP. Prints the median and the 95th
percentile in milliseconds, and how long it takes to drop a month. On PostgreSQL its days are summed up first,
as the gateway's thread does. A book that BENCH_DATABASE_URL names is filled where it is empty, and left
there. With --statistics there are no rows, only what was counted of them
on PostgreSQL, and the statistics are asked for before its days are summed up and after.
"""

import argparse
import json
import os
import platform
import secrets
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

ROWS, QUICK_ROWS = 10_000_000, 200_000
SQLITE_ROWS, SQLITE_QUICK_ROWS = 1_000_000, 50_000
TIMES = 20
BATCH = 5_000
TEXT = ["please", "write", "a", "short", "answer", "about", "the", "weather", "and", "price", "of", "bread"]


def set_up(directory: str, database: str) -> None:
    """A Django of its own, on a database of its own."""
    os.environ.update(
        ENV_FILE=os.devnull,
        SECRET_KEY=secrets.token_urlsafe(50),
        DATA_DIR=directory,
        STATIC_ROOT=directory,
        DATABASE_URL=database,
        LOG_LEVEL="ERROR",
        DJANGO_SETTINGS_MODULE="gateway.settings",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def fill_sqlite(rows: int) -> None:
    """Rows of 500 users over the past year; one in 100 has a finding, one in 10,000 a rare one."""
    from accounts.models import User
    from prompts.ids import floor
    from prompts.models import Prompt

    users = [User(email=f"user{n}@example.org", password="!") for n in range(500)]
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
            words = " ".join(TEXT[(n + k) % len(TEXT)] for k in range(60))
            batch.append(
                Prompt(
                    id=UUID(int=floor(at).int | n),
                    created_at=at,
                    finished_at=at,
                    user=users[n % 500],
                    key_id=users[n % 500].pk if n % 2 else None,
                    instance_id=instance,
                    request_id=f"request-{n}",
                    outcome="blocked" if n % 1000 == 0 else "answered",
                    model="smollm2-135m",
                    policy="default@1",
                    prompt=f"{words} number{n}",
                    response=words,
                    findings=[finding] if rules else [],
                    rules=rules,
                    total_ms=1000.0,
                )
            )
        Prompt.objects.bulk_create(batch)
        print(f"\r{first + len(batch):,} rows", end="", file=sys.stderr)
    print(file=sys.stderr)


def look(rows: int, *, times: int) -> dict[str, tuple[float, float]]:
    """Fills what is empty, and asks for everything."""
    from django.db import connection

    from accounts.models import User
    from benchmarks.books import counted, filling, pages
    from prompts.models import Prompt

    on_postgres = connection.vendor == "postgresql"
    if not Prompt.objects.exists():
        (filling.fill if on_postgres else fill_sqlite)(rows)
    if on_postgres:
        counted.sum_up()
    email = f"root{secrets.token_hex(4)}@example.org"
    root = User.objects.create_superuser(email, "!")
    users = list(User.objects.filter(email__in=[f"user{n}@example.org" for n in range(20)]).order_by("email"))
    asked = pages.pages(root, users)
    if on_postgres:
        asked |= pages.searches(root)
    found = pages.measure(asked, times=times)
    return found | ({"a month is dropped": drop_month()} if on_postgres else {})


def look_at_statistics(rows: int, *, times: int) -> dict[str, tuple[float, float]]:
    """Of a year that is only counted: before its days are summed up, and after."""
    from accounts.models import User
    from benchmarks.books import counted, pages
    from prompts.models import HourlyTally

    is_new = not HourlyTally.objects.exists()
    if is_new:
        counted.fill(rows)
    root = User.objects.create_superuser(f"root{secrets.token_hex(4)}@example.org", "!")
    asked = counted.pages(root, User.objects.get(email="user1@example.org"))
    found = {}
    if is_new:
        found = {f"not summed: {name}": took for name, took in pages.measure(asked, times=3).items()}
        counted.sum_up()
    return found | pages.measure(asked, times=times)


def drop_month() -> tuple[float, float]:
    """The second oldest, which is whole, with its row on the audit trail."""
    from prompts import maintenance, partitions

    month = partitions.partitions()[1]
    before = time.perf_counter()
    rows = partitions.drop(month, record=lambda rows: maintenance.record_drop(month.table, rows))
    took = (time.perf_counter() - before) * 1000
    print(f"{month.table} had about {rows:,} rows", file=sys.stderr)
    return took, took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows")
    parser.add_argument("--rows", type=int, help=f"default: {ROWS:,}, on SQLite {SQLITE_ROWS:,}")
    parser.add_argument("--sqlite", action="store_true", help="an SQLite file instead of PostgreSQL")
    parser.add_argument("--times", type=int, default=TIMES, help=f"asks for each page; default: {TIMES}")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    parser.add_argument("--statistics", action="store_true", help="only statistics, counted without a book")
    options = parser.parse_args()
    usual = (SQLITE_ROWS, SQLITE_QUICK_ROWS) if options.sqlite else (ROWS, QUICK_ROWS)
    rows = options.rows or usual[options.quick]
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as directory:
        set_up(directory, "" if options.sqlite else os.environ["BENCH_DATABASE_URL"])
        found = (look_at_statistics if options.statistics else look)(rows, times=options.times)
    vendor = "SQLite" if options.sqlite else "PostgreSQL"
    print(f"{rows:,} rows on {vendor}, Python {platform.python_version()}, {options.times} times each, ms")
    print(f"  {'':<52}{'p50':>8}{'p95':>8}")
    for name, (median, high) in found.items():
        print(f"  {name:<52}{median:8.0f}{high:8.0f}")
    if options.json:
        figures: dict[str, Any] = {name: {"p50": low, "p95": high} for name, (low, high) in found.items()}
        options.json.write_text(
            json.dumps({"rows": rows, "vendor": vendor, "milliseconds": figures}, indent=2)
        )


if __name__ == "__main__":
    main()
