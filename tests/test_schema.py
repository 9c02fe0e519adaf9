"""The published OpenAPI schema, and the service held against it."""

import json

import pytest
import schemathesis
from django.test import Client
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from accounts.sessions import open_session
from gateway.asgi import application
from prompts import composition
from prompts.leases import Lease
from prompts.writer import DatabaseJournal
from tests.fakes import Parrot, Shelf, house_of

CALLS = {
    ("post", "/user/register"),
    ("post", "/auth/login"),
    ("post", "/auth/refresh"),
    ("post", "/auth/logout"),
    ("get", "/auth/profile"),
    ("post", "/auth/confirm"),
    ("post", "/auth/password-reset"),
    ("post", "/auth/password-reset/confirm"),
    ("post", "/auth/totp"),
    ("delete", "/auth/totp"),
    ("get", "/auth/totp"),
    ("post", "/auth/totp/confirm"),
    ("post", "/auth/totp/recovery-codes"),
    ("get", "/auth/export"),
    ("post", "/auth/erase"),
    ("get", "/api/invitations"),
    ("post", "/api/invitations"),
    ("delete", "/api/invitations/{id}"),
    ("get", "/api/users/{id}/export"),
    ("post", "/api/users/{id}/erase"),
    ("post", "/auth/password"),
    ("get", "/auth/sessions"),
    ("delete", "/auth/sessions"),
    ("delete", "/auth/sessions/{id}"),
    ("get", "/api/keys"),
    ("post", "/api/keys"),
    ("delete", "/api/keys/{id}"),
    ("patch", "/api/keys/{id}"),
    ("post", "/api/keys/{id}/rotate"),
    ("get", "/api/limits"),
    ("get", "/api/users/{id}/limits"),
    ("get", "/api/roles"),
    ("get", "/api/users"),
    ("get", "/api/users/{id}"),
    ("patch", "/api/users/{id}"),
    ("get", "/api/users/{id}/sessions"),
    ("delete", "/api/users/{id}/sessions"),
    ("get", "/api/users/{id}/keys"),
    ("delete", "/api/users/{id}/keys/{key}"),
    ("post", "/prompt"),
    ("get", "/prompt"),
    ("get", "/prompt/{id}"),
    ("delete", "/prompt/{id}"),
    ("get", "/api/journal"),
    ("get", "/api/journal.jsonl"),
    ("get", "/api/journal.csv"),
    ("get", "/api/statistics"),
    ("get", "/api/rules"),
    ("get", "/api/policies"),
    ("post", "/api/policies"),
    ("get", "/api/policies/{slug}"),
    ("patch", "/api/policies/{slug}"),
    ("get", "/api/policies/{slug}/activations"),
    ("get", "/api/policies/{slug}/revisions"),
    ("post", "/api/policies/{slug}/revisions"),
    ("get", "/api/policies/{slug}/revisions/{number}"),
    ("post", "/api/policies/{slug}/revisions/{number}/activate"),
    ("post", "/api/policies/{slug}/revisions/{number}/preview"),
    ("post", "/api/policies/{slug}/revisions/{number}/dry-run"),
    ("get", "/api/policy-assignments"),
    ("post", "/api/policy-assignments"),
    ("delete", "/api/policy-assignments/{id}"),
    ("post", "/v1/chat/completions"),
    ("post", "/v1/completions"),
    ("post", "/v1/responses"),
    ("post", "/v1/embeddings"),
    ("post", "/v1/moderations"),
    ("get", "/v1/models"),
    ("get", "/v1/models/{id}"),
}
OPEN = {
    *("/user/register", "/auth/login", "/auth/refresh", "/auth/logout", "/auth/confirm"),
    *("/auth/password-reset", "/auth/password-reset/confirm"),
}
# What fits the shape and is refused all the same: a password that is common, a policy of rules that do not
# exist, an assignment of a policy that does not, a slug that is taken, an end in the past, a span of time or
# of milliseconds that is none, what was done about no rule, a search without a word, a role that does not
# exist, tokens, codes and passwords that are somebody's, `stream_options` without a stream, a JSON schema or
# a grammar that cannot be used or holds a NUL.
REFUSED_BY_CONTENT = {
    "/user/register",
    "/auth/confirm",
    "/auth/password",
    "/auth/password-reset/confirm",
    "/auth/totp",
    "/auth/totp/confirm",
    "/auth/totp/recovery-codes",
    "/auth/erase",
    "/api/keys",
    "/api/users/{id}",
    "/api/invitations",
    "/api/statistics",
    "/api/journal",
    "/api/journal.jsonl",
    "/api/journal.csv",
    "/api/policies",
    "/api/policies/{slug}/revisions",
    "/api/policy-assignments",
    "/prompt",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
}


@pytest.fixture
def published():
    return json.loads(Client().get("/api/schema/", headers={"Accept": "application/json"}).content)


def test_the_schema_is_valid_openapi_3_1_and_names_every_call_once(published):
    validate_schema(published)
    assert published["openapi"].startswith("3.1")
    found = {(method, path) for path, calls in published["paths"].items() for method in calls}
    assert found == CALLS


def test_the_schema_says_which_calls_need_a_token(published):
    for path, calls in published["paths"].items():
        for method, call in calls.items():
            needs = path not in OPEN
            assert ("bearer" in json.dumps(call.get("security", []))) is needs, (method, path)


def test_the_schema_describes_a_prompts_answer(published):
    answer = published["paths"]["/prompt"]["post"]["responses"]
    assert set(answer) >= {"200", "201", "401", "default"}
    fields = published["components"]["schemas"]["Prompt"]["properties"]
    assert {"response", "sanitizedPrompt", "promptSent", "emailsSanitized", "findings"} <= set(fields)


def test_the_schema_says_which_calls_are_limited_and_what_they_answer_then(published):
    limited = {
        path
        for path, calls in published["paths"].items()
        if "429" in calls.get("post", {}).get("responses", {})
    }
    assert limited == {
        "/prompt",
        *(f"/v1/{name}" for name in ("chat/completions", "completions", "responses")),
        *(f"/v1/{name}" for name in ("embeddings", "moderations")),
    }
    for path in limited:
        answers = published["paths"][path]["post"]["responses"]
        for status in {"200", "201", "429"} & set(answers):
            assert "x-ratelimit-remaining-tokens" in answers[status]["headers"], (path, status)


def test_the_schema_refuses_unknown_fields_as_the_service_does(published):
    for name in ("AskRequest", "RegisterRequest", "LoginRequest", "RefreshRequest"):
        assert published["components"]["schemas"][name]["additionalProperties"] is False


def test_the_docs_page_loads_nothing_from_elsewhere():
    page = Client().get("/api/docs/").content.decode()
    assert "swagger-ui" in page
    assert "https://" not in page
    assert "//cdn" not in page


@pytest.fixture
def service(transactional_db, tmp_path, alice):
    """The ASGI application around a parrot, as schemathesis wants it."""
    journal = DatabaseJournal(Lease(tmp_path), spool=tmp_path / "spool")
    journal.open()
    composition.install(house_of(Parrot(), journal=journal, cache=Shelf()))
    yield schemathesis.openapi.from_asgi("/api/schema/?format=json", application)
    composition.install(None)
    journal.close()


def arrives(value):
    """Whether a parameter with this value leaves anything in a URL."""
    return value not in (None, {}) and not (isinstance(value, list) and all(one is None for one in value))


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), sorted(CALLS))
def test_the_service_keeps_to_its_schema(service, alice, root, method, path, mode):
    """No 5xx, no undocumented status or shape, whether what is sent is right or wrong."""
    asking = root if path.startswith("/api/") else alice
    headers = {"Authorization": f"Bearer {open_session(asking).access}"}
    excluded = [positive_data_acceptance] if path in REFUSED_BY_CONTENT else []

    @given(case=service[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def holds(case):
        assume(all(map(arrives, (case.query or {}).values())))  # else what is wrong is not sent
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    holds()
