"""How much work something is, on a machine whose processors others use too."""

import time
from collections.abc import Callable

import pytest

# What the yardstick took where limits of tests were set: two shared x86-64 cores, Python 3.11.
YARDSTICK_SECONDS = 0.0075
TRIES = 8


def processor_seconds(work: Callable[[], object]) -> float:
    """What a piece of work takes of this thread's processor time."""
    since = time.thread_time()
    work()
    return time.thread_time() - since


def yardstick() -> float:
    """Processor seconds of a little work that is always the same."""

    def count() -> None:
        total = 0
        for number in range(200_000):
            total += number & 7

    return processor_seconds(count)


def assert_affordable(measure: Callable[[], tuple[float, ...]], *limits: float) -> None:
    """Fails where none of a few tries stays under the limits, in processor seconds, one for each figure.

    A machine that others use is slower, so limits grow with what the yardstick takes at the moment; one try
    shows that the work is affordable.
    """
    for _ in range(TRIES):
        before = yardstick()
        spent = measure()
        slower = max(1.0, min(before, yardstick()) / YARDSTICK_SECONDS)
        if all(took < limit * slower for took, limit in zip(spent, limits, strict=True)):
            return
    pytest.fail(
        f"{spent} s of processor time; {limits} are allowed, and the machine is {slower:.1f} times slower"
    )
