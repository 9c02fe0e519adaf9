"""Servers in memory, and a clock that stands still."""

import asyncio
from random import Random

import pytest

from inference.backends import Embeddings, Ending, Piece
from inference.errors import ServerUnusable
from inference.remote.options import RemoteOptions
from inference.routing.router import Router
from inference.routing.table import Model, Server, Table, Target
from tests.inference.remote.conftest import collect, generation, until

AWAY = ServerUnusable("away")


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Scripted:
    """Says its name, after `takes_seconds` on `clock`. `errors` are raised one after the other, before or
    (`is_late`) behind the first word."""

    def __init__(self, name, clock):
        self.name = name
        self.clock = clock
        self.takes_seconds = 0.0
        self.errors = []
        self.is_late = False
        self.gate = None
        self.heard = []
        self.running = 0
        self.is_alive = True

    async def answer(self, generation):
        self.heard.append(generation)
        self.running += 1
        self.clock.now += self.takes_seconds
        try:
            error = self.errors.pop(0) if self.errors else None
            if error is not None and not self.is_late:
                raise error
            yield Piece(self.name)
            if self.gate is not None:
                await self.gate.wait()
            if error is not None:
                raise error
            yield Ending("stop", 3, 1, 0.0, first_token_ms=1.0)
        finally:
            self.running -= 1

    async def embed(self, texts, *, model, caller, request_id="", traceparent=""):
        self.heard.append(texts)
        if self.errors:
            raise self.errors.pop(0)
        return Embeddings(((1.0,),) * len(texts), 1)

    async def probe(self):
        if not self.is_alive:
            raise self.errors[0]


def server(name, **more):
    return Server(name, "vllm", RemoteOptions("vllm", f"http://{name}/v1"), **more)


def model(name, *targets, **more):
    made = tuple(each if isinstance(each, Target) else Target(each, name) for each in targets)
    return Model(name, made, 4096, **more)


class Fleet:
    """A router over scripted servers: `fleet.up["a"]` is one of them."""

    def __init__(self, servers, models, **more):
        self.clock = Clock()
        self.up = {}
        self.router = Router(
            Table(tuple(servers), tuple(models)),
            self._make,
            clock=self.clock,
            random=Random(7),
            **more,
        )

    def _make(self, described):
        return self.up.setdefault(described.name, Scripted(described.name, self.clock))

    def live(self, name):
        (found,) = (each for each in self.router.lives() if each.server.name == name)
        return found

    def is_quiet(self):
        """Nobody holds a place, nobody waits, nothing is owed."""
        lives = self.router.lives()
        return self.router.waiting == 0 and all(
            live.running == live.tokens == 0
            and all(health.trial is None for health in (live.health, *live.models.values()))
            for live in lives
        )


def asked(said="hi", **more):
    return generation(said, **{"model": "m", **more})


async def answer(fleet, *said, **more):
    return await collect(fleet.router.answer(asked(*said, **more)))


def narrow(fleet, **more):
    """A server that answers one at a time, as soon as its gate is open; and the gate."""
    made = fleet(servers=[server("a", max_concurrent=1)], models=[model("m", "a")], **more)
    gate = made.up["a"].gate = asyncio.Event()
    return made, gate


async def in_line(made, *said):
    """Somebody who is being answered, and others who wait behind him."""
    tasks = [asyncio.create_task(answer(made, one)) for one in said]
    await until(lambda: made.router.waiting == len(said) - 1)
    return tasks


@pytest.fixture
async def fleet():
    """`fleet("a", "b")`: one model `m` at these; or servers and models. All is quiet at the end."""
    made = []

    def make(*names, servers=None, models=None, **more):
        servers = servers or [server(name) for name in names]
        models = models or [model("m", *names)]
        made.append(Fleet(servers, models, **more))
        return made[-1]

    yield make
    await asyncio.sleep(0)
    for each in made:
        assert each.is_quiet()
