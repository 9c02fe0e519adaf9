"""
`/v1/chat/completions` over HTTP, with real connections to model servers that fail in every way. Whatever they
do, callers get an answer or one clear error, the book is right, and nothing stays behind.
"""

import asyncio
from dataclasses import replace
from random import Random

import pytest

from inference.remote.backend import RemoteBackend
from inference.remote.client import Client
from inference.remote.options import KINDS, RemoteOptions
from inference.routing.router import Router
from inference.routing.table import Model, Server, Table, Target
from prompts import composition
from prompts.models import Prompt
from tests.fakes import Shelf, house_of
from tests.inference.remote.conftest import PATIENCE, patient, until
from tests.prompts.v1.conftest import chunks_of
from tests.prompts.v1.test_tools import calls_of
from tests.upstream import Upstream, chunk, dies, hangs, refuses, says, sends

pytestmark = pytest.mark.django_db(transaction=True)
MAIL = "ann@corp.com"
BEGINS, SAYS_NO_MORE = sends(end=False), sends(chunk("Hello there"), end=False)
# Whoever falls silent is not waited for for long.
IMPATIENT = {
    hangs: patient(first_byte_seconds=0.5),
    BEGINS: patient(first_byte_seconds=0.5),
    SAYS_NO_MORE: patient(idle_seconds=0.5),
}
SECRET = b'{"error": {"message": "Bad key sk-live-0123456789abcdef for prompt: write to [EMAIL_1]"}}'


class Servers:
    """Two servers of one model, the first of which is always tried first, and one of its fallback."""

    def __init__(self):
        self.client = Client()
        self.backends = {}
        self.ups = {name: Upstream(says(f"{name} says hi to {MAIL}.")) for name in ("one", "two", "small")}

    async def open(self):
        for up in self.ups.values():
            await up.start()
        servers = [self._server(name, up) for name, up in self.ups.items()]
        # So much heavier than the other that rendezvous hashing always begins with it.
        targets = (Target("one", "m", 1e9), Target("two", "m", 1e-9))
        models = (
            Model("m", targets, 4096, "r1", fallbacks=("small",)),
            Model("small", (Target("small", "s"),), 4096, "r2"),
        )
        self.router = Router(Table(tuple(servers), models), self._answers, random=Random(1))
        return self

    @staticmethod
    def _server(name, up):
        options = RemoteOptions("vllm", up.base, fields=KINDS["vllm"].fields, patience=PATIENCE)
        return Server(name, "vllm", options, max_concurrent=4)

    def _answers(self, server):
        self.backends[server.name] = RemoteBackend(server.name, server.remote, self.client)
        return self.backends[server.name]

    def script(self, **scripts):
        for name, script in scripts.items():
            self.ups[name].scripts = [script]
            self.wait(name, IMPATIENT.get(script, PATIENCE))

    def wait(self, name, patience):
        backend = self.backends[name]
        backend.options = replace(backend.options, patience=patience)

    async def is_quiet(self):
        """Nothing stays: no connection in use, no place, no token owed, no request at a server."""
        lives = self.router.lives()
        await until(lambda: self.client.connections == 0)
        await until(lambda: all(up.running == 0 for up in self.ups.values()))
        assert all(live.running == live.tokens == 0 and live.health.trial is None for live in lives)
        assert self.router.waiting == 0

    async def close(self):
        await self.client.aclose()
        for up in self.ups.values():
            await up.stop()


@pytest.fixture
async def servers(served, journal):
    made = await Servers().open()
    composition.install(house_of(made.router, journal=journal, cache=Shelf()))
    yield made
    try:
        await made.is_quiet()
    finally:
        await made.close()


async def row_of():
    (row,) = [row async for row in Prompt.objects.all()]
    return row


async def test_a_prompt_goes_out_sanitized_and_an_answer_comes_back_restored(servers, as_alice):
    servers.script(one=says("I wrote to [EMAIL_1]."))
    response = await as_alice.chat(f"write to {MAIL}")
    assert response.json()["choices"][0]["message"]["content"] == f"I wrote to {MAIL}."
    (heard,) = servers.ups["one"].heard
    assert heard.body["messages"] == [{"role": "user", "content": "write to [EMAIL_1]"}]
    assert MAIL.encode() not in heard.raw
    assert heard.headers["x-request-id"] == response["x-request-id"]
    row = await row_of()
    assert (row.model, row.outcome, row.prompt_tokens, row.completion_tokens) == ("m", "answered", 7, 3)


FAILS_EARLY = {
    "refuses a connection": None,
    "dies before its first byte": dies(),
    "dies before its first word": dies({"choices": []}),
    "says nothing": hangs,
    "begins and says nothing": BEGINS,
    "is not itself": refuses(500, SECRET),
    "is busy": refuses(429, SECRET, retry_after="9"),
    "refuses our key": refuses(401, SECRET),
    "sends somewhere else": refuses(307, b"", location="http://127.0.0.1:1/v1/chat/completions"),
    "sends no JSON": sends(b"data: {nonsense\n\n"),
    "sends wrong UTF-8": sends(b"data: \xff\xfe\n\n"),
    "sends ten megabytes in a line": sends(b"data: " + b"x" * (10 << 20)),
    "sends an error as an event": sends({"error": {"message": SECRET.decode()}}),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("script", FAILS_EARLY.values(), ids=FAILS_EARLY)
async def test_another_server_answers_where_one(servers, as_alice, script, streamed):
    if script is None:
        await servers.ups["one"].stop()
    else:
        servers.script(one=script)
    response = await as_alice.chat("hello", stream=streamed)
    assert response.status_code == 200
    if streamed:
        *chunks, done = await chunks_of(response)
        assert done == "[DONE]"
        text = "".join(choice["delta"].get("content") or "" for one in chunks for choice in one["choices"])
    else:
        text = response.json()["choices"][0]["message"]["content"]
    assert text == "two says hi to [EMAIL_1]."
    row = await row_of()
    assert (row.model, row.outcome) == ("m", "answered")
    assert row.response == "two says hi to [EMAIL_1]."


@pytest.mark.parametrize("script", FAILS_EARLY.values(), ids=FAILS_EARLY)
async def test_one_clear_error_where_every_server(servers, as_alice, script, caplog):
    for name, up in servers.ups.items():
        if script is None:
            await up.stop()
        else:
            servers.script(**{name: script})
    response = await as_alice.chat("hello", stream=True)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    said = response.content.decode() + caplog.text
    assert "sk-live" not in said
    assert "127.0.0.1" not in said
    row = await row_of()
    assert row.outcome in ("refused", "failed")
    assert row.response == ""


FAILS_LATE = {
    "is killed": dies(chunk("Hello there")),
    "says no more": SAYS_NO_MORE,
    "ends without an end": sends(chunk("Hello there")),
    "sends no JSON": sends(chunk("Hello there"), b"data: {nonsense\n\n"),
    "sends wrong UTF-8": sends(chunk("Hello there"), b"data: \xff\n\n"),
    "sends ten megabytes in a line": sends(chunk("Hello there"), b"data: " + b"x" * (10 << 20)),
    "sends an error": sends(chunk("Hello there"), {"error": {"message": SECRET.decode()}}),
}


@pytest.mark.parametrize("script", FAILS_LATE.values(), ids=FAILS_LATE)
async def test_an_answer_breaks_off_with_one_error_where_a_server_mid_stream(
    servers, as_alice, script, caplog
):
    servers.script(one=script)
    response = await as_alice.chat("hello", stream=True)
    *chunks, last = await chunks_of(response)
    assert last["error"]["code"] == "generation_failed"
    assert "sk-live" not in str(chunks) + str(last) + caplog.text
    assert servers.ups["two"].heard == []
    row = await row_of()
    assert row.outcome == "failed"
    assert "Hello there".startswith(row.response)


async def test_a_fallback_is_named_by_header_body_book_and_cache(servers, as_alice):
    servers.script(one=refuses(500), two=refuses(500))
    asked = {"content": "hello", "temperature": 0}
    first = (await as_alice.chat(**asked)).json()
    assert first["model"] == "small"
    assert first["choices"][0]["message"]["content"] == "small says hi to [EMAIL_1]."
    assert (await row_of()).model == "small"
    direct = await as_alice.chat(**asked, model="small")
    assert direct["x-gateway-cache"] == "hit"
    servers.script(one=says("one again"))
    again = await as_alice.chat(**asked)
    assert (again["x-gateway-cache"], again.json()["model"]) == ("miss", "m")


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": -1, "completion_tokens": 10**15}])
async def test_a_server_that_lies_about_usage_costs_what_was_seen(servers, as_alice, usage):
    servers.script(one=says("x" * 40, usage=usage))
    await as_alice.chat("y" * 80)
    row = await row_of()
    assert (row.prompt_tokens, row.completion_tokens) == (20, 10)


async def test_a_caller_who_leaves_is_forgotten_by_everybody(servers, as_alice):
    servers.script(one=says("Some words. " * 500, cut=4, pause_seconds=0.02))
    response = await as_alice.chat("hello", stream=True)
    reading = asyncio.create_task(chunks_of(response))
    await asyncio.sleep(0.1)  # it reads by then
    assert servers.ups["one"].running == 1
    reading.cancel()  # as Django does when the connection is closed
    await asyncio.gather(reading, return_exceptions=True)
    await until(lambda: servers.ups["one"].left == 1)
    async with asyncio.timeout(30):
        while (await row_of()).outcome == "accepted":
            await asyncio.sleep(0.01)
    assert (await row_of()).outcome == "cancelled"


async def test_a_prompt_that_is_too_long_for_the_server_is_said_so(servers, as_alice):
    body = b'{"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 9000, "n_ctx": 4096}}'
    servers.script(one=refuses(400, body))
    response = await as_alice.chat("hello")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "context_length_exceeded"
    assert "9000" in response.json()["error"]["message"]


async def test_a_field_that_no_server_knows_is_named(servers, as_alice):
    response = await as_alice.chat("hello", typical_p=0.5)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "unsupported_parameter"
    assert "typical_p" in response.json()["error"]["message"]


TOOL = {"type": "function", "function": {"name": "send", "parameters": {"const": MAIL}}}


def calling(*calls):
    return {"choices": [{"index": 0, "delta": {"tool_calls": calls}}]}


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_server_is_offered_tools_sanitized_and_its_calls_are_sanitized_too(
    servers, as_alice, streamed
):
    named = {"index": 0, "id": f"call of {MAIL}", "function": {"name": "send", "arguments": ""}}
    rest = {"index": 0, "function": {"arguments": '{"to": "bob@corp.com"}'}}
    servers.script(one=sends(calling(named), calling(rest), chunk(reason="stop"), "[DONE]"))
    response = await as_alice.chat(f"write to {MAIL}", tools=[TOOL], tool_choice="required", stream=streamed)
    content, made, reason = await calls_of(response, stream=streamed)
    assert (content or "", reason) == ("", "tool_calls")
    ((id, name, arguments),) = made
    assert (name, arguments) == ("send", '{"to": "[EMAIL_2]"}')
    assert "@" not in id
    (heard,) = servers.ups["one"].heard
    assert MAIL.encode() not in heard.raw
    assert heard.body["tools"][0]["function"]["parameters"] == {"const": "[EMAIL_1]"}
    assert heard.body["tool_choice"] == "required"
    assert (await row_of()).choices[0]["tool_calls"] == [{"name": "send", "arguments": '{"to": "[EMAIL_2]"}'}]


async def test_a_tool_that_nobody_offered_is_an_error_and_the_server_stays(servers, as_alice):
    wrong = calling({"index": 0, "function": {"name": f"mail_{MAIL}", "arguments": "{}"}})
    servers.script(one=sends(wrong, chunk(reason="stop"), "[DONE]"))
    for _ in range(4):
        response = await as_alice.chat("hello", tools=[TOOL])
        assert (response.status_code, response.json()["error"]["code"]) == (502, "call_unfit")
        assert MAIL not in response.content.decode()
    assert servers.router.states()["one"] == "up", "a caller could take the server from others"
    assert {row.outcome async for row in Prompt.objects.all()} == {"failed"}


async def test_a_crowd_is_answered_whatever_two_of_three_servers_do(servers, as_alice):
    chance = Random(5)
    bad = [script for script in FAILS_EARLY.values() if script is not None and script is not hangs]
    servers.ups["one"].scripts = [chance.choice(bad) for _ in range(60)]
    servers.ups["two"].scripts = [chance.choice([*bad, says("two")]) for _ in range(60)]
    for name in ("one", "two"):
        servers.wait(name, patient(first_byte_seconds=1))
    answers = await asyncio.gather(*(as_alice.chat(f"question {number}") for number in range(40)))
    statuses = {response.status_code for response in answers}
    assert statuses <= {200, 503}
    assert sum(response.status_code == 200 for response in answers) >= 20
    outcomes = [row.outcome async for row in Prompt.objects.all()]
    assert len(outcomes) == 40
    assert outcomes.count("answered") == sum(response.status_code == 200 for response in answers)
