"""The composition: bounded bodies, static files, lifespan."""

import asyncio
import gc
import json
from types import SimpleNamespace

import pytest

from gateway.asgi import (
    BoundedBody,
    NarrowDoor,
    Orderly,
    api,
    door_of,
    give_back_memory,
    lifespan,
    pages_door,
    prompts_door,
)
from gateway.load import Line
from tests.fakes import house_of


async def call(application, *, headers=(), chunks=(b"",), stalls=False, path="/prompt"):
    """The messages an ASGI application sends for one POST."""
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": at < len(chunks) - 1}
        for at, chunk in enumerate(chunks)
    ]
    sent = []

    async def receive():
        if stalls and len(waiting) == 1:
            await asyncio.sleep(60)
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await application({"type": "http", "path": path, "headers": list(headers)}, receive, send)
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


async def test_clients_of_openais_api_hear_of_it_in_their_own_shape():
    sent = await call(BoundedBody(swallow, limit=10), chunks=[b"12345678901"], path="/v1/completions")
    assert sent[0]["status"] == 413
    assert json.loads(sent[1]["body"])["error"]["code"] == "body_too_large"


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


async def test_a_body_that_stalls_is_given_up():
    application = BoundedBody(swallow, limit=100, idle_seconds=0.01)
    sent = await call(application, chunks=[b"12", b"34"], stalls=True)
    assert sent[0]["status"] == 408


async def test_what_a_refused_caller_still_sends_is_read_so_that_the_answer_is_seen():
    left = [b"12345"] * 4
    sent = await call(BoundedBody(swallow, limit=10), headers=[(b"content-length", b"20")], chunks=left)
    assert sent[0]["status"] == 413


async def test_an_application_may_wait_for_the_caller_to_leave_as_long_as_it_likes():
    async def waits(scope, receive, send):
        await receive()
        await asyncio.sleep(0.05)
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.start", "status": 200, "headers": []})

    sent = await call(BoundedBody(waits, limit=10, idle_seconds=0.01), chunks=[b"12"])
    assert sent[0]["status"] == 200


async def test_a_narrow_door_lets_few_in_and_refuses_the_rest_at_once():
    free, inside, answers = asyncio.Event(), [], []

    async def busy(scope, receive, send):
        inside.append(1)
        await free.wait()

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        answers.append(message)

    door = NarrowDoor(busy, limit=3)
    waiting = [asyncio.create_task(door({"path": "/auth/login"}, receive, send)) for _ in range(3)]
    await asyncio.sleep(0)
    await door({"path": "/auth/login"}, receive, send)
    assert (len(inside), answers[0]["status"]) == (3, 503)
    assert (b"retry-after", b"2") in answers[0]["headers"]
    free.set()
    await asyncio.gather(*waiting)
    await door({"path": "/auth/login"}, receive, send)
    assert len(inside) == 4


async def living(*told):
    """What a server hears of the lifespan that it tells so."""
    waiting, sent = iter(told), []

    async def receive():
        return {"type": next(waiting)}

    async def send(message):
        sent.append(message)

    await lifespan(receive, send)
    return sent


async def test_a_server_does_not_start_with_backends_that_cannot_be_used(settings, tmp_path, monkeypatch):
    monkeypatch.setattr("prompts.composition.open_house", lambda: pytest.fail("the book is open"))
    settings.BACKENDS_FILE = str(tmp_path / "backends.toml")
    (tmp_path / "backends.toml").write_text("[backends.one]\nkind = 'nonsense'\n")
    (failed,) = await living("lifespan.startup")
    assert failed["type"] == "lifespan.startup.failed"
    assert "kind must be one of" in failed["message"]


async def test_a_server_does_not_start_with_a_closed_book_and_the_log_says_why(monkeypatch, caplog):
    def broken():
        raise OSError("no room for the lease")

    monkeypatch.setattr("prompts.composition.open_house", broken)
    assert await living("lifespan.startup") == [{"type": "lifespan.startup.failed", "message": "OSError"}]
    assert "no room for the lease" in caplog.text


async def test_what_was_made_while_starting_is_not_looked_through_again(monkeypatch):
    frozen = []
    monkeypatch.setattr("prompts.composition.open_house", lambda: None)
    monkeypatch.setattr("prompts.composition.close_house", lambda: asyncio.sleep(0))
    monkeypatch.setattr("inference.fleet.open_fleet", lambda: None)
    monkeypatch.setattr("gateway.asgi.give_back_memory", lambda: frozen.append("given back"))
    monkeypatch.setattr("gc.freeze", lambda: frozen.append(True))
    monkeypatch.setattr("gc.set_threshold", lambda *objects: frozen.append(objects))
    young, middle, _ = gc.get_threshold()
    sent = await living("lifespan.startup", "lifespan.shutdown")
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert frozen == ["given back", True, (young, middle, 100)]


def test_memory_is_given_back_where_the_system_takes_it(monkeypatch):
    asked = []
    monkeypatch.setattr("ctypes.CDLL", lambda name: SimpleNamespace(malloc_trim=asked.append))
    give_back_memory()
    monkeypatch.setattr("ctypes.CDLL", lambda name: SimpleNamespace())  # not glibc
    give_back_memory()
    assert asked == [0]


async def test_a_prompt_that_is_sent_away_hears_when_to_come_back_and_keeps_its_connection():
    async def never(scope, receive, send):
        raise AssertionError("reached the application")

    sent = await call(Orderly(never, Line(places=0)), chunks=[b"12345", b"67890"], path="/v1/embeddings")
    headers = dict(sent[0]["headers"])
    assert (sent[0]["status"], headers[b"retry-after"]) == (503, b"1")
    assert b"connection" not in headers
    assert json.loads(sent[1]["body"])["error"]["code"] == "overloaded"


async def test_a_prompt_whose_body_is_slow_is_in_nobodys_way(monkeypatch):
    house = house_of()
    monkeypatch.setattr("prompts.composition.house", lambda: house)
    monkeypatch.setattr("prompts.pace.MOST_OPENING", 1)
    seen = []

    async def reading(scope, receive, send):
        seen.append(house.pace.room)
        while (await receive()).get("more_body"):
            seen.append(house.pace.room)
        seen.append(house.pace.room)

    await call(Orderly(reading, Line(places=9)), chunks=[b"1", b"2"])
    assert seen == [1, 1, 0]
    assert house.pace.room == 1


@pytest.mark.parametrize(
    ("method", "path", "door"),
    [
        ("POST", "/prompt", prompts_door),
        ("POST", "/prompt/", prompts_door),
        ("POST", "/v1/moderations", prompts_door),
        ("GET", "/v1/models", pages_door),
        ("GET", "/prompt", pages_door),
        ("GET", "/admin/", pages_door),
        ("GET", "/healthz", api),
        ("GET", "/readyz/", api),
        ("GET", "/metrics", api),
    ],
)
def test_what_has_to_be_screened_waits_in_line_and_who_looks_after_us_never_does(method, path, door):
    assert door_of({"method": method, "path": path}) is door
