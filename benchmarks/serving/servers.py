"""
The contenders: each a real server in a process of its own on a free port, with the same model file, threads
and tokens of context for each slot, for a `with` statement. What is peculiar about asking one is here too.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.serving.load import PATH, Address
from benchmarks.serving.prompts import Messages

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "Str0ng!pass-word"
KEPT = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
START_SECONDS = 120
STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Setting:
    """What all contenders of a workload are started with."""

    model: Path
    threads: int
    slots: int
    slot_tokens: int = 4096
    variables: dict[str, str] = field(default_factory=dict)


class Contender(ABC):
    """A server under measurement. `accounts` are so many different callers."""

    name: str
    says_usage = True

    def __init__(self, setting: Setting, *, accounts: int = 1) -> None:
        self.setting = setting
        self.port = free_port()
        self.tokens: list[str | None] = [None] * accounts
        self.directory = Path()  # of its own, while it runs
        self.process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What starts it."""

    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name in KEPT}

    def prepare(self) -> None:  # noqa: B027 most need nothing
        """Before it starts."""

    def introduce(self) -> None:  # noqa: B027
        """When it is up, before it is measured."""

    def ready_path(self) -> str:
        return "/v1/models"

    def body(
        self, messages: Messages, max_tokens: int, *, stream: bool = True, ignore_eos: bool = True
    ) -> dict[str, Any]:
        """A request: the likeliest tokens, exactly `max_tokens` of them."""
        body: dict[str, Any] = {
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": 0,
            "stream": stream,
        }
        if stream:
            body["stream_options"] = {"include_usage": True}
        if ignore_eos:
            body["ignore_eos"] = True
        return body

    def address(self, account: int = 0) -> Address:
        return Address(self.port, self.tokens[account])

    def __enter__(self) -> Self:
        self.directory = Path(tempfile.mkdtemp(prefix="gateway-bench-"))
        try:
            self.prepare()
            with (self.directory / "log").open("ab") as log:
                self.process = subprocess.Popen(
                    self.command(),
                    cwd=ROOT,
                    env=self.environment(),
                    stdout=log,
                    stderr=log,
                    process_group=0,
                )
            self._wait()
            self.introduce()
            self._warm_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def log(self) -> str:
        """The end of what it has said."""
        return (self.directory / "log").read_text(errors="replace")[-3000:]

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Any:
        """One request, parsed. Raises OSError, of which HTTPError is one."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if token or self.tokens[0]:
            headers["Authorization"] = f"Bearer {token or self.tokens[0]}"
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                break
            try:
                self.call("GET", self.ready_path())
                return
            except (OSError, ValueError):
                time.sleep(0.1)
        raise RuntimeError(f"{self.name} did not start:\n{self.log()}")

    def _warm_up(self) -> None:
        hello: Messages = [{"role": "user", "content": "Hello"}]
        self.call("POST", PATH, self.body(hello, 8, stream=False))


class Gateway(Contender):
    """This project as `scripts/serve` starts it: gunicorn, a database of its own, tokens, default policy."""

    name = "ours"

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "ENV_FILE": os.devnull,
            "SECRET_KEY": self._secret,
            "DATA_DIR": str(self.directory),
            "STATIC_ROOT": str(self.directory / "static"),
            "PORT": str(self.port),
            **self.variables(),
        }

    def variables(self) -> dict[str, str]:
        """What answers, and what it may take."""
        setting = self.setting
        return {
            "LLM_MODEL_PATH": str(setting.model),
            "LLM_THREADS": str(setting.threads),
            "LLM_SLOTS": str(setting.slots),
            "LLM_CONTEXT": str(setting.slot_tokens),
            "LLM_MAX_TOKENS": str(setting.slot_tokens * 3 // 4),
            "LLM_QUEUE": "512",
            "LLM_QUEUE_SECONDS": "600",
            "LLM_TIMEOUT_SECONDS": "600",
            **setting.variables,
        }

    def prepare(self) -> None:
        self._secret = secrets.token_urlsafe(50)
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=ROOT,
            env=self.environment(),
            check=True,
            timeout=120,
        )

    def command(self) -> list[str]:
        configuration = ["-c", "gateway/gunicorn.conf.py", "gateway.asgi:application"]
        return [sys.executable, "-m", "gunicorn", *configuration]

    def ready_path(self) -> str:
        return "/readyz"

    def introduce(self) -> None:
        for number in range(len(self.tokens)):
            email = f"user{number}.{secrets.token_hex(4)}@example.org"  # the database may know others
            fields = {"email": email, "firstName": "A", "lastName": "B", "password": PASSWORD}
            self.call("POST", "/user/register", fields)
            answer = self.call("POST", "/auth/login", {"email": email, "password": PASSWORD})
            self.tokens[number] = answer["access_token"]


class LlamaServer(Contender):
    """llama.cpp's own server with its defaults; the context is the model's."""

    name = "llama-server"
    binary: Path

    def command(self) -> list[str]:
        setting = self.setting
        return [
            str(self.binary),
            *("--model", str(setting.model)),
            *("--port", str(self.port)),
            *("--threads", str(setting.threads)),
            *("--threads-batch", str(setting.threads)),
            *self.slots(),
        ]

    def slots(self) -> list[str]:
        return []

    def ready_path(self) -> str:
        return "/health"


class LlamaServerSlots(LlamaServer):
    """The same with as many slots as ours, and as many tokens of context in each."""

    name = "llama-server -np"

    def slots(self) -> list[str]:
        setting = self.setting
        return ["--parallel", str(setting.slots), "--ctx-size", str(setting.slots * setting.slot_tokens)]


class LlamaCppPython(Contender):
    """`python -m llama_cpp.server`. It counts no tokens in streams, and cannot be told to go on where the
    model would end; a request that arrives would cut off the one in progress if that were not switched off.
    """

    name = "llama-cpp-python"
    says_usage = False
    python: Path

    def command(self) -> list[str]:
        setting = self.setting
        return [
            *(str(self.python), "-m", "llama_cpp.server"),
            *("--model", str(setting.model)),
            *("--port", str(self.port)),
            *("--n_threads", str(setting.threads)),
            *("--n_threads_batch", str(setting.threads)),
            *("--n_ctx", str(setting.slot_tokens)),
            *("--interrupt_requests", "False"),
        ]

    def body(self, messages: Messages, max_tokens: int, **more: Any) -> dict[str, Any]:
        body = super().body(messages, max_tokens, **more)
        body.pop("ignore_eos", None)
        body.pop("stream_options", None)
        return body


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
