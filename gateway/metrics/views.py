"""`/metrics`, for Prometheus and what reads its format."""

import hmac
from ipaddress import ip_address

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from accounts import origin
from gateway import env
from gateway.metrics import gauging
from gateway.problems import Row, refusal

NO_TOKEN = Row(401, "not-authenticated", "Send METRICS_TOKEN: Authorization: Bearer <token>.")
NOT_HERE = Row(403, "forbidden", "Without METRICS_TOKEN, only programs on this machine read this.")


@require_safe
async def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics of this service, in the format that `Accept` asks for.

    With METRICS_TOKEN, whoever sends it may read them; without, only programs on this machine.
    """
    if not may_read(request):
        return refusal(request, NO_TOKEN if settings.METRICS_TOKEN else NOT_HERE)
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    # Reading the files of several workers takes a while.
    body = await sync_to_async(lambda: encode(registry()), thread_sensitive=False)()
    return HttpResponse(body, content_type=content_type)


def may_read(request: HttpRequest) -> bool:
    """Whether this caller may."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").encode()
        return hmac.compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode())
    address = origin.current().address
    return bool(address) and ip_address(address).is_loopback


def registry() -> CollectorRegistry:
    """What is counted, as it stands now."""
    gauging.look()
    if not env.shared_metrics():
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return shared
