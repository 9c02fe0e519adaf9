"""This process's backends, from BACKENDS_FILE."""

import asyncio
import json
import signal
import sys
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from inference import checks, composition, fleet
from inference.local import LocalBackend
from inference.routing.router import Router
from tests.inference.remote.conftest import collect, generation, text_of, until
from tests.upstream import Upstream, says

TOML = """
[backends.one]
kind = "llama-server"
base_url = "{one}"
probe_seconds = 0.02

[backends.two]
kind = "openai"
base_url = "{two}"
api_key_env = "TWO_KEY"
probe_seconds = 0

[models.tiny]
backends = ["one"]
context_tokens = 512
fallbacks = ["big"]

[models.big]
backends = ["two"]
context_tokens = 512
"""
DEAD = "http://127.0.0.1:1/v1"


@pytest.fixture
async def written(settings, tmp_path, monkeypatch):
    """Writes the file. The fleet is closed at the end."""
    path = tmp_path / "backends.toml"
    settings.BACKENDS_FILE = str(path)
    monkeypatch.setenv("TWO_KEY", "sk-two")

    def write(one=DEAD, two=DEAD, **more):
        text = TOML.format(one=one, two=two)
        for old, new in more.pop("instead", {}).items():
            assert old in text
            text = text.replace(old, new)
        path.write_text(text + more.pop("behind", ""))

    write()
    yield write
    await fleet.close_fleet()


def ask(model="tiny"):
    return collect(fleet.backend().answer(generation(model=model)))


async def test_without_a_file_the_local_models_answer(settings):
    assert isinstance(fleet.backend(), LocalBackend)
    assert fleet.uses_local()
    fleet.open_fleet()
    assert fleet.needed_names() == composition.needed_names()


async def test_with_a_file_its_servers_answer(written):
    async with Upstream(says("one")) as one, Upstream(says("two")) as two:
        written(one.base, two.base)
        assert isinstance(fleet.backend(), Router)
        assert not fleet.uses_local()
        assert fleet.needed_names() == ("tiny",)
        assert text_of(await ask()) == "one"
        assert text_of(await ask("big")) == "two"
        assert two.heard[0].headers["authorization"] == "Bearer sk-two"
        await fleet.close_fleet()


async def test_a_local_model_is_one_of_them(written):
    written(
        instead={
            'kind = "openai"\nbase_url = "'
            + DEAD
            + '"\napi_key_env = "TWO_KEY"\nprobe_seconds = 0': 'kind = "local"',
            'backends = ["two"]': 'backends = [{backend = "two", model = "smollm2-135m"}]',
        }
    )
    assert fleet.uses_local()
    (_, (card, status)) = fleet.backend().models()
    assert card.revision.startswith("b179c9523d0e")
    assert (status.state, status.reason) == ("down", "The model is not started in this process.")
    assert fleet.backend().states()["two"] == "down"


async def test_probes_notice_a_server_that_dies_and_comes_back(written):
    async with Upstream() as one:
        written(one.base)
        fleet.open_fleet()
        await until(lambda: one.probes > 1)
        one.is_alive = False
        await until(lambda: fleet.backend().states()["one"] == "ejected")
        one.is_alive = True
        await until(lambda: fleet.backend().states()["one"] == "up")
        await fleet.close_fleet()


async def test_sighup_reads_the_file_again_while_answers_go_on(written):
    async with Upstream(says("x" * 60, cut=1, pause_seconds=0.01)) as slow, Upstream(says("new")) as new:
        written(slow.base)
        fleet.open_fleet()
        going = asyncio.create_task(ask())
        await until(lambda: slow.running == 1)
        written(new.base)
        signal.raise_signal(signal.SIGHUP)
        await until(lambda: fleet.router().lives()[0].server.remote.base_url == new.base)
        assert text_of(await ask()) == "new"
        assert not going.done()
        assert text_of(await going) == "x" * 60
        await fleet.close_fleet()


async def test_a_file_that_cannot_be_used_changes_nothing_and_is_told(written, caplog):
    async with Upstream(says("still here")) as one:
        written(one.base)
        assert text_of(await ask()) == "still here"
        written(one.base, instead={'kind = "openai"': 'kind = "opnai"'})
        assert not fleet.reload()
        assert "kind must be one of" in caplog.records[-1].problem
        assert text_of(await ask()) == "still here"
        await fleet.close_fleet()


async def test_a_model_of_this_process_needs_a_restart(written, caplog):
    fleet.router()
    here = '[{backend = "here", model = "smollm2-135m"}]'
    written(instead={'["one"]': here}, behind='\n[backends.here]\nkind = "local"\n')
    assert not fleet.reload()
    assert "restart it" in caplog.records[-1].problem


# -- told before the start --


def test_what_is_wrong_with_the_file_stops_the_start(settings, tmp_path, monkeypatch):
    assert checks.backends_can_be_used() == []
    settings.BACKENDS_FILE = str(tmp_path / "gone.toml")
    (found,) = checks.backends_can_be_used()
    assert (found.id, found.is_serious()) == ("inference.E004", True)
    (tmp_path / "gone.toml").write_text(TOML.format(one="gpu", two=DEAD))
    found = checks.backends_can_be_used()
    assert [each.id for each in found] == ["inference.E004"] * 2
    assert "base_url is no address" in found[0].msg
    assert "TWO_KEY, which is not set" in found[1].msg


def test_a_key_that_travels_unencrypted_is_told(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("TWO_KEY", "sk-two")
    path = tmp_path / "backends.toml"
    settings.BACKENDS_FILE = str(path)
    path.write_text(TOML.format(one=DEAD, two="http://api.example.com/v1"))
    assert [each.id for each in checks.backends_can_be_used()] == ["inference.W007"]
    path.write_text(TOML.format(one=DEAD, two="https://api.example.com/v1"))
    assert checks.backends_can_be_used() == []


def test_a_gateway_without_local_models_misses_none(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("TWO_KEY", "sk-two")
    settings.LLM_MODELS_DIR = tmp_path
    assert [each.id for each in checks.models_are_there()] == ["inference.I001"]
    (tmp_path / "backends.toml").write_text(TOML.format(one=DEAD, two=DEAD))
    settings.BACKENDS_FILE = str(tmp_path / "backends.toml")
    assert checks.models_are_there() == []


def test_only_a_process_with_a_model_of_its_own_changes_threads_so_often(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("TWO_KEY", "sk-two")
    (tmp_path / "backends.toml").write_text(TOML.format(one=DEAD, two=DEAD))
    settings.BACKENDS_FILE, settings.LLM_AUTOSTART = str(tmp_path / "backends.toml"), True
    set_to = []
    monkeypatch.setattr(sys, "setswitchinterval", set_to.append)
    apps.get_app_config("inference").ready()
    assert set_to == []
    (tmp_path / "backends.toml").write_text(TOML.replace('"openai"', '"local"', 1).format(one=DEAD, two=DEAD))
    monkeypatch.setattr(fleet, "start", lambda: None)
    apps.get_app_config("inference").ready()
    assert set_to == [0.0005]


# -- manage.py backends --


def shown(*arguments):
    out = StringIO()
    try:
        call_command("backends", *arguments, stdout=out)
    except CommandError as error:
        return out.getvalue(), error.returncode
    return out.getvalue(), 0


async def backends(*arguments):
    return await asyncio.to_thread(shown, *arguments)


async def test_the_command_asks_every_server_now(written):
    async with Upstream(models=("tiny",)) as one, Upstream(models=("small",)) as two:
        written(one.base, two.base)
        table, code = await backends()
        assert code == 0
        assert "big (not there)" in table
        assert table.count("alive") == 2
        document = json.loads((await backends("--json"))[0])
        assert [each["health"] for each in document["backends"]] == ["alive", "alive"]
        assert document["models"][0]["fallbacks"] == ["big"]
        assert "sk-two" not in table + json.dumps(document)


async def test_the_command_ends_with_3_where_one_is_dead(written):
    async with Upstream() as one:
        written(one.base)
        table, code = await backends()
        assert code == 3
        assert "dead" in table


async def test_the_command_says_what_is_wrong_with_the_file_and_what_answers_without_one(written, settings):
    written(instead={'kind = "openai"': 'kind = "opnai"'})
    assert (await backends())[1] == 2
    settings.BACKENDS_FILE = ""
    assert "the local models answer" in (await backends())[0]
