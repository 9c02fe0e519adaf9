"""
The least that a gateway of this kind can be, for gunicorn to serve: what its parts cost with nothing around
them.

    Django's asynchronous handler ─► a token, one script in Redis ─► (the chain) ─► (a row) ─► aiohttp
        ─► (the chain) ─► (the row's end) ─► (the caller's own values put back) ─► JSON

No middleware, users, policies, routing, cache, headers, metrics or log; it bears no fault of anybody. A bar
that is missed here is missed by the parts, whatever is built of them.
"""

import asyncio
import gc
import json
import uuid
from typing import Any

import aiohttp
import django
import jwt
import psycopg
import redis.asyncio
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from sanitization.chain import Chain
from sanitization.filters import DEFAULT_FILTERS
from sanitization.policies import Policy
from sanitization.restore import Restorer

KEY = "of the floor alone: nobody else takes such a token"
ALGORITHM = "HS256"
COUNTED = "local n = redis.call('INCR', KEYS[1]) redis.call('EXPIRE', KEYS[1], 60) return n"
TABLE = "CREATE TABLE IF NOT EXISTS floor (id uuid PRIMARY KEY, prompt text NOT NULL, answer text)"
# One statement, and so one transaction, for all that begins and ends.
WRITTEN = """
    WITH begun AS (INSERT INTO floor (id, prompt) SELECT * FROM unnest(%s::uuid[], %s::text[]))
    UPDATE floor SET answer = ended.answer FROM unnest(%s::uuid[], %s::text[]) AS ended(id, answer)
    WHERE floor.id = ended.id
"""


class Rows:
    """Many rows in one commit: while one group is being committed, the next one gathers."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self._waiting: list[tuple[bool, tuple[uuid.UUID, str], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    @classmethod
    async def opened(cls, url: str) -> "Rows":
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
        await connection.execute(TABLE)
        return cls(connection)

    async def close(self) -> None:
        await self._connection.close()

    def put(self, id: uuid.UUID, text: str, *, is_end: bool) -> asyncio.Future[None]:
        """Done when it is committed."""
        committed = asyncio.get_running_loop().create_future()
        self._waiting.append((is_end, (id, text), committed))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return committed

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            values: list[list[Any]] = []
            for wanted in (False, True):
                rows = [row for is_end, row, _ in group if is_end is wanted]
                values += [[id for id, _ in rows], [text for _, text in rows]]
            try:
                await self._connection.execute(WRITTEN, values, prepare=True)
            except psycopg.Error as error:
                for *_, committed in group:
                    if not committed.done():
                        committed.set_exception(error)
                continue
            for *_, committed in group:
                if not committed.done():
                    committed.set_result(None)
        self._writing = None


class Floor:
    """Its views. Without `sanitizes` there is no chain, without `database_url` there are no rows."""

    def __init__(self, upstream: str, *, redis_url: str, sanitizes: bool, database_url: str) -> None:
        self._upstream = upstream
        self._redis_url = redis_url
        self._database_url = database_url
        self._chain = Chain.from_paths(DEFAULT_FILTERS) if sanitizes else None
        self._policy = Policy()
        self._session: aiohttp.ClientSession | None = None
        self._rows: Rows | None = None

    async def answer(self, request: HttpRequest) -> HttpResponse:
        if self._session is None:
            await self._open()
        assert self._session is not None
        token = jwt.decode(request.headers["Authorization"].removeprefix("Bearer "), KEY, [ALGORITHM])
        asked = json.loads(request.body)
        await self._count(keys=[token["sub"]])
        question, chain, policy = asked["messages"][-1], self._chain, self._policy
        if chain is not None:
            screened = chain.screen_prompt({"/prompt": question["content"]}, policy)
            question["content"] = screened.texts["/prompt"]
        id = uuid.uuid4()
        if self._rows is not None:
            await self._rows.put(id, question["content"], is_end=False)
        async with self._session.post(self._upstream, json=asked) as response:
            answered = json.loads(await response.read())
        message = answered["choices"][0]["message"]
        if chain is not None:
            message["content"] = chain.open_answer(policy, screened.placeholders).whole(message["content"])
        if self._rows is not None:
            await self._rows.put(id, message["content"], is_end=True)
        if chain is not None:
            restorer = Restorer(screened.placeholders, policy.html, unrestored=policy.unrestored)
            message["content"] = restorer.restore(message["content"])
        return HttpResponse(json.dumps(answered), content_type="application/json")

    async def ready(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("{}", content_type="application/json")

    async def _open(self) -> None:
        """With the first request: there is no loop before it."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._count = redis.asyncio.from_url(self._redis_url).register_script(COUNTED)
        if self._database_url:
            self._rows = await Rows.opened(self._database_url)
        gc.collect()
        gc.freeze()  # as the gateway does


def token() -> str:
    """For the contender's requests."""
    return jwt.encode({"sub": "floor"}, KEY, ALGORITHM)


def application(upstream: str, redis_url: str, database_url: str, sanitizes: bool) -> Any:
    """For gunicorn: `benchmarks.relaying.floor:application("http://…", "redis://…", "", True)`."""
    settings.configure(SECRET_KEY=KEY, ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[])
    django.setup()
    floor = Floor(upstream, redis_url=redis_url, database_url=database_url, sanitizes=sanitizes)
    urlpatterns.extend([path("v1/chat/completions", floor.answer), path("readyz", floor.ready)])
    return get_asgi_application()


urlpatterns: list[Any] = []
