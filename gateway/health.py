"""
Is the process alive, and can it answer prompts: each component's state, without secrets.

    ready      as it should be
    degraded   prompts are answered; something is slow, away or nearly full, and somebody should look
    down, loading   prompts are refused: 503

Database, journal and model are needed, and limits where LIMITS_WITHOUT_REDIS is `closed`. A cache that is
away costs speed, not answers; a spool that cannot be written and a disk that is nearly full cost nothing
until the database is away too. Of the models, the default and the pinned ones count; one that is loaded when
it is asked for may be unloaded. Of several backends, one that can answer for the default model is enough.

What needs a look outside of this process is asked at most once a second, however often this is
(`gateway.probes`).
"""

import asyncio
import os
import shutil
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from accounts.limits.limiter import limiter
from gateway.probes import Probe
from inference import fleet
from inference.backends import Status
from inference.fleet import needed_names
from inference.routing.router import WELL, Router
from prompts.composition import answers_store, house

Component = dict[str, Any]

# A journal that is further behind is degraded: callers wait for it.
LAG_SECONDS = 5.0
LAG_ROWS = 1_000
NEEDED = ("database", "journal", "model")


@require_safe
async def alive(request: HttpRequest) -> JsonResponse:
    """200 as long as the process serves."""
    return JsonResponse({"status": "ok"})


@require_safe
async def ready(request: HttpRequest) -> JsonResponse:
    """200 if a prompt would be answered, else 503; `components` says why."""
    components = await _components()
    status = overall(components)
    is_ready = status in ("ready", "degraded")
    return JsonResponse(
        {"status": status, "components": components},
        status=200 if is_ready else 503,
        headers={} if is_ready else {"Retry-After": "5"},
    )


async def _components() -> dict[str, Component]:
    kind = "redis" if settings.REDIS_URL else "memory"
    database, store, limits, spool, disk = await asyncio.gather(
        database_probe.state(), cache_probe.state(), _limits(), _spool(), _disk()
    )
    components: dict[str, Component] = {
        "database": {"state": database},
        "journal": _journal(),
        "spool": spool,
        "disk": disk,
        "cache": {"state": store, "kind": kind},
        "limits": {"state": limits, "kind": kind},
        "model": _model(),
    }
    if settings.BACKENDS_FILE:
        components["backends"] = _backends(fleet.router())
    return components


def overall(components: Mapping[str, Component]) -> str:
    """The first that is needed and not there; else whether anything else is not as it should be."""
    states = {name: component["state"] for name, component in components.items()}
    needed = [states[name] for name in NEEDED]
    needed.append("down" if states["limits"] == "down" else "ready")
    if missing := [state for state in needed if state not in ("ready", "degraded")]:
        return str(missing[0])
    return "ready" if set(states.values()) == {"ready"} else "degraded"


# -- what this process knows --


def _journal() -> Component:
    book = house().journal
    state = book.state()
    is_late = state.lag_seconds > LAG_SECONDS or state.waiting_rows > LAG_ROWS
    return {
        "state": "down" if not book.is_open else "degraded" if is_late else "ready",
        "waiting_rows": state.waiting_rows,
        "lag_seconds": round(state.lag_seconds, 1),
    }


def _model() -> Component:
    models = _models()
    found = worst(models)
    component: Component = {"state": found.state, "reason": found.reason}
    if len(models) > 1:
        component["models"] = {
            name: {"state": status.state, "reason": status.reason} for name, status in models.items()
        }
    return component


def _models() -> dict[str, Status]:
    """Those without which some prompts that nobody should have to wait for would not be answered."""
    backend = house().backend
    found = {backend.choose(None).name: backend.status()}
    needed = needed_names()
    return found | {card.name: status for card, status in backend.models() if card.name in needed}


def _backends(router: Router) -> Component:
    """How each of them fares, by its name: addresses and keys are nobody's business here."""
    states = router.states()
    return {"state": "ready" if WELL.issuperset(states.values()) else "degraded", "backends": states}


def worst(models: Mapping[str, Status]) -> Status:
    """The state of all of them. One that will be loaded when it is asked for is as good as ready."""
    states = {status.state: status for status in reversed([*models.values()])}
    return states.get("down") or states.get("loading") or Status("ready")


# -- what has to be asked --


async def _limits() -> str:
    """Where Redis is away, LIMITS_WITHOUT_REDIS decides whether prompts are answered."""
    try:
        return await limits_probe.ask()
    except Exception:  # noqa: BLE001  (it hangs, or it is broken)
        return "down"


async def _spool() -> Component:
    """Where finals wait for a database that is away."""
    writable = await spool_probe.state()
    rows = house().journal.state().spooled_rows
    is_well = writable == "ready" and not rows
    return {"state": "ready" if is_well else "degraded", "rows": rows, "writable": writable == "ready"}


async def _disk() -> Component:
    try:
        free_bytes = await disk_probe.ask()
    except Exception:  # noqa: BLE001  (a file system that hangs is not one that is well)
        return {"state": "degraded", "free_bytes": None}
    is_low = free_bytes < settings.DISK_RESERVE_MB << 20
    return {"state": "degraded" if is_low else "ready", "free_bytes": free_bytes}


def _look_at_database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()  # this thread is not a request's, nothing else would


def _look_at_cache() -> None:
    """Where conversations are, and where answers are."""
    answers_store().ping()
    if not answers_store().works:
        raise ConnectionError
    cache.set("readyz", "1", 5)
    if cache.get("readyz") != "1":
        raise ConnectionError


def _look_at_limits() -> str:
    return limiter().state()


def _look_at_spool() -> None:
    """Its folder is made when it is first needed."""
    folder = settings.DATA_DIR / "spool"
    if not os.access(folder if folder.exists() else settings.DATA_DIR, os.W_OK | os.X_OK):
        raise PermissionError


def _look_at_disk() -> int:
    return shutil.disk_usage(settings.DATA_DIR).free


database_probe = Probe(lambda: _look_at_database())
cache_probe = Probe(lambda: _look_at_cache())
limits_probe = Probe(lambda: _look_at_limits())
spool_probe = Probe(lambda: _look_at_spool())
disk_probe = Probe(lambda: _look_at_disk())
PROBES: tuple[Probe[Any], ...] = (database_probe, cache_probe, limits_probe, spool_probe, disk_probe)


def forget() -> None:
    """What was found is asked again."""
    for probe in PROBES:
        probe.forget()
