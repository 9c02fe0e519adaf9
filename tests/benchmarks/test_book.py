"""The book's bench, on a few rows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_it_fills_a_book_asks_for_every_page_and_drops_a_month(tmp_path):
    base = settings.DATABASES["default"]
    name, report = f"{base['NAME']}_thick", tmp_path / "report.json"
    url = f"postgres://{base['USER']}:{base['PASSWORD']}@{base['HOST']}:{base['PORT']}/{name}"
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
        try:
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "benchmarks.book",
                    "--rows",
                    "30000",
                    "--times",
                    "1",
                    "--json",
                    str(report),
                ],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "BENCH_DATABASE_URL": url},
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        finally:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    assert done.returncode == 0, done.stderr[-2000:]
    asked = json.loads(report.read_text())["milliseconds"]
    assert {
        "journal: page 1,000, by its cursor",
        "search: words in about 0.003 %",
        "a month is dropped",
    } <= set(asked)
