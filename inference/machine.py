"""
What this machine, or the container around this process, has to give: memory and cores. Read from the kernel
(man 5 proc; cgroup v2 and v1, as the kernel's own documentation describes them); no library does it.
"""

import os
from pathlib import Path

# What is left to the rest of the house when the memory for models is not set: the web side, the stores'
# clients, and the page cache.
RESERVE_BYTES = 256 << 20
RESERVE_SHARE = 0.1
# cgroup v1 says "no limit" with a number near 2**63.
UNLIMITED = 1 << 60


def budget_bytes(free_bytes: int) -> int:
    """What models may take of so much free memory."""
    return max(0, free_bytes - max(RESERVE_BYTES, int(free_bytes * RESERVE_SHARE)))


def free_bytes(root: Path = Path("/")) -> int:
    """Memory that this process could still take: the machine's, or what its cgroups leave if that is less;
    without bounds where nothing says."""
    found = [size for size in (_machine(root), _cgroup_v2(root), _cgroup_v1(root)) if size is not None]
    return max(0, min(found, default=UNLIMITED))


def cores(root: Path = Path("/")) -> int:
    """Cores that this process may use: its affinity, or its cgroups' CPU quota if less; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, *(_quotas(root) or [allowed])))


def _machine(root: Path) -> int | None:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    try:  # not Linux: half of what there is
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (OSError, ValueError):
        return None


def _folders(root: Path) -> list[Path]:
    """This process's folder in the unified hierarchy and those above it: a limit of any of them holds."""
    base = root / "sys/fs/cgroup"
    own = next(
        (line[3:] for line in _read(root / "proc/self/cgroup").splitlines() if line.startswith("0::")), "/"
    )
    folder = base / own.strip("/")
    above = [folder, *folder.parents]
    return [path for path in above if path == base or base in path.parents]


def _cgroup_v2(root: Path) -> int | None:
    left = []
    for folder in _folders(root):
        limit, used = _number(folder / "memory.max"), _number(folder / "memory.current")
        if limit is not None and used is not None:
            # Pages of files that were read once are counted as used, and given up when memory is short.
            left.append(limit - used + _field(folder / "memory.stat", "inactive_file"))
    return min(left, default=None)


def _cgroup_v1(root: Path) -> int | None:
    folder = root / "sys/fs/cgroup/memory"
    limit = _number(folder / "memory.limit_in_bytes")
    used = _number(folder / "memory.usage_in_bytes")
    if limit is None or used is None or limit > UNLIMITED:
        return None
    return limit - used + _field(folder / "memory.stat", "total_inactive_file")


def _quotas(root: Path) -> list[int]:
    found = []
    for folder in _folders(root):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if quota.strip().isdigit() and period.strip().isdigit():
            found.append(int(quota) // int(period))
    v1 = root / "sys/fs/cgroup/cpu"
    quota_us, period_us = _number(v1 / "cpu.cfs_quota_us"), _number(v1 / "cpu.cfs_period_us")
    if quota_us is not None and quota_us > 0 and period_us:
        found.append(quota_us // period_us)
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _read(path).strip()
    return int(text) if text.lstrip("-").isdigit() else None


def _field(path: Path, name: str) -> int:
    for line in _read(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.strip().isdigit():
            return int(value)
    return 0
