"""The journal in a database: group commit, leases, a database that goes away."""

import asyncio
import errno
import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection
from django.utils import timezone

from prompts import writer
from prompts.errors import JournalUnavailable
from prompts.finals import write
from prompts.ids import uuid7
from prompts.journal import Entry, JournalState, Outcome, Result
from prompts.leases import Lease
from prompts.models import Instance, Prompt
from prompts.statements import together
from prompts.writer import DatabaseJournal
from sanitization.chain import EMPTY

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def journal(journal_of):
    """One whose rows all go through its thread. `test_wire` makes the same claims of the line."""
    return journal_of(has_line=False)


def entry(**more):
    return Entry(
        **{
            "id": uuid7(),
            "created_at": datetime.now(UTC),
            "user_id": uuid4(),
            "request_id": "r",
            "model": "parrot",
            "policy": "default@1",
            "prompt": EMPTY,
            "system": EMPTY,
            "findings": (),
        }
        | more
    )


async def test_a_row_is_committed_when_accept_returns(journal):
    made = entry()
    await journal.accept(made)
    row = await Prompt.objects.aget(id=made.id)
    assert row.outcome == "accepted"
    assert row.finished_at is None


async def test_the_final_row_names_the_model_that_really_answered(journal):
    asked, fallen = entry(), entry()
    for made, model in ((asked, ""), (fallen, "budgie")):
        await journal.accept(made)
        await journal.finish(made.id, Result(Outcome.ANSWERED, model=model))
    models = [(await Prompt.objects.aget(id=made.id)).model for made in (asked, fallen)]
    assert models == ["parrot", "budgie"]


async def test_many_rows_share_one_transaction(journal, monkeypatch):
    groups = []
    write = journal._write

    def slow(group):
        groups.append(len(group))
        time.sleep(0.02)
        write(group)

    monkeypatch.setattr(journal, "_write", slow)
    await asyncio.gather(*(journal.accept(entry()) for _ in range(100)))
    assert await Prompt.objects.acount() == 100
    assert len(groups) < 20
    assert max(groups) > 1


async def test_one_row_that_cannot_be_written_does_not_take_the_others_down(journal):
    good, bad = [entry() for _ in range(5)], entry(request_id=None)
    results = await asyncio.gather(
        *(journal.accept(row) for row in [*good[:2], bad, *good[2:]]), return_exceptions=True
    )
    assert [type(result) for result in results].count(JournalUnavailable) == 1
    assert await Prompt.objects.acount() == 5


async def test_a_final_row_keeps_its_outcome(journal):
    made = entry()
    await journal.accept(made)
    await journal.finish(made.id, Result(Outcome.ANSWERED))
    await journal.finish(made.id, Result(Outcome.FAILED))
    assert (await Prompt.objects.aget(id=made.id)).outcome == "answered"


async def test_a_caller_who_is_cancelled_does_not_cancel_the_row(journal):
    made = entry()
    await journal.accept(made)
    journal.finish(made.id, Result(Outcome.CANCELLED)).cancel()
    await journal.accept(entry())  # in order: when this is written, the other is
    assert (await Prompt.objects.aget(id=made.id)).outcome == "cancelled"


async def test_a_closed_journal_refuses(journal):
    await asyncio.to_thread(journal.close)
    with pytest.raises(JournalUnavailable):
        await journal.accept(entry())


@pytest.mark.skipif("connection.vendor != 'postgresql'")
async def test_a_connection_that_was_cut_costs_nobody_his_row(journal, monkeypatch):
    pids, write = [], journal._write

    def noted(group):
        write(group)
        pids.append(connection.connection.info.backend_pid)

    monkeypatch.setattr(journal, "_write", noted)
    await journal.accept(first := entry())
    await sync_to_async(cut)(pids[0])
    await journal.accept(second := entry())
    assert pids[0] != pids[1]
    assert {row.id async for row in Prompt.objects.all()} == {first.id, second.id}


def cut(pid):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_a_connection_that_is_cut_amid_a_group_is_the_database_being_away():
    with pytest.raises(OperationalError), together() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    connection.close()
    with together() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_a_database_that_only_reads_is_as_good_as_away():
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    try:
        with pytest.raises(OperationalError), together() as line:
            line.execute("DELETE FROM prompts_instance")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")


async def test_a_prompt_whose_commit_was_not_confirmed_is_refused_in_the_book_too(journal, monkeypatch):
    """The row may be there: nothing may stay in progress that nobody answers."""
    write = journal._write

    def unconfirmed(group):
        write(group)
        raise OperationalError("the answer did not come")

    monkeypatch.setattr(journal, "_write", unconfirmed)
    made = entry()
    with pytest.raises(JournalUnavailable):
        await journal.accept(made)
    monkeypatch.setattr(journal, "_write", write)
    await until_ended(made.id, "refused")


async def test_once_it_is_known_that_the_database_is_away_nobody_waits_to_find_out(journal, monkeypatch):
    made = entry()
    await journal.accept(made)
    monkeypatch.setattr(journal, "_write", away)
    monkeypatch.setattr(journal.lease, "renew", lambda: away(()))
    with pytest.raises(JournalUnavailable):
        await journal.accept(entry())
    monkeypatch.setattr(journal, "_write", lambda group: time.sleep(60))
    with pytest.raises(JournalUnavailable):
        await journal.accept(entry())
    await journal.finish(made.id, Result(Outcome.ANSWERED))
    monkeypatch.undo()
    await until_ended(made.id)


def away(group):
    raise OperationalError("away")


async def until_ended(id, outcome="answered"):
    deadline = time.monotonic() + 30
    while (await Prompt.objects.aget(id=id)).outcome != outcome:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_while_the_database_is_away_prompts_are_refused_and_answers_end(journal, monkeypatch, tmp_path):
    made = entry()
    await journal.accept(made)
    write = journal._write
    monkeypatch.setattr(journal, "_write", away)
    with pytest.raises(JournalUnavailable):
        await journal.accept(entry())
    await journal.finish(made.id, Result(Outcome.ANSWERED))
    assert (await Prompt.objects.aget(id=made.id)).outcome == "accepted"
    assert journal.waiting >= 1
    assert len(list((tmp_path / "spool").iterdir())) == 1
    monkeypatch.setattr(journal, "_write", write)
    await until_ended(made.id)
    assert await Prompt.objects.acount() == 1
    await asyncio.to_thread(journal.close)
    assert list((tmp_path / "spool").iterdir()) == []


async def test_an_answer_that_neither_database_nor_disk_takes_fails_and_is_still_written_later(
    journal, monkeypatch
):
    made = entry()
    await journal.accept(made)
    write, keep = journal._write, journal._spool.keep
    monkeypatch.setattr(journal, "_write", away)
    monkeypatch.setattr(journal._spool, "keep", full)
    with pytest.raises(JournalUnavailable):
        await journal.finish(made.id, Result(Outcome.ANSWERED))
    monkeypatch.setattr(journal, "_write", write)
    monkeypatch.setattr(journal._spool, "keep", keep)
    await until_ended(made.id)


async def test_an_end_that_the_database_takes_from_nobody_is_put_aside(journal, monkeypatch, tmp_path):
    """Also one that had not even come to the disk at first: the others behind it are written."""
    bad, good = entry(), entry()
    for one in (bad, good):
        await journal.accept(one)
    write, keep = journal._write, journal._spool.keep
    monkeypatch.setattr(journal, "_write", away)
    monkeypatch.setattr(journal._spool, "keep", full)
    for one in (bad, good):
        with pytest.raises(JournalUnavailable):
            await journal.finish(one.id, Result(Outcome.ANSWERED))

    def picky(group):
        if bad.id in {change.id for change in group}:
            raise ValueError
        write(group)

    monkeypatch.setattr(journal, "_write", picky)
    monkeypatch.setattr(journal._spool, "keep", keep)
    await until_ended(good.id)
    assert bad.id.hex in (tmp_path / "spool" / "rejected.jsonl").read_text()
    assert (await Prompt.objects.aget(id=bad.id)).outcome == "accepted"


def full(finals):
    raise OSError(errno.ENOSPC, "full")


class Witness:
    """What the writer tells: `prompts.watch.Watch`."""

    def __init__(self):
        self.groups, self.troubles = [], []

    def committed(self, rows, *, took_seconds, waited_seconds):
        assert 0 <= took_seconds <= waited_seconds
        self.groups.append(rows)

    def troubled(self, trouble, *, rows):
        self.troubles.append((trouble, rows))


@pytest.fixture
def witness(journal):
    journal._watches = [Witness()]
    return journal._watches[0]


async def test_the_writer_tells_of_each_transaction_and_of_rows_that_the_database_refuses(journal, witness):
    await journal.accept(entry())
    with pytest.raises(JournalUnavailable):
        await journal.accept(entry(request_id=None))
    await journal.accept(entry())  # when this is written, the others have been told of
    await asyncio.to_thread(journal.close)
    assert witness.groups == [1, 1]
    assert witness.troubles == [("rejected", 1)]
    assert journal.lag_seconds == 0


async def test_the_writer_tells_what_becomes_of_rows_while_the_database_is_away(
    journal, witness, monkeypatch, tmp_path
):
    made = [entry() for _ in range(2)]
    for one in made:
        await journal.accept(one)
    monkeypatch.setattr("prompts.writer.BACKLOG_ROWS", 0)
    write, keep = journal._write, journal._spool.keep
    monkeypatch.setattr(journal, "_write", away)
    with pytest.raises(JournalUnavailable):
        await journal.accept(entry())
    await journal.finish(made[0].id, Result(Outcome.ANSWERED))
    assert journal.spooled.rows == 2  # of the refused prompt too: its row may be there
    assert journal.spooled.waiting_bytes > 100
    assert journal.lag_seconds > 0
    monkeypatch.setattr(journal._spool, "keep", full)
    with pytest.raises(JournalUnavailable):
        await journal.finish(made[1].id, Result(Outcome.ANSWERED))
    monkeypatch.setattr(journal, "_write", write)
    monkeypatch.setattr(journal._spool, "keep", keep)
    await until_ended(made[0].id)
    await asyncio.to_thread(journal.close)
    assert witness.troubles == [("refused", 1), ("spooled", 1), ("failed", 1), ("lost", 1)]
    assert (journal.spooled.rows, journal.spooled.waiting_bytes, journal.lag_seconds) == (0, 0, 0)


async def test_the_lag_is_the_age_of_the_row_in_the_writers_hands(journal, monkeypatch):
    write, lags = journal._write, []

    def slow(group):
        time.sleep(0.05)
        lags.append(journal.lag_seconds)
        write(group)

    monkeypatch.setattr(journal, "_write", slow)
    await journal.accept(entry())
    assert lags[0] >= 0.05


@pytest.fixture
def batched(journal_of):
    """A journal whose callers do not wait for it."""
    return journal_of(is_strict=False)


async def test_a_batched_journal_lets_its_callers_go_and_writes_many_rows_at_once(batched, monkeypatch):
    groups, write, going = [], batched._write, threading.Event()

    def held(group):
        assert going.wait(30)
        groups.append(len(group))
        write(group)

    monkeypatch.setattr(batched, "_write", held)
    made = [entry() for _ in range(20)]
    for one in made:
        await batched.accept(one)
        await batched.finish(one.id, Result(Outcome.ANSWERED))
    assert await Prompt.objects.acount() == 0
    going.set()
    await asyncio.to_thread(batched.close)
    assert await Prompt.objects.filter(outcome="answered").acount() == 20
    assert sum(groups) == 40
    assert len(groups) <= 2


async def test_a_batched_journal_refuses_prompts_once_it_knows_that_the_database_is_away(
    batched, monkeypatch, tmp_path
):
    made, write = entry(), batched._write
    monkeypatch.setattr(batched, "_write", away)
    await batched.accept(made)
    await batched.finish(made.id, Result(Outcome.ANSWERED))
    await until(lambda: batched._is_away)
    with pytest.raises(JournalUnavailable):
        await batched.accept(entry())
    monkeypatch.setattr(batched, "_write", write)
    await until(lambda: not batched._is_away)
    assert (await Prompt.objects.aget(id=made.id)).outcome == "answered"
    await batched.accept(entry())


async def test_callers_wait_for_a_batched_journal_that_cannot_keep_up(batched, monkeypatch):
    write, writing, going = batched._write, threading.Event(), threading.Event()

    def held(group):
        writing.set()
        assert going.wait(30)
        write(group)

    monkeypatch.setattr(batched, "_write", held)
    monkeypatch.setattr(writer, "UNWRITTEN_ROWS", 3)
    waits = [batched.accept(entry())]
    await until(writing.is_set)  # from here on it takes no more
    waits += [batched.accept(entry()) for _ in range(9)]
    assert waits[0].done()
    assert not waits[-1].done()
    going.set()
    await asyncio.gather(*waits)
    await until(lambda: not batched.waiting)
    assert await Prompt.objects.acount() == 10


async def test_a_row_that_is_sent_twice_is_written_once(journal):
    """As it is where a commit's answer got lost."""
    made = entry()
    await journal.accept(made)
    await journal.accept(made)
    assert await Prompt.objects.acount() == 1


async def until(is_so):
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@sync_to_async
def row_of(instance_id, **more):
    return Prompt.objects.create(
        **{
            "created_at": timezone.now(),
            "instance_id": instance_id,
            "outcome": "accepted",
            "model": "parrot",
            "request_id": "r",
            "policy": "default@1",
        }
        | more
    )


def test_the_book_says_how_far_it_is_behind(tmp_path):
    made = DatabaseJournal(Lease(tmp_path / "instances"), spool=tmp_path / "spool")
    assert made.state() == JournalState()
    made._writing_since = time.monotonic() - 9
    assert 9 <= made.state().lag_seconds < 60


def test_rows_of_a_process_whose_lease_ran_out_are_interrupted(tmp_path):
    gone = Instance.objects.create(lease_expires_at=timezone.now() - timedelta(seconds=1))
    alive = Instance.objects.create(lease_expires_at=timezone.now() + timedelta(seconds=60))
    rows = [row_of.func(gone.id), row_of.func(alive.id), row_of.func(gone.id, outcome="answered")]
    lease = Lease(None)
    lease._steady_since -= 60
    assert lease.sweep() == 1
    assert [Prompt.objects.get(id=row.id).outcome for row in rows] == ["interrupted", "accepted", "answered"]
    assert Instance.objects.filter(id=gone.id).count() == 0


def test_leases_that_ran_out_while_the_database_was_away_prove_nothing(tmp_path):
    other = Instance.objects.create(lease_expires_at=timezone.now() - timedelta(seconds=1))
    row_of.func(other.id)
    lease = Lease(None)
    lease._steady_since -= 60
    lease.unsteady()
    assert lease.sweep() == 0


def test_a_process_that_died_on_this_machine_is_noticed_at_once(tmp_path):
    other = Instance.objects.create(lease_expires_at=timezone.now() + timedelta(seconds=60))
    row = row_of.func(other.id)
    (tmp_path / f"{other.id}.lock").touch()  # nobody holds it
    assert Lease(tmp_path).sweep() == 1
    assert Prompt.objects.get(id=row.id).outcome == "interrupted"


def test_a_living_process_on_this_machine_keeps_its_rows(tmp_path):
    living = Lease(tmp_path)
    living.open()
    living.renew()
    row_of.func(living.id)
    assert Lease(tmp_path).sweep() == 0
    living.release()


def test_a_process_that_was_taken_for_dead_gets_its_lease_back_and_its_rows_right(tmp_path):
    lease = Lease(None)
    lease.renew()
    row = row_of.func(lease.id)
    Lease(None)._bury(lease.id)
    lease.renew()
    assert Instance.objects.filter(id=lease.id).exists()
    write([(row.id, Result(Outcome.ANSWERED))])
    assert Prompt.objects.get(id=row.id).outcome == "answered"


async def test_closing_interrupts_what_is_still_in_progress(journal):
    made = entry()
    await journal.accept(made)
    await asyncio.to_thread(journal.close)
    assert (await Prompt.objects.aget(id=made.id)).outcome == "interrupted"
    assert await Instance.objects.acount() == 0
    assert "journal-writer" not in {thread.name for thread in threading.enumerate()}
