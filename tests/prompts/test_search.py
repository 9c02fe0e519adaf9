"""Search in the book: finds what a reader would find, the newest first, and says how far it looked."""

import random
import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import services
from prompts import book, posting
from prompts.ids import floor, uuid7
from prompts.models import Prompt
from prompts.search import BEGINNING, SearchUnreadable, readable, search, windows

pytestmark = pytest.mark.django_db
postgres = pytest.mark.postgres
WORDS = ["bread", "Price", "weather", "Oslo", "überall", "2026", "хлеб"]


def row(days=0.0, **more):
    at = timezone.now() - timedelta(days=days)
    fields = {
        "id": UUID(int=floor(at).int | (uuid4().int & ((1 << 60) - 1))),
        "created_at": at,
        "request_id": "r",
        "policy": "default@1",
        "outcome": "answered",
        "model": "parrot",
        "instance_id": uuid7(),
    }
    return Prompt.objects.create(**fields | more)


def found(words, **more):
    return [one.id for one in search(Prompt.objects.all(), words, **{"limit": 100} | more).rows]


@pytest.fixture
def get(bob, token_of):
    services.set_roles(bob, ["user", "reviewer"])
    headers = {"Authorization": f"Bearer {token_of(bob)}"}

    def call(**query):
        return Client().get("/api/journal", query, headers=headers)

    return call


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("bread price", "bread price"),
        ('"fresh bread" -price', '"fresh bread" -price'),
        ("bread or price", "bread or price"),
        ("ann@corp.org", '"ann corp org"'),
        ("[EMAIL_1]", '"[EMAIL 1]"'),
        ("-well-known", '-"well known"'),
        ('- "" -"" __ a_', "a"),
        ('"left open', '"left open"'),
    ],
)
def test_what_is_joined_by_marks_is_a_phrase(asked, read):
    assert readable(asked) == read


def test_windows_grow_and_reach_the_beginning():
    assert list(windows(floor(BEGINNING + timedelta(minutes=5)))) == [UUID(int=0)]
    starts = list(windows(UUID(int=(1 << 128) - 1)))
    assert starts == sorted(starts, reverse=True)
    assert starts[-1] == UUID(int=0)
    assert len(starts) < 8


@postgres
def test_all_texts_of_a_row_are_searched():
    said = row(prompt="one", system="two", response="three")
    talked = row(
        prompt="last",
        system="rules",
        parts=[
            {"part": "/messages/0", "role": "system", "text": "rules"},
            {"part": "/messages/1", "role": "user", "text": "first\nmiddle"},
            {"part": "/messages/2", "role": "user", "text": "last"},
        ],
        choices=[
            {
                "text": "",
                "finish_reason": "tool_calls",
                "tool_calls": [{"name": "w", "arguments": '{"city":"oslo"}'}],
            },
            {"text": "second", "finish_reason": "stop", "asides": [{"part": "reasoning", "text": "because"}]},
        ],
    )
    schema = row(prompt="one", parts=[{"part": "/schema", "role": "", "text": "shape"}])
    for word in ("ONE", "two", "three", "one two"):
        assert said.id in found(word)
    for word in ("rules", "middle", "last", "first middle", "oslo", "city", "second", "because"):
        assert found(word) == [talked.id]
    assert found("shape one") == [schema.id]
    assert found("user") == found("reasoning") == []  # names are no texts


@postgres
def test_search_finds_what_a_look_at_every_row_finds_indexed_or_not():
    chance = random.Random(7)
    made = []
    for number in range(80):
        words = [chance.choice(WORDS) for _ in range(3)]
        made.append((row(number * 5.0 + 0.1, prompt=" ".join(words[:2]), response=words[2]), words))
    while posting.step():
        pass
    made += [
        (row(0.01, prompt=word, outcome=how), [word])
        for word, how in zip(WORDS, ["blocked"] * 7, strict=True)
    ]
    row(prompt="bread", outcome="accepted")  # has no outcome yet
    assert Prompt.objects.filter(is_searchable=True).count() == 80

    def naive(test):
        wanted = [one.id for one, words in made if test([word.lower() for word in words])]
        return sorted(wanted, reverse=True)

    for word in WORDS:
        assert found(word.upper()) == naive(lambda words, word=word: word.lower() in words)
    assert found("bread oslo") == naive(lambda words: {"bread", "oslo"} <= set(words))
    assert found("bread or oslo") == naive(lambda words: {"bread", "oslo"} & set(words))
    assert found("bread -oslo") == naive(lambda words: "bread" in words and "oslo" not in words)
    # A phrase may begin at the end of the answer and end where the question begins.
    asked = ["bread", "price"]
    in_order = naive(lambda words: words[:2] == asked or words[2:] + words[:1] == asked)
    assert found('"bread price"') == in_order != []
    assert found("-bread") == naive(lambda words: "bread" not in words)


@postgres
def test_erasing_a_row_takes_it_out_of_the_search():
    kept = row(prompt="penguins")
    posting.step()
    assert found("penguins") == [kept.id]
    book.erase(kept)
    assert found("penguins") == []


@postgres
def test_pages_follow_each_other_and_filters_hold(get, alice):
    made = [row(days, prompt="penguins", user=alice, outcome="blocked") for days in (0.1, 3, 50, 300, 900)]
    row(2, prompt="penguins")
    wanted, query, pages = (
        [str(one.id) for one in made],
        {"search": "penguins", "outcome": "blocked", "limit": 2},
        [],
    )
    while query:
        answer = get(**query).json()
        pages.append(answer)
        query = dict(parse_qsl(urlsplit(answer["next"]).query)) if answer["next"] else None
    assert [one["id"] for page in pages for one in page["results"]] == wanted
    assert [len(page["results"]) for page in pages] == [2, 2, 1]
    assert all(page["isComplete"] for page in pages)
    assert pages[0]["searchedSince"].startswith(f"{made[1].created_at:%Y-%m-%dT%H:%M:%S}")
    assert pages[-1]["searchedSince"] is None
    assert get(search="penguins", cursor="cD14").status_code == 404


@postgres
def test_a_search_that_takes_too_long_says_how_far_it_came():
    row(prompt="penguins")
    slow = Prompt.objects.extra(where=["(SELECT true FROM pg_sleep(5))"])
    stopped = search(slow, "penguins", limit=5, seconds=0.2)
    assert (stopped.rows, stopped.is_complete) == ([], False)
    assert timezone.now() - stopped.since < timedelta(minutes=1)
    assert found("penguins")  # the connection is as it was
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


@postgres
@pytest.mark.parametrize("words", ["", '"', "- -", '""', "&|!:*()", "_-_", "x" * 501, "\0", "a\0b"])
def test_what_cannot_be_searched_for_is_told(get, words):
    answer = get(search=words)
    assert answer.status_code == 400
    assert "search" in answer.content.decode()


@postgres
def test_hostile_texts_are_read_in_a_bound_of_work():
    """PostgreSQL's own parser takes seconds for 20,000 characters of the first two."""
    for text in ("a_" * 50_000, "<!--" * 25_000, "a-1.b@" * 20_000, "&#" * 50_000, "w " * 500_000):
        row(prompt=text, response="penguins")
    posting.step()
    assert len(found("penguins")) == 5
    assert found("beyond") == []


@postgres
def test_or_and_not_alone_are_words_of_the_language(get):
    with pytest.raises(SearchUnreadable):
        found("-")
    row(prompt="rain or shine")
    assert len(found("shine or snow")) == 1


@postgres
def test_another_process_that_posts_is_left_alone(django_db_blocker):
    import psycopg

    row(prompt="penguins")
    base = settings.DATABASES["default"]
    connect = {"host": base["HOST"], "port": base["PORT"], "user": base["USER"]}
    with psycopg.connect(**connect, dbname=connection.settings_dict["NAME"]) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [posting.LOCK])
        assert posting.step() == 0
    assert posting.step() == 1
    assert posting.step() == 0


@postgres
@pytest.mark.django_db(transaction=True)
def test_posting_comes_to_rows_by_itself(monkeypatch):
    monkeypatch.setattr(posting, "EVERY_SECONDS", 0.02)
    running = row(prompt="penguins", outcome="accepted")
    ended = row(prompt="penguins")
    thread = posting.Posting()
    thread.open()
    try:
        for _ in range(500):
            if Prompt.objects.filter(id=ended.id, is_searchable=True).exists():
                break
            thread._is_closing.wait(0.02)
    finally:
        thread.close()
    assert Prompt.objects.get(id=ended.id).is_searchable
    assert not Prompt.objects.get(id=running.id).is_searchable


class Closing:
    """An event that is set when it has been waited for so often; `rests` are how long each time was to be."""

    def __init__(self, after):
        self.after, self.rests = after, []

    def wait(self, seconds):
        self.rests.append(seconds)
        return len(self.rests) > self.after


@postgres
@pytest.mark.parametrize(("after", "posted"), [(9, 7), (1, 3)])
def test_the_thread_posts_in_slices_rests_after_each_and_ends_between_them(monkeypatch, after, posted):
    monkeypatch.setattr(posting, "SLICE", 3)
    for _ in range(7):
        row(prompt="penguins")
    closing = Closing(after)
    posting.keep_up(closing)
    assert Prompt.objects.filter(is_searchable=True).count() == posted
    assert closing.rests[0] == 0
    assert closing.rests[1:]
    assert all(rest > 0 for rest in closing.rests[1:])


@postgres
@pytest.mark.parametrize(
    ("ago", "posted"),
    [(posting.LATE_SECONDS - 5, 0), (posting.LATE_SECONDS + 1, 2), (None, 2)],  # None: nobody knows when
)
def test_a_busy_process_posts_only_what_ended_a_while_ago(monkeypatch, ago, posted):
    monkeypatch.setattr(posting, "SLICE", 2)
    first = row(prompt="penguins")
    finished_at = None if ago is None else timezone.now() - timedelta(seconds=ago)
    Prompt.objects.filter(id=first.id).update(finished_at=finished_at)
    for _ in range(4):
        Prompt.objects.filter(id=row(prompt="penguins").id).update(finished_at=timezone.now())
    posting.keep_up(Closing(9), is_busy=lambda: True)
    assert Prompt.objects.filter(is_searchable=True).count() == posted


@postgres
def test_a_process_that_becomes_busy_stops_posting(monkeypatch):
    monkeypatch.setattr(posting, "SLICE", 2)
    for _ in range(7):
        Prompt.objects.filter(id=row(prompt="penguins").id).update(finished_at=timezone.now())
    is_busy = iter([False, False, True]).__next__
    posting.keep_up(Closing(9), is_busy=is_busy)
    assert Prompt.objects.filter(is_searchable=True).count() == 4


def test_a_process_is_busy_whose_other_threads_used_the_processor():
    now = {"wall": 100.0, "process": 50.0, "thread": 7.0}

    def passes(wall, *, others, own):
        now["wall"] += wall
        now["process"] += others + own
        now["thread"] += own
        return load.is_busy()

    load = posting.Load(*(lambda name=name: now[name] for name in now))
    assert not load.is_busy()  # nobody knows yet
    assert not passes(2.0, others=0.5, own=0.0)
    assert passes(2.0, others=0.7, own=0.0)
    assert not passes(2.0, others=0.5, own=1.5)
    assert passes(0.1, others=0.05, own=0.01)
    assert not passes(0.0, others=0.0, own=0.0)


def test_the_thread_looks_whether_its_process_is_busy(monkeypatch):
    asked = []
    monkeypatch.setattr(posting, "keep_up", lambda closing, *, is_busy: asked.append((closing, is_busy)))
    thread = posting.Posting()
    thread._work(thread._is_closing)
    assert asked == [(thread._is_closing, thread._load.is_busy)]


@postgres
def test_who_may_see_rows_but_no_texts_cannot_search_them(get, bob):
    for group in bob.groups.all():
        group.permissions.remove(Permission.objects.get(codename="read_text"))
    row(prompt="penguins")
    assert get().status_code == 200
    assert get(search="penguins").status_code == 403


@pytest.mark.skipif(settings.DATABASES["default"]["ENGINE"].endswith("postgresql"), reason="of SQLite")
def test_on_sqlite_search_says_what_it_needs(get):
    answer = get(search="penguins")
    assert answer.status_code == 400
    assert "PostgreSQL" in answer.content.decode()
    assert not re.search("Traceback", answer.content.decode())
