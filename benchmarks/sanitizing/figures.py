"""What is done with measured numbers: medians, growth, tables. Knows nothing of what was measured."""

import math
import os
import platform
import statistics
from collections.abc import Sequence
from importlib import metadata

Cell = str | float | int | None


def per_kilobyte(seconds: Sequence[float], sizes: Sequence[int]) -> float:
    """Median microseconds for 1,024 characters."""
    return statistics.median(one / size * 1024e6 for one, size in zip(seconds, sizes, strict=True))


def growth(small: float, large: float) -> float:
    """How many times longer the large one took; very short ones are noise, and count as 50 ms."""
    return max(large, 0.05) / max(small, 0.05)


def bar(what: str, value: float, *, most: float | None = None, least: float | None = None) -> str:
    """A line that says whether a figure is as it should be."""
    met = (most is None or value <= most) and (least is None or value >= least)
    wanted = f"{most:g} or less" if most is not None else f"{least:g} or more"
    return f"  {'met' if met else 'missed':<6}  {what}: {_shown(float(value))}, wanted {wanted}"


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Columns of a plain text table: the first to the left, the others to the right."""
    cells = [list(head), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
    return "\n".join("  " + line.rstrip() for line in lines)


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    if not isinstance(cell, float):
        return str(cell)
    if not math.isfinite(cell):
        return "-"
    return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.3g}"


def machine() -> dict[str, object]:
    """What it ran on, without a name or a place."""
    packages = ("google-re2", "ahocorasick-rs", "phonenumbers", "bleach", "python-stdnum")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in packages},
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
            return next(named, platform.processor())
    except OSError:
        return platform.processor()
