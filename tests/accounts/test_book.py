"""What a process knows of who may come in: never for long, never past a revocation, and without queries."""

import asyncio
import subprocess
import sys
import time

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import AsyncClient, Client

from accounts import book as module
from accounts import changes, feed, keys, sessions
from accounts.authentication import aidentify, identify
from accounts.book import AccessBook
from accounts.errors import NotAuthenticated
from accounts.facts import of_session
from accounts.feed import KEY, Feed
from accounts.models import AccessChange, AccessHead, ApiKey, Session

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock(monkeypatch):
    """Time that stands still unless it is moved."""

    class Clock:
        now = 1_000.0

        def monotonic(self):
            return self.now

    stopped = Clock()
    monkeypatch.setattr(module, "time", stopped)
    return stopped


# What has changed; who it is; with Redis, what to put there for the others.
AT_FIRST = 3 if settings.REDIS_URL else 2


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_asking_who_one_is_costs_one_query_at_first_and_then_none(
    alice, token_of, django_assert_num_queries, clock, monkeypatch
):
    """And one each half second for all callers of the process together."""
    token = token_of(alice)
    with django_assert_num_queries(AT_FIRST):
        assert Client().get("/auth/profile", headers=bearer(token)).status_code == 200
    with django_assert_num_queries(0):
        for _ in range(50):
            assert Client().get("/auth/profile", headers=bearer(token)).status_code == 200
    clock.now += 0.6
    monkeypatch.setattr(Feed, "since", lambda self, number: None)
    with django_assert_num_queries(AT_FIRST - 1):
        for _ in range(50):
            assert Client().get("/auth/profile", headers=bearer(token)).status_code == 200


def test_a_key_costs_one_query_at_first_and_then_none(alice, django_assert_num_queries, clock):
    _, secret = keys.create(alice, name="x", scopes=["read"])
    with django_assert_num_queries(AT_FIRST):
        identify(f"Bearer {secret}", scope="read")
    with django_assert_num_queries(0):
        identify(f"Bearer {secret}", scope="read")


@pytest.mark.parametrize("nonsense", ["lgw_", "lgw_" + "x" * 46, "lgw_é" + "0" * 45])
def test_a_mistyped_key_costs_no_query(nonsense, django_assert_num_queries):
    with django_assert_num_queries(0), pytest.raises(NotAuthenticated):
        identify(f"Bearer {nonsense}")


def test_what_ends_is_forgotten_here_at_once_and_elsewhere_within_half_a_second(alice, clock):
    here, there = sessions.open_session(alice), AccessBook()
    name, load = str(here.session_id), lambda: of_session(here.session_id)
    assert there.find(name, load) is not None
    sessions.end([here.session_id], reason="test")
    with pytest.raises(NotAuthenticated):
        identify(f"Bearer {here.access}")
    assert there.find(name, load) is not None
    clock.now += 0.51
    assert there.find(name, load) is None


def test_a_change_during_the_reading_is_not_remembered_past_it(alice, clock):
    pair = sessions.open_session(alice)
    book, read = AccessBook(), []

    def slow_load():
        caller = of_session(pair.session_id)
        read.append(caller)
        sessions.end([pair.session_id], reason="test")
        book.expire([])
        book._ask()
        return caller

    assert book.find("x", slow_load) is not None  # it was so when it was read
    assert book.find("x", lambda: of_session(pair.session_id)) is None


def test_a_process_that_missed_too_much_forgets_everything(alice, clock, monkeypatch):
    monkeypatch.setattr(changes, "KEPT", 5)
    pair, book = sessions.open_session(alice), AccessBook()
    changes.record([alice.pk])
    assert book.find("x", lambda: of_session(pair.session_id)) is not None
    sessions.end([pair.session_id], reason="test")
    for _ in range(10):
        changes.record([pair.user_id])
    assert AccessChange.objects.count() == 5
    clock.now += 0.51
    assert book.find("x", lambda: of_session(pair.session_id)) is None


def test_numbers_are_given_without_gaps(alice, bob):
    changes.record([alice.pk, bob.pk, alice.pk])
    changes.record([bob.pk])
    assert list(AccessChange.objects.order_by("number").values_list("number", flat=True)) == [1, 2, 3]
    assert AccessHead.objects.get().number == 3
    assert changes.since(1).subjects == (bob.pk, bob.pk)
    assert changes.since(3) == changes.News(number=3, subjects=())
    assert changes.since(9) == changes.News(number=0, subjects=None)  # a database from before: begin anew


def test_the_copy_is_bounded(alice, clock, monkeypatch):
    monkeypatch.setattr(module, "MOST", 10)
    caller, book = of_session(sessions.open_session(alice).session_id), AccessBook()
    for n in range(100):
        book.find(str(n), lambda: caller)
    assert len(book._known) <= 10


# -- stores that are away --


def away(*args, **kwargs):
    raise OperationalError("the server at 10.0.0.1 closed the connection")


def test_a_database_that_is_away_is_503_and_never_401(alice, token_of, monkeypatch, clock):
    token = token_of(alice)
    assert Client().get("/auth/profile", headers=bearer(token)).status_code == 200
    monkeypatch.setattr(changes, "since", away)
    monkeypatch.setattr(Feed, "since", lambda self, number: None)
    clock.now += 1.5  # known, and still trusted
    assert Client().get("/auth/profile", headers=bearer(token)).status_code == 200
    clock.now += 1
    for _ in range(3):
        answer = Client().get("/auth/profile", headers=bearer(token))
        assert (answer.status_code, answer.json()["code"]) == (503, "access-unavailable")
        assert answer["Retry-After"] == "2"


async def test_a_database_that_is_away_is_503_for_prompts_too(served, alice, token_of, monkeypatch):
    token = token_of(alice)
    monkeypatch.setattr(changes, "since", away)
    monkeypatch.setattr(Feed, "since", lambda self, number: None)
    body = '{"prompt": "hello"}'
    answer = await AsyncClient().post("/prompt", body, content_type="application/json", headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (503, "access-unavailable")


@pytest.mark.parametrize("kind", ["session", "key"])
def test_somebody_unknown_is_503_while_the_database_is_away(alice, monkeypatch, kind):
    _, secret = keys.create(alice, name="x", scopes=["read"])
    token = secret if kind == "key" else sessions.open_session(alice).access
    AccessBook()
    monkeypatch.setattr("django.db.models.query.QuerySet.first", away)
    answer = Client().get("/prompt", headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")


@pytest.mark.django_db(transaction=True)
async def test_many_callers_at_once_ask_once(alice, token_of, clock, monkeypatch):
    import asyncio

    from accounts.book import book

    token = token_of(alice)
    await aidentify(f"Bearer {token}", scope=None)
    asked, ask = [], book._ask
    monkeypatch.setattr(book, "_ask", lambda: asked.append(1) or ask())
    clock.now += 1
    await asyncio.gather(*(aidentify(f"Bearer {token}", scope=None) for _ in range(50)))
    assert len(asked) == 1


# -- Redis --

GONE = "redis://127.0.0.1:1/0"


def test_a_redis_that_is_away_leaves_the_database_to_be_asked(alice, clock):
    pair, book = sessions.open_session(alice), AccessBook(Feed(GONE))
    assert book.find("x", lambda: of_session(pair.session_id)) is not None
    sessions.end([pair.session_id], reason="test")
    clock.now += 0.51
    assert book.find("x", lambda: of_session(pair.session_id)) is None


@pytest.fixture
def redis_client():
    import redis

    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete(KEY)
    yield client
    client.delete(KEY)
    client.close()


@pytest.mark.redis
def test_with_redis_a_fleet_asks_the_database_once_for_all(
    alice, redis_client, django_assert_num_queries, monkeypatch
):
    monkeypatch.setattr("accounts.feed.LIFE_MS", 5_000)
    books = [AccessBook(Feed(settings.REDIS_URL)) for _ in range(5)]
    caller = of_session(sessions.open_session(alice).session_id)
    with django_assert_num_queries(6):  # each begins at the database; the copy is written as often
        for book in books[:3]:
            book.find("x", lambda: caller)
    for book in books[:3]:
        book._verified_at -= 0.2
    with django_assert_num_queries(0):
        for book in books[:3]:
            book.find("x", lambda: caller)


@pytest.mark.redis
def test_the_copy_in_redis_is_rebuilt_before_it_is_trusted(alice, redis_client, monkeypatch):
    assert feed.LIFE_MS <= 400
    monkeypatch.setattr(feed, "LIFE_MS", 40_000)
    pair = sessions.open_session(alice)
    book = AccessBook(Feed(settings.REDIS_URL))
    assert book.find("x", lambda: of_session(pair.session_id)) is not None
    sessions.end([pair.session_id], reason="test")
    redis_client.flushdb()  # it lost everything, and the change with it
    book._verified_at -= 0.2
    assert book.find("x", lambda: of_session(pair.session_id)) is None
    assert 0 < redis_client.pttl(KEY) <= 40_000


@pytest.mark.redis
def test_a_copy_that_was_never_taken_away_is_not_trusted_for_long(alice, redis_client):
    """Somebody ended the session and could not reach Redis: the stale copy dies by itself."""
    pair = sessions.open_session(alice)
    book = AccessBook(Feed(settings.REDIS_URL))
    assert book.find("x", lambda: of_session(pair.session_id)) is not None
    Session.objects.update(ended_at="2026-01-01T00:00:00Z")
    AccessHead.objects.update_or_create(id=1, defaults={"number": 1})
    AccessChange.objects.create(number=1, subject=pair.session_id)
    started = time.monotonic()
    while book.find("x", lambda: of_session(pair.session_id)) is not None:
        assert time.monotonic() - started < 10
        time.sleep(0.01)


# -- real processes --

PROGRAM = """
import sys, time
import tests.settings, os
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
from django.conf import settings
import django
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from accounts.authentication import identify
from accounts.errors import NotAuthenticated
from django.db import connection
from accounts.book import book
alive, last, count, queries, trips = [True, True], [0.0, 0.0], 0, 0, 0
def counted(execute, *args):
    global queries
    queries += 1
    return execute(*args)
connection.execute_wrappers.append(counted)
if book._copy is not None:
    send = book._copy._redis.execute_command
    def sent(*args, **more):
        global trips
        trips += 1
        return send(*args, **more)
    book._copy._redis.execute_command = sent
began = time.time()
ends = time.time() + 60
while any(alive) and time.time() < ends:
    for n, token in enumerate(sys.argv[2:]):
        if alive[n]:
            began_at = time.time()
            try:
                identify("Bearer " + token, scope="read")
                count, last[n] = count + 1, began_at
                if count == 100:
                    print("ready", flush=True)
            except NotAuthenticated:
                alive[n] = False
                print(n, last[n], time.time(), flush=True)
    time.sleep(1 / 300)
print("seen", count, queries, trips, time.time() - began, flush=True)
"""


@pytest.mark.django_db(transaction=True)
def test_a_revoked_session_and_key_stop_working_in_every_process_within_a_second(alice):
    """Two processes of their own at 300 requests/s and more each, on whatever stores this pass has: without a
    query for a request, and with one round trip to Redis at most."""
    pair = sessions.open_session(alice)
    key, secret = keys.create(alice, name="x", scopes=["read"])
    name = str(connection.settings_dict["NAME"])
    command = [sys.executable, "-c", PROGRAM, name, pair.access, secret]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR) for _ in range(2)
    ]
    try:
        for process in running:
            assert process.stdout.readline() == "ready\n"
        time.sleep(1)
        revoked_at = time.time()
        sessions.end([pair.session_id], reason="test")
        keys.revoke(ApiKey.objects.filter(pk=key.pk))
        done_at = time.time()
        for process in running:
            out, _ = process.communicate(timeout=90)
            ends = [map(float, line.split()[1:]) for line in out.splitlines() if line[0] in "01"]
            assert len(ends) == 2
            for let_in_at, refused_at in ends:
                assert revoked_at <= refused_at, out
                assert let_in_at < done_at + 1, out  # when it came, however long it was under way
            requests, queries, trips, seconds = map(float, out.rpartition("seen ")[2].split())
            # Time asks the database (twice, where there is a copy to renew), not the number of requests.
            assert queries <= 10 + 6 * seconds, out
            assert queries < requests / 5, out
            assert trips <= requests, out
    finally:
        for process in running:
            process.kill()
            process.wait()


class Slow:
    """Finds nobody, when it is told to, and counts how often it was asked."""

    def __init__(self):
        self.times, self.may_answer = 0, asyncio.Event()

    async def __call__(self):
        self.times += 1
        await self.may_answer.wait()


async def test_requests_of_one_caller_at_once_are_one_question(clock):
    book, load = AccessBook(), Slow()
    book._verified_at = clock.now
    waiting = [asyncio.create_task(book.afind("session", load)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # whoever asked first leaves, and the others do not notice
    await asyncio.sleep(0)
    load.may_answer.set()
    assert await asyncio.gather(*waiting[1:]) == [None] * 4
    assert load.times == 1


@pytest.mark.parametrize("meanwhile", ["something changes", "time passes"])
async def test_who_comes_after_a_change_or_later_asks_anew(clock, meanwhile):
    book, load = AccessBook(), Slow()
    book._verified_at = clock.now
    first = asyncio.create_task(book.afind("session", load))
    await asyncio.sleep(0)
    if meanwhile == "something changes":
        book._number += 1
    else:
        clock.now += 0.2
        book._verified_at = clock.now
    second = asyncio.create_task(book.afind("session", load))
    await asyncio.sleep(0)
    load.may_answer.set()
    await asyncio.gather(first, second)
    assert load.times == 2
