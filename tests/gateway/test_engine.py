"""The engine service, called as gunicorn calls it: what it says is what our own backend of the kind `engine`
and the openai package understand (`tests/test_engine_service.py` has the real processes)."""

import asyncio
import json
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from gateway import engine
from inference import composition
from inference.backends import Called, CallPiece, Piece, Status, TokenLogprob, Tool
from inference.errors import GenerationFailed, ModelUnavailable, PromptTooLong, QueueFull
from inference.remote.reading import Answer, add
from inference.remote.sse import EventStream
from tests.fakes import Parrot
from tests.inference.remote.conftest import generation, until

TOKEN = "t" * 40
HI = {"messages": [{"role": "user", "content": "hello"}]}
TOOLS = [{"type": "function", "function": {"name": "look_up"}}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
CALLED = [
    {"role": "assistant", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "found"},
]


@pytest.fixture
def parrot(monkeypatch, settings):
    settings.ENGINE_TOKEN = TOKEN
    made = Parrot()
    monkeypatch.setattr(composition, "backend", lambda: made)
    monkeypatch.setattr(composition, "needed_names", lambda: ("parrot",))
    return made


class Line:
    """One request to the application, and what came back."""

    def __init__(self, method, path, body=None, *, token=TOKEN, **headers):
        named = {"authorization": f"Bearer {token}", **headers}
        coded = [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()]
        self.scope = {"type": "http", "method": method, "path": path, "headers": coded}
        self.raw = b"" if body is None else json.dumps(body).encode()
        self.sent = []
        self.hung_up = asyncio.Event()
        self.is_read = False

    async def receive(self):
        if not self.is_read:
            self.is_read = True
            return {"type": "http.request", "body": self.raw}
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    async def run(self):
        await engine.application(self.scope, self.receive, self.send)
        return self

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def text(self):
        return b"".join(message.get("body", b"") for message in self.sent).decode()

    @property
    def body(self):
        return json.loads(self.text)

    @property
    def events(self):
        lines = [line.removeprefix("data: ") for line in self.text.split("\n\n") if line]
        assert lines[-1] == "[DONE]"
        return [json.loads(line) for line in lines[:-1]]


async def call(*arguments, **more):
    return await Line(*arguments, **more).run()


@pytest.mark.parametrize("token", ["", "t" * 39, TOKEN + "é"])
async def test_nothing_without_the_token(parrot, token):
    refused = await call("POST", "/v1/chat/completions", HI, token=token)
    assert (refused.status, refused.body["error"]["code"]) == (401, "not_authenticated")
    assert parrot.generations == []


async def metrics(token="", client=("127.0.0.1", 5), **headers):
    line = Line("GET", "/metrics", token=token, **headers)
    line.scope["client"] = client
    return await line.run()


async def test_what_the_engine_counts_can_be_read_from_this_machine_and_has_no_book(parrot):
    await call("POST", "/v1/chat/completions", HI)
    found = await metrics()
    assert found.status == 200
    assert found.headers["content-type"].startswith("text/plain")
    assert 'gateway_http_request_seconds_count{method="POST",route="/v1/chat/completions",status="200"}' in (
        found.text
    )
    for name in ("gateway_engine_waiting_jobs", "process_resident_memory_bytes", "gateway_loop_lag_seconds"):
        assert f"# HELP {name}" in found.text
    for name in ("gateway_journal", "gateway_cache_up", "gen_ai_", "_created"):
        assert name not in found.text


async def test_nobody_else_reads_what_the_engine_counts(parrot, settings):
    assert (await metrics(client=("192.0.2.7", 5))).status == 403
    assert (await metrics(x_forwarded_for="192.0.2.7")).status == 403
    assert (await metrics(token=TOKEN, client=("192.0.2.7", 5))).status == 403
    settings.METRICS_TOKEN = "m" * 40
    assert (await metrics()).status == 401
    assert (await metrics(token="m" * 40, client=("192.0.2.7", 5))).status == 200


async def test_whole_answers(parrot):
    answered = await call(
        "POST", "/v1/chat/completions", {**HI, "user": "alice", "top_k": -1}, x_request_id="r-9"
    )
    assert answered.status == 200
    assert answered.headers["x-request-id"] == "r-9"
    assert answered.body["choices"][0]["message"]["content"] == "hello"
    assert answered.body["usage"]["prompt_tokens"] == 7
    (asked,) = parrot.generations
    assert (asked.caller, asked.request_id, asked.sampling.top_k) == ("alice", "r-9", 0)


async def test_streams_with_choices_and_usage(parrot):
    body = {**HI, "stream": True, "n": 2, "stream_options": {"include_usage": True}}
    events = (await call("POST", "/v1/chat/completions", body)).events
    said = ["", ""]
    for event in events:
        for choice in event["choices"]:
            said[choice["index"]] += choice["delta"].get("content") or ""
    assert said == ["hello", "hello 1"]
    assert events[-1]["usage"]["completion_tokens"] == 4


async def test_texts_vectors_and_models(parrot):
    said = await call("POST", "/v1/completions", {"prompt": "Once"})
    assert said.body["choices"][0]["text"] == "Once"
    made = await call("POST", "/v1/embeddings", {"input": ["ab", "c"], "encoding_format": "float"})
    assert [one["embedding"] for one in made.body["data"]] == [[2.0, 0.0], [1.0, 0.0]]
    listed = await call("GET", "/v1/models")
    assert [one["id"] for one in listed.body["data"]] == ["parrot"]


CALLING = [
    "So. ",
    CallPiece(0, "look_up", '{"a":'),
    CallPiece(0, "", "1}"),
    CallPiece(1, "look_up"),
    CallPiece(1, "", "{}"),
]


async def test_tools_and_earlier_calls_reach_the_model(parrot):
    body = {"messages": [*HI["messages"], *CALLED], "tools": TOOLS, "tool_choice": "required"}
    await call("POST", "/v1/chat/completions", body)
    (asked,) = parrot.generations
    assert (asked.tools, asked.tool_use.kind) == ((Tool("look_up", "", ""),), "required")
    assert asked.messages[1].calls == (Called("call00001", "look_up", "{}"),)
    assert (asked.messages[2].role, asked.messages[2].call_id) == ("tool", "call00001")
    await call("POST", "/v1/chat/completions", HI | {"tools": TOOLS, "tool_choice": "none"})
    assert parrot.generations[1].tools == ()


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_gateway_hears_the_calls_that_the_model_made(parrot, streamed):
    """Through what reads servers' answers in the gateway."""
    parrot.words = CALLING
    line = await call("POST", "/v1/chat/completions", HI | {"tools": TOOLS, "n": 2, "stream": streamed})
    asked = generation(tools=(Tool("look_up", "", ""),), choices=2)
    answer, heard = Answer(asked), []
    if streamed:
        pieces, fault = answer.read_all(EventStream(max_bytes=1 << 20).feed(line.text.encode()))
        assert fault is None
    else:
        pieces = answer.read_whole(line.text.encode())
        ids = [one["id"] for choice in line.body["choices"] for one in choice["message"]["tool_calls"]]
        assert len(set(ids)) == 4
    for piece in sorted(pieces, key=lambda piece: (piece.choice, isinstance(piece, CallPiece))):
        add(heard, piece)
    for choice in (0, 1):
        assert [piece for piece in heard if piece.choice == choice] == [
            Piece("So. " + (" 1" if choice else ""), choice),
            CallPiece(0, "look_up", '{"a":1}', choice),
            CallPiece(1, "look_up", "{}", choice),
        ]
    endings = answer.endings(first_token_ms=0)
    assert [ending.finish_reason for ending in endings] == ["tool_calls", "tool_calls"]


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("path", ["chat/completions", "completions"])
async def test_a_gateway_hears_the_tokens_that_the_model_chose(parrot, path, streamed):
    token = TokenLogprob(b"\xf0\x9f", -0.5, (TokenLogprob(b"x", -2.0),))
    parrot.words = [Piece("", 0, (token,)), Piece("So.", 0, (TokenLogprob(b"So.", -0.25),))]
    body, asked = HI | {"logprobs": True, "top_logprobs": 1}, generation(logprobs=1)
    if path == "completions":
        body, asked = {"prompt": "hello", "logprobs": 1}, replace(asked, messages=(), text="hello")
    line = await call("POST", f"/v1/{path}", body | {"stream": streamed})
    assert parrot.generations[0].logprobs == 1
    answer = Answer(asked)
    if streamed:
        pieces, _ = answer.read_all(EventStream(max_bytes=1 << 20).feed(line.text.encode()))
    else:
        pieces = answer.read_whole(line.text.encode())
    assert [one for piece in pieces for one in piece.logprobs] == [token, TokenLogprob(b"So.", -0.25)]
    assert "".join(piece.text for piece in pieces) == "So."


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (HI | {"model": "gpt-9"}, 404, "model_not_found"),
        (HI | {"temperature": 9}, 400, "invalid_value"),
        (HI | {"tempreature": 1}, 400, "unknown_parameter"),
        (HI | {"tool_choice": "required"}, 400, "invalid_value"),
        ([], 400, "unreadable_body"),
    ],
)
async def test_wrong_requests_get_openais_envelope(parrot, body, status, code):
    refused = await call("POST", "/v1/chat/completions", body)
    assert (refused.status, refused.body["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("error", "status", "seconds"),
    [
        (QueueFull(retry_after_seconds=7), 503, "7"),
        (PromptTooLong(tokens=9, limit=5), 400, None),
        (GenerationFailed(), 503, None),
        (ModelUnavailable("down"), 503, None),
    ],
)
async def test_what_the_model_refuses_is_said_before_the_stream(parrot, error, status, seconds):
    parrot.words, parrot.error = "", error
    refused = await call("POST", "/v1/chat/completions", {**HI, "stream": True})
    assert refused.status == status
    assert refused.headers.get("retry-after") == seconds, "gateways would leave the engine alone for so long"


async def test_an_answer_that_breaks_off_ends_with_an_error_and_never_with_done(parrot):
    parrot.error = RuntimeError("sk-secret")
    broken = await call("POST", "/v1/chat/completions", {**HI, "stream": True})
    assert '"error"' in broken.text
    assert "[DONE]" not in broken.text
    assert "sk-secret" not in broken.text


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_gateway_that_hangs_up_frees_the_model(parrot, streamed):
    parrot.words, parrot.pause_seconds = "x" * 1000, 0.01
    line = Line("POST", "/v1/chat/completions", {**HI, "stream": streamed})
    running = asyncio.create_task(line.run())
    await until(lambda: parrot.running == 1)
    await asyncio.sleep(0.05)
    line.hung_up.set()
    await running
    assert (parrot.running, parrot.closed_early) == (0, 1)


async def test_alive_and_ready_without_a_token(parrot, monkeypatch):
    assert (await call("GET", "/healthz", token="")).status == 200
    assert (await call("GET", "/readyz", token="")).status == 200
    monkeypatch.setattr(parrot, "status", lambda: Status("loading"))
    assert (await call("GET", "/readyz", token="")).status == 503
    assert (await call("GET", "/v1/secrets")).status == 404


def test_an_engine_without_a_token_or_with_backends_does_not_start(settings):
    settings.ENGINE_TOKEN = "short"
    with pytest.raises(CommandError, match="ENGINE_TOKEN"):
        call_command("serve_engine")
    settings.ENGINE_TOKEN, settings.BACKENDS_FILE = TOKEN, "backends.toml"
    with pytest.raises(CommandError, match="BACKENDS_FILE"):
        call_command("serve_engine")
