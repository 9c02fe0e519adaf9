"""A Redis of its own, which a test may stop and empty."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import redis

from accounts import redis_line
from prompts.caching.redis_store import RedisStore
from prompts.caching.stores import MemoryStore

SOCKET_SECONDS = redis_line.SOCKET_SECONDS
ROOT = Path(__file__).parents[3]


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


class OwnRedis:
    """A server that is this test's alone."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            *(
                "redis-server",
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
                str(folder),
            ),
        ]
        self._process = None
        self.start()

    def start(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.RedisError:
                time.sleep(0.05)
        raise AssertionError("redis-server does not start")

    def client(self):
        return redis.Redis.from_url(self.url, socket_timeout=5)

    def hang(self):
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self._process.send_signal(signal.SIGCONT)

    def stop(self):
        self.go_on()
        self._process.kill()
        self._process.wait()

    def everything(self):
        """All that it holds, as bytes to search in."""
        with self.client() as client:
            return b"\n".join(part for name in client.scan_iter() for part in (name, client.get(name) or b""))


@pytest.fixture(autouse=True)
def patience_with_a_busy_machine(monkeypatch):
    """Redis answers late where many tests run at once; whether one that hangs is noticed soon is for the
    tests that want to know, by `hasty`."""
    monkeypatch.setattr(redis_line, "SOCKET_SECONDS", 10.0)


@pytest.fixture
def hasty(patience_with_a_busy_machine, monkeypatch):
    monkeypatch.setattr(redis_line, "SOCKET_SECONDS", SOCKET_SECONDS)


@pytest.fixture
def own_redis(tmp_path):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = OwnRedis(tmp_path)
    yield server
    server.stop()


@pytest.fixture(params=["memory", "redis"])
def store(request):
    """Either of the two places where answers are kept."""
    made = (
        MemoryStore(max_bytes=1_000_000)
        if request.param == "memory"
        else RedisStore(request.getfixturevalue("own_redis").url)
    )
    yield made
    made.close()
