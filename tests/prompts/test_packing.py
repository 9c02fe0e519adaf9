"""Arrays in PostgreSQL's binary format: whatever was packed is what PostgreSQL reads."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from prompts.packing import Packed, PackedDumper, UnpackableError, pack

COLUMNS = {
    "boolean": [True, None, False],
    "integer": [0, -(2**31), 2**31 - 1, None],
    "bigint": [0, -(2**63), 2**63 - 1, None],
    "double precision": [0.0, -1.5, 1e308, float("inf"), None],
    "text": ["", "NULL", '{"a\\', "é\u200d漢\U0001f600", "a" * 100_000, None],
    "varchar": ["", "{}", None],
    "uuid": [UUID(int=0), UUID(int=2**128 - 1), None],
    "timestamp with time zone": [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2000, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-9, minutes=-30))),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        None,
    ],
}


@pytest.fixture
def line(db):
    connection.ensure_connection()
    connection.connection.adapters.register_dumper(Packed, PackedDumper)
    return psycopg.Cursor(connection.connection)


def read(line, kind, column):
    line.execute(f"SELECT unnest(%s::{kind}[])", [pack(kind, column)])
    return [row[0] for row in line.fetchall()]


@pytest.mark.postgres
@pytest.mark.parametrize("kind", COLUMNS)
def test_what_is_packed_is_what_is_read(line, kind):
    assert read(line, kind, COLUMNS[kind]) == COLUMNS[kind]
    assert read(line, kind, []) == []


@pytest.mark.postgres
def test_lists_become_json_and_an_empty_one_too(line):
    column = [[], (), [{"rule": '"\\é', "score": 0.25}], ({"none": None},)]
    made = pack("jsonb", column)
    line.execute("SELECT unnest(%s::jsonb[])::text", [made])
    assert [row[0] for row in line.fetchall()] == [
        "[]",
        "[]",
        '[{"rule": "\\"\\\\é", "score": 0.25}]',
        '[{"none": null}]',
    ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "a\0b"),
        ("varchar", "\ud800"),
        ("jsonb", ["\ud800"]),
        ("integer", 2**31),
        ("bigint", -(2**63) - 1),
        ("integer", 1.5),
    ],
)
def test_what_the_type_does_not_have_is_refused_before_it_is_sent(kind, value):
    with pytest.raises(UnpackableError):
        pack(kind, [value])
