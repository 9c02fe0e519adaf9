"""The operations guide: its commands run, its runbooks are those of the alerts, what it names exists."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.db import connection

from gateway.env import DECLARED

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/OPERATIONS.md").read_text("utf-8")


def commands(name):
    """The block that stands under this mark."""
    found = re.search(rf"<!-- tested: {name} -->\n```sh\n(.*?)```", GUIDE, re.DOTALL)
    return found[1]


def run(script, folder, **variables):
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **variables}
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, check=True, timeout=120
    )


def manage(folder, *arguments, **variables):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "x" * 60,
        "DATA_DIR": str(folder / "data"),
        **variables,
    }
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_backup_of_sqlite_brings_accounts_and_the_audit_trail_back(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    manage(tmp_path, "migrate", "--verbosity", "0")
    password = tmp_path / "password"
    password.write_text("Str0ng!pass-word")
    manage(tmp_path, "create_user", "kept@example.org", "--password-file", str(password))
    run(commands("sqlite-backup"), tmp_path)
    manage(tmp_path, "create_user", "later@example.org", "--password-file", str(password))
    run(commands("sqlite-restore"), tmp_path)
    manage(tmp_path, "verify_audit")
    assert "kept@example.org" in manage(tmp_path, "export_person", "kept@example.org")
    with pytest.raises(AssertionError, match=r"later@example\.org"):
        manage(tmp_path, "export_person", "later@example.org")


@pytest.mark.django_db(transaction=True)
def test_a_backup_of_postgresql_brings_accounts_and_the_audit_trail_back(tmp_path):
    if connection.vendor != "postgresql":
        pytest.skip("runs where the tests have PostgreSQL")
    folder = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    path = f"{folder}:{os.environ['PATH']}" if folder else os.environ["PATH"]
    if shutil.which("pg_dump", path=path) is None:
        pytest.skip("pg_dump is not installed")
    base = settings.DATABASES["default"]
    names = [f"{base['NAME']}_{kind}" for kind in ("full", "empty")]
    url = f"postgres://{base['USER']}:{base['PASSWORD']}@{base['HOST']}:{base['PORT']}/"
    where = {"PGHOST": base["HOST"], "PGPORT": str(base["PORT"]), "PGUSER": base["USER"], "PATH": path}
    password = tmp_path / "password"
    password.write_text("Str0ng!pass-word")
    full, empty = ({"DATABASE_URL": url + name} for name in names)
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f'CREATE DATABASE "{name}"')
        try:
            manage(tmp_path, "migrate", "--verbosity", "0", **full)
            manage(tmp_path, "create_user", "kept@example.org", "--password-file", str(password), **full)
            run(commands("postgres-backup"), tmp_path, **where, PGDATABASE=names[0])
            run(commands("postgres-restore"), tmp_path, **where, PGDATABASE=names[1])
            manage(tmp_path, "verify_audit", **empty)
            assert "kept@example.org" in manage(tmp_path, "export_person", "kept@example.org", **empty)
        finally:
            for name in names:
                cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    alerts = yaml.safe_load((ROOT / "deploy/monitoring/alerts.yml").read_text("utf-8"))
    names = [rule["alert"] for group in alerts["groups"] for rule in group["rules"]]
    assert re.findall(r"^### (\w+)$", GUIDE, re.MULTILINE) == names


def test_the_variables_and_commands_that_it_names_exist():
    ours = set(re.findall(r"`([A-Z][A-Z_]{4,})(?:=[a-z]+)?`", GUIDE))
    assert ours - {"POSTGRES_PASSWORD"} <= {*DECLARED, *(f"{name}_FILE" for name in DECLARED)}
    known = {path.stem for path in ROOT.glob("*/management/commands/*.py")}
    for name in re.findall(r"manage\.py` ?`?([a-z_]+)|manage\.py ([a-z_]+)", GUIDE):
        assert "".join(name) in known | {"check", "createsuperuser"}
