"""
Latencies as counts between fixed bounds, which can be added up over hours, users and processes, and what
percentiles such counts tell. Knows no database.

A percentile is interpolated between two bounds, on a logarithmic scale: it is as exact as its bounds are
close, at most a factor of 2.5 apart.
"""

from bisect import bisect_left
from collections.abc import Sequence

# Upper bounds, inclusive, in milliseconds. What is longer than the last has a place of its own.
BOUNDS_MS = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
PLACES = (*(f"le_{bound}" for bound in BOUNDS_MS), "over")


def place(milliseconds: float) -> str:
    """The name of the place that a latency is counted at."""
    return PLACES[bisect_left(BOUNDS_MS, milliseconds)]


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The latency that `share` of those counted (0 to 1) stay within, in milliseconds; None where nothing
    was counted. `counts` are in the order of PLACES. Beyond the last bound there is only that bound to tell.
    """
    wanted = share * sum(counts)
    if wanted <= 0:
        return None
    before = 0
    for number, count in enumerate(counts):
        if count and before + count >= wanted:
            if number == len(BOUNDS_MS):
                break
            upper = BOUNDS_MS[number]
            lower = BOUNDS_MS[number - 1] if number else upper / 2
            return float(round(lower * (upper / lower) ** ((wanted - before) / count), 1))
        before += count
    return float(BOUNDS_MS[-1])
