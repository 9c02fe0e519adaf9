"""The cast, and what every test may use."""

import asyncio
import time
from pathlib import Path

import pytest
from asgiref.sync import SyncToAsync
from django.apps import apps
from django.conf import settings
from django.db import connections
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from hypothesis import HealthCheck
from hypothesis import settings as effort

from accounts import roles, sessions
from accounts.book import book
from accounts.models import User
from prompts import composition
from prompts.afterwards import afterwards
from prompts.caching.replies import Replies
from prompts.caching.stores import MemoryStore
from prompts.leases import Lease
from prompts.writer import DatabaseJournal
from sanitization.store import store
from tests.fakes import Parrot, Shelf, house_of

PASSWORD = "Str0ng!pass-word"
ROOT = Path(__file__).resolve().parent.parent

# A machine that is elsewhere for a moment has not made an example slow.
effort.register_profile("busy", effort.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
effort.load_profile("busy")


def pytest_collection_modifyitems(items):
    """Tests of a store that this pass does not run on are skipped; scripts/test makes another pass."""
    on_postgres = settings.DATABASES["default"]["ENGINE"].endswith("postgresql")
    for item in items:
        if item.get_closest_marker("postgres") and not on_postgres:
            item.add_marker(pytest.mark.skip(reason="this pass runs on SQLite"))
        if item.get_closest_marker("redis") and not settings.REDIS_URL:
            item.add_marker(pytest.mark.skip(reason="this pass runs without Redis"))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    """Asynchronous tests query from asgiref's thread; PostgreSQL drops no database that one is still in."""
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()


@pytest.fixture(autouse=True)
def told_at_once(monkeypatch):
    """Lines of the log and counts are there as soon as there is an answer; `test_afterwards` tests the moment
    between."""
    monkeypatch.setattr(afterwards, "moment_seconds", 0)


@pytest.fixture(autouse=True)
def nothing_known_from_another_test():
    store.forget()
    book.forget()
    book.uses.put_off()  # it writes in a thread of its own, which no test waits for


class Clock:
    """Stands still unless it is moved."""

    def __init__(self):
        self.now = time.monotonic()

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """What is known of callers and policies gets no older unless a test moves this: else it is looked up
    again after half a second, in the middle of a test."""
    stopped = Clock()
    for module in ("accounts.book", "sanitization.store"):
        monkeypatch.setattr(f"{module}.time", stopped)
    return stopped


@receiver(post_migrate)
def roles_after_a_flush(sender, **kwargs):
    """A transactional test empties every table, those that migrations filled too, and then sends this."""
    if sender.name == "accounts":
        roles.grant(roles.GRANTS, apps)


def make_user(email, **fields):
    return User.objects.create_user(email, PASSWORD, first_name="A", last_name="B", **fields)


@pytest.fixture
def alice(db):
    """Asks."""
    return make_user("alice@example.org")


@pytest.fixture
def bob(db):
    """Another user."""
    return make_user("bob@example.org")


@pytest.fixture
def root(db):
    """Sees the book."""
    return make_user("root@example.org", is_staff=True, is_superuser=True)


@pytest.fixture
def token_of():
    """Logs a user in, without a password: his access token."""

    def token(user):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return sessions.open_session(user).access
        # An asynchronous test: the thread in which asgiref queries for it.
        return SyncToAsync.single_thread_executor.submit(sessions.open_session, user).result().access

    return token


@pytest.fixture
def journal_of(transactional_db, tmp_path):
    """Opens the real journal on the test database, with these options, and closes it."""
    opened = []

    def make(**options):
        opened.append(DatabaseJournal(Lease(tmp_path / "instances"), spool=tmp_path / "spool", **options))
        opened[-1].open()
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def journal(journal_of):
    """The real journal, as it is in production."""
    return journal_of()


@pytest.fixture
def parrot():
    return Parrot()


@pytest.fixture
def served(parrot, journal):
    """The house that `/prompt` goes through: a parrot for a model, the real book."""
    replies = Replies(MemoryStore(max_bytes=1 << 20), keep_seconds=60, max_bytes=1 << 18)
    house = house_of(parrot, journal=journal, cache=Shelf(), replies=replies)
    composition.install(house)
    yield house
    composition.install(None)


@pytest.fixture(scope="session")
def default_model_path():
    """The default model: the one in data/models of this checkout, fetched there if it is not."""
    from inference.catalogue import find
    from inference.download import fetch

    return fetch(find("smollm2-135m"), ROOT / "data" / "models")
