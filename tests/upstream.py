"""
A model server to be reached over real sockets, which does what it is told: well-behaved or not.

    async with Upstream(says("Hello.")) as upstream: RemoteBackend(..., base_url=upstream.base)

Each request is handed to the next script (the last one again and again): an asynchronous function of
(`Exchange`). `upstream.open` are the connections that are open, `upstream.left` counts requests whose client
went away before they were over.
"""

import asyncio
import json
from contextlib import suppress


class Exchange:
    """One request, and the way back."""

    def __init__(self, method, path, headers, body, writer):
        self.method, self.path, self.headers, self.raw, self.writer = method, path, headers, body, writer
        self.body = json.loads(body) if body else None
        self.is_streaming = False

    async def status(self, status, body=b"", **headers):
        """A whole answer."""
        named = {"content-type": "application/json", "content-length": len(body), **headers}
        await self.send(self.head(status, named) + body)

    async def begin(self, **headers):
        """The head of an event stream."""
        self.is_streaming = True
        named = {"content-type": "text/event-stream", "transfer-encoding": "chunked", **headers}
        await self.send(self.head(200, named))

    async def raw_chunk(self, data):
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def event(self, content):
        data = content if isinstance(content, str) else json.dumps(content)
        await self.raw_chunk(f"data: {data}\n\n".encode())

    async def end(self):
        await self.send(b"0\r\n\r\n")

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    def die(self):
        """As a process that is killed: the connection is reset."""
        self.writer.transport.abort()

    @staticmethod
    def head(status, headers):
        lines = [
            f"HTTP/1.1 {status} Said",
            *(f"{name.replace('_', '-')}: {v}" for name, v in headers.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunk(text=None, *, choice=0, reason=None, **more):
    delta = {} if text is None else {"content": text}
    return {
        "choices": [{"index": choice, "delta": delta, "text": text or "", "finish_reason": reason}],
        **more,
    }


USAGE = {"prompt_tokens": 7, "completion_tokens": 3}


def says(text="Hello.", *, cut=3, pause_seconds=0.0, usage=USAGE, reason="stop"):
    """A server that answers as it should."""

    async def script(exchange):
        await exchange.begin()
        await exchange.event({"choices": [{"index": 0, "delta": {"role": "assistant"}}]})
        for choice in range(exchange.body.get("n", 1)):
            for at in range(0, len(text), cut):
                await asyncio.sleep(pause_seconds)
                await exchange.event(chunk(text[at : at + cut], choice=choice))
            await exchange.event(chunk(choice=choice, reason=reason))
        if usage is not None:
            await exchange.event({"choices": [], "usage": usage})
        await exchange.event("[DONE]")
        await exchange.end()

    return script


def sends(*events, end=True):
    """A server that sends these events (or raw bytes), and then ends or is silent for ever."""

    async def script(exchange):
        await exchange.begin()
        for event in events:
            if isinstance(event, bytes):
                await exchange.raw_chunk(event)
            else:
                await exchange.event(event)
        if end:
            await exchange.end()
        else:
            await asyncio.sleep(60)

    return script


def dies(*events):
    """A server that is killed after these."""

    async def script(exchange):
        if events:
            await exchange.begin()
        for event in events:
            await exchange.event(event)
        await asyncio.sleep(0.01)  # so that they get there
        exchange.die()

    return script


def refuses(status, body=b"{}", **headers):
    async def script(exchange):
        await exchange.status(status, body, **headers)

    return script


async def hangs(exchange):
    """Takes the request and says nothing."""
    await asyncio.sleep(60)


class Upstream:
    """Answers `/health` and `/v1/models` while `is_alive`; what is posted goes through the scripts."""

    def __init__(self, *scripts, models=("tiny",)):
        self.scripts = list(scripts) or [says()]
        self.models = models
        self.is_alive = True
        self.heard = []  # bodies, with headers
        self.open = 0
        self.left = 0
        self.running = 0
        self.probes = 0
        self._tasks = set()
        self.port = 0

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def prompts(self):
        return [exchange.body for exchange in self.heard]

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *error):
        await self.stop()

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self):
        """From now on connections are refused; those that are open end."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        self.open += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        exchange = Exchange(method, path, headers, body, writer)
        if method == "GET":
            self.probes += 1
            listed = json.dumps({"data": [{"id": name} for name in self.models]}).encode()
            await exchange.status(200 if self.is_alive else 500, listed)
            return True
        self.heard.append(exchange)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        return await self._watched(script(exchange), reader, writer)

    async def _watched(self, work, reader, writer):
        """Runs the script; ends it when the client hangs up."""
        self.running += 1
        working = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                self.left += 1
                return False
            await working
            if leaving.done():
                return False
            leaving.cancel()  # nothing was read: the next request is not begun before this one is over
            await asyncio.gather(leaving, return_exceptions=True)
            return not writer.is_closing()
        finally:
            self.running -= 1
            for each in (working, leaving):
                each.cancel()
            with suppress(Exception):
                await asyncio.gather(working, leaving, return_exceptions=True)
