"""
A model server in a process of its own, which says back what it was told, with an address of its own making.

    python -m tests.faults.standin PORT

How it behaves is the model's name: `echo` at once, `slow` a word each PACE_SECONDS, `hangs` (never begins),
`stops` (says two words and no more), `breaks` (says two words and is gone), `stalls` (says a word a second,
for a minute), `endless` (says as much as can be read), `scolds` (400 with what it was told in the message).
"""

import asyncio
import json
import re
import sys

from tests.upstream import Upstream, chunk

PACE_SECONDS = 0.08
MODELS = ("echo", "slow", "hangs", "stops", "breaks", "stalls", "endless", "scolds")
LETTERS = re.compile(r"mark[a-z]{8}")
PADDING = "The boats leave the harbour when the wind is right, and nobody knows the hour. " * 8


def told(body):
    """The newest text of a request."""
    if "messages" not in body:
        return body["prompt"] if isinstance(body["prompt"], str) else body["prompt"][0]
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def answer(text):
    """What it says: its caller's mark, what it was told, and a value that nobody sent."""
    found = LETTERS.search(text)
    mark = found.group() if found else "nomark"
    return f"Heard {mark} and {text} Now write to {mark}.answer@model-{mark}.example.net or not. "


async def script(exchange):
    if exchange.path.endswith("/embeddings"):
        given = exchange.body["input"]
        data = [
            {"index": number, "embedding": [0.1, 0.2, 0.3], "object": "embedding"}
            for number in range(len(given) if isinstance(given, list) else 1)
        ]
        body = {
            "data": data,
            "model": "vectors",
            "object": "list",
            "usage": {"prompt_tokens": 3, "total_tokens": 3},
        }
        return await exchange.status(200, json.dumps(body).encode())
    return await say(exchange, exchange.body["model"], told(exchange.body))


async def say(exchange, model, text):
    if model == "hangs":
        await asyncio.sleep(3600)
    if model == "scolds":
        error = {"error": {"message": f"I will not hear {text}", "type": "invalid_request_error"}}
        return await exchange.status(400, json.dumps(error).encode())
    words = re.findall(r"\S+\s*", answer(text))
    await exchange.begin()
    for number, word in enumerate(words):
        if model in ("slow", "endless"):
            await asyncio.sleep(PACE_SECONDS)
        if model in ("stops", "breaks") and number == 2:
            break
        await exchange.event(chunk(word))
    if model == "stops":
        await asyncio.sleep(3600)
    if model == "breaks":
        return exchange.die()
    for _ in range(60 if model == "stalls" else 0):
        await exchange.event(chunk("word "))
        await asyncio.sleep(1)
    while model == "endless":
        await exchange.event(chunk(PADDING * 16))
        await asyncio.sleep(0.001)
    await exchange.event(chunk(reason="stop"))
    await exchange.event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": len(words)}})
    await exchange.event("[DONE]")
    return await exchange.end()


async def main(port):
    upstream = Upstream(script, models=MODELS)
    upstream.port = port
    await upstream.start()
    while True:
        await asyncio.sleep(3600)
        upstream.heard.clear()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
