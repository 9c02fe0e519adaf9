"""
gunicorn's asgi worker, with bounds on its connections:

    connections      as many as the worker has files for; one more takes the place of one that asks nothing
    half a request   a caller who does not send the rest of the head is cut off after CLIENT_SECONDS
    no reader        so is one who takes nothing of an answer that waits for him: the model is free again
    no room          prompts that the application turns away are answered from their bytes, at once
    the end          connections without a request are closed at once, and answers get LLM_DRAIN_SECONDS

By itself it lets every connection in, waits for ever for the first request of one and for a caller to read,
and at its end for clients that only keep a connection open, until gunicorn's `graceful_timeout` kills it
before the last rows are written.
"""

import asyncio
import resource
from collections.abc import Callable
from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

MOST_CONNECTIONS = 8192
OTHER_FILES = 128  # stores, logs, models
LAST_SECONDS = 2  # for the last bytes of answers
FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def most_connections() -> int:
    """Raises the bound on open files as far as this process may. A caller's connection can need one to a
    model server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS + OTHER_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    files = wanted if soft == resource.RLIM_INFINITY else soft
    return max(16, min(MOST_CONNECTIONS, (files - OTHER_FILES) // 2))


class Connection(ASGIProtocol):  # type: ignore[misc]
    """One caller's."""

    patience_seconds = 30.0  # CLIENT_SECONDS
    # The application's: the whole answer to a request that is these bytes, or None if it wants to see it.
    turned_away: Callable[[bytes], bytes | None] = staticmethod(lambda data: None)
    worker: "Worker"
    _begun = 0  # the number of the last request of which something has been parsed
    _timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request on it is being answered."""
        return bool(self._awaiting_request) and not self._finishing_calls

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if not self.worker.let_in(self):
            transport.write(FULL)
            transport.close()
            return
        self._cut_off_later(self._cut_off_if_idle)

    def data_received(self, data: bytes) -> None:
        if self._awaiting_request and self._begun != self.req_count and (answer := self.turned_away(data)):
            self._safe_write(answer)
            if self.req_count > 1:
                self._arm_keepalive_timer()
            return
        super().data_received(data)

    def _feed_callback_parser(self, data: bytes) -> bool:
        """What follows a request that has been answered is fed before the next one is awaited."""
        self._begun = self.req_count + (self._current_request is None and not self._awaiting_request)
        return bool(super()._feed_callback_parser(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.worker.connections.pop(self, None)
        self._stay()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._cut_off_later(self.transport.abort)

    def resume_writing(self) -> None:
        self._stay()
        super().resume_writing()

    def close_if_idle(self) -> bool:
        if self.is_idle:
            self._close_transport()
            self._request_ready.set()
            return True
        return False

    def _cut_off_if_idle(self) -> None:
        """The first request has to come in time; between others gunicorn's `keepalive` counts."""
        if self.req_count <= 1:
            self.close_if_idle()

    def _cut_off_later(self, cut_off: Any) -> None:
        self._stay()
        self._timer = self.worker.loop.call_later(self.patience_seconds, cut_off)

    def _stay(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]
    """`worker_class` of gunicorn.conf.py. `connections` are in the order in which they came."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connections: dict[Connection, None] = {}

    def init_process(self) -> None:
        self.worker_connections = most_connections()
        gasgi.ASGIProtocol = Connection  # what `_serve` makes of each connection
        super().init_process()

    def let_in(self, new: Connection) -> bool:
        """Whether there is room for it, or it can be made."""
        if len(self.connections) >= self.worker_connections:
            idle = next((one for one in self.connections if one.is_idle), None)
            if idle is None:
                return False
            idle.close_if_idle()
            self.connections.pop(idle, None)
        self.connections[new] = None
        return True

    async def _shutdown(self) -> None:
        """Nobody new, then the application's own end, in which answers may end, then the last bytes."""
        self.log.info("Worker shutting down...")
        for server in self.servers:
            server.close()
        for connection in list(self.connections):
            connection.close_if_idle()
        if self.lifespan and not self._quick_shutdown:
            try:
                await self.lifespan.shutdown()
            except Exception as error:  # noqa: BLE001  (told; the process ends anyway)
                self.log.error("Not closed well: %s", type(error).__name__)
        deadline = self.loop.time() + LAST_SECONDS
        while self.connections and self.loop.time() < deadline and not self._quick_shutdown:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
