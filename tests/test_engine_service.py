"""
The real thing: a gateway without a model of its own, in front of an engine service, which is another process
with the real model. And what SIGHUP does to both.
"""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time

import httpx
import openai
import pytest

from tests.gateway.tracing.collector import Collector
from tests.server import ROOT, Server

pytestmark = [pytest.mark.server, pytest.mark.model]
EMAIL = "ann.smith@example.com"
TOKEN = secrets.token_urlsafe(32)
REPEAT = [{"role": "user", "content": f"Repeat exactly: {EMAIL}"}]
TOML = """
[backends.engine]
kind = "engine"
base_url = "{base}/v1"
api_key_env = "THE_ENGINES_TOKEN"
local = true
probe_seconds = 0.5

[models.smollm2-135m]
backends = [{{backend = "engine", model = "default"}}]
context_tokens = 2048
revision = "{revision}"
"""


class Engine(Server):
    """`manage.py serve_engine`."""

    command = (sys.executable, "manage.py", "serve_engine")

    def __enter__(self):
        self.start(until="/readyz")
        return self


@pytest.fixture(scope="module")
def collector():
    """Where both send their spans."""
    with Collector() as made:
        yield made


def traced(collector):
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.base, "OTEL_BSP_SCHEDULE_DELAY": "200"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory, default_model_path, collector):
    directory = tmp_path_factory.mktemp("engine")
    with Engine(
        directory,
        **traced(collector),
        LLM_MODEL_PATH=str(default_model_path),
        LLM_SLOTS="4",
        LLM_MAX_TOKENS="1500",
        ENGINE_TOKEN=TOKEN,
        SECRET_KEY="",
    ) as served:
        yield served


@pytest.fixture(scope="module")
def file(tmp_path_factory, engine):
    path = tmp_path_factory.mktemp("gateway-file") / "backends.toml"
    path.write_text(TOML.format(base=engine.base, revision="1"))
    return path


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, file, collector):
    """Two workers, because there is no local model; one where there is no Redis to count limits in."""
    directory = tmp_path_factory.mktemp("gateway")
    redis = os.environ.get("TEST_REDIS_URL")
    workers = {"WEB_WORKERS": "2", "REDIS_URL": redis} if redis else {}
    more = {**workers, **traced(collector), "LLM_MAX_TOKENS": "1500"}
    with Server(directory, BACKENDS_FILE=str(file), THE_ENGINES_TOKEN=TOKEN, **more) as served:
        yield served


@pytest.fixture(scope="module")
def token(gateway):
    return gateway.token_of("alice@example.org")


@pytest.fixture(scope="module")
def client(gateway, token):
    with openai.OpenAI(base_url=f"{gateway.base}/v1", api_key=token, max_retries=0) as made:
        yield made


def test_a_gateway_is_ready_without_a_model_of_its_own(gateway):
    status, body = gateway.get("/readyz")
    assert (status, body["status"]) == (200, "ready")
    assert body["components"]["backends"] == {"state": "ready", "backends": {"engine": "up"}}
    assert not list(gateway.directory.rglob("*.gguf"))


def test_an_answer_comes_from_the_engine_sanitized_and_restored(client):
    answer = client.chat.completions.create(
        model="smollm2-135m", messages=REPEAT, temperature=0, max_tokens=40
    )
    assert EMAIL in answer.choices[0].message.content
    assert answer.model == "smollm2-135m"
    assert answer.usage.prompt_tokens > 5


def test_a_streamed_one_says_the_same(client):
    asked = {"model": "smollm2-135m", "messages": REPEAT, "temperature": 0, "max_tokens": 41, "n": 2}
    whole = client.chat.completions.create(**asked)
    said = ["", ""]
    for chunk in client.chat.completions.create(
        **asked, stream=True, extra_headers={"Cache-Control": "no-store"}
    ):
        for choice in chunk.choices:
            said[choice.index] += choice.delta.content or ""
    assert said == [choice.message.content for choice in whole.choices]


def test_a_prompt_is_one_trace_through_both_processes(client, collector, default_model_path):
    asked = [{"role": "user", "content": f"m4rk3d {EMAIL}"}]
    client.chat.completions.create(model="smollm2-135m", messages=asked, max_tokens=3, seed=9)
    way = {
        ("llm-gateway", "POST /v1/chat/completions"),
        ("llm-gateway", "chat smollm2-135m"),
        ("llm-gateway", "ask engine"),
        ("llm-engine", "POST /v1/chat/completions"),
        ("llm-engine", f"chat {default_model_path.stem}"),
    }
    deadline = time.monotonic() + 30
    while not any(way <= {*trace} for trace in collector.traces.values()):
        assert time.monotonic() < deadline, sorted({*collector.spans})
        time.sleep(0.1)
    sent = b"".join(body for _, _, body in collector.requests)
    assert b"m4rk3d" not in sent
    assert EMAIL.encode() not in sent


def test_the_engine_tells_what_it_did(engine, client):
    text = httpx.get(f"{engine.base}/metrics").text
    (steps,) = re.findall(r"^gateway_engine_steps_total\{.*\} (.*)$", text, re.MULTILINE)
    assert float(steps) > 0
    assert "process_resident_memory_bytes" in text


def test_any_worker_tells_what_all_of_them_counted(gateway, client):
    """On connections of their own, so that both workers answer."""
    counted = "gen_ai_server_request_duration_seconds_count{"
    asked = [{"role": "user", "content": "Hi."}]

    def metrics():
        return httpx.get(f"{gateway.base}/metrics").text

    def answered(text):
        lines = [line for line in text.split("\n") if line.startswith(counted)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    before = answered(metrics())
    for _ in range(4):
        with openai.OpenAI(base_url=client.base_url, api_key=client.api_key, max_retries=0) as own:
            own.chat.completions.create(model="smollm2-135m", messages=asked, max_tokens=1, temperature=1)
    assert {answered(metrics()) for _ in range(6)} == {before + 4}
    assert 'gateway_server_up{server="engine"} 1.0' in metrics()


def test_a_schema_and_a_raw_completion_reach_the_engine(client):
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    answer = client.chat.completions.create(
        model="smollm2-135m",
        messages=[{"role": "user", "content": "Name a city, as JSON."}],
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema}},
        temperature=0,
        max_tokens=60,
    )
    assert "name" in json.loads(answer.choices[0].message.content)
    raw = client.completions.create(
        model="smollm2-135m", prompt="The capital of France is", max_tokens=5, temperature=0
    )
    assert "Paris" in raw.choices[0].text


TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 12}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def test_the_engine_calls_tools_streamed_and_not(client):
    asked = {
        "model": "smollm2-135m",
        "messages": [{"role": "user", "content": "How is the weather in Oslo?"}],
        "tools": [TOOL],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "temperature": 0,
        "max_tokens": 60,
    }
    whole = client.chat.completions.create(**asked, extra_headers={"Cache-Control": "no-store"})
    (choice,) = whole.choices
    (called,) = choice.message.tool_calls
    assert (choice.finish_reason, called.function.name) == ("tool_calls", "weather")
    assert set(json.loads(called.function.arguments)) == {"city"}
    arguments = ""
    for chunk in client.chat.completions.create(
        **asked, stream=True, extra_headers={"Cache-Control": "no-store"}
    ):
        for one in chunk.choices[0].delta.tool_calls or ():
            arguments += one.function.arguments or ""
    assert arguments == called.function.arguments
    result = {"role": "tool", "tool_call_id": called.id, "content": "Rain."}
    told = [*asked["messages"], choice.message.model_dump(exclude_none=True), result]
    again = client.chat.completions.create(
        model="smollm2-135m", messages=told, tools=[TOOL], tool_choice="none", max_tokens=8
    )
    assert again.choices[0].message.content


def test_errors_of_the_engine_become_the_gateways_own(client):
    with pytest.raises(openai.BadRequestError) as long:
        client.chat.completions.create(
            model="smollm2-135m", messages=[{"role": "user", "content": "many words " * 4000}]
        )
    assert long.value.code == "context_length_exceeded"


def test_a_caller_who_leaves_frees_the_engine(client, gateway, token, engine):
    before = engine.given_up(token=TOKEN)
    story = [{"role": "user", "content": "Tell a very long story."}]
    for _ in range(8):  # twice as many as it has slots
        stream = client.chat.completions.create(
            model="smollm2-135m",
            messages=story,
            max_tokens=1500,
            stream=True,
            temperature=1,
            extra_body={"ignore_eos": True},  # it may find that a story is long enough after a sentence
        )
        next(iter(stream))
        stream.close()
    engine.until(
        lambda: engine.given_up(token=TOKEN) == before + 8,
        "the engine goes on with stories that nobody hears",
    )
    assert gateway.post("/prompt", {"prompt": "Say hi.", "max_tokens": 4}, token=token)[0] == 201


def test_the_engine_has_no_users_and_needs_its_token(engine):
    body = {"messages": REPEAT}
    assert engine.post("/v1/chat/completions", body)[0] == 401
    assert engine.post("/v1/chat/completions", body, token=TOKEN + "x")[0] == 401
    assert engine.get("/v1/models", token=TOKEN)[1]["data"][0]["id"]
    assert engine.get("/admin/", token=TOKEN)[0] == 404


def test_sighup_reads_the_file_again_and_no_stream_notices(gateway, token, engine, file):
    body = {
        "messages": [{"role": "user", "content": "Tell a long story."}],
        "max_tokens": 120,
        "stream": True,
    }
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.stream(
        "POST", f"{gateway.base}/v1/chat/completions", json=body, headers=headers, timeout=60
    ) as answer:
        lines = answer.iter_lines()
        next(lines)
        workers = children(gateway)
        file.write_text(TOML.format(base=engine.base, revision="2") + 'aliases = ["after-the-signal"]\n')
        os.kill(gateway.process.pid, signal.SIGHUP)
        rest = [line for line in lines if line]
    assert rest[-1] == "data: [DONE]"
    asked = {"prompt": "Say hi.", "max_tokens": 2, "model": "after-the-signal"}
    deadline = time.monotonic() + 20
    for _ in range(6):  # whichever worker takes it
        while gateway.post("/prompt", asked, token=token)[0] != 201:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert children(gateway) == workers, "no worker was started anew"


def children(server):
    path = f"/proc/{server.process.pid}/task/{server.process.pid}/children"
    with open(path) as file:
        return file.read().split()


def test_a_broken_file_keeps_the_old_one_and_is_told(gateway, token, engine, file):
    file.write_text("[backends.engine]\nkind = 'nonsense'\n")
    os.kill(gateway.process.pid, signal.SIGHUP)
    deadline = time.monotonic() + 10
    while "backends not reloaded" not in gateway.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert gateway.post("/prompt", {"prompt": "Say hi.", "max_tokens": 2}, token=token)[0] == 201
    file.write_text(TOML.format(base=engine.base, revision="1"))


def test_the_backends_command_sees_the_engine(gateway):
    shown = json.loads(gateway.manage("backends", "--json"))
    assert shown["backends"][0]["health"] == "alive"
    assert TOKEN not in gateway.manage("backends")


def test_nothing_raw_and_no_key_was_written_anywhere(gateway, engine):
    for server in (gateway, engine):
        for name, raw in server.written().items():
            assert EMAIL.encode() not in raw, name
            assert TOKEN.encode() not in raw, name


def test_an_engine_that_dies_is_one_clear_error_and_unreadiness(gateway, token, engine):
    engine.signal(signal.SIGKILL)
    status, body = gateway.post("/prompt", {"prompt": "Say hi.", "max_tokens": 2}, token=token)
    assert (status, body["code"]) == (503, "model-unavailable")
    deadline = time.monotonic() + 20
    while (answer := gateway.get("/readyz"))[0] == 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert answer[1]["components"]["backends"] == {"state": "degraded", "backends": {"engine": "ejected"}}
    engine.start(until="/readyz")
    deadline = time.monotonic() + 20
    while gateway.post("/prompt", {"prompt": "Say hi.", "max_tokens": 2}, token=token)[0] != 201:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_several_workers_need_a_file_without_local_models(tmp_path, file):
    server = Server(tmp_path, WEB_WORKERS="2")
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py", "gateway.asgi:application"],
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "BACKENDS_FILE" in done.stderr
