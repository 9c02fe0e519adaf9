"""
Fills a PostgreSQL book by SQL: millions of rows over the past year, a partition for each month.

Words are drawn by Zipf's law (the probability of the n-th is as 1/n) from 80,000, about 30 a row, so that the
commonest is in most rows and the rarest in about 0.003 % of them. Users, models, rules and outcomes are as
uneven as below. A month is filled before its indexes are made, and two months at once.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

DAYS = 365
USERS = 500
WORDS = 80_000
RARE = "penguins"  # a word that is in one of 50,000 rows

WORD = f"translate(floor(exp(random() * ln({WORDS})))::int::text, '0123456789', 'aeioubdklm')"
ROWS = f"""
INSERT INTO {{table}} (id, created_at, finished_at, user_id, key_id, instance_id, request_id, outcome,
    model, policy, prompt, system, parts, response, choices, findings, rules, finish_reason, prompt_tokens,
    completion_tokens, cached_tokens, cached, queue_ms, first_token_ms, total_ms, is_tallied, is_searchable)
SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000'
        || '8' || lpad(to_hex(n), 15, '0'))::uuid,
    at, at + interval '1 second', users[who], CASE WHEN who %% 2 = 0 THEN users[who] END, users[1],
    'request-' || n,
    CASE WHEN dice < 0.97 THEN 'answered' WHEN dice < 0.98 THEN 'blocked' WHEN dice < 0.985 THEN 'truncated'
        WHEN dice < 0.995 THEN 'cancelled' WHEN dice < 0.9999 THEN 'failed' ELSE 'not_scanned' END,
    CASE WHEN n %% 100000 = 0 THEN 'hardly-used' WHEN n < %(rows)s / 6 AND n %% 5 = 0 THEN 'retired'
        WHEN n %% 3 = 0 THEN 'smollm2-135m' ELSE 'llama-3.1-8b' END,
    'default@1',
    (SELECT string_agg({WORD}, ' ') FROM generate_series(1, 3 + n %% 17))
        || CASE WHEN n %% 50000 = 0 THEN ' {RARE}' ELSE '' END,
    '', '[]',
    (SELECT string_agg({WORD}, ' ') FROM generate_series(1, 5 + n %% 29)),
    '[]',
    CASE WHEN rules = '[]' THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_object('rule', rules -> 0,
        'direction', 'prompt', 'part', '/prompt', 'start', 0, 'end', 9, 'output_start', 0, 'output_end', 9,
        'action', 'mask', 'score', 0.9, 'version', 1)) END,
    rules, 'stop', 40, 60, 0, n %% 20 = 0, 0.1, 50, 200 + 4000 * dice * dice, true, true
FROM (
    SELECT n, %(users)s::uuid[] AS users, random() AS dice,
        %(start)s::timestamptz + (%(days)s * interval '1 day') * (n::float8 / %(rows)s) AS at,
        1 + floor(exp(random() * ln({USERS})))::int %% {USERS} AS who,
        CASE WHEN n %% 10000 = 3 THEN '["iban"]' WHEN n %% 1000 = 2 THEN '["phone"]'
            WHEN n %% 100 = 1 THEN '["email"]' ELSE '[]' END::jsonb AS rules
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
) AS drawn
"""
TALLIES = """
INSERT INTO prompts_hourlytally (hour, user_id, key_id, model, outcome, prompts, cached, prompt_tokens,
    completion_tokens, total_le_500, total_le_2000, first_le_50)
SELECT date_trunc('hour', created_at, 'UTC'), user_id,
    coalesce(key_id, '00000000-0000-0000-0000-000000000000'), model, outcome,
    count(*), count(*) FILTER (WHERE cached), sum(prompt_tokens), sum(completion_tokens),
    count(*) FILTER (WHERE total_ms <= 500), count(*) FILTER (WHERE total_ms > 500), count(*)
FROM {table} GROUP BY 1, 2, 3, 4, 5
"""


def word(number: int) -> str:
    """The word that is drawn with the `number`-th probability, as the database spells it."""
    return str(number).translate(str.maketrans("0123456789", "aeioubdklm"))


def fill(rows: int) -> None:
    """Makes users 0 to USERS - 1 and their rows; the first asked most."""
    from django.db import connection

    from accounts.models import User
    from prompts import partitions

    users = [User(email=f"user{n}@example.org", password="!") for n in range(USERS)]
    User.objects.bulk_create(users)
    now = datetime.now(UTC)
    values = {
        "rows": rows,
        "days": DAYS,
        "start": now - timedelta(days=DAYS),
        "users": [user.pk for user in users],
    }
    months = [
        month
        for number in range(14)
        if (month := partitions.Month.of(values["start"]).after(number)) <= partitions.Month.of(now)
    ]
    began = time.monotonic()
    for old in partitions.partitions():  # what the migration made holds all of the past, and of the month
        if old.since is None or old.since < partitions.Month.of(now).after().since:
            partitions.drop(old, record=lambda rows: None)
    with ThreadPoolExecutor(2) as workers:
        for table in workers.map(lambda month: _fill_month(month, values), months):
            print(f"{table}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE prompts_hourlytally")


def _fill_month(month: Any, values: dict[str, Any]) -> str:
    """A partition, rows and indexes and all. Its name."""
    from django.db import connection

    from prompts.partitions import TABLE

    table, bounds = f"{TABLE}_{month}", f"('{month.since}') TO ('{month.after().since}')"
    first, last = _numbers(month, values)
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(f"CREATE TABLE {table} (LIKE {TABLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        cursor.execute(ROWS.format(table=table), {**values, "first": first, "last": last})
        cursor.execute(TALLIES.format(table=table))
        cursor.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
        cursor.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index "
            "WHERE indrelid = %s::regclass AND NOT indisprimary",
            [TABLE],
        )
        for (definition,) in cursor.fetchall():
            cursor.execute(f"CREATE INDEX ON {table} USING {definition.split(' USING ', 1)[1]}")
        cursor.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {table} FOR VALUES FROM {bounds}")
        cursor.execute(f"VACUUM (FREEZE, ANALYZE) {table}")
    connection.close()
    return table


def _numbers(month: Any, values: dict[str, Any]) -> tuple[int, int]:
    """The first and the last row of a month."""
    from prompts.ids import instant

    def number(id: UUID) -> int:
        share = (instant(id) - values["start"]) / timedelta(days=DAYS)
        return round(min(max(share, 0), 1) * values["rows"])

    return number(month.since) + 1, number(month.after().since) - 1
