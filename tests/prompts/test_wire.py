"""The journal on PostgreSQL by its line: the database of a row may do what it likes meanwhile."""

import asyncio
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from accounts.models import Usage as Used
from prompts import line as lines
from prompts import partitions
from prompts.errors import JournalUnavailable
from prompts.ids import uuid7
from prompts.journal import Charge, Outcome, Result
from prompts.leases import Lease
from prompts.models import Prompt
from prompts.partitions import DEFAULT, TABLE, Month
from prompts.writer import DatabaseJournal
from sanitization.chain import Sanitized
from tests.prompts.test_writer import (  # noqa: F401  (the same claims, of the line)
    entry,
    test_a_caller_who_is_cancelled_does_not_cancel_the_row,
    test_a_closed_journal_refuses,
    test_a_final_row_keeps_its_outcome,
    test_a_row_is_committed_when_accept_returns,
    test_a_row_that_is_sent_twice_is_written_once,
    test_closing_interrupts_what_is_still_in_progress,
    test_one_row_that_cannot_be_written_does_not_take_the_others_down,
    test_the_final_row_names_the_model_that_really_answered,
    test_the_writer_tells_of_each_transaction_and_of_rows_that_the_database_refuses,
    until,
    witness,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


@pytest.fixture(autouse=True)
async def has_its_line(journal):
    """This loop's line is open before a test begins."""
    await lined(journal)
    await Prompt.objects.all().adelete()


async def lined(journal):
    while line_of(journal) is None:
        await journal.accept(entry())
        await asyncio.sleep(0.02)
    return line_of(journal)


def line_of(journal):
    return journal._lines.of(asyncio.get_running_loop())


@pytest.fixture
def by_thread(journal, monkeypatch):
    """The groups that the thread had to write."""
    groups, write = [], journal._write

    def noted(group):
        group = list(group)
        groups.append(len(group))
        write(group)

    monkeypatch.setattr(journal, "_write", noted)
    return groups


def connected():
    told = connection.get_connection_params()
    where = {name: told[name] for name in ("host", "port", "user", "dbname")}
    return psycopg.connect(**where, password=told.get("password"))


@contextmanager
def locked(*ids):
    """Rows that somebody else holds."""
    with connected() as other:
        other.execute("SELECT 1 FROM prompts_prompt WHERE id = ANY(%s) FOR UPDATE", [list(ids)])
        yield


@sync_to_async
def execute(*statements):
    with connection.cursor() as cursor:
        for one in statements:
            cursor.execute(one)


@sync_to_async
def used():
    return set(Used.objects.values_list("subject", "requests", "tokens"))


def charged(user):
    return Result(Outcome.ANSWERED, charge=Charge((user,), 10))


async def outcomes():
    return {row.id: row.outcome async for row in Prompt.objects.all()}


async def test_rows_go_by_the_line_and_not_through_the_thread(journal, by_thread):
    made, user = [entry() for _ in range(2000)], uuid4()
    await asyncio.gather(*(journal.accept(one) for one in made))
    await asyncio.gather(*(journal.finish(one.id, charged(user)) for one in made))
    assert by_thread == []
    assert await outcomes() == {one.id: "answered" for one in made}
    assert await used() == {(user, 2000, 20_000)}


async def test_a_text_of_a_megabyte_of_what_is_hard_to_write_is_what_is_read(journal, by_thread):
    hard = Sanitized("\\\"{,}'%s$1é\u200d漢\U0001f600\n\\N" * 50_000)
    made = entry(prompt=hard)
    await journal.accept(made)
    await journal.finish(made.id, Result(Outcome.ANSWERED, response=hard, findings=({"rule": '"\\'},)))
    row = await Prompt.objects.aget(id=made.id)
    assert (row.prompt, row.response, row.findings) == (hard, hard, [{"rule": '"\\'}])
    assert by_thread == []


async def test_a_text_with_a_nul_is_refused_and_not_cut(journal):
    good, bad = entry(), entry(prompt=Sanitized("a\0b"))
    results = await asyncio.gather(*map(journal.accept, (good, bad)), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), JournalUnavailable]
    assert set(await outcomes()) == {good.id}
    assert line_of(journal) is not None


async def test_a_connection_that_is_cut_amid_a_group_costs_nobody_a_row_and_counts_nothing_twice(
    journal, by_thread
):
    made, user = [entry() for _ in range(5)], uuid4()
    await asyncio.gather(*map(journal.accept, made))
    pid = line_of(journal)._wire._pg.backend_pid
    with locked(made[2].id):
        ends = [journal.finish(one.id, charged(user)) for one in made]
        await asyncio.sleep(0.2)
        await execute(f"SELECT pg_terminate_backend({pid})")
        await until(lambda: line_of(journal) is None)
    await asyncio.gather(*ends)
    assert set((await outcomes()).values()) == {"answered"}
    assert await used() == {(user, 5, 50)}
    assert by_thread
    await asyncio.sleep(lines.AGAIN_SECONDS)
    assert (await lined(journal))._wire._pg.backend_pid != pid


async def test_a_connection_that_is_cut_while_nothing_happens_costs_nobody_a_row(journal):
    pid = line_of(journal)._wire._pg.backend_pid
    await execute(f"SELECT pg_terminate_backend({pid})")
    await until(lambda: line_of(journal) is None)
    await journal.accept(made := entry())
    assert set(await outcomes()) == {made.id}


async def test_a_lock_that_is_held_for_long_moves_the_group_to_the_thread(journal, by_thread, monkeypatch):
    """Both have it then, and it is written once."""
    monkeypatch.setattr(lines, "PATIENCE_SECONDS", 0.1)
    made, user = [entry() for _ in range(3)], uuid4()
    await asyncio.gather(*map(journal.accept, made))
    with locked(made[0].id):
        ends = [journal.finish(one.id, charged(user)) for one in made]
        await until(lambda: line_of(journal) is None)
        await asyncio.sleep(0.2)
        assert not any(end.done() for end in ends)
        assert journal.state().lag_seconds > 0.2
    await asyncio.gather(*ends)
    assert set((await outcomes()).values()) == {"answered"}
    assert await used() == {(user, 3, 30)}


async def test_a_database_that_only_reads_is_as_good_as_away(journal):
    await journal.accept(made := entry())
    await execute("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    try:
        await asyncio.sleep(0.2)
        with pytest.raises(JournalUnavailable):
            await journal.accept(entry())
        await journal.finish(made.id, Result(Outcome.ANSWERED))
        assert journal.state().spooled_rows
    finally:
        await execute("ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
    await until(lambda: not journal.state().spooled_rows)
    assert (await outcomes())[made.id] == "answered"


async def test_a_row_that_has_ended_already_is_not_counted_again(journal, by_thread):
    made, user = [entry() for _ in range(3)], uuid4()
    await asyncio.gather(*map(journal.accept, made))
    await journal.finish(made[0].id, charged(user))
    await asyncio.gather(*(journal.finish(one.id, charged(user)) for one in made))
    assert await used() == {(user, 3, 30)}
    assert by_thread == [1]  # the others of that group were done with
    assert line_of(journal) is not None


async def test_an_end_that_overtakes_its_beginning_is_written_behind_it(journal):
    """As where that was given to the thread just before there was a line."""
    made = entry()
    ended = journal.finish(made.id, Result(Outcome.CANCELLED))
    begun = journal._inbox.put
    await asyncio.sleep(0)
    change = lines.Change(made.id, entry=made)
    begun(change)
    await ended
    assert await outcomes() == {made.id: "cancelled"}


def test_a_loop_that_is_closed_amid_a_group_leaves_it_to_the_thread(transactional_db, tmp_path):
    journal = DatabaseJournal(Lease(None), spool=tmp_path / "another")
    journal.open()
    made = [entry() for _ in range(3)]

    async def send():
        await lined(journal)
        for one in made:
            journal.accept(one)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(send())
    journal.close()
    assert {one.id for one in made} <= set(Prompt.objects.values_list("id", flat=True))


# -- its months --


def next_month():
    return Month.of(datetime.now(UTC)).after()


def of(month):
    """A prompt of that month, as by a clock that is ahead."""
    return entry(id=UUID(int=month.since.int | (uuid7().int & ((1 << 60) - 1))))


@sync_to_async
def places():
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, tableoid::regclass::text FROM {TABLE}")
        return dict(cursor.fetchall())


async def write(journal, *made):
    await asyncio.gather(*map(journal.accept, made))
    await asyncio.gather(*(journal.finish(one.id, Result(Outcome.ANSWERED)) for one in made))


async def test_a_group_of_two_months_finds_its_way(journal, by_thread):
    made = [entry(), of(next_month()), of(next_month().after(20)), entry()]
    await write(journal, *made)
    found = await places()
    assert found[made[1].id] == f"{TABLE}_{next_month()}"
    assert found[made[2].id] == DEFAULT
    assert found[made[0].id] == found[made[3].id] not in (DEFAULT, found[made[1].id])
    assert set((await outcomes()).values()) == {"answered"}
    assert by_thread == []


async def test_a_month_that_was_dropped_meanwhile_costs_no_row(journal, by_thread):
    await journal.accept(of(next_month()))
    await execute(f"DROP TABLE {TABLE}_{next_month()}")
    try:
        await write(journal, made := of(next_month()))
        assert await places() == {made.id: DEFAULT}
        assert by_thread
        await asyncio.sleep(lines.AGAIN_SECONDS)
        await lined(journal)
        await write(journal, another := of(next_month()))
        assert (await places())[another.id] == DEFAULT
    finally:
        await sync_to_async(partitions.make)(next_month())


async def test_a_month_that_was_renamed_or_taken_out_meanwhile_costs_no_row(journal):
    name = f"{TABLE}_{next_month()}"
    await write(journal, first := of(next_month()))
    await execute(f"ALTER TABLE {name} RENAME TO elsewhere")
    try:
        await write(journal, second := of(next_month()))
        await lined(journal)
        assert (await places()).items() >= {first.id: "elsewhere", second.id: "elsewhere"}.items()
        await execute(f"ALTER TABLE {TABLE} DETACH PARTITION elsewhere")
        await write(journal, third := of(next_month()))
        found = await places()
        assert (found[third.id], first.id in found) == (DEFAULT, False)
    finally:
        await execute("DROP TABLE elsewhere")
        await sync_to_async(partitions.make)(next_month())


async def test_a_month_that_is_made_meanwhile_gets_its_rows(journal, by_thread):
    far = next_month().after(10)
    await journal.accept(first := of(far))
    await sync_to_async(partitions.make)(far)
    try:
        await journal.finish(first.id, Result(Outcome.ANSWERED))
        await write(journal, second := of(far))
        assert await places() == dict.fromkeys((first.id, second.id), f"{TABLE}_{far}")
        assert set((await outcomes()).values()) == {"answered"}
    finally:
        await execute(f"DROP TABLE {TABLE}_{far}")
