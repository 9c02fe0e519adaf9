"""Alive, and ready or why not."""

import asyncio
import threading

import pytest
from django.test import AsyncClient

from accounts.limits.limiter import Limiter
from accounts.limits.shared import SharedTill
from gateway import checks, health, probes
from inference import fleet
from inference.backends import ModelCard, Status
from inference.routing.health import LIMIT
from inference.wanted import parse
from prompts import composition
from prompts.caching.stores import StoreAway
from prompts.journal import JournalState
from tests.fakes import Notebook, Parrot, house_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_believed(monkeypatch):
    """Each look is a new one."""
    monkeypatch.setattr(probes, "FRESH_SECONDS", 0)
    health.forget()


@pytest.fixture
def house():
    """A house whose parts can be broken."""
    made = house_of(Parrot(), journal=Notebook())
    composition.install(made)
    yield made
    composition.install(None)


async def ready():
    response = await AsyncClient().get("/readyz")
    return response.status_code, response.json()


async def test_a_service_that_would_answer_is_ready(house):
    status, body = await ready()
    assert (status, body["status"]) == (200, "ready")
    assert {component["state"] for component in body["components"].values()} == {"ready"}


async def test_a_loading_model_is_said_to_load(house, monkeypatch):
    monkeypatch.setattr(house.backend, "status", lambda: Status("loading"))
    status, body = await ready()
    assert (status, body["status"]) == (503, "loading")


async def test_a_model_that_is_down_says_why(house, monkeypatch):
    monkeypatch.setattr(house.backend, "status", lambda: Status("down", "The model is not downloaded."))
    status, body = await ready()
    assert (status, body["status"]) == (503, "down")
    assert body["components"]["model"]["reason"] == "The model is not downloaded."
    assert (await AsyncClient().get("/healthz")).status_code == 200


def statuses(house, monkeypatch, settings, **states):
    """A service with these models; `qwen3-4b` is pinned."""
    settings.LLM_MODELS = parse("qwen3-4b:pinned,gemma-3-1b")
    models = tuple((ModelCard(name.replace("_", "-"), "1", 512), status) for name, status in states.items())
    monkeypatch.setattr(house.backend, "models", lambda: models)


async def test_a_model_that_is_loaded_when_it_is_asked_for_may_be_unloaded(house, monkeypatch, settings):
    down = Status("down", "Broken.")
    statuses(house, monkeypatch, settings, parrot=Status("unloaded"), gemma_3_1b=down)
    monkeypatch.setattr(house.backend, "status", lambda: Status("unloaded"))
    status, body = await ready()
    assert (status, body["status"]) == (200, "ready")
    assert body["components"]["model"] == {"state": "ready", "reason": ""}


@pytest.mark.parametrize("state", ["loading", "down"])
async def test_a_pinned_model_must_be_there(house, monkeypatch, settings, state):
    statuses(house, monkeypatch, settings, parrot=Status("ready"), qwen3_4b=Status(state, "Why."))
    status, body = await ready()
    assert (status, body["status"]) == (503, state)
    assert body["components"]["model"]["reason"] == "Why."
    assert body["components"]["model"]["models"]["qwen3-4b"] == {"state": state, "reason": "Why."}
    assert body["components"]["model"]["models"]["parrot"]["state"] == "ready"


async def test_a_book_that_cannot_be_written_is_not_ready(house):
    house.journal.is_open = False
    status, body = await ready()
    assert status == 503
    assert body["components"]["journal"]["state"] == "down"


def broken():
    raise ConnectionError("redis://user:secret@host")


async def test_a_cache_that_is_away_is_reported_and_costs_no_readiness(house, monkeypatch):
    monkeypatch.setattr(health, "_look_at_cache", broken)
    status, body = await ready()
    assert (status, body["status"]) == (200, "degraded")
    assert "secret" not in str(body)


async def test_a_store_of_answers_that_is_away_or_rests_is_reported(house, monkeypatch):
    class Away:
        works = True

        def ping(self):
            raise StoreAway

    class Resting:
        works = False

        def ping(self):
            return None

    for store in (Away(), Resting()):
        monkeypatch.setattr(health, "answers_store", lambda store=store: store)
        status, body = await ready()
        assert (status, body["status"]) == (200, "degraded")
        assert body["components"]["cache"]["state"] == "down"


async def test_a_database_that_is_away_is_not_ready(house, monkeypatch):
    monkeypatch.setattr(health, "_look_at_database", broken)
    status, body = await ready()
    assert status == 503
    assert body["components"]["database"]["state"] == "down"


async def test_a_database_that_hangs_is_down_and_holds_nobody_up(house, monkeypatch):
    released = threading.Event()
    asked = []

    def hang():
        asked.append(True)
        released.wait(30)

    monkeypatch.setattr(health, "_look_at_database", hang)
    monkeypatch.setattr(probes, "PATIENCE_SECONDS", 0.05)
    try:
        answers = await asyncio.gather(*(ready() for _ in range(50)))
    finally:
        released.set()
    assert {(status, body["components"]["database"]["state"]) for status, body in answers} == {(503, "down")}
    assert len(asked) == 1


@pytest.mark.parametrize("standing", [JournalState(waiting_rows=5_000), JournalState(3, lag_seconds=8)])
async def test_a_book_that_is_behind_degrades(house, standing):
    house.journal.standing = standing
    status, body = await ready()
    assert (status, body["status"]) == (200, "degraded")
    assert body["components"]["journal"] == {
        "state": "degraded",
        "waiting_rows": standing.waiting_rows,
        "lag_seconds": standing.lag_seconds,
    }


async def test_rows_in_the_spool_degrade(house):
    house.journal.standing = JournalState(waiting_rows=2, spooled_rows=2)
    status, body = await ready()
    assert (status, body["status"]) == (200, "degraded")
    assert body["components"]["spool"] == {"state": "degraded", "rows": 2, "writable": True}


async def test_a_spool_that_cannot_be_written_degrades(house, settings, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: path != settings.DATA_DIR)
    status, body = await ready()
    assert (status, body["status"]) == (200, "degraded")
    assert body["components"]["spool"]["writable"] is False


async def test_a_disk_that_is_nearly_full_degrades(house, settings):
    settings.DISK_RESERVE_MB = 1 << 40
    status, body = await ready()
    assert (status, body["status"]) == (200, "degraded")
    assert body["components"]["disk"]["state"] == "degraded"
    assert body["components"]["disk"]["free_bytes"] > 0


async def test_a_disk_that_does_not_answer_degrades(house, settings, tmp_path):
    settings.DATA_DIR = tmp_path / "gone"
    status, body = await ready()
    assert (status, body["status"]) == (200, "degraded")
    assert body["components"]["disk"] == {"state": "degraded", "free_bytes": None}


async def test_what_is_down_outweighs_what_is_degraded(house):
    house.journal.is_open = False
    house.journal.standing = JournalState(waiting_rows=2, spooled_rows=2)
    assert (await ready())[1]["status"] == "down"


def test_several_workers_with_a_local_model_are_refused(monkeypatch):
    assert checks.one_local_model() == []
    monkeypatch.setenv("WEB_WORKERS", "2")
    assert [found.id for found in checks.one_local_model()] == ["gateway.E001"]


def test_several_workers_that_would_each_count_limits_are_refused(monkeypatch, settings):
    settings.REDIS_URL = ""
    assert checks.one_count_of_limits() == []
    monkeypatch.setenv("WEB_WORKERS", "2")
    assert [found.id for found in checks.one_count_of_limits()] == ["gateway.E002"]
    settings.REDIS_URL = "redis://127.0.0.1:6379/0"
    assert checks.one_count_of_limits() == []


@pytest.mark.parametrize(("is_open", "status", "word"), [(True, 200, "degraded"), (False, 503, "down")])
async def test_limits_without_redis_are_told_and_count_as_declared(house, monkeypatch, is_open, status, word):
    away = Limiter(SharedTill("redis://127.0.0.1:1/0"), is_open=is_open)
    monkeypatch.setattr(health, "limiter", lambda: away)
    found, body = await ready()
    assert (found, body["status"]) == (status, word)
    assert body["components"]["limits"]["state"] == word


def test_debug_in_public_is_told(settings):
    assert checks.no_debug_in_public() == []
    settings.DEBUG, settings.HTTPS = True, True
    assert [found.id for found in checks.no_debug_in_public()] == ["gateway.W001"]


# -- many backends --


@pytest.fixture
async def router(settings, tmp_path, monkeypatch):
    """A house with a router over two servers, of which the second only answers for a model of its own."""
    path = tmp_path / "backends.toml"
    path.write_text(
        """
        [backends.one]
        kind = "vllm"
        base_url = "http://one.example.org:8000/v1"
        api_key_env = "ONE_KEY"
        [backends.two]
        kind = "vllm"
        base_url = "http://two.example.org:8000/v1"
        [models.first]
        backends = ["one"]
        context_tokens = 512
        [models.second]
        backends = ["two"]
        context_tokens = 512
        """
    )
    monkeypatch.setenv("ONE_KEY", "sk-of-one")
    settings.BACKENDS_FILE = str(path)
    composition.install(house_of(fleet.backend(), journal=Notebook()))
    yield fleet.router()
    composition.install(None)
    await fleet.close_fleet()


def eject(router, name):
    (live,) = (live for live in router.lives() if live.server.name == name)
    for _ in range(LIMIT):
        live.health.fault(router._clock())


async def test_backends_are_shown_without_addresses_and_keys(router):
    status, body = await ready()
    assert (status, body["status"]) == (200, "ready")
    assert body["components"]["backends"] == {"state": "ready", "backends": {"one": "up", "two": "up"}}
    assert "example.org" not in str(body)
    assert "sk-of-one" not in str(body)


async def test_a_backend_that_is_down_degrades(router):
    eject(router, "two")
    status, body = await ready()
    assert (status, body["status"]) == (200, "degraded")
    assert body["components"]["backends"]["backends"]["two"] == "ejected"


async def test_without_a_backend_for_the_default_model_it_is_not_ready(router):
    eject(router, "one")
    status, body = await ready()
    assert (status, body["status"]) == (503, "down")
    assert "No server" in body["components"]["model"]["reason"]


def test_several_workers_are_fine_where_no_backend_is_local(router, monkeypatch):
    monkeypatch.setenv("WEB_WORKERS", "2")
    assert checks.one_local_model() == []
