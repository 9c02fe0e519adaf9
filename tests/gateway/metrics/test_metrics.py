"""`/metrics`: who may read it, what is counted, and that dashboard and alerts ask for nothing else."""

import asyncio
import gc
import json
import math
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from django.test import AsyncClient, Client
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families as families

from gateway.metrics import counting, gauging, instruments, processes
from gateway.metrics.gauging import Growth
from inference import fleet
from inference.errors import QueueFull
from inference.figures import Figures
from prompts import composition
from prompts.afterwards import afterwards
from tests.fakes import Notebook, house_of
from tests.prompts.v1.conftest import OpenAICaller

pytestmark = pytest.mark.django_db(transaction=True)
MONITORING = Path(__file__).parents[3] / "deploy/monitoring"
EMAIL = "ann@corp.com"


async def page(**headers):
    response = await AsyncClient().get("/metrics", headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def value(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0


@pytest.fixture
def counted(parrot, alice, token_of):
    """A client of a house with the service's own listeners."""
    composition.install(house_of(parrot, journal=Notebook(), listener=composition.tell))
    yield OpenAICaller(token_of(alice))
    composition.install(None)


# -- who may read it --


AWAY = "192.0.2.7"


def test_without_a_token_only_this_machine_reads_it():
    assert Client().get("/metrics").status_code == 200
    refused = Client(REMOTE_ADDR=AWAY).get("/metrics")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_through_a_trusted_proxy_it_is_the_callers_address_that_counts():
    assert Client().get("/metrics", headers={"X-Forwarded-For": AWAY}).status_code == 403


@pytest.mark.parametrize(
    ("given", "status"),
    [("", 401), (f"Bearer {'m' * 40}", 200), (f"Bearer {'m' * 39}é", 401), ("Bearer ", 401), ("m" * 40, 401)],
)
def test_with_a_token_whoever_has_it_reads_it_from_anywhere(settings, given, status):
    settings.METRICS_TOKEN = "m" * 40
    headers = {"Authorization": given} if given else {}
    for address in (AWAY, "127.0.0.1"):
        assert Client(REMOTE_ADDR=address).get("/metrics", headers=headers).status_code == status


async def test_it_has_the_format_that_is_asked_for():
    assert "# EOF" not in await page()
    assert "# EOF" in await page(Accept="application/openmetrics-text; version=1.0.0")


# -- what is counted --


async def test_a_prompt_is_counted_with_its_tokens_its_findings_and_its_times(counted):
    labels = {"gen_ai_operation_name": "chat", "gen_ai_request_model": "parrot"}
    ended = {**labels, "outcome": "answered"}
    found = {"rule": "email", "direction": "prompt", "action": "mask"}

    def numbers():
        return [
            value("gen_ai_server_request_duration_seconds_count", **ended),
            value("gen_ai_server_time_to_first_token_seconds_count", **labels),
            value("gen_ai_client_token_usage_sum", **labels, gen_ai_token_type="input"),
            value("gen_ai_client_token_usage_sum", **labels, gen_ai_token_type="output"),
            value("gateway_cached_tokens_total", **labels),
            value("gateway_findings_total", **found),
            value("gateway_stage_seconds_count", stage="overhead"),
            value("gateway_cache_lookups_total", state="off"),
        ]

    before = numbers()
    await counted.chat(f"write to {EMAIL}")
    assert [now - then for now, then in zip(numbers(), before, strict=True)] == [1, 1, 7, 6, 2, 1, 1, 1]


async def test_the_page_says_whether_answers_can_be_kept(monkeypatch):
    for works in (False, True):
        store = SimpleNamespace(works=works)
        monkeypatch.setattr("prompts.composition.answers_store", lambda store=store: store)
        assert f"gateway_cache_up {float(works)}" in await page()


async def test_requests_are_counted_by_route_and_refusals_by_code(counted):
    route = {"route": "v1/chat/completions", "method": "POST", "status": "401"}
    before = value("gateway_http_request_seconds_count", **route)
    refused = value("gateway_problems_total", code="not-authenticated")
    counted.headers = {}
    assert (await counted.chat()).status_code == 401
    assert value("gateway_http_request_seconds_count", **route) == before + 1
    assert value("gateway_problems_total", code="not-authenticated") == refused + 1


async def test_a_path_that_a_caller_made_up_and_a_method_of_his_are_no_labels():
    await AsyncClient().get(f"/{EMAIL}/x")
    await AsyncClient().generic("SECRETMETHOD", "/healthz")
    text = await page()
    assert EMAIL not in text
    assert "SECRETMETHOD" not in text


async def test_nothing_of_a_prompt_is_on_the_page(counted):
    await counted.chat(f"write to {EMAIL} about marked words")
    text = await page()
    assert EMAIL not in text
    assert "marked" not in text


async def test_a_prompt_that_is_refused_is_counted_and_so_is_why(counted, parrot):
    parrot.error = QueueFull(retry_after_seconds=3)
    labels = {"gen_ai_operation_name": "chat", "gen_ai_request_model": "parrot", "outcome": "refused"}
    before = value("gen_ai_server_request_duration_seconds_count", **labels)
    code = value("gateway_problems_total", code="queue-full")
    assert (await counted.chat("hello")).status_code == 503
    assert value("gen_ai_server_request_duration_seconds_count", **labels) == before + 1
    assert value("gateway_problems_total", code="queue-full") == code + 1


async def test_what_cannot_be_counted_stops_no_request(counted, monkeypatch, caplog):
    """As where the files that several workers count in cannot grow."""

    def broken(*labels):
        raise IndexError

    monkeypatch.setattr(counting, "_told_at", float("-inf"))
    for metric in (counting.HTTP_SECONDS, counting.REQUEST_SECONDS, counting.PROBLEMS):
        monkeypatch.setattr(metric, "labels", broken)
    for _ in range(3):
        assert (await counted.chat("hello")).status_code == 200
    assert [record.message for record in caplog.records].count("not counted") == 1


async def test_whoever_reads_the_page_finds_all_that_was_before(counted, monkeypatch):
    monkeypatch.setattr(afterwards, "moment_seconds", 60)
    before = value("gateway_cache_lookups_total", state="off")
    await counted.chat("hello")
    assert value("gateway_cache_lookups_total", state="off") == before
    assert f'gateway_cache_lookups_total{{state="off"}} {before + 1}' in await page()
    assert 'route="v1/chat/completions"' in await page()


async def test_a_listener_that_fails_stops_no_prompt(counted, monkeypatch):
    monkeypatch.setattr(composition, "listeners", [lambda ended: 1 / 0])
    assert (await counted.chat("hello")).status_code == 200


def test_what_the_writer_of_the_book_tells_is_counted():
    names = [
        "gateway_journal_commit_seconds_sum",
        "gateway_journal_wait_seconds_sum",
        "gateway_journal_commit_rows_sum",
    ]
    before = [value(name) for name in names]
    spooled = value("gateway_journal_troubled_rows_total", trouble="spooled")
    (watch,) = composition.watches
    watch.committed(7, took_seconds=0.5, waited_seconds=2)
    watch.troubled("spooled", rows=3)
    assert [value(name) - was for name, was in zip(names, before, strict=True)] == [0.5, 2, 7]
    assert value("gateway_journal_troubled_rows_total", trouble="spooled") == spooled + 3


def test_trouble_that_never_was_is_on_the_page_as_0():
    for trouble in ("refused", "spooled", "failed", "lost", "rejected"):
        assert (
            REGISTRY.get_sample_value("gateway_journal_troubled_rows_total", {"trouble": trouble}) is not None
        )


# -- how things stand --


async def test_the_page_says_what_waits_for_the_database_and_where(monkeypatch):
    spooled = SimpleNamespace(rows=2, waiting_bytes=3000, rejected_bytes=50)
    journal = SimpleNamespace(is_open=True, waiting=5, lag_seconds=7.5, spooled=spooled)
    monkeypatch.setattr("prompts.composition.journal", lambda: journal)
    text = await page()
    for line in ("waiting_rows 5.0", "lag_seconds 7.5", "spool_rows 2.0", "spool_bytes 3000.0"):
        assert f"gateway_journal_{line}" in text
    assert "gateway_journal_rejected_bytes 50.0" in text


def test_numbers_that_engines_count_become_what_was_added():
    growth = Growth()
    assert [growth.of("m", "steps", number) for number in (3, 5, 5, 2)] == [3, 2, 0, 2]
    assert growth.of("n", "steps", 4) == 4


class StandIn:
    """A roster of one engine."""

    def __init__(self, figures):
        self.numbers = figures

    def engines(self):
        return {"small": self}

    def models(self):
        return ((type("Card", (), {"name": "small"}), None), (type("Card", (), {"name": "other"}), None))

    def figures(self):
        return self.numbers


async def test_local_engines_are_read_when_the_page_is(monkeypatch):
    numbers = Figures(steps=9, decode_seconds=1.5, running_jobs=2, slots=4, kv_tokens=100, kv_used_tokens=25)
    monkeypatch.setattr("inference.composition._roster", StandIn(numbers))
    before = value("gateway_engine_steps_total", model="small")
    await page()
    await page()
    assert value("gateway_engine_steps_total", model="small") == before + 9
    assert value("gateway_engine_step_seconds_total", model="small", part="decode") == 1.5
    assert value("gateway_engine_running_jobs", model="small") == 2
    assert value("gateway_engine_kv_used_tokens", model="small") == 25
    assert value("gateway_model_loaded", model="small") == 1
    assert value("gateway_model_loaded", model="other") == 0


SERVER = """
[backends.{name}]
kind = "vllm"
base_url = "http://{name}.example.org:8000/v1"
local = true
draining = {draining}
"""
MODEL = """
[models.first]
backends = ["alive"]
context_tokens = 512
"""


@pytest.fixture
async def serve(settings, tmp_path):
    """Has the service go by a table with these servers from now on: whether each is draining, by name."""
    path = tmp_path / "backends.toml"
    settings.BACKENDS_FILE = str(path)

    def go_by(**servers):
        path.write_text(
            "".join(SERVER.format(name=name, draining=draining) for name, draining in servers.items()) + MODEL
        )
        composition.install(house_of(fleet.backend(), journal=Notebook()))
        assert fleet.reload()

    yield go_by
    composition.install(None)
    await fleet.close_fleet()


@pytest.mark.parametrize("after", [{"out": "true"}, {}], ids=["draining", "gone"])
async def test_nobody_is_woken_for_a_server_that_was_taken_out(serve, after):
    serve(alive="false", out="false")
    await page()
    assert value("gateway_server_up", server="out") == 1
    serve(alive="false", **after)
    await page()
    assert value("gateway_server_up", server="alive") == 1
    assert math.isnan(value("gateway_server_up", server="out"))
    assert value("gateway_server_running_requests", server="out") == 0


def test_a_look_that_fails_is_not_the_last(monkeypatch, caplog):
    looked, again = [], threading.Event()

    def look():
        looked.append(True)
        if len(looked) == 1:
            raise ZeroDivisionError
        again.set()
        threading.Event().wait()  # a daemon's end

    monkeypatch.setattr(gauging, "look", look)
    monkeypatch.setattr(gauging, "EVERY_SECONDS", 0.001)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "somewhere")
    gauging.look_now_and_then()
    assert again.wait(10)
    assert "not looked" in caplog.text


# -- the dashboard and the alerts --


def expressions():
    dashboard = json.loads((MONITORING / "grafana.json").read_text("utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    found = [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]
    alerts = yaml.safe_load((MONITORING / "alerts.yml").read_text("utf-8"))
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    return found + [(rule["alert"], rule["expr"]) for rule in rules]


def exported():
    """Every name that a sample may have, with the labels of its metric."""
    names = {"up": {"job", "instance"}}
    for metric, kinds in _instruments():
        for suffix in kinds:
            names[metric._name + suffix] = {*metric._labelnames, "le"}
    taken = ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds")
    names |= {name: set() for name in taken}
    return {name: labels | {"job", "instance"} for name, labels in names.items()}  # Prometheus adds these


def _instruments():
    endings = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    every = [
        *vars(instruments).values(),
        *instruments.ENGINE_GAUGES.values(),
        *instruments.ENGINE_COUNTERS.values(),
    ]
    return [(one, endings[one._type]) for one in every if hasattr(one, "_labelnames")]


@pytest.mark.parametrize(("title", "expression"), expressions(), ids=lambda one: one[:40])
def test_what_is_drawn_and_what_alerts_is_exported_with_these_labels(title, expression):
    known = exported()
    grouped = ",".join(re.findall(r"by \(([^)]*)\)", expression)).split(",")
    wanted = {label.strip() for label in grouped if label.strip()}
    wanted |= set(re.findall(r"[{,]\s*([a-z_]+)(?:=~|!~|!=|=)", expression))
    metrics = set(re.findall(r"\b(?:gateway|gen_ai|process)_[a-z_]+|\bup\b", expression)) - wanted
    assert metrics
    for name in metrics:
        assert name in known, name
        assert wanted <= known[name], (name, wanted)


async def test_every_metric_is_on_the_page_and_has_a_sentence():
    shown = {family.name: family.documentation for family in families(await page())}
    for metric, _ in _instruments():
        assert shown.get(metric._name), metric._name


async def test_the_page_has_no_series_that_nobody_reads(counted):
    await counted.chat("hello")
    assert "_created" not in await page()
    assert "_created" not in await page(Accept="application/openmetrics-text; version=1.0.0")


# -- processes --


async def test_the_page_says_how_late_the_loop_is_and_what_garbage_costs():
    before = value("gateway_loop_lag_seconds_count")
    watching = processes.watch()
    while value("gateway_loop_lag_seconds_count") == before:
        await asyncio.sleep(0.05)
    watching.cancel()
    runs = value("gateway_gc_runs_total", generation="2")
    gc.collect()
    await page()
    assert value("gateway_gc_runs_total", generation="2") >= runs + 1
    assert value("gateway_gc_seconds_total", generation="2") > 0


async def test_the_page_knows_the_disk(settings, tmp_path):
    await page()
    assert value("gateway_disk_free_bytes") > 0
    settings.DATA_DIR = tmp_path / "gone"
    await page()
    assert math.isnan(value("gateway_disk_free_bytes"))


def test_each_worker_that_lives_has_its_own_numbers(tmp_path):
    for name in (f"gauge_livesum_{os.getpid()}.db", "gauge_livesum_999999999.db", "counter_1.db", "junk.db"):
        (tmp_path / name).touch()
    found = {metric.name: metric for metric in processes.Workers(str(tmp_path)).collect()}
    (sample,) = found["process_resident_memory_bytes"].samples
    assert sample.labels == {"pid": str(os.getpid())}
    assert sample.value > 1 << 20
    assert found["process_cpu_seconds"].samples[0].name == "process_cpu_seconds_total"
    assert found["process_open_fds"].samples[0].value > 3


MULTI = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import tests.settings, django
from gateway import env
env.share_metrics(sys.argv[1])
django.setup()
from gateway.metrics import gauging, instruments, processes
from prometheus_client import generate_latest
from gateway.metrics.views import registry
if (child := os.fork()) == 0:
    instruments.JOURNAL_WAITING.set(7)
    instruments.PROBLEMS.labels("x").inc()
    os._exit(0)
os.waitpid(child, 0)
first = generate_latest(registry()).decode()
from prometheus_client.multiprocess import mark_process_dead
mark_process_dead(child)
second = generate_latest(registry()).decode()
print([line for line in first.splitlines() if line.startswith("gateway_journal_waiting_rows ")])
print([line for line in second.splitlines() if line.startswith("gateway_journal_waiting_rows ")])
print([line for line in second.splitlines() if line.startswith("gateway_problems_total")])
print(second.count("process_resident_memory_bytes{"))
"""


def test_what_a_dead_worker_counted_stays_and_how_it_stood_goes(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MULTI, str(tmp_path)],
        cwd=MONITORING.parents[1],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    before, after, problems, processes_shown = done.stdout.splitlines()
    assert before == "['gateway_journal_waiting_rows 7.0']"
    assert after == "['gateway_journal_waiting_rows 0.0']"
    assert problems == "['gateway_problems_total{code=\"x\"} 1.0']"
    assert processes_shown == "1"
