"""
What `prompts.statistics.tallies` does, on PostgreSQL and where the rows are: nothing of them is read. It is
for rows that are counted behind the prompts, by a process that has better things to do.
"""

from collections.abc import Sequence
from functools import cache
from uuid import UUID

from django.db import connection

from accounts import counters
from prompts.models import NOBODY, HourlyFindings, HourlyTally, Prompt
from prompts.statistics.latency import BOUNDS_MS, PLACES
from prompts.statistics.tallies import FINDINGS_COUNTS, FINDINGS_KEY, MARK, TALLY_COUNTS, TALLY_KEY

BOOK = Prompt._meta.db_table
HOUR = "date_trunc('hour', created_at, 'UTC')"
USER = f"coalesce(user_id, '{NOBODY}')"
KEY = f"coalesce(key_id, '{NOBODY}')"


def count(ids: Sequence[UUID]) -> None:
    """Counts rows that have ended and whose locks the caller holds, at the end of his transaction."""
    if not ids:
        return
    with connection.cursor() as cursor:
        for statement in _statements():
            cursor.execute(statement, [list(ids)])


@cache
def _statements() -> tuple[str, str]:
    """As `tallies` writes them: the prompts first, what is new in the order of its key. Names come from our
    models, and the rows' ids travel apart."""
    sums = {name: f"sum({name})" for name in TALLY_COUNTS if name.endswith("_tokens")}
    sums |= {"prompts": "count(*)", "cached": "count(*) FILTER (WHERE cached)"}
    for kind, column in (("total", "total_ms"), ("first", "first_token_ms")):
        sums |= {f"{kind}_{at}": _within(column, at) for at in PLACES}
    prompts = (
        f"SELECT {HOUR}, {USER}, {KEY}, model, outcome, {', '.join(sums[name] for name in TALLY_COUNTS)} "  # noqa: S608  # nosec B608
        f"FROM {BOOK} WHERE id = ANY (%s) GROUP BY 1, 2, 3, 4, 5 "
        'ORDER BY 1, 2, 3, model COLLATE "C", outcome COLLATE "C"'
    )
    names = ", ".join(f"coalesce(one->>'{name}', '') AS {name}" for name in FINDINGS_KEY[2:])
    findings = (
        f"SELECT hour, user_id, rule, direction, action, count(DISTINCT id), count(*) "  # noqa: S608  # nosec B608
        f"FROM (SELECT id, {HOUR} AS hour, {USER} AS user_id, {names} "
        f"FROM {BOOK}, jsonb_array_elements(findings) AS one "
        "WHERE id = ANY (%s) AND erased_at IS NULL) AS found GROUP BY 1, 2, 3, 4, 5 "
        'ORDER BY 1, 2, rule COLLATE "C", direction COLLATE "C", action COLLATE "C"'
    )
    return (
        counters.statement(HourlyTally, TALLY_KEY, TALLY_COUNTS, source=prompts, takes_off=MARK),
        counters.statement(HourlyFindings, FINDINGS_KEY, FINDINGS_COUNTS, source=findings, takes_off=MARK),
    )


def _within(column: str, at: str) -> str:
    """How many are at this place, as `latency.place` says of each. An answer of the cache is at none."""
    bounds = dict(zip(PLACES, zip((None, *BOUNDS_MS), (*BOUNDS_MS, None), strict=True), strict=True))
    above, until = bounds[at]
    conditions = ["NOT cached", f"{column} IS NOT NULL"]
    conditions += [f"{column} > {above}"] if above is not None else []
    conditions += [f"{column} <= {until}"] if until is not None else []
    return f"count(*) FILTER (WHERE {' AND '.join(conditions)})"
