"""Traces across processes: each server that is asked, and our own engine service."""

import pytest

from gateway.tracing.answering import Attempts, SeenBackend
from inference import composition
from inference.errors import ModelUnavailable
from tests.fakes import Parrot
from tests.gateway.test_engine import HI, Line
from tests.gateway.tracing.test_traces import PARENT, SPAN, TRACE
from tests.inference.remote.conftest import generation
from tests.inference.routing.conftest import fleet  # noqa: F401

TOKEN = "t" * 40


async def heard(backend, asked):
    return [event async for event in backend.answer(asked)]


async def test_each_server_that_is_asked_has_a_span_of_its_own(spans, fleet):  # noqa: F811
    made = fleet("a", "b")
    for up in made.up.values():
        up.errors = [ModelUnavailable("away")]
    made.router.attempt = Attempts(spans.tracer)
    watched = SeenBackend(made.router, spans.tracer, provider="")
    with pytest.raises(ModelUnavailable):
        await heard(watched, generation(model="m"))
    whole = spans.named("chat m")
    assert {*spans.children(whole)} == {"ask a", "ask b"}
    assert spans.named("ask a").attributes["error.type"] == "ModelUnavailable"
    assert spans.named("ask a").attributes["gateway.server"] == "a"
    assert "gen_ai.provider.name" in spans.named("ask a").attributes
    assert "gen_ai.provider.name" not in whole.attributes
    spans_of = {f"{span.context.span_id:016x}" for span in spans.all() if span.name.startswith("ask")}
    told = [one.traceparent for up in made.up.values() for one in up.heard]
    assert {trace.split("-")[2] for trace in told} == spans_of


@pytest.fixture
def engine(settings, monkeypatch):
    settings.ENGINE_TOKEN = TOKEN
    parrot = Parrot()
    monkeypatch.setattr(composition, "backend", lambda: parrot)
    return parrot


async def test_the_engines_spans_join_the_trace_of_whoever_has_its_token(spans, engine):
    line = Line("POST", "/v1/chat/completions", HI, token=TOKEN, traceparent=PARENT)
    assert (await line.run()).status == 200
    request = spans.named("POST /v1/chat/completions")
    assert f"{request.context.trace_id:032x}" == TRACE
    assert f"{request.parent.span_id:016x}" == SPAN
    assert spans.children(request) == ["chat parrot"]
    facts = spans.named("chat parrot").attributes
    assert (facts["gen_ai.provider.name"], facts["gen_ai.usage.input_tokens"]) == ("llama.cpp", 7)


async def test_nobody_elses_trace_is_joined(spans, engine):
    line = Line("POST", "/v1/chat/completions", HI, token="x" * 40, traceparent=PARENT)
    assert (await line.run()).status == 401
    (request,) = spans.all()
    assert request.parent is None
    assert request.name == "POST"
