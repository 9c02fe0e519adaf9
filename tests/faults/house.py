"""
The whole service as processes of its own, to break and to look into:

    callers ─► gunicorn, two workers ─► a stand-in model server, an engine service with a tiny model
                     └─► PostgreSQL, Redis
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from tests.faults import standin
from tests.faults.audit import Row, audit
from tests.faults.load import Load, Record, body_of, code_in
from tests.faults.marks import marked
from tests.faults.stores import Postgres, Redis, until
from tests.server import ROOT, Server, free_port

ENGINE_TOKEN = secrets.token_urlsafe(32)
RECOVERY_SECONDS = 10
OF_CALLERS = "user_id IN (SELECT id FROM accounts_user WHERE email LIKE 'caller%')"
BACKENDS = """
[backends.stand-in]
kind = "openai"
base_url = "http://127.0.0.1:{standin}/v1"
probe_seconds = 0.5
connect_seconds = 1
first_byte_seconds = 2
idle_seconds = 2

[backends.engine]
kind = "engine"
base_url = "http://127.0.0.1:{engine}/v1"
api_key_env = "THE_ENGINES_TOKEN"
local = true
probe_seconds = 0.5
"""
MODEL = """
[models.{name}]
backends = ["{backend}"]
context_tokens = {context}
kind = "{kind}"
"""


class Engine(Server):
    """`manage.py serve_engine`."""

    command = (sys.executable, "manage.py", "serve_engine")


class Gateway(Server):
    """gunicorn. `workers` are its worker processes."""

    @property
    def workers(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(pid) for pid in Path(path).read_text().split()]

    def kill_worker(self):
        """-9, one of them; the master starts another."""
        before = self.workers
        os.kill(before[0], signal.SIGKILL)
        until("another worker", lambda: len(self.workers) == len(before) and before[0] not in self.workers)


class StandIn:
    """The model server."""

    def __init__(self):
        self.port = free_port()
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "tests.faults.standin", str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT)

    def kill(self):
        self.process.kill()
        self.process.wait()


class House:
    """All of it. Whom PostgreSQL runs as has to reach `directory`; `variables` are the gateway's."""

    def __init__(self, directory, *, engine_model=None, **variables):
        self.directory = directory
        self.postgres, self.redis = Postgres(directory), Redis(directory)
        self.standin = StandIn()
        self.engine = None
        engine_port = free_port()
        if engine_model is not None:
            self.engine = Engine(
                self._folder("engine"),
                LLM_MODEL_PATH=str(engine_model),
                LLM_SLOTS="4",
                LLM_CONTEXT="512",
                ENGINE_TOKEN=ENGINE_TOKEN,
                SECRET_KEY="",
                LLM_THREADS="1",
            )
            engine_port = self.engine.port
        file = directory / "backends.toml"
        file.write_text(self._backends(engine_port))
        self.gateway = Gateway(
            self._folder("gateway"),
            **{
                "DATABASE_URL": self.postgres.url,
                "REDIS_URL": self.redis.url,
                "BACKENDS_FILE": str(file),
                "THE_ENGINES_TOKEN": ENGINE_TOKEN,
                "WEB_WORKERS": "2",
                "LIMIT_STREAMS": "1000",
                "LIMIT_TOKENS_PER_MINUTE": "100000000",
                "LLM_DRAIN_SECONDS": "4",
                "LLM_TIMEOUT_SECONDS": "30",
                "CLIENT_SECONDS": "3",
                "DATABASE_POOL": "8",
                "ACCESS_TOKEN_MINUTES": "600",
                "MAX_PROMPTS": "60",
            }
            | variables,
        )
        self.tokens = []
        self.records = []

    def _folder(self, name):
        folder = self.directory / name
        folder.mkdir()
        return folder

    def _backends(self, engine_port):
        text = BACKENDS.format(standin=self.standin.port, engine=engine_port)
        for name in standin.MODELS:
            text += MODEL.format(name=name, backend="stand-in", context=100_000, kind="chat")
        text += MODEL.format(name="vectors", backend="stand-in", context=100_000, kind="embedding")
        return text + MODEL.format(name="tiny", backend="engine", context=512, kind="chat").replace(
            '["engine"]', '[{backend = "engine", model = "default"}]'
        )

    def __enter__(self):
        try:
            self.postgres.start()
            self.redis.start()
            self.standin.start()
            if self.engine is not None:
                self.engine.start(until="/healthz")
            self.gateway.manage("migrate", "--verbosity", "0")
            self.gateway.start(until="/readyz")
            self.tokens = [self.gateway.token_of(f"caller{number}@example.org") for number in range(3)]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        self.gateway.__exit__()
        if self.engine is not None:
            self.engine.__exit__()
        if self.standin.process is not None:
            self.standin.kill()
        self.redis.stop()
        self.postgres.stop()

    # -- a fault --

    def start_again(self, **variables):
        """The gateway, with these variables as well."""
        self.gateway.signal(signal.SIGTERM)
        self.gateway.environment |= variables
        self.gateway.start(until="/readyz")

    @contextmanager
    def trouble(self, **load):
        """Load, in which the block does its harm and ends it; then the house has to recover by itself, and
        all its books have to be right. Gives the load."""
        asking = Load(self.gateway.base, self.tokens, **load)
        try:
            with asking:
                asking.await_answers(4)
                yield asking
                self.recover()
                asking.await_answers(4)
        finally:
            self.records += asking.records  # also of a test that fails: its rows are there in the next
        self.settle()
        self.judge()

    def recover(self, seconds=RECOVERY_SECONDS):
        """Until new prompts are answered and it says that it is ready; fails after so long."""
        began = time.monotonic()
        until("readiness", lambda: self.gateway.get("/readyz", seconds=5)[0] == 200, seconds)
        left = max(0.1, began + seconds - time.monotonic())
        until("answers", lambda: all(self.ask().is_answered for _ in range(4)), left)  # of both workers
        return time.monotonic() - began

    def ask(self, *, kind="chat", model="echo"):
        """One prompt by itself. Raises OSError."""
        record = Record(marked(), kind, model, str(uuid4()), time.monotonic())
        path, body = body_of(kind, model, record.marked.text)
        named = {"X-Request-ID": record.request_id}
        try:
            record.status, answer = self.gateway.post(
                path, body, token=self.tokens[0], seconds=10, headers=named
            )
        except OSError:
            self.records.append(record)
            raise
        record.body = str(answer)
        record.outcome = "answered" if record.status in (200, 201) else "refused"
        record.code = code_in(json.dumps(answer))
        self.records.append(record)
        return record

    # -- afterwards --

    def settle(self, seconds=45):
        """Until nothing is in progress any more, anywhere; fails if something stays. What limits reserved
        for an answer whose end Redis did not take runs out after 30 s."""
        deadline = time.monotonic() + seconds
        while left := self.left_over():
            assert time.monotonic() < deadline, left
            time.sleep(0.1)

    def left_over(self):
        """What is still held, by name: nothing may be."""
        metrics = self.metrics()
        held = {
            name: value
            for name, value in metrics.items()
            if value
            and name.split("{")[0]
            in (
                "gateway_prompts_in_progress",
                "gateway_prompts_in_line",
                "gateway_journal_waiting_rows",
                "gateway_server_running_requests",
                "gateway_server_outstanding_tokens",
            )
        }
        for name, rows in (
            ("accepted rows", "outcome = 'accepted'"),
            ("rows that are not counted", "outcome <> 'accepted' AND NOT is_tallied"),
        ):
            if count := self.postgres.rows(f"SELECT count(*) FROM prompts_prompt WHERE {rows}")[0][0]:
                held[name] = count
        for token in self.tokens:
            if used := self.gateway.get("/api/limits", token=token)[1]["user"]["streams"]["used"]:
                held["answers in progress by the limits"] = used
        instances = self.postgres.rows("SELECT count(*) FROM prompts_instance")[0][0]
        if instances != len(self.gateway.workers):
            held["leases"] = instances
        spooled = [path for path in (self.gateway.directory / "spool").glob("*") if path.stat().st_size]
        return held | ({"spool": spooled} if spooled else {})

    def metrics(self):
        """Samples by name and labels."""
        text = self.gateway.get("/metrics")[1]
        lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def judge(self, *values):
        """The auditor's judgement about everything since the house was built; `values` are more that may be
        nowhere."""
        problems = audit(
            self.records, self.rows(), tallied=self.tallied(), places=self.places(), values=values
        )
        assert not problems, "\n".join(problems[:20])

    def rows(self):
        query = f"SELECT id, request_id, outcome, prompt, response FROM prompts_prompt WHERE {OF_CALLERS}"
        return [Row(str(id), *others) for id, *others in self.postgres.rows(query)]

    def tallied(self):
        query = f"SELECT outcome, sum(prompts) FROM prompts_hourlytally WHERE {OF_CALLERS} GROUP BY outcome"
        return {outcome: int(count) for outcome, count in self.postgres.rows(query) if count}

    def places(self):
        """Everything that was written, by name."""
        files = {f"gateway: {name}": content for name, content in self.gateway.written().items()}
        if self.engine is not None:
            files |= {f"engine: {name}": content for name, content in self.engine.written().items()}
        return {
            **files,
            "database": self.postgres.dump(),
            "database's log": (self.postgres.data / "log").read_bytes(),
            "Redis": self.redis.dump(),
            "metrics": self.gateway.get("/metrics")[1].encode(),
        }
