"""Closed by default: every address of the service, tried by a stranger."""

import json
from uuid import uuid4

import pytest
from django.test import AsyncClient
from django.urls import URLPattern, URLResolver, get_resolver

pytestmark = pytest.mark.django_db(transaction=True)

# What is open to a stranger, by route, and what a stranger may get there.
OPEN = {
    "^metrics/?$": {200},  # from this machine: tests/gateway/metrics
    "": {200},
    "^problems/?$": {200},
    "^healthz/?$": {200},
    "^readyz/?$": {200, 503},
    "^api/schema/?$": {200},
    "^api/docs/?$": {200},
    "account/confirm": {200},
    "account/reset": {200},
}
TAKES_A_BODY = (
    *("user/register", "auth/login", "auth/refresh", "auth/logout"),
    *("auth/confirm", "auth/password-reset", "auth/password-reset/confirm"),
)


def routes(resolver=None, prefix=""):
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, route)
        elif isinstance(entry, URLPattern):
            yield route


def address(route):
    """An address that the route matches."""
    plain = route.replace("^", "").replace("/?$", "").replace("$", "").replace("\\Z", "")
    for number in ("int:number", "int:pk"):
        plain = plain.replace(f"<{number}>", "1")
    for converter in (
        "uuid:key",
        "slug:slug",
        "uuid:pk",
        "path:object_id",
        "int:content_type_id",
        "path:url",
        "app_label",
        "id",
    ):
        plain = plain.replace(f"<{converter}>", str(uuid4()))
    return "/" + plain


@pytest.mark.parametrize("route", sorted(set(routes())))
async def test_a_stranger_meets_a_closed_door(route):
    client = AsyncClient()
    for method in ("get", "post", "put", "patch", "delete"):
        send = getattr(client, method)
        body = {} if method == "get" else {"data": json.dumps({}), "content_type": "application/json"}
        response = await send(address(route), **body)
        if method == "get" and route in OPEN:
            assert response.status_code in OPEN[route]
        elif route.startswith("account/"):
            assert response.status_code in {200, 400, 405}, f"{method} {route}: {response.status_code}"
        elif route in OPEN:
            assert response.status_code == 405, f"{method} {route}: {response.status_code}"
        elif any(door in route for door in TAKES_A_BODY):
            assert response.status_code in {400, 405}, f"{method} {route}: {response.status_code}"
        elif route.startswith("admin/login"):
            assert response.status_code in {200, 403, 405}
        elif route.startswith("admin/"):
            assert response.status_code in {302, 403, 404, 405}, f"{method} {route}: {response.status_code}"
            if response.status_code == 302:
                assert "/admin/login/" in response["Location"] or "/admin/" in response["Location"]
        else:
            assert response.status_code in {401, 405}, f"{method} {route}: {response.status_code}"


async def test_an_address_that_does_not_exist_answers_a_problem_document():
    response = await AsyncClient().get("/ann@corp.com")
    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"
    assert "ann@" not in response.content.decode()


async def test_a_page_that_does_not_exist_answers_html():
    assert "<h1>404" in (await AsyncClient().get("/admin-of-nothing")).content.decode()
