"""
One model server: a request, its stream, and everything that can go wrong on the way.

    body ─► connection ─► status ─► event stream ─► pieces ─► endings
             connect_seconds  └ first_byte_seconds ┘ └ idle_seconds ┘     all of it: total_seconds

Reads only when it is asked for more, so a caller who is slow slows the server down. Closing the iterator
closes the connection, which is how a server learns that nobody listens any more.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from inference.backends import Embeddings, Ending, Generation, Piece
from inference.errors import (
    DeadlineExceeded,
    GenerationFailed,
    InferenceError,
    ModelUnavailable,
    ServerUnusable,
)
from inference.remote import wire
from inference.remote.client import Client
from inference.remote.options import Patience, RemoteOptions
from inference.remote.reading import Answer, Reading, Said, embeddings, parsed, reading
from inference.remote.refusals import error_of
from inference.remote.sse import EventStream, Malformed
from inference.unchecked import Unchecked

logger = logging.getLogger("inference.remote")

T = TypeVar("T")
ERROR_BYTES = 64 << 10  # as much of a refusal is read
LAST_SECONDS = 0.25  # for the end of the body behind the last event, so that the connection can be used again
PROBE_SECONDS = 5.0

UNREACHABLE = "The server of this model cannot be reached at this moment."
SILENT = "The server of this model did not begin to answer in time."
BROKEN = "The server of this model gave no proper answer."


@dataclass(slots=True)
class Deadlines:
    """Of one request, on the loop's clock. `begun_at` is when its first word came; an answer that comes in
    one piece (`in_one`) may be long in coming, as long as its server is alive."""

    started_at: float
    patience: Patience
    own_seconds: float | None  # the caller's patience
    begun_at: float | None = None
    in_one: bool = False
    is_dead: bool = False  # the server does not even answer a probe

    def next(self, now: float) -> tuple[float, InferenceError]:
        """Until when to wait for something new, and what it means if it does not come."""
        total = min(self.patience.total_seconds, self.own_seconds or self.patience.total_seconds)
        end_at = self.started_at + total
        if self.in_one:
            return end_at, DeadlineExceeded(queued=False)
        if self.begun_at is None:
            at = self.started_at + self.patience.first_byte_seconds
            late: InferenceError = ModelUnavailable(SILENT)
        else:
            at, late = now + self.patience.idle_seconds, GenerationFailed()
        return (at, late) if at < end_at else (end_at, DeadlineExceeded(queued=self.begun_at is None))


class RemoteBackend:
    """The server that `options` describe. Generations name models as it calls them."""

    def __init__(self, name: str, options: RemoteOptions, client: Client) -> None:
        self.name = name
        self.options = options
        self._client = client

    async def answer(self, generation: Generation[str]) -> AsyncGenerator[Said | Ending, None]:
        """As `Backend.answer`. ModelUnavailable, GenerationFailed and QueueFull are this server's own
        trouble; every other error would come from the next one too."""
        path, body = wire.body_of(generation, self.options)
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(
            loop.time(), self.options.patience, generation.deadline_seconds, in_one=not body["stream"]
        )
        answer = Answer(generation)
        unchecked = [Unchecked(generation.format) for _ in answer.choices]
        headers = self._headers(generation.request_id, generation.traceparent)
        async with self._post(path, body, headers, deadlines) as response:
            async with aclosing(self._pieces(response, answer, deadlines)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Piece):
                        unchecked[piece.choice].add(piece.text)
                    yield piece
            first_at = loop.time() if deadlines.begun_at is None else deadlines.begun_at
            first_ms = round((first_at - deadlines.started_at) * 1000, 1)
            for ending in answer.endings(first_token_ms=first_ms):
                await unchecked[ending.choice].check(ending)
                yield ending
            if not answer.counted().is_believed:
                logger.info("usage not believed", extra={"backend": self.name})
            await self._rest(response)

    async def _pieces(
        self, response: aiohttp.ClientResponse, answer: Answer, deadlines: Deadlines
    ) -> AsyncGenerator[Said, None]:
        """All that is said, until it is whole."""
        async with aclosing(self._readings(response, answer, deadlines)) as readings:
            async for pieces, fault in readings:
                if pieces and deadlines.begun_at is None:
                    deadlines.begun_at = asyncio.get_running_loop().time()
                for piece in pieces:
                    yield piece
                if fault is not None:
                    raise self._broken(fault) if isinstance(fault, Malformed) else fault

    async def _readings(
        self, response: aiohttp.ClientResponse, answer: Answer, deadlines: Deadlines
    ) -> AsyncGenerator[Reading, None]:
        """What has come, as often as something comes."""
        if response.content_type == "application/json":
            options = self.options
            most = options.max_answer_bytes if deadlines.in_one else options.max_line_bytes
            body = await self._whole(response, deadlines, most_bytes=most)
            yield reading(lambda: answer.read_whole(body))
        else:
            stream = EventStream(max_bytes=self.options.max_line_bytes)
            async with aclosing(self._chunks(response, deadlines)) as chunks:
                async for chunk in chunks:
                    yield answer.read_all(stream.feed(chunk))
                    if answer.is_done:
                        break
        if not answer.is_whole:
            raise self._broken(Malformed("cut off"))
        yield reading(answer.rest)

    async def embed(
        self, texts: Sequence[str], *, model: str, caller: str, request_id: str = "", traceparent: str = ""
    ) -> Embeddings:
        """A vector for each text. Raises what `answer` raises."""
        deadlines = Deadlines(asyncio.get_running_loop().time(), self.options.patience, None)
        body = wire.embedding_body(texts, model)
        headers = self._headers(request_id, traceparent)
        async with self._post(wire.EMBEDDINGS, body, headers, deadlines) as response:
            raw = await self._whole(response, deadlines, most_bytes=self.options.max_answer_bytes)
            try:
                return embeddings(raw, texts)
            except Malformed as error:
                raise self._broken(error) from None

    async def models(self) -> tuple[str, ...]:
        """What the server says that it serves."""
        raw = await self._get("models")
        try:
            data = parsed(raw).get("data")
        except Malformed as error:
            raise self._broken(error) from None
        listed = data if isinstance(data, list) else ()
        return tuple(one["id"] for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str))

    async def probe(self) -> None:
        """Returns if the server is alive, else raises an InferenceError."""
        await self._get(self.options.probe)

    # -- HTTP --

    def _headers(self, request_id: str = "", traceparent: str = "") -> dict[str, str]:
        headers = {"X-Request-ID": request_id} if request_id else {}
        if traceparent:
            headers["traceparent"] = traceparent
        if self.options.api_key:
            headers["Authorization"] = f"Bearer {self.options.api_key}"
        return headers

    @asynccontextmanager
    async def _post(
        self, path: str, body: dict[str, Any], headers: dict[str, str], deadlines: Deadlines
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The response, if it is 200. Leaving the block before its end closes the connection."""
        connect = self.options.patience.connect_seconds
        sending = self._client.session().post(
            self.options.url(path),
            json=body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(connect=connect, sock_connect=connect),
        )
        response = await self._in_time(sending, deadlines)
        try:
            if response.status != 200:
                raise await self._refusal(response, deadlines)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise self._broken(Malformed("compressed"))
            yield response
        finally:
            response.close()

    async def _get(self, path: str) -> bytes:
        patience = Patience(PROBE_SECONDS, PROBE_SECONDS, PROBE_SECONDS, PROBE_SECONDS)
        deadlines = Deadlines(asyncio.get_running_loop().time(), patience, None)
        sending = self._client.session().get(
            self.options.url(path), headers=self._headers(), allow_redirects=False
        )
        response = await self._in_time(sending, deadlines)
        try:
            if response.status != 200:
                raise await self._refusal(response, deadlines)
            return await self._whole(response, deadlines, most_bytes=self.options.max_line_bytes)
        finally:
            response.close()

    async def _in_time(self, work: Awaitable[T], deadlines: Deadlines) -> T:
        """What the server does next. Raises ModelUnavailable, GenerationFailed and DeadlineExceeded."""
        at, late = deadlines.next(asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout_at(at) as limit:
                if not deadlines.in_one:
                    return await work
                with self._doubted(limit, deadlines):
                    return await work
        except (aiohttp.ClientError, OSError) as error:
            if type(error) is TimeoutError:  # ours: aiohttp has a kind of its own, for connecting
                raise (ServerUnusable(SILENT) if deadlines.is_dead else late) from None
            self._warn(type(error).__name__)
            if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
                raise ServerUnusable(UNREACHABLE) from None
            raise (
                ModelUnavailable(UNREACHABLE) if deadlines.begun_at is None else GenerationFailed()
            ) from None

    @contextmanager
    def _doubted(self, limit: asyncio.Timeout, deadlines: Deadlines) -> Iterator[None]:
        """While nothing is heard for so long that a stream would be given up, the server is probed."""
        loop, seconds = asyncio.get_running_loop(), deadlines.patience.first_byte_seconds
        tasks: list[asyncio.Task[None]] = []

        async def doubt() -> None:
            while not deadlines.is_dead:
                try:
                    await self.probe()
                    await asyncio.sleep(seconds)
                except InferenceError:
                    deadlines.is_dead = True
                    limit.reschedule(loop.time())

        waiting = loop.call_later(seconds, lambda: tasks.append(loop.create_task(doubt())))
        try:
            yield
        finally:
            waiting.cancel()
            for task in tasks:
                task.cancel()

    async def _refusal(self, response: aiohttp.ClientResponse, deadlines: Deadlines) -> InferenceError:
        self._warn(f"status {response.status}")
        body = b""
        if 400 <= response.status < 500:
            body = await self._whole(response, deadlines, most_bytes=ERROR_BYTES, cut=True)
        return error_of(response.status, body, retry_after=response.headers.get("Retry-After", ""))

    async def _whole(
        self, response: aiohttp.ClientResponse, deadlines: Deadlines, *, most_bytes: int, cut: bool = False
    ) -> bytes:
        """The body; of one that is larger, the beginning where `cut`, else an error."""
        found, size, content = [], 0, response.content
        while not content.at_eof() and (chunk := await self._in_time(content.readany(), deadlines)):
            found.append(chunk)
            size += len(chunk)
            if size > most_bytes:
                if not cut:
                    raise self._broken(Malformed("too much"))
                break
        return b"".join(found)[:most_bytes]

    async def _chunks(
        self, response: aiohttp.ClientResponse, deadlines: Deadlines
    ) -> AsyncGenerator[bytes, None]:
        """The body of an event stream as it comes."""
        if response.content_type != "text/event-stream":
            raise self._broken(Malformed("no event stream"))
        size = 0
        while chunk := await self._in_time(response.content.readany(), deadlines):
            size += len(chunk)
            if size > self.options.max_answer_bytes:
                raise self._broken(Malformed("too much"))
            yield chunk

    @staticmethod
    async def _rest(response: aiohttp.ClientResponse) -> None:
        """Reads to the end of the body, if it comes at once."""
        if response.content.at_eof():
            return
        try:
            async with asyncio.timeout(LAST_SECONDS):
                while len(await response.content.readany()):
                    pass
        except (aiohttp.ClientError, OSError):
            return  # the connection is closed instead

    # -- what went wrong --

    def _broken(self, error: Malformed) -> GenerationFailed:
        self._warn(error.why)
        return GenerationFailed()

    def _warn(self, why: str) -> None:
        """`why` is one of our own words, a status, or the name of a class."""
        logger.warning("backend broke", extra={"backend": self.name, "why": why})
