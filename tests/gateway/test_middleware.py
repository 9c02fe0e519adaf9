"""The middleware: cheap for the API, complete for pages."""

import inspect
import re

import pytest
from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.utils.module_loading import import_string

from gateway import middleware


@pytest.mark.parametrize("path", settings.MIDDLEWARE)
def test_no_middleware_is_synchronous_only(path):
    kind = import_string(path)
    assert kind.async_capable
    assert issubclass(kind, middleware.Inline | middleware.PageOnly | middleware.Cors)


@pytest.mark.parametrize("path", settings.MIDDLEWARE)
def test_no_hook_costs_the_api_a_thread(path):
    """Django runs a synchronous view, template or exception hook in a thread, for every request."""
    kind = import_string(path)
    for hook in ("process_view", "process_template_response", "process_exception"):
        if (found := getattr(kind, hook, None)) is not None:
            assert iscoroutinefunction(found), f"{path}.{hook}"


async def test_an_api_call_meets_no_thread(monkeypatch):
    """The whole chain around a view, with threads forbidden."""

    def forbidden(*args, **kwargs):
        raise AssertionError("a thread on the hot path")

    monkeypatch.setattr("asgiref.sync.SyncToAsync.__call__", forbidden)

    async def view(request):
        return HttpResponse("ok")

    handler = view
    for path in reversed(settings.MIDDLEWARE):
        handler = import_string(path)(handler)
    assert inspect.iscoroutinefunction(view)
    from django.test import AsyncRequestFactory

    request = AsyncRequestFactory().get("/prompt")
    request.resolver_match = None
    response = await handler(request)
    assert response.content == b"ok"


async def test_every_answer_has_a_request_id_and_security_headers():
    response = await AsyncClient().get("/healthz")
    assert len(response["X-Request-ID"]) == 36
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"


async def test_a_callers_own_request_id_is_kept_if_it_is_a_uuid():
    own = "0198f0d0-0000-7000-8000-000000000001"
    assert (await AsyncClient().get("/healthz", headers={"X-Request-ID": own}))["X-Request-ID"] == own


@pytest.mark.parametrize("given", ["AKIAIOSFODNN7EXAMPLE", "ann@corp.com", "x" * 5000, ""])
async def test_any_other_request_id_is_replaced(given):
    answered = (await AsyncClient().get("/healthz", headers={"X-Request-ID": given}))["X-Request-ID"]
    assert given not in (answered, "x") or given == ""
    assert len(answered) == 36


def test_a_foreign_host_is_refused():
    response = Client().get("/healthz", headers={"Host": "evil.example"})
    assert response.status_code == 400


@override_settings(SECURE_SSL_REDIRECT=True)
def test_https_is_demanded_where_the_public_address_has_it_except_by_health_checks():
    assert Client().get("/problems").status_code == 301
    assert Client().get("/healthz").status_code == 200


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused():
    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "x", "password": "y"})
    assert response.status_code == 403


@pytest.mark.django_db
async def test_a_form_without_its_token_is_refused_on_the_event_loop_too():
    response = await AsyncClient(enforce_csrf_checks=True).post("/admin/login/", {"username": "x"})
    assert response.status_code == 403


# -- hardening --


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/problems", "/api/docs/", "/admin/login/", "/account/reset"])
def test_a_page_may_run_no_script_but_ours_and_has_none_in_it(path):
    response = Client().get(path, headers={"Accept": "text/html"})
    policy = response["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    page = response.content.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", page) == []
    assert re.findall(r"\son[a-z]+=", page) == []
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", page) == []


@pytest.mark.django_db
def test_an_answer_of_the_api_loads_nothing_and_is_stored_nowhere():
    response = Client().get("/auth/profile")
    assert response["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert response["Cache-Control"] == "no-store"


ORIGIN = "https://app.example.org"
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}


def test_no_other_page_may_call_the_api_unless_it_is_named():
    answer = Client().options("/prompt", headers=PREFLIGHT)
    assert "access-control-allow-origin" not in answer.headers


@override_settings(CORS_ALLOWED_ORIGINS=[ORIGIN])
def test_a_page_that_is_named_may_call_the_api_and_no_page_with_cookies():
    answer = Client().options("/prompt", headers=PREFLIGHT)
    assert answer["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in answer.headers
    assert "authorization" in answer["access-control-allow-headers"]
    for path in ("/admin/login/", "/account/reset"):
        assert "access-control-allow-origin" not in Client().get(path, headers={"Origin": ORIGIN}).headers
    other = Client().options("/prompt", headers=PREFLIGHT | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
