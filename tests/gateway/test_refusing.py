"""What is refused before Django, and before it is even parsed."""

import http.client
import io
import json

import pytest

from gateway import asgi
from gateway.load import Full
from gateway.problems import TABLE
from gateway.refusing import refusal, whole


def request(*fields, start="POST /v1/chat/completions HTTP/1.1", body=b'{"a": 1}', length=None):
    lines = [start, "Host: gateway", f"Content-Length: {len(body) if length is None else length}", *fields]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (request(), "/v1/chat/completions"),
        (request("Connection: keep-alive", "Accept: */*"), "/v1/chat/completions"),
        (request("connection:Keep-Alive"), "/v1/chat/completions"),
        (request(start="POST /prompt?a=%20 HTTP/1.1"), "/prompt"),
        (request(body=b""), "/v1/chat/completions"),
        (request(body=b"\r\n\r\n"), "/v1/chat/completions"),
    ],
)
def test_a_request_that_is_all_there_is_known_at_a_look(data, path):
    assert whole(data) == ("POST", path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"POST",
        b"\r\n\r\n",
        b"\x00\xff" * 100,
        request()[:-1],
        request() + b"x",
        request() + request(),
        request(length="+8"),
        request(length="08"),
        request(length=""),
        request("Content-Length: 8"),
        request("content-length: 9"),
        request("Transfer-Encoding: chunked"),
        request("TRANSFER-ENCODING : chunked", "Transfer-Encoding: identity"),
        request("Expect: 100-continue"),
        request("Upgrade: websocket"),
        request("Connection: close"),
        request("Connection: keep-alive, Upgrade"),
        request(start="POST /v1/chat/completions HTTP/1.0"),
        request(start="POST /v1/chat/completions"),
        request(start="POST  /v1/chat/completions HTTP/1.1"),
        request("Folded: a\r\n Transfer-Encoding: chunked"),
        request("Bare: a\nTransfer-Encoding: chunked"),
        request("Transfer-Encoding : chunked"),
        request("X: a\rTransfer-Encoding: chunked"),
        request("No colon"),
        request(": nameless"),
        b"POST /v1/a HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_what_is_less_more_or_in_doubt_needs_a_parser(data):
    assert whole(data) is None


def test_the_answer_is_one_that_a_client_of_http_reads():
    for path, kind in (("/prompt", "application/problem+json"), ("/v1/completions", "application/json")):
        data = refusal(TABLE[Full], path, retry_after_seconds=3).as_bytes()

        class Socket:
            def makefile(self, *_, data=data):
                return io.BytesIO(data)

        answer = http.client.HTTPResponse(Socket())
        answer.begin()
        assert (answer.status, answer.reason) == (503, "Service Unavailable")
        assert answer.getheader("Content-Type").startswith(kind)
        assert answer.getheader("Retry-After") == "3"
        assert answer.getheader("Date").endswith("GMT")
        assert not answer.will_close
        content = json.loads(answer.read())
        assert (content["code"] if path == "/prompt" else content["error"]["code"]) == "overloaded"


@pytest.fixture
def crowded(monkeypatch):
    monkeypatch.setattr(asgi.line, "places", 0)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/prompt", "/prompt/"])
def test_prompts_are_turned_away_when_there_is_no_place(crowded, path):
    assert asgi.turned_away(request(start=f"POST {path} HTTP/1.1")).startswith(b"HTTP/1.1 503 ")


def test_nothing_else_is(crowded):
    for start in ("POST /auth/login", "POST /promptly", "GET /v1/models", "POST /v1", "DELETE /prompt"):
        assert asgi.turned_away(request(start=f"{start} HTTP/1.1")) is None


def test_nobody_is_while_there_are_places():
    assert asgi.turned_away(request()) is None
