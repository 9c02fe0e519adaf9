"""One trace for a request: its stages, what is said of them, whose trace it is, and no text anywhere."""

import ast
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.trace import StatusCode

from gateway import checks
from gateway.logs import JsonFormatter
from gateway.tracing import switch
from inference.errors import QueueFull
from prompts import askers, composition
from tests.fakes import Parrot
from tests.server import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = "ann@corp.com"
CHAT = "/v1/chat/completions"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


def said(content, **more):
    return {"messages": [{"role": "user", "content": content}], "temperature": 0, **more}


async def test_a_prompt_is_one_trace_with_a_span_for_each_stage(alice_at, spans):
    answered = await alice_at().post(CHAT, json=said(f"write to {EMAIL}"))
    assert answered.status_code == 200
    request = spans.named("POST /v1/chat/completions")
    assert {*spans.children(request)} == {
        "authenticate",
        "limits",
        "policy",
        "sanitize prompt",
        "journal accept",
        "cache look-up",
        "chat parrot",
        "sanitize answer",
        "journal finish",
    }
    assert {span.context.trace_id for span in spans.all()} == {request.context.trace_id}
    assert request.parent is None


async def test_the_models_span_follows_the_conventions(alice_at, spans):
    await alice_at().post(CHAT, json=said("hello", seed=7, max_tokens=50, temperature=0.5))
    span = spans.named("chat parrot")
    facts = dict(span.attributes)
    assert facts["gen_ai.operation.name"] == "chat"
    assert facts["gen_ai.provider.name"] == "llama.cpp"
    assert (facts["gen_ai.request.model"], facts["gen_ai.response.model"]) == ("parrot", "parrot")
    assert (facts["gen_ai.request.seed"], facts["gen_ai.request.max_tokens"]) == (7, 50)
    assert (facts["gen_ai.usage.input_tokens"], facts["gen_ai.usage.output_tokens"]) == (7, 2)
    assert facts["gen_ai.usage.cache_read.input_tokens"] == 2
    assert facts["gen_ai.response.finish_reasons"] == ("stop",)
    assert {event.name for event in span.events} == {"first token", "taken from the queue"}


async def test_the_requests_span_says_how_the_prompt_ended_and_which_rules_found_how_much(alice_at, spans):
    await alice_at().post(CHAT, json=said(f"{EMAIL} and bob@corp.com"))
    facts = dict(spans.named("POST /v1/chat/completions").attributes)
    assert (facts["gateway.outcome"], facts["gateway.cache"]) == ("answered", "miss")
    assert (facts["gateway.rules"], facts["gateway.rules.count"]) == (("email",), (2,))
    assert facts["gateway.policy"].startswith("default@")
    assert (facts["http.route"], facts["http.response.status_code"]) == ("/v1/chat/completions", 200)


async def test_a_cached_answer_asks_no_model_and_says_so(alice_at, spans):
    for _ in range(2):
        await alice_at().post(CHAT, json=said("hello"))
    requests = [span for span in spans.all() if span.name == f"POST {CHAT}"]
    assert [span.attributes["gateway.cache"] for span in requests] == ["miss", "hit"]
    assert "chat parrot" not in spans.children(requests[1])
    looked = [span.attributes["gateway.found"] for span in spans.all() if span.name == "cache look-up"]
    assert looked[-1] is True


async def test_a_stream_is_a_span_until_its_last_byte(alice_at, spans, parrot):
    parrot.pause_seconds = 0.02
    async with alice_at().stream("POST", CHAT, json=said("a long answer", stream=True)) as response:
        assert (await response.aread()).endswith(b"[DONE]\n\n")
    request, model = spans.named(f"POST {CHAT}"), spans.named("chat parrot")
    assert request.end_time >= model.end_time >= model.start_time + 50_000_000


async def test_embeddings_are_traced_too(alice_at, spans, house):
    answered = await alice_at().post("/v1/embeddings", json={"input": "hello", "model": "parrot"})
    facts = dict(spans.named("embeddings parrot").attributes)
    assert answered.status_code == 200
    assert (facts["gen_ai.operation.name"], facts["gen_ai.usage.input_tokens"]) == ("embeddings", 5)


# -- errors --


async def test_an_error_is_named_by_its_class(alice_at, spans, parrot):
    parrot.error = QueueFull(retry_after_seconds=3)
    assert (await alice_at().post(CHAT, json=said("hello"))).status_code == 503
    model, request = spans.named("chat parrot"), spans.named(f"POST {CHAT}")
    assert (model.status.status_code, model.status.description) == (StatusCode.ERROR, None)
    assert model.attributes["error.type"] == "QueueFull"
    assert request.attributes["error.type"] == "503"
    assert request.attributes["gateway.outcome"] == "refused"
    assert model.events == () or all(event.name != "exception" for event in model.events)


async def test_who_is_not_known_leaves_a_span_and_no_prompt(alice_at, spans):
    client = alice_at()
    client.headers["Authorization"] = "Bearer nonsense"
    assert (await client.post(CHAT, json=said("hello"))).status_code == 401
    request = spans.named(f"POST {CHAT}")
    assert spans.children(request) == ["authenticate"]
    assert spans.named("authenticate").attributes["error.type"] == "NotAuthenticated"
    assert "error.type" not in request.attributes  # a refusal is no fault of ours


# -- whose trace --


async def test_a_trusted_proxys_trace_goes_on(alice_at, spans, parrot):
    await alice_at().post(CHAT, json=said("hello"), headers={"traceparent": PARENT})
    request = spans.named(f"POST {CHAT}")
    assert f"{request.context.trace_id:032x}" == TRACE
    assert f"{request.parent.span_id:016x}" == SPAN
    (asked,) = parrot.generations
    version, trace, span, flags = asked.traceparent.split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert span == f"{spans.named('chat parrot').context.span_id:016x}"


@pytest.mark.parametrize(
    ("peer", "header"),
    [
        ("192.0.2.7", PARENT),
        ("127.0.0.1", f"00-{'0' * 32}-{SPAN}-01"),
        ("127.0.0.1", f"00-{TRACE}-{'0' * 16}-01"),
        ("127.0.0.1", f"ff-{TRACE}-{SPAN}-01"),
        ("127.0.0.1", f"00-{TRACE}-{SPAN}"),
        ("127.0.0.1", f"00-{TRACE.upper()}x-{SPAN}-01"),
        ("127.0.0.1", f"{PARENT}-{EMAIL}"),
        ("127.0.0.1", EMAIL),
        ("127.0.0.1", ""),
    ],
)
async def test_a_strangers_traceparent_and_nonsense_begin_a_new_trace(alice_at, spans, peer, header):
    await alice_at(peer).get("/problems", headers={"traceparent": header, "tracestate": f"x={EMAIL}"})
    request = spans.named("GET /problems")
    assert request.parent is None
    assert f"{request.context.trace_id:032x}" != TRACE
    assert EMAIL not in spans.text()


async def test_what_is_not_sampled_upstream_is_not_sampled_here(alice_at, spans, parrot):
    await alice_at().post(CHAT, json=said("hello"), headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
    assert spans.all() == []
    assert parrot.generations[0].traceparent.startswith(f"00-{TRACE}-")
    assert parrot.generations[0].traceparent.endswith("-00")


async def test_a_log_line_names_its_trace(alice_at, spans):
    lines = []

    class Keeping(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(JsonFormatter().format(record)))

    handler = Keeping()
    logger = logging.getLogger("prompts.pipeline")
    logger.addHandler(handler)
    try:
        await alice_at().post(CHAT, json=said("hello"))
    finally:
        logger.removeHandler(handler)
    (line,) = [line for line in lines if line["event"] == "prompt"]
    assert line["trace_id"] == f"{spans.named(f'POST {CHAT}').context.trace_id:032x}"


async def test_probes_and_files_are_not_traced(alice_at, spans):
    for path in ("/healthz", "/metrics", "/static/nothing.css"):
        await alice_at().get(path)
    assert spans.all() == []


# -- never text --

MARK = "m4rk3d"


class Hoarse(Parrot):
    """Fails in the caller's words."""

    async def answer(self, generation):
        async for event in super().answer(generation):
            yield event
            raise RuntimeError(f"{MARK} {generation.messages[-1].content}")


@pytest.mark.parametrize("voice", [Parrot, Hoarse])
async def test_no_span_holds_a_word_of_anybody(alice_at, spans, house, voice, monkeypatch):
    monkeypatch.setattr(house.backend, "answer", voice(f"{MARK} said {MARK}@corp.com").answer)
    tool = {"type": "function", "function": {"name": f"{MARK}_tool", "description": MARK, "parameters": {}}}
    body = {
        "model": "parrot",
        "messages": [
            {"role": "system", "content": f"you are {MARK}"},
            {"role": "user", "name": MARK, "content": f"{MARK}@corp.com, 4111 1111 1111 1111, {MARK}"},
        ],
        "stop": [f"{MARK}-stop"],
        "tools": [tool],
        "user": MARK,
    }
    headers = {
        "X-Request-ID": MARK,
        "User-Agent": MARK,
        "Idempotency-Key": MARK,
        "tracestate": f"v={MARK}",
        "baggage": f"v={MARK}",
        "traceparent": PARENT,
    }
    for more in ({}, {"stream": True}, {"model": f"{MARK}-model"}, {"messages": MARK}):
        headers["Idempotency-Key"] += MARK
        await alice_at().post(f"{CHAT}?q={MARK}", json={**body, **more}, headers=headers)
    await alice_at().post(CHAT, content=f'{{"{MARK}'.encode(), headers={"Content-Type": "application/json"})
    await alice_at().get(f"/{MARK}/{MARK}?{MARK}")
    await alice_at().request("M4RK3D", "/prompt")
    assert len([span for span in spans.all() if span.name.startswith("chat")]) >= 2
    assert MARK not in spans.text().lower()
    assert "4111 1111" not in spans.text()
    assert "corp.com" not in spans.text()


def test_only_one_module_makes_names_and_no_span_is_touched_elsewhere():
    """A `Fact` is no `str`: the type checker refuses text where these are the only doors."""
    for path in (ROOT / "gateway/tracing").glob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        names = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
        methods = {node.func.attr for node in calls if isinstance(node.func, ast.Attribute)}
        assert ("Name" in names) == (path.name == "facts.py"), path.name
        if path.name != "spans.py":
            doors = {"set_attribute", "set_attributes", "add_event", "record_exception", "update_name"}
            assert not methods & doors, path.name
    others = [path for path in Path(ROOT).glob("[a-z]*/**/*.py") if "tests" not in path.parts]
    for path in others:
        if "opentelemetry" in path.read_text("utf-8") and path.suffix == ".py":
            assert path.parent.name == "tracing" or path.name == "logs.py", path


# -- off --


BARE = """
import os, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("opentelemetry", "sentry_sdk"):
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Absent())
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import gateway.asgi, gateway.engine
from django.conf import settings
from gateway.tracing import switch
switch.open_traces("x")
assert switch.seen(gateway.asgi.serve) is gateway.asgi.serve
settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:4318"
assert not switch.is_installed()
switch.open_traces("x")
assert switch.tracer() is None
"""


def test_nothing_of_it_need_be_installed():
    done = subprocess.run(
        [sys.executable, "-c", BARE], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "requirements-telemetry.txt is not installed" in done.stderr


def test_traces_that_cannot_be_made_are_told_before_the_start(settings, monkeypatch):
    assert checks.traces_that_can_be_made() == []
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:4318"
    assert checks.traces_that_can_be_made() == []
    monkeypatch.setattr(switch, "NEEDED", ("no_such_package.at_all",))
    assert [found.id for found in checks.traces_that_can_be_made()] == ["gateway.E004"]


def test_switched_off_again_nothing_is_around_anything(spans):
    assert askers.identify is not askers.aidentify
    switch.use(None)
    assert askers.identify is askers.aidentify
    assert composition.around is None
