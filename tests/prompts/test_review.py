"""`/api/journal`: everybody's prompts for reviewers, filtered, paged, and as files of any size."""

import csv
import io
import json
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import services
from accounts.models import AuditEvent, User
from prompts.ids import uuid7
from prompts.models import Prompt
from prompts.review import files

pytestmark = pytest.mark.django_db(transaction=True)
FINDING = {
    "rule": "email",
    "direction": "prompt",
    "part": "/prompt",
    "start": 9,
    "end": 21,
    "action": "mask",
    "output_start": 9,
    "output_end": 18,
    "score": 0.9,
    "version": 1,
    "fingerprint": "f",
}


def row(user=None, **more):
    fields = {
        "id": uuid7(),
        "created_at": timezone.now(),
        "user": user,
        "request_id": "r",
        "policy": "default@1",
        "outcome": "answered",
        "model": "parrot",
        "instance_id": uuid7(),
        "prompt": "write to [EMAIL_1]",
        "response": "done",
        "findings": [FINDING],
        "rules": ["email"],
        "total_ms": 10.0,
    }
    return Prompt.objects.create(**fields | more)


@pytest.fixture
def reviewer(bob):
    services.set_roles(bob, ["user", "reviewer"])
    return bob


@pytest.fixture
def get(reviewer, token_of):
    headers = {"Authorization": f"Bearer {token_of(reviewer)}"}

    def call(path="", **query):
        return Client().get(f"/api/journal{path}", query, headers=headers)

    return call


@pytest.fixture
def read(reviewer, token_of):
    """A file, as a server that runs asynchronously sends it."""
    headers = {"Authorization": f"Bearer {token_of(reviewer)}"}

    async def call(path, **query):
        answer = await AsyncClient().get(f"/api/journal{path}", query, headers=headers)
        assert answer.status_code == 200
        return answer, [piece async for piece in answer.streaming_content]

    return async_to_sync(call)


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [one["id"] for one in answer.json()["results"]]


def test_everybodys_prompts_are_there_newest_first_page_by_page(get, alice):
    made = [str(row(user).id) for user in (alice, None, alice)][::-1]
    first = get(limit=2)
    assert ids(first) == made[:2]
    cursor = dict(parse_qsl(urlsplit(first.json()["next"]).query))
    assert ids(get(**cursor)) == made[2:]
    one = first.json()["results"][0]
    assert (one["userId"], one["prompt"], one["rules"], one["totalMs"]) == (
        *(str(alice.pk), "write to [EMAIL_1]", ["email"], 10.0),
    )
    assert one["findings"][0]["rule"] == "email"


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"outcome": "blocked"}, [1]),
        ({"rule": "iban"}, [2]),
        ({"model": "other"}, [1]),
        ({"cached": "true"}, [2]),
        ({"cached": "false"}, [1, 0]),
        ({"slowerThan": "15"}, [2, 1]),
        ({"fasterThan": "20", "slowerThan": "11"}, [1]),
        ({"rule": "email", "model": "parrot"}, [0]),
        ({"firstTokenSlowerThan": "6"}, [2]),
        ({"firstTokenFasterThan": "6"}, [0]),
        ({"firstTokenSlowerThan": "5", "firstTokenFasterThan": "7"}, [2, 0]),
        ({"rule": "email", "action": "mask"}, [0]),
        ({"rule": "email", "direction": "answer"}, []),
        ({"rule": "iban", "action": "block", "direction": "answer"}, [2]),
        ({"rule": "iban", "action": "mask", "direction": "answer"}, []),  # each of it is true of another one
        ({"requestId": "0192F0A0-0000-7000-8000-000000000001"}, [1]),
        ({"requestId": "0192f0a0000070008000000000000001"}, [1]),
        ({"erased": "true"}, [1]),
        ({"erased": "false"}, [2, 0]),
        ({}, [2, 1, 0]),
    ],
)
def test_rows_are_filtered_by(get, read, alice, query, wanted):
    blocked = {**FINDING, "rule": "iban", "action": "block", "direction": "answer"}
    made = [
        row(alice, first_token_ms=5.0),
        row(
            alice,
            outcome="blocked",
            model="other",
            total_ms=20.0,
            rules=[],
            findings=[],
            request_id="0192f0a0-0000-7000-8000-000000000001",
            erased_at=timezone.now(),
        ),
        row(
            None,
            rules=["iban"],
            findings=[{**FINDING, "rule": "iban"}, blocked],
            cached=True,
            total_ms=30.0,
            first_token_ms=7.0,
        ),
    ]
    found = [str(made[number].id) for number in wanted]
    assert ids(get(**query)) == found
    lines = b"".join(read(".jsonl", **query)[1]).splitlines()
    assert [json.loads(line)["id"] for line in lines] == found


def test_rows_are_filtered_by_user_key_and_time(get, alice):
    key, old = uuid7(), timezone.now() - timedelta(days=3)
    mine, keyed = row(alice), row(None, key_id=key)
    assert ids(get(user=str(alice.pk))) == [str(mine.id)]
    assert ids(get(key=str(key))) == [str(keyed.id)]
    assert ids(get(until=old.isoformat())) == []
    assert len(ids(get(since=old.isoformat()))) == 2


@pytest.mark.parametrize(
    "query",
    [
        {"user": "x"},
        {"cached": "maybe"},
        {"cached": ""},
        {"slowerThan": "-1"},
        {"slowerThan": "nan"},
        {"firstTokenFasterThan": "inf"},
        {"slowerThan": "20", "fasterThan": "10"},
        {"firstTokenSlowerThan": "20", "firstTokenFasterThan": "10"},
        {"since": "2026-03-02T00:00:00Z", "until": "2026-03-02T00:00:00Z"},
        {"since": "yesterday"},
        {"action": "mask"},
        {"direction": "answer"},
        {"rule": "email", "action": "off"},
        {"rule": "email", "direction": "up"},
        {"requestId": "r"},
        {"erased": "1"},
        {"limit": "0"},
        {"unknown": "1"},
    ],
)
def test_a_filter_that_cannot_be_read_is_told(get, query):
    assert get(**query).status_code == 400
    if "limit" not in query:
        assert get(".csv", **query).status_code == 400


def test_who_may_see_rows_but_no_texts_sees_none(get, read, reviewer):
    for group in reviewer.groups.all():
        group.permissions.remove(Permission.objects.get(codename="read_text"))
    row()
    assert not {"prompt", "system", "parts", "response", "choices"} & set(get().json()["results"][0])
    for path in (".jsonl", ".csv"):
        _, pieces = read(path)
        assert b"write to" not in b"".join(pieces)
        assert b"email" in b"".join(pieces)


def test_json_lines_are_the_rows_of_the_list_in_pieces(get, read, alice, monkeypatch):
    monkeypatch.setattr(files, "PAGE", 2)
    made = [str(row(alice).id) for _ in range(5)][::-1]
    answer, pieces = read(".jsonl")
    assert answer["Content-Type"] == "application/jsonl"
    assert len(pieces) == 3
    lines = [json.loads(line) for line in b"".join(pieces).splitlines()]
    assert lines == get().json()["results"]
    assert [line["id"] for line in lines] == made


def test_csv_has_a_head_and_cells_that_cannot_become_formulas(read, monkeypatch):
    monkeypatch.setattr(files, "PAGE", 1)
    for prompt in ("=1+1", 'a "quoted", line\nbreak'):
        row(prompt=prompt)
    answer, pieces = read(".csv", outcome="answered")
    assert "prompts.csv" in answer["Content-Disposition"]
    records = list(csv.DictReader(io.StringIO(b"".join(pieces).decode(), newline="")))
    assert [record["prompt"] for record in records] == ['a "quoted", line\nbreak', "'=1+1"]
    assert records[0]["rules"] == "email"


def test_csv_names_users_in_one_query_a_page_and_outlives_those_who_were_erased(read, alice, monkeypatch):
    for user in (alice, alice, None):
        row(user)
    row(user_id=uuid7())  # of a prompt that ran while its user was erased
    seen, page = [], files._page

    def watched(*asked):
        with CaptureQueriesContext(connection) as queries:
            made = page(*asked)
        seen.append(len(queries))
        return made

    monkeypatch.setattr(files, "_page", watched)
    _, pieces = read(".csv")
    records = csv.DictReader(io.StringIO(b"".join(pieces).decode(), newline=""))
    assert [record["user"] for record in records] == ["None", "None", alice.email, alice.email]
    assert seen == [1]


def test_an_export_is_on_the_audit_trail_before_its_first_byte(get, alice):
    get(".jsonl", user=str(alice.pk), rule="email")
    event = AuditEvent.objects.latest("number")
    assert event.action == "prompts.exported"
    assert event.details["filters"] == {"user": str(alice.pk), "rule": "email"}
    assert event.actor_id == User.objects.get(email="bob@example.org").pk


def test_an_empty_export_is_an_empty_file(read):
    assert read(".jsonl", outcome="blocked")[1] == []
    assert len(read(".csv", outcome="blocked")[1]) == 1
