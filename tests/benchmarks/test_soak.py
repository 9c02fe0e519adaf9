"""The parts of the soak that could be wrong without anybody seeing it."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from benchmarks import soak
from benchmarks.relaying.caller import connected, request
from benchmarks.relaying.standin import PIECES, UNHURRIED, Conversation, Pacers
from benchmarks.relaying.texts import Letters
from benchmarks.soaking.holding import growth, slope_an_hour
from benchmarks.soaking.mix import SHARES, Mix, Tally


@pytest.fixture
async def standin():
    pacers, letters = Pacers(), Letters(3)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(letters, pacers), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


class Answers(asyncio.Protocol):
    """A server that says the same to everybody."""

    def __init__(self, said):
        self.said = said

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(self.said)


async def served(said):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answers(said), "127.0.0.1", 0)
    return server, SimpleNamespace(port=server.sockets[0].getsockname()[1], tokens=["t"])


def reply(status, body=b"{}"):
    return b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


@pytest.mark.parametrize("stream", [False, True])
async def test_an_unhurried_model_takes_its_time(standin, stream):
    body = {"model": f"{UNHURRIED}120", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    line = await connected(standin)
    answer = await line.ask(request(standin, json.dumps(body).encode()))
    line.close()
    assert answer.status == 200
    assert answer.seconds >= 0.115
    if stream:
        assert answer.first_seconds < 0.115 * 3 / PIECES + 0.05
        assert b"[DONE]" in answer.body


async def test_the_stand_in_makes_vectors(standin):
    line = await connected(standin)
    answer = await line.ask(request(standin, b'{"input": ["a", "b"]}', path="/v1/embeddings"))
    line.close()
    assert len(json.loads(answer.body)["data"]) == 2


async def test_callers_come_at_the_rate_that_was_asked_for_and_of_every_kind():
    server, contender = await served(reply(200))
    mix = Mix(contender, seed=1)
    tally = await mix.come(400, 1.0)
    tally.add(await mix.end())
    server.close()
    assert 0.7 < tally.sent / tally.seconds / 400 < 1.3
    assert set(tally.answered) == set(SHARES) - {"leaves", "wrong"}
    assert tally.unknown
    assert set(tally.broken) == {"status 200 for a wrong request"}
    assert sum(map(len, tally.answered.values())) + tally.unknown + sum(tally.broken.values()) == tally.sent


async def test_refusals_are_counted_apart_and_errors_are_broken_answers():
    for said, refused, broken in [
        (reply(503), True, set()),
        (reply(500), False, {"status 500", "status 500 for a wrong request"}),
    ]:
        server, contender = await served(said)
        mix = Mix(contender, seed=1)
        tally = await mix.come(300, 0.5)
        tally.add(await mix.end())
        server.close()
        assert bool(tally.refused) == refused
        assert set(tally.broken) == broken
        assert not tally.answered


def test_growth_is_between_the_second_and_the_last_quarter():
    assert growth([1, 2, 10, 10, 10, 10, 11, 11]) == pytest.approx(0.1)
    assert growth([50] * 8) == 0
    assert growth([1, 2, 10, 10, 10, 10, 11, 11], least=100) == pytest.approx(0.01)
    assert slope_an_hour([0, 900, 1800, 2700, 3600], [9, 1, 2, 3, 4]) == pytest.approx(4)


def found(**changes):
    spread = {"p50_ms": 250.0, "p99_ms": 260.0}
    return {
        "capacity_per_s": 500.0,
        "offered_per_s": 750.0,
        "answered_per_s": 480.0,
        "refused_share": 0.3,
        "unloaded": {"chat": spread},
        "loaded": {"chat": spread},
        "unloaded_all": spread,
        "loaded_all": spread,
        "refusals": {"p99_ms": 9.0},
        "broken": {},
        "holding": {"memory_growth": 0.0, "file_growth": 0.0, "memory_mb_an_hour": 0.0, "files_an_hour": 0.0},
        "held_after": {},
        "book": {"acknowledged": 90, "unknown": 10, "answered": 95, "accepted": 0, "twice": 0},
    } | changes


@pytest.mark.parametrize(
    "wrong",
    [
        {"loaded_all": {"p50_ms": 1.0, "p99_ms": 900.0}},
        {"refusals": {"p99_ms": 21.0}},
        {"broken": {"status 500": 1}},
        {"held_after": {"gateway_prompts_in_progress": 1.0}},
        {"book": {"acknowledged": 90, "unknown": 10, "answered": 89, "accepted": 0, "twice": 0}},
        {"book": {"acknowledged": 90, "unknown": 10, "answered": 101, "accepted": 0, "twice": 0}},
        {"book": {"acknowledged": 90, "unknown": 10, "answered": 95, "accepted": 1, "twice": 0}},
        {"book": {"acknowledged": 90, "unknown": 10, "answered": 95, "accepted": 0, "twice": 2}},
    ],
)
def test_every_bar_can_be_missed(wrong, capsys):
    assert soak.report(found())
    assert not soak.report(found(**wrong))
    assert capsys.readouterr().out.count("missed") == 1


def test_tallies_add_up():
    one, other = (
        Tally(1, 2, {"chat": [1.0]}, [3.0], 1, 1, {"a": 1}),
        Tally(1, 2, {"chat": [2.0]}, [], 0, 0, {"a": 2}),
    )
    one.add(other)
    assert one == Tally(2, 4, {"chat": [1.0, 2.0]}, [3.0], 1, 1, {"a": 3})
