"""
The statistics of a year of prompts without the prompts: tallies and findings, drawn and counted by
PostgreSQL, and their sums.

Users and models are as uneven as in `filling`; two prompts in five have a finding, of one of twelve rules.
"""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from benchmarks.books.filling import DAYS, USERS
from benchmarks.books.pages import STATISTICS, Ask

DRAWN = f"""
WITH drawn AS (
    SELECT date_trunc('hour', %(start)s::timestamptz
            + (%(days)s * interval '1 day') * (n::float8 / %(rows)s), 'UTC') AS hour,
        1 + floor(exp(random() * ln({USERS})))::int %% {USERS} AS who,
        random() AS dice, random() AS other, n
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
)
"""
TALLIES = f"""{DRAWN}
INSERT INTO prompts_hourlytally AS there (hour, user_id, key_id, model, outcome, prompts, cached,
    prompt_tokens, completion_tokens, total_le_500, total_le_2000, total_le_5000, first_le_50)
SELECT hour, (%(users)s::uuid[])[who], CASE WHEN who %% 2 = 0 THEN (%(users)s::uuid[])[who]
        ELSE '00000000-0000-0000-0000-000000000000' END,
    CASE WHEN n < %(rows)s / 6 AND n %% 5 = 0 THEN 'retired' WHEN n %% 3 = 0 THEN 'smollm2-135m'
        ELSE 'llama-3.1-8b' END AS model,
    CASE WHEN dice < 0.97 THEN 'answered' WHEN dice < 0.98 THEN 'blocked' WHEN dice < 0.985 THEN 'truncated'
        WHEN dice < 0.995 THEN 'cancelled' ELSE 'failed' END AS outcome,
    count(*), count(*) FILTER (WHERE n %% 20 = 0), 40 * count(*), 60 * count(*),
    count(*) FILTER (WHERE other < 0.3), count(*) FILTER (WHERE other BETWEEN 0.3 AND 0.8),
    count(*) FILTER (WHERE other > 0.8), count(*)
FROM drawn GROUP BY hour, who, 4, 5
ON CONFLICT (hour, user_id, key_id, model, outcome) DO UPDATE SET prompts = there.prompts + EXCLUDED.prompts
"""
FINDINGS = f"""{DRAWN}
INSERT INTO prompts_hourlyfindings AS there (hour, user_id, rule, direction, action, prompts, findings)
SELECT hour, (%(users)s::uuid[])[who], 'rule-' || floor(12 * other * other)::int AS rule,
    CASE WHEN n %% 3 = 0 THEN 'answer' ELSE 'prompt' END AS direction,
    CASE WHEN n %% 5 = 0 THEN 'flag' ELSE 'mask' END AS action, count(*), 2 * count(*)
FROM drawn WHERE dice < 0.4 GROUP BY hour, who, 3, 4, 5
ON CONFLICT (hour, user_id, rule, direction, action) DO UPDATE SET prompts = there.prompts + EXCLUDED.prompts
"""
PIECES = 50


def fill(rows: int) -> None:
    """Makes users, and what was counted of so many prompts of theirs. Nothing is in its sums yet."""
    from django.db import connection

    from accounts.models import User

    users = [User(email=f"user{n}@example.org", password="!") for n in range(USERS)]
    User.objects.bulk_create(users)
    values = {
        "rows": rows,
        "days": DAYS,
        "start": datetime.now(UTC) - timedelta(days=DAYS),
        "users": [user.pk for user in users],
    }

    def draw(statement: str) -> None:
        with connection.cursor() as cursor:
            for piece in range(PIECES):
                some = {"first": rows * piece // PIECES + 1, "last": rows * (piece + 1) // PIECES}
                cursor.execute(statement, {**values, **some})
        connection.close()

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(draw, (TALLIES, FINDINGS)))
    vacuum()


def sum_up() -> None:
    """As the gateway's thread does, without its pauses."""
    from django.utils import timezone

    from prompts.statistics import summing

    before = time.monotonic()
    summing.PAUSE_SECONDS = 0
    summing.catch_up(threading.Event())
    left = sum(1 for _ in summing.days(until=timezone.now()))
    print(f"summed up in {time.monotonic() - before:.0f} s, {left} days left", file=sys.stderr, flush=True)
    vacuum()


def vacuum() -> None:
    from django.db import connection

    names = ("hourlytally", "hourlyfindings", "summedtally", "summedfindings", "summedasker")
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"VACUUM ANALYZE prompts_{name}")
            cursor.execute(
                f"SELECT count(*), pg_total_relation_size('prompts_{name}') / 1000000 FROM prompts_{name}"
            )
            print(name, *cursor.fetchone(), "MB", file=sys.stderr, flush=True)


def pages(root: Any, some: Any) -> dict[str, Ask]:
    """The page and the API over short and long spans: everybody's, and those of one user."""
    from django.test import Client

    from accounts.sessions import open_session

    office = Client(headers={"Host": "localhost"})
    office.force_login(root)
    desk = Client(headers={"Authorization": f"Bearer {open_session(root).access}", "Host": "localhost"})
    now = datetime.now(UTC)

    def span(days: int, until: int = 0, **more: str) -> dict[str, str]:
        return {
            "since": (now - timedelta(days=until + days)).isoformat(),
            "until": (now - timedelta(days=until)).isoformat(),
            **more,
        }

    asked: dict[str, dict[str, str]] = {
        **{f"the past {name}": {"span": name} for name in ("day", "week", "month", "year")},
        "90 days, half a year ago": span(90, 150),
        "5 days, half a year ago": span(5, 150),
    }
    found: dict[str, Ask] = {}
    for whose, user in (("", {}), (", one user", {"user": str(some.pk)})):
        for name, query in asked.items():
            found[f"page: {name}{whose}"] = _ask(office, STATISTICS, {**query, **user})
        for name, query in {
            "a week by the hour": span(7, step="hour"),
            "a month by the hour": span(30, step="hour"),
            "a year by the day": span(365, step="day"),
            "a year by the week": span(365, step="week"),
        }.items():
            found[f"API: {name}{whose}"] = _ask(desk, "/api/statistics", {**query, **user})
    return found


def _ask(client: Any, path: str, query: dict[str, str]) -> Ask:
    return lambda number: (client, f"{path}?{urlencode(query)}", {})
