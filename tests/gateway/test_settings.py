"""What PUBLIC_URL and the secrets decide, in a process of its own."""

import subprocess
import sys

import pytest

from tests.server import Server

KEY = "k3y" * 20


def show(tmp_path, expression, **variables):
    """The value of an expression over the settings, or what was said instead."""
    code = f"from gateway import settings; print({expression})"
    environment = Server(tmp_path, **variables).environment
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set. Make one with"),
        ({"JWT_CONSTANT": "short"}, "under 32 bytes. Make one with"),
        ({"PUBLIC_URL": "gateway.example.org"}, "PUBLIC_URL: write it as https://"),
        ({"DEBUG": "yes"}, "DEBUG: 'yes' cannot be read"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_says_what_to_do(tmp_path, variables, said):
    assert said in show(tmp_path, "'started'", **variables)


def test_tokens_are_signed_with_the_older_services_key_where_there_is_one(tmp_path):
    key = "SIMPLE_JWT['SIGNING_KEY']"
    assert show(tmp_path, f"settings.{key}", SECRET_KEY=KEY) == KEY
    assert show(tmp_path, f"settings.{key}", SECRET_KEY=KEY, JWT_CONSTANT="j" * 40) == "j" * 40


def test_a_public_https_address_switches_its_protections_on(tmp_path):
    names = "SECURE_SSL_REDIRECT SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE CSRF_TRUSTED_ORIGINS ALLOWED_HOSTS"
    wanted = "[" + ", ".join(f"settings.{name}" for name in names.split()) + "]"
    plain = show(tmp_path, wanted, PUBLIC_URL="http://localhost:8080")
    assert plain.startswith("[False, False, False, ['http://localhost:8080']")
    secure = show(tmp_path, wanted, PUBLIC_URL="https://gw.example.org/")
    assert secure.startswith("[True, True, True, ['https://gw.example.org']")
    assert "'gw.example.org'" in secure


@pytest.mark.parametrize("url", ["https://gw.example.org", "http://localhost:8080"])
def test_the_deployment_checks_have_nothing_to_say(tmp_path, url):
    server = Server(tmp_path, PUBLIC_URL=url, EMAIL_URL="smtp+tls://mail.example.org:587")
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_database_that_is_gone_without_a_word_is_known_to_be_gone_in_seconds(tmp_path):
    url = "postgres://gateway:secret@db:5432/gateway"
    wanted = (
        "[settings.DATABASES['default']['OPTIONS'][name] for name in ('tcp_user_timeout', 'keepalives_idle')]"
    )
    assert show(tmp_path, wanted, DATABASE_URL=url) == "[5000, 5]"
    assert show(tmp_path, wanted, DATABASE_URL=f"{url}?tcp_user_timeout=20000") == "[20000, 5]"
