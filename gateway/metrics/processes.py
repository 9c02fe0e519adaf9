"""
What processes take of the machine: memory, processor, files, the collector of garbage, and how late the event
loop is.

prometheus-client's own look at the process tells of one; where several workers share a page, this one tells
of each that lives, by its number.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from prometheus_client import GC_COLLECTOR, REGISTRY, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.metrics.instruments import GC_RUNS, GC_SECONDS, LOOP_LAG

# The library's counts objects, of one process alone; `Pauses` counts for all, and how long they took.
REGISTRY.unregister(GC_COLLECTOR)

LOOK_SECONDS = 0.25


class Workers(Collector):
    """The usual `process_...` of every worker that writes into this folder and is alive."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def collect(self) -> Iterator[Metric]:
        found: dict[str, Metric] = {}
        for pid in sorted(self.pids()):
            for metric in ProcessCollector(pid=partial(int, pid), registry=None).collect():
                whole = found.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    whole.add_sample(sample.name, {**sample.labels, "pid": str(pid)}, sample.value)
        yield from found.values()

    def pids(self) -> set[int]:
        """gunicorn's master takes the files of gauges away when a worker ends."""
        names = (path.stem.rpartition("_")[2] for path in self._folder.glob("gauge_live*_*.db"))
        return {int(name) for name in names if name.isdigit() and Path(f"/proc/{name}").exists()}


class Pauses:
    """How long the collector of garbage stopped every thread, by generation."""

    def __init__(self) -> None:
        self.seconds = [0.0, 0.0, 0.0]
        self._began_at = 0.0

    def watch(self) -> None:
        if self._noted not in gc.callbacks:
            gc.callbacks.append(self._noted)

    def _noted(self, phase: str, told: dict[str, int]) -> None:
        if phase == "start":
            self._began_at = time.perf_counter()
        else:
            self.seconds[told["generation"]] += time.perf_counter() - self._began_at


pauses = Pauses()


def look(grown: Callable[[str, str, float], float]) -> None:
    """Adds what the collector of garbage did since the last look; `grown` says how much that is."""
    for number, counted in enumerate(gc.get_stats()):
        generation = str(number)
        GC_RUNS.labels(generation).inc(grown("gc_runs", generation, counted["collections"]))
        GC_SECONDS.labels(generation).inc(grown("gc_seconds", generation, pauses.seconds[number]))


def watch() -> "asyncio.Task[None]":
    """From a server's beginning on its event loop; cancel it in the end."""
    pauses.watch()
    return asyncio.create_task(watch_loop())


async def watch_loop() -> None:
    """For as long as it is not cancelled: how much later than it should the event loop comes around. While
    it is late, nobody is answered."""
    loop = asyncio.get_running_loop()
    while True:
        due_at = loop.time() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        LOOP_LAG.observe(max(0.0, loop.time() - due_at))
