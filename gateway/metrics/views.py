"""`/metrics`, for Prometheus and what reads its format."""

import hmac
from functools import cache
from ipaddress import ip_address

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import REGISTRY, CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from accounts import origin
from gateway import env
from gateway.metrics import gauging, processes
from gateway.metrics.counting import quietly
from gateway.metrics.instruments import ENGINE_PAGE
from gateway.problems import Row, refusal
from prompts.afterwards import afterwards

NO_TOKEN = Row(401, "not-authenticated", "Send METRICS_TOKEN: Authorization: Bearer <token>.")
NOT_HERE = Row(403, "forbidden", "Without METRICS_TOKEN, only programs on this machine read this.")


@require_safe
async def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics of this service, in the format that `Accept` asks for.

    With METRICS_TOKEN, whoever sends it may read them; without, only programs on this machine.
    """
    if not may_read(request.headers.get("Authorization", ""), origin.current().address):
        return refusal(request, NO_TOKEN if settings.METRICS_TOKEN else NOT_HERE)
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    afterwards.catch_up()
    # Reading the files of several workers takes a while.
    body = await sync_to_async(lambda: encode(registry()), thread_sensitive=False)()
    return HttpResponse(body, content_type=content_type)


def may_read(authorization: str, address: str) -> bool:
    """Whether a caller with this header, from this address, may."""
    if settings.METRICS_TOKEN:
        return hmac.compare_digest(authorization.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    return bool(address) and ip_address(address).is_loopback


def registry() -> CollectorRegistry:
    """What is counted, as it stands now."""
    quietly(gauging.look)()
    if not env.shared_metrics():
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    shared.register(processes.Workers(env.shared_metrics()))
    return shared


@cache
def engine_registry() -> CollectorRegistry:
    """What an engine service counts. What it has not, it does not show as 0."""
    page = CollectorRegistry()
    for metric in ENGINE_PAGE:
        page.register(metric)
    ProcessCollector(registry=page)
    return page


def engine_page(accept: str) -> tuple[bytes, str]:
    """The page of an engine service and its type."""
    encode, content_type = choose_encoder(accept)
    gauging.look_at_engines()
    return encode(engine_registry()), content_type
