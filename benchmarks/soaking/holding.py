"""
What a server holds while it is under load: memory and open files over time, and in the end what is still in
progress and what the book says.
"""

import os
import statistics
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from benchmarks.serving.machine import group, resident_mb
from benchmarks.serving.servers import Contender

SETTLED_SECONDS = 20
HELD = (
    "gateway_prompts_in_progress",
    "gateway_prompts_in_line",
    "gateway_journal_waiting_rows",
    "gateway_server_running_requests",
    "gateway_server_outstanding_tokens",
)


@dataclass(slots=True)
class Holding:
    """Samples of one run, the first when the load had warmed it up."""

    at: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    files: list[float] = field(default_factory=list)

    def look(self, server: int) -> None:
        memory = resident_mb(server)
        if memory is not None:
            self.at.append(time.monotonic())
            self.resident_mb.append(memory)
            self.files.append(float(open_files(server)))


def open_files(leader: int) -> int:
    """Of the processes of a group."""
    count = 0
    for pid in group(leader):
        try:
            count += len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            continue
    return count


def growth(values: Sequence[float], *, least: float = 0.0) -> float:
    """How much more the last quarter is than the second: the first is warming up. A share of that, or of
    `least`, where it is less."""
    if len(values) < 8:
        return 0.0
    quarter = len(values) // 4
    before = statistics.median(values[quarter : 2 * quarter])
    return (statistics.median(values[-quarter:]) - before) / max(before, least)


def slope_an_hour(at: Sequence[float], values: Sequence[float]) -> float:
    """By least squares, without the first quarter."""
    first = len(values) // 4
    if len(values) - first < 2:
        return 0.0
    return statistics.linear_regression(at[first:], values[first:]).slope * 3600


def still_held(contender: Contender) -> dict[str, float]:
    """What is in progress now, by metric: nothing, when nobody asks any more."""
    with urllib.request.urlopen(f"http://127.0.0.1:{contender.port}/metrics", timeout=30) as page:
        lines = [line for line in page.read().decode().splitlines() if line.startswith(HELD)]
    samples = ((name, float(value)) for name, _, value in (line.rpartition(" ") for line in lines))
    return {name: value for name, value in samples if value}


def settled(contender: Contender) -> dict[str, float]:
    """The same, once nothing is held, or after so long."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while (held := still_held(contender)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return held


@dataclass(frozen=True, slots=True)
class Book:
    """Rows of it: all, those answered, those in progress, and requests with more than one."""

    rows: int
    answered: int
    accepted: int
    twice: int


QUERY = """
SELECT count(*), count(*) FILTER (WHERE outcome IN ('answered', 'truncated')),
       count(*) FILTER (WHERE outcome = 'accepted'), count(*) - count(DISTINCT request_id)
FROM prompts_prompt
"""


def book(database_url: str) -> Book:
    with psycopg.connect(database_url) as connection:
        row = connection.execute(QUERY).fetchone()
    assert row is not None
    return Book(*row)
