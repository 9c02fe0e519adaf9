"""Statistics: what ended is counted once, in its hour, whatever happens in between."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID, uuid4

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from prompts import posting
from prompts.finals import interrupt, settle, write
from prompts.ids import floor, uuid7
from prompts.journal import Outcome, Result, Usage
from prompts.leases import Lease
from prompts.models import NOBODY, HourlyFindings, HourlyTally, Prompt
from prompts.person import STATISTICS
from prompts.statements import insert, together
from prompts.statistics import tallies
from prompts.statistics.latency import BOUNDS_MS, PLACES, percentile, place
from prompts.writer import DatabaseJournal
from tests.prompts.test_writer import entry

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 1, 12, 20, tzinfo=UTC)
EMAIL = {"rule": "email", "direction": "prompt", "action": "mask"}
IBAN = {"rule": "iban", "direction": "answer", "action": "flag"}
ANSWERED = Result(
    Outcome.ANSWERED,
    findings=(EMAIL, EMAIL, IBAN),
    usage=Usage(prompt_tokens=7, completion_tokens=3, cached_tokens=2),
    first_token_ms=80.0,
    total_ms=900.0,
)


def row(outcome=Outcome.ACCEPTED, **more):
    fields = {"created_at": NOON, "model": "parrot", "policy": "default@1", "request_id": "r"}
    return Prompt.objects.create(**fields | {"instance_id": uuid4(), "outcome": outcome} | more)


def ended(*finals):
    write(finals)
    posting.post()


def counted():
    """(user, outcome): prompts, of what is not zero."""
    posting.post()
    rows = HourlyTally.objects.exclude(prompts=0)
    return {(one.user_id, one.outcome): one.prompts for one in rows}


def test_a_row_that_ends_is_counted_in_its_hour_with_its_tokens_times_and_findings():
    user, key = uuid4(), uuid4()
    ended((row(user_id=user, key_id=key).id, ANSWERED))
    one = HourlyTally.objects.get()
    assert one.hour == NOON.replace(minute=0)
    assert (one.user_id, one.key_id, one.model, one.outcome) == (user, key, "parrot", "answered")
    assert (one.prompts, one.cached) == (1, 0)
    assert (one.prompt_tokens, one.completion_tokens, one.cached_tokens) == (7, 3, 2)
    assert (one.total_le_1000, one.first_le_100) == (1, 1)
    assert sum(getattr(one, f"{kind}_{at}") for kind in ("total", "first") for at in PLACES) == 2
    found = {(f.rule, f.direction, f.action): (f.prompts, f.findings) for f in HourlyFindings.objects.all()}
    assert found == {("email", "prompt", "mask"): (1, 2), ("iban", "answer", "flag"): (1, 1)}


class Recording:
    """Follows statements and remembers how each began."""

    def __init__(self, cursor):
        self.cursor = cursor
        self.verbs = []

    def execute(self, statement, values):
        self.verbs.append(statement.split()[0])
        self.cursor.execute(statement, values)

    def fetchall(self):
        return self.cursor.fetchall()


def test_a_group_of_rows_is_locked_and_counted_as_one():
    finals = [(row().id, ANSWERED) for _ in range(20)]
    with together() as cursor:
        settle(recording := Recording(cursor), dict(finals))
    assert recording.verbs == ["SELECT", *["UPDATE"] * 20, "INSERT", "INSERT"]
    assert counted() == {(NOBODY, "answered"): 20}


def test_what_the_database_refuses_is_djangos_error_and_nothing_is_written():
    one = row()
    with pytest.raises(IntegrityError):
        settle_and_insert_half(one)
    assert Prompt.objects.count() == 1
    assert counted() == {}


def settle_and_insert_half(one):
    with together() as cursor:
        settle(cursor, {one.id: ANSWERED})
        insert(cursor, {"id": uuid7()})  # what is wrong with it may be told at the end


def test_an_answer_of_the_cache_says_nothing_about_how_fast_models_are():
    ended((row().id, Result(Outcome.ANSWERED, cached=True, total_ms=2.0)))
    one = HourlyTally.objects.get()
    assert (one.prompts, one.cached, one.total_le_10) == (1, 1, 0)


def test_a_row_that_ends_twice_is_counted_once():
    one = row()
    ended((one.id, ANSWERED), (one.id, Result(Outcome.FAILED)))
    ended((one.id, ANSWERED))
    assert counted() == {(NOBODY, "answered"): 1}
    assert Prompt.objects.get().outcome == "answered"


def test_an_interrupted_row_is_counted_and_taken_back_when_it_is_finished_after_all():
    one = row(findings=[EMAIL])
    with transaction.atomic():
        assert interrupt(Prompt.objects.all()) == 1
    assert counted() == {(NOBODY, "interrupted"): 1}
    assert HourlyFindings.objects.get().findings == 1
    ended((one.id, ANSWERED))
    assert counted() == {(NOBODY, "answered"): 1}
    found = dict(HourlyFindings.objects.values_list("rule", "findings"))
    assert found == {"email": 2, "iban": 1}


def test_a_row_that_was_erased_while_it_ran_counts_without_its_findings():
    ended((row(erased_at=NOON).id, ANSWERED))
    assert counted() == {(NOBODY, "answered"): 1}
    assert not HourlyFindings.objects.exists()
    assert Prompt.objects.get().findings == []


def test_what_is_rolled_back_is_not_counted():
    one = row()
    with pytest.raises(ZeroDivisionError):
        settle_and_fail(one)
    assert counted() == {}
    assert not Prompt.objects.get().is_tallied


def settle_and_fail(one):
    with together() as cursor:
        settle(cursor, {one.id: ANSWERED})
        raise ZeroDivisionError


async def test_a_commit_whose_answer_was_lost_counts_once(journal_of, monkeypatch):
    """The database committed and the connection broke: the writer tries once more."""
    journal = journal_of(has_line=False)
    made, write, tries = entry(), journal._write, []
    await journal.accept(made)

    def broken(group):
        write(group)
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(journal, "_write", broken)
    await journal.finish(made.id, ANSWERED)
    assert len(tries) == 2
    assert await sync_to_async(counted)() == {(made.user_id, "answered"): 1}


async def test_the_writer_counts_what_it_commits_and_closing_counts_what_it_interrupts(tmp_path):
    journal, user = DatabaseJournal(Lease(tmp_path), spool=tmp_path / "spool"), uuid4()
    journal.open()
    made = [entry(user_id=user) for _ in range(30)]
    await asyncio.gather(*(journal.accept(one) for one in made))
    await asyncio.gather(*(journal.finish(one.id, ANSWERED) for one in made[:25]))
    await asyncio.to_thread(journal.close)
    assert await sync_to_async(counted)() == {(user, "answered"): 25, (user, "interrupted"): 5}


@pytest.mark.postgres
def test_writers_of_many_processes_add_up_and_do_not_lock_each_other_out():
    users = [uuid4() for _ in range(8)]
    rows = [row(user_id=users[n % 8]).id for n in range(400)]

    def work(part):
        try:
            for at in range(0, 100, 10):
                ended(*((id, ANSWERED) for id in rows[part::4][at : at + 10]))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert counted() == {(user, "answered"): 50 for user in users}


def test_rows_of_before_are_counted_by_a_command_once(monkeypatch):
    monkeypatch.setattr(tallies, "BATCH", 3)
    ids = [floor(NOON + timedelta(minutes=n)) for n in range(7)]
    for id in ids:
        row("blocked", id=id, findings=[EMAIL], total_ms=None, is_searchable=True)
    row()  # in progress
    ended((row().id, ANSWERED))
    for expected in (7, 0):
        out = StringIO()
        call_command("fill_statistics", stdout=out)
        assert out.getvalue() == f"{expected} prompts counted\n"
        assert counted() == {(NOBODY, "blocked"): 7, (NOBODY, "answered"): 1}


def test_the_statistics_of_a_user_who_is_erased_become_nobodys(monkeypatch):
    monkeypatch.setattr(tallies, "BATCH", 2)
    user, other = uuid4(), uuid4()
    for hours in range(5):
        at = NOON + timedelta(hours=hours)
        for who in (user, user, other, None):
            ended((row(user_id=who, key_id=uuid4(), created_at=at).id, ANSWERED))
    before = sum(HourlyTally.objects.values_list("prompt_tokens", flat=True))
    counted_before = STATISTICS.count(user)
    assert counted_before == len(list(STATISTICS.export(user))) == 10 + 5 * 2
    assert STATISTICS.erase(user) == counted_before
    assert STATISTICS.count(user) == 0
    assert not HourlyFindings.objects.filter(user_id=user).exists()
    assert HourlyTally.objects.filter(user_id=NOBODY, key_id=NOBODY).count() == 5
    assert sum(HourlyTally.objects.values_list("prompt_tokens", flat=True)) == before
    assert HourlyTally.objects.filter(user_id=other).count() == 5


# -- latencies --


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [(0, "le_10"), (10, "le_10"), (10.1, "le_20"), (100_000, "le_100000"), (100_001, "over")],
)
def test_a_latency_is_counted_at_the_first_bound_that_holds_it(milliseconds, expected):
    assert place(milliseconds) == expected


@given(st.lists(st.floats(1, 99_999), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_percentile_lies_between_the_bounds_that_hold_the_exact_one(latencies, share):
    counts = [0] * len(PLACES)
    for one in latencies:
        counts[PLACES.index(place(one))] += 1
    exact = sorted(latencies)[max(0, -int(-share * len(latencies) // 1) - 1)]
    upper = next(bound for bound in BOUNDS_MS if exact <= bound)
    assert upper / 2.51 <= percentile(counts, share) <= upper + 0.1


def test_percentiles_of_nothing_and_of_what_is_beyond_the_bounds():
    assert percentile([0] * len(PLACES), 0.5) is None
    assert percentile([0] * (len(PLACES) - 1) + [4], 0.5) == BOUNDS_MS[-1]
    assert UUID(int=0) == NOBODY
    assert uuid7() != NOBODY
