"""
What log-ins cost, what they tell, and what they leave to everybody else.

    scripts/bench auth [--quick] [--json FILE]

Starts the real server (gunicorn, SQLite, the default model) in a temporary folder and asks it over HTTP:

    known or not   how long a wrong password takes for accounts that there are and that there are not
    burst          100 log-ins at once, from 100 addresses to 100 accounts; while they are there,
                   somebody in a process of his own asks who he is
    beside         tokens a second of one answer, alone and with two log-ins a second beside it
    recognizing    what finding out who is asking costs, in this process, without HTTP

Needs the model in data/models (manage.py download_model).
"""

import argparse
import asyncio
import http.client
import json
import multiprocessing
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.server import PASSWORD, ROOT, Server

ACCOUNTS = 100
MAKE = """
from django.contrib.auth.hashers import make_password
from accounts.models import User
hashed = make_password("{password}")
first = User.objects.create_user("user0@example.org")
User.objects.bulk_create([User(email=f"user{{n}}@example.org") for n in range(1, {count})])
User.objects.update(password=hashed)
group = first.groups.get()
group.user_set.set(User.objects.all())
"""
TEXT = "Tell a very long story about a lighthouse, a storm and a cat."


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Milliseconds at some places of the distribution."""
    ordered = sorted(second * 1000 for second in seconds)
    places = {"p10": 0.1, "p50": 0.5, "p90": 0.9, "p99": 0.99}
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * at))] for name, at in places.items()} | {
        "max": ordered[-1]
    }


class Gate:
    """The server, over HTTP. Each log-in comes from an address of its own, as a trusted proxy would say."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.arrivals = 0

    async def log_in(self, email: str, password: str = PASSWORD) -> tuple[int, float]:
        self.arrivals += 1
        address = f"10.{self.arrivals >> 16}.{self.arrivals >> 8 & 255}.{self.arrivals & 255}"
        started = time.perf_counter()
        answer = await self.client.post(
            "/auth/login", json={"email": email, "password": password}, headers={"X-Forwarded-For": address}
        )
        return answer.status_code, time.perf_counter() - started

    async def token(self, email: str) -> str:
        answer = await self.client.post("/auth/login", json={"email": email, "password": PASSWORD})
        return str(answer.json()["access_token"])


async def known_or_not(gate: Gate, *, count: int) -> dict[str, dict[str, float]]:
    """Wrong passwords, known and unknown accounts in turn."""
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    for n in range(count):
        for kind, email in (("known", f"user{n % ACCOUNTS}@example.org"), ("unknown", f"x{n}@example.org")):
            status, seconds = await gate.log_in(email, "Wr0ng!pass-word")
            assert status == 401, status
            took[kind].append(seconds)
    return {kind: quantiles(seconds) for kind, seconds in took.items()}


def probe(base: str, token: str, stop: Any, results: Any) -> None:
    """A caller of his own process, who asks who he is until he is told to stop: when, and seconds."""
    where = urlsplit(base)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    took = []
    while not stop.is_set():
        started, at = time.perf_counter(), time.time()
        connection.request("GET", "/auth/profile", headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        took.append((at, time.perf_counter() - started))
        assert answer.status == 200, answer.status
        time.sleep(0.002)
    results.put(took)


@contextmanager
def probing(base: str, token: str) -> Iterator[list[tuple[float, float]]]:
    """What `probe` measures meanwhile."""
    processes = multiprocessing.get_context("spawn")
    stop, results, took = processes.Event(), processes.Queue(), []
    process = processes.Process(target=probe, args=(base, token, stop, results))
    process.start()
    time.sleep(2)  # it is up
    try:
        yield took
    finally:
        stop.set()
        took += results.get(timeout=60)
        process.join()


async def raw_log_in(base: str, n: int, start: asyncio.Event) -> tuple[int, float]:
    """A log-in by hand over a connection that is open already: the client costs next to nothing."""
    where = urlsplit(base)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    body = json.dumps({"email": f"user{n}@example.org", "password": PASSWORD})
    head = f"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.9.{n >> 8}.{n & 255}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    await start.wait()
    started = time.perf_counter()
    writer.write((head + body).encode())
    status = int((await reader.readline()).split()[1])
    took = time.perf_counter() - started
    writer.close()
    return status, took


async def crowd(base: str) -> tuple[float, list[tuple[int, float]], float]:
    """Everybody at once: when it began, what became of each, when it was over."""
    start = asyncio.Event()
    logins = [asyncio.create_task(raw_log_in(base, n, start)) for n in range(ACCOUNTS)]
    await asyncio.sleep(1)
    begins = time.time()
    start.set()
    return begins, list(await asyncio.gather(*logins)), time.time()


def burst(base: str, token: str, *, rounds: int) -> dict[str, Any]:
    """Everybody at once, again and again; what became of them, and of the one who only wants his profile."""
    with probing(base, token) as alone:
        time.sleep(3)
    statuses: Counter[int] = Counter()
    refused: list[float] = []
    beside: list[float] = []
    for _ in range(rounds):
        with probing(base, token) as took:
            begins, logins, ends = asyncio.run(crowd(base))
        for status, seconds in logins:
            statuses[status] += 1
            if status == 503:
                refused.append(seconds)
        # Only those that were asked, or still waited, while the crowd was there.
        beside += [seconds for at, seconds in took if at + seconds >= begins and at <= ends]
    return {
        "statuses": dict(sorted(statuses.items())),
        "refused after": quantiles(refused) if refused else {},
        "profile alone": quantiles([seconds for _, seconds in alone]),
        "profile beside": quantiles(beside),
        "profiles beside": len(beside),
    }


async def tokens_a_second(gate: Gate, token: str, max_tokens: int) -> float:
    """Of one answer, from its first word on."""
    body = {"prompt": f"{TEXT} ({secrets.token_hex(4)})", "max_tokens": max_tokens, "stream": True}
    headers = {"Authorization": f"Bearer {token}"}
    first = last = 0.0
    done: dict[str, Any] = {}
    async with gate.client.stream("POST", "/prompt", json=body, headers=headers, timeout=120) as answer:
        assert answer.status_code == 200, await answer.aread()
        async for line in answer.aiter_lines():
            if line.startswith("data:") and not first:
                first = time.perf_counter()
            if line.startswith("data:"):
                last = time.perf_counter()
                done = json.loads(line[5:])
    return float(done["usage"]["completionTokens"]) / (last - first)


async def beside_an_answer(gate: Gate, *, rounds: int) -> dict[str, Any]:
    """The same answer's speed, alone and beside two log-ins a second, in turn."""
    token = await gate.token("user0@example.org")
    await tokens_a_second(gate, token, 32)  # warm
    alone: list[float] = []
    beside: list[float] = []
    logins: list[tuple[int, float]] = []

    async def knock() -> None:
        n = 0
        while True:
            n += 1
            logins.append(await gate.log_in(f"user{n % ACCOUNTS}@example.org"))
            await asyncio.sleep(max(0.0, 0.5 - logins[-1][1]))

    for _ in range(rounds):
        alone.append(await tokens_a_second(gate, token, 200))
        knocking = asyncio.create_task(knock())
        beside.append(await tokens_a_second(gate, token, 200))
        knocking.cancel()
    share = statistics.median(beside) / statistics.median(alone)
    return {
        "alone": statistics.median(alone),
        "beside": statistics.median(beside),
        "share": share,
        "logins": len(logins),
        "statuses": dict(Counter(status for status, _ in logins)),
        "log-in": quantiles([seconds for _, seconds in logins]),
    }


def recognizing(directory: str, *, count: int) -> dict[str, float]:
    """Microseconds for a caller who is known, by session and by key."""
    os.environ.update(
        ENV_FILE=os.devnull,
        SECRET_KEY=secrets.token_urlsafe(50),
        DATA_DIR=directory,
        STATIC_ROOT=directory,
        LOG_LEVEL="ERROR",
        DJANGO_SETTINGS_MODULE="gateway.settings",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from accounts import keys, sessions
    from accounts.authentication import identify
    from accounts.models import User

    user = User.objects.create_user("a@example.org")
    headers = {
        "session": f"Bearer {sessions.open_session(user).access}",
        "key": f"Bearer {keys.create(user, name='x', scopes=['prompt'])[1]}",
    }
    found: dict[str, float] = {}
    for kind, header in headers.items():
        took = []
        for _ in range(count):
            started = time.perf_counter()
            identify(header, scope="prompt")
            took.append(time.perf_counter() - started)
        found[kind] = statistics.median(took) * 1e6
    return found


async def over_http(base: str, *, quick: bool) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=base, timeout=60) as client:
        gate = Gate(client)
        return {
            "token": await gate.token("user0@example.org"),
            "known or not": await known_or_not(gate, count=20 if quick else 200),
            "beside": await beside_an_answer(gate, rounds=2 if quick else 6),
        }


def row(name: str, values: dict[str, float]) -> str:
    return f"{name:<34}" + "".join(f"{value:>9.1f}" for value in values.values())


def report(found: dict[str, Any]) -> None:
    print(f"{'milliseconds':<34}" + "".join(f"{name:>9}" for name in ("p10", "p50", "p90", "p99", "max")))
    for kind, values in found["known or not"].items():
        print(row(f"wrong password, {kind} account", values))
    crowd = found["burst"]
    print(row("profile, alone", crowd["profile alone"]))
    print(row("profile, beside 100 log-ins", crowd["profile beside"]))
    if crowd["refused after"]:
        print(row("log-in of the 100 that is refused", crowd["refused after"]))
    print(row("log-in beside an answer", found["beside"]["log-in"]))
    print(f"100 log-ins at once: {crowd['statuses']}")
    beside = found["beside"]
    speeds = f"{beside['alone']:.1f} tokens/s alone, {beside['beside']:.1f} beside two log-ins a second"
    print(f"one answer: {speeds} ({beside['share']:.0%}); {beside['logins']} log-ins: {beside['statuses']}")
    costs = ", ".join(f"{kind} {micros:.0f} µs" for kind, micros in found["recognizing"].items())
    print(f"recognizing a known caller: {costs}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench auth")
    parser.add_argument("--quick", action="store_true", help="fewer of everything")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-auth-") as directory:
        models = str(ROOT / "data" / "models")
        server_directory = Path(directory) / "server"
        server_directory.mkdir()
        server = Server(server_directory, LLM_MODELS_DIR=models, LLM_AUTOSTART="true", LOG_LEVEL="ERROR")
        server.manage("migrate", "--verbosity", "0")
        server.manage("shell", "-c", MAKE.format(password=PASSWORD, count=ACCOUNTS))
        try:
            server.start(until="/readyz")
            found = asyncio.run(over_http(server.base, quick=arguments.quick))
            found["burst"] = burst(server.base, found.pop("token"), rounds=2 if arguments.quick else 10)
        finally:
            server.__exit__()
        found["recognizing"] = recognizing(directory, count=200 if arguments.quick else 5_000)
    report(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    sys.exit(main())
