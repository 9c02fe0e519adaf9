"""
The real server in a process of its own: gunicorn, a database, perhaps the real model.

    with Server(tmp_path, LLM_MODEL_PATH=...) as server: server.post("/user/register", {...})
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "Str0ng!pass-word"
KEPT = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """`directory` holds its database, locks and log. Keyword arguments become environment variables."""

    command: tuple[str, ...] = (
        *(sys.executable, "-m", "gunicorn", "-c", "gateway/gunicorn.conf.py"),
        "gateway.asgi:application",
    )

    def __init__(self, directory: Path, **variables: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.log = directory / "server.log"
        self.environment = {name: value for name, value in os.environ.items() if name in KEPT} | {
            "ENV_FILE": os.devnull,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DATA_DIR": str(directory),
            "STATIC_ROOT": str(directory / "static"),
            "PORT": str(self.port),
            **variables,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def manage(self, *arguments: str) -> str:
        """Runs one management command in the server's environment."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def start(self, *, until: str = "/healthz", seconds: float = 90) -> None:
        """Starts it and waits until that address answers 200."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            try:
                if self.get(until)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"{until} never came up: {self.log.read_text()[-3000:]}")

    def signal(self, number: signal.Signals) -> None:
        """Sends it to the server's whole process group and waits for the end."""
        assert self.process is not None
        os.killpg(self.process.pid, number)
        self.process.wait(30)
        self.process = None

    def __enter__(self) -> "Server":
        self.manage("migrate", "--verbosity", "0")
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self.process is not None and self.process.poll() is None:
            try:
                self.signal(signal.SIGTERM)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)

    # -- a client without dependencies --

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        seconds: float = 120,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and parsed JSON (or text)."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | (headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return answer.status, _parsed(answer.read())
        except urllib.error.HTTPError as answer:
            return answer.code, _parsed(answer.read())

    def get(self, path: str, **more: Any) -> tuple[int, Any]:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any, **more: Any) -> tuple[int, Any]:
        return self.call("POST", path, body, **more)

    def counted(self, metric: str, **more: Any) -> float:
        """All series of a metric together."""
        lines = str(self.get("/metrics", **more)[1]).splitlines()
        return sum(
            float(line.rpartition(" ")[2]) for line in lines if line.startswith((metric + "{", metric + " "))
        )

    def given_up(self, **more: Any) -> float:
        """How many answers the model did not go on with, because nobody hears them."""
        return self.counted("gateway_engine_cancelled_total", **more)

    def until(self, is_so: Callable[[], bool], why: str, *, seconds: float = 60) -> None:
        """Waits for what comes by itself."""
        deadline = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < deadline, why
            time.sleep(0.1)

    def token_of(self, email: str) -> str:
        """Registers the user and logs in."""
        fields = {"email": email, "firstName": "A", "lastName": "B", "password": PASSWORD}
        assert self.post("/user/register", fields)[0] == 201
        status, body = self.post("/auth/login", {"email": email, "password": PASSWORD})
        assert status == 200
        token: str = body["access_token"]
        return token

    def written(self) -> dict[str, bytes]:
        """Every file it wrote, the model aside."""
        files = [path for path in self.directory.rglob("*") if path.is_file() and path.suffix != ".gguf"]
        return {str(path.relative_to(self.directory)): path.read_bytes() for path in files}


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw.decode(errors="replace")
