"""The commands of accounts."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts import checks
from accounts.hashers import BoundedBcryptHasher
from accounts.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db
HASH = BoundedBcryptHasher().encode(PASSWORD, b"$2b$04$" + b"a" * 21 + b"e").removeprefix("bcrypt$")


def record(n, **change):
    return {"email": f"User{n}@example.org", "firstName": "U", "lastName": str(n), "password": HASH} | change


def run(*arguments, **options):
    out, err = StringIO(), StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err, **options)
        code = 0
    except CommandError as error:
        code = error.returncode
        err.write(str(error))
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("form", ["array", "lines", "csv"])
def test_users_come_over_from_each_format(tmp_path, form):
    records = [record(n) for n in range(3)]
    text = {
        "array": json.dumps(records),
        "lines": "\n".join(map(json.dumps, records)),
        "csv": "\n".join(["email,firstName,lastName,password", *(",".join(r.values()) for r in records)]),
    }[form]
    (tmp_path / "users").write_text(text)
    assert run("import_users", tmp_path / "users") == (0, "3 imported, 0 existing, 0 wrong\n", "")
    user = User.objects.get(email="user1@example.org")
    assert (user.first_name, user.last_name) == ("U", "1")
    assert user.check_password(PASSWORD)


def test_importing_again_changes_nothing(tmp_path):
    (tmp_path / "users").write_text(json.dumps([record(1)]))
    run("import_users", tmp_path / "users")
    User.objects.update(first_name="Kept")
    assert run("import_users", tmp_path / "users")[1] == "0 imported, 1 existing, 0 wrong\n"
    assert User.objects.get().first_name == "Kept"


def test_a_dry_run_counts_and_writes_nothing(tmp_path):
    (tmp_path / "users").write_text(json.dumps([record(1)]))
    assert run("import_users", tmp_path / "users", dry_run=True)[1].startswith("1 would be imported")
    assert not User.objects.exists()


def test_wrong_records_are_named_by_number_and_quote_nothing(tmp_path):
    records = [
        record(1, email="no address"),
        record(2, password="cleartext-secret"),
        record(3, firstName=5),
        "not a record",
        record(4),
        record(4),
        record(5, passwordHash=HASH, password=None),
    ]
    (tmp_path / "users").write_text(json.dumps(records))
    code, out, err = run("import_users", tmp_path / "users")
    assert code == 1
    assert out == "2 imported, 0 existing, 5 wrong\n"
    assert [line.split(":")[0] for line in err.splitlines()[:5]] == [f"record {n}" for n in (1, 2, 3, 4, 6)]
    assert "cleartext-secret" not in err
    assert "no address" not in err


@pytest.mark.parametrize("content", [b"[{", b"\xff\xfe", b'{"a": 1}\n{'])
def test_a_file_that_cannot_be_read_is_an_error_of_use(tmp_path, content):
    (tmp_path / "users").write_bytes(content)
    assert run("import_users", tmp_path / "users")[0] == 2


def test_a_missing_file_is_named():
    code, _, err = run("import_users", "/nowhere/users.json")
    assert code == 2
    assert "/nowhere/users.json" in err


def test_the_first_administrator_comes_from_the_environment(settings):
    assert "not set" in run("ensure_admin")[1]
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = "Root@example.org", PASSWORD
    assert run("ensure_admin")[1] == "Administrator made.\n"
    assert run("ensure_admin")[1] == "The administrator has an account already.\n"
    assert User.objects.get().is_superuser


@pytest.mark.parametrize(
    ("email", "password", "id"),
    [
        ("root", PASSWORD, "accounts.E001"),
        ("root@example.org", "", "accounts.E002"),
        ("root@example.org", "weak", "accounts.E003"),
    ],
)
def test_an_administrator_who_cannot_be_made_is_told_before_the_start(settings, email, password, id):
    settings.ADMIN_EMAIL, settings.ADMIN_PASSWORD = email, password
    (found,) = checks.first_admin()
    assert found.id == id
    assert found.hint
    assert run("ensure_admin")[0] == 2


def test_no_administrator_is_fine(settings):
    settings.ADMIN_EMAIL = ""
    assert checks.first_admin() == []


def test_djangos_own_command_makes_an_administrator(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", interactive=False, email="Chief@example.org", verbosity=0)
    chief = User.objects.get()
    assert chief.email == "chief@example.org"
    assert chief.is_superuser
    assert chief.check_password(PASSWORD)


@pytest.mark.parametrize("confirmation", [True, False])
def test_mail_that_only_the_log_gets_is_told_before_a_public_service_starts(settings, confirmation):
    settings.HTTPS, settings.DEBUG, settings.EMAIL_CONFIRMATION = True, False, confirmation
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    (found,) = checks.mail_leaves()
    assert found.id == "accounts.W001"
    assert ("confirmed" in found.msg) is confirmation
    assert "EMAIL_URL" in found.hint


@pytest.mark.parametrize(
    "change",
    [{"HTTPS": False}, {"DEBUG": True}, {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend"}],
)
def test_mail_that_leaves_or_a_service_of_ones_own_is_fine(settings, change):
    settings.HTTPS, settings.DEBUG = True, False
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    for name, value in change.items():
        setattr(settings, name, value)
    assert checks.mail_leaves() == []
