"""
One connection to Redis, spoken on from one event loop.

    send ──► written at once (uvloop sends what is written in one turn together) ──► Redis
    heard ◄── one value for each call, in the order of sending

redis-py connects: addresses, TLS, users and passwords, databases. Its hiredis reads the answers. The
transport is taken over, because redis-py's own ways cost three times as much for each command, or a thread,
which costs a caller who is alone more than Redis does.

What is lost with its connection is sent once more on a new one, for Redis may have been started anew; after
that, or where it answers nothing for `seconds`, all that wait are told.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, cast

import hiredis
import redis
from redis.asyncio.connection import Connection, ConnectionPool, DefaultParser, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import InvalidResponse

NOT_WHOLE = object()  # what has come of an answer
# An answer may lie there unread where the loop was held up: one look at the sockets more.
LAST_LOOK_SECONDS = 0.01
PARTS = 10


@dataclass(slots=True, eq=False)
class Call:
    """A command, and who waits for what `read` makes of the answer: nobody, where `answer` is None."""

    command: tuple[Any, ...]
    read: Callable[[Any], Any] = lambda raw: raw
    answer: "asyncio.Future[Any] | Future[Any] | None" = None
    is_repeated: bool = False


class Hearer(Protocol):
    """Whose connection it is."""

    def heard(self, call: Call, raw: Any) -> Call | None:
        """What Redis answered, perhaps an error. A call that is to be sent instead."""
        ...

    def failed(self, calls: list[Call], error: Exception | None) -> None:
        """Nobody answers these. Without an error it is not Redis's fault: the event loop ends."""
        ...


class Wire(asyncio.Protocol):
    """Connects with the first call. All of it in the thread of its loop."""

    def __init__(self, hearer: Hearer, url: str, *, seconds: float) -> None:
        self._hearer = hearer
        self._url = url
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._asked: deque[Call] = deque()  # whose answers are due, in this order
        self._living: asyncio.Task[None] | None = None
        self._is_over = False
        self._connection: Connection | None = None
        self._writer: asyncio.StreamWriter | None = None  # closes its transport where nobody holds it
        self._transport: asyncio.WriteTransport | None = None  # None until it is connected
        self._lost: asyncio.Future[None] | None = None
        self._answers = new_reader()
        self._heard_at = 0.0
        self._is_late = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        return not self._asked

    def send(self, call: Call) -> None:
        if self._is_over:
            self._hearer.failed([call], None)
            return
        if not self._asked:
            self._heard_at = self._loop.time()
        self._asked.append(call)
        if self._transport is not None:
            self._write(call)
        elif self._living is None:
            self._living = self._loop.create_task(self._live())

    def end(self) -> None:
        """Closes the connection when what was written is sent. Whoever waits is told."""
        self._is_over = True
        if self._living is not None:
            self._living.cancel()

    # -- the connection --

    async def _live(self) -> None:
        """Connects, and again where a connection is lost on which somebody waits. Ends with the loop, which
        cancels its tasks: so no connection outlives it."""
        try:
            while self._asked:
                await self._connect()
                for call in self._asked:
                    self._write(call)
                self._lost = self._loop.create_future()
                await self._lost
                if self._asked and self._asked[0].is_repeated:
                    raise redis.ConnectionError
                for call in self._asked:
                    call.is_repeated = True
        except asyncio.CancelledError:
            self._is_over = True
            self._fail(None)
            raise
        except Exception as error:  # noqa: BLE001  (of the system's, of TLS's or of redis-py's: they are told)
            self._fail(error)
        finally:
            self._living = None
            self._let_go()

    async def _connect(self) -> None:
        connection = new_connection(self._url)
        connecting = self._loop.create_task(connection.connect())  # type: ignore[no-untyped-call]
        try:
            # In parts: a loop that was held up has not waited for Redis, and loses one of them.
            for _ in range(PARTS):
                if (await asyncio.wait([connecting], timeout=self._seconds / PARTS))[0]:
                    break
            else:
                raise redis.TimeoutError
            connecting.result()
            writer = connection._writer
            assert writer is not None
            self._connection, self._writer = connection, writer
            connection._writer = connection._reader = None  # else redis-py closes it
        finally:
            if not connecting.done():
                connecting.cancel()
                await asyncio.wait([connecting])
            await connection.disconnect(nowait=True)  # what was connected in part
        self._answers = new_reader()
        self._transport = writer.transport
        self._transport.set_protocol(self)
        self._heard_at = self._loop.time()

    def _write(self, call: Call) -> None:
        assert self._transport is not None
        assert self._connection is not None
        self._transport.write(b"".join(self._connection.pack_command(*call.command)))
        if self._timer is None:
            self._timer = self._loop.call_later(self._seconds, self._watch)

    def _watch(self) -> None:
        """Looks whether Redis is silent while somebody waits."""
        self._timer = None
        if not self._asked or self._transport is None:
            return
        left = self._heard_at + self._seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._watch)
        elif not self._is_late:
            self._is_late = True
            self._timer = self._loop.call_later(LAST_LOOK_SECONDS, self._watch)
        else:
            self._break_off(redis.TimeoutError())

    def data_received(self, data: bytes) -> None:
        self._heard_at, self._is_late = self._loop.time(), False
        try:
            self._answers.feed(data)
            while (raw := self._answers.gets()) is not NOT_WHOLE:
                if isinstance(raw, redis.ConnectionError):  # is loading, or has too many connections
                    self._let_go()
                    return
                if not self._asked or isinstance(raw, list):  # no command of ours is answered with a list
                    raise InvalidResponse
                if (instead := self._hearer.heard(self._asked.popleft(), raw)) is not None:
                    self.send(instead)
        except InvalidResponse as error:
            self._break_off(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()

    def _break_off(self, error: Exception) -> None:
        """Who waits is told, and nothing is sent again."""
        transport = self._transport
        self._fail(error)
        self._let_go()
        if transport is not None:
            transport.abort()

    def _let_go(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._timer is not None:
            self._timer.cancel()
        self._transport = self._connection = self._writer = self._timer = None
        self._is_late = False
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    def _fail(self, error: Exception | None) -> None:
        if self._asked:
            calls, self._asked = list(self._asked), deque()
            self._hearer.failed(calls, error)


def new_connection(url: str) -> Connection:
    """As redis-py makes it of a URL, without limits of time; one that is broken off is made once more."""
    options: dict[str, Any] = {
        "retry": Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        "socket_timeout": None,
        "socket_connect_timeout": None,
        **parse_url(url),
        "protocol": 2,  # where nothing comes unasked
    }
    return cast(Connection, ConnectionPool(**options).make_connection())  # type: ignore[no-untyped-call]


def new_reader() -> hiredis.Reader:
    """Gives bytes, a number, None or an error; NOT_WHOLE until there is one. Raises InvalidResponse."""
    return hiredis.Reader(
        protocolError=InvalidResponse, replyError=DefaultParser.parse_error, notEnoughData=NOT_WHOLE
    )
