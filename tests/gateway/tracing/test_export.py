"""Spans leave, and a collector that does not take them holds nobody up."""

import threading

import pytest
from prometheus_client import REGISTRY

from gateway.tracing.export import Exporting, to_collector
from tests.gateway.tracing.collector import Collector, hangs, never_ends, redirects, refuses
from tests.server import Server, free_port


def sent(result):
    return REGISTRY.get_sample_value("gateway_spans_total", {"result": result}) or 0


def flushed(exporting):
    """Whether everything that is waiting was sent or given up in reasonable time."""
    thread = threading.Thread(target=exporting._provider.force_flush, daemon=True)
    thread.start()
    thread.join(30)
    return not thread.is_alive()


@pytest.fixture
def exporting():
    made = []

    def export(collector, **headers):
        made.append(Exporting(to_collector(collector.base, headers), service="tests"))
        return made[-1]

    yield export
    for each in made:
        each.close(0.1)


def test_spans_go_to_the_collector_with_the_headers_that_it_wants(exporting):
    with Collector() as collector:
        made = exporting(collector, authorization="Bearer x")
        with made.tracer.stage("policy"):
            pass
        before = sent("sent")
        assert flushed(made)
        ((path, headers, _),) = collector.requests
        assert path == "/v1/traces"
        assert headers["authorization"] == "Bearer x"
        assert collector.spans == [("tests", "policy")]
        assert sent("sent") == before + 1


def test_a_collector_that_hangs_holds_up_no_span_and_no_end(exporting):
    with Collector(hangs) as collector:
        made = exporting(collector)
        before = sent("dropped")
        for _ in range(5_000):  # more than the queue holds
            with made.tracer.stage("policy"):
                pass
        assert collector.came.wait(20)
        batch = 512  # which the collector has
        assert 5_000 - 2_048 - 2 * batch <= sent("dropped") - before <= 5_000 - 2_048
        (processor,) = made._provider._active_span_processor._span_processors
        assert len(processor._batch_processor._queue) <= 2048
        made.close(0.1)


def test_an_answer_without_an_end_is_not_read(exporting):
    with Collector(never_ends) as collector:
        made = exporting(collector)
        with made.tracer.stage("policy"):
            pass
        assert flushed(made)


def test_no_redirect_is_followed(exporting):
    with Collector(redirects) as collector:
        made = exporting(collector)
        with made.tracer.stage("policy"):
            pass
        assert flushed(made)
        assert [path for path, _, _ in collector.requests] == ["/v1/traces"]


def test_a_refusal_is_told_once_without_a_word_of_the_collector(exporting, caplog):
    with Collector(refuses) as collector:
        made = exporting(collector)
        before = sent("dropped")
        for _ in range(2):
            with made.tracer.stage("policy"):
                pass
            assert flushed(made)
        assert sent("dropped") == before + 2
    ours = [record for record in caplog.records if record.name == "gateway.tracing"]
    assert [record.getMessage() for record in ours] == ["traces not sent"]
    assert "m4rk3d" not in caplog.text


@pytest.mark.server
def test_a_served_gateway_sends_its_spans_from_its_worker(tmp_path):
    """A worker is forked: the thread that sends must be its own."""
    with Collector() as collector:
        served = Server(
            tmp_path,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.base,
            OTEL_BSP_SCHEDULE_DELAY="200",
            LLM_MODEL_PATH=str(tmp_path / "none.gguf"),
        )
        with served:
            assert served.post("/prompt", {"prompt": "hello"}, token="nobody's")[0] == 401
            assert collector.came.wait(30)
        assert ("llm-gateway", "POST /prompt") in collector.spans


@pytest.mark.server
def test_a_collector_that_is_away_costs_a_prompt_nothing(tmp_path):
    served = Server(
        tmp_path,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}",
        OTEL_BSP_SCHEDULE_DELAY="200",
        LLM_MODEL_PATH=str(tmp_path / "none.gguf"),
    )
    with served:
        for _ in range(20):
            assert served.post("/prompt", {"prompt": "hello"}, token="nobody's")[0] == 401
        assert served.get("/healthz")[0] == 200
