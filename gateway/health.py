"""
Is the process alive, and can it answer prompts: each component's state, without secrets.

A cache that is away costs speed, not answers: it is reported (`degraded`) and does not make the service
unready. Limits without Redis do so where LIMITS_WITHOUT_REDIS is `closed`. Of the models, the default and the
pinned ones count; one that is loaded when it is asked for may be unloaded. Of several backends, one that can
answer for the default model is enough; that others are down is reported.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from accounts.limits.limiter import limiter
from inference import fleet
from inference.backends import Status
from inference.fleet import needed_names
from inference.routing.router import Router
from prompts.composition import answers_store, house

PROBE_SECONDS = 3


@require_safe
async def alive(request: HttpRequest) -> JsonResponse:
    """200 as long as the process serves."""
    return JsonResponse({"status": "ok"})


@require_safe
async def ready(request: HttpRequest) -> JsonResponse:
    """200 if a prompt would be answered, else 503; `components` says why."""
    models = _models()
    model = worst(models)
    database, store, limits = await asyncio.gather(_probe(_database), _probe(_cache), _limits())
    journal = "ready" if house().journal.is_open else "down"
    components: dict[str, dict[str, Any]] = {
        "database": {"state": database},
        "journal": {"state": journal},
        "cache": {"state": store, "kind": "redis" if settings.REDIS_URL else "memory"},
        "limits": {"state": limits, "kind": "redis" if settings.REDIS_URL else "memory"},
        "model": {"state": model.state, "reason": model.reason},
    }
    if len(models) > 1:
        components["model"]["models"] = {
            name: {"state": status.state, "reason": status.reason} for name, status in models.items()
        }
    if settings.BACKENDS_FILE:
        components["backends"] = _backends(fleet.router())
    needed = (database, journal, model.state, "down" if limits == "down" else "ready")
    is_ready = all(state == "ready" for state in needed)
    status = "ready" if is_ready else next(state for state in needed if state != "ready")
    others = [store, limits, components.get("backends", {}).get("state", "ready")]
    if is_ready and others != ["ready"] * 3:
        status = "degraded"
    return JsonResponse(
        {"status": status, "components": components},
        status=200 if is_ready else 503,
        headers={} if is_ready else {"Retry-After": "5"},
    )


def _models() -> dict[str, Status]:
    """Those without which some prompts that nobody should have to wait for would not be answered."""
    backend = house().backend
    found = {backend.choose(None).name: backend.status()}
    needed = needed_names()
    return found | {card.name: status for card, status in backend.models() if card.name in needed}


def _backends(router: Router) -> dict[str, Any]:
    """How each of them fares, by its name: addresses and keys are nobody's business here."""
    states = router.states()
    is_well = all(state in ("up", "busy", "draining", "ready", "unloaded") for state in states.values())
    return {"state": "ready" if is_well else "degraded", "backends": states}


def worst(models: Mapping[str, Status]) -> Status:
    """The state of all of them. One that will be loaded when it is asked for is as good as ready."""
    states = {status.state: status for status in reversed([*models.values()])}
    return states.get("down") or states.get("loading") or Status("ready")


async def _limits() -> str:
    """Where Redis is away, LIMITS_WITHOUT_REDIS decides whether prompts are answered."""
    state: str = await sync_to_async(limiter().state, thread_sensitive=False)()
    return state


async def _probe(check: Any) -> str:
    try:
        await asyncio.wait_for(sync_to_async(check, thread_sensitive=False)(), PROBE_SECONDS)
    except Exception:  # noqa: BLE001  (whatever it is, the answer is "down"; the probe must not be)
        return "down"
    return "ready"


def _database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()  # this thread is not a request's, nothing else would


def _cache() -> None:
    """Where conversations are, and where answers are."""
    answers_store().ping()
    if not answers_store().works:
        raise ConnectionError
    cache.set("readyz", "1", 5)
    if cache.get("readyz") != "1":
        raise ConnectionError
