"""Connections of a worker are bounded. tests/faults shows over sockets what becomes of idle ones."""

import resource
from types import SimpleNamespace

import pytest

from gateway import worker
from gateway.worker import MOST_CONNECTIONS, OTHER_FILES, Worker, most_connections


class Caller:
    """A connection that is idle, or is not."""

    def __init__(self, *, is_idle):
        self.is_idle = is_idle
        self.is_closed = False

    def close_if_idle(self):
        self.is_closed = self.is_idle
        return self.is_idle


@pytest.fixture
def full():
    """A worker with places for three, which three have: two of them idle."""
    made = Worker.__new__(Worker)
    made.connections, made.worker_connections = {}, 3
    callers = [Caller(is_idle=False), Caller(is_idle=True), Caller(is_idle=True)]
    for caller in callers:
        assert made.let_in(caller)
    return made, callers


def test_one_more_takes_the_place_of_the_one_that_has_been_idle_for_longest(full):
    made, (busy, oldest, other) = full
    new = Caller(is_idle=True)
    assert made.let_in(new)
    assert list(made.connections) == [busy, other, new]
    assert oldest.is_closed
    assert not other.is_closed


def test_where_nobody_is_idle_one_more_is_not_let_in(full):
    made, callers = full
    for caller in callers:
        caller.is_idle = False
    assert not made.let_in(Caller(is_idle=True))
    assert len(made.connections) == 3
    assert not any(caller.is_closed for caller in callers)


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised_to"),
    [
        (1024, 1 << 20, MOST_CONNECTIONS, 2 * MOST_CONNECTIONS + OTHER_FILES),
        (1024, 4096, (4096 - OTHER_FILES) // 2, 4096),
        (1 << 20, 1 << 20, MOST_CONNECTIONS, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, MOST_CONNECTIONS, None),
        (64, 64, 16, None),
    ],
)
def test_there_are_as_many_as_there_are_files_for(monkeypatch, soft, hard, connections, raised_to):
    limits = SimpleNamespace(
        RLIMIT_NOFILE=resource.RLIMIT_NOFILE,
        RLIM_INFINITY=resource.RLIM_INFINITY,
        getrlimit=lambda which: (soft, hard),
        set_to=[],
    )
    limits.setrlimit = lambda which, pair: limits.set_to.append(pair[0])
    monkeypatch.setattr(worker, "resource", limits)
    assert most_connections() == connections
    assert limits.set_to == ([raised_to] if raised_to else [])
