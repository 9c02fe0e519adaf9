"""A server that does what it is told, and our end of the line."""

import asyncio
from dataclasses import replace

import pytest

from inference.backends import Ending, Generation, Message, Piece, Sampling
from inference.remote.backend import RemoteBackend
from inference.remote.client import Client
from inference.remote.options import KINDS, Patience, RemoteOptions
from tests.upstream import Upstream

PATIENCE = Patience(connect_seconds=30, first_byte_seconds=30, idle_seconds=30, total_seconds=60)


def generation(said="hi", /, *, sampling=None, **more):
    named = {"model": "tiny", "max_tokens": 100, "caller": "alice", "request_id": "r-1", **more}
    return Generation((Message("user", said),), sampling=sampling or Sampling(0.0), **named)


async def collect(events):
    return [event async for event in events]


def text_of(events, choice=0):
    return "".join(event.text for event in events if isinstance(event, Piece) and event.choice == choice)


def endings_of(events):
    return [event for event in events if isinstance(event, Ending)]


async def until(condition, seconds=30):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def client():
    made = Client()
    yield made
    await made.aclose()


@pytest.fixture
async def served(client):
    """`served(script, …)`: an upstream with these scripts, and a backend that reaches it."""
    started = []

    async def start(*scripts, kind="llama-server", **more):
        upstream = Upstream(*scripts)
        await upstream.start()
        started.append(upstream)
        named = {"patience": PATIENCE, "fields": KINDS[kind].fields, "probe": KINDS[kind].probe, **more}
        return upstream, RemoteBackend("up", RemoteOptions(kind, upstream.base, **named), client)

    yield start
    try:
        await until(lambda: client.connections == 0)
        await until(lambda: all(upstream.running == 0 for upstream in started))
    finally:
        for upstream in started:
            await upstream.stop()


def patient(**seconds):
    """As patient as a busy machine needs; short where a server is going to be silent."""
    return replace(PATIENCE, **seconds)
