"""Memory and cores, as the kernel tells them."""

import os

import pytest

from inference import machine
from inference.fitting import Model, fitting_slots

MIB = 1 << 20
GIB = 1 << 30


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Writes files below a root of our own."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_DOT_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    write(proc__meminfo=f"MemTotal: 99 kB\nMemAvailable: {8 << 20} kB\n")
    return write


def test_the_machines_own_memory_counts_where_nothing_limits_it(kernel):
    assert machine.free_bytes(kernel()) == 8 * GIB


def test_a_containers_limit_counts_and_what_can_be_given_up_does_not(kernel):
    root = kernel(
        sys__fs__cgroup__memory_DOT_max=f"{2 * GIB}\n",
        sys__fs__cgroup__memory_DOT_current=f"{GIB}\n",
        sys__fs__cgroup__memory_DOT_stat=f"anon 5\ninactive_file {256 * MIB}\n",
    )
    assert machine.free_bytes(root) == GIB + 256 * MIB


def test_the_narrowest_of_the_groups_above_counts(kernel):
    root = kernel(
        proc__self__cgroup="1:cpu:/x\n0::/outer/inner\n",
        sys__fs__cgroup__outer__memory_DOT_max=f"{GIB}",
        sys__fs__cgroup__outer__memory_DOT_current="0",
        sys__fs__cgroup__outer__inner__memory_DOT_max="max",
        sys__fs__cgroup__outer__inner__memory_DOT_current="0",
        sys__fs__cgroup__outer__inner__cpu_DOT_max="250000 100000\n",
        sys__fs__cgroup__outer__cpu_DOT_max="max 100000\n",
    )
    assert machine.free_bytes(root) == GIB
    assert machine.cores(root) == 2


def test_the_older_kind_of_groups_is_read_too(kernel):
    root = kernel(
        sys__fs__cgroup__memory__memory_DOT_limit_in_bytes=f"{GIB}",
        sys__fs__cgroup__memory__memory_DOT_usage_in_bytes=f"{256 * MIB}",
        sys__fs__cgroup__cpu__cpu_DOT_cfs_quota_us="50000",
        sys__fs__cgroup__cpu__cpu_DOT_cfs_period_us="100000",
    )
    assert machine.free_bytes(root) == 768 * MIB
    assert machine.cores(root) == 1
    kernel(
        sys__fs__cgroup__memory__memory_DOT_limit_in_bytes="9223372036854771712",
        sys__fs__cgroup__cpu__cpu_DOT_cfs_quota_us="-1",
    )
    assert machine.free_bytes(root) == 8 * GIB
    assert machine.cores(root) == 8


def test_something_is_kept_for_the_rest_of_the_house():
    assert machine.budget_bytes(2 * GIB) == 2 * GIB - 256 * MIB
    assert machine.budget_bytes(20 * GIB) == 18 * GIB
    assert machine.budget_bytes(100 * MIB) == 0


def model(weights, slot=1, **more):
    return Model(lambda slots: weights + slot * slots, **more)


@pytest.mark.parametrize(
    ("models", "budget", "slots"),
    [
        ([model(10)], 100, 16),
        ([model(10)], 20, 10),
        ([model(10)], 5, 1),
        ([model(10, slots=2)], 12, 16),  # its own number; nobody asks for the other
        ([model(10), model(10)], 30, 5),  # both together
        ([model(10), model(10)], 27, 16),  # in turns, so each may have more
        ([model(10), model(10)], 20, 10),
        ([model(10, pinned=True), model(10)], 26, 3),  # beside the pinned one
        ([model(10, slots=1), model(10)], 27, 6),
    ],
)
def test_models_that_leave_it_open_get_as_many_slots_as_fit(models, budget, slots):
    assert fitting_slots(models, budget) == slots
