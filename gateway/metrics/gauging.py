"""
Reads how things stand in this process: local models, model servers, the book. Numbers that engines keep by
themselves become counters here, by what was added since the last reading.
"""

import logging
import math
import shutil
import threading
import time

from django.conf import settings

from gateway import env
from gateway.load import Line
from gateway.metrics import processes
from gateway.metrics.instruments import (
    CACHE_UP,
    DISK_FREE,
    ENGINE_COUNTERS,
    ENGINE_GAUGES,
    JOURNAL_LAG,
    JOURNAL_OPEN,
    JOURNAL_WAITING,
    MODEL_LOADED,
    PROMPTS_INSIDE,
    PROMPTS_WAITING,
    REJECTED_BYTES,
    SERVER_OWED,
    SERVER_RUNNING,
    SERVER_UP,
    SPOOL_BYTES,
    SPOOL_ROWS,
    STEP_PARTS,
    STEP_SECONDS,
)
from inference import composition as inference
from inference import fleet
from inference.routing.router import Router
from prompts import composition as prompts

logger = logging.getLogger("gateway.metrics")

# How often a worker looks where another one may be asked for the page.
EVERY_SECONDS = 2.0


class Growth:
    """How much numbers grew since they were last looked at. One that shrank began again at 0."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}

    def of(self, owner: str, name: str, value: float) -> float:
        before = self._seen.get((owner, name), 0)
        self._seen[owner, name] = value
        return value - before if value >= before else value


_growth = Growth()
_looking = threading.Lock()
_servers: set[str] = set()  # that the page has ever named
line: Line | None = None  # in which prompts of this process wait, where there is one


def look() -> None:
    """Sets every gauge, and adds to the counters of engines. Safe from any thread."""
    with _looking:
        _look_at_journal()
        _look_at_disk()
        _look_at_line()
        _look_at_models()
        processes.look(_growth.of)
        if settings.BACKENDS_FILE:
            _look_at_servers(fleet.router())


def look_at_engines() -> None:
    """The same for an engine service."""
    with _looking:
        _look_at_models()
        processes.look(_growth.of)


def look_now_and_then() -> None:
    """In a thread of its own, for good, where several processes share one page."""
    if env.shared_metrics():
        threading.Thread(target=_for_good, name="gauges", daemon=True).start()


def _for_good() -> None:
    while True:
        try:
            look()
        except Exception:  # what it cannot see now, it looks at again; without it, gauges would stand still
            logger.exception("not looked")
        time.sleep(EVERY_SECONDS)


def _look_at_journal() -> None:
    journal = prompts.journal()
    JOURNAL_OPEN.set(journal.is_open)
    JOURNAL_WAITING.set(journal.waiting)
    JOURNAL_LAG.set(journal.lag_seconds)
    spooled = journal.spooled
    SPOOL_ROWS.set(spooled.rows)
    SPOOL_BYTES.set(spooled.waiting_bytes)
    REJECTED_BYTES.set(spooled.rejected_bytes)
    CACHE_UP.set(prompts.answers_store().works)


def _look_at_disk() -> None:
    try:
        DISK_FREE.set(shutil.disk_usage(settings.DATA_DIR).free)
    except OSError:
        DISK_FREE.set(math.nan)


def _look_at_line() -> None:
    if line is not None:
        PROMPTS_INSIDE.set(line.inside)
        PROMPTS_WAITING.set(line.waiting)


def _look_at_models() -> None:
    roster = inference.running()
    if roster is None:
        return
    engines = roster.engines()
    for card, _ in roster.models():
        MODEL_LOADED.labels(card.name).set(card.name in engines)
    for name, engine in engines.items():
        figures = engine.figures()
        for field, gauge in ENGINE_GAUGES.items():
            gauge.labels(name).set(getattr(figures, field))
        for field, counter in ENGINE_COUNTERS.items():
            counter.labels(name).inc(_growth.of(name, field, getattr(figures, field)))
        for field, part in STEP_PARTS.items():
            STEP_SECONDS.labels(name, part).inc(_growth.of(name, field, getattr(figures, field)))


def _look_at_servers(router: Router) -> None:
    """A server that is taken out, or that the table has no more, is neither up nor down: nobody is to be
    woken for it. Several workers cannot take a label off their page, so it stays, without a number."""
    states, lives = router.states(), {live.server.name: live for live in router.lives()}
    _servers.update(lives)
    for name in _servers:
        live, state = lives.get(name), states.get(name, "gone")
        is_out = state in ("draining", "gone")
        SERVER_UP.labels(name).set(math.nan if is_out else state in ("up", "busy", "ready", "unloaded"))
        SERVER_RUNNING.labels(name).set(live.running if live else 0)
        SERVER_OWED.labels(name).set(live.tokens if live else 0)
