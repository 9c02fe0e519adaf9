"""
What a streamed token, and a whole request, cost on the way from a backend to the server's socket.

    scripts/bench stream [--quick] [--json FILE]

In this process, without a model and without sockets: the ASGI application with JWT, chain, journal on
SQLite, behind it a backend that says prepared words at once. Processor time of the whole process, the
journal's thread included, so waiting costs nothing. A row of tokens: streamed by so many callers at once,
per token; `chain` is the part of it that sanitizing takes, measured alone on the same pieces. A row of
requests: one after the other, an answer of one token, per request.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

PROSE = (
    "The harbour office opens at seven, and the first boats leave soon after. A berth costs twelve euros "
    "a night; ask for a receipt. If the wind turns to the north, move to the inner basin, where the water "
    "stays calm. "
)
QUESTION = "Tell me about the harbour."
TOKENS, QUICK_TOKENS = 500, 100
REQUESTS, QUICK_REQUESTS = 300, 50


def set_up(directory: str) -> None:
    """A Django of its own, on a database of its own."""
    os.environ.update(
        ENV_FILE=os.devnull,
        SECRET_KEY=secrets.token_urlsafe(50),
        DATA_DIR=directory,
        STATIC_ROOT=directory,
        DATABASE_URL="",
        LOG_LEVEL="ERROR",
        DJANGO_SETTINGS_MODULE="gateway.settings",
    )
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def pieces(count: int) -> list[str]:
    """So many pieces of prose as a model's tokens would cut it."""
    words = re.findall(r" ?\w{1,6}|[^\w]", PROSE)
    return [words[number % len(words)] for number in range(count)]


def speaker(words: Sequence[str]) -> Any:
    """A backend that says these words, letting the others have their turn after each."""
    from inference.backends import Ending, Generation, ModelCard, Piece, Status

    class Speaker:
        async def answer(self, generation: Generation[str]) -> AsyncGenerator[Piece | Ending, None]:
            for word in words[: generation.max_tokens]:
                await asyncio.sleep(0)
                yield Piece(word)
            yield Ending("stop", 10, len(words), 0.0, first_token_ms=0.0)

        def choose(self, model: str | None) -> ModelCard:
            return ModelCard("speaker", "1", 100_000)

        def status(self) -> Status:
            return Status("ready")

    return Speaker()


async def call(path: str, token: str, body: dict[str, Any]) -> int:
    """One request through the ASGI application; the number of messages with a body that came back."""
    from gateway.asgi import application

    content = json.dumps(body).encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "server": ("localhost", 8080),
        "client": ("127.0.0.1", 1),
        "headers": [
            (b"host", b"localhost"),
            (b"authorization", f"Bearer {token}".encode()),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
        ],
    }
    waiting = [{"type": "http.request", "body": content}]
    sent: list[Any] = []

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()  # a caller who stays
        return waiting.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    assert sent[0]["status"] in (200, 201), sent
    return sum(bool(message.get("body")) for message in sent)


async def cpu_of(work: Callable[[], Awaitable[Any]]) -> float:
    """Processor seconds, of all threads, after one turn to warm up."""
    await work()
    began = time.process_time()
    await work()
    return time.process_time() - began


async def chain_alone(words: Sequence[str]) -> float:
    from prompts.composition import house
    from sanitization.placeholders import Placeholders
    from sanitization.policies import Policy

    policy = Policy.build()

    async def work() -> None:
        stream = house().chain.open_answer(policy, Placeholders(["hello"]))
        for word in words:
            stream.feed(word)
        stream.finish()

    return await cpu_of(work) / len(words) * 1e6


async def measure(token: str, count: int, requests: int) -> dict[str, float]:
    from dataclasses import replace

    from prompts import composition

    words = pieces(count)
    composition.journal().open()
    composition.install(replace(composition.built(), backend=speaker(words)))
    found: dict[str, float] = {"chain, µs a token": await chain_alone(words)}
    bodies = {
        "/v1/chat/completions": {"messages": [{"role": "user", "content": QUESTION}]},
        "/prompt": {"prompt": QUESTION},
    }
    for path, body in bodies.items():

        async def ask(path: str = path, body: Any = body, **more: Any) -> int:
            return await call(path, token, {**body, **more})

        async def one_by_one(ask: Any = ask) -> None:
            for _ in range(requests):
                await ask(max_tokens=1)

        request = await cpu_of(one_by_one) / requests
        found[f"{path}, ms a request"] = request * 1e3
        for streams in (1, 8, 16):

            async def at_once(ask: Any = ask, streams: int = streams) -> None:
                events = await asyncio.gather(*(ask(stream=True) for _ in range(streams)))
                assert min(events) > count / 20

            each = await cpu_of(at_once) / streams - request
            found[f"{path}, {streams} streams, µs a token"] = each / count * 1e6
        found[f"{path}, not streamed, µs a token"] = (await cpu_of(ask) - request) / count * 1e6
    composition.journal().close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few tokens and requests only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        set_up(directory)
        from rest_framework_simplejwt.tokens import AccessToken

        from accounts.models import User

        user = User.objects.create(email="bench@example.org", password="!")
        token = str(AccessToken.for_user(user))
        counts = (QUICK_TOKENS, QUICK_REQUESTS) if options.quick else (TOKENS, REQUESTS)
        found = asyncio.run(measure(token, *counts))
    for name, value in found.items():
        print(f"{name:55}{value:8.1f}")
    print(f"\nProcessor time, {platform.machine()}, Python {platform.python_version()}.", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
