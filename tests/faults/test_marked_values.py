"""
A full run with values that must never be written, in every field that carries text, in requests that are
answered, refused, broken off and nonsense; then everything that was written is searched for each of them.
"""

import json
import re
import signal
import urllib.parse

import httpx
import pytest

from tests.faults.stores import until
from tests.faults.values import KINDS, Bag
from tests.gateway.tracing.collector import Collector
from tests.searching import found
from tests.server import PASSWORD

pytestmark = [pytest.mark.server, pytest.mark.faults]
ROOT = "root@example.org"
EXPORTS = ("/api/journal?limit=100", "/api/journal.jsonl", "/api/journal.csv", "/api/statistics")
PAGES = (
    "/admin/",
    "/admin/prompts/prompt/",
    "/admin/prompts/prompt/?q=mark",
    "/admin/prompts/hourlytally/",
    "/admin/accounts/user/",
    "/problems",
    "/metrics",
    "/readyz",
)


@pytest.fixture(scope="module")
def bag():
    return Bag()


@pytest.fixture(scope="module")
def collector(house):
    """Gets the traces and the reports of errors of this run, the gateway's and the engine service's."""
    with Collector() as made:
        to = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": made.base,
            "OTEL_BSP_SCHEDULE_DELAY": "200",  # milliseconds
            "SENTRY_DSN": made.base.replace("://", "://key@") + "/1",
        }
        services = {service: dict(service.environment) for service in (house.gateway, house.engine)}
        for service in services:
            service.signal(signal.SIGTERM)
            service.environment |= to
            service.start(until="/readyz")
        yield made
        for service, before in services.items():
            service.environment = before


@pytest.fixture(scope="module")
def caller(house, collector):
    headers = {"Authorization": f"Bearer {house.gateway.token_of('marked@example.org')}"}
    with httpx.Client(base_url=house.gateway.base, headers=headers, timeout=30) as client:
        yield client


def answered(caller, path, **sent):
    """The answer, once there is one: a worker that has left out the stand-in, or this model there, says 503
    until it asks again, and which worker gets a request is chance."""
    found = []

    def ask():
        found[:] = [caller.post(path, **sent)]
        return found[0].status_code != 503

    until(f"an answer at {path}", ask, 60)
    return found[0]


def tool(text):
    return {
        "type": "function",
        "function": {
            "name": "remember",
            "description": text(),
            "parameters": {
                "type": "object",
                "description": text(),
                "properties": {
                    "what": {"type": "string", "description": text(), "enum": [text(), "nothing"]}
                },
            },
        },
    }


def conversation(text):
    """Messages with a value wherever one can say something."""
    call = {"name": "remember", "arguments": json.dumps({"what": text()})}
    return [
        {"role": "system", "content": text()},
        {"role": "user", "content": text(), "name": "ann"},
        {"role": "assistant", "content": text()},
        {"role": "user", "content": [{"type": "text", "text": text()}, {"type": "text", "text": text()}]},
        {
            "role": "assistant",
            "content": text(),
            "tool_calls": [{"id": "1", "type": "function", "function": call}],
        },
        {"role": "tool", "tool_call_id": "1", "content": text()},
        {"role": "user", "content": text()},
    ]


def requests(text):
    """(path, body) of requests that are answered, with each text-bearing field."""
    schema = {
        "type": "object",
        "description": text(),
        "properties": {"a": {"type": "string", "description": text()}},
    }
    yield "/prompt", {"prompt": text()}
    yield "/prompt", {"prompt": text(), "system": text()}
    yield "/prompt", {"prompt": text(), "conversationId": "018f4a3e-0000-7000-8000-000000000001"}
    yield "/v1/chat/completions", {"messages": conversation(text)}
    yield "/v1/chat/completions", {"messages": conversation(text), "tools": [tool(text)], "temperature": 0}
    yield (
        "/v1/chat/completions",
        {
            "messages": conversation(text),
            "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
        },
    )
    yield (
        "/v1/chat/completions",
        {"messages": conversation(text), "stop": [text()], "user": text(), "metadata": {"a": text()}},
    )
    yield "/v1/responses", {"input": text(), "instructions": text(), "metadata": {"a": text()}}
    yield "/v1/responses", {"input": [{"role": "user", "content": [{"type": "input_text", "text": text()}]}]}
    yield "/v1/completions", {"prompt": text()}
    yield "/v1/completions", {"prompt": text(), "stop": text(), "user": text()}


@pytest.mark.parametrize("model", ["echo", "scolds", "breaks", "stops", "tiny", "hangs"])
@pytest.mark.parametrize("streamed", [False, True])
def test_values_go_through_every_field(house, caller, bag, model, streamed):
    house.recover(60)
    wanted = list(requests(bag.text))
    for path, body in wanted if model == "echo" else wanted[:1] + wanted[3:4]:
        more = {"stream": True} if streamed else {}
        sent = {"model": model, **body, **more}
        # What the stand-in says is not what a schema asks for.
        if model != "echo" or "response_format" in body:
            caller.post(path, json=sent)
        else:
            assert (answer := answered(caller, path, json=sent)).status_code < 500, answer.text[-500:]


def test_values_go_to_vectors_and_judgements(house, caller, bag):
    house.recover(60)
    for path in ("/v1/embeddings", "/v1/moderations"):
        model = {"model": "vectors"} if path == "/v1/embeddings" else {}
        for given in (bag.text(), [bag.text(), bag.text()]):
            assert answered(caller, path, json={**model, "input": given}).status_code == 200


def test_what_was_asked_before_is_asked_again(caller, bag):
    body = {"model": "echo", "messages": [{"role": "user", "content": bag.text()}], "temperature": 0}
    for _ in range(2):
        assert answered(caller, "/v1/chat/completions", json=body).status_code == 200
    headers = {"Idempotency-Key": bag.one()}
    for _ in range(2):
        caller.post("/v1/chat/completions", json=body | {"temperature": 1}, headers=headers)


def wrong_bodies(bag):
    """Bytes that no address takes, with values in them."""
    text = bag.text
    yield b'{"messages": [{"role": "user", "content": "' + text().encode()
    yield text().encode()
    yield ("[" * 100_000 + text()).encode()
    yield json.dumps({"messages": text(), "prompt": {"a": text()}, "input": {"b": text()}}).encode()
    yield json.dumps({"messages": [{"role": text(), "content": text()}], "prompt": 7, "input": 7}).encode()
    yield json.dumps(
        {
            "model": bag.one(),
            "messages": [{"role": "user", "content": text()}],
            "prompt": text(),
            "input": text(),
        }
    ).encode()
    yield json.dumps({text(): text()}).encode()
    yield json.dumps(
        {
            "messages": [{"role": "user", "content": text()}],
            "prompt": text(),
            "input": text(),
            "max_tokens": text(),
            "temperature": text(),
        }
    ).encode()
    yield (
        '{"prompt": "\\ud800 ' + text() + '", "messages": [{"role": "user", "content": "\\ud800"}]}'
    ).encode()
    yield b"\xff\xfe" + text().encode("utf-16-le")
    yield json.dumps(
        {"prompt": text() * 1000, "messages": [{"role": "user", "content": text() * 1000}]}
    ).encode()
    yield json.dumps(
        {"prompt": "a", "tools": [{"type": text()}], "tool_choice": text(), "messages": []}
    ).encode()


@pytest.mark.parametrize(
    "path",
    [
        "/prompt",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/v1/moderations",
        "/auth/login",
        "/user/register",
    ],
)
def test_nonsense_with_values_in_it_is_refused(caller, bag, path):
    for body in wrong_bodies(bag):
        for kind in ("application/json", "text/plain"):
            answer = answered(caller, path, content=body, headers={"Content-Type": kind})
            assert answer.status_code < 500, (body[:80], answer.text[-300:])


def test_values_are_in_addresses_and_headers_too(caller, bag):
    quoted = urllib.parse.quote
    for method in ("GET", "POST", "DELETE", "PUT"):
        for path in (
            "/v1/{}",
            "/prompt/{}",
            "/{}",
            "/admin/{}",
            "/api/journal?user={}",
            "/prompt?cursor={}&outcome={}",
            "/static/{}",
        ):
            address = path.format(quoted(bag.one()), quoted(bag.one("github")))
            caller.request(method, address, follow_redirects=False)
    for name in (
        "X-Request-ID",
        "Cache-Control",
        "X-Gateway-Cache",
        "X-Forwarded-For",
        "Accept",
        "Origin",
        "Cookie",
        "traceparent",
        "baggage",
    ):
        caller.post("/prompt", json={"prompt": "hello", "model": "echo"}, headers={name: bag.one()})
        caller.post("/prompt", json={"prompt": "hello", "model": "echo"}, headers={name: bag.one("github")})
    for token in (bag.one("github"), bag.one(), f"llmgw_{bag.one('password')}"):
        refused = caller.post(
            "/prompt", json={"prompt": bag.text()}, headers={"Authorization": f"Bearer {token}"}
        )
        assert refused.status_code == 401


def test_a_log_in_that_fails_says_nowhere_who_tried(caller, bag):
    for _ in range(3):
        answer = caller.post("/auth/login", json={"email": bag.one(), "password": bag.one("password")})
        assert answer.status_code in (401, 429)
    weak = {"email": bag.one(), "password": "short", "firstName": bag.one(), "lastName": bag.one("password")}
    assert caller.post("/user/register", json=weak).status_code == 400


def pages_of(house):
    """What people and programs read about all this, by address."""
    house.gateway.environment |= {"ADMIN_EMAIL": ROOT, "ADMIN_PASSWORD": PASSWORD}
    house.gateway.manage("ensure_admin")
    seen = {}
    with httpx.Client(base_url=house.gateway.base, timeout=60, follow_redirects=True) as browser:
        form = browser.get("/admin/login/")
        csrf = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', form.text)[1]
        fields = {"username": ROOT, "password": PASSWORD, "csrfmiddlewaretoken": csrf, "next": "/admin/"}
        browser.post("/admin/login/", data=fields, headers={"Referer": f"{house.gateway.base}/admin/login/"})
        for path in PAGES:
            seen[path] = browser.get(path)
            assert seen[path].status_code == 200, path
        rows = re.findall(r"/admin/prompts/prompt/([0-9a-f-]{36})/", seen["/admin/prompts/prompt/"].text)
        assert rows, "the admin shows no prompt"
        for row in rows[:40]:
            seen[f"/admin/{row}"] = browser.get(f"/admin/prompts/prompt/{row}/change/")
        login = browser.post("/auth/login", json={"email": ROOT, "password": PASSWORD}).json()
        bearer = {"Authorization": f"Bearer {login['access_token']}"}
        for path in EXPORTS:
            seen[path] = browser.get(path, headers=bearer)
            assert seen[path].status_code == 200, (path, seen[path].text[:300])
    return {path: answer.content for path, answer in seen.items()}


def exported(collector):
    """What was sent to where traces and reports of errors go, by name."""
    until(
        "spans of both", lambda: {service for service, _ in collector.spans} >= {"llm-gateway", "llm-engine"}
    )
    assert [path for path, _, _ in collector.requests if path.endswith("/envelope/")], "nothing was reported"
    assert {"sanitize prompt", "sanitize answer"} <= {name for _, name in collector.spans}
    return {
        f"{path}, {number}": repr(headers).encode() + body
        for number, (path, headers, body) in enumerate(collector.requests)
    }


def test_none_of_them_is_written_anywhere(house, bag, collector):
    """Database, spool, Redis, logs, metrics, traces, exceptions, admin pages, exports."""
    assert {value.kind for value in bag.values} == set(KINDS)
    house.settle()
    written = house.places() | pages_of(house) | exported(collector)
    assert len(bag.values) > 1000
    leaks = found(bag.raw, written)
    kinds = {value.raw: value.kind for value in bag.values}
    assert not leaks, "\n".join(f"{kinds[raw]} {raw} is in {place}" for place, raw in leaks[:20])
