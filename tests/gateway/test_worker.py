"""Connections of a worker are bounded. tests/faults shows over sockets what becomes of idle ones."""

import asyncio
import resource
from contextlib import suppress
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from gunicorn.config import Config

from gateway import worker
from gateway.worker import MOST_CONNECTIONS, OTHER_FILES, Connection, Worker, most_connections


class Caller:
    """A connection that is idle, or is not."""

    def __init__(self, *, is_idle):
        self.is_idle = is_idle
        self.is_closed = False

    def close_if_idle(self):
        self.is_closed = self.is_idle
        return self.is_idle


@pytest.fixture
def full():
    """A worker with places for three, which three have: two of them idle."""
    made = Worker.__new__(Worker)
    made.connections, made.worker_connections = {}, 3
    callers = [Caller(is_idle=False), Caller(is_idle=True), Caller(is_idle=True)]
    for caller in callers:
        assert made.let_in(caller)
    return made, callers


def test_one_more_takes_the_place_of_the_one_that_has_been_idle_for_longest(full):
    made, (busy, oldest, other) = full
    new = Caller(is_idle=True)
    assert made.let_in(new)
    assert list(made.connections) == [busy, other, new]
    assert oldest.is_closed
    assert not other.is_closed


def test_where_nobody_is_idle_one_more_is_not_let_in(full):
    made, callers = full
    for caller in callers:
        caller.is_idle = False
    assert not made.let_in(Caller(is_idle=True))
    assert len(made.connections) == 3
    assert not any(caller.is_closed for caller in callers)


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised_to"),
    [
        (1024, 1 << 20, MOST_CONNECTIONS, 2 * MOST_CONNECTIONS + OTHER_FILES),
        (1024, 4096, (4096 - OTHER_FILES) // 2, 4096),
        (1 << 20, 1 << 20, MOST_CONNECTIONS, None),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, MOST_CONNECTIONS, None),
        (64, 64, 16, None),
    ],
)
def test_there_are_as_many_as_there_are_files_for(monkeypatch, soft, hard, connections, raised_to):
    limits = SimpleNamespace(
        RLIMIT_NOFILE=resource.RLIMIT_NOFILE,
        RLIM_INFINITY=resource.RLIM_INFINITY,
        getrlimit=lambda which: (soft, hard),
        set_to=[],
    )
    limits.setrlimit = lambda which, pair: limits.set_to.append(pair[0])
    monkeypatch.setattr(worker, "resource", limits)
    assert most_connections() == connections
    assert limits.set_to == ([raised_to] if raised_to else [])


async def echo(scope, receive, send):
    """Says what it was asked."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    said = scope["path"].encode() + b" " + body
    headers = [(b"content-length", str(len(said)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})


REFUSAL = b"HTTP/1.1 503 -\r\n\r\n"


class House(Worker):
    """A worker without a process of its own, which turns away all that begins with `unwanted`."""

    unwanted = b"POST /v1/"

    def __init__(self):
        self.cfg, self.log, self.asgi = Config(), Mock(access_log_enabled=False), echo
        self.cfg.set("keepalive", 5)
        self.loop = asyncio.get_running_loop()
        self.connections, self.worker_connections = {}, 10
        self.nr_conns, self.nr, self.max_requests, self.alive, self.state = 0, 0, 1 << 30, True, {}

    async def said_to(self, *pieces):
        """What a caller hears who sends these, one after the other; behind each he waits for the end of what
        is said to it."""

        class Door(Connection):
            turned_away = staticmethod(lambda data: REFUSAL if data.startswith(self.unwanted) else None)

        server = await self.loop.create_server(lambda: Door(self), "127.0.0.1")
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        heard = b""
        for piece, ending in pieces:
            writer.write(piece)
            async with asyncio.timeout(30):
                while not heard.endswith(ending):
                    heard += await reader.read(4096)
            with suppress(TimeoutError):  # what is no whole request yet has come by then, and nothing else
                async with asyncio.timeout(0.1):
                    heard += await reader.read(4096)
        writer.close()
        server.close()
        return heard


def asking(path, body=b"x"):
    return b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (path, len(body), body)


INNER = asking(b"/v1/b")


async def test_a_connection_goes_on_after_requests_that_were_turned_away():
    heard = await House().said_to(
        (asking(b"/a"), b"/a x"),
        (asking(b"/v1/b"), REFUSAL),
        (asking(b"/v1/c"), REFUSAL),
        (asking(b"/d"), b"/d x"),
        (asking(b"/v1/e"), REFUSAL),
        (asking(b"/f"), b"/f x"),
    )
    assert heard.count(b"HTTP/1.1 503 -") == 3
    assert [said in heard for said in (b"/a x", b"/d x", b"/f x")] == [True] * 3


async def test_the_first_request_of_a_connection_can_be_turned_away():
    heard = await House().said_to((asking(b"/v1/a"), REFUSAL), (asking(b"/b"), b"/b x"))
    assert heard.startswith(b"HTTP/1.1 503 -")
    assert b"/b x" in heard


@pytest.mark.parametrize(
    ("begin", "said"),
    [
        (asking(b"/a", INNER)[: -len(INNER)], b"/a " + INNER),  # a body
        (b"POST /a HTTP/1.1\r\nX: ", b"/a x"),  # a head
    ],
)
@pytest.mark.parametrize("before", [b"", asking(b"/0")], ids=["alone", "with another"])
async def test_the_rest_of_a_request_is_never_taken_for_one_to_turn_away(before, begin, said):
    pieces = (before + begin, b"/0 x" if before else b""), (INNER, said)
    assert b" 503 " not in await House().said_to(*pieces)


async def test_what_comes_before_an_answer_is_over_waits_for_its_turn():
    """Answers leave in the order of the requests."""
    heard = await House().said_to((asking(b"/a") + asking(b"/v1/b"), b"/v1/b x"))
    assert b"/a x" in heard
    assert b"/v1/b x" in heard
