"""A connection to Redis in an event loop: many callers at once, and the ways in which Redis fails them."""

import asyncio
import gc
import logging
import os
import time

import pytest
import redis
import uvloop

from accounts import redis_line
from accounts.redis_wire import Call
from tests.prompts.caching.conftest import free_port, own_redis  # noqa: F401

SOON = 30  # of a busy machine


class Away(Exception):
    pass


class Line(redis_line.RedisLine):
    """Keeps what it is told of."""

    away = Away
    logger = logging.getLogger("tests")

    def __init__(self, url):
        super().__init__(url)
        self.refusals, self.rests = [], []

    def _refused(self, error):
        self.refusals.append(type(error))

    def _rest(self, error):
        self.rests.append(type(error))

    def ask(self, *command):
        return self._ask(Call(command))


@pytest.fixture
def line(own_redis):  # noqa: F811
    made = Line(own_redis.url)
    yield made
    made.close()


class StandIn:
    """Answers a connection as `script` says, after the library's own commands. How many there were."""

    def __init__(self, *scripts):
        self.scripts, self.count, self.port = scripts, 0, 0

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def serve(self, reader, writer):
        script = self.scripts[min(self.count, len(self.scripts) - 1)]
        self.count += 1
        try:
            while data := await reader.read(65536):
                for _ in range(data.count(b"SETINFO")):
                    writer.write(b"+OK\r\n")
                if b"SETINFO" not in data and (answer := script(data)) is not None:
                    writer.write(answer)
                elif b"SETINFO" not in data:
                    break
        finally:
            writer.close()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"


def breaks_off(data):
    return None


def answering(raw):
    return lambda data: raw


# -- callers --


async def test_thousands_at_once_get_each_their_own_answer_on_one_connection(line, own_redis):  # noqa: F811
    echoed = await asyncio.gather(*(line.ask("ECHO", f"{n}") for n in range(5000)))
    assert echoed == [b"%d" % n for n in range(5000)]
    with own_redis.client() as client:
        assert client.info("clients")["connected_clients"] == 2  # with this one


async def test_whoever_leaves_gets_no_other_callers_answer_mixed_up(line):
    waiting = [asyncio.ensure_future(line.ask("ECHO", f"{n}")) for n in range(100)]
    for each in waiting[::3]:
        each.cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    for number, answer in enumerate(answers):
        assert isinstance(answer, asyncio.CancelledError) if number % 3 == 0 else answer == b"%d" % number


async def test_bytes_of_any_length_and_kind_come_back(line):
    for value in (b"", b"\r\n$5\r\n", os.urandom(3_000_000)):
        await line.ask("SET", "name", value)
        assert await line.ask("GET", "name") == value


async def test_an_error_is_its_callers_alone(line):
    await line.ask("SET", "text", "x")
    answers = await asyncio.gather(
        line.ask("ECHO", "a"), line.ask("INCR", "text"), line.ask("ECHO", "b"), return_exceptions=True
    )
    assert (answers[0], type(answers[1]), answers[2]) == (b"a", Away, b"b")
    assert (line.refusals, line.rests) == ([redis.ResponseError], [])


async def test_each_event_loop_has_a_connection_and_leaves_none_behind(line, own_redis):  # noqa: F811
    async def elsewhere(number):
        return await line.ask("ECHO", f"{number}")

    await line.ask("PING")
    for number in range(3):
        assert await asyncio.to_thread(asyncio.run, elsewhere(number)) == b"%d" % number
    assert len(line._wires) == 2  # this loop's and the last one's, which is closed
    gc.collect()  # an unclosed socket is an error here
    with own_redis.client() as client:
        async with asyncio.timeout(SOON):
            while client.info("clients")["connected_clients"] > 2:
                await asyncio.sleep(0.01)


def test_a_loop_that_ends_while_calls_wait_leaves_no_connection_and_blames_nobody(line, own_redis):  # noqa: F811
    own_redis.hang()

    async def leave():
        waiting = asyncio.ensure_future(line.ask("PING"))
        await asyncio.sleep(0.1)
        assert not waiting.done()

    asyncio.run(leave())
    own_redis.go_on()
    gc.collect()
    assert line.rests == []
    assert asyncio.run(asked_in(line)) == b"x"


async def asked_in(line):
    return await line.ask("ECHO", "x")


async def test_who_asks_while_the_loop_ends_is_told_and_nothing_is_connected(own_redis):  # noqa: F811
    line = Line(own_redis.url)
    await line.ask("PING")
    (wire,) = line._wires.values()
    wire.end()
    with pytest.raises(Away):
        await line.ask("PING")
    assert line.rests == []


def test_code_without_an_event_loop_waits(line, own_redis):  # noqa: F811
    assert line.ask("ECHO", "x").result() == b"x"
    own_redis.stop()
    with pytest.raises(Away):
        line.ask("ECHO", "x").result()
    assert line.rests == [redis.ConnectionError]


# -- a Redis that is not well --


async def test_a_redis_that_was_started_anew_between_calls_is_asked_again(line, own_redis):  # noqa: F811
    await line.ask("PING")
    own_redis.stop()
    own_redis.start()
    assert await asyncio.gather(*(line.ask("ECHO", f"{n}") for n in range(50))) == [
        b"%d" % n for n in range(50)
    ]
    assert line.rests == []


async def test_a_redis_that_is_killed_in_the_middle_lets_all_down_at_once(line, own_redis):  # noqa: F811
    await line.ask("PING")
    own_redis.hang()
    waiting = [asyncio.ensure_future(line.ask("PING")) for _ in range(100)]
    await asyncio.sleep(0.05)
    own_redis._process.kill()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Away}
    assert line.rests == [redis.ConnectionError]


async def test_what_is_lost_with_its_connection_is_sent_once_more_and_not_twice():
    async with StandIn(breaks_off, answering(b"+second\r\n")) as server:
        line = Line(server.url)
        assert await line.ask("PING") == b"second"
        assert (server.count, line.rests) == (2, [])
        line.close()
    async with StandIn(breaks_off) as server:
        line = Line(server.url)
        with pytest.raises(Away):
            await line.ask("PING")
        assert (server.count, line.rests) == (2, [redis.ConnectionError])
        line.close()


async def test_a_redis_that_is_loading_is_asked_once_more():
    loading = answering(b"-LOADING Redis is loading the dataset in memory\r\n")
    async with StandIn(loading, answering(b"+PONG\r\n")) as server:
        line = Line(server.url)
        assert await line.ask("PING") == b"PONG"
        line.close()
    async with StandIn(loading) as server:
        line = Line(server.url)
        with pytest.raises(Away):
            await line.ask("PING")
        assert server.count == 2
        line.close()


@pytest.mark.parametrize("raw", [b"*1\r\n:1\r\n", b"nonsense\r\n"])
async def test_a_server_that_speaks_something_else_is_left(raw):
    async with StandIn(answering(raw)) as server:
        line = Line(server.url)
        with pytest.raises(Away):
            await line.ask("PING")
        assert line.rests == [redis.exceptions.InvalidResponse]
        assert server.count == 1
        line.close()


async def test_answers_that_nobody_asked_for_go_to_nobody():
    async with StandIn(answering(b"+one\r\n+too many\r\n")) as server:
        line = Line(server.url)
        for connections in (1, 2):  # the one before was left
            assert await line.ask("PING") == b"one"
            assert server.count == connections
        line.close()


async def test_a_redis_that_hangs_is_noticed_in_time_and_asked_nothing_twice(line, own_redis, monkeypatch):  # noqa: F811
    monkeypatch.setattr(redis_line, "SOCKET_SECONDS", 0.3)
    await line.ask("PING")
    own_redis.hang()
    began = time.monotonic()
    answers = await asyncio.gather(*(line.ask("INCR", "count") for _ in range(20)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {Away}
    assert 0.3 <= time.monotonic() - began < 3
    assert line.rests == [redis.TimeoutError]
    own_redis.go_on()
    assert int(await line.ask("GET", "count")) in (0, 20)  # once, if at all


async def test_a_slow_redis_is_not_away_as_long_as_it_answers_something(monkeypatch):
    monkeypatch.setattr(redis_line, "SOCKET_SECONDS", 0.3)

    class Slow(StandIn):
        async def serve(self, reader, writer):
            try:
                await reader.read(65536)
                writer.write(b"+OK\r\n+OK\r\n")
                await reader.read(65536)
                for _ in range(6):
                    await asyncio.sleep(0.15)
                    writer.write(b"+PONG\r\n")
                await reader.read()
            finally:
                writer.close()

    async with Slow(breaks_off) as server:
        line = Line(server.url)
        assert await asyncio.gather(*(line.ask("PING") for _ in range(6))) == [b"PONG"] * 6
        line.close()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_an_event_loop_that_was_held_up_does_not_take_redis_for_away(new_loop, line, monkeypatch):
    """uvloop, which the worker runs on, writes at the end of a turn: then it may already be late."""
    monkeypatch.setattr(redis_line, "SOCKET_SECONDS", 0.1)

    async def held_up():
        await line.ask("PING")
        for is_on_its_way in (True, False) * 2:
            waiting = asyncio.ensure_future(line.ask("ECHO", "x"))
            if is_on_its_way:
                await asyncio.sleep(0)
            time.sleep(0.3)  # noqa: ASYNC251  (that is what is tested)
            assert await waiting == b"x"

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(held_up())
    assert line.rests == []


async def test_a_redis_that_is_not_there_is_told_to_all(monkeypatch):
    line = Line(f"redis://127.0.0.1:{free_port()}/0")
    answers = await asyncio.gather(*(line.ask("PING") for _ in range(5)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {Away}
    assert line.rests == [redis.ConnectionError]
    line.close()


# -- how it connects --


async def test_users_passwords_databases_and_sockets_of_a_url_count(own_redis, tmp_path):  # noqa: F811
    with own_redis.client() as client:
        client.execute_command("ACL", "SETUSER", "ann", "on", ">secret", "~*", "+@all")
        client.config_set("requirepass", "other")
    line = Line(f"redis://ann:secret@127.0.0.1:{own_redis.port}/3?client_name=limits")
    await line.ask("SET", "name", "value")
    assert await line.ask("CLIENT", "GETNAME") == b"limits"
    info = (await line.ask("CLIENT", "INFO")).decode()
    assert " db=3 " in info
    assert " user=ann " in info
    line.close()
    refused = Line(f"redis://ann:wrong@127.0.0.1:{own_redis.port}/3")
    with pytest.raises(Away):
        await refused.ask("PING")
    assert refused.rests == [redis.AuthenticationError]
    refused.close()


async def test_whatever_the_url_says_answers_are_those_that_are_read(own_redis):  # noqa: F811
    line = Line(f"{own_redis.url}?protocol=3&max_connections=5")
    assert await line.ask("GET", "nothing") is None
    line.close()
