"""
Who used the processor while a sample was taken: the server, this process, and whoever else is on the machine.

From Linux's /proc; elsewhere nothing is known, and nothing is said.
"""

import os
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


class Usage:
    """Begins when it is made. `cores` is what each has used since then, in cores."""

    def __init__(self, server: int | None) -> None:
        self._server = server
        self._started = time.perf_counter()
        self._before = self._seconds()

    def cores(self) -> dict[str, float]:
        seconds = time.perf_counter() - self._started
        used = {
            name: (now - before) / seconds
            for (name, before), now in zip(self._before.items(), self._seconds().values(), strict=True)
        }
        known = used["load_cores"] + used.get("server_cores", 0.0)
        if "all_cores" in used:
            used["other_cores"] = max(0.0, used.pop("all_cores") - known)
        return used

    def _seconds(self) -> dict[str, float]:
        found = {"load_cores": time.process_time()}
        if (PROC / "stat").exists():
            if self._server is not None:
                found["server_cores"] = sum(_process_seconds(pid) for pid in group(self._server))
            found["all_cores"] = _machine_seconds()
        return found


def group(leader: int) -> list[int]:
    """The processes of the group that this one leads."""
    found: list[int] = []
    if not PROC.is_dir():
        return found
    for entry in PROC.iterdir():
        try:
            if entry.name.isdigit() and os.getpgid(int(entry.name)) == leader:
                found.append(int(entry.name))
        except ProcessLookupError:
            continue
    return found


def _process_seconds(pid: int) -> float:
    """Processor time of a process with all its threads; 0 if it has gone."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def _machine_seconds() -> float:
    """What all processors have worked since the machine started, what a hypervisor took from it included."""
    user, nice, system, _, _, irq, softirq, steal = map(int, (PROC / "stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICK


def resident_mb(leader: int) -> float | None:
    """Memory that the processes of a group hold, shared pages counted once; None where nobody says."""
    found = [kilobytes for pid in group(leader) if (kilobytes := _proportional_kilobytes(pid)) is not None]
    return sum(found) / 1024 if found else None


def _proportional_kilobytes(pid: int) -> int | None:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), None)
