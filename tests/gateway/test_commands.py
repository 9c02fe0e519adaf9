"""The project's own commands."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import call_command

from accounts.models import User
from tests.conftest import PASSWORD
from tests.server import Server

pytestmark = pytest.mark.django_db(transaction=True)


def test_migrating_makes_the_first_administrator(settings):
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "root@example.org", PASSWORD
    out = StringIO()
    call_command("migrate_once", stdout=out)
    call_command("migrate_once", stdout=out)
    assert User.objects.get().is_superuser
    assert "Administrator made." in out.getvalue()


def test_migrating_without_an_administrator_makes_none():
    call_command("migrate_once", stdout=StringIO())
    assert not User.objects.exists()


@pytest.mark.server
def test_several_that_migrate_a_new_database_at_once_all_succeed(tmp_path):
    server = Server(tmp_path)

    def migrate(n):
        return subprocess.run(
            [sys.executable, "manage.py", "migrate_once", "--verbosity", "0"],
            env=server.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    with ThreadPoolExecutor(3) as pool:
        for done in pool.map(migrate, range(3)):
            assert done.returncode == 0, done.stderr[-500:]
