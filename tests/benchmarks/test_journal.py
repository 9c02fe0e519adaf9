"""The parts of the journal's benchmark that could be wrong without anybody seeing it."""

import asyncio
from contextlib import closing

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection

from benchmarks import journal as benchmark
from benchmarks.booking.rows import Client, asked
from benchmarks.booking.samples import Bare, Groups, alone, crowd, write
from benchmarks.relaying.texts import SIZE, Letters
from prompts.leases import Lease
from prompts.models import Prompt
from prompts.writer import DatabaseJournal

DIFFERENT = {"id", "created_at", "finished_at", "instance_id", "request_id", "prompt", "response"}


@pytest.fixture
def bare(transactional_db):
    told = connection.get_connection_params()
    where = {name: told[name] for name in ("host", "port", "user", "dbname")}
    with psycopg.connect(**where, password=told.get("password"), autocommit=True) as opened:
        yield Bare(opened)


@pytest.fixture
def watched(transactional_db, tmp_path):
    groups = Groups()
    opened = DatabaseJournal(Lease(None), spool=tmp_path / "spool", watches=[groups])
    opened.open()
    with closing(opened):
        yield opened, groups


def test_prompts_and_answers_have_their_size_and_two_findings_each():
    one = asked(Client.new(), Letters(1))
    assert len(one.entry.prompt) == len(one.result.response) == SIZE
    assert len(one.entry.findings) == 2
    assert [found["direction"] for found in one.result.findings] == ["prompt"] * 2 + ["answer"] * 2


@pytest.mark.postgres
async def test_the_bare_statements_leave_the_row_that_the_journal_leaves(bare, watched):
    client, letters = Client.new(), Letters(1)
    ours, theirs = asked(client, letters), asked(client, letters)
    await write(watched[0], ours)
    await asyncio.to_thread(bare.write, bare.prepared([theirs])[0])
    rows = [{name: value async for name, value in _fields(one.entry.id)} for one in (ours, theirs)]
    assert rows[0] == rows[1]


async def _fields(id):
    row = await Prompt.objects.aget(id=id)
    for field in Prompt._meta.concrete_fields:
        if field.name not in DIFFERENT:
            yield field.name, getattr(row, field.attname)


@pytest.mark.postgres
async def test_a_round_has_a_figure_for_every_bar_and_every_line(bare, watched, capsys):
    journal, groups = watched
    letters = Letters(2)
    found = {
        "alone": await alone(journal, bare, letters, prompts=4),
        "crowd": await crowd(journal, bare, letters, prompts=128, groups=groups),
    }
    assert found["crowd"]["ours"]["missing"] == 0
    assert found["crowd"]["ours"]["group_rows"] > 1
    kept = benchmark.report(
        {name: {who: [one] for who, one in taken.items()} for name, taken in found.items()}
    )
    assert {verdict["figure"] for one in kept.values() for verdict in one["verdicts"]} == {
        "added_ms",
        "gain",
        "missing",
    }
    assert all(verdict["value"] is not None for one in kept.values() for verdict in one["verdicts"])
    assert await sync_to_async(Prompt.objects.count)() == 4 + 4 + 128 + 128 // 8


def test_without_a_database_it_says_so(monkeypatch, capsys):
    monkeypatch.delenv("BENCH_DATABASE_URL", raising=False)
    assert benchmark.main([]) == 2
    assert "scripts/bench" in capsys.readouterr().err
