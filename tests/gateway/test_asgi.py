"""The composition: bounded bodies, static files, lifespan."""

import json

import pytest

from gateway.asgi import BoundedBody


async def call(application, *, headers=(), chunks=(b"",)):
    """The messages an ASGI application sends for one POST."""
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": at < len(chunks) - 1}
        for at, chunk in enumerate(chunks)
    ]
    sent = []

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    await application({"type": "http", "headers": list(headers)}, receive, send)
    return sent


async def swallow(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def test_a_body_within_the_bound_passes():
    sent = await call(BoundedBody(swallow, limit=10), chunks=[b"12345", b"67890"])
    assert sent[0]["status"] == 200


@pytest.mark.parametrize("declared", [b"11", b"99999999999", b"-1", b"many"])
async def test_a_declared_body_over_the_bound_is_refused_unread(declared):
    async def never(scope, receive, send):
        raise AssertionError("reached the application")

    sent = await call(BoundedBody(never, limit=10), headers=[(b"content-length", declared)])
    assert sent[0]["status"] == 413
    assert json.loads(sent[1]["body"])["code"] == "body-too-large"


async def test_a_body_of_unknown_length_is_counted():
    sent = await call(BoundedBody(swallow, limit=10), chunks=[b"12345", b"67890", b"!"])
    assert sent[0]["status"] == 413


async def test_a_body_that_grows_after_the_answer_began_ends_the_exchange_quietly():
    async def eager(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive()).get("more_body"):
            pass

    sent = await call(BoundedBody(eager, limit=3), chunks=[b"12", b"34", b"5"])
    assert [message["type"] for message in sent] == ["http.response.start"]
