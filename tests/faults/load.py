"""
Callers who ask marked prompts all the time, and remember what became of each.

    answered    all of it came: 200 or 201 with its body, or a stream with its last event
    refused     a status of its own, with a code
    error       a stream that ended with an error event, with a code
    cut         the connection broke, and nobody knows
    unreached   no connection
"""

import asyncio
import json
import random
import threading
import time
from dataclasses import dataclass
from uuid import uuid4

import aiohttp

from tests.faults.marks import Marked, marked

KINDS = ("chat", "chat stream", "prompt", "prompt stream", "completion", "embedding", "responses")
PATHS = {
    "chat": "/v1/chat/completions",
    "prompt": "/prompt",
    "completion": "/v1/completions",
    "embedding": "/v1/embeddings",
    "responses": "/v1/responses",
}


@dataclass
class Record:
    """One request."""

    marked: Marked
    kind: str
    model: str
    request_id: str
    began_at: float
    outcome: str = "cut"
    status: int = 0
    code: str = ""
    body: str = ""
    ended_at: float = 0.0

    @property
    def is_answered(self):
        return self.outcome == "answered"


def body_of(kind, model, text):
    shape, _, streamed = kind.partition(" ")
    body = {"model": model}
    if shape == "chat":
        body |= {"messages": [{"role": "user", "content": text}], "temperature": 0}
    else:
        body["prompt" if shape in ("prompt", "completion") else "input"] = text
    return PATHS[shape], body | ({"stream": True} if streamed else {})


def code_in(text):
    """Of a problem document, an OpenAI envelope or an error event."""
    for line in text.splitlines() or [text]:
        try:
            found = json.loads(line.removeprefix("data: "))
        except ValueError:
            continue
        if isinstance(found, dict) and (code := found.get("code") or (found.get("error") or {}).get("code")):
            return code
    return ""


def is_whole(kind, body):
    return "data: [DONE]" in body if kind == "chat stream" else "event: done" in body


class Load:
    """`clients` at a time, each with its own rest between prompts, in a thread of its own; for a `with`
    statement. `records` are all requests so far."""

    def __init__(self, base, tokens, *, clients=6, models=("slow", "echo"), kinds=KINDS, rest_seconds=0.05):
        self.base = base
        self.tokens = tokens
        self.clients = clients
        self.models = models
        self.kinds = kinds
        self.rest_seconds = rest_seconds
        self.records = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self.end()

    def ask_no_more(self):
        """Those who wait wait for their answers."""
        self._ending.set()

    def end(self, seconds=60):
        """The same, until they have them."""
        self.ask_no_more()
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "somebody still waits for an answer"

    def answered(self):
        return [record for record in self.records if record.is_answered]

    def await_answers(self, count, seconds=60):
        """Until so many more prompts have been answered."""
        wanted, deadline = len(self.answered()) + count, time.monotonic() + seconds
        while len(self.answered()) < wanted:
            assert time.monotonic() < deadline, f"no answers; the last were {self.records[-3:]}"
            time.sleep(0.02)

    def await_going(self, count=3, seconds=60):
        """Until so many answers have begun to come and are not over."""
        deadline = time.monotonic() + seconds
        while sum(bool(one.body) and not one.ended_at for one in self.records) < count:
            assert time.monotonic() < deadline, f"no streams; the last were {self.records[-3:]}"
            time.sleep(0.01)

    async def _run(self):
        timeout = aiohttp.ClientTimeout(total=50)
        async with aiohttp.ClientSession(self.base, timeout=timeout) as session:
            await asyncio.gather(*(self._client(session, number) for number in range(self.clients)))

    async def _client(self, session, number):
        token = self.tokens[number % len(self.tokens)]
        chance = random.Random(number)
        await asyncio.sleep(0.3 * number)  # else all would begin and end together
        while not self._ending.is_set():
            kind = self.kinds[chance.randrange(len(self.kinds))]
            model = "vectors" if kind == "embedding" else chance.choice(self.models)
            record = Record(marked(), kind, model, str(uuid4()), time.monotonic())
            self.records.append(record)
            await ask(session, token, record)
            await asyncio.sleep(self.rest_seconds if record.is_answered else 0.2)


async def ask(session, token, record):
    """Sends one and sees what becomes of it."""
    path, body = body_of(record.kind, record.model, record.marked.text)
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": record.request_id}
    try:
        async with session.post(path, json=body, headers=headers) as answer:
            record.status = answer.status
            async for piece in answer.content.iter_any():
                record.body += piece.decode(errors="replace")
        if record.status >= 400:
            record.outcome, record.code = "refused", code_in(record.body)
        elif "stream" not in record.kind or is_whole(record.kind, record.body):
            record.outcome = "answered"
        else:
            record.code = code_in(record.body)
            record.outcome = "error" if record.code else "cut"
    except aiohttp.ClientConnectorError:
        record.outcome = "unreached"
    except (aiohttp.ClientError, TimeoutError, OSError):
        record.outcome = "cut"
    record.ended_at = time.monotonic()
