"""Groups of rows as the writer commits them, and what follows behind them: whatever stands in a row stands in
the book, and is counted once."""

import re
import threading
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import DataError, connection, transaction
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.extra.django import TransactionTestCase

from accounts.models import Usage as Used
from prompts import book, finals, grouped, partitions, posting
from prompts.changes import columns_of
from prompts.ids import uuid7
from prompts.journal import Answered, AnsweredCall, Charge, Outcome, Result, Usage
from prompts.models import HourlyTally, Prompt
from prompts.person import PROMPTS
from prompts.statistics.tallies import FINDINGS_KEY
from prompts.wire import _numbered
from sanitization.chain import Sanitized
from tests.prompts.test_tallies import ANSWERED, EMAIL, NOBODY, counted, row
from tests.prompts.test_writer import entry

pytestmark = pytest.mark.django_db(transaction=True)
postgres = pytest.mark.skipif("connection.vendor != 'postgresql'")
HARD = [
    "",
    '"',
    "\\",
    '\\"',
    "{}",
    "{NULL}",
    "NULL",
    ",",
    "'",
    "%s",
    "$1",
    "é\u200d漢\U0001f600",
    "\n\t\x01",
    "a" * 9000,
]
TEXTS = st.one_of(
    st.sampled_from(HARD),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
).map(Sanitized)
NUMBERS = st.integers(0, 2**31 - 1)
TIMES = st.one_of(st.none(), st.floats(0, 1e9, allow_nan=False))
FOUND = st.lists(
    st.fixed_dictionaries(
        {
            "rule": TEXTS.map(str),
            "direction": st.just("prompt"),
            "action": st.just("mask"),
            "score": st.floats(0, 1),
        }
    ),
    max_size=3,
).map(tuple)
ENDS = st.builds(
    Result,
    outcome=st.sampled_from([one for one in Outcome if one is not Outcome.ACCEPTED]),
    response=TEXTS,
    choices=st.lists(
        st.builds(
            Answered,
            text=TEXTS,
            findings=st.just(()),
            finish_reason=st.just("stop"),
            calls=st.lists(st.builds(AnsweredCall, name=TEXTS, arguments=TEXTS), max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    findings=FOUND,
    finish_reason=st.sampled_from(["", "stop", '"']),
    usage=st.builds(Usage, NUMBERS, NUMBERS, NUMBERS),
    cached=st.booleans(),
    queue_ms=TIMES,
    first_token_ms=TIMES,
    total_ms=st.floats(0, 1e9),
    model=st.sampled_from(["", 'a "model"']),
)


def begun(made):
    return columns_of(made, uuid4())


class AnyGroup(TransactionTestCase):
    @effort(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(TEXTS, TEXTS, FOUND, ENDS), min_size=1, max_size=4))
    def test_what_was_written_is_what_is_read(self, rows):
        made = [entry(prompt=prompt, system=system, findings=found) for prompt, system, found, _ in rows]
        results = [result for *_, result in rows]
        # Each ends in the group in which the next begins.
        finals.write([], begun=[begun(made[0])])
        for number, (one, result) in enumerate(zip(made, results, strict=True)):
            finals.write([(one.id, result)], begun=[begun(next) for next in made[number + 1 : number + 2]])
        for one, result in zip(made, results, strict=True):
            self.is_read(Prompt.objects.get(id=one.id), one, result)

    def is_read(self, found, one, result):
        own = ("prompt", "system", "user_id", "key_id", "request_id", "policy", "created_at")
        assert [getattr(found, name) for name in own] == [getattr(one, name) for name in own]
        names = ("outcome", "response", "finish_reason", "cached", "queue_ms", "first_token_ms", "total_ms")
        assert [getattr(found, name) for name in names] == [getattr(result, name) for name in names]
        assert found.model == (result.model or one.model)
        assert (found.prompt_tokens, found.completion_tokens, found.cached_tokens) == (
            *(result.usage.prompt_tokens, result.usage.completion_tokens, result.usage.cached_tokens),
        )
        assert found.findings == list(result.findings)
        assert found.rules == list(result.rules)
        assert found.choices == [choice.as_dict() for choice in result.choices]
        assert found.finished_at is not None


@pytest.mark.parametrize("erased", [False, True])
def test_a_row_that_was_erased_while_it_ran_gets_its_numbers_and_no_text(erased):
    made = entry(prompt=Sanitized("hello"))
    finals.write([], begun=[begun(made)])
    if erased:
        book.erase(Prompt.objects.get())
    finals.write([(made.id, replace(ANSWERED, response=Sanitized("bye")))])
    one = Prompt.objects.get()
    assert (one.outcome, one.total_ms) == ("answered", 900.0)
    assert (one.response, bool(one.findings), bool(one.rules)) == (
        ("", False, False) if erased else ("bye", True, True)
    )


def test_what_a_prompt_used_is_written_once_with_its_end_however_often_that_is_written():
    user, key = uuid4(), uuid4()
    rows = [row(user_id=user) for _ in range(3)]
    result = replace(ANSWERED, charge=Charge((user, key), 10))
    for _ in range(2):
        finals.write([(one.id, result) for one in rows] + [(uuid7(), result)])
    assert set(Used.objects.values_list("subject", "requests", "tokens")) == {(user, 3, 30), (key, 3, 30)}


@postgres
def test_two_who_end_the_same_rows_at_once_neither_wait_for_each_other_nor_count_twice():
    user = uuid4()
    ended = {row(user_id=user).id: replace(ANSWERED, charge=Charge((user,), 10)) for _ in range(200)}
    together, left = threading.Barrier(2), []

    def end(ids):
        try:
            together.wait()
            left.append(grouped.write([], {id: ended[id] for id in ids}))
        finally:
            connection.close()

    threads = [threading.Thread(target=end, args=(ids,)) for ids in (list(ended), list(ended)[::-1])]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(map(len, left)) == [0, 200]  # whoever came second wrote nothing
    assert set(Used.objects.values_list("subject", "requests", "tokens")) == {(user, 200, 2000)}


def test_an_interrupted_row_in_a_group_is_put_right_with_the_others():
    rows = [row() for _ in range(3)]
    with transaction.atomic():
        finals.interrupt(Prompt.objects.filter(id=rows[1].id))
    finals.write([(one.id, ANSWERED) for one in rows])
    assert set(Prompt.objects.values_list("outcome", flat=True)) == {"answered"}
    assert counted() == {(NOBODY, "answered"): 3}


@postgres
def test_a_row_that_the_database_does_not_take_takes_its_group_along():
    """The writer then writes them one by one."""
    good, bad = entry(), entry(model="m" * 201)
    with pytest.raises(DataError):
        finals.write([], begun=[begun(good), begun(bad)])
    assert not Prompt.objects.exists()
    finals.write([], begun=[begun(good)])
    with pytest.raises(DataError):
        finals.write([(good.id, Result(Outcome.ANSWERED, finish_reason="r" * 33))], begun=[begun(entry())])
    one = Prompt.objects.get()
    assert (one.id, one.outcome) == (good.id, "accepted")


@postgres
def test_the_plans_of_groups_are_made_once_and_read_no_table_from_end_to_end():
    for one in [row() for _ in range(4)]:
        finals.write([(one.id, ANSWERED)], begun=[begun(entry())])
    with connection.cursor() as cursor:
        cursor.execute("SELECT left(trim(statement, E' \n'), 6), custom_plans FROM pg_prepared_statements")
        assert sorted(cursor.fetchall()) == [("INSERT", 0), ("WITH e", 0)]
        cursor.execute("SHOW enable_seqscan")
        assert cursor.fetchone() == ("off",)


@postgres
@pytest.mark.parametrize("rows", [0, 300])
def test_rows_are_looked_up_by_their_ids_however_many_there_are_when_the_plan_is_made(rows):
    finals.write([], begun=[begun(entry()) for _ in range(rows)] or [begun(entry())])
    place = str(partitions.partitions()[0].table)
    values = grouped.ended_values({uuid7(): Result(Outcome.ANSWERED)}, is_of_the_book=False)
    given = ", ".join(["NULL"] * len(values))  # a plan that is made once looks at none
    line = connection.connection
    line.execute(f"PREPARE ending AS {_numbered(grouped.ending(place)).decode()}")
    plan = "\n".join(row[0] for row in line.execute(f"EXPLAIN EXECUTE ending({given})"))
    line.execute("DEALLOCATE ending")
    ways = re.findall(rf"(\w+(?: \w+)*) using (\w+) on {place}", plan)
    assert ways == [("Index Scan", f"{place}_pkey")], plan
    assert "Seq Scan" not in plan


@postgres
def test_a_connection_is_given_back_as_it_was(monkeypatch):
    finals.write([], begun=[begun(entry())])
    line = connection.connection
    monkeypatch.setattr(connection, "close", lambda: None)
    grouped.let_go()
    assert line.prepare_threshold is None
    was = {"enable_seqscan": "on", "plan_cache_mode": "auto", "default_toast_compression": "pglz"}
    assert {name: line.execute(f"SHOW {name}").fetchone()[0] for name in was} == was
    finals.write([], begun=[begun(entry())])
    assert line.execute("SHOW enable_seqscan").fetchone() == ("off",)
    assert line.execute("SHOW default_toast_compression").fetchone() == ("lz4",)


# -- behind --


@postgres
def test_rows_are_counted_behind_and_once_by_whoever_is_first():
    ids = [row().id for _ in range(posting.BATCH + 50)]
    finals.write([(id, ANSWERED) for id in ids])
    assert not HourlyTally.objects.exists()
    threads = [threading.Thread(target=posted) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {(one.outcome, one.prompts) for one in HourlyTally.objects.all()} == {("answered", len(ids))}
    assert not Prompt.objects.exclude(is_tallied=True, is_searchable=True).exists()


def posted():
    try:
        posting.post()
    finally:
        connection.close()


@postgres
def test_whoever_reads_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(posting, "PATIENCE_SECONDS", 0.05)
    finals.write([(row().id, ANSWERED)])
    base = settings.DATABASES["default"]
    connect = {"host": base["HOST"], "port": base["PORT"], "user": base["USER"]}
    with psycopg.connect(**connect, dbname=connection.settings_dict["NAME"]) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [posting.LOCK])
        posting.post()
        assert not HourlyTally.objects.exists()
    posting.post()
    assert HourlyTally.objects.get().prompts == 1


@postgres
def test_rows_that_somebody_changes_are_counted_the_next_time():
    held, free = row(), row()
    finals.write([(held.id, ANSWERED), (free.id, ANSWERED)])
    base = settings.DATABASES["default"]
    connect = {"host": base["HOST"], "port": base["PORT"], "user": base["USER"]}
    with psycopg.connect(**connect, dbname=connection.settings_dict["NAME"]) as other:
        other.execute("SELECT 1 FROM prompts_prompt WHERE id = %s FOR UPDATE", [held.id])
        posting.post()
        assert HourlyTally.objects.get().prompts == 1
    posting.post()
    assert HourlyTally.objects.get().prompts == 2


def test_findings_of_what_is_erased_at_once_stay_counted(alice):
    rows = [row(user_id=alice.pk) for _ in range(2)]
    finals.write([(one.id, ANSWERED) for one in rows])
    book.erase(rows[0])
    PROMPTS.erase(alice.pk)
    assert Prompt.objects.filter(findings=[]).count() == 2
    posting.post()
    found = {tuple(one.values())[:3]: one["findings"] for one in findings()}
    assert found[EMAIL["rule"], EMAIL["direction"], EMAIL["action"]] == 4


def findings():
    from prompts.models import HourlyFindings

    return list(HourlyFindings.objects.values(*FINDINGS_KEY[2:], "findings"))
