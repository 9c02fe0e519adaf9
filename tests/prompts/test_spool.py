"""What waits on the disk for a database that is away: nothing is lost, nothing counts twice."""

import errno
import os
import stat
from dataclasses import fields
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts.limits import usage
from prompts import spool as module
from prompts.finals import write
from prompts.ids import uuid7
from prompts.journal import Answered, AnsweredAside, AnsweredCall, Charge, Outcome, Result, Usage
from prompts.models import Instance, Prompt
from prompts.spool import REJECTED, Spool, as_dict, final_of
from sanitization.chain import EMPTY
from sanitization.text import Sanitized as sanitized

FINDING = {"rule": "email", "part": "/response", "start": 0, "end": 3, "action": "mask"}
FULL = Result(
    Outcome.TRUNCATED,
    response=sanitized("a [EMAIL_1] \u2028 \U0001f600"),
    choices=(
        Answered(sanitized("one"), (FINDING,), "stop"),
        Answered(EMPTY, (), "tool_calls", (AnsweredCall(sanitized("send"), sanitized('{"to": 1}')),)),
        Answered(EMPTY, (), "stop", asides=(AnsweredAside("reasoning", sanitized("hm")),)),
    ),
    findings=(FINDING,),
    finish_reason="content_filter",
    usage=Usage(3, 2, 1),
    cached=True,
    queue_ms=0.5,
    first_token_ms=1.5,
    total_ms=2.5,
    model="other",
    charge=Charge((uuid4(), uuid4()), 9),
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


def spool_in(folder):
    return Spool(folder, uuid7(), away=(OperationalError,))


def finals(count):
    return [(uuid7(), Result(Outcome.ANSWERED, total_ms=float(number))) for number in range(count)]


def away(rows):
    raise OperationalError("away")


def die(spool):
    """As the kernel lets go of what a process held."""
    os.close(spool._file)


# -- the file --


def test_every_field_of_a_row_comes_back():
    """A new field that nobody writes down would come back as its default."""
    id = uuid7()
    assert final_of(as_dict((id, FULL))) == (id, FULL)
    plain = Result(Outcome.ANSWERED)
    assert all(getattr(FULL, one.name) != getattr(plain, one.name) for one in fields(Result))
    assert final_of(as_dict((id, plain))) == (id, plain)


def test_rows_are_replayed_in_order_once_and_the_file_is_private(folder, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    spool, rows, written = spool_in(folder), finals(5), []
    spool.keep(rows[:2])
    spool.keep(rows[2:])
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (spool.replay(written.extend), spool.replay(written.extend)) == (5, 0)
    assert written == rows
    spool.close()
    assert list(folder.iterdir()) == []


def test_what_the_database_does_not_take_stays(folder):
    spool, rows, written = spool_in(folder), finals(3), []
    spool.keep(rows)
    with pytest.raises(OperationalError):
        spool.replay(away)
    assert spool.rows == 3
    assert spool.replay(written.extend) == 3
    assert written == rows


def test_a_full_disk_keeps_all_of_a_group_or_nothing(folder, monkeypatch):
    spool, rows, written = spool_in(folder), finals(4), []
    spool.keep(rows[:1])
    write = os.write

    def half(file, data):
        if len(data) > 60:
            return write(file, data[:60])
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(module.os, "write", half)
    with pytest.raises(OSError, match="full"):
        spool.keep(rows[1:3])
    monkeypatch.setattr(module.os, "write", write)
    spool.keep(rows[3:])
    assert spool.replay(written.extend) == 2
    assert written == [rows[0], rows[3]]


def test_a_living_process_keeps_its_file_and_a_dead_ones_is_claimed_once(folder):
    living, dying, written = spool_in(folder), spool_in(folder), []
    rows = finals(2)
    living.keep(rows[:1])
    dying.keep(rows[1:])
    others = spool_in(folder), spool_in(folder)
    assert others[0].claim(written.extend) == 0
    die(dying)
    assert sum(other.claim(written.extend) for other in others) == 1
    assert written == rows[1:]
    assert len(list(folder.iterdir())) == 1


def test_a_file_that_is_claimed_before_its_process_locks_it_is_made_again(folder, monkeypatch):
    beginning, claiming, rows, written = spool_in(folder), spool_in(folder), finals(1), []
    lock, seen = module.fcntl.flock, []

    def flock(file, how):
        if not seen:
            seen.append(file)
            assert claiming.claim(written.extend) == 0  # its own lock comes first
        lock(file, how)

    monkeypatch.setattr(module.fcntl, "flock", flock)
    beginning.keep(rows)
    assert len(list(folder.iterdir())) == 1
    die(beginning)
    assert claiming.claim(written.extend) == 1
    assert written == rows


def test_a_line_that_was_cut_off_by_the_kill_was_promised_to_nobody(folder):
    dying, rows, written = spool_in(folder), finals(2), []
    dying.keep(rows)
    os.truncate(dying._path, dying._path.stat().st_size - 1)
    die(dying)
    assert spool_in(folder).claim(written.extend) == 1
    assert written == rows[:1]


@pytest.mark.parametrize(
    "line", [b"\xff\n", b"{}\n", b"[]\n", b"null\n", b'{"id": 3}\n', b"[" * 5000 + b"\n"]
)
def test_a_line_that_cannot_be_read_is_put_aside_and_stops_nothing(folder, line):
    dying, rows, written = spool_in(folder), finals(2), []
    dying.keep(rows[:1])
    os.write(dying._file, line)
    dying.keep(rows[1:])
    die(dying)
    assert spool_in(folder).claim(written.extend) == 2
    assert written == rows
    assert (folder / REJECTED).read_bytes() == line


def test_a_row_that_the_database_refuses_is_put_aside_and_stops_nothing(folder):
    spool, rows, written = spool_in(folder), finals(3), []
    spool.keep(rows)

    def write(some):
        if rows[1] in some:
            raise ValueError("not this one")
        written.extend(some)

    assert spool.replay(write) == 3
    assert written == [rows[0], rows[2]]
    assert str(rows[1][0].hex) in (folder / REJECTED).read_text()
    assert spool.rows == 0


def test_without_a_folder_nothing_is_claimed(folder):
    assert spool_in(folder).claim(away) == 0


# -- and the book --


@pytest.mark.django_db(transaction=True)
def test_a_row_that_was_taken_for_interrupted_is_put_right_and_charged_once(folder):
    instance = Instance.objects.create(lease_expires_at=timezone.now() - timedelta(seconds=1))
    row = Prompt.objects.create(
        id=uuid7(),
        created_at=timezone.now(),
        instance_id=instance.id,
        outcome="interrupted",
        model="parrot",
        request_id="r",
        policy="default@1",
    )
    subject = uuid4()
    dying = spool_in(folder)
    dying.keep([(row.id, Result(Outcome.ANSWERED, charge=Charge((subject,), 5)))] * 2)
    die(dying)
    assert spool_in(folder).claim(write) == 2
    assert Prompt.objects.get(id=row.id).outcome == "answered"
    assert usage.in_month(usage.this_month(), [subject])[subject].tokens == 5
