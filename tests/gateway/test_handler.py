"""Requests on the event loop: no thread where nothing synchronous is asked for; callers who leave; bodies."""

import asyncio
import gc

import pytest
from django.core import signals
from django.db import close_old_connections, reset_queries
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

from gateway.handler import Handler
from gateway.threads import Threads

heard = []
left = []


async def echo(request):
    return HttpResponse(request.body)


async def endless(request):
    async def words():
        try:
            while True:
                yield b"word "
                await asyncio.sleep(0.01)
        finally:
            left.append(request.path)

    return StreamingHttpResponse(words())


async def waits(request):
    try:
        await asyncio.sleep(60)
    finally:
        left.append(request.path)


urlpatterns = [path("echo", echo), path("endless", endless), path("waits", waits)]


@pytest.fixture
def handler(settings):
    """With no middleware, as in a server that has begun."""
    settings.ROOT_URLCONF, settings.MIDDLEWARE = __name__, []
    left.clear()
    made = Handler()
    made.settle_in()
    yield made
    signals.request_started.connect(reset_queries)
    signals.request_started.connect(close_old_connections)
    signals.request_finished.connect(close_old_connections)


async def call(handler, address, *chunks, leaves_after=None, threads=None, reads=True):
    """What it sends. The caller leaves after so many messages, or stays; one who does not read takes nothing
    more by then."""
    scope = {"type": "http", "method": "POST", "path": address, "query_string": b"", "headers": []}
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": at < len(chunks) - 1}
        for at, chunk in enumerate(chunks)
    ]
    sent, has_left = [], asyncio.Event()
    if leaves_after == 0:
        has_left.set()

    async def receive():
        if waiting:
            return waiting.pop(0)
        await has_left.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)
        if len(sent) == leaves_after:
            has_left.set()
            if not reads:
                await asyncio.sleep(60)

    async with asyncio.timeout(20), (threads or Threads()).one():
        await handler(scope, receive, send)
    return sent


async def test_a_body_that_comes_in_parts_is_read_whole(handler):
    start, *parts = await call(handler, "/echo", b"one ", b"two")
    assert start["status"] == 200
    assert b"".join(part["body"] for part in parts) == b"one two"


async def test_a_request_that_needs_no_thread_takes_none(handler):
    threads = Threads()
    await call(handler, "/echo", b"hello", threads=threads)
    (executor,) = threads._idle
    assert not executor._threads


async def test_what_listens_for_the_end_of_a_request_still_hears_of_it(handler):
    def listen(sender, **more):
        heard.append(sender)

    signals.request_finished.connect(listen)
    try:
        await call(handler, "/echo", b"hello")
    finally:
        signals.request_finished.disconnect(listen)
    assert heard == [Handler]


@pytest.mark.parametrize(("address", "after"), [("/waits", 0), ("/endless", 4)], ids=["waiting", "streaming"])
async def test_the_view_of_a_caller_who_leaves_is_cancelled(handler, address, after):
    await call(handler, address, b"", leaves_after=after)
    assert left == [address]


async def test_a_stream_ends_when_a_caller_leaves_who_had_stopped_reading(handler):
    gc.disable()  # which would end it some day
    try:
        await call(handler, "/endless", b"", leaves_after=4, reads=False)
        assert left == ["/endless"]
    finally:
        gc.enable()


async def test_who_leaves_before_his_body_is_there_gets_nothing(handler):
    assert await call(handler, "/echo", leaves_after=0) == []
